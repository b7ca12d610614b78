"""Pages without scripts, and on paper."""

from collections.abc import Iterator
from typing import Any

import pytest

CHAPTERS = ["03_measuring", "08_latent_self_supervision"]


@pytest.fixture(params=CHAPTERS)
def plain(request: pytest.FixtureRequest, browser: Any, address: str) -> Iterator[Any]:
    """A chapter in a dark system's browser that runs no scripts."""
    context = browser.new_context(java_script_enabled=False, color_scheme="dark")
    page = context.new_page()
    page.goto(f"{address}book/{request.param}.html")
    yield page
    context.close()


def test_formulas_are_set_without_a_script(plain: Any) -> None:
    shown, hidden, raw = plain.evaluate(
        """() => [
          [...document.querySelectorAll("article math")]
            .filter(e => e.getBoundingClientRect().height > 0).length,
          document.querySelectorAll("article .math").length,
          document.querySelector("article").innerText.match(/\\\\[(\\[]/g),
        ]"""
    )
    assert 0 < shown == hidden
    assert raw is None


def test_colours_are_those_of_a_page(plain: Any) -> None:
    ink, paper = plain.evaluate(
        """() => [getComputedStyle(document.querySelector("article pre")).color,
                  getComputedStyle(document.body).backgroundColor]"""
    )
    assert plain.locator("html").get_attribute("data-theme") == "light"
    dark, light = (sum(map(int, it[4:-1].split(","))) for it in (ink, paper))
    assert dark < 200 < 600 < light


def test_answers_open_without_a_script(plain: Any) -> None:
    box = plain.locator("article details.dropdown").first
    answer = box.locator("summary ~ *").first
    assert not answer.is_visible()
    box.locator("summary").click()
    assert answer.is_visible()


@pytest.fixture(params=CHAPTERS)
def paper(request: pytest.FixtureRequest, browser: Any, address: str) -> Iterator[Any]:
    """A chapter as it is printed, on A4."""
    context = browser.new_context(viewport={"width": 718, "height": 1000})
    page = context.new_page()
    page.goto(f"{address}book/{request.param}.html")
    page.evaluate("() => window.MathJax?.startup?.promise")
    page.emulate_media(media="print")
    yield page
    context.close()


def test_on_paper_nothing_is_cut_and_answers_are_open(paper: Any) -> None:
    cut, folded, buttons, unbroken = paper.evaluate(
        """() => {
          const all = (s) => [...document.querySelectorAll("article " + s)];
          const seen = (e) => e.checkVisibility({contentVisibilityAuto: true});
          return [
            all("pre, table").filter(e => seen(e) && e.scrollWidth > e.clientWidth + 1)
              .map(e => e.innerText.slice(0, 200)),
            all("details.dropdown, details.below-input")
              .filter(e => e.lastElementChild.getBoundingClientRect().height === 0)
              .length,
            all("details.hide > summary, .copybtn, .headerlink").filter(seen).length,
            all("table").filter(e => getComputedStyle(e).breakInside !== "auto").length,
          ];
        }"""
    )
    assert cut == []
    assert (folded, buttons, unbroken) == (0, 0, 0)
    assert paper.locator("article h1").is_visible()
    assert not paper.locator("#jb-print-docs-body").is_visible()
