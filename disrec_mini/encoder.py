"""SASRec: self-attention blocks that turn clicks x_1..x_T into vectors z_1..z_T.

Kang & McAuley, *Self-Attentive Sequential Recommendation*, ICDM 2018, as the paper
uses it: one head, causal, item table shared with the scores. Chapter 05.
"""

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

LAYER_NORM_EPS = 1e-8  # as in the original SASRec


def layer_norm(dim: int) -> nn.LayerNorm:
    """LayerNorm with SASRec's epsilon."""
    return nn.LayerNorm(dim, eps=LAYER_NORM_EPS)


def causal_mask(lengths: Tensor, max_len: int) -> Tensor:
    """Who may look at whom in right-padded rows.

    Parameters
    ----------
    lengths : (B,) int64, true length of each row.
    max_len : T, number of columns.

    Returns
    -------
    (B, T, T) bool: [b, i, j] is True if position i may attend to position j, that is
    j <= i and j is a click. A padding position attends to itself alone: a softmax
    over nothing would be NaN.
    """
    position = torch.arange(max_len, device=lengths.device)
    past = position[None, :] <= position[:, None]  # (T, T)
    click = position[None, :] < lengths[:, None]  # (B, T)
    own = torch.eye(max_len, dtype=torch.bool, device=lengths.device)
    return (past & click[:, None, :]) & click[:, :, None] | own  # (B, T, T)


def block_mask(segment: Tensor) -> Tensor:
    """Who may look at whom when several sequences share a row.

    Parameters
    ----------
    segment : (R, T) int64, the number of the sequence each token belongs to,
        the tokens of one sequence side by side and in reading order. Padding has
        numbers of its own, so that it attends to padding alone.

    Returns
    -------
    (R, T, T) bool, True where j <= i and both tokens are of the same sequence.
    """
    position = torch.arange(segment.shape[1], device=segment.device)
    past = position[None, :] <= position[:, None]  # (T, T)
    return past & (segment[:, :, None] == segment[:, None, :])  # (R, T, T)


def attention_bias(mask: Tensor, like: Tensor) -> Tensor:
    """0 where a bool mask is True, else -inf: for those who use it more than once.

    Scores plus this are scores with -inf where nobody may look, and cheaper.
    """
    return like.new_zeros(mask.shape).masked_fill_(~mask, -math.inf)


class Dropout(nn.Dropout):
    """`nn.Dropout` with random bits from numpy on a CPU, about six times as fast.

    Each number is dropped with probability p, rounded to 1/65,536, or divided by the
    probability of staying. The bits follow from torch's generator. Small inputs keep
    torch's own draws, so that small models stay, to the bit, what they were.
    """

    large = 2**18  # numbers

    def forward(self, input: Tensor) -> Tensor:
        """As `input`, some numbers 0, the others larger."""
        small = input.numel() < self.large
        if not self.training or not self.p or small or input.device.type != "cpu":
            return super().forward(input)
        dropped = min(round(self.p * 65536), 65535)
        seed = int(torch.randint(2**62, ()))
        generator = np.random.Generator(np.random.SFC64(seed))
        words = generator.integers(2**64, size=-(-input.numel() // 4), dtype=np.uint64)
        bits = words.view(np.uint16)[: input.numel()]  # (n,), 0..65535 each
        kept = torch.from_numpy((bits >= dropped).astype(np.float32)).to(input.dtype)
        return input * kept.mul_(65536 / (65536 - dropped)).view(input.shape)


class Block(nn.Module):
    """One causal self-attention block: x, mask -> output.

    n = LN_a(x);  x' = n + A V with A = softmax((n Wq + bq)(x Wk + bk)^T / sqrt(D)),
    V = x Wv + bv;  y = LN_b(x');  output = y + W2 ReLU(W1 y + b1) + b2.
    Only the queries are normalised, and the residual comes from them.
    """

    def __init__(self, dim: int, dropout: float) -> None:
        super().__init__()
        self.norm_query = layer_norm(dim)
        self.query = nn.Linear(dim, dim)
        self.key = nn.Linear(dim, dim)
        self.value = nn.Linear(dim, dim)
        self.norm_feedforward = layer_norm(dim)
        self.inner = nn.Linear(dim, dim)
        self.outer = nn.Linear(dim, dim)
        self.dropout = Dropout(dropout)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """x (R, T, D), mask (R, T, T), bool or `attention_bias` -> (R, T, D)."""
        n = self.norm_query(x)
        queries = self.query(n) / math.sqrt(x.shape[-1])
        bias = attention_bias(mask, x) if mask.dtype == torch.bool else mask
        scores = torch.baddbmm(bias, queries, self.key(x).transpose(1, 2))  # (R, T, T)
        attention = scores.softmax(-1)
        x = n + self.dropout(attention) @ self.value(x)  # (R, T, D)
        y = self.norm_feedforward(x)
        hidden = self.dropout(F.relu(self.inner(y)))
        return y + self.dropout(self.outer(hidden))


class Encoder(nn.Module):
    """Clicks -> z, "the intention behind click i in its context".

    e_i = sqrt(D) h_{x_i} + position_i, dropout, L blocks, z = LN_f(output).
    In training `item_dropout` of the clicks show their position alone (an extension).
    """

    def __init__(
        self,
        n_items: int,
        dim: int,
        n_blocks: int,
        max_len: int,
        dropout: float,
        item_dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.item_dropout = item_dropout
        self.item_embedding = nn.Embedding(n_items + 1, dim, padding_idx=0)
        self.position_embedding = nn.Embedding(max_len, dim)
        self.dropout = Dropout(dropout)
        self.blocks = nn.ModuleList(Block(dim, dropout) for _ in range(n_blocks))
        self.norm = layer_norm(dim)

    def forward(
        self,
        items: Tensor,
        position: Tensor,
        mask: Tensor,
        vectors: Tensor | None = None,
    ) -> Tensor:
        """Encode rows of clicks.

        Parameters
        ----------
        items : (R, T) int64, 0 where there is no click.
        position : (T,) or (R, T) int64, place of each click in its own sequence,
            0 for the oldest.
        mask : (R, T, T) bool, from `causal_mask` or `block_mask`, or `attention_bias`.
        vectors : (R, T, D), h of the items, if they were looked up already.

        Returns
        -------
        z (R, T, D), exactly 0 at padding.
        """
        h = self.item_embedding(items) if vectors is None else vectors  # (R, T, D)
        if self.training and self.item_dropout > 0:
            shown = torch.rand(items.shape, device=items.device) >= self.item_dropout
            h = h * shown.unsqueeze(-1).to(h.dtype)
        x = math.sqrt(h.shape[-1]) * h + self.position_embedding(position)
        x = self.dropout(x)
        for block in self.blocks:
            x = block(x, mask)
        return self.norm(x) * (items != 0).unsqueeze(-1).to(x.dtype)  # (R, T, D)
