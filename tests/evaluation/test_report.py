from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from endcap.data.interactions import Interactions
from endcap.evaluation.estimates import Draws
from endcap.evaluation.evaluate import evaluate
from endcap.evaluation.protocols import UserBatch, temporal_split
from endcap.evaluation.report import (
    DailyEvents,
    Report,
    Trial,
    best_trials,
    daily_events,
    plain,
    render_report,
    time_text,
    write_report,
)
from endcap.evaluation.search_plots import search_bars

DAY = 86_400_000_000
NASTY = '<b>R&D</b> $x$ "q" \'é'


def shop() -> Interactions:
    rng = np.random.default_rng(0)
    n, users, items = 600, 40, 25
    user = np.sort(rng.integers(0, users, n)).astype(np.int32)
    ts = rng.integers(0, 20, n) * DAY + 100 * DAY
    order = np.lexsort((ts, user))
    return Interactions(
        user=user[order],
        item=rng.integers(0, items, n).astype(np.int32),
        type=rng.integers(0, 2, n).astype(np.uint8),
        ts=ts[order].astype(np.int64),
        user_ids=[str(i) for i in range(users)],
        item_ids=[str(i) for i in range(items)],
    )


def newest_again(batch: UserBatch) -> np.ndarray:
    lists = np.full((len(batch.users), batch.k), -1, np.int32)
    for b in range(len(batch.users)):
        own = batch.items[batch.history(b)][::-1][: batch.k]
        lists[b, : len(own)] = own
    return lists


@pytest.fixture(scope="module")
def report() -> Report:
    data = shop()
    departments = [{"department": NASTY if i % 2 else "plain"} for i in range(25)]
    found = evaluate(
        {NASTY: newest_again},
        temporal_split(data, at=112 * DAY),
        5,
        catalogue=departments,
        draws=Draws(resamples=50),
    )
    return Report(
        title=f"Report {NASTY}",
        made_at=1_700_000_000_000_000,
        facts={"Version": NASTY, "Events": 12_345, "Rate": 0.25},
        evaluation=found,
        search=[Trial(NASTY, 0.1, family=NASTY), Trial("second", 0.2, chosen=True)],
        days=daily_events(data),
        quality={"Rejected": {"bad time": 3}},
    )


@pytest.fixture(scope="module")
def page(report: Report) -> str:
    return render_report(report)


