"""The page at ``/`` in real browsers: by keyboard alone, on a large and on a small screen."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.server

TAB, ENTER, SPACE = "\ue004", "\ue007", " "
# What has the focus, by its id or its text, and whether one can see that it has it.
FOCUS = """
const at = document.activeElement, style = getComputedStyle(at);
const seen = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 1;
return [at.id || at.getAttribute("aria-label") || at.textContent, seen];
"""
ORDER = [
    "Skip to the recommendations", "API", "Metrics", "user_id", "event", "k",
    "Get recommendations", "interest", "location", "Record and show offers",
]  # fmt: skip
NAMES = 'return [...document.querySelectorAll(".card h3")].map((h) => h.textContent)'
STATUS = 'document.getElementById("status").textContent'
SMALL_TARGETS = """
return [...document.querySelectorAll("button, input, select")]
  .filter((e) => e.offsetParent && e.getBoundingClientRect().height < 24).map((e) => e.id);
"""
# Whether anything stands out of the page to the right.
OVERFLOW = "return document.documentElement.scrollWidth - document.documentElement.clientWidth"
# Least contrast of text with the colour behind it (WCAG 2: 4.5 for text of normal size).
CONTRAST = r"""
const parts = (c) => c.match(/[\d.]+/g).map(Number);
const light = (c) => {
  const [r, g, b] = parts(c).slice(0, 3).map((v) => v / 255)
    .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const behind = (e) => {
  for (; e; e = e.parentElement) {
    const colour = getComputedStyle(e).backgroundColor, [, , , a = 1] = parts(colour);
    if (a === 1) return colour;
  }
  return "rgb(255, 255, 255)";
};
const worst = [...document.querySelectorAll("h1,h2,h3,p,label,button,a,dt,dd,input,select")]
  .filter((e) => e.offsetParent && e.textContent.trim())
  .map((e) => {
    const [a, b] = [light(getComputedStyle(e).color), light(behind(e))].sort((x, y) => y - x);
    return [(a + 0.05) / (b + 0.05), e.outerHTML.slice(0, 80)];
  }).sort((x, y) => x[0] - y[0])[0];
return worst;
"""


@pytest.fixture
def server(checkerboard_home: Path, tmp_path: Path, serve: Any) -> Any:
    shutil.copytree(checkerboard_home, tmp_path / "shop")
    return serve(home=tmp_path / "shop", workers=1)


def focus(browser: Any, name: str) -> None:
    """Tab on until this has the focus."""
    for _ in range(40):
        browser.press(TAB)
        if browser.run(FOCUS)[0] == name:
            return
    pytest.fail(f"the keyboard does not reach {name!r}")


def test_everything_by_keyboard(browser: Any, server: Any) -> None:
    browser.open(server.url)
    reached = []
    for _ in ORDER:
        browser.press(TAB)
        name, seen = browser.run(FOCUS)
        assert seen, name
        reached.append(name)
    assert reached == ORDER

    browser.open(server.url)
    focus(browser, "user_id")
    browser.press(ENTER)
    assert browser.until('document.getElementById("user_id-error").textContent') == (
        "User ID is missing."
    )
    assert browser.run(FOCUS)[0] == "user_id"
    assert browser.run('return document.getElementById("user_id").ariaInvalid') == "true"

    browser.press(*"newcomer", ENTER)
    browser.until(f'{STATUS}.startsWith("6 products for newcomer")')
    assert browser.run('return document.getElementById("user_id-error").textContent') == ""
    before = browser.run(NAMES)
    assert len(before) == 6
    focus(browser, f"View {before[-1]}")
    browser.press(ENTER)
    browser.until(f'{STATUS}.startsWith("Viewed {before[-1]}. 6 products")')
    assert browser.run(FOCUS)[0] == "results"
    after = browser.run(NAMES)
    assert after != before
    assert {name.split()[0] for name in after} == {before[-1].split()[0]}  # one taste
    assert browser.run('return document.querySelectorAll(".mark:not([hidden])").length') > 0
    focus(browser, f"Buy {after[0]}")
    browser.press(SPACE)
    browser.until(f'{STATUS}.startsWith("Bought {after[0]}")')


def test_a_server_that_is_gone(browser: Any, server: Any) -> None:
    browser.open(f"{server.url}?user=newcomer")
    browser.until(f'{STATUS}.startsWith("6 products")')
    before = browser.run(NAMES)
    assert server.stop() == 0
    focus(browser, "Get recommendations")
    browser.press(ENTER)
    failure = 'document.getElementById("failure")'
    browser.until(f"!{failure}.hidden")
    assert "The server cannot be reached." in browser.run(f"return {failure}.textContent")
    assert browser.run(NAMES) == before  # what was shown stays
    focus(browser, "retry")
    browser.press(ENTER)
    browser.until(f"!{failure}.hidden")


@pytest.mark.parametrize(("width", "height"), [(1280, 900), (390, 844)])
def test_on_the_screen(browser: Any, server: Any, width: int, height: int) -> None:
    browser.resize(width, height)
    browser.open(f"{server.url}?user=newcomer")
    browser.until(f'{STATUS}.startsWith("6 products")')
    assert browser.run(OVERFLOW) <= 0
    assert browser.run(SMALL_TARGETS) == []
    ratio, where = browser.run(CONTRAST)
    assert ratio >= 4.5, where
    assert browser.run('return document.querySelectorAll(".card h3").length') == 6
