"""The intention layer: z_1..z_t -> K vectors phi^(1)..phi^(K), one per intention.

Section "Disentangled Sequence Encoding" of Ma et al., KDD 2020. Chapter 06.
"""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from disrec_mini.encoder import attention_bias, layer_norm

ROLES = ("past", "future")


@dataclass(frozen=True)
class Intentions:
    """What the layer says of each sequence.

    cluster : (B, T, K), p_{k|i}: how much click i belongs to intention k.
    weight : (B, T), p_i: how much click i matters, seen from the last click.
    phi : (B, K, D), one vector per intention.
    """

    cluster: Tensor
    weight: Tensor
    phi: Tensor


class IntentionLayer(nn.Module):
    """Clustering, weighting, aggregation.

    p_{k|i} = softmax_k( LN1(z_i) . LN2(c_k) / sqrt(D) )
    p_i = softmax_{i<=t}( key_i . query_t / sqrt(D) )
    phi^(k) = LN5( beta_k + sum_{i<=t} p_{k|i} p_i z_i )

    `role` tells pasts from futures: each has a set of biases beta of its own.
    """

    def __init__(self, dim: int, n_intents: int, max_len: int) -> None:
        super().__init__()
        self.prototypes = nn.Parameter(torch.empty(n_intents, dim))
        self.alpha = nn.Parameter(torch.empty(max_len, dim))
        self.beta_past = nn.Parameter(torch.empty(n_intents, dim))
        self.beta_future = nn.Parameter(torch.empty(n_intents, dim))
        self.query_bias = nn.Parameter(torch.zeros(dim))
        self.key = nn.Linear(dim, dim)
        self.norm_click = layer_norm(dim)  # LN1
        self.norm_prototype = layer_norm(dim)  # LN2
        self.norm_key = layer_norm(dim)  # LN3
        self.norm_query = layer_norm(dim)  # LN4
        self.norm_out = layer_norm(dim)  # LN5

    def forward(self, z: Tensor, lengths: Tensor, role: str = "past") -> Intentions:
        """Read whole sequences.

        Parameters
        ----------
        z : (B, T, D), right-padded with zeros.
        lengths : (B,) int64, each at least 1.
        role : "past", or "future" for a future given in reversed order.
        """
        rows = torch.arange(len(z), device=z.device)
        valid = torch.arange(z.shape[1], device=z.device) < lengths[:, None]  # (B, T)
        cluster = self.cluster(z) * valid.unsqueeze(-1)  # (B, T, K)
        alpha = self.alpha[: z.shape[1]]  # (T, D)
        query = self.query_of(z[rows, lengths - 1], self.alpha[lengths - 1])  # (B, D)
        scores = (self.key_of(z, alpha) @ query.unsqueeze(-1)).squeeze(-1)  # (B, T)
        weight = scores.masked_fill(~valid, -math.inf).softmax(-1)  # (B, T)
        shares = self.shares(cluster) * weight.unsqueeze(-1)  # (B, T, K)
        pooled = shares.transpose(1, 2) @ z  # (B, K, D)
        return Intentions(cluster, weight, self.norm_out(self.beta(role) + pooled))

    def pool_prefixes(
        self, z: Tensor, position: Tensor, mask: Tensor
    ) -> tuple[Tensor, Tensor]:
        """The sum over clicks, for every prefix at once.

        Parameters
        ----------
        z : (R, T, D).
        position : (T,) or (R, T) int64, place of each click in its own sequence.
        mask : (R, T, T), who may look at whom: bool or `attention_bias`.

        Returns
        -------
        (R, T, K, D): row t is sum_{i<=t} p_{k|i} p_i z_i with p_i seen from click t.
        (R, T, K): p_{k|i}.
        """
        cluster = self.cluster(z)  # (R, T, K)
        alpha = F.embedding(position, self.alpha)  # (T, D) or (R, T, D)
        query = self.query_of(z, alpha)  # (R, T, D)
        bias = attention_bias(mask, z) if mask.dtype == torch.bool else mask
        key = self.key_of(z, alpha)  # (R, T, D)
        weight = torch.baddbmm(bias, query, key.transpose(1, 2)).softmax(
            -1
        )  # (R, T, T)
        shares = self.shares(cluster).unsqueeze(-1)  # (R, T, K, 1)
        parts = (shares * z.unsqueeze(2)).flatten(2)  # (R, T, K*D)
        pooled = (weight @ parts).unflatten(2, (cluster.shape[-1], -1))  # (R, T, K, D)
        return pooled, cluster

    def beta(self, role: str) -> Tensor:
        """(K, D), the bias of each intention: one set for pasts, one for futures."""
        return self.beta_past if role == "past" else self.beta_future

    def shares(self, cluster: Tensor) -> Tensor:
        """What each click gives to each intention: p_{k|i} (..., K), as it is."""
        return cluster

    def cluster(self, z: Tensor) -> Tensor:
        """p_{k|i}: (..., D) -> (..., K), sums to 1 over k."""
        click, prototype = self.norm_click(z), self.norm_prototype(self.prototypes)
        logits = click @ prototype.T / math.sqrt(z.shape[-1])  # (..., K)
        return logits.softmax(-1)

    def key_of(self, z: Tensor, alpha: Tensor) -> Tensor:
        """key_i = k_i + ReLU(W^T k_i + b) with k_i = LN3(alpha_i + z_i)."""
        key = self.norm_key(alpha + z)
        return key + F.relu(self.key(key))

    def query_of(self, z: Tensor, alpha: Tensor) -> Tensor:
        """query_t = LN4(alpha_t + z_t + b') / sqrt(D)."""
        return self.norm_query(alpha + z + self.query_bias) / math.sqrt(z.shape[-1])
