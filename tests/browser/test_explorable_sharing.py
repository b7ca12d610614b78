"""The clicks that sharing saves, in a real browser: counted again window by window."""

import pytest

import disrec_mini as dm
from disrec_mini import batches

WIDTHS = "rects => rects.map((e) => +e.getAttribute('width'))"
SHOWN = dm.widgets.explorable("sharing", {"n": 30, "max_len": 50, "limit": 200}, "test")


@pytest.fixture
def page(twice_on_a_phone):
    return twice_on_a_phone(SHOWN)


def counts(n, longest):
    """(pairs, windows, clicks read padded, alone, shared) of a user with n clicks."""
    clicks = dm.Interactions.from_sequences([[1 + i for i in range(n)]])
    windows = batches.make_windows(clicks, longest)
    padded = alone = shared = 0
    for m in windows.length.tolist():
        for t in range(1, m):
            padded += 2 * longest
            alone += t + (m - t)
        shared += 2 * (m - 1)
    return windows.n_pairs, len(windows.length), padded, alone, shared


@pytest.mark.parametrize("n", [2, 3, 51, 52, 201])
@pytest.mark.parametrize("longest", [10, 50, 200])
def test_counts_and_areas(page, n, longest):
    root = page.locator("[data-explorable]").first
    sliders = root.locator("[type=range]")
    sliders.nth(1).fill(str(longest))
    sliders.nth(0).fill(str(n))
    pairs, n_windows, *read = counts(n, longest)
    lines = root.locator("div > p:not([role])").all_text_contents()
    assert [line.partition(": ")[2] for line in lines] == [
        f"{number:,} clicks read" for number in read
    ]
    said = root.locator("[role=status]").text_content()
    assert f"A user with {n} clicks has {pairs} pair{'s' * (pairs > 1)}" in said
    assert (f"in {n_windows} windows" in said) == (n_windows > 1)
    # every click and every padding place has the same width in all three pictures
    widths = [
        sum(svg.locator("rect").evaluate_all(WIDTHS))
        for svg in root.locator("svg").all()
    ]
    unit = widths[0] / read[0]
    assert widths == pytest.approx([unit * number for number in read], rel=0.02)


def test_a_longest_sequence_below_the_clicks_changes_nothing_for_later(page):
    root = page.locator("[data-explorable]").first
    clicks, longest = (root.locator("[type=range]").nth(i) for i in range(2))
    clicks.fill("201")
    longest.fill("10")
    longest.fill("200")
    assert "A user with 201 clicks" in root.locator("[role=status]").text_content()
    assert clicks.input_value() == "201"
    other = page.locator("[data-explorable]").last
    assert other.locator("[type=range]").first.input_value() == "30"
