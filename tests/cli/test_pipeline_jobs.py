"""``endcap pipeline start``, ``launch``, ``jobs``, ``stop``: runs that outlive who began them."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from endcap.cli.pipeline_jobs import read_facts
from endcap.domain.errors import InvalidInput

KNOWN = {"source": "", "k": 20, "budget_s": 1.5, "fresh": False}
Endcap = Callable[..., Any]


def test_words_become_facts_of_the_types_of_the_arguments() -> None:
    words = ("source=s3://b/a=b", "k=5", "budget_s=3", "fresh=true")
    assert read_facts(words, KNOWN) == {
        "source": "s3://b/a=b", "k": 5, "budget_s": 3, "fresh": True,
    }  # fmt: skip


@pytest.mark.parametrize("word", ["other=1", "k", "k=many", "k=1.5", "fresh=1", "budget_s=true"])
def test_a_word_that_is_no_argument_is_refused(word: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        read_facts((word,), KNOWN)
    assert refused.value.code == "bad_argument"
    assert (
        "a whole number" in str(refused.value)
        or "true or false" in str(refused.value)
        or ("a number" in str(refused.value))
    )


@pytest.mark.server
@pytest.mark.parametrize("facts", ["{", "[]", '{"other": 1}'])
def test_facts_that_are_no_arguments_are_refused(endcap: Endcap, facts: str) -> None:
    told = endcap("pipeline", "launch", "nightly", facts, check=False)
    assert told.returncode == 2
    assert "a JSON object of" in told.stderr


@pytest.mark.server
def test_a_run_is_begun_listed_and_ended(endcap: Endcap) -> None:
    assert json.loads(endcap("pipeline", "jobs", "--json").stdout) == {}
    job = endcap("pipeline", "start", "nightly", "k=3").stdout.strip()
    until = time.monotonic() + 240
    status = "running"
    while status == "running":
        assert time.monotonic() < until
        status = json.loads(endcap("pipeline", "jobs", "--json").stdout)[job]["status"]
    assert status == "failed"  # an empty shop: there is nothing to learn from
    assert job in endcap("pipeline", "jobs").stdout
    endcap("pipeline", "stop", job)  # it has ended: nothing happens
