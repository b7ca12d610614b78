"""Windows, steps and the two samplers: the same pairs, the same values."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import disrec_mini as dm
from disrec_mini import batches
from disrec_mini.objective import step_loss

ragged = st.lists(st.integers(1, 30), min_size=1, max_size=12)
quick = settings(max_examples=30, deadline=None, derandomize=True)


def clicks(lengths: list[int], n_items: int = 40, seed: int = 0) -> dm.Interactions:
    rng = np.random.default_rng(seed)
    rows = [rng.integers(1, n_items + 1, n).tolist() for n in lengths]
    return dm.Interactions.from_sequences(rows, n_items=n_items)


def pasts_and_futures(
    windows: batches.Windows, step: batches.Step
) -> list[tuple[int, list[int], list[int]]]:
    """Loop-written meaning of a step: (user, past, reversed future) of each pair."""
    found = []
    for w, t in zip(step.window, step.t, strict=True):
        first = windows.start[w]
        row = windows.items[first : first + windows.length[w]].tolist()
        found.append((int(windows.user[w]), row[:t], row[t:][::-1]))
    return found


@quick
@given(lengths=ragged, max_len=st.integers(2, 9))
def test_windows_cover_every_split_once(lengths: list[int], max_len: int) -> None:
    train = clicks(lengths)
    windows = batches.make_windows(train, max_len)
    splits = []
    for start, length, user in zip(
        windows.start, windows.length, windows.user, strict=True
    ):
        assert 2 <= length <= max_len + 1
        place = start - train.offsets[user]
        splits += [(user, place + t) for t in range(1, length)]
    expected = [(u, t) for u, n in enumerate(lengths) for t in range(1, n)]
    assert sorted(splits) == expected
    assert windows.n_pairs == len(expected)


@quick
@given(
    lengths=ragged.filter(lambda x: max(x) > 1),
    max_len=st.integers(2, 9),
    group_size=st.integers(1, 7),
    groups=st.integers(1, 5),
    seed=st.integers(0, 5),
)
def test_an_epoch_visits_every_pair_once(
    lengths: list[int], max_len: int, group_size: int, groups: int, seed: int
) -> None:
    windows = batches.make_windows(clicks(lengths), max_len)
    rng = np.random.default_rng(seed)
    seen = []
    epoch = list(batches.steps(windows, group_size, groups, rng))
    for step in epoch:
        seen += list(zip(step.window.tolist(), step.t.tolist(), strict=True))
        sizes = np.diff(step.bounds)
        assert step.bounds[0] == 0
        assert step.bounds[-1] == len(step.t)
        assert (sizes >= 1).all()
        assert (sizes <= group_size).all()
        assert sizes.max() - sizes.min() <= 1
        assert (step.t <= step.drawn).all()
        assert (step.drawn < windows.length[step.window]).all()
        # at most ceil(pairs of the user / groups) of one user in a group
        user, n_groups = windows.user[step.window], len(sizes)
        of_user = np.bincount(user)
        for first, last in zip(step.bounds[:-1], step.bounds[1:], strict=True):
            in_group = np.bincount(user[first:last], minlength=len(of_user))
            assert (in_group <= -(-of_user // n_groups)).all()
    assert len(epoch) == batches.n_steps(windows, group_size, groups)
    assert len(seen) == len(set(seen)) == windows.n_pairs


@quick
@given(
    lengths=ragged.filter(lambda x: max(x) > 1),
    max_len=st.integers(2, 9),
    group_size=st.integers(1, 9),
    groups=st.integers(1, 4),
    visit=st.sampled_from([None, 0, 1, 3]),
    seed=st.integers(0, 5),
)
def test_shared_negatives_leave_the_pairs_and_deal_the_futures(
    lengths: list[int],
    max_len: int,
    group_size: int,
    groups: int,
    visit: int | None,
    seed: int,
) -> None:
    """Every pair once; at most G of a user in groups, never two in one."""
    windows = batches.make_windows(clicks(lengths), max_len)
    targets = set(windows.items.tolist())
    rng, seen = np.random.default_rng(seed), []
    epoch = list(
        batches.steps(windows, group_size, groups, rng, None, visit, negatives=5)
    )
    for step in epoch:
        seen += list(zip(step.window.tolist(), step.t.tolist(), strict=True))
        assert step.negatives is not None
        assert step.negatives.shape == (groups, 5)
        assert set(step.negatives.ravel().tolist()) <= targets
        user, n = windows.user[step.window], step.bounds[-1]
        pairs_of = np.bincount(user)
        dealt = np.bincount(user[:n], minlength=len(pairs_of))
        assert (dealt == np.minimum(pairs_of, groups)).all()
        for first, last in zip(step.bounds[:-1], step.bounds[1:], strict=True):
            assert last > first
            assert len(set(user[first:last])) == last - first
    assert len(epoch) == batches.n_steps(windows, group_size, groups)
    assert len(seen) == len(set(seen)) == windows.n_pairs


def test_shared_negatives_are_a_uniform_sample_of_the_next_clicks() -> None:
    """As in-batch negatives are: by pairs, so a first click of a user never is."""
    data = dm.Interactions.from_sequences([[9, 1, 2, 2], [9, 1], [7]])
    windows = batches.make_windows(data, 50)
    rng = np.random.default_rng(0)
    step = next(batches.steps(windows, 4, 1, rng, visit=0, negatives=8000))
    assert step.negatives is not None
    share = np.bincount(step.negatives.ravel(), minlength=10) / 8000
    assert share[1] == pytest.approx(2 / 4, abs=0.03)
    assert share[2] == pytest.approx(2 / 4, abs=0.03)
    assert share[1] + share[2] == 1


def test_whole_windows_are_encoded_about_once() -> None:
    """Tokens encoded per pair of an epoch: visits of 4, and whole windows."""
    windows = batches.make_windows(clicks([120] * 40), 200)
    tokens = {}
    for visit in (4, 0):
        rng = np.random.default_rng(0)
        made = [
            batches.packed(windows, step, False)
            for step in batches.steps(windows, 1024, 1, rng, None, visit, 64)
        ]
        blocks = [block for rows in made for block in rows.blocks]
        tokens[visit] = sum(block.items.numel() for block in blocks) / windows.n_pairs
    assert tokens[0] < 1.4
    assert tokens[4] > 4 * tokens[0]


def test_groups_of_one_step_draw_pairs_uniformly() -> None:
    """G = 1 is the paper: the first pair of an epoch is uniform over all (u, t)."""
    windows = batches.make_windows(clicks([2, 3, 6]), 50)
    counts = np.zeros((3, 6))
    for seed in range(4000):
        step = next(batches.steps(windows, 1, 1, np.random.default_rng(seed)))
        counts[step.window[0], step.t[0]] += 1
    drawn = counts[counts > 0]
    assert len(drawn) == windows.n_pairs == 8
    assert abs(drawn / 4000 - 1 / 8).max() < 0.03


@quick
@given(lengths=ragged.filter(lambda x: max(x) > 1), max_len=st.integers(2, 9))
def test_rows_hold_the_pasts_and_reversed_futures(
    lengths: list[int], max_len: int
) -> None:
    windows = batches.make_windows(clicks(lengths), max_len)
    step = next(batches.steps(windows, 8, 3, np.random.default_rng(0)))
    meaning = pasts_and_futures(windows, step)
    for role, nth in (("past", 1), ("future", 2)):
        items, size = batches.padded(windows, step, role)
        for row, n, pair in zip(items.tolist(), size.tolist(), meaning, strict=True):
            assert row[:n] == pair[nth]
            assert not any(row[n:])
    rows = batches.packed(windows, step, True)
    flat = {
        name: torch.cat([getattr(b, name).flatten() for b in rows.blocks])
        for name in ("items", "position", "segment")
    }
    ends = (rows.past, rows.future)
    for nth, tokens in enumerate(ends, start=1):
        assert tokens is not None
        for token, pair in zip(tokens.tolist(), meaning, strict=True):
            n = len(pair[nth])
            read = slice(token - n + 1, token + 1)
            assert flat["items"][read].tolist() == pair[nth]
            assert flat["position"][read].tolist() == list(range(n))
            assert len(set(flat["segment"][read].tolist())) == 1
    next_items, drawn = batches.pair_items(windows, step)
    for item, one, pair in zip(next_items, drawn, meaning, strict=True):
        assert item == pair[2][-1]
        assert one in pair[2]


def loss_and_gradients(
    model: dm.DisRec, windows: batches.Windows, step: batches.Step, sampler: str
) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    model.config = model.config.replace(sampler=sampler)
    log_q = torch.linspace(-5, -1, model.config.n_items + 1, dtype=torch.float64)
    model.zero_grad()
    loss = step_loss(
        model, windows, step, weight=0.7, log_q=log_q if model.config.logq else None
    )
    loss.total.backward()
    grads = {
        name: torch.zeros_like(p) if p.grad is None else p.grad.clone()
        for name, p in model.named_parameters()
    }
    return loss.total.detach(), grads


@settings(max_examples=25, deadline=None, derandomize=True)
@given(
    lengths=st.lists(st.integers(1, 40), min_size=1, max_size=10).filter(
        lambda x: max(x) > 1
    ),
    max_len=st.integers(2, 20),
    group_size=st.integers(1, 9),
    groups=st.integers(1, 6),
    keep=st.sampled_from([0.0, 0.3, 1.0]),
    variant=st.sampled_from([0, 0, 1, 2, 3]),
    extension=st.booleans(),
    negatives=st.sampled_from([0, 0, 7]),
    seed=st.integers(0, 99),
)
def test_packed_equals_pair_by_pair(
    lengths: list[int],
    max_len: int,
    group_size: int,
    groups: int,
    keep: float,
    variant: int,
    extension: bool,
    negatives: int,
    seed: int,
) -> None:
    windows = batches.make_windows(clicks(lengths, seed=seed), max_len)
    config = dm.DisRecConfig(
        40,
        dim=8,
        max_len=max_len,
        n_intents=3,
        keep=keep,
        dropout=0.0,
        variant=variant,
        init_std=0.3,
        remedy=extension,
        mask_same_item=extension,
        logq=extension,
    )
    torch.manual_seed(seed)
    model = dm.DisRec(config).double()
    if extension:
        model.intentions.uniform.fill_(False)
        model.intentions.z_mean.normal_()
    horizon = 3 if variant == 3 else None
    rng = np.random.default_rng(seed)
    visit = 0 if negatives else None
    size = group_size, groups
    for step in batches.steps(windows, *size, rng, horizon, visit, negatives):
        slow, slow_grads = loss_and_gradients(model, windows, step, "pairs")
        fast, fast_grads = loss_and_gradients(model, windows, step, "packed")
        assert abs(slow - fast) < 1e-10
        for name, gradient in slow_grads.items():
            assert (gradient - fast_grads[name]).abs().max() < 1e-10, name


def test_long_rows_are_packed_too() -> None:
    """Users of 200 clicks use all the row widths."""
    windows = batches.make_windows(clicks([3, 20, 40, 70, 130, 201, 350]), 200)
    step = next(batches.steps(windows, 64, 8, np.random.default_rng(0)))
    config = dm.DisRecConfig(40, dim=8, max_len=200, dropout=0.0)
    model = dm.DisRec(config).double()
    slow, slow_grads = loss_and_gradients(model, windows, step, "pairs")
    fast, fast_grads = loss_and_gradients(model, windows, step, "packed")
    assert slow == pytest.approx(float(fast), abs=1e-10)
    for name, gradient in slow_grads.items():
        assert (gradient - fast_grads[name]).abs().max() < 1e-10, name
