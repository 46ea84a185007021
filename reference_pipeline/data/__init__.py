"""The data of 2013, prepared once: flights, their events, weather and planes as Parquet files in a cache."""

from reference_pipeline.data.cache import CacheError, default_cache_dir, prepare
from reference_pipeline.data.prepared import Prepared, TimeTable

__all__ = ["CacheError", "Prepared", "TimeTable", "default_cache_dir", "prepare"]
