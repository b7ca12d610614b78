"""The losses: seq2item, seq2seq, the confident mask and the paper's variants.

Every function takes ONE group of B (past, future) pairs: the other pairs of the group
are the negatives. Ma et al., KDD 2020, the two losses; chapters 07-09.
"""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from disrec_mini.settings import DisRecConfig


def seq2item_loss(
    phi: Tensor,
    targets: Tensor,
    *,
    target_ids: Tensor | None = None,
    log_q: Tensor | None = None,
    temperature: float | None = None,
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
    log_q : (B,), ln of each target's share among the training targets (logQ).
    temperature : None for sqrt(D), the paper's.

    Returns
    -------
    (B,) losses.

    >>> phi = torch.tensor([[[1.0, 0.0]], [[0.0, 1.0]]])  # B = 2, K = 1, D = 2
    >>> seq2item_loss(phi, targets=phi[:, 0], temperature=1.0)  # ln(1 + 1/e) each
    tensor([0.3133, 0.3133])
    """
    n_pairs, n_intents, dim = phi.shape
    scale = math.sqrt(dim) if temperature is None else temperature
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
    """

    past: Tensor
    targets: Tensor
    target_ids: Tensor
    future: Tensor | None = None
    drawn: Tensor | None = None
    drawn_ids: Tensor | None = None

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
    kept: int


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
        ).mean()  # of (B,)

    seq2item = item_loss(group.targets, group.target_ids)
    extra, kept = seq2item.new_zeros(()), 0
    if weight > 0 and group.drawn is not None and group.drawn_ids is not None:
        extra = item_loss(group.drawn, group.drawn_ids)
    elif weight > 0 and group.future is not None:
        extra, kept = _kept_seq2seq(group.past, group.future, config)
        extra = extra / len(group.past)
    return GroupLoss(seq2item + weight * extra, seq2item, extra, kept)


def _kept_seq2seq(
    past: Tensor, future: Tensor, config: DisRecConfig
) -> tuple[Tensor, int]:
    """Sum of the kept seq2seq losses; only their rows are computed with gradients."""
    temperature = config.seq2seq_temperature
    if config.keep >= 1:
        loss = seq2seq_loss(past, future, temperature=temperature)
        return loss.sum(), loss.numel()
    with torch.no_grad():
        loss = seq2seq_loss(past, future, temperature=temperature)
        rows = confident_mask(loss, config.keep).flatten().nonzero()[:, 0]  # (n,)
    if len(rows) == 0:
        return past.new_zeros(()), 0
    return _seq2seq_rows(past, future, rows, temperature).sum(), len(rows)


def _seq2seq_rows(
    past: Tensor, future: Tensor, rows: Tensor, temperature: float | None
) -> Tensor:
    """(n,) seq2seq losses of some of the B*K flat (pair, intention) rows."""
    scale = math.sqrt(past.shape[-1]) if temperature is None else temperature
    anchors = past.flatten(0, 1).index_select(0, rows)  # (n, D)
    logits = anchors @ future.flatten(0, 1).T / scale  # (n, B*K)
    return F.cross_entropy(logits, rows, reduction="none")
