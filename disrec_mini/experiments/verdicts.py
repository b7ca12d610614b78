"""What measured differences between settings allow one to say.

The rule is written in `book/results/README.md`. In short: a difference is a mean over
users and starts, its error holds the chance of both, and a family of differences is
judged together.
"""

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from disrec_mini.analysis import bootstrap
from disrec_mini.errors import DisrecError

ALPHA = 0.05  # how often a family in which nothing is may say that something is
SMALLEST = 0.025  # smallest effect of interest, a share of the old setting's value
FEW = "too few seeds"

Array = np.ndarray
Entry = dict[str, Any]


def difference(
    gains: Sequence[Array], base: float | None = None, nested: bool = False
) -> Entry:
    """One measured difference, new minus old; `judge` gives it a verdict.

    Parameters
    ----------
    gains : for each seed (N,) gains of the same users; nan where one is not counted
        (then it is left out for all seeds).
    base : the old setting's value, for equivalence.
    nested : each seed has users of its own (worlds made anew), so N may differ.

    Returns
    -------
    `mean`; `seeds`, that of each; `users`, the standard error over users alone, and
    `interval`, 95 % by bootstrap over users. With three seeds or more also
    `t_interval`, 95 % by Student's t over seeds alone; `error` and `df` of both
    together (`combined_error`); `combined`, the wider of their two 95 % intervals, and
    `p` of no difference, the larger of their two. (With three seeds the combined error
    alone finds something too often in its tails: `benchmarks/power.py`.) With `base`
    `smallest`, the smallest effect of interest, and `p_equal` of an effect that large
    or larger (the larger p of two one-sided tests; Schuirmann, 1987).
    """
    kept = counted(gains, nested)
    each = np.array([rows.mean() for rows in kept])
    mean, n_seeds = float(each.mean()), len(each)
    people = per_person(gains, nested)
    found: Entry = {"mean": mean, "seeds": each.tolist()}
    found["users"] = float(people.std(ddof=1) / math.sqrt(len(people)))
    shift = mean - float(people.mean())  # seeds of different size weigh alike
    found["interval"] = [bound + shift for bound in bootstrap(people)]
    if n_seeds < 3:
        return {**found, "verdict": FEW}
    by_seeds = (float(each.std(ddof=1)) / math.sqrt(n_seeds), n_seeds - 1.0)
    found["t_interval"] = _around(mean, *by_seeds)
    errors = [by_seeds] if nested else [by_seeds, combined_error(np.array(kept))]
    found["error"], found["df"] = errors[-1]
    intervals = [_around(mean, *error) for error in errors]
    found["combined"] = max(intervals, key=lambda interval: interval[1])
    found["p"] = max(min(1.0, 2 * _beyond(abs(mean), *error)) for error in errors)
    if base is not None:
        found["smallest"] = SMALLEST * abs(base)
        inside = found["smallest"] - abs(mean)
        found["p_equal"] = max(_beyond(inside, *error) for error in errors)
    return judge([found])[0]


def counted(values: Sequence[Array], nested: bool = False) -> list[Array]:
    """For each seed the values that are no nan; with the same users in all seeds
    (not `nested`), only those of users who have one with every seed."""
    if nested:
        return [rows[~np.isnan(rows)] for rows in values]
    table = np.array(values)  # (S, N)
    return list(table[:, ~np.isnan(table).any(0)])


def per_person(values: Sequence[Array], nested: bool = False) -> Array:
    """(n,) one value for each person: the mean over seeds of users that seeds share."""
    kept = counted(values, nested)
    return np.concatenate(kept) if nested else np.mean(kept, axis=0)


def combined_error(gains: Array) -> tuple[float, float]:
    """(standard error, degrees of freedom) of the mean of gains (S, N).

    d_su = mean + a_u + b_s + e_su: a part of the user, one of the start and a rest.
    SE^2 = var(a) / N + var(b) / S + var(e) / (N S), each estimated from its mean square
    (chapter 03). The degrees of freedom are Satterthwaite's (1946), and S - 1 at least.
    """
    n_seeds, n_users = gains.shape
    if n_users < 2:
        return math.inf, n_seeds - 1.0
    error, df = of_parts(parts_of(gains), n_seeds, n_users)
    return float(error), float(df)


def parts_of(gains: Array) -> Array:
    """(3,) what seeds, users and the rest add to the variance of the mean of gains
    (S, N): their mean squares over N S. The rest is in the other two, too."""
    n_seeds, n_users = gains.shape
    seed, user = gains.mean(1, keepdims=True), gains.mean(0, keepdims=True)
    rest = ((gains - seed - user + gains.mean()) ** 2).mean()
    rest /= (n_seeds - 1) * (n_users - 1)
    by_seed, by_user = seed.var(ddof=1) / n_seeds, user.var(ddof=1) / n_users
    return np.array([by_seed, by_user, rest])


def of_parts(parts: Array, n_seeds: int, n_users: int) -> tuple[Array, Array]:
    """(standard error, degrees of freedom) from parts (3, ...) as of `parts_of`."""
    dfs = np.array([n_seeds - 1, n_users - 1, (n_seeds - 1) * (n_users - 1)])
    variance = np.maximum(parts[:2] - parts[2], 0).sum(0) + parts[2]
    spread = np.tensordot(1 / dfs, parts**2, 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        df = np.where(spread > 0, variance**2 / spread, math.inf)
    return np.sqrt(variance), np.maximum(df, n_seeds - 1)


def judge(family: Iterable[Entry]) -> list[Entry]:
    """The family's entries, each with its verdict, judged together (Holm, 1979).

    "gain" or "loss" where no difference is excluded (`p_holm` below ALPHA);
    "equivalent" where an effect of interest is (`p_equal_holm` below ALPHA);
    "undecided" where neither is. Entries with too few seeds stay as they are.
    """
    entries = list(family)
    tested = [entry for entry in entries if "p" in entry]
    for entry, p in zip(tested, holm([e["p"] for e in tested]), strict=True):
        entry |= {"p_holm": p, "family": len(tested)}
    equal = [entry for entry in tested if "p_equal" in entry]
    for entry, p in zip(equal, holm([e["p_equal"] for e in equal]), strict=True):
        entry["p_equal_holm"] = p
    for entry in tested:
        if entry["p_holm"] < ALPHA:
            entry["verdict"] = "gain" if entry["mean"] > 0 else "loss"
        elif entry.get("p_equal_holm", 1.0) < ALPHA:
            entry["verdict"] = "equivalent"
        else:
            entry["verdict"] = "undecided"
    return entries


def holm(p: Sequence[float]) -> list[float]:
    """Adjusted p of a family: the smallest times its size, the next times one less,
    and so on, never below the one before (Holm, 1979)."""
    adjusted, reached = [0.0] * len(p), 0.0
    for place, i in enumerate(np.argsort(p, kind="stable")):
        reached = max(reached, min(1.0, p[i] * (len(p) - place)))
        adjusted[i] = reached
    return adjusted


def _around(mean: float, error: float, df: float) -> list[float]:
    reach = float(_student().ppf(1 - ALPHA / 2, df)) * error
    return [mean - reach, mean + reach]


def _beyond(distance: float, error: float, df: float) -> float:
    """P(t > distance / error) by Student's t."""
    if error == 0:  # all gains are equal
        return 0.5 if distance == 0 else float(distance < 0)
    return float(_student().sf(distance / error, df))


def _student() -> Any:
    try:
        from scipy.stats import t
    except ImportError:
        raise DisrecError(
            "verdicts need scipy, which knows Student's t: `pip install scipy`."
        ) from None
    return t
