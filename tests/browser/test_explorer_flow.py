"""The explorer on the built page: in sight, in step, by keyboard and on a phone."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

CHAPTER = "11_prototype_attention"
FILMS = "Explorer: a trained model of 1,682 films"


@pytest.fixture
def films(browser: Any, address: str) -> Iterator[Callable[..., Any]]:
    """Opens the chapter's film explorer, on a window as large as asked."""
    contexts, trouble = [], []

    def opened(width: int = 1280, height: int = 800, **settings: Any) -> Any:
        size = {"width": width, "height": height}
        contexts.append(browser.new_context(viewport=size, **settings))
        page = contexts[-1].new_page()
        page.on("pageerror", lambda error: trouble.append(str(error)))
        page.on("console", lambda it: it.type == "error" and trouble.append(it.text))
        page.goto(f"{address}book/{CHAPTER}.html")
        root = page.locator(f"[data-explorable][aria-label='{FILMS}']")
        root.scroll_into_view_if_needed()
        return root

    yield opened
    for context in contexts:
        context.close()
    assert trouble == []


def boxes(part: Any) -> list[dict[str, float]]:
    return part.evaluate_all("all => all.map(e => e.getBoundingClientRect().toJSON())")


def said(root: Any) -> str:
    return root.locator("[role=status].status").inner_text()


def check_counts(root: Any) -> None:
    """The sentence, the middle, the right column and the strip say the same."""
    winners = root.locator(".ten li").evaluate_all(
        "all => all.map(e => +e.dataset.winner)"
    )
    assert len(winners) == 10
    for k, node in enumerate(root.locator(".node strong").all_inner_texts()):
        assert node == f"{winners.count(k)} of 10 shown"
    told = dict.fromkeys(range(4), 0)
    for n, k in re.findall(r"(\d+) (?:shown are )?from intention (\d)", said(root)):
        told[int(k) - 1] = int(n)
    assert told == {k: winners.count(k) for k in range(4)}
    assert root.locator(".strip i").count() == 10


def test_cause_and_effect_are_side_by_side(films):
    root = films()
    body = boxes(root.locator(".explorable-body"))[0]
    assert body["height"] <= 760
    clicks, nodes, ten = (
        boxes(root.locator(f".{c}"))[0] for c in ("clicks", "nodes", "ten")
    )
    assert clicks["right"] < nodes["left"] < nodes["right"] < ten["left"]
    assert max(clicks["top"], ten["top"]) < min(clicks["bottom"], ten["bottom"])
    lengths = [box["width"] for box in boxes(root.locator(".parts"))]
    assert max(lengths) > 100
    texts = root.locator(".read").all_inner_texts()
    weights = [float(text.split()[-1]) for text in texts]
    for length, weight in zip(lengths, weights, strict=True):
        assert length == pytest.approx(max(lengths) * weight / max(weights), abs=4)


def test_sentences_and_pictures_agree(films):
    root = films(reduced_motion="reduce")
    starts = root.locator("[data-key^='example-']")
    for n in range(starts.count()):
        starts.nth(n).click()
        check_counts(root)
        root.locator("[data-key='swap']").click()
        check_counts(root)
    before = root.locator(".bands path").count()
    root.locator("[data-key='clear']").click()
    assert said(root).startswith("Nothing to recommend yet")
    assert root.locator(".ten li, .lane, .bands path").count() == 0 < before
    root.locator(".found .add").first.click()
    check_counts(root)
    for _ in range(54):
        root.locator(".ten .add").first.click()
    assert root.locator(".click").count() == 55
    assert root.get_by_text("too long ago").count() == 5
    check_counts(root)


def test_bands_are_as_wide_as_the_shares(films):
    root = films(reduced_motion="reduce")
    widths = root.evaluate(
        """root => {
          const sums = [0, 0, 0, 0];  // right ends of bands from clicks
          const nodes = root.querySelector(".nodes").getBoundingClientRect().left;
          const home = root.querySelector(".flow").getBoundingClientRect().left;
          root.querySelectorAll(".bands path").forEach((path) => {
            const texts = path.getAttribute("d").match(/-?[\\d.]+(e-?\\d+)?/g);
            const [x1, upper, , lower] = texts.slice(6).map(Number);
            const ends = Math.abs(x1 - (nodes - home)) < 1;
            if (ends) sums[path.dataset.k] += lower - upper;
          });
          return sums;
        }"""
    )
    notes = root.locator(".node > span:not(.chip)").all_inner_texts()
    shares = [int(note.split(" %")[0]) / 100 for note in notes]
    assert sum(shares) == pytest.approx(1, abs=0.02)
    for width, share in zip(widths, shares, strict=True):
        assert width / sum(widths) == pytest.approx(share, abs=0.02)


def test_what_changes_glides_unless_less_motion_is_asked(films):
    running = """root => root.getAnimations({subtree: true})
      .filter(a => !a.transitionProperty).length"""
    for motion, moves in (("no-preference", True), ("reduce", False)):
        root = films(reduced_motion=motion)
        root.locator("[data-key='swap']").evaluate("e => e.click()")
        assert (root.evaluate(running) > 0) == moves


def test_a_handful_of_stops(films):
    root = films()
    stops = root.evaluate(
        """root => [...root.querySelectorAll("button, input, summary, [tabindex]")]
          .filter(e => e.tabIndex >= 0 && !e.disabled)
          .filter(e => e.getClientRects().length).length"""
    )
    assert stops <= 8


def test_a_phone(films):
    root = films(390, 844)
    whole = boxes(root)[0]
    for box in boxes(root.locator("button, summary, input")):
        assert not box["width"] or (box["height"] >= 43.9 and box["width"] >= 43.9)
    for box in boxes(root.locator(".read, .ten li, .node")):
        assert whole["left"] <= box["left"] <= box["right"] <= whole["right"]
    root.locator(".numbers > summary").click()
    for box in boxes(root.locator("td.weight, td.heat")):
        assert 0 < box["left"] <= box["right"] <= whole["right"]


def test_no_film_that_hardly_anybody_clicked(films):
    root = films()
    root.get_by_label("Search films").fill("unknown")
    assert root.locator(".found .add", has_text=re.compile("add unknown$")).count() == 0
    assert "without 743 films with fewer than 20 clicks" in root.inner_text()
