"""The noise curves in a real browser: what is read off is what NumPy computes."""

import re

import numpy as np
import pytest

import disrec_mini as dm

RATES = [0, 10, 30]
VALUES = np.array(
    [[[0.4, 0.5], [0.3, 0.35], [0.2, 0.1]], [[0.5, 0.3], [0.2, 0.3], [0.1, 0.2]]]
)  # (arms, rates, seeds)
HALF = (0.0123, 0.0042, 0.31)  # half of the interval at each rate


def gaps(values, relative):
    """What the page shows of the second arm minus the first, made up but for means."""
    means = values.mean(2)
    made = [
        {"mean": m, "low": m - h, "high": m + h, "verdict": f"verdict {i}"}
        for i, (m, h) in enumerate(zip(means[1] - means[0], HALF, strict=True))
    ]
    return [None, *made[1:]] if relative else made


def panel(name, values):
    shares = values / values[:, :1]
    both = [gaps(shares, relative=True), gaps(values, relative=False)]
    return {"name": name, "values": values.tolist(), "gaps": both}


SHOWN = dm.widgets.explorable(
    "noise",
    {
        "rates": RATES,
        "unmeasured": [20],
        "arms": ["one", "two"],
        "panels": [panel("first", VALUES), panel("second", VALUES / 2 + 0.1)],
    },
    "test",
)


@pytest.fixture
def page(twice_on_a_phone):
    return twice_on_a_phone(SHOWN)


def number(text):
    return float(text.replace("\N{MINUS SIGN}", "-"))


@pytest.mark.parametrize("which", [0, 1])
@pytest.mark.parametrize("relative", [True, False])
def test_values_and_the_difference_are_read_off(page, which, relative):
    values = VALUES / 2 + 0.1 if which else VALUES
    if relative:
        values = values / values[:, :1]
    page.locator("select").nth(0).select_option(str(which))
    page.locator("select").nth(1).select_option(str(int(not relative)))
    for at, rate in enumerate(RATES):
        page.locator("[type=range]").first.fill(str(at))
        assert page.locator("output").first.text_content() == f"{rate} %"
        said = page.locator("p[role=status]").first.text_content()
        assert said.startswith(f"With {rate} % noise two minus one is ")
        known = not (relative and at == 0)
        # as many digits as the interval allows: .0123 gives 3, .0042 gives 3, .31 two
        digits = (3, 3, 2)[at] if known else 3
        near = 0.51 * 10**-digits
        cells = page.locator("table").first.locator("td").all_text_contents()
        for arm in range(2):
            seeds = values[arm, at]
            mean, low, high = (number(x) for x in re.findall(r"[\d.]+", "".join(
                f"{c} " for c in cells[2 * arm : 2 * arm + 2])))  # fmt: skip
            assert mean == pytest.approx(seeds.mean(), abs=near)
            assert low == pytest.approx(seeds.min(), abs=near)
            assert high == pytest.approx(seeds.max(), abs=near)
            assert len(cells[2 * arm].partition(".")[2]) == digits
        if known:
            gap = values[1, at].mean() - values[0, at].mean()
            found = re.findall(r"[+\N{MINUS SIGN}]?\d+\.\d+", said)
            wanted = [gap, gap - HALF[at], gap + HALF[at]]
            assert [number(x) for x in found] == pytest.approx(wanted, abs=near)
            assert said.endswith(f"verdict {at}.")
        else:
            assert "0 by definition" in said


def test_the_difference_is_drawn_with_its_band(page):
    figure = page.locator("[data-explorable]").first
    figure.locator("select").nth(1).select_option("1")
    band = figure.locator("svg").nth(1).locator("polygon").get_attribute("points")
    points = [tuple(map(float, p.split(","))) for p in band.split()]
    assert len(points) == 2 * len(RATES)
    high, low = points[: len(RATES)], points[: len(RATES) - 1 : -1]
    scale = (low[2][1] - high[2][1]) / (2 * HALF[2])  # pixels a unit
    for i, half in enumerate(HALF):
        assert low[i][0] == high[i][0]
        assert low[i][1] - high[i][1] == pytest.approx(2 * half * scale, rel=1e-3)
    assert "(20)" in figure.locator("svg").nth(1).text_content()


def test_each_of_two_knows_only_itself(page):
    page.locator("[type=range]").first.fill("1")
    assert page.locator("[type=range]").last.input_value() == "2"
