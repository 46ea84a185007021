"""One runbook a file: which alerts it answers, and what it does."""

from __future__ import annotations

from collections.abc import Mapping

from reference_pipeline.orchestration.runbook import Runbook
from reference_pipeline.orchestration.runbooks.backfill import Backfill
from reference_pipeline.orchestration.runbooks.failover import Failover
from reference_pipeline.orchestration.runbooks.fallback import Fallback
from reference_pipeline.orchestration.runbooks.pin import Pin
from reference_pipeline.orchestration.runbooks.restart import Restart
from reference_pipeline.orchestration.runbooks.retrain import Retrain
from reference_pipeline.orchestration.runbooks.rollback import Rollback

RUNBOOKS: Mapping[str, type[Runbook]] = {
    "restart": Restart,
    "rollback": Rollback,
    "fallback": Fallback,
    "backfill": Backfill,
    "retrain": Retrain,
    "failover": Failover,
    "pin": Pin,
}

__all__ = ["RUNBOOKS"]
