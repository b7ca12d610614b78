"""The kept triples in a real browser: the same as `confident_mask` keeps."""

import numpy as np
import pytest
import torch

import disrec_mini as dm

generator = torch.Generator().manual_seed(0)
LOSS = torch.rand(3, 10, 4, generator=generator)  # (epochs, B, K)
LOSS[0] = LOSS[0, :, :1]  # ties: all intentions of a pair alike
SHARED = torch.rand(10, 4, generator=generator)
SHOWN = dm.widgets.explorable(
    "confident",
    {
        "loss": dm.widgets.packed(LOSS, "float32"),
        "shared": dm.widgets.packed(SHARED, "float32"),
        "names": list("abcd"),
    },
    "test",
)


@pytest.fixture
def page(twice_on_a_phone):
    return twice_on_a_phone(SHOWN)


@pytest.mark.parametrize("epoch", range(3))
def test_what_is_kept(page, epoch):
    page.locator("[type=range]").nth(0).fill(str(epoch))
    for percent in (0, 7, 30, 55, 100):
        page.locator("[type=range]").nth(1).fill(str(percent))
        kept = dm.losses.confident_mask(LOSS[epoch], percent / 100)
        cells = page.locator("table").first.locator("td").all_text_contents()
        assert cells == [f"{n} of 10" for n in kept.sum(0).tolist()]
        fills = (
            page.locator("svg")
            .first.locator("rect")
            .evaluate_all("list => list.map((r) => r.getAttribute('fill') !== 'none')")
        )
        assert (kept.numpy() == np.array(fills).reshape(4, 10).T).all()
        said = page.locator("p[role=status]").first.text_content()
        assert f"Kept {int(kept.sum())} of 40" in said
        for name, rows in (("kept", kept), ("left out", ~kept)):
            seen = said.split(f" {name} ")[1].rstrip(".").split(",")[0]
            if rows.any():
                wanted = float(SHARED[rows].mean())
                assert float(seen) == pytest.approx(wanted, abs=6e-4)
            else:
                assert seen == "–"


def test_rows_and_marks_are_named(page):
    chart = page.locator("svg").first
    assert chart.locator("text").all_text_contents() == list("abcd")
    assert chart.locator("circle").count() == int((SHARED >= 0.25).sum())
    notes = page.locator("p.note:not([role])").first.text_content()
    assert "Filled: kept" in notes
    assert "Dot: past and future share" in notes


def test_each_of_two_knows_only_itself(page):
    page.locator("[type=range]").first.fill("1")
    assert page.locator("[type=range]").nth(2).input_value() == "2"
