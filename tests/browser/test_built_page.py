"""Explorables and printed lines as the built page shows them, with its style sheet."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest


@pytest.fixture
def chapter(browser: Any, address: str) -> Iterator[Callable[..., Any]]:
    """Opens a chapter's built page, as wide as asked."""
    context = browser.new_context()

    def show(name: str, width: int = 1280) -> Any:
        page = context.new_page()
        page.set_viewport_size({"width": width, "height": 900})
        page.goto(f"{address}book/{name}.html")
        return page

    yield show
    context.close()


def explorable(page: Any, label: str) -> Any:
    return page.locator(f"[data-explorable][aria-label^='{label}']")


def test_what_a_cell_prints_stands_in_one_box(visit: Any) -> None:
    boxes = ".cell_output .output.stream"
    assert visit.page.locator(f"{boxes} + .output.stream").count() == 0
    if visit.name == "book/09_confident_samples.html":
        assert visit.page.locator(boxes).count() > 5  # the selector still finds some


def test_chapters_are_numbered_and_linked(visit: Any, site: Any) -> None:
    chapters = {it.name[:2]: it for it in site.glob("book/[0-9][0-9]_*.html")}
    own = re.match(r"book/(\d\d)_", visit.name)
    menu = visit.page.locator(".bd-sidebar-primary a.internal").all_inner_texts()
    assert [it[:2] for it in menu if it[:2].isdigit()] == sorted(chapters)
    if own:
        assert visit.page.title().startswith(own[1] + " ")
        assert visit.page.locator("article h1").inner_text().startswith(own[1])
    # what is a number and no link, though that chapter is there
    mentions = visit.page.evaluate(
        """() => {
          const left = [], walk = document.createTreeWalker(
            document.querySelector("article"), NodeFilter.SHOW_TEXT);
          for (let text; (text = walk.nextNode());)
            if (!text.parentElement.closest(
                "a, pre, code, summary, .admonition-title, h1, h2, h3, script, style, "
                + ".explorable, svg"))
              left.push(...(text.data.match(/chapters?\\s+\\d\\d\\b/gi) ?? []));
          return left.map(it => it.slice(-2));
        }"""
    )
    assert not set(mentions) & set(chapters) - {own and own[1]}
    for link in visit.page.locator("article a", has_text=re.compile("^.?hapter")).all():
        number = link.inner_text()[-2:]
        assert f"{number}_" in link.get_attribute("href")


def test_no_code_stands_above_the_title(visit: Any) -> None:
    above = "article .cell:not(h1 ~ .cell, section .cell)"
    assert visit.page.locator(above).count() == 0


WIDE = """() => [...document.querySelectorAll("article *")].filter(e =>
  e.scrollWidth > e.clientWidth + 1 && !e.closest("svg, mjx-container *")
  && /auto|scroll/.test(getComputedStyle(e).overflowX) && e.checkVisibility())
  .map(e => [e.className || e.tagName, getComputedStyle(e).maskImage != "none",
             e.tabIndex])"""


@pytest.mark.parametrize("width", [1280, 390])
def test_what_goes_on_to_the_right_says_so(visit: Any, width: int) -> None:
    visit.page.set_viewport_size({"width": width, "height": 844})
    visit.page.wait_for_timeout(100)
    wide = visit.page.evaluate(WIDE)
    clipped = visit.page.evaluate(
        """() => [...document.querySelectorAll(".prose pre")]
          .filter(e => e.scrollWidth > e.clientWidth + 1).length"""
    )
    visit.page.set_viewport_size({"width": 1280, "height": 900})
    assert [it for it in wide if it[1:] != [True, 0]] == []
    assert clipped == 0


