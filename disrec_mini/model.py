"""`DisRec`: SASRec encoder + intention layer. Chapters 05 to 07."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from disrec_mini.batches import Packed
from disrec_mini.checks import check_choice
from disrec_mini.encoder import Encoder, attention_bias, block_mask, causal_mask
from disrec_mini.intentions import ROLES, IntentionLayer
from disrec_mini.interactions import Interactions
from disrec_mini.objective import SelfSupervision
from disrec_mini.recommender import Recommender
from disrec_mini.remedy import RemedyLayer
from disrec_mini.settings import DisRecConfig


@dataclass(frozen=True)
class Encoding:
    """What the model makes of B sequences of at most T clicks.

    z (B, T, D): each click in its context; cluster (B, T, K): p_{k|i};
    weight (B, T): p_i; phi (B, K, D): one vector per intention. Exactly 0 at padding.
    """

    z: Tensor
    cluster: Tensor
    weight: Tensor
    phi: Tensor


class DisRec(Recommender):
    """The paper's sequence encoder, and the scores it gives to items.

    score(j | x_{1:t}) = max_k h_j . phi^(k)(x_{1:t}) / sqrt(D)

    Parameters
    ----------
    config : `DisRecConfig(n_items)` is the paper, `.recommended(n_items)` is better.
    item_names : n_items + 1 names, the first for padding; saved with the weights.
    """

    kind = "disrec"
    config_type = DisRecConfig
    config: DisRecConfig
    intentions: IntentionLayer

    def __init__(
        self, config: DisRecConfig, item_names: Sequence[str] | None = None
    ) -> None:
        super().__init__(config, item_names)
        self.encoder = Encoder(
            config.n_items,
            config.dim,
            config.n_blocks,
            config.max_len,
            config.dropout,
            config.item_dropout,
        )
        layer = RemedyLayer if config.remedy else IntentionLayer
        self.intentions = layer(config.dim, config.n_intents, config.max_len)
        self.reset_parameters()

    @torch.no_grad()
    def reset_parameters(self) -> None:
        """Glorot uniform as in the paper, or Normal(0, init_std) for the tables."""
        layer, encoder = self.intentions, self.encoder
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.xavier_uniform_(module.weight)
                nn.init.zeros_(module.bias)
        tables = (encoder.item_embedding.weight, encoder.position_embedding.weight)
        for table in (*tables, layer.prototypes, layer.alpha):
            if self.config.init_std is None:
                nn.init.xavier_uniform_(table)
            else:
                nn.init.normal_(table, std=self.config.init_std)
        encoder.item_embedding.weight[0] = 0
        for beta in (layer.beta_past, layer.beta_future):
            nn.init.normal_(beta, std=1 / math.sqrt(self.config.dim))

    @property
    def max_len(self) -> int:
        """The number of clicks the model can read."""
        return self.config.max_len

    def forward(
        self, items: Tensor, lengths: Tensor, users: Tensor | None = None
    ) -> Tensor:
        """The queries phi^(k) / sqrt(D) of pasts: (B, T), (B,) -> (B, K, D)."""
        return self.read(items, lengths, "past").phi / math.sqrt(self.config.dim)

    def vectors(self) -> Tensor:
        """(M + 1, D), h_j in row j: the table that the encoder reads from, too."""
        return self.encoder.item_embedding.weight

    def objective(self, train: Interactions, seed: int) -> SelfSupervision:
        """seq2item and seq2seq, or the variant that the settings name."""
        return SelfSupervision(self, train, seed)

    # -- encoding ----------------------------------------------------------------------

    def encode(self, items: Tensor, lengths: Tensor, role: str = "past") -> Encoding:
        """Read whole sequences.

        Parameters
        ----------
        items : (B, T) int64, right-padded with 0, in reading order: for role "future"
            the caller passes x_T, ..., x_{t+1}.
        lengths : (B,) int64, each 1..T; T at most max_len.
        role : "past" or "future": which bias beta the intentions get.

        Raises
        ------
        DisrecError : sequences that are too long, empty or not padded so; another role.
        """
        self.check(items, lengths)
        check_choice(role, "role", ROLES)
        return self.read(items, lengths, role)

    def read(self, items: Tensor, lengths: Tensor, role: str) -> Encoding:
        """`encode` for callers that know their input to be sound."""
        z, _, _ = self._z(items, lengths)  # (B, T, D)
        intentions = self.intentions(z, lengths, role)
        return Encoding(z, intentions.cluster, intentions.weight, intentions.phi)

    def encode_prefixes(
        self, items: Tensor, lengths: Tensor, role: str = "past"
    ) -> Tensor:
        """phi of every prefix in one pass.

        Returns
        -------
        (B, T, K, D): row t-1 equals `encode` of the first t items; 0 at padding.
        """
        self.check(items, lengths)
        check_choice(role, "role", ROLES)
        z, position, mask = self._z(items, lengths)
        pooled, _ = self.intentions.pool_prefixes(z, position, mask)  # (B, T, K, D)
        phi = self.intentions.norm_out(pooled + self.intentions.beta(role))  # as pooled
        return phi * (items != 0)[:, :, None, None]

    def _z(self, items: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        position = torch.arange(items.shape[1], device=items.device)  # (T,)
        mask = causal_mask(lengths, items.shape[1])  # (B, T, T)
        return self.encoder(items, position, mask), position, mask

    def encode_packed(
        self, rows: Packed, vectors: Tensor | None = None
    ) -> tuple[Tensor, Tensor | None, Tensor, Tensor]:
        """phi of every pair of a packed step.

        Parameters
        ----------
        vectors : (n tokens, D), h of the clicks, if they were looked up already.

        Returns
        -------
        past (P, K, D), future (P, K, D) or None, and of each past's last click, without
        gradient, p_{k|t} (P, K) and z_t (P, D).
        """
        layer = self.intentions
        sizes = [block.items.numel() for block in rows.blocks]
        if vectors is None:
            clicks = torch.cat([block.items.flatten() for block in rows.blocks])  # (n,)
            vectors = self.encoder.item_embedding(clicks)  # (n, D)
        pooled, cluster, z = [], [], []
        for block, h in zip(rows.blocks, vectors.split(sizes), strict=True):
            mask = attention_bias(block_mask(block.segment), h)  # (R, T, T)
            h = h.unflatten(0, block.items.shape)  # (R, T, D)
            z_block = self.encoder(block.items, block.position, mask, h)
            sums, p = layer.pool_prefixes(
                z_block, block.position, mask
            )  # (R, T, K, D), (R, T, K)
            pooled.append(sums.flatten(2).flatten(0, 1))  # (R*T, K*D)
            cluster.append(p.detach().flatten(0, 1))  # (R*T, K)
            z.append(z_block.detach().flatten(0, 1))  # (R*T, D)
        both = rows.past if rows.future is None else torch.cat([rows.past, rows.future])
        sums = F.embedding(both, torch.cat(pooled))  # (P or 2 P, K*D)
        sums = sums.unflatten(1, (-1, self.config.dim))  # (P or 2 P, K, D)
        past_sums, *future_sums = sums.split(len(rows.past))  # (P, K, D) each
        past = layer.norm_out(past_sums + layer.beta("past"))  # (P, K, D)
        future = None
        if future_sums:
            future = layer.norm_out(future_sums[0] + layer.beta("future"))  # (P, K, D)
        return past, future, torch.cat(cluster)[rows.past], torch.cat(z)[rows.past]

    # -- files -------------------------------------------------------------------------

    def _load_from_state_dict(
        self, state_dict: dict[str, Any], prefix: str, *rest: Any
    ) -> None:
        """Older files hold the remedy's buffers in any case."""
        if not self.config.remedy:
            for name in ("z_mean", "uniform"):
                state_dict.pop(f"{prefix}intentions.{name}", None)
        super()._load_from_state_dict(state_dict, prefix, *rest)
