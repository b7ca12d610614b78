"""How good is a recommender: protocols, ranks, metrics, comparison, diversity.

A recommender is anything with `score(items, lengths, users) -> (B, n_items + 1)`.
Chapter 03. Sampled protocol: Sun et al., CIKM 2019; why to look at the full one too:
Krichene & Rendle, KDD 2020.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from disrec_mini.errors import DisrecError
from disrec_mini.interactions import Split

Array = np.ndarray

KS = (1, 5, 10)
CELLS = 2**23  # scores held at once, 32 MB in float32


class Scorer(Protocol):
    """What evaluation needs. Optional: `max_len`, the clicks it can read, and
    `score_candidates(items, lengths, candidates, users)`, the same scores at some items
    only, which makes the sampled protocol faster."""

    def score(
        self, items: Tensor, lengths: Tensor, users: Tensor | None = None
    ) -> Tensor: ...


# -- ranks and metrics -----------------------------------------------------------------


def ranks(scores: Tensor | Array, target_index: Tensor | Array) -> Tensor:
    """Rank of the true item among the candidates: 1 + how many are not worse.

    Ties count against the model. A NaN beats the true item; a true item with NaN gets
    the worst rank.

    Parameters
    ----------
    scores : (B, C); target_index : (B,), the column of the true item.

    Returns
    -------
    (B,) int64, 1 = best, C = worst.
    """
    scores = torch.as_tensor(scores)
    column = torch.as_tensor(target_index, device=scores.device).long().unsqueeze(1)
    true = scores.gather(1, column)  # (B, 1)
    worse = scores < true  # False wherever a NaN is
    return scores.shape[1] - worse.sum(1)


def metrics(ranks: Tensor | Array, ks: tuple[int, ...] = KS) -> dict[str, float]:
    """Recall@k, NDCG@k and MRR of ranks (n,), with one true item each.

    Recall@k = mean(rank <= k); NDCG@k = mean(1 / log2(1 + rank) where rank <= k);
    MRR = mean(1 / rank).
    """
    rank = np.asarray(ranks)
    if rank.size == 0:
        return {name: float("nan") for name in _names(ks)}
    return {name: float(per_user(rank, name).mean()) for name in _names(ks)}


def _names(ks: tuple[int, ...]) -> list[str]:
    return [f"recall@{k}" for k in ks] + [f"ndcg@{k}" for k in ks] + ["mrr"]


def per_user(ranks: Array, metric: str) -> Array:
    """(n,) values of one metric, such as "ndcg@10", for ranks (n,)."""
    name, _, k = metric.partition("@")
    rank = np.asarray(ranks, dtype=np.float64)
    if metric == "mrr":
        return 1 / rank
    if name not in ("recall", "ndcg") or not k.isdigit() or int(k) < 1:
        raise DisrecError(
            f"unknown metric {metric!r}: use 'mrr', 'recall@k' or 'ndcg@k', k >= 1."
        )
    gain = np.ones_like(rank) if name == "recall" else 1 / np.log2(1 + rank)
    return np.where(rank <= int(k), gain, 0.0)


@dataclass(frozen=True, eq=False)  # equal as mappings are
class Metrics(Mapping[str, float]):
    """The result of `evaluate`: Metrics["recall@10"], and what it was made of.

    ranks, users : (n_evaluated,) int64, aligned. warm : (n_evaluated,) bool, True where
    the true item occurs in training. negatives_sha256 : of the candidate lists
    ("" for the full protocol).
    """

    protocol: str
    on: str
    ranks: Array
    users: Array
    warm: Array
    negatives_sha256: str = ""
    values_: dict[str, float] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "values_", metrics(self.ranks))

    def __getitem__(self, name: str) -> float:
        if name in self.values_ or not len(self.ranks):
            return self.values_[name]
        try:
            return float(per_user(self.ranks, name).mean())
        except DisrecError as error:  # `in` and `get` expect a KeyError
            raise KeyError(str(error)) from None

    def __iter__(self) -> Iterator[str]:
        return iter(self.values_)

    def __len__(self) -> int:
        return len(self.values_)

    @property
    def warm_share(self) -> float:
        """Share of the evaluated users whose true item occurs in training."""
        return float(self.warm.mean()) if len(self.warm) else float("nan")

    def warm_items(self) -> dict[str, float]:
        """The same metrics over the users whose true item occurs in training."""
        return metrics(self.ranks[self.warm])

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for result files."""
        return {
            **self.values_,
            "warm": self.warm_items(),
            "warm_share": self.warm_share,
            "n_users": len(self.ranks),
        }

    def __repr__(self) -> str:
        shown = ", ".join(f"{k}={v:.4f}" for k, v in self.values_.items())
        return (
            f"Metrics({self.protocol}, {self.on}, {len(self.ranks):,} users: {shown})"
        )


