"""Our remedy against prototype collapse: an extension, not the paper's. Chapter 06.

Prototypes that start at random and read z as it is tend to be won by one of them: all
z share a large common part. The remedy takes that part away, waits until the vectors
mean something, and places the prototypes where the clicks are.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from disrec_mini.encoder import LAYER_NORM_EPS
from disrec_mini.intentions import IntentionLayer


class RemedyLayer(IntentionLayer):
    """The intention layer with another p_{k|i}, and a start without any.

    p_{k|i} = softmax_k( LN(z_i - mean of z) . LN(c_k) / sqrt(D) ), LN without gain and
    bias. Until `start_prototypes` has placed the prototypes by k-means, clicks are
    not divided: p_{k|i} is 1/K and every phi^(k) is
    LN5( mean of beta + sum_{i<=t} p_i z_i ), so that the model learns as one with a
    single intention does.

    Buffers
    -------
    z_mean : (D,), running mean of z. uniform : True until the prototypes are placed.
    """

    z_mean: Tensor
    uniform: Tensor

    def __init__(self, dim: int, n_intents: int, max_len: int) -> None:
        super().__init__(dim, n_intents, max_len)
        self.register_buffer("z_mean", torch.zeros(dim))
        self.register_buffer("uniform", torch.tensor(True))
        self._known: tuple[tuple[int, int], bool] | None = None

    @property
    def undivided(self) -> bool:
        """`uniform`, read from its device only after it was written."""
        written = id(self.uniform), self.uniform._version
        if self._known is None or self._known[0] != written:
            self._known = written, bool(self.uniform)
        return self._known[1]

    def beta(self, role: str) -> Tensor:
        """(K, D), the bias of each intention; their mean while clicks are undivided."""
        beta = super().beta(role)
        return beta.mean(0, keepdim=True).expand_as(beta) if self.undivided else beta

    def shares(self, cluster: Tensor) -> Tensor:
        """p_{k|i} (..., K), or all of every click to every intention."""
        return torch.ones_like(cluster) if self.undivided else cluster

    def cluster(self, z: Tensor) -> Tensor:
        """p_{k|i}: (..., D) -> (..., K), sums to 1 over k."""
        n_intents, dim = self.prototypes.shape
        if self.undivided:
            return z.new_full((*z.shape[:-1], n_intents), 1 / n_intents)
        click = F.layer_norm(z - self.z_mean, (dim,), eps=LAYER_NORM_EPS)
        prototype = F.layer_norm(self.prototypes, (dim,), eps=LAYER_NORM_EPS)
        return (click @ prototype.T / math.sqrt(dim)).softmax(-1)

    @torch.no_grad()
    def track_mean(self, z: Tensor, momentum: float = 0.02) -> None:
        """Move the running mean of z towards the mean of these rows (n, D)."""
        self.z_mean.lerp_(z.mean(0), momentum)

    @torch.no_grad()
    def start_prototypes(
        self, z: Tensor, generator: torch.Generator, rounds: int = 20, tries: int = 10
    ) -> None:
        """Place the prototypes by k-means on centred clicks z (n, D).

        k-means++ chooses the first centres, then `rounds` rounds of assigning clicks by
        cosine, as the clustering does, and averaging; the best of several tries is
        kept. From here on p_{k|i} is learned.
        """
        self.z_mean.copy_(z.mean(0))
        points = F.layer_norm(z - self.z_mean, z.shape[-1:], eps=LAYER_NORM_EPS)
        best = -math.inf
        for _ in range(tries):
            centres = points[self._plus_plus(points, generator)]  # (K, D)
            for _ in range(rounds):
                nearest = (points @ F.normalize(centres, dim=1).T).argmax(1)  # (n,)
                members = F.one_hot(nearest, len(centres)).to(points)  # (n, K)
                size = members.sum(0).unsqueeze(1)  # (K, 1)
                means = members.T @ points / size.clamp(min=1)  # (K, D)
                centres = torch.where(size > 0, means, centres)  # (K, D)
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
