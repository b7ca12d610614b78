"""The target of a future in a real browser: its shares are those of the model."""

import numpy as np
import pytest
import torch
from test_explorer_arithmetic import scrambled

import disrec_mini as dm

T, USERS = 9, 2
MODEL = scrambled(n_items=30, n_intents=3, max_len=T, dim=8)
ITEMS = torch.randint(1, 31, (USERS, T), generator=torch.Generator().manual_seed(0))
LENGTHS = {"short": {"1": 5, "2": 4, "3": 1}, "long": {"9": 7}}


def shown() -> dm.widgets.Shown:
    layer, whole = MODEL.intentions, ITEMS.flip(1)
    with torch.no_grad():
        z = MODEL.encode(whole, torch.full((USERS,), T), "future").z
        parts = {
            "key": layer.key_of(z, layer.alpha[:T]),
            "query": layer.query_of(z, layer.alpha[:T]),
            "cluster": layer.cluster(z),
        }
    data = {name: dm.widgets.packed(part, "float32") for name, part in parts.items()}
    clicks = [[f"item {j}" for j in row] for row in ITEMS.tolist()]
    data |= {"people": ["a", "b"], "clicks": clicks, "lengths": LENGTHS}
    return dm.widgets.explorable("future", data, "test")


@pytest.fixture
def page(twice_on_a_phone):
    return twice_on_a_phone(shown())


@pytest.mark.parametrize("user", range(USERS))
@pytest.mark.parametrize("t", [1, 4, 8])
def test_shares_are_the_models(page, user, t):
    future = ITEMS[[user], t:].flip(1)
    with torch.no_grad():
        read = MODEL.encode(future, torch.tensor([T - t]), "future")
    page.locator("select").nth(0).select_option(str(user))
    page.locator("[type=range]").first.fill(str(t))
    for k in range(4):
        page.locator("select").nth(1).select_option(str(k))
        parts = read.weight[0] * (read.cluster[0, :, k - 1] if k else 1)
        wanted = (parts / parts.sum()).flip(0).numpy()
        cells = page.locator("table").first.locator("td:last-child").all_text_contents()
        assert [float(c) for c in cells] == pytest.approx(wanted, abs=6e-4)
        said = page.locator("p[role=status]").first.text_content()
        if k:
            held = float(said.split(" holds ")[1].split(" ")[0])
            assert held == pytest.approx(float(parts.sum()), abs=6e-4)
        assert ("One click" in said) == (t == 8)


@pytest.mark.parametrize("name", LENGTHS)
def test_how_common_a_future_is(page, name):
    page.locator("select").nth(2).select_option(str(list(LENGTHS).index(name)))
    futures = np.concatenate(
        [np.tile(np.arange(1, int(n)), users) for n, users in LENGTHS[name].items()]
    )
    for t in (4, 8):
        page.locator("[type=range]").first.fill(str(t))
        said = page.locator("p[role=status]").first.text_content()
        seen = float(said.split(f"On {name}, ")[1].split(" ")[0])
        assert seen == pytest.approx(100 * np.mean(futures <= T - t), abs=0.06)


def test_targets_are_named(page):
    kinds = page.locator("select").nth(1).locator("option").all_text_contents()
    assert kinds[0] == "no intention: weights alone"
    assert kinds[1:] == ["intention 1", "intention 2", "intention 3"]


def test_each_of_two_knows_only_itself(page):
    page.locator("[type=range]").first.fill("2")
    assert page.locator("[type=range]").last.input_value() == "4"
