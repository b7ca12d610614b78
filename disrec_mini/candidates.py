"""The sampled protocol's lists: 100 popular items that a user has not clicked.

Sun et al., *BERT4Rec*, CIKM 2019, as their code does it. Chapter 03.
"""

import numpy as np

from disrec_mini.splitting import Split, held_out

Array = np.ndarray


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
    users = np.flatnonzero(held_out(split, on))
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
    steps = np.cumsum(popularity)  # (M + 1,)
    items = np.searchsorted(steps, rng.random(shape) * steps[-1], side="right")
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
    users = np.flatnonzero(split.valid_items)
    if len(users) <= n:
        return users
    return np.sort(np.random.default_rng(0).choice(users, n, replace=False))
