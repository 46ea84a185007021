"""The harness's own Alertmanager: takes alerts over the v2 API and journals each change."""

from __future__ import annotations

from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from harness.targets.base import Recorder

PORT = 9093


def create_receiver(recorder: Recorder) -> Starlette:
    """``POST /api/v2/alerts``, as Alertmanager has it."""

    async def alerts(request: Request) -> Response:
        body = await request.json()
        if not isinstance(body, list) or not all(isinstance(alert, dict) and "labels" in alert for alert in body):
            return JSONResponse({"code": 400, "message": "expected a list of alerts with labels"}, status_code=400)
        for alert in body:
            recorder.write("alert", alert_record(alert))
        return JSONResponse({})

    return Starlette(routes=[Route("/api/v2/alerts", alerts, methods=["POST"])])


def alert_record(alert: dict[str, Any]) -> dict[str, Any]:
    """The journal's fields of an alert in the form of the v2 API; it has ended if it has ``endsAt``."""
    labels = {str(key): str(value) for key, value in alert["labels"].items()}
    return {
        "name": labels.pop("alertname", "unnamed"),
        "component": labels.pop("component", ""),
        "severity": labels.pop("severity", "warning"),
        "state": "resolved" if alert.get("endsAt") else "firing",
        "labels": labels,
        "summary": str(alert.get("annotations", {}).get("summary", "")),
    }