# -- protocols -------------------------------------------------------------------------


def draw_negatives(
    split: Split, on: str = "test", n: int = 100, seed: int = 0
) -> Array:
    """The other candidates of the sampled protocol, one row for each user.

    n items drawn without replacement in proportion to their clicks in ALL the data
    (as BERT4Rec's code does), none of them the user's own. All that are left if fewer
    than n remain; 0 fills the row. Users without a true item have zeros.

    Returns
    -------
    (n_users, n) int64, the same for every model with the same seed.
    """
    users = np.flatnonzero(_truth(split, on))
    rng = np.random.default_rng([seed, ("valid", "test").index(on)])
    popularity = split.counts().astype(np.float64)
    own = _own_items(split)
    negatives = np.zeros((split.n_users, n), np.int64)
    for chunk in np.array_split(users, -(-len(users) // 4096) or 1):
        negatives[chunk] = _draw_rows(chunk, own, popularity, n, rng)
    return negatives


def _own_items(split: Split) -> Array:
    """Sorted keys user * (n_items + 1) + item of every click in the data."""
    user = np.repeat(np.arange(split.n_users), split.train.lengths)
    everyone = np.arange(split.n_users)
    user = np.r_[user, everyone, everyone]
    item = np.r_[split.train.items, split.valid_items, split.test_items]
    return np.unique(user * (split.n_items + 1) + item)


def _draw_rows(
    users: Array, own: Array, popularity: Array, n: int, rng: np.random.Generator
) -> Array:
    """(U, n) negatives: one by one with repeats dropped, then the rest by a race.

    Dropping repeats from draws with replacement is drawing without replacement. A row
    still short after 2n draws is finished by exponential times: the items with the
    smallest Exp(1) / popularity, among those not yet chosen, come next.
    """
    shape = (len(users), 2 * n)
    steps = np.cumsum(popularity)
    items = np.searchsorted(steps, rng.random(shape) * steps[-1], side="right")
    key = users[:, None] * len(popularity) + items
    order = np.argsort(items, axis=1, kind="stable")
    ordered = np.take_along_axis(items, order, 1)
    repeated = np.zeros(shape, bool)
    again = np.c_[np.zeros(len(users), bool), ordered[:, 1:] == ordered[:, :-1]]
    np.put_along_axis(repeated, order, again, 1)
    found = own[np.minimum(np.searchsorted(own, key), len(own) - 1)] == key
    good = ~repeated & ~found
    place = np.cumsum(good, 1) - 1
    rows = np.zeros((len(users), n), np.int64)
    row, column = np.nonzero(good & (place < n))
    rows[row, place[row, column]] = items[row, column]
    for short in np.flatnonzero(place[:, -1] + 1 < n):
        _finish_row(rows[short], users[short], own, popularity, rng)
    return rows


def _finish_row(
    row: Array, user: int, own: Array, popularity: Array, rng: np.random.Generator
) -> None:
    width = len(popularity)
    first, last = np.searchsorted(own, [user * width, (user + 1) * width])
    open_ = popularity > 0
    open_[own[first:last] - user * width] = False
    open_[row] = False
    left = np.flatnonzero(open_)
    time = rng.standard_exponential(len(left)) / popularity[left]
    start = int((row > 0).sum())
    next_ = left[np.argsort(time)][: len(row) - start]
    row[start : start + len(next_)] = next_


def _truth(split: Split, on: str) -> Array:
    if on not in ("valid", "test"):
        raise DisrecError(f"on must be 'valid' or 'test', not {on!r}.")
    return split.valid_items if on == "valid" else split.test_items


@dataclass(frozen=True)
class _Histories:
    """What may be read of each user: training, and for test the validation click."""

    split: Split
    on: str

    def batch(self, users: Array, max_len: int | None) -> tuple[Tensor, Tensor]:
        """Right-padded last clicks (B, T), and lengths (B,)."""
        train, extra = self.split.train, self.on == "test"
        full = train.lengths[users]
        if extra:
            full = full + (self.split.valid_items[users] > 0)
        lengths = full if max_len is None else np.minimum(full, max_len)
        column = np.arange(int(lengths.max()))
        place = column + (full - lengths)[:, None]  # in the whole history
        inside = column < lengths[:, None]
        last = train.lengths[users][:, None]
        index = np.where(
            inside & (place < last), train.offsets[users][:, None] + place, 0
        )
        items = np.where(inside, train.items[index], 0)
        if extra:
            at_end = inside & (place == last)
            items = np.where(at_end, self.split.valid_items[users][:, None], items)
        return torch.from_numpy(items), torch.from_numpy(lengths)

    def seen(self, users: Array) -> tuple[Array, Array]:
        """(row, item) of every earlier click of these users, with repeats."""
        train = self.split.train
        lengths = train.lengths[users]
        row = np.repeat(np.arange(len(users)), lengths)
        first = np.repeat(train.offsets[users] - np.cumsum(lengths) + lengths, lengths)
        item = train.items[first + np.arange(len(row))]
        if self.on == "test":
            valid = self.split.valid_items[users]
            row = np.r_[row, np.flatnonzero(valid)]
            item = np.r_[item, valid[valid > 0]]
        return row, item


def evaluate(
    model: Scorer,
    split: Split,
    protocol: str = "sampled",
    on: str = "valid",
    *,
    users: Array | None = None,
    negatives: Array | None = None,
    seed: int = 0,
    cells: int = CELLS,
) -> Metrics:
    """Rank every user's held-out click.

    Parameters
    ----------
    model : anything with `score`.
    protocol : "sampled", against 100 popularity-drawn negatives (`draw_negatives`), or
        "full", against all items but the user's earlier clicks (the true item stays).
    on : "valid" reads training clicks, "test" training and validation clicks.
    users : some users only. negatives : (n_users, n) lists instead of drawn ones.
    cells : scores held in memory at once.
    """
    truth = _truth(split, on)
    if protocol not in ("sampled", "full"):
        raise DisrecError(f"protocol must be 'sampled' or 'full', not {protocol!r}.")
    known = getattr(getattr(model, "config", None), "n_items", split.n_items)
    if known < split.n_items:
        raise DisrecError(
            f"the model knows {known} items and the data have {split.n_items}: it was "
            "trained on other data."
        )
    who = np.flatnonzero(truth) if users is None else users[truth[users] > 0]
    if not len(who):
        raise DisrecError(
            f"no user has a {on} click: users need at least 3 clicks to be evaluated."
        )
    if protocol == "full":
        negatives = None
    elif negatives is None:
        negatives = draw_negatives(split, on, seed=seed)
    rank = np.empty(len(who), np.int64)
    for rows, scores in _scored(model, split, on, who, negatives, protocol, cells):
        true = truth[who[rows]]
        if negatives is not None:
            worst = 1 + (negatives[who[rows]] > 0).sum(1)  # some rows are not full
            rank[rows] = np.minimum(_sampled_ranks(scores), worst)
        else:
            seen = _Histories(split, on).seen(who[rows])
            rank[rows] = _full_ranks(scores, true, *seen)
    digest = ""
    if negatives is not None:
        digest = hashlib.sha256(negatives.tobytes()).hexdigest()
    warm = split.train.counts()[truth[who]] > 0
    return Metrics(protocol, on, rank, who, warm, digest)


def _scored(
    model: Any,
    split: Split,
    on: str,
    users: Array,
    negatives: Array | None,
    protocol: str,
    cells: int,
) -> Iterator[tuple[Array, Tensor]]:
    """Batches of rows of `users` and their scores, similar lengths together.

    Sampled: scores (B, 1 + n) with the true item first, -inf where no negative is.
    Full: scores (B, n_items + 1).
    """
    histories, truth = _Histories(split, on), _truth(split, on)
    device = model_device(model)
    quick = getattr(model, "score_candidates", None) if protocol == "sampled" else None
    max_len = getattr(model, "max_len", None)
    chunk = 512 if quick else max(1, cells // (split.n_items + 1))
    training = getattr(model, "training", False)
    if training:
        model.eval()
    order = np.argsort(-split.train.lengths[users], kind="stable")
    try:
        for first in range(0, len(users), chunk):
            rows = order[first : first + chunk]
            items, lengths = histories.batch(users[rows], max_len)
            inputs = items.to(device), lengths.to(device)
            who = torch.from_numpy(users[rows]).to(device)
            if protocol == "full" or negatives is None:
                yield rows, model.score(*inputs, users=who)
                continue
            lists = np.c_[truth[users[rows]], negatives[users[rows]]]
            candidates = torch.from_numpy(lists).to(device)
            if quick:
                scores = quick(*inputs, candidates, users=who)
            else:
                scores = model.score(*inputs, users=who).gather(1, candidates)
            yield rows, scores.masked_fill(candidates == 0, -torch.inf)
    finally:
        if training:
            model.train()


def model_device(model: Any) -> torch.device:
    """Where a scorer's parameters live; the CPU if it has none."""
    if isinstance(model, torch.nn.Module):
        for parameter in model.parameters():
            return parameter.device
    return torch.device("cpu")


def _sampled_ranks(scores: Tensor) -> Array:
    """Ranks (B,) with the true item in column 0; -inf columns past it are empty."""
    return ranks(scores, torch.zeros(len(scores))).cpu().numpy()


def _full_ranks(scores: Tensor, true: Array, row: Array, item: Array) -> Array:
    """Ranks (B,) among all items but padding and (row, item), the true item kept."""
    kept = item != true[row]
    row, item = row[kept], item[kept]
    width = scores.shape[1]
    row, item = np.divmod(np.unique(row * width + item), width)
    device = scores.device
    target = torch.from_numpy(true).to(device)
    left_out = torch.from_numpy(row).to(device), torch.from_numpy(item).to(device)
    at = scores.gather(1, target[:, None])  # (B, 1)
    worse = (scores < at).sum(1)
    # what is left out must count neither as worse nor as better
    worse -= (scores[:, 0] < at[:, 0]).long()
    worse.index_put_(
        (left_out[0],),
        -(scores[left_out] < at[left_out[0], 0]).long(),
        accumulate=True,
    )
    candidates = width - 1 - np.bincount(row, minlength=len(true))
    return candidates - worse.cpu().numpy()


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
    if not np.array_equal(a.users, b.users) or (a.protocol, a.on) != (b.protocol, b.on):
        raise DisrecError(
            "compare needs the same users, protocol and part of the data."
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
    found, counts = np.unique(np.asarray(values, np.float64), return_counts=True)
    if len(found) > bins:
        group = np.arange(len(found)) * bins // len(found)
        total = np.bincount(group, found * counts)
        counts = np.bincount(group, counts).astype(np.int64)
        found = total / counts
    n = int(counts.sum())
    drawn = np.random.default_rng(seed).multinomial(n, counts / n, draws)
    low, high = np.quantile(drawn @ found / n, [0.025, 0.975])  # of (draws,) means
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
    """(n, k) the items each user would be shown, best first, without what they saw."""
    who = np.arange(split.n_users) if users is None else users
    if on == "test":
        who = who[split.valid_items[who] > 0]
    who = who[split.train.lengths[who] + (on == "test") > 0]
    best = np.zeros((len(who), k), np.int64)
    for rows, scores in _scored(model, split, on, who, None, "full", CELLS):
        row, item = _Histories(split, on).seen(who[rows])
        scores = scores.clone()
        scores[:, 0] = -torch.inf
        if exclude_seen:
            scores[torch.from_numpy(row), torch.from_numpy(item)] = -torch.inf
        found = scores.topk(min(k, scores.shape[1]), 1)
        shown = found.indices.masked_fill(found.values == -torch.inf, 0)
        best[rows, : shown.shape[1]] = shown.cpu().numpy()
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
    lists = np.asarray(lists)
    filled = lists > 0
    result = {"coverage": len(np.unique(lists[filled])) / n_items}
    size = filled.sum(1)
    if labels is not None:
        label = np.asarray(labels)[lists]  # (n, k)
        same = (label[:, :, None] == label[:, None, :]) & filled[:, None, :]
        largest = np.where(filled, same.sum(2), 0).max(1)
        result["largest_share"] = float((largest[size > 0] / size[size > 0]).mean())
    if vectors is not None:
        norm = np.linalg.norm(vectors, axis=1, keepdims=True)
        unit = np.asarray(vectors) / np.where(norm > 0, norm, 1)
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
    """
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