def test_letters_of_a_figure_can_be_read_on_a_phone(visit: Any) -> None:
    visit.page.set_viewport_size({"width": 390, "height": 844})
    small = visit.page.evaluate(
        """() => [...document.querySelectorAll(".book-figure svg text")]
          .filter(e => e.getClientRects().length && e.textContent.trim())
          .map(e => {
            const svg = e.ownerSVGElement, box = svg.getBoundingClientRect();
            const size = parseFloat(getComputedStyle(e).fontSize);
            return [size * box.width / svg.viewBox.baseVal.width, e.textContent];
          }).filter(it => it[0] < 8.95)"""
    )
    visit.page.set_viewport_size({"width": 1280, "height": 900})
    assert small == []


def test_figures_are_centred(visit: Any) -> None:
    aside = visit.page.evaluate(
        """() => [...document.querySelectorAll(".book-figure > svg")]
          .filter(e => e.getClientRects().length)
          .map(e => [e, e.parentElement].map(it => it.getBoundingClientRect()))
          .map(([a, b]) => Math.abs(a.left - b.left - (b.right - a.right)))"""
    )
    assert max(aside, default=0) <= 2


@pytest.mark.parametrize(("width", "room"), [(1280, 100), (390, 40)])
def test_the_bars_of_a_future_can_be_seen(
    chapter: Callable[..., Any], width: int, room: int
) -> None:
    page = chapter("08_latent_self_supervision", width)
    root = explorable(page, "What the target vector of a future")
    bars = root.locator(".future-bar span")
    sizes = bars.evaluate_all("bars => bars.map(e => e.getBoundingClientRect().width)")
    shares = bars.evaluate_all("bars => bars.map(e => parseFloat(e.style.width))")
    assert max(sizes) > room
    # each bar has its share of the room that all have
    scale = max(sizes) / max(shares)
    for size, share in zip(sizes, shares, strict=True):
        assert abs(size - scale * share) <= 1.5


def test_the_sharing_sliders_say_what_is_computed(chapter: Callable[..., Any]) -> None:
    root = explorable(chapter("10_training"), "Clicks read by the encoder")
    clicks, longest = (root.locator("input[type=range]").nth(i) for i in range(2))
    said = root.locator("[role=status]")
    clicks.fill("201")
    assert "A user with 201 clicks has 200 pairs, in 4 windows." in said.inner_text()
    longest.fill("10")
    assert "201 clicks has 200 pairs, in 20 windows." in said.inner_text()
    longest.fill("200")
    assert "201 clicks has 200 pairs. Sharing" in said.inner_text()
    lines = [p.inner_text() for p in root.locator("div > p:not([role])").all()]
    assert [line.partition(": ")[2] for line in lines] == [
        f"{n:,} clicks read" for n in (2 * 200 * 200, 200 * 201, 2 * 200)
    ]
    clicks.fill("2")
    assert "A user with 2 clicks has 1 pair." in said.inner_text()


@pytest.mark.parametrize("name", ["intro", "11_prototype_attention"])
def test_the_film_explorer_lists_films_that_people_clicked(
    chapter: Callable[..., Any], name: str
) -> None:
    root = explorable(chapter(name), "Explorer: a trained model of 1,682 films")
    assert "with fewer than 20 clicks" in root.inner_text()
    starts = root.locator("[data-key^='example-']")
    seen = []
    for n in range(starts.count()):
        starts.nth(n).click()
        seen += root.locator(".lane .add, .ten .add").all_inner_texts()
    assert len(seen) == starts.count() * (4 * 4 + 10)
    assert starts.count() >= 2
    assert not [title for title in seen if "unknown" in title]


@pytest.mark.parametrize("name", ["intro", "06_intentions", "11_prototype_attention"])
def test_an_intention_has_a_part_of_the_weight_not_of_the_clicks(
    chapter: Callable[..., Any], name: str
) -> None:
    for root in explorable(chapter(name), "Explorer").all():
        notes = root.locator(".lane > .note:first-of-type, .lane > p.note")
        assert notes.first.inner_text().endswith("% of the weight")
        assert "of these clicks" not in root.inner_text()
        total = sum(
            int(note.split(" %")[0])
            for note in notes.all_inner_texts()
            if note.endswith("of the weight")
        )
        assert 97 <= total <= 103
