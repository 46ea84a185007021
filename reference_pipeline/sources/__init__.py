"""The upstream providers: flights, weather and planes, each an HTTP service that publishes batches."""

from reference_pipeline.sources.app import Source, create_source
from reference_pipeline.sources.feeds import DATA_EPOCH, FEEDS, Feed, feeds
from reference_pipeline.sources.mirror import create_mirror
from reference_pipeline.sources.schedule import Schedule

__all__ = ["DATA_EPOCH", "FEEDS", "Feed", "Schedule", "Source", "create_mirror", "create_source", "feeds"]
