"""The environment ``dev``, whole, in an emulator of its own: applied phase by phase by Terraform's
real provider, with the real zip; it learns, answers, hears an event and answers otherwise, goes.

One test does it and leaves what it saw; those behind it look at that.
"""

from __future__ import annotations

import json
import os
import random
import time
import traceback
from base64 import b64encode
from collections import defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event, Lock
from typing import Any

import pytest

pytestmark = [pytest.mark.server, pytest.mark.timeout(3600)]

# In the order in which they are applied, each upon those before it. The last goes and comes again.
PHASES = ("core", "pipeline", "application", "web", "etl", "vector-db", "streaming-inference")
LAST = PHASES[-1]
GONE, AGAIN = f"{LAST} goes", f"{LAST} comes again"
MOST_S = 2400
NAME = "endcap-e2e"  # of stack.py
# Looks at what stands, and so changes with it.
LOOKING = "module.endcap.module.observability"
SHOPPERS, ITEMS, DAYS, START = 60, 20, 12, 1_750_000_000
KNOWN = [f"s{n}" for n in range(8)]


class Seen:
    """What the one test leaves for the others, and in files of a folder for who wants to read."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        # step → addresses of other phases that changed → attribute → before, after
        self.touched: dict[str, dict[str, dict[str, Any]]] = {}
        self.plan: dict[str, Any] = {}
        self.calls: set[tuple[str, str, str]] = set()
        self.rights: dict[str, Any] = {}
        self.left: list[str] = ["nothing was destroyed"]
        self.seconds: dict[str, float] = {}
        self.failed: dict[str, str] = {}
        self._stands: defaultdict[str, Event] = defaultdict(Event)
        self._lock = Lock()

    def stands(self, phase: str) -> None:
        self._stands[phase].set()

    def await_phase(self, phase: str) -> None:
        until = time.monotonic() + MOST_S
        while not self._stands[phase].wait(1.0):
            assert "applied_in_order" not in self.failed, f"{phase} never stood"
            assert time.monotonic() < until, f"{phase} does not stand yet"

    def step(self, work: Callable[..., None], *given: Any) -> None:
        """A piece of the story; what fails is told at its end, so that one run shows all of it."""
        began = time.monotonic()
        try:
            work(*given)
        except Exception:
            self.failed[work.__name__] = traceback.format_exc()
            print(traceback.format_exc(), flush=True)  # noqa: T201
        self.seconds[work.__name__] = round(time.monotonic() - began, 1)
        print(f"{work.__name__}: {self.seconds[work.__name__]} s", flush=True)  # noqa: T201
        self.write()

    def write(self) -> None:
        """All of it, as JSON."""
        told: dict[str, Any] = {
            "touched": self.touched, "plan": self.plan, "calls": sorted(self.calls),
            "rights": {role: sorted(held) for role, held in self.rights.items()},
            "seconds": self.seconds, "failed": self.failed,
        }  # fmt: skip
        with self._lock:
            for name, one in told.items():
                text = json.dumps(one, indent=1, default=str)
                (self.folder / f"{name}.json").write_text(text, encoding="utf-8")


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Seen:
    """``SEEN_FOLDER``: where its files go, else into a folder of this run."""
    folder = Path(os.environ.get("SEEN_FOLDER") or tmp_path_factory.mktemp("seen"))
    folder.mkdir(parents=True, exist_ok=True)
    return Seen(folder)


@pytest.fixture(scope="module")
def account(aws_of_its_own: Any) -> Iterator[Any]:
    with aws_of_its_own() as running:
        yield running


@pytest.fixture(scope="module")
def stack(
    account: Any,
    terraform: Any,
    stack_kind: Any,
    functions_zip: Path,
    glue_folder: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Any:
    return stack_kind(
        terraform, account, functions_zip, tmp_path_factory.mktemp("dev"),
        glue_package=str(glue_folder),
    )  # fmt: skip


def walks() -> str:
    """Shoppers who walk item → next item around a circle, a step a day, sometimes astray."""
    draw, lines = random.Random(0), ["user_id,item_id,ts,event_type\n"]
    for day in range(DAYS):
        for n in range(SHOPPERS):
            item = draw.randrange(ITEMS) if draw.random() < 0.2 else (n * 7 + day) % ITEMS
            lines.append(f"s{n},i{item},{START + day * 86_400},view\n")
    return "".join(lines)


def others(resources: dict[str, Any], module: str) -> dict[str, Any]:
    """What neither belongs to the module nor looks at the rest."""
    own = f"module.endcap.module.{module}"
    return {k: v for k, v in resources.items() if not k.startswith((own, LOOKING))}


def changed(before: dict[str, Any], after: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """What was there before and is not the same: address → attribute → before, after."""
    found: dict[str, dict[str, Any]] = {}
    for address, held in before.items():
        now = after.get(address)
        if now is None:
            found[address] = {"gone": True}
        elif now != held:
            found[address] = {n: [held[n], now.get(n)] for n in held if held[n] != now.get(n)}
    return found


def applied(stack: Any, seen: Seen, step: str, phases: tuple[str, ...]) -> None:
    """These phases; what is there already and of no concern to the step stays as it is."""
    before, module = stack.resources(), step.partition(" ")[0].replace("-", "_")
    began = time.monotonic()
    stack.apply(phases)
    seen.seconds[step] = round(time.monotonic() - began, 1)
    after, own = stack.resources(), f"module.endcap.module.{module}"
    if step == GONE:
        assert not [address for address in after if address.startswith(own)]
    assert (len(after) < len(before)) == (step == GONE), step
    seen.touched[step] = changed(others(before, module), after)
    seen.stands(step)


def applied_in_order(stack: Any, seen: Seen) -> None:
    """One phase after the other; the last goes and comes again."""
    for n, phase in enumerate(PHASES):
        applied(stack, seen, phase, PHASES[: n + 1])
    whole = set(stack.resources())
    applied(stack, seen, GONE, PHASES[:-1])
    applied(stack, seen, AGAIN, PHASES)
    assert set(stack.resources()) == whole


def test_from_nothing_to_an_answer_that_an_event_changes(
    stack: Any, account: Any, seen: Seen, deployment_kind: Any, rights: Any, gateway_events: Any
) -> None:
    dev = deployment_kind(account, stack.outputs, gateway_events)
    with ThreadPoolExecutor(1) as beside:
        # The provider waits more than it works: what a phase needs not is told meanwhile.
        standing = beside.submit(seen.step, applied_in_order, stack, seen)
        for phase, story in (
            ("pipeline", learns),
            ("application", stores_answers_of_users),
            ("application", hears_an_event),
            ("application", does_the_rest),
            ("application", forgets_a_user_at_night),
            (AGAIN, answers_records),
        ):
            seen.await_phase(phase)
            seen.step(story, dev)
        standing.result()
    seen.calls = account.calls()
    seen.rights = rights_of_functions(account, rights)
    seen.step(planned_again, stack, seen)
    seen.step(destroyed, stack, seen)
    assert "\n".join(seen.failed.values()) == ""


def planned_again(stack: Any, seen: Seen) -> None:
    seen.plan = stack.plan(PHASES)


def destroyed(stack: Any, seen: Seen) -> None:
    stack.destroy()
    seen.left = list(stack.resources())


def learns(dev: Any) -> None:
    """A file of events in the lake's bucket begins a night, after which a version serves."""
    event = dev.put("lake", "nightly/interactions.csv", walks())
    done = dev.begun_by("nightly", event, budget_s=0.0)
    assert done["status"] == "SUCCEEDED", done
    assert done["output"]["import"]["imported"]["events"]["accepted"] == SHOPPERS * DAYS
    assert done["output"]["gate"]["promoted"]


