"""What begins runs, as EventBridge wants it."""

from __future__ import annotations

import json

import pytest

from endcap.bootstrap.pipelines import PIPELINES
from endcap.pipeline.steps import Pipeline
from endcap.pipeline.triggers import expression, triggers


@pytest.mark.parametrize(
    ("cron", "made"),
    [("15 3 * * *", "cron(15 3 * * ? *)"), ("0 */6 1,15 * *", "cron(0 */6 1,15 * ? *)"),
     ("30 4 * * 0,6", "cron(30 4 ? * 1,7 *)")],
)  # fmt: skip
def test_cron_as_eventbridge_writes_it(cron: str, made: str) -> None:
    assert expression(cron) == made


@pytest.mark.parametrize("cron", ["15 3 * *", "15 3 1 * 1", ""])
def test_what_eventbridge_cannot_say_is_refused(cron: str) -> None:
    with pytest.raises(ValueError, match="no schedule"):
        expression(cron)


@pytest.mark.parametrize("name", PIPELINES)
def test_what_a_trigger_gives_are_arguments_of_the_pipeline(name: str) -> None:
    pipeline = PIPELINES[name]
    found = triggers(pipeline)
    assert set(found) == ({"schedule", "new_data"} if pipeline.schedule else {"new_data"})
    for given in (found.get("schedule", {}).get("input", {}),
                  json.loads(found["new_data"]["template"])):  # fmt: skip
        assert set(given) <= set(pipeline.arguments)


def test_a_night_may_read_a_source_and_files_of_events() -> None:
    given = triggers(PIPELINES["nightly"])["schedule"]["input"]
    assert given == {
        "source": "${nightly_source}", "interactions": "${nightly_interactions}",
    }  # fmt: skip


def test_a_pipeline_may_have_none() -> None:
    assert triggers(Pipeline("p", "", {}, ())) == {}
