"""Orders of clicks: one that looks wrong, and one without a meaning."""

import warnings

import numpy as np

SORTED = (
    "the clicks of nearly every user rise by item number, so the file seems sorted by "
    "item and not by time: read a table with a time column, or sort it by time"
)


def warn_if_sorted(items: np.ndarray, offsets: np.ndarray, level: int = 3) -> None:
    """Warn when >= 95 % of the users with three clicks or more have them in the order
    of item numbers. Eight neighbours at least: fewer rise by chance now and then."""
    if len(items) < 2:
        return
    many = np.diff(offsets) >= 3
    user = np.repeat(np.arange(len(many)), np.diff(offsets))
    inside = user[1:] == user[:-1]
    step = np.diff(items)
    falls = np.bincount(user[1:][inside & (step < 0)], minlength=len(many)) > 0
    rises = np.bincount(user[1:][inside & (step > 0)], minlength=len(many)) > 0
    neighbours = int((np.diff(offsets)[many] - 1).sum())
    if neighbours >= 8 and (rises & ~falls)[many].mean() >= 0.95:
        warnings.warn(SORTED, stacklevel=level)


def scrambled(users: np.ndarray, items: np.ndarray, seed: int = 0) -> np.ndarray:
    """(n,) uint64 that look drawn at random: the mixing of splitmix64 (Steele, Lea and
    Flood, OOPSLA 2014) of each (user, item)."""
    x = users.astype(np.uint64) << np.uint64(32) ^ items.astype(np.uint64)
    x += np.uint64((0x9E3779B97F4A7C15 * (seed + 1)) % 2**64)  # wraps around
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))