def stores_answers_of_users(dev: Any) -> None:
    """A file of users in their bucket begins a run, after which their answers are stored."""
    event = dev.put(
        "users", "users/ecommerce_users.json", json.dumps([{"userId": u} for u in KNOWN])
    )
    done = dev.begun_by("users", event, k=3)
    assert done["status"] == "SUCCEEDED", done
    assert {row["user_id"]["S"] for row in dev.items("EcommerceUsers")} == set(KNOWN)
    for user in KNOWN[:2]:
        for form in ("http-v2-stage", "rest-v1"):
            told = dev.ask("GET", f"/v1/users/{user}/recommendations", form=form)
            assert told.status == 200, told.raw
            assert told.body["user_id"] == user
            assert told.body["model_version"] == "v0001"
            assert len(told.body["recommendations"]) == 3


def hears_an_event(dev: Any) -> None:
    """The next answer knows it, by either gateway, and it is in table and stream."""
    assert dev.ask("GET", "/v1/health").body["ok"] is True
    before = dev.ids("newcomer")
    viewed = {"userId": "newcomer", "itemId": "i5", "event_type": "view"}
    assert dev.ask("POST", "/v1/events", viewed).body == {"ok": True}
    after = dev.ids("newcomer")
    assert after != before
    assert after == dev.ids("newcomer", form="rest-v1")
    assert {"i4", "i6"} & {*after[:3]}  # where walkers come from and go to
    assert [r["itemId"]["S"] for r in dev.items("events") if r["userId"]["S"] == "newcomer"] == [
        "i5"
    ]


