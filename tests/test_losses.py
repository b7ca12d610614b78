"""The losses against loop-written ones: values, gradients, what is kept."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import disrec_mini as dm
from disrec_mini.losses import (
    Group,
    Negatives,
    confident_mask,
    group_loss,
    kept_seq2seq,
    seq2item_loss,
    seq2seq_loss,
    shared_loss,
)

quick = settings(max_examples=25, deadline=None, derandomize=True)
sizes = {
    "B": st.integers(1, 5),
    "K": st.integers(1, 4),
    "D": st.integers(1, 6),
    "seed": st.integers(0, 99),
    "temperature": st.sampled_from([None, 1.0, 0.3]),
}


def vectors(seed: int, *shapes: tuple[int, ...]) -> list[torch.Tensor]:
    """Normal float64 tensors that ask for gradients."""
    draw = torch.Generator().manual_seed(seed)
    return [
        torch.randn(shape, generator=draw, dtype=torch.float64, requires_grad=True)
        for shape in shapes
    ]


def log_sum_exp(values: list[torch.Tensor]) -> torch.Tensor:
    highest = max(v.item() for v in values)
    return highest + torch.log(sum(torch.exp(v - highest) for v in values))


def slow_seq2item(
    phi: torch.Tensor,
    targets: torch.Tensor,
    ids: list[int] | None = None,
    log_q: list[float] | None = None,
    temperature: float | None = None,
) -> torch.Tensor:
    n_pairs, n_intents, dim = phi.shape
    scale = math.sqrt(dim) if temperature is None else temperature
    losses = []
    for b in range(n_pairs):
        below, above = [], []
        for other in range(n_pairs):
            if ids is not None and other != b and ids[other] == ids[b]:
                continue
            for k in range(n_intents):
                logit = sum(phi[b, k, d] * targets[other, d] for d in range(dim))
                logit = logit / scale
                if log_q is not None:
                    logit = logit - log_q[other]
                below.append(logit)
                if other == b:
                    above.append(logit)
        losses.append(log_sum_exp(below) - max(above, key=lambda v: v.item()))
    return torch.stack(losses)


def slow_seq2seq(
    past: torch.Tensor, future: torch.Tensor, temperature: float | None = None
) -> torch.Tensor:
    n_pairs, n_intents, dim = past.shape
    scale = math.sqrt(dim) if temperature is None else temperature
    rows = []
    for b in range(n_pairs):
        row = []
        for k in range(n_intents):
            below = [
                future[other, j] @ past[b, k] / scale
                for other in range(n_pairs)
                for j in range(n_intents)
            ]
            above = future[b, k] @ past[b, k] / scale
            row.append(log_sum_exp(below) - above)
        rows.append(torch.stack(row))
    return torch.stack(rows)


def close(ours: torch.Tensor, theirs: torch.Tensor) -> None:
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-10)


def same_gradients(
    ours: torch.Tensor, theirs: torch.Tensor, inputs: list[torch.Tensor]
) -> None:
    ours_ = torch.autograd.grad(ours, inputs, retain_graph=True)
    theirs_ = torch.autograd.grad(theirs, inputs, retain_graph=True)
    for a, b in zip(ours_, theirs_, strict=True):
        close(a, b)


# -- seq2item --------------------------------------------------------------------------


def slow_shared(
    phi: torch.Tensor,
    targets: torch.Tensor,
    negatives: Negatives,
    ids: list[int] | None,
    temperature: float | None,
) -> torch.Tensor:
    """Each target by itself against negatives that all share."""
    n_pairs, n_intents, dim = phi.shape
    scale = math.sqrt(dim) if temperature is None else temperature
    losses = []
    for b in range(n_pairs):
        own = [phi[b, k] @ targets[b] / scale for k in range(n_intents)]
        below = list(own)
        for n, item in enumerate(negatives.ids.tolist()):
            if ids is not None and item == ids[b]:
                continue
            for k in range(n_intents):
                logit = phi[b, k] @ negatives.vectors[n] / scale
                if negatives.log_q is not None:
                    logit = logit - negatives.log_q[n] - math.log(len(negatives.ids))
                below.append(logit)
        losses.append(log_sum_exp(below) - max(own, key=torch.Tensor.item))
    return torch.stack(losses)


@quick
@given(**sizes, N=st.integers(1, 6), masked=st.booleans(), corrected=st.booleans())
def test_shared_negatives_equal_the_loop(
    B: int,
    K: int,
    D: int,
    N: int,
    seed: int,
    temperature: float | None,
    masked: bool,
    corrected: bool,
) -> None:
    phi, targets, drawn = vectors(seed, (B, K, D), (B, D), (N, D))
    draw = torch.Generator().manual_seed(seed)
    ids = torch.randint(1, 4, (B,), generator=draw)
    of_drawn = torch.randint(1, 4, (N,), generator=draw)
    table = -5 * torch.rand(4, generator=draw).double() if corrected else None
    shared = Negatives(of_drawn, drawn, None if table is None else table[of_drawn])
    ours = seq2item_loss(
        phi,
        targets,
        target_ids=ids if masked else None,
        temperature=temperature,
        negatives=shared,
    )
    theirs = slow_shared(
        phi,
        targets,
        shared,
        ids.tolist() if masked else None,
        temperature,
    )
    assert ours.shape == (B,)
    close(ours, theirs)
    same_gradients(ours.sum(), theirs.sum(), [phi, targets, drawn])


def test_logq_of_shared_negatives_estimates_the_softmax_over_all_items() -> None:
    """All other items once, N q_j = 1: exact. Drawn by q: right on average."""
    phi, h = vectors(5, (3, 1, 4), (8, 4))
    ids = torch.tensor([0, 3, 7])
    full = torch.nn.functional.cross_entropy(phi[:, 0] @ h.T, ids, reduction="none")
    every = Negatives(torch.arange(8), h, torch.full((8,), -math.log(8), dtype=h.dtype))
    exact = seq2item_loss(phi, h[ids], target_ids=ids, temperature=1.0, negatives=every)
    close(exact, full)
    draw = torch.Generator().manual_seed(0)
    q = torch.rand(8, generator=draw).double().softmax(0)
    drawn = torch.multinomial(q, 200_000, replacement=True, generator=draw)
    some = Negatives(drawn, h[drawn], q[drawn].log())
    about = seq2item_loss(phi, h[ids], target_ids=ids, temperature=1.0, negatives=some)
    assert (about - full).abs().max() < 0.02
    plain = Negatives(drawn, h[drawn])
    other = seq2item_loss(phi, h[ids], target_ids=ids, temperature=1.0, negatives=plain)
    assert (other - full).abs().max() > 0.5


def test_parts_of_the_pairs_have_negatives_of_their_own() -> None:
    phi, targets, drawn = vectors(2, (7, 2, 4), (7, 4), (2, 3, 4))
    ids, of_drawn = torch.arange(7), torch.tensor([[1, 8, 9], [8, 8, 5]])
    log_q = torch.linspace(-3, -1, 6).double().view(2, 3)
    whole = Negatives(of_drawn, drawn, log_q)
    ours = seq2item_loss(phi, targets, target_ids=ids, negatives=whole)
    for part, first, last in ((0, 0, 3), (1, 3, 7)):
        own = Negatives(of_drawn[part], drawn[part], log_q[part])
        rows = slice(first, last)
        close(
            ours[rows],
            seq2item_loss(
                phi[rows], targets[rows], target_ids=ids[rows], negatives=own
            ),
        )


def test_the_others_next_clicks_as_negatives_are_the_in_batch_loss() -> None:
    """Given as negatives, with the own one masked, they change nothing."""
    phi, targets = vectors(3, (5, 2, 4), (5, 4))
    ids = torch.tensor([1, 2, 3, 2, 4])
    ours = seq2item_loss(
        phi, targets, target_ids=ids, negatives=Negatives(ids, targets)
    )
    close(ours, seq2item_loss(phi, targets, target_ids=ids))


@quick
@given(
    K=st.integers(1, 3),
    keep=st.sampled_from([0.0, 0.4, 1.0]),
    weight=st.sampled_from([0.0, 0.7]),
    seed=st.integers(0, 99),
)
def test_shared_loss_equals_the_definition(
    K: int, keep: float, weight: float, seed: int
) -> None:
    """1/P of all seq2item + weight, mean over groups of 1/B of the kept seq2seq."""
    past, future, targets, drawn = vectors(seed, (7, K, 4), (5, K, 4), (7, 4), (6, 4))
    draw = torch.Generator().manual_seed(seed)
    ids, of_drawn = (torch.randint(1, 9, (n,), generator=draw) for n in (7, 6))
    config = dm.DisRecConfig(9, dim=4, n_intents=K, keep=keep, mask_same_item=True)
    shared = Negatives(of_drawn, drawn)
    pairs = Group(past, targets, ids, future, negatives=shared)
    ours = shared_loss(config, pairs, [3, 2], weight=weight)
    total = slow_shared(past, targets, shared, ids.tolist(), None).mean()
    kept = 0
    for first, last in ((0, 3), (3, 5)):
        second = slow_seq2seq(past[first:last], future[first:last], None)
        mask = confident_mask(second.detach(), keep)
        kept += int(mask.sum())
        total = total + weight * (second * mask).sum() / (last - first) / 2
    close(ours.total, total)
    assert int(ours.kept) == (kept if weight else 0)
    same_gradients(ours.total, total, [past, targets, drawn])


@pytest.mark.parametrize("keep", [0.0, 0.3, 1.0])
def test_kept_losses_are_the_same_on_every_kind_of_device(keep: float) -> None:
    """Computed with gradients for the kept rows alone, or masked: one number."""
    past, future = vectors(1, (6, 2, 4), (6, 2, 4))
    config = dm.DisRecConfig(9, dim=4, n_intents=2, keep=keep)
    here, n = kept_seq2seq(past, future, config)
    there, m = kept_seq2seq(past, future, config, wait=False)
    assert int(n) == int(m)
    close(here, there)
    if keep:
        same_gradients(here, there, [past, future])


@quick
@given(**sizes, masked=st.booleans(), corrected=st.booleans())
def test_seq2item_equals_the_loop(
    B: int,
    K: int,
    D: int,
    seed: int,
    temperature: float | None,
    masked: bool,
    corrected: bool,
) -> None:
    phi, targets = vectors(seed, (B, K, D), (B, D))
    draw = torch.Generator().manual_seed(seed)
    ids = torch.randint(1, 4, (B,), generator=draw) if masked else None
    log_q = -5 * torch.rand(B, generator=draw).double() if corrected else None
    ours = seq2item_loss(
        phi, targets, target_ids=ids, log_q=log_q, temperature=temperature
    )
    theirs = slow_seq2item(
        phi,
        targets,
        None if ids is None else ids.tolist(),
        None if log_q is None else log_q.tolist(),
        temperature,
    )
    assert ours.shape == (B,)
    close(ours, theirs)
    same_gradients(ours.sum(), theirs.sum(), [phi, targets])


def test_seq2item_pulls_the_winning_intention_alone() -> None:
    """Minus the softmax part, only the best intention of a pair has a gradient."""
    B, K, D = 4, 3, 5
    phi, targets = vectors(1, (B, K, D), (B, D))
    loss = seq2item_loss(phi, targets).sum()
    gradient = torch.autograd.grad(loss, phi)[0]
    for b in range(B):
        logits = torch.stack(
            [torch.stack([phi[b, k] @ targets[j] for j in range(B)]) for k in range(K)]
        )
        logits = logits.detach() / math.sqrt(D)  # (K, B)
        share = (logits - logits.logsumexp((0, 1))).exp()
        winner = int(logits[:, b].argmax())
        for k in range(K):
            pushed = sum(share[k, j] * targets[j] for j in range(B)) / math.sqrt(D)
            pulled = gradient[b, k] - pushed.detach()
            if k == winner:
                close(pulled, -targets[b].detach() / math.sqrt(D))
            else:
                close(pulled, torch.zeros(D, dtype=torch.float64))


def test_masking_leaves_other_rows_out_and_the_own_row_in() -> None:
    phi, targets = vectors(2, (3, 2, 4), (3, 4))
    alone = seq2item_loss(phi[:1], targets[:1])
    masked = seq2item_loss(phi, targets, target_ids=torch.tensor([7, 7, 7]))
    close(masked[:1], alone)
    different = seq2item_loss(phi, targets, target_ids=torch.tensor([1, 2, 3]))
    close(different, seq2item_loss(phi, targets))
    assert (masked < different).all()


def test_a_constant_log_q_changes_nothing() -> None:
    phi, targets = vectors(3, (3, 2, 4), (3, 4))
    log_q = torch.full((3,), -4.0, dtype=torch.float64)
    close(seq2item_loss(phi, targets, log_q=log_q), seq2item_loss(phi, targets))


# -- seq2seq ---------------------------------------------------------------------------


@quick
@given(**sizes)
def test_seq2seq_equals_the_loop(
    B: int, K: int, D: int, seed: int, temperature: float | None
) -> None:
    past, future = vectors(seed, (B, K, D), (B, K, D))
    ours = seq2seq_loss(past, future, temperature=temperature)
    assert ours.shape == (B, K)
    theirs = slow_seq2seq(past, future, temperature)
    close(ours, theirs)
    same_gradients(ours.sum(), theirs.sum(), [past, future])


def test_gradients_equal_finite_differences() -> None:
    phi, targets, future = vectors(4, (3, 2, 4), (3, 4), (3, 2, 4))
    ids, log_q = torch.tensor([1, 2, 1]), torch.tensor([-1.0, -2.0, -3.0]).double()
    assert torch.autograd.gradcheck(seq2item_loss, (phi, targets))
    assert torch.autograd.gradcheck(
        lambda p, h: seq2item_loss(p, h, target_ids=ids, log_q=log_q), (phi, targets)
    )
    assert torch.autograd.gradcheck(seq2seq_loss, (phi, future))


def test_huge_logits_do_not_overflow() -> None:
    draw = torch.Generator().manual_seed(0)
    phi, future = 100 * torch.randn(2, 6, 3, 8, generator=draw)
    targets = 100 * torch.randn(6, 8, generator=draw)
    inputs = [x.requires_grad_() for x in (phi, future, targets)]
    assert float((phi.flatten(0, 1) @ targets.T).detach().abs().max()) > 1e4
    for loss in (
        seq2item_loss(phi, targets, temperature=1.0),
        seq2item_loss(phi, targets, target_ids=torch.tensor([1, 1, 2, 2, 3, 4])),
        seq2seq_loss(phi, future, temperature=1.0),
    ):
        assert loss.dtype == torch.float32
        assert loss.isfinite().all()
        assert (loss >= 0).all()
        for gradient in torch.autograd.grad(loss.sum(), inputs, allow_unused=True):
            assert gradient is None or gradient.isfinite().all()


# -- confident samples -----------------------------------------------------------------


@quick
@given(
    B=st.integers(1, 7),
    K=st.integers(1, 5),
    keep=st.sampled_from([0.0, 0.01, 0.1, 0.3, 0.5, 0.7, 0.999, 1.0]),
    seed=st.integers(0, 99),
)
def test_confident_mask_equals_the_loop(B: int, K: int, keep: float, seed: int) -> None:
    (loss,) = vectors(seed, (B, K))
    hundredths = round(1000 * keep) * B * K  # the ceiling without rounding errors
    count = -(-hundredths // 1000)
    order = sorted(range(B * K), key=lambda n: loss.flatten()[n].item())
    expected = torch.zeros(B * K, dtype=torch.bool)
    expected[order[:count]] = True
    ours = confident_mask(loss, keep)
    assert ours.dtype == torch.bool
    assert not ours.requires_grad
    assert torch.equal(ours, expected.view(B, K))
    for factor in (0.25, 8.0):
        assert torch.equal(confident_mask(factor * loss, keep), ours)


def test_confident_mask_keeps_ties() -> None:
    loss = torch.tensor([[1.0, 2.0], [2.0, 2.0], [3.0, 0.0]])
    kept = confident_mask(loss, 0.5)  # the third smallest of six is 2
    assert kept.tolist() == [[True, True], [True, True], [False, True]]
    assert confident_mask(torch.zeros(4, 3), 0.01).all()


def test_confident_mask_counts_exactly() -> None:
    """0.07 * 100 is 7.000000000000001 in floating point: 7 are kept, not 8."""
    loss = torch.rand(25, 4, generator=torch.Generator().manual_seed(0))
    assert math.ceil(0.07 * 100) == 8
    assert int(confident_mask(loss, 0.07).sum()) == 7
    assert int(confident_mask(loss, 0.071).sum()) == 8
    assert not confident_mask(loss, 0.0).any()
    assert confident_mask(loss, 1.0).all()


# -- one group -------------------------------------------------------------------------


@quick
@given(
    B=st.integers(1, 6),
    K=st.integers(1, 4),
    keep=st.sampled_from([0.0, 0.2, 0.5, 1.0]),
    weight=st.sampled_from([0.0, 0.4, 1.0]),
    extensions=st.booleans(),
    seed=st.integers(0, 99),
)
def test_group_loss_equals_the_definition(
    B: int, K: int, keep: float, weight: float, extensions: bool, seed: int
) -> None:
    """1/B sum of all seq2item + weight/B sum of the kept seq2seq, with gradients."""
    past, future, targets = vectors(seed, (B, K, 4), (B, K, 4), (B, 4))
    ids = torch.randint(1, 4, (B,), generator=torch.Generator().manual_seed(seed))
    table = torch.linspace(-4, -1, 4, dtype=torch.float64) if extensions else None
    config = dm.DisRecConfig(
        3,
        dim=4,
        n_intents=K,
        keep=keep,
        mask_same_item=extensions,
        temperature=0.5 if extensions else None,
        seq2seq_temperature=2.0 if extensions else None,
    )
    ours = group_loss(
        config, Group(past, targets, ids, future), weight=weight, log_q=table
    )
    first = slow_seq2item(
        past,
        targets,
        ids.tolist() if extensions else None,
        None if table is None else [float(table[j]) for j in ids],
        config.temperature,
    )
    second = slow_seq2seq(past, future, config.seq2seq_temperature)
    kept = confident_mask(second.detach(), keep)
    extra = sum((second[b, k] for b, k in kept.nonzero().tolist()), 0 * second.sum())
    total = (first.sum() + weight * extra) / B
    close(ours.total, total)
    close(ours.seq2item, first.sum() / B)
    if weight > 0:
        close(ours.extra, extra / B)
        assert ours.kept == int(kept.sum()) == math.ceil(keep * B * K - 1e-9)
    else:
        assert ours.kept == 0
        assert float(ours.extra) == 0
    if weight > 0 and keep > 0:
        same_gradients(ours.total, total, [past, future, targets])
    else:
        same_gradients(ours.total, total, [past, targets])
        (gradient,) = torch.autograd.grad(ours.total, [future], allow_unused=True)
        assert gradient is None


@pytest.mark.parametrize("variant", [2, 3])
@pytest.mark.parametrize("masked", [False, True])
def test_variants_add_the_loss_of_one_drawn_item(variant: int, masked: bool) -> None:
    """L_s2i + w * L_item, the other pairs' draws as negatives of the draw."""
    B, K, D = 5, 3, 4
    past, targets, drawn = vectors(6, (B, K, D), (B, D), (B, D))
    ids, drawn_ids = torch.tensor([1, 2, 1, 4, 5]), torch.tensor([3, 3, 1, 2, 5])
    table = torch.linspace(-4, -1, 6, dtype=torch.float64)
    config = dm.DisRecConfig(5, dim=D, variant=variant, mask_same_item=masked)
    ours = group_loss(
        config,
        Group(past, targets, ids, drawn=drawn, drawn_ids=drawn_ids),
        weight=0.7,
        log_q=table,
    )
    parts = []
    for h, j in ((targets, ids), (drawn, drawn_ids)):
        log_q = [float(table[i]) for i in j]
        parts.append(slow_seq2item(past, h, j.tolist() if masked else None, log_q))
    total = (parts[0].sum() + 0.7 * parts[1].sum()) / B
    close(ours.total, total)
    close(ours.extra, parts[1].sum() / B)
    assert ours.kept == 0
    same_gradients(ours.total, total, [past, targets, drawn])


def test_variant_1_is_seq2item_alone() -> None:
    past, targets = vectors(7, (4, 2, 3), (4, 3))
    config = dm.DisRecConfig(9, dim=3, variant=1)
    ids = torch.tensor([1, 2, 3, 4])
    loss = group_loss(config, Group(past, targets, ids), weight=1.0)
    close(loss.total, slow_seq2item(past, targets).mean())
    assert float(loss.extra) == loss.kept == 0


def test_a_group_of_one_pair_of_one_intention_has_nothing_to_learn() -> None:
    past, future, targets = vectors(8, (1, 1, 3), (1, 1, 3), (1, 3))
    config = dm.DisRecConfig(9, dim=3, n_intents=1, keep=1.0)
    loss = group_loss(
        config, Group(past, targets, torch.tensor([1]), future), weight=1.0
    )
    close(loss.total, torch.zeros((), dtype=torch.float64))
