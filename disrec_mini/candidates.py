"""Who the true item is compared with, and what a model says of them. Chapter 03.

The sampled protocol's lists are 100 popular items that a user has not clicked: Sun et
al., *BERT4Rec*, CIKM 2019, as their code does it.
"""

from collections.abc import Iterator
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from disrec_mini.checks import check_flag, check_scores, check_split, check_whole
from disrec_mini.recommender import CELLS, evaluation_mode, model_device, products
from disrec_mini.recommender import TOKENS as TOKENS
from disrec_mini.splitting import Histories, Split, held_out

Array = np.ndarray

SEEN = 2**22  # clicks left out at once, also those that are not read


def draw_negatives(
    split: Split,
    on: str = "test",
    n: int = 100,
    seed: int = 0,
    exclude_seen: bool = True,
) -> Array:
    """The other candidates of the sampled protocol, one row for each user.

    n items drawn without replacement in proportion to their clicks in ALL the data
    (as BERT4Rec's code does), none of them the user's own; with exclude_seen=False any
    but the true one, where few of the drawn are the user's, so that the full protocol
    says more. All that are left if fewer than n remain; 0 fills the row. Users without
    a true item have zeros.

    Returns
    -------
    (n_users, n) int64, the same for every model with the same seed.
    """
    users = np.flatnonzero(truth := held_out(split, on))
    n, seed = check_whole(n, "n", 1), check_whole(seed, "seed", 0)
    rng = np.random.default_rng([seed, ("valid", "test").index(on)])
    popularity = split.counts().astype(np.float64)
    own = np.arange(split.n_users) * (split.n_items + 1) + truth  # sorted
    if check_flag(exclude_seen, "exclude_seen"):
        own = _own_items(split)
    negatives = np.zeros((split.n_users, n), np.int64)
    for chunk in np.array_split(users, -(-len(users) // 4096) or 1):
        negatives[chunk] = _draw_rows(chunk, own, popularity, n, rng)
    return negatives


def _own_items(split: Split) -> Array:
    """Sorted keys user * (n_items + 1) + item of every click in the data."""
    everyone = np.arange(split.n_users)
    user = np.r_[np.repeat(everyone, split.train.lengths), everyone, everyone]
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
    clicks = np.cumsum(popularity)  # (M + 1,)
    items = np.searchsorted(clicks, rng.random(shape) * clicks[-1], side="right")
    key = users[:, None] * len(popularity) + items  # (U, 2n), as in `own`
    order = np.argsort(items, axis=1, kind="stable")  # (U, 2n)
    ordered = np.take_along_axis(items, order, 1)
    repeated = np.zeros(shape, bool)
    again = np.c_[np.zeros(len(users), bool), ordered[:, 1:] == ordered[:, :-1]]
    np.put_along_axis(repeated, order, again, 1)  # (U, 2n), seen earlier in its row
    clicked = own[np.minimum(np.searchsorted(own, key), len(own) - 1)] == key
    good = ~repeated & ~clicked  # (U, 2n)
    place = np.cumsum(good, 1) - 1  # (U, 2n), where a good one goes
    rows = np.zeros((len(users), n), np.int64)
    row, column = np.nonzero(good & (place < n))
    rows[row, place[row, column]] = items[row, column]
    for short in np.flatnonzero(place[:, -1] + 1 < n):
        _finish_row(rows[short], users[short], own, popularity, rng)
    return rows


def _finish_row(
    row: Array, user: int, own: Array, popularity: Array, rng: np.random.Generator
) -> None:
    """Fill the rest of a row (n,) by a race over the items that are left."""
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


def some_users(split: Split, n: int) -> Array:
    """At most n users who have a validation click, the same every time."""
    check_split(split)
    n, users = check_whole(n, "n", 0), np.flatnonzero(split.valid_items)
    few = np.random.default_rng(0).choice(users, min(n, len(users)), replace=False)
    return np.sort(few)


# -- scores ----------------------------------------------------------------------------


class Scorer(Protocol):
    """What evaluation needs. Optional: `max_len`, the clicks it can read, and
    `score_candidates(items, lengths, candidates, users)`, the same scores at some items
    only, which makes the sampled protocol faster."""

    def score(
        self, items: Tensor, lengths: Tensor, users: Tensor | None = None
    ) -> Tensor: ...


@torch.no_grad()
def scored_batches(
    model: Any,
    split: Split,
    on: str,
    users: Array,
    negatives: Array | None = None,
    cells: int = CELLS,
) -> Iterator[tuple[Array, Tensor]]:
    """Scores of some users, similar lengths together.

    Users are read as many at once as make TOKENS clicks, or as one who has more, and
    compared as many at once as make `cells` numbers; where scores are dot products,
    queries are kept for that.

    Parameters
    ----------
    negatives : (n_users, n) item ids for the sampled protocol, None for all items.

    Yields
    ------
    rows : (B,) places in `users`; scores : (B, 1 + n) with the true item first and -inf
    where no negative is, or (B, n_items + 1).
    """
    dots, max_len = getattr(model, "dot_products", False), getattr(model, "max_len", 0)
    chunk, lengths = cells // (split.n_items + 1) or 1, split.train.lengths[users]
    width = getattr(model, "n_items", split.n_items) + 1
    order, device = np.argsort(-lengths, kind="stable"), model_device(model)
    with evaluation_mode(model):
        vectors = model.vectors() if dots else None  # (M + 1, D)
        while len(order):
            longest = max(1, min(lengths[order[0]], max_len or TOKENS))
            most = min(512 if dots else chunk, TOKENS // longest)
            n = max(1, min(most, SEEN // max(1, lengths[order[0]])))
            rows, order = order[:n], order[n:]
            asked = users[rows]  # (B,)
            batch = Histories(split, on).batch(asked, max_len or None)
            who, *read = (x.to(device) for x in (torch.from_numpy(asked), *batch))
            if negatives is not None:
                true_first = np.c_[held_out(split, on)[asked], negatives[asked]]
                lists = torch.from_numpy(true_first).to(device)  # (B, 1 + n)
                yield rows, _of_lists(model, read, who, lists, width)
            elif vectors is None:
                scores = model.score(*read, users=who)
                check_scores(scores, (len(rows), width))
                yield rows, scores
            else:
                model.check(*read, who)
                queries = model(*read, who)  # (B, K, D)
                for first in range(0, len(rows), chunk):
                    some = slice(first, first + chunk)
                    scores = products(queries[some], vectors)
                    check_scores(scores, (len(rows[some]), width))
                    yield rows[some], scores


def _of_lists(
    model: Any, read: list[Tensor], users: Tensor, lists: Tensor, width: int
) -> Tensor:
    """(B, 1 + n) scores of the lists alone; read: items (B, T) and lengths (B,)."""
    if hasattr(model, "score_candidates"):
        scores = model.score_candidates(*read, lists, users=users)
        check_scores(scores, lists.shape, padding=False)
    else:
        scores = model.score(*read, users=users)
        check_scores(scores, (len(lists), width))
        scores = scores.gather(1, lists)
    return scores.masked_fill(lists == 0, -torch.inf)
