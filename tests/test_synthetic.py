"""Worlds: the truth beside the clicks is the truth."""

import itertools
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from disrec_mini.errors import DisrecError
from disrec_mini.synthetic import World, WorldSettings, make_world, shirts_and_trousers


def neighbours(world: World) -> tuple[np.ndarray, np.ndarray]:
    """Click numbers (i, i + 1) of the same user."""
    user = np.repeat(np.arange(len(world.interactions)), world.interactions.lengths)
    first = np.flatnonzero(user[1:] == user[:-1])
    return first, first + 1


@settings(max_examples=40, deadline=None)
@given(
    n_users=st.integers(1, 30),
    length=st.integers(1, 12) | st.tuples(st.integers(1, 5), st.integers(5, 9)),
    n_intents=st.integers(1, 5),
    chains=st.integers(1, 3),
    chain=st.integers(1, 6),
    stay=st.floats(0, 1),
    noise=st.floats(0, 1),
    seed=st.integers(0, 99),
)
def test_shapes_and_truth(
    n_users: int,
    length: int | tuple[int, int],
    n_intents: int,
    chains: int,
    chain: int,
    stay: float,
    noise: float,
    seed: int,
) -> None:
    per_intent = chains * chain
    world = make_world(
        n_users, length, n_intents, per_intent, chain, stay, noise, seed=seed
    )
    clicks, n_items = world.interactions, n_intents * per_intent
    shortest, longest = (length, length) if isinstance(length, int) else length
    assert (clicks.n_users, clicks.n_items) == (n_users, n_items)
    assert ((clicks.lengths >= shortest) & (clicks.lengths <= longest)).all()
    assert world.intention_of_click.shape == world.is_noise.shape == clicks.items.shape
    assert world.intention_of_item[0] == world.chain_of_item[0] == -1
    counts = np.bincount(world.intention_of_item[1:])
    assert counts.tolist() == [per_intent] * n_intents
    assert np.bincount(world.chain_of_item[1:]).tolist() == [chain] * chains * n_intents
    assert np.allclose(world.user_mixture.sum(1), 1)
    assert world.user_mixture.shape == (n_users, n_intents)
    assert world.is_noise.sum() == round(noise * clicks.n_clicks)
    kept = ~world.is_noise
    of_item = world.intention_of_item[clicks.items]
    assert (of_item[kept] == world.intention_of_click[kept]).all()


def test_same_seed_same_world() -> None:
    one, two, other = make_world(9), make_world(9), make_world(9, seed=1)
    assert (one.interactions.items == two.interactions.items).all()
    assert (one.is_noise == two.is_noise).all()
    assert (one.interactions.items != other.interactions.items).any()
    assert one.settings == two.settings != other.settings


def test_stay_has_its_probability() -> None:
    world = make_world(2_000, 30, stay=0.8, concentration=2.0)
    i, j = neighbours(world)
    same = world.intention_of_click[i] == world.intention_of_click[j]
    squares = np.repeat((world.user_mixture**2).sum(1), 29)
    expected = 0.8 + 0.2 * squares
    error = (same - expected).sum() / np.sqrt((expected * (1 - expected)).sum())
    assert abs(error) < 4


def test_mixture_is_the_share_of_clicks() -> None:
    world = make_world(20, 4_000, stay=0.5, noise=0)
    for user in range(20):
        intentions = world.of_user(user)[1]
        share = np.bincount(intentions, minlength=4) / 4_000
        assert np.abs(share - world.user_mixture[user]).max() < 0.06


def test_concentration_spreads_the_mixture() -> None:
    narrow = make_world(300, 2, concentration=0.1).user_mixture.max(1).mean()
    wide = make_world(300, 2, concentration=50.0).user_mixture.max(1).mean()
    assert narrow > 0.8
    assert wide < 0.4


