"""Metrics from a rank in a real browser: the numbers are the package's."""

import numpy as np
import pytest
from test_explorer_arithmetic import PAGE

import disrec_mini as dm

DRAWN = [True, False, True, True, False, True, False, False, True, True, True, False]
NAMES = ("recall@1", "recall@5", "recall@10", "ndcg@5", "ndcg@10", "mrr")
SHOWN = dm.widgets.explorable(
    "metrics",
    {
        "rows": [[f"item {n}", drawn] for n, drawn in enumerate(DRAWN)],
        "truth": "<b>the true item</b>",
        "place": 4,
        "sizes": {"full": 13, "sampled": 8},
    },
    "test",
)


@pytest.fixture
def show(browser):
    pages = []

    def show(*shown, width=1000):
        page = browser.new_page(viewport={"width": width, "height": 900})
        page.set_content(PAGE % "".join(s.markup for s in shown))
        pages.append(page)
        return page

    yield show
    for page in pages:
        page.close()


def expected(place, tied, sampled):
    """The rank by the package, of scores that give this order."""
    scores = np.arange(len(DRAWN), 0, -1) * 2.0
    true = 2.0 * (len(DRAWN) - place) + 3  # between two others
    if tied and place <= len(DRAWN):
        true = scores[place - 1]
    others = scores[DRAWN] if sampled else scores
    return dm.evaluation.ranks(np.r_[true, others][None], [0])


def test_every_state_equals_the_package(show):
    page = show(SHOWN)
    slider, protocol, tie = (
        page.locator(s) for s in ("[type=range]", "select", "[type=checkbox]")
    )
    for sampled in (False, True):
        protocol.select_option(str(int(sampled)))
        for tied in (False, True):
            tie.set_checked(tied)
            for place in range(1, len(DRAWN) + 2):
                slider.fill(str(place))
                rank = expected(place, tied, sampled)
                found = dm.evaluation.metrics(rank)
                wanted = [f"{found[name]:.3f}" for name in NAMES]
                assert page.locator("td").all_text_contents() == wanted
                number = page.locator(".metrics-truth .metrics-number")
                assert number.text_content() == str(int(rank))
                assert f"Rank {int(rank)} of {8 if sampled else 13} " in (
                    page.locator("p[role=status]").text_content()
                )


def test_the_others_are_numbered_around_it(show):
    page = show(SHOWN)
    numbers = page.locator(".metrics-list .metrics-number")
    assert numbers.all_text_contents() == [str(n) for n in range(1, 14)]
    page.locator("select").select_option("1")
    wanted = ["1", "–", "2", "3", "4", "–", "5", "–", "–", "6", "7", "8", "–"]
    assert numbers.all_text_contents() == wanted
    assert page.get_by_text("not drawn").count() == DRAWN.count(False)


def test_keys_and_pointer_move_it_and_focus_stays(show):
    page = show(SHOWN)
    grip = page.get_by_role("button")
    focused = "document.activeElement.textContent"
    grip.focus()
    for key, place in (("ArrowUp", 3), ("End", 13), ("ArrowDown", 13), ("Home", 1)):
        page.keyboard.press(key)
        assert page.locator("[type=range]").input_value() == str(place)
        assert "the true item" in page.evaluate(focused)
    box, last = grip.bounding_box(), page.locator("li").last.bounding_box()
    page.mouse.move(box["x"] + 9, box["y"] + 9)
    page.mouse.down()
    page.mouse.move(box["x"] + 9, last["y"] + last["height"], steps=8)
    page.mouse.up()
    assert page.locator("[type=range]").input_value() == "13"


def test_twice_on_a_page_and_on_a_phone(show):
    page = show(SHOWN, SHOWN, width=390)
    page.locator("[type=range]").first.fill("9")
    assert page.locator("[type=range]").last.input_value() == "4"
    ids = page.evaluate("[...document.querySelectorAll('[id]')].map((e) => e.id)")
    assert len(ids) == len(set(ids))
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    targets = page.evaluate(
        "[...document.querySelectorAll('button, select, input[type=checkbox]')]"
        ".map((e) => e.getBoundingClientRect().height)"
    )
    assert min(targets) >= 24
