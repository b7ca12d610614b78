"""What lies behind a score: comparisons, lists, intentions. Chapters 03, 06 and 12."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from disrec_mini import checks
from disrec_mini.candidates import Scorer, scored_batches
from disrec_mini.errors import DisrecError
from disrec_mini.metrics import Array, Metrics, per_user
from disrec_mini.splitting import Histories, Split, held_out

# -- comparison ------------------------------------------------------------------------


@dataclass(frozen=True)
class Difference:
    """b minus a in one metric: mean over users, 95 % bootstrap interval, z."""

    metric: str
    mean: float
    low: float
    high: float
    z: float


def compare(
    a: Metrics, b: Metrics, metric: str = "ndcg@10", *, draws: int = 2000, seed: int = 0
) -> Difference:
    """Paired bootstrap over users: is b better than a by more than chance?

    This interval is about users only; the spread over training seeds is another.
    """
    for name, x in (("a", a), ("b", b)):
        checks.check_is(x, Metrics, name, "what `evaluate` returns")
    asked = [(x.protocol, x.on, x.exclude_seen) for x in (a, b)]
    if not np.array_equal(a.users, b.users) or asked[0] != asked[1]:
        raise DisrecError(
            "compare needs the same users, protocol and part of the data, and the same "
            "exclude_seen."
        )
    if a.negatives_sha256 != b.negatives_sha256:
        raise DisrecError("compare needs the same negatives: pass the same `seed`.")
    gain = per_user(b.ranks, metric) - per_user(a.ranks, metric)
    low, high = bootstrap(gain, draws=draws, seed=seed)
    spread = gain.std(ddof=1) / np.sqrt(len(gain)) if len(gain) > 1 else np.nan
    z = float(gain.mean() / spread) if spread > 0 else 0.0
    return Difference(metric, float(gain.mean()), low, high, z)


def bootstrap(
    values: Array, *, draws: int = 2000, seed: int = 0, bins: int = 2_000
) -> tuple[float, float]:
    """95 % interval of the mean of values (n,), one value a user (Efron, 1979).

    Drawing n users anew is drawing how often each distinct value comes up, which is
    much cheaper. More than `bins` distinct values are first averaged in `bins` groups
    of neighbours.
    """
    checks.check_whole(draws, "draws", 1)
    checks.check_whole(bins, "bins", 1)
    checks.check_whole(seed, "seed", 0)
    values = checks.check_values(values)
    distinct, counts = np.unique(values, return_counts=True)
    if len(distinct) > bins:
        group = np.arange(len(distinct)) * bins // len(distinct)
        total = np.bincount(group, distinct * counts)
        counts = np.bincount(group, counts).astype(np.int64)
        distinct = total / counts
    n = int(counts.sum())
    drawn = np.random.default_rng(seed).multinomial(n, counts / n, draws)
    low, high = np.quantile(drawn @ distinct / n, [0.025, 0.975])  # of (draws,) means
    return float(low), float(high)


# -- diversity -------------------------------------------------------------------------


def top_k(
    model: Scorer,
    split: Split,
    k: int = 10,
    on: str = "test",
    users: Array | None = None,
    exclude_seen: bool = True,
) -> Array:
    """(n, k) the items each user would be shown, best first, without what they saw.

    A row for every user asked for, numbers or a mask: all 0 for those without a click
    to read (on "valid") or a validation click (on "test").
    """
    held_out(split, on)  # complains of both
    checks.check_knows(model, split)
    k = checks.check_whole(k, "k", 1)
    everyone = checks.check_users(users, split.n_users)
    can = (split.valid_items if on == "test" else split.train.lengths)[everyone] > 0
    place = np.flatnonzero(can)  # (n_asked,)
    asked, best = everyone[place], np.zeros((len(everyone), k), np.int64)
    for rows, scores in scored_batches(model, split, on, asked):
        row, item = Histories(split, on).seen(asked[rows])
        scores = scores.clone()
        scores[:, 0] = -torch.inf
        if checks.check_flag(exclude_seen, "exclude_seen"):
            scores[torch.from_numpy(row), torch.from_numpy(item)] = -torch.inf
        top = scores.topk(min(k, scores.shape[1]), 1)
        shown = top.indices.masked_fill(top.values == -torch.inf, 0)
        best[place[rows], : shown.shape[1]] = shown.cpu().numpy()
    return best


def diversity(
    lists: Array,
    n_items: int,
    labels: Array | None = None,
    vectors: Array | None = None,
) -> dict[str, float]:
    """How varied recommendation lists (n, k) are; 0 marks an empty place.

    Parameters
    ----------
    labels : (n_items + 1,) int, the intention or category of each item; negative or
        0 at unlabelled items is a label like any other.
    vectors : (n_items + 1, D), for the intra-list distance.

    Returns
    -------
    coverage: share of all items shown to anybody; largest_share (with labels): mean
    share of a list in its largest label; distance (with vectors): mean over lists of
    1 - cosine over all pairs of different places.
    """
    lists, labels, vectors = checks.check_lists(lists, n_items, labels, vectors)
    filled = lists > 0
    result = {"coverage": len(np.unique(lists[filled])) / n_items}
    size = filled.sum(1)
    if labels is not None:
        label = labels[lists]  # (n, k)
        same = (label[:, :, None] == label[:, None, :]) & filled[:, None, :]
        largest = np.where(filled, same.sum(2), 0).max(1)
        result["largest_share"] = float((largest[size > 0] / size[size > 0]).mean())
    if vectors is not None:
        norm = np.linalg.norm(vectors, axis=1, keepdims=True)
        unit = vectors / np.where(norm > 0, norm, 1)
        total = (unit[lists] * filled[:, :, None]).sum(1)  # (n, D)
        several = size > 1
        own = (np.square(unit[lists]).sum(2) * filled).sum(1)
        cosine = np.square(total).sum(1) - own
        pairs = size * (size - 1)
        result["distance"] = float(1 - (cosine[several] / pairs[several]).mean())
    return result


# -- intentions ------------------------------------------------------------------------


def agreement(truth: Array, found: Array) -> dict[str, Any]:
    """How well found labels (n,) name the true ones (n,), whatever they are called.

    Returns
    -------
    nmi : mutual information over the mean entropy, 0 (independent) to 1 (the same).
    purity : share of points whose found label's most frequent true one is theirs.
    confusion : counts, a row for each true label, a column for each found one.

    >>> found = agreement(["a", "a", "b", "b"], [7, 7, 3, 3])
    >>> found["nmi"], found["purity"], found["confusion"]
    (1.0, 1.0, [[0, 2], [2, 0]])
    """
    checks.check_labels(truth, found)
    rows, columns = (np.unique(x, return_inverse=True)[1] for x in (truth, found))
    confusion = np.zeros((rows.max() + 1, columns.max() + 1), np.int64)
    np.add.at(confusion, (rows, columns), 1)
    p = confusion / confusion.sum()

    def entropy(x: Array) -> float:
        x = x[x > 0]
        return float(-(x * np.log(x)).sum())

    of_truth, of_found = entropy(p.sum(1)), entropy(p.sum(0))
    shared = of_truth + of_found - entropy(p)
    mean = (of_truth + of_found) / 2
    return {
        "nmi": shared / mean if mean > 0 else 1.0,
        "purity": float(confusion.max(0).sum() / confusion.sum()),
        "confusion": confusion.tolist(),
    }