class Structure(HTMLParser):
    """Open and close tags of the page, and every reference that a browser would fetch."""

    void = frozenset({"meta", "link", "br", "img", "hr", "input"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.ids: list[str] = []
        self.references: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.ids += [value or "" for name, value in attrs if name == "id"]
        self.references += [v or "" for name, v in attrs if name in ("src", "href", "xlink:href")]
        if tag not in self.void:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in self.void:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def structure(page: str) -> Structure:
    parser = Structure()
    parser.feed(page)
    parser.close()
    assert parser.open == []
    return parser


def test_the_page_is_whole_and_asks_the_network_for_nothing(page: str) -> None:
    found = structure(page)
    assert "script" not in found.tags
    assert all(reference.startswith("#") for reference in found.references)
    outside = set(re.findall(r"https?://[^\s\"'<]+", page))
    assert {u for u in outside if "www.w3.org" not in u} == set()  # names of formats only
    assert "@import" not in page
    assert "url(http" not in page


def test_ids_are_those_of_one_plot_and_references_find_them(page: str) -> None:
    found = structure(page)
    assert len(found.ids) == len(set(found.ids))
    assert {r.removeprefix("#") for r in found.references} <= set(found.ids)
    assert set(re.findall(r"url\(#([^)]+)\)", page)) <= set(found.ids)


def texts_of(picture: str) -> str:
    return "".join(ElementTree.fromstring(picture).itertext())  # noqa: S314


def test_names_from_outside_are_escaped_everywhere(page: str) -> None:
    assert "<b>" not in page
    assert "&lt;b&gt;R&amp;D&lt;/b&gt; $x$" in page
    named = [p for p in re.findall(r"<svg.*?</svg>", page, re.DOTALL) if NASTY in texts_of(p)]
    # bars, curves, exposure, tradeoff, department, search and its path: "$" is no formula
    assert len(named) == 7


def test_every_plot_stands_there_with_colours_of_the_page(page: str) -> None:
    pictures = re.findall(r"<svg.*?</svg>", page, re.DOTALL)
    # bars, curves, exposure; activity, popularity, department; tradeoff; path, search; days
    assert len(pictures) == 10
    for picture in pictures:
        assert texts_of(picture).strip()
        assert "var(--series-" in picture
    style = page[page.index("<style>") : page.index("</style>")]
    for variable in set(re.findall(r"var\((--[\w-]+)\)", page)):
        assert style.count(f"{variable}:") == 2, variable  # once for light, once for dark
    assert "#01f" not in page  # a placeholder that found no variable


def test_the_tables_hold_the_figures(report: Report, page: str) -> None:
    assert report.evaluation is not None
    for row in report.evaluation.rows:
        for name in ("recall", "ndcg", "hr", "mrr", "coverage"):
            assert f"{row.figures[name].mean:.4f}" in page


def test_what_is_not_given_is_left_out() -> None:
    page = render_report(Report("Empty", 0))
    structure(page)
    assert "<section" not in page
    assert "1970-01-01 00:00 UTC" in page


def test_the_same_report_is_the_same_text(report: Report, page: str, tmp_path: Path) -> None:
    write_report(report, tmp_path / "report.html")
    assert (tmp_path / "report.html").read_text("utf-8") == page


def test_long_spans_are_drawn_by_week() -> None:
    page = render_report(Report("Years", 0, days=DailyEvents(0, {"view": [1] * 1000})))
    assert "events per week" in page
    short = render_report(Report("Days", 0, days=DailyEvents(0, {"view": [1]})))
    assert "events per day" in short


def test_events_are_counted_by_day_and_type() -> None:
    data = shop()
    days = daily_events(data)
    assert days is not None
    assert days.first_day == 100
    assert set(days.counts) == {"view", "add_to_cart"}
    assert days.counts["view"][3] == ((data.ts == 103 * DAY) & (data.type == 0)).sum()
    assert sum(map(sum, days.counts.values())) == len(data)
    assert daily_events(replace(data, timed=False)) is None


@pytest.mark.parametrize(
    ("value", "text"),
    [(12345, "12,345"), (True, "yes"), (0.123456, "0.1235"), (54321.7, "54,322"), (None, "–"),
     ({"a": 1, "b": 2000}, "a 1, b 2,000"), (["x", 1], "x, 1"), ("text", "text")],
)  # fmt: skip
def test_values_are_written_as_people_write_them(value: object, text: str) -> None:
    assert plain(value) == text


def test_times_are_utc() -> None:
    assert time_text(1_700_000_000_000_000) == "2023-11-14 22:13 UTC"


def test_matplotlib_is_imported_by_the_first_plot_only() -> None:
    code = (
        "import sys, endcap.evaluation.report, endcap.evaluation.plots, endcap.evaluation.tables;"
        "print(sorted({'matplotlib', 'jinja2', 'scipy', 'numba'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_search_has_a_line_for_each_family(page: str) -> None:
    assert "2 settings were tried" in page
    tables = re.findall(
        r"<tr><th scope=\"row\">(.*?)<small>.*?</th><td>(\d+)</td><td>([\d.]+)</td>", page
    )
    assert ("", "1", "0.2000") in tables
    assert any(name and (tried, best) == ("1", "0.1000") for name, tried, best in tables)


def test_the_best_bars_keep_what_was_chosen() -> None:
    trials = [Trial(f"t{i}", 1 - i / 100, chosen=i == 40, family="f") for i in range(50)]
    shown = texts_of(search_bars(trials, "worth"))
    assert all(f"t{i}" in shown for i in (0, 14, 40))
    assert "t15" not in shown
    assert best_trials(trials) == [("f", 50, trials[0])]
