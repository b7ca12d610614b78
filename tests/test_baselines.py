"""Counting baselines against loops, and what they say about the two protocols."""

import math
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import disrec_mini as dm
from disrec_mini.baselines import PMI, Cooccurrence, InversePopularity, Popularity

N_ITEMS = 9
rows = st.lists(
    st.lists(st.integers(1, N_ITEMS - 1), max_size=7), min_size=1, max_size=8
)
quick = settings(max_examples=40, deadline=None, derandomize=True)


def padded(sequences: list[list[int]]) -> tuple[torch.Tensor, torch.Tensor]:
    lengths = torch.tensor([len(s) for s in sequences])
    items = torch.zeros(len(sequences), int(lengths.max()), dtype=torch.int64)
    for row, sequence in zip(items, sequences, strict=True):
        row[: len(sequence)] = torch.tensor(sequence)
    return items, lengths


QUERIES = [[1], [2, 3, 2], [N_ITEMS], [4, 1, 7, 7, 5, 1]]
QUERIES += [[i, 9 - i] for i in range(1, 7)]  # more rows than are counted together


def users_with(train: dm.Interactions, *items: int) -> int:
    """How many users' clicks hold all these items."""
    return sum(1 for clicks in train if set(items) <= set(clicks.tolist()))


@quick
@given(sequences=rows)
def test_popularity_equals_the_loop(sequences: list[list[int]]) -> None:
    train = dm.Interactions.from_sequences(sequences, N_ITEMS)
    items, lengths = padded(QUERIES)
    up = Popularity(train).score(items, lengths)
    down = InversePopularity(train).score(items, lengths)
    for scores, sign in ((up, 1), (down, -1)):
        assert scores.shape == (len(QUERIES), N_ITEMS + 1)
        for row in scores.tolist():
            assert row[0] == -math.inf
            for item in range(1, N_ITEMS + 1):
                clicks = sum(sequence.count(item) for sequence in sequences)
                assert row[item] == sign * clicks


@quick
@given(sequences=rows)
def test_cooccurrence_equals_the_loop(sequences: list[list[int]]) -> None:
    train = dm.Interactions.from_sequences(sequences, N_ITEMS)
    scores = Cooccurrence(train).score(*padded(QUERIES))
    for row, clicks in zip(scores.tolist(), QUERIES, strict=True):
        assert row[0] == -math.inf
        for j in range(1, N_ITEMS + 1):
            expected = sum(users_with(train, i, j) for i in set(clicks) if i != j)
            assert row[j] == expected


@quick
@given(sequences=rows, smoothing=st.sampled_from([1e-3, 0.5]))
def test_pmi_equals_the_loop(sequences: list[list[int]], smoothing: float) -> None:
    train = dm.Interactions.from_sequences(sequences, N_ITEMS)
    scores = PMI(train, smoothing).score(*padded(QUERIES))
    for row, clicks in zip(scores.tolist(), QUERIES, strict=True):
        assert row[0] == -math.inf
        for j in range(1, N_ITEMS + 1):
            together = smoothing
            for i in set(clicks) - {j}:
                if users_with(train, i, j):
                    together += users_with(train, i, j) / users_with(train, i)
            expected = math.log(together) - math.log(users_with(train, j) + 1)
            assert row[j] == pytest.approx(expected, abs=2e-6)  # float32


@pytest.mark.parametrize("baseline", [Popularity, InversePopularity, Cooccurrence, PMI])
def test_a_row_does_not_depend_on_its_batch(baseline: type) -> None:
    """Nor on the padding, the order of the clicks or other calls before."""
    rng = np.random.default_rng(0)
    sequences = [rng.integers(1, N_ITEMS, 6).tolist() for _ in range(12)]
    model = baseline(dm.Interactions.from_sequences(sequences, N_ITEMS))
    together = model.score(*padded(QUERIES))
    for row, query in zip(together, QUERIES, strict=True):
        alone = model.score(*padded([query[::-1]]), users=torch.tensor([3]))
        torch.testing.assert_close(alone[0], row, rtol=0, atol=0)


@pytest.mark.parametrize("baseline", [Popularity, InversePopularity, Cooccurrence, PMI])
def test_evaluation_accepts_it(baseline: type) -> None:
    """Both protocols accept a baseline and leave it as it is."""
    rng = np.random.default_rng(1)
    sequences = [rng.integers(1, N_ITEMS, n).tolist() for n in rng.integers(1, 9, 30)]
    split = dm.leave_one_out(dm.Interactions.from_sequences(sequences, N_ITEMS))
    model = baseline(split.train)
    before = model.score(*padded(QUERIES)).clone()
    found = [dm.evaluate(model, split, p, "test") for p in ("sampled", "full")]
    assert torch.equal(model.score(*padded(QUERIES)), before)
    for metrics in found:
        assert len(metrics.ranks) == int((split.test_items > 0).sum())
        assert metrics.ranks.min() >= 1
        assert metrics.ranks.max() <= N_ITEMS


# -- real data -------------------------------------------------------------------------


def test_the_protocols_disagree_on_beauty() -> None:
    """Popular negatives reward rare items: the sampled order is the full one reversed.

    A part of the users, drawn once, is enough: the differences are large.
    """
    cache = os.environ.get("DISREC_DATA")
    if not cache or not (Path(cache) / "beauty").is_dir():
        pytest.skip("DISREC_DATA does not hold beauty")
    split = dm.leave_one_out(dm.load_dataset("beauty", download=False))
    everyone = np.flatnonzero(split.valid_items)
    users = np.sort(np.random.default_rng(0).choice(everyone, 1500, replace=False))
    negatives = dm.evaluation.draw_negatives(split, "valid")
    recall = {}
    for baseline in (Popularity, InversePopularity, PMI):
        model = baseline(split.train)
        for protocol in ("sampled", "full") if baseline is not PMI else ("sampled",):
            found = dm.evaluate(
                model, split, protocol, users=users, negatives=negatives
            )
            recall[baseline.__name__, protocol] = found["recall@10"]
            print(baseline.__name__, found)
    assert recall["InversePopularity", "sampled"] > recall["Popularity", "sampled"]
    assert recall["InversePopularity", "full"] < recall["Popularity", "full"]
    assert recall["PMI", "sampled"] > 0.30