def does_the_rest(dev: Any) -> None:
    """The functions and routes that the story has not met, so that their rights are needed."""
    key = [("Idempotency-Key", "once")]
    viewed = {"userId": "s3", "itemId": "i2", "event_type": "view"}
    several = {"events": [viewed, {**viewed, "itemId": "i3"}]}
    said = {"customer_id": "s3", "interest": "organic_food", "location": "Cape Town"}
    item = {"itemId": "i3", "title": "Lamp"}
    asked = {"user_id": "s1", "event": "get_recommendations"}
    for method, target, body, function, status in (
        ("POST", "/v1/events", viewed, "api", 202),
        ("POST", "/v1/events/batch", several, "api", 202),
        ("PUT", "/v1/items", {"items": [item]}, "api", 200),
        ("POST", "/v1/recommend", said, "api", 200),
        ("POST", "/recommend", said, "RecordPreference", 200),
        ("POST", "/submit", asked, "Submit", 200),
        ("GET", "/v1/offers?customer_id=s1", None, "api", 200),
        ("GET", "/v1/recommendations/related?itemId=i3&k=3", None, "api", 200),
    ):
        keys = key if function != "RecordPreference" and method == "POST" else ()
        told = dev.ask(method, target, body, function=function, headers=keys)
        assert told.status == status, (target, told.raw)
    # No record of ours: set aside, and nobody waits for it.
    stream = f"{dev.told['name']}-events"
    dev.aws.client("kinesis").put_record(StreamName=stream, PartitionKey="s1", Data=b"no JSON")


def forgets_a_user_at_night(dev: Any) -> None:
    """A run as the schedule begins it: what is on the log reaches the lake, and so does what
    Firehose delivered there; who is to be forgotten is."""
    assert dev.ask("DELETE", "/v1/users/s3").status == 202
    viewed = {"userId": "s4", "itemId": "i2", "event_type": "view"}
    assert dev.ask("POST", "/v1/events", viewed).status == 202
    dev.put("lake", "events/date=2026-01-01/raw.jsonl", json.dumps({**viewed, "ts": START}) + "\n")
    group = dev.told["name"]
    schedule = dev.aws.client("scheduler").get_schedule(
        Name=f"{group}-nightly-small", GroupName=group
    )
    assert schedule["State"] == "ENABLED"
    done = dev.run(
        schedule["Target"]["Arn"], {**json.loads(schedule["Target"]["Input"]), "budget_s": 0.0}
    )
    assert done["status"] == "SUCCEEDED", done
    for table in ("storeRecommendations", "EcommerceUsers", "user_features"):
        held = {row["user_id"]["S"] for row in dev.items(table)}
        assert held, table
        assert "s3" not in held, table


def answers_records(dev: Any) -> None:
    """As Firehose asks."""
    record = b64encode(json.dumps({"userId": "s2", "itemId": "i2", "event_type": "view"}).encode())
    given = {"recordId": "1", "approximateArrivalTimestamp": 1, "data": record.decode()}
    (answer,) = dev.invoke(f"{dev.told['name']}-Firehose", {"records": [given]})["records"]
    assert answer["result"] == "Ok"


def rights_of_functions(account: Any, rights: Any) -> dict[str, Any]:
    """By function, by its name in the table: what its role may do."""
    found = {}
    for page in account.client("lambda").get_paginator("list_functions").paginate():
        for one in page["Functions"]:
            role = one["Role"].rpartition("/")[2]
            found[one["FunctionName"]] = rights.rights_of(
                rights.policies_of(account.client("iam"), role)
            )
    return found


def test_each_phase_leaves_the_others_alone(seen: Seen, drift: Any) -> None:
    """But for what the emulator answers otherwise than it was told: each apply tells it again."""
    assert list(seen.touched) == [*PHASES, GONE, AGAIN]
    touched = {
        (step, address): more
        for step, them in seen.touched.items()
        for address, names in them.items()
        if (more := drift.beside_known(address, names))
    }
    assert touched == {}


def test_a_second_plan_changes_nothing_that_is_not_explained(seen: Seen, drift: Any) -> None:
    assert seen.plan["resource_changes"]
    assert drift.unexplained(seen.plan) == {}


def test_nothing_is_left(seen: Seen) -> None:
    assert seen.left == []


def test_no_function_asks_what_its_role_does_not_allow(seen: Seen, rights: Any) -> None:
    assert seen.rights
    assert {name for name, _, _ in seen.calls} == set(seen.rights)
    refused = {
        name: rights.missing(calls_of(seen, name), held) for name, held in seen.rights.items()
    }
    assert {name: calls for name, calls in refused.items() if calls} == {}


def test_no_role_allows_what_nobody_asks_without_a_reason(
    seen: Seen, rights: Any, reasons: Any
) -> None:
    assert seen.rights
    idle = {
        name.removeprefix(f"{NAME}-"): {
            one.said(NAME) for one in rights.unused(calls_of(seen, name), held)
        }
        for name, held in seen.rights.items()
    }
    listed = {name: set(told) for name, told in reasons.UNUSED.items()}
    assert {name: said for name, said in idle.items() if said} == listed


def calls_of(seen: Seen, function: str) -> list[tuple[str, str]]:
    return [(action, arn) for name, action, arn in seen.calls if name == function]
