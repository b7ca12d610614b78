"""The noise curves in a real browser: what is read off is what NumPy computes."""

import numpy as np
import pytest

import disrec_mini as dm

RATES = [0, 10, 30]
VALUES = np.array(
    [[[0.4, 0.5], [0.3, 0.35], [0.2, 0.1]], [[0.5, 0.3], [0.2, 0.3], [0.1, 0.2]]]
)  # (arms, rates, seeds)
SHOWN = dm.widgets.explorable(
    "noise",
    {
        "rates": RATES,
        "arms": ["one", "two"],
        "panels": [
            {"name": "first", "values": VALUES.tolist()},
            {"name": "second", "values": (VALUES / 2 + 0.1).tolist()},
        ],
    },
    "test",
)


@pytest.fixture
def page(twice_on_a_phone):
    return twice_on_a_phone(SHOWN)


@pytest.mark.parametrize("panel", [0, 1])
@pytest.mark.parametrize("relative", [True, False])
def test_values_are_read_off(page, panel, relative):
    values = VALUES / 2 + 0.1 if panel else VALUES
    if relative:
        values = values / values[:, :1]
    curves = values.mean(2)
    page.locator("select").nth(0).select_option(str(panel))
    page.locator("select").nth(1).select_option(str(int(not relative)))
    for at in (0, 7, 10, 21, 30):
        page.locator("[type=range]").first.fill(str(at))
        wanted = [float(np.interp(at, RATES, curve)) for curve in curves]
        cells = page.locator("table").first.locator("td").all_text_contents()
        assert [float(c) for c in cells] == pytest.approx(wanted, abs=6e-4)
        said = page.locator("p[role=status]").first.text_content()
        assert f"With {at} % noise" in said
        assert float(said.split(" is ")[1][:-1]) == pytest.approx(
            wanted[1] - wanted[0], abs=6e-4
        )


def test_each_of_two_knows_only_itself(page):
    page.locator("[type=range]").first.fill("30")
    assert page.locator("[type=range]").last.input_value() == "10"
