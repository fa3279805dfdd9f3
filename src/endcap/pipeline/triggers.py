"""What begins a run of a pipeline by itself, as data: a schedule, and new files in a bucket.

On a laptop a line of cron does it; on AWS EventBridge does, of which Terraform reads the rest here:
the schedule's expression, the pattern of the event that S3 sends, and what of it becomes the input
of the state machine. ``${name}`` differs between deployments. Sources: the EventBridge user guide,
"Cron expressions", "Amazon S3 events", "Input transformation".
"""

from __future__ import annotations

import json
from typing import Any

from endcap.pipeline.steps import Pipeline

ANY, NONE = "*", "?"
FIELDS = 5  # minute, hour, day of the month, month, day of the week


def triggers(pipeline: Pipeline) -> dict[str, Any]:
    """By kind. Nothing where a pipeline has none."""
    found: dict[str, Any] = {}
    if pipeline.schedule:
        found["schedule"] = {
            "cron": pipeline.schedule,
            "expression": expression(pipeline.schedule),
            "timezone": "UTC",
            "input": {name: f"${{{pipeline.name}_{name}}}" for name in places(pipeline)},
        }
    if pipeline.on_file:
        found["new_data"] = {
            "pattern": pattern(pipeline.name),
            "paths": {"bucket": "$.detail.bucket.name", "key": "$.detail.object.key"},
            "template": json.dumps({pipeline.on_file: "s3://<bucket>/<key>"}),
        }
    return found


def places(pipeline: Pipeline) -> list[str]:
    """Its arguments that name what is read: texts which are empty unless given."""
    return [name for name, default in pipeline.arguments.items() if default == ""]


def pattern(name: str) -> dict[str, Any]:
    """Of the event that a bucket sends when a file is whole in it."""
    return {
        "source": ["aws.s3"],
        "detail-type": ["Object Created"],
        "detail": {
            "bucket": {"name": [f"${{{name}_bucket}}"]},
            "object": {"key": [{"prefix": f"${{{name}_prefix}}"}]},
        },
    }


def expression(cron: str) -> str:
    """A line of cron as EventBridge writes it: one of the two kinds of days is ``?``, Sunday is 1,
    and there is a year. Raises ValueError for what EventBridge cannot say."""
    fields = cron.split()
    if len(fields) != FIELDS or (fields[2] != ANY and fields[4] != ANY):
        raise ValueError(f"no schedule of EventBridge: {cron!r}")
    minute, hour, day, month, weekday = fields
    if weekday == ANY:
        return f"cron({minute} {hour} {day} {month} {NONE} {ANY})"
    days = ",".join(str(int(one) % 7 + 1) for one in weekday.split(","))
    return f"cron({minute} {hour} {NONE} {month} {days} {ANY})"
