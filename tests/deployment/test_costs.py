"""The monthly estimate: what grows with what, what is dated, and what the page says of it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from endcap.cli.main import main
from endcap.deployment.costs import Estimate, estimate, markdown
from endcap.deployment.phases import FIRST, NEEDS
from endcap.deployment.prices import TABLE, prices
from endcap.deployment.traffic import ASSUMED, Choices, Traffic
from endcap.deployment.uses import API, EVENTS, EXTRA, PARTS
from endcap.domain.errors import InvalidInput

PAGE = Path(__file__).parents[2] / "docs" / "aws.md"
AMOUNTS = st.floats(min_value=0, max_value=1e10)


def made(traffic: Traffic | None = None, phases: tuple[str, ...] = FIRST, **on: object) -> Estimate:
    return estimate(traffic or Traffic(), phases, Choices(**on), prices())  # type: ignore[arg-type]


def test_every_price_is_used_and_dated() -> None:
    table = prices()
    assert re.fullmatch(r"20\d\d-\d\d-\d\d", table.as_of)
    everything = made(phases=tuple(NEEDS), nightly="full", waf=True, mysql=True, cloudtrail=True,
                      sagemaker_endpoint=True, composite_alarms=True)  # fmt: skip
    used = {(line.service, line.unit) for line in everything.lines}
    rest = {k for k, p in table.price.items() if (p.service, p.unit) not in used}
    assert rest == {"ml_m5_large_hour", "rest_request"}
    assert all(p.page.startswith("aws.amazon.com/") and p.usd > 0 for p in table.price.values())


def test_a_line_is_quantity_times_price() -> None:
    found = made()
    assert found.usd == pytest.approx(sum(ln.quantity * ln.price for ln in found.lines))
    assert found.usd == pytest.approx(sum(found.services.values()))
    assert found.usd == pytest.approx(sum(found.parts.values()))
    (gateway,) = (ln for ln in found.lines if ln.part == API and ln.service == "API Gateway")
    assert (gateway.quantity, gateway.usd) == (1.0, 1.0)


@given(requests=AMOUNTS, events=AMOUNTS, more=st.floats(min_value=1, max_value=1e9))
def test_more_traffic_never_costs_less(requests: float, events: float, more: float) -> None:
    base = made(Traffic(requests=requests, events=events)).usd
    assert made(Traffic(requests=requests + more, events=events)).usd >= base - 1e-6
    assert made(Traffic(requests=requests, events=events + more)).usd >= base - 1e-6


def test_calls_with_many_events_cost_less() -> None:
    one, hundred = made(), made(Traffic(events_per_call=100))
    assert hundred.parts[EVENTS] < one.parts[EVENTS]
    assert hundred.parts[API] >= one.parts[API]  # it then has a larger share of the traces


@pytest.mark.parametrize("phase", ["vector-db", "streaming-inference"])
def test_a_phase_adds_its_own_lines_only(phase: str) -> None:
    less, more = made(), made(phases=(*FIRST, phase))
    assert [ln for ln in more.lines if ln not in less.lines] == [
        ln for ln in more.lines if ln.part == EXTRA
    ]
    assert all(ln in more.lines for ln in less.lines)


def test_core_alone_answers_nothing() -> None:
    assert API not in made(phases=("core",)).parts


def test_an_instance_without_a_price_is_named() -> None:
    with pytest.raises(InvalidInput) as error:
        made(sagemaker_endpoint=True, sagemaker_instance_type="ml.p4d.24xlarge")
    assert error.value.code == "no_price"
    assert error.value.value == "ml.p4d.24xlarge"
    assert "ml.m5.xlarge" in str(error.value)


def test_the_verb_needs_no_account(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["costs", "--json", "--events", "0"])
    assert left.value.code == 0
    told = json.loads(capsys.readouterr().out)
    assert told["traffic"]["events"] == 0
    assert told["usd"] == pytest.approx(made(Traffic(events=0)).usd)
    assert [beside["stated"] for beside in told["beside"]] == ["single-digit USD", "55 to 110 USD"]


def test_the_page_shows_these_figures() -> None:
    """docs/aws.md, section Cost: `endcap costs` for 1M requests and 10M events."""
    text = PAGE.read_text("utf-8")
    section = text[text.index("\n## Cost") : text.index("\n## Observability")]
    found = made()
    assert markdown(found) in section
    assert prices().as_of in section
    for other in found.beside:
        assert f"{other.usd:.2f}" in section
        assert other.stated in section
    assert made(Traffic(events=0)).beside[1].usd == pytest.approx(
        float(re.search(r"without any event (\d+\.\d\d)", section)[1]), abs=0.005  # type: ignore[index]
    )  # fmt: skip
    for name, (value, why) in ASSUMED.items():
        assert f"| `{name}` | {value:g} | {why} |" in section
    for part, about in PARTS.items():
        assert f"| {part} | {about} |" in section


def test_the_table_stands_in_the_package() -> None:
    assert TABLE.parent.name == "deployment"
    assert TABLE.is_file()
