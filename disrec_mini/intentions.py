"""The intention layer: z_1..z_t -> K vectors phi^(1)..phi^(K), one per intention.

Section "Disentangled Sequence Encoding" of Ma et al., KDD 2020. Chapter 06.
"""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from disrec_mini.encoder import LAYER_NORM_EPS, layer_norm

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

    With ``remedy=True`` (an extension against prototype collapse, chapter 06) the
    clustering reads LN(z_i - mean of z) and LN(c_k) without gain and bias. Until
    `start_prototypes` has placed the prototypes by k-means, clicks are not divided:
    p_{k|i} is 1/K and every phi^(k) is LN5( mean of beta + sum_{i<=t} p_i z_i ), so
    that the model learns as one with a single intention does.
    """

    z_mean: Tensor
    uniform: Tensor

    def __init__(
        self, dim: int, n_intents: int, max_len: int, remedy: bool = False
    ) -> None:
        super().__init__()
        self.remedy = remedy
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
        self.register_buffer("z_mean", torch.zeros(dim))
        self.register_buffer("uniform", torch.tensor(remedy))

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
        alpha = self.alpha[: z.shape[1]]
        query = self.query_of(z[rows, lengths - 1], self.alpha[lengths - 1])  # (B, D)
        scores = (self.key_of(z, alpha) @ query.unsqueeze(-1)).squeeze(-1)  # (B, T)
        weight = scores.masked_fill(~valid, -math.inf).softmax(-1)
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
        mask : (R, T, T) bool, who may look at whom.

        Returns
        -------
        (R, T, K, D): row t is sum_{i<=t} p_{k|i} p_i z_i with p_i seen from click t.
        (R, T, K): p_{k|i}.
        """
        cluster = self.cluster(z)  # (R, T, K)
        alpha = F.embedding(position, self.alpha)
        query = self.query_of(z, alpha)  # (R, T, D)
        scores = query @ self.key_of(z, alpha).transpose(1, 2)  # (R, T, T)
        weight = scores.masked_fill(~mask, -math.inf).softmax(-1)
        shares = self.shares(cluster).unsqueeze(-1)  # (R, T, K, 1)
        parts = (shares * z.unsqueeze(2)).flatten(2)  # (R, T, K*D)
        pooled = (weight @ parts).unflatten(2, (cluster.shape[-1], -1))
        return pooled, cluster

    def beta(self, role: str) -> Tensor:
        """(K, D), the bias of each intention: one set for pasts, one for futures."""
        beta = self.beta_past if role == "past" else self.beta_future
        return beta.mean(0, keepdim=True).expand_as(beta) if self.uniform else beta

    def shares(self, cluster: Tensor) -> Tensor:
        """What of each click goes to each intention: p_{k|i}, or all of it to all."""
        return torch.ones_like(cluster) if self.uniform else cluster

    def cluster(self, z: Tensor) -> Tensor:
        """p_{k|i}: (..., D) -> (..., K), sums to 1 over k."""
        if self.remedy:
            if self.uniform:
                n_intents = len(self.prototypes)
                return z.new_full((*z.shape[:-1], n_intents), 1 / n_intents)
            shape = z.shape[-1:]
            click = F.layer_norm(z - self.z_mean, shape, eps=LAYER_NORM_EPS)
            prototype = F.layer_norm(self.prototypes, shape, eps=LAYER_NORM_EPS)
        else:
            click = self.norm_click(z)
            prototype = self.norm_prototype(self.prototypes)
        return (click @ prototype.T / math.sqrt(z.shape[-1])).softmax(-1)

    def key_of(self, z: Tensor, alpha: Tensor) -> Tensor:
        """key_i = k_i + ReLU(W^T k_i + b) with k_i = LN3(alpha_i + z_i)."""
        key = self.norm_key(alpha + z)
        return key + F.relu(self.key(key))

    def query_of(self, z: Tensor, alpha: Tensor) -> Tensor:
        """query_t = LN4(alpha_t + z_t + b') / sqrt(D)."""
        return self.norm_query(alpha + z + self.query_bias) / math.sqrt(z.shape[-1])

    @torch.no_grad()
    def track_mean(self, z: Tensor, momentum: float = 0.02) -> None:
        """Remedy: move the running mean of z towards the mean of these rows (n, D)."""
        self.z_mean.lerp_(z.mean(0), momentum)

    @torch.no_grad()
    def start_prototypes(
        self, z: Tensor, generator: torch.Generator, rounds: int = 20, tries: int = 10
    ) -> None:
        """Remedy: place the prototypes by k-means on centred clicks z (n, D).

        k-means++ chooses the first centres, then `rounds` rounds of assigning clicks by
        cosine, as the clustering does, and averaging; the best of several tries is
        kept. From here on p_{k|i} is learned.
        """
        self.z_mean.copy_(z.mean(0))
        points = F.layer_norm(z - self.z_mean, z.shape[-1:], eps=LAYER_NORM_EPS)
        best = -math.inf
        for _ in range(tries):
            centres = points[self._plus_plus(points, generator)]
            for _ in range(rounds):
                nearest = (points @ F.normalize(centres, dim=1).T).argmax(1)  # (n,)
                members = F.one_hot(nearest, len(centres)).to(points)  # (n, K)
                filled = members.sum(0) > 0
                sums = members.T @ points / members.sum(0).clamp(min=1).unsqueeze(1)
                centres = torch.where(filled.unsqueeze(1), sums, centres)
            closeness = (points @ F.normalize(centres, dim=1).T).amax(1).mean()
            if float(closeness) > best:
                best = float(closeness)
                self.prototypes.copy_(
                    F.layer_norm(centres, centres.shape[-1:], eps=LAYER_NORM_EPS)
                )
        self.uniform.fill_(False)

    def _plus_plus(self, points: Tensor, generator: torch.Generator) -> list[int]:
        """Rows chosen far from each other: k-means++."""
        chosen = [int(torch.randint(len(points), (1,), generator=generator))]
        nearest = points.new_full((len(points),), math.inf)
        while len(chosen) < len(self.prototypes):
            distance = (points - points[chosen[-1]]).square().sum(-1)
            nearest = torch.minimum(nearest, distance)
            weights = nearest.double().cpu()
            if not weights.sum() > 0:  # fewer different points than prototypes
                weights = torch.ones_like(weights)
            chosen.append(int(torch.multinomial(weights, 1, generator=generator)))
        return chosen
