"""Ingestion: polls the providers, enforces the data contract, writes immutable partitions with lineage."""

from reference_pipeline.ingestion.app import Ingestion, create_ingestion
from reference_pipeline.ingestion.baseline import Baseline, FeedBaseline, load_baseline
from reference_pipeline.ingestion.client import FetchError, HttpSettings
from reference_pipeline.ingestion.contract import CONTRACTS, Column, Contract, Rule
from reference_pipeline.ingestion.ingestor import FeedIngestor, OnPartition
from reference_pipeline.ingestion.lake import read_lineage, read_partition
from reference_pipeline.ingestion.manifest import Manifest, ManifestError
from reference_pipeline.ingestion.status import FeedStatus
from reference_pipeline.ingestion.validation import Validated, validate
from reference_pipeline.ingestion.violation import JUDGES_VALUES, Level, Violation

__all__ = [
    "CONTRACTS",
    "JUDGES_VALUES",
    "Baseline",
    "Column",
    "Contract",
    "FeedBaseline",
    "FeedIngestor",
    "FeedStatus",
    "FetchError",
    "HttpSettings",
    "Ingestion",
    "Level",
    "Manifest",
    "ManifestError",
    "OnPartition",
    "Rule",
    "Validated",
    "Violation",
    "create_ingestion",
    "load_baseline",
    "read_lineage",
    "read_partition",
    "validate",
]
