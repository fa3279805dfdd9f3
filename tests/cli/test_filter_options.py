"""``endcap recommend --filter``, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from endcap.app.intake import write
from endcap.app.shop import Shop
from endcap.bootstrap import open_shop
from endcap.cli.main import main
from endcap.domain.records import EventsPosted, ItemsPut
from endcap.domain.values import Event, Item
from endcap.settings import load_settings

AT = 1_700_000_000_000_000
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    opened = open_shop(load_settings({}, home=tmp_path))
    items = tuple(Item(f"i{n}", {"price": n, "name": f"thing {n}"}) for n in range(5))
    events = tuple(Event("ann", f"i{n}", "view", AT + n, f"e{n}") for n in range(5))
    write(opened, ItemsPut(at=AT, items=items))
    write(opened, EventsPosted(at=AT, events=events))
    return opened


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], shop: Shop) -> Run:
    def call(*words: str) -> tuple[int, str, str]:
        capsys.readouterr()
        with pytest.raises(SystemExit) as left:
            main(["--home", str(shop.settings.home), *words])
        captured = capsys.readouterr()
        assert isinstance(left.value.code, int)
        return left.value.code, captured.out, captured.err

    return call


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        (["--filter", "price > 2"], {"i3", "i4"}),
        (["--filter", "price > $p", "--filter-value", "p=3"], {"i4"}),
        (["--filter", "name IN ($n)", "--filter-value", 'n="thing 1","thing 2"'], {"i1", "i2"}),
        (["--filter", "name = $n", "--filter-value", "n=thing 4"], {"i4"}),
    ],
)
def test_recommend_takes_a_filter(run: Run, words: list[str], wanted: set[str]) -> None:
    code, out, _ = run("recommend", "bob", "--json", *words)
    assert (code, {item["id"] for item in json.loads(out)["items"]}) == (0, wanted)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--filter", "price >"], "--filter, line 1, column 8"),
        (["--filter", "price > $p"], "the filter needs a value for $p"),
        (["--filter", "price > $p", "--filter-value", "p"], "--filter-value must be NAME=VALUE"),
        (["--filter-value", "p=1"], "--filter-value is given without a filter"),
        (["--filter", "price > CurrentItem.price"], "no item is asked about"),
    ],
)
def test_what_is_refused_is_said_in_a_sentence(run: Run, words: list[str], said: str) -> None:
    code, out, err = run("recommend", "bob", *words)
    assert code != 0
    assert out == ""
    assert said in err
    assert "Traceback" not in err
