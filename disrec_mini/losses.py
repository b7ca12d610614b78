"""The losses: seq2item, seq2seq, the confident mask and the paper's variants.

Every function takes ONE group of B (past, future) pairs: the other pairs of the group
are the negatives, unless negatives are given. Ma et al., KDD 2020, the two losses;
chapters 07-09.
"""

import math
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from disrec_mini import checks
from disrec_mini.encoder import attention_bias
from disrec_mini.settings import DisRecConfig


@dataclass(frozen=True)
class Negatives:
    """N items that all pairs share as negatives, instead of each other's next clicks.

    ids : (N,), or (S, N): each of S equal parts of the pairs has N of its own.
    vectors : (..., N, D), their h. log_q : (..., N), ln of their shares, or None.
    """

    ids: Tensor
    vectors: Tensor
    log_q: Tensor | None = None

    def split(self) -> "list[Negatives]":
        """Those of each part."""
        nothing = [None] * len(self.ids)
        columns = (nothing if x is None else x.unbind() for x in vars(self).values())
        return [Negatives(*part) for part in zip(*columns, strict=True)]


def seq2item_loss(
    phi: Tensor,
    targets: Tensor,
    *,
    target_ids: Tensor | None = None,
    log_q: Tensor | None = None,
    temperature: float | None = None,
    negatives: Negatives | None = None,
) -> Tensor:
    """Next click: the best of K intentions must score it above the others' clicks.

    L(u,t) = -ln[ max_k exp(s_k(x_{t+1})) / sum_{(u',t')} sum_k' exp(s_k'(x'_{t'+1})) ]
    with s_k(j) = h_j . phi^(k) / temperature - ln q_j.

    Parameters
    ----------
    phi : (B, K, D), the pasts.
    targets : (B, D), h of each pair's next click.
    target_ids : (B,), ids of the targets. When given, OTHER rows with the same id leave
        the denominator.
    log_q : (B,), ln of each target's share among the training targets (logQ). With
        `negatives` it is theirs instead: ln(N q_j) is subtracted from each, so that the
        denominator is an estimate of the sum over all items.
    temperature : None for sqrt(D), the paper's.
    negatives : stand in the denominator, beside the own target, for the other rows'
        next clicks; with target_ids, but for those with the target's id.

    Returns
    -------
    (B,) losses.

    >>> phi = torch.tensor([[[1.0, 0.0]], [[0.0, 1.0]]])  # B = 2, K = 1, D = 2
    >>> seq2item_loss(phi, targets=phi[:, 0], temperature=1.0)  # ln(1 + 1/e) each
    tensor([0.3133, 0.3133])
    """
    checks.check_pairs(phi, targets, target_ids, log_q, temperature, negatives)
    n_pairs, n_intents, dim = phi.shape
    scale = math.sqrt(dim) if temperature is None else temperature
    if negatives is not None:
        if negatives.ids.ndim == 1:
            return _against(phi / scale, targets, target_ids, negatives)
        n_parts = len(negatives.ids)
        sizes = [(n_pairs + s) // n_parts for s in range(n_parts)]
        nothing = [None] * n_parts
        columns = (
            nothing if x is None else x.split(sizes)
            for x in (phi / scale, targets, target_ids)
        )
        parts = zip(*columns, negatives.split(), strict=True)
        return torch.cat([_against(*part) for part in parts])  # (B,)
    logits = phi.flatten(0, 1) @ targets.T / scale  # (B*K, B)
    if log_q is not None:
        logits = logits - log_q
    logits = logits.view(n_pairs, n_intents, n_pairs)  # (B, K, B)
    own = torch.arange(n_pairs, device=phi.device)
    if target_ids is not None:
        same = target_ids[:, None] == target_ids[None, :]  # (B, B)
        same = same & (own[:, None] != own[None, :])  # (B, B), other rows alone
        logits = logits.masked_fill(same.unsqueeze(1), -math.inf)  # (B, K, B)
    best = logits.detach()[own, :, own].argmax(1)  # (B,), the winning intention
    return F.cross_entropy(logits.flatten(1), best * n_pairs + own, reduction="none")


def _against(
    phi: Tensor,
    targets: Tensor,
    target_ids: Tensor | None,
    negatives: Negatives,
) -> Tensor:
    """(B,) losses of phi (B, K, D) / temperature, each target against the negatives."""
    own = (phi @ targets.unsqueeze(2)).squeeze(2)  # (B, K)
    others = phi @ negatives.vectors.T  # (B, K, N)
    if negatives.log_q is not None:
        others = others - (negatives.log_q + math.log(len(negatives.ids)))
    if target_ids is not None:
        differ = target_ids[:, None] != negatives.ids  # (B, N)
        others = others + attention_bias(differ, phi).unsqueeze(1)
    best = own.detach().argmax(1)  # (B,), the winning intention
    logits = torch.cat([own, others.flatten(1)], 1)  # (B, K + K*N)
    return F.cross_entropy(logits, best, reduction="none")


def seq2seq_loss(
    past: Tensor, future: Tensor, *, temperature: float | None = None
) -> Tensor:
    """Whole future: under every intention, find the own future among all the group's.

    L(u,t,k) = -ln[ exp(s(u,t,k)) / sum_{(u',t')} sum_k' exp(s(u',t',k')) ]
    with s(u',t',k') = phi^(k')(future of u',t') . phi^(k)(past of u,t) / temperature.

    Parameters
    ----------
    past, future : (B, K, D), the futures encoded in reversed order.
    temperature : None for sqrt(D), the paper's.

    Returns
    -------
    (B, K) losses.
    """
    checks.check_sequences_of(past, future, temperature)
    rows = torch.arange(past.shape[0] * past.shape[1], device=past.device)
    return _seq2seq_rows(past, future, rows, temperature).view(past.shape[:2])


def confident_mask(loss: Tensor, keep: float) -> Tensor:
    """Which (pair, intention) triples are easy enough to learn from.

    Parameters
    ----------
    loss : (B, K) seq2seq losses.
    keep : lambda, 0..1. The ceil(lambda * B * K) smallest are kept, with all ties.

    Returns
    -------
    (B, K) bool; no gradient flows through the threshold.

    >>> confident_mask(torch.tensor([[0.1, 0.9], [0.3, 0.2]]), keep=0.5)
    tensor([[ True, False],
            [False,  True]])
    """
    checks.check_mask(loss, keep)
    n_kept = math.ceil(keep * loss.numel() - 1e-9)
    if n_kept <= 0:
        return torch.zeros_like(loss, dtype=torch.bool)
    threshold = loss.detach().flatten().kthvalue(n_kept).values  # a scalar
    return loss.detach() <= threshold


@dataclass(frozen=True)
class Group:
    """B (past, future) pairs that are each other's negatives.

    past : (B, K, D). future : (B, K, D), or None when seq2seq is not used.
    targets : (B, D), target_ids : (B,), the next clicks.
    drawn, drawn_ids : (B, D), (B,), variants 2 and 3: one item of each future.
    negatives : what the next clicks compete with instead.
    """

    past: Tensor
    targets: Tensor
    target_ids: Tensor
    future: Tensor | None = None
    drawn: Tensor | None = None
    drawn_ids: Tensor | None = None
    negatives: Negatives | None = None

    def split(self, sizes: list[int]) -> "list[Group]":
        """Several groups laid end to end, apart: group g has sizes[g] pairs."""
        # split, not slices: each slice's gradient would be a zero-filled whole
        columns = [
            [None] * len(sizes) if column is None else column.split(sizes)
            for column in vars(self).values()
        ]
        return [Group(*parts) for parts in zip(*columns, strict=True)]


@dataclass(frozen=True)
class GroupLoss:
    """The loss of one group: `total` = seq2item + weight * extra, all divided by B;
    `kept`, how many of the B K triples entered `extra`."""

    total: Tensor
    seq2item: Tensor
    extra: Tensor
    kept: Tensor | int


def group_loss(
    config: DisRecConfig, group: Group, *, weight: float, log_q: Tensor | None = None
) -> GroupLoss:
    """The objective on one group of B pairs.

    L = 1/B sum L_seq2item + weight * 1/B * (sum of kept L_seq2seq, or the variant's).

    Parameters
    ----------
    weight : the seq2seq weight at this moment of the schedule.
    log_q : (n_items + 1,) table of ln q, or None.
    """

    def item_loss(vectors: Tensor, ids: Tensor) -> Tensor:
        return seq2item_loss(
            group.past,
            vectors,
            target_ids=ids if config.mask_same_item else None,
            log_q=None if log_q is None else log_q[ids],
            temperature=config.temperature,
            negatives=group.negatives,
        ).mean()  # of (B,)

    seq2item = item_loss(group.targets, group.target_ids)
    extra = seq2item.new_zeros(())
    kept: Tensor | int = 0
    if weight > 0 and group.drawn is not None and group.drawn_ids is not None:
        extra = item_loss(group.drawn, group.drawn_ids)
    elif weight > 0 and group.future is not None:
        extra, kept = kept_seq2seq(group.past, group.future, config)
    return GroupLoss(seq2item + weight * extra, seq2item, extra, kept)


def shared_loss(
    config: DisRecConfig,
    pairs: Group,
    sizes: list[int],
    *,
    weight: float,
    log_q: Tensor | None = None,
) -> GroupLoss:
    """The objective on P pairs that share negatives.

    L = 1/P sum L_seq2item + weight * 1/G sum_g 1/B sum of kept L_seq2seq. The first
    sizes[0] pairs are group 0 of the futures, and so on; the rest have no future.

    Parameters
    ----------
    weight, log_q : as in `group_loss`.
    """
    whole = group_loss(config, replace(pairs, future=None), weight=weight, log_q=log_q)
    if weight == 0 or pairs.future is None:
        return whole
    groups = zip(
        pairs.past[: sum(sizes)].split(sizes), pairs.future.split(sizes), strict=True
    )
    found = [kept_seq2seq(past, future, config) for past, future in groups]
    extra = torch.stack([loss for loss, _ in found]).mean()
    kept = sum((n for _, n in found), torch.zeros(()))
    return GroupLoss(whole.total + weight * extra, whole.seq2item, extra, kept)


def kept_seq2seq(
    past: Tensor, future: Tensor, config: DisRecConfig, wait: bool | None = None
) -> tuple[Tensor, Tensor | int]:
    """Sum of the kept seq2seq losses of a group, divided by B; how many were kept.

    wait : for the number of the kept rows, so that only they are computed with
        gradients; None: on a CPU alone, where nothing has to wait.
    """
    temperature = config.seq2seq_temperature
    wait = past.device.type == "cpu" if wait is None else wait
    if config.keep >= 1:
        loss = seq2seq_loss(past, future, temperature=temperature)
        return loss.sum() / len(past), loss.numel()
    if not wait:
        loss = seq2seq_loss(past, future, temperature=temperature)
        kept = confident_mask(loss, config.keep)  # (B, K)
        return (loss * kept).sum() / len(past), kept.sum()
    with torch.no_grad():
        loss = seq2seq_loss(past, future, temperature=temperature)
        rows = confident_mask(loss, config.keep).flatten().nonzero()[:, 0]  # (n,)
    if len(rows) == 0:
        return past.new_zeros(()), 0
    return _seq2seq_rows(past, future, rows, temperature).sum() / len(past), len(rows)


def _seq2seq_rows(
    past: Tensor, future: Tensor, rows: Tensor, temperature: float | None
) -> Tensor:
    """(n,) seq2seq losses of some of the B*K flat (pair, intention) rows."""
    scale = math.sqrt(past.shape[-1]) if temperature is None else temperature
    anchors = past.flatten(0, 1).index_select(0, rows)  # (n, D)
    logits = anchors @ future.flatten(0, 1).T / scale  # (n, B*K)
    return F.cross_entropy(logits, rows, reduction="none")
