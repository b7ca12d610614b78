"""Attention in a real browser: the weights are those of the encoder's block."""

import math

import pytest
import torch
from test_explorer_arithmetic import scrambled

import disrec_mini as dm

T, USERS = 9, 2
MODELS = [scrambled(seed, n_items=30, max_len=T, dim=8) for seed in range(2)]
ITEMS = torch.randint(1, 31, (USERS, T), generator=torch.Generator().manual_seed(0))
KINDS = (ITEMS % 3).tolist()


@torch.no_grad()
def scores(model: dm.DisRec) -> torch.Tensor:
    encoder = model.encoder
    x = math.sqrt(8) * encoder.item_embedding(ITEMS)
    x = x + encoder.position_embedding.weight[:T]
    block = encoder.blocks[0]
    q, k = block.query(block.norm_query(x)), block.key(x)
    return q @ k.transpose(1, 2) / math.sqrt(8)  # (USERS, T, T)


def shown() -> dm.widgets.Shown:
    found = torch.stack([scores(model) for model in MODELS]).tolist()
    data = {"scores": dm.widgets.packed(found, "float32"), "kind": "colour"}
    data |= {"models": ["one", "two"], "people": ["a", "b"], "kinds": KINDS, "query": T}
    return dm.widgets.explorable("attention", data, "Attention")


@pytest.fixture
def page(twice_on_a_phone):
    return twice_on_a_phone(shown())


def weights(page) -> list[float]:
    page.locator("details").first.evaluate("e => { e.open = true; }")
    cells = page.locator("table").first.locator("td:last-child").all_text_contents()
    return [float(cell) for cell in cells]


@pytest.mark.parametrize("model", range(2))
@pytest.mark.parametrize("masked", [True, False])
def test_weights_are_the_blocks(page, model, masked):
    page.locator("select").nth(1).select_option(str(model))
    page.locator("[type=checkbox]").first.set_checked(masked)
    for user in range(USERS):
        page.locator("select").nth(0).select_option(str(user))
        for query in (1, 4, T):
            page.locator("[type=range]").first.fill(str(query))
            row = scores(MODELS[model])[user, query - 1].clone()
            if masked:
                row[query:] = -math.inf
            wanted = row.softmax(0)
            assert weights(page) == pytest.approx(wanted.tolist(), abs=6e-4)
            said = page.locator("p[role=status]").first.text_content()
            kind = KINDS[user][query - 1] + 1
            assert said.startswith(f"Click {query} (colour {kind}) gives most, ")
            most = float(said.split("gives most, ")[1].split(",")[0])
            assert most == pytest.approx(float(wanted.max()), abs=6e-4)
            assert ("Later clicks get" in said) == (not masked and query < T)
            equal = 1 / (query if masked else T)
            assert f"Equal weights, dashed: {equal:.3f}." in said


def test_arcs_are_as_wide_as_the_weights(page):
    page.wait_for_timeout(600)  # until they are at rest
    arcs = page.locator("svg").first.locator(".attention-arc")
    widths = arcs.evaluate_all(
        "all => all.map(e => [e.dataset.j, e.getAttribute('stroke-width')])"
    )
    found = weights(page)
    for j, width in widths:
        assert float(width) == pytest.approx(max(0.5, 60 * found[int(j)]), abs=0.05)
    assert len(widths) == sum(w > 0.002 for w in found)
    bars = page.locator("svg").first.locator(".attention-bar")
    heights = bars.evaluate_all("all => all.map(e => +e.getAttribute('height'))")
    for height, weight in zip(heights, found, strict=True):
        assert height == pytest.approx(min(22 * weight * T, 75), abs=0.2)


def test_a_tap_moves_the_query(page):
    picture = page.locator("svg").first
    box = picture.bounding_box()
    picture.click(position={"x": box["width"] * 2.5 / T, "y": 100})
    assert page.locator("[type=range]").first.input_value() == "3"
    assert page.locator("p[role=status]").first.text_content().startswith("Click 3 ")
    assert page.locator("[type=range]").last.input_value() == str(T)


def test_less_motion_is_none(page):
    page.emulate_media(reduced_motion="reduce")
    page.locator("[type=range]").first.fill("2")
    arcs = page.locator("svg").first.locator(".attention-arc")
    widths = arcs.evaluate_all(
        "all => all.map(e => +e.getAttribute('stroke-width'))"  # at once
    )
    assert sum(widths) == pytest.approx(60, abs=1)  # none thinner than 0.5
