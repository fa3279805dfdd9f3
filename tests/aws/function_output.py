"""What a function told while it ran: lines of its log, and metrics."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def lines(told: Path) -> list[dict[str, Any]]:
    found = told.read_text("utf-8").splitlines() if told.exists() else []
    return [json.loads(line) for line in found if line.startswith("{")]


def metric(told: Path, name: str) -> float:
    """What CloudWatch would sum up of all calls so far."""
    total = 0.0
    for line in lines(told):
        for directive in line.get("_aws", {}).get("CloudWatchMetrics", ()):
            if any(known["Name"] == name for known in directive["Metrics"]):
                values = line[name]
                total += sum(values) if isinstance(values, list) else values
    return total
