"""GRU4Rec and GRU4Rec+: a recurrent network reads the clicks.

Hidasi, Karatzoglou, Baltrunas & Tikk, *Session-based Recommendations with Recurrent
Neural Networks*, ICLR 2016; Hidasi & Karatzoglou, *Recurrent Neural Networks with Top-k
Gains for Session-based Recommendations*, CIKM 2018.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from disrec_mini.baselines.objectives import Causal, NextItem, NextItemConfig
from disrec_mini.baselines.personal import with_bias
from disrec_mini.batches import Rows
from disrec_mini.encoder import Dropout
from disrec_mini.interactions import Interactions
from disrec_mini.recommender import Names
from disrec_mini.settings import LENGTH, DisRecConfig, again, setting


@dataclass(frozen=True)
class GRUConfig(NextItemConfig):
    """Settings of GRU4Rec, besides those of every baseline that learns."""

    dim: int = setting("D, size of every vector", 64, low=1)
    layers: int = setting("GRUs, one above the other", 1, low=1)
    max_len: int = again(DisRecConfig, "max_len", 50, **LENGTH)
    dropout: float = setting(
        "share of the clicks' numbers, and of the states', dropped in training",
        0.2,
        low=0,
        high=0.99,
    )
    loss: str = again(NextItemConfig, "loss", "top1")
    group_size: int = again(NextItemConfig, "group_size", 50)
    groups: int = again(
        NextItemConfig,
        "groups",
        20,
        long=80,
        why="Click follows click in the network: more histories at once cost little.",
    )
    visit: int | None = again(NextItemConfig, "visit", 0)
    negatives: int = again(NextItemConfig, "negatives", 50)


@dataclass(frozen=True)
class GRUPlusConfig(GRUConfig):
    """Settings of GRU4Rec+, besides those of every baseline that learns."""

    loss: str = again(NextItemConfig, "loss", "bpr-max")
    group_size: int = again(NextItemConfig, "group_size", 1024)
    groups: int = again(NextItemConfig, "groups", 1)
    negatives: int = again(NextItemConfig, "negatives", 2048)
    alpha: float = setting(
        "negatives are drawn in proportion to (times clicked next)^alpha",
        0.5,
        low=0,
        high=1,
    )


class GRU4Rec(Causal):
    """score(j | x_1..x_t) = w_j . s_t + b_j, with s_t = GRU(e_{x_t}, s_{t-1}).

    s_0 = 0. The loss is TOP1 against the next clicks of others, which is a draw in
    proportion to clicks: `negatives` of them for each part of a step.

    Left out: mini-batches of sessions side by side, whose other clicks are the
    negatives; here windows of `max_len` clicks are read from s_0 on, and gradients run
    through all of them. The published code has a tanh before the scores, Adagrad, and
    accidental hits among its negatives.
    """

    kind = "gru4rec"
    config_type = GRUConfig

    def __init__(self, config: GRUConfig, item_names: Names = None) -> None:
        super().__init__(config, item_names)
        dim = config.dim
        self.clicks = nn.Embedding(config.n_items + 1, dim, padding_idx=0)
        self.items = nn.Embedding(config.n_items + 1, dim + 1)
        self.gru = nn.GRU(dim, dim, config.layers, batch_first=True)
        self.dropout = Dropout(config.dropout)
        nn.init.normal_(self.clicks.weight, std=dim**-0.5)
        nn.init.normal_(self.items.weight, std=dim**-0.5)
        with torch.no_grad():
            self.clicks.weight[0] = 0
            self.items.weight[:, -1] = 0

    def states(self, rows: Rows) -> Tensor:
        """(R, T) -> (R, T, D + 1), s_t and a 1."""
        states, _ = self.gru(self.dropout(self.clicks(rows.items)))  # (R, T, D)
        return with_bias(self.dropout(states))

    def vectors(self) -> Tensor:
        """(M + 1, D + 1), w_j and b_j."""
        return self.items.weight

    def tables(self) -> list[Tensor]:
        """Both tables decay."""
        return [self.items.weight, self.clicks.weight]

    def objective(self, train: Interactions, seed: int) -> NextItem:
        """The next click against others' clicks."""
        return NextItem(self, train, seed)


class GRU4RecPlus(GRU4Rec):
    """GRU4Rec with BPR-max and more negatives, drawn in proportion to clicks^alpha."""

    kind = "gru4rec+"
    config_type = GRUPlusConfig
