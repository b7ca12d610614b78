"""SASRec: self-attention reads the clicks.

Kang & McAuley, *Self-Attentive Sequential Recommendation*, ICDM 2018. The blocks are
those of `disrec_mini.encoder`. With the softmax: Klenitskiy & Vasilev, *Turning Dross
Into Gold Loss*, RecSys 2023.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from disrec_mini.baselines.objectives import Causal, NextItem, NextItemConfig
from disrec_mini.batches import Rows
from disrec_mini.encoder import Encoder, attention_bias, block_mask
from disrec_mini.errors import DisrecError
from disrec_mini.interactions import Interactions
from disrec_mini.recommender import Names
from disrec_mini.settings import LENGTH, DisRecConfig, again, setting


@dataclass(frozen=True)
class SASRecConfig(NextItemConfig):
    """Settings of SASRec, besides those of every baseline that learns."""

    dim: int = setting("D, size of every vector", 50, low=1)
    n_blocks: int = again(DisRecConfig, "n_blocks", 2)
    max_len: int = again(DisRecConfig, "max_len", 50, **LENGTH)
    dropout: float = again(DisRecConfig, "dropout", 0.5)
    item_dropout: float = again(DisRecConfig, "item_dropout", 0.0)
    logq: bool = again(DisRecConfig, "logq", False)
    loss: str = again(NextItemConfig, "loss", "bce")
    unseen: int = again(NextItemConfig, "unseen", 1)
    visit: int | None = again(NextItemConfig, "visit", 0)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.logq and (self.loss != "softmax" or self.unseen):
            raise DisrecError(
                "logq corrects a softmax against clicks: it needs loss softmax, unseen "
                "0 and negatives, such as 512."
            )


class SASRec(Causal):
    """score(j | x_1..x_t) = h_j . z_t, z the output of `encoder.Encoder`, one head.

    As published: -ln s(score(x_{t+1})) - ln(1 - s(score(j))), s the logistic function,
    one j drawn uniformly from what the user never clicked. `loss` "softmax" with
    `unseen` 0 and `negatives` N: shared negatives, drawn in proportion to clicks.

    Places count from the oldest click, where the published code counts from the newest
    place of the longest history. Left out: Adam's beta_2 of .98, batches of histories
    (here of pairs), and histories cut to their end: here windows of all clicks.
    """

    kind = "sasrec"
    config_type = SASRecConfig
    packs = True

    def __init__(self, config: SASRecConfig, item_names: Names = None) -> None:
        super().__init__(config, item_names)
        sizes = config.n_items, config.dim, config.n_blocks, config.max_len
        self.encoder = Encoder(*sizes, config.dropout, config.item_dropout)
        for module in self.encoder.modules():
            if isinstance(module, nn.Linear):
                nn.init.xavier_uniform_(module.weight)
                nn.init.zeros_(module.bias)
            elif isinstance(module, nn.Embedding):
                nn.init.normal_(module.weight, std=0.02)
        with torch.no_grad():
            self.encoder.item_embedding.weight[0] = 0

    def states(self, rows: Rows) -> Tensor:
        """(R, T) -> (R, T, D), z."""
        mask = block_mask(rows.segment)  # (R, T, T)
        bias = attention_bias(mask, self.vectors())
        z: Tensor = self.encoder(rows.items, rows.position, bias)
        return z

    def vectors(self) -> Tensor:
        """(M + 1, D), h_j: the table that the encoder reads from, too."""
        return self.encoder.item_embedding.weight

    def objective(self, train: Interactions, seed: int) -> NextItem:
        """The next click against negatives."""
        return NextItem(self, train, seed, logq=self.config.logq)