def test_noise_is_uniform_over_all_items() -> None:
    world = make_world(1_000, 40, n_intents=2, items_per_intent=10, chain=5, noise=0.5)
    counts = np.bincount(world.interactions.items[world.is_noise], minlength=21)[1:]
    expected = counts.sum() / 20
    assert ((counts - expected) ** 2 / expected).sum() < 43.8  # 19 degrees, p .001


def test_walks_move_on_along_one_chain() -> None:
    """A loop over users: each intention's clicks go on by one item or by two."""
    world = make_world(100, 50, noise=0)
    steps = []
    for user in range(100):
        items, intentions, _ = world.of_user(user)
        for k in range(4):
            walk = items[intentions == k]
            assert len(set(world.chain_of_item[walk].tolist())) <= 1
            steps += [(b - a) % 20 for a, b in itertools.pairwise(walk)]
    assert set(steps) == {1, 2}
    assert 0.72 < np.mean(np.array(steps) == 1) < 0.78


def test_walks_use_every_chain_and_place() -> None:
    assert (make_world(600, 36, noise=0).interactions.counts()[1:] > 0).all()


def test_shirts_and_trousers() -> None:
    world = shirts_and_trousers()
    names, categories = (
        world.interactions.item_names,
        world.interactions.item_categories,
    )
    assert names is not None
    assert categories is not None
    assert (names[1], names[20], names[21], names[40]) == (
        "shirt 1",
        "shirt 20",
        "trousers 1",
        "trousers 20",
    )
    assert (categories[0], categories[1], categories[40]) == (
        (),
        ("shirts",),
        ("trousers",),
    )
    assert "2 intentions" in repr(world)


def test_making_is_fast() -> None:
    start = time.process_time()
    make_world(1_000, 40)
    assert time.process_time() - start < 0.5


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"n_users": 0}, "n_users must be a whole number >= 1, not 0"),
        ({"n_intents": 1.5}, "n_intents must be a whole number"),
        ({"chain": 0}, "chain must be a whole number >= 1"),
        ({"items_per_intent": 30, "chain": 20}, "must be a multiple of chain, but 30"),
        ({"length": 0}, "length must be a whole number >= 1"),
        ({"length": (5, 4)}, "the longest length must be a whole number >= 5, not 4"),
        ({"length": (1, 2, 3)}, r"one number or \(shortest, longest\)"),
        ({"length": "36"}, "length must be a whole number"),
        ({"stay": 1.2}, r"stay must be a share between 0 and 1, not 1\.2"),
        ({"noise": -0.1}, r"noise must be a share between 0 and 1, not -0\.1"),
        ({"noise": "none"}, "noise must be a share"),
        ({"concentration": 0}, "concentration must be a positive number"),
        ({"concentration": float("nan")}, "concentration must be a positive number"),
        ({"seed": -1}, "seed must be a whole number >= 0"),
    ],
)
def test_wrong_settings(changes: dict, sentence: str) -> None:
    with pytest.raises(DisrecError, match=sentence):
        make_world(**changes)
    with pytest.raises(DisrecError, match=sentence):
        WorldSettings(**changes)


def test_wrong_user() -> None:
    with pytest.raises(IndexError, match="no user 200"):
        shirts_and_trousers().of_user(200)


def test_who_wanders_jumps_within_the_chain() -> None:
    walks, jumps = (
        make_world(200, 30, chain=20, noise=0.0, wander=w) for w in (0.0, 1.0)
    )
    assert np.array_equal(walks.intention_of_click, jumps.intention_of_click)
    for world, next_door in ((walks, 1.0), (jumps, 2 / 20)):
        a, b = neighbours(world)
        item, chain = world.interactions.items, world.chain_of_item
        same = world.intention_of_click[a] == world.intention_of_click[b]
        a, b = a[same], b[same]
        assert (chain[item[a]] == chain[item[b]]).all()
        near = np.isin((item[b] - item[a]) % 20, (1, 2)).mean()
        assert near == pytest.approx(next_door, abs=0.02)
    with pytest.raises(DisrecError, match="wander"):
        make_world(wander=1.5)
