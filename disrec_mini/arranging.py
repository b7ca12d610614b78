"""From a table of events to click sequences: columns, ids, times, order, what is kept.

user  item  time         by user, then time       a: x y
b     z     2       ->   a x 1 | a y 3 | b z 2 -> b: z
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from disrec_mini.cells import Ids, Ratings, Times
from disrec_mini.checks import check_whole, did_you_mean, is_number
from disrec_mini.errors import DisrecError
from disrec_mini.orders import scrambled, warn_if_sorted
from disrec_mini.tables import USUAL, Table, frame_table, plain

Column = str | int | None
_LIKE_GAPS = {"nan", "none", "null", "na", "n/a", "nat", "\\n"}
_READ: dict[str, type] = {"user": Ids, "item": Ids, "time": Times, "rating": Ratings}


@dataclass(frozen=True)
class Choice:
    """What to read of a table, see `read_events`."""

    user: Column = None
    item: Column = None
    time: Column = None
    rating: Column = None
    min_rating: float | None = None
    keep_repeats: bool = True
    k_core: int = 0
    seed: int = 0
    said: Callable[[str], object] | None = None

    def __post_init__(self) -> None:
        check_whole(self.k_core, "k_core", 0)
        check_whole(self.seed, "seed", 0)
        if self.min_rating is not None and not is_number(self.min_rating):
            raise DisrecError(f"min_rating must be a number, not {self.min_rating!r}.")

    @property
    def by_number(self) -> bool:
        """Whether user and item are numbers of columns."""
        return all(
            column is not None and str(column).isdecimal()
            for column in (self.user, self.item)
        )


def arrange_frame(frame: Any, **options: Any) -> dict[str, Any]:
    """The fields of `Interactions` from a frame, see `read_events`."""
    return arrange(frame_table(frame), Choice(**options), level=5)


def arrange(table: Table, choice: Choice, level: int = 4) -> dict[str, Any]:
    """The fields of `Interactions`, or a sentence. level : of warnings' callers."""
    where = _columns(table, choice)
    if choice.min_rating is None:
        where.pop("rating", None)
    names = {kind: table.columns[n] for kind, n in where.items()}
    read = {kind: _READ[kind](table.name, name) for kind, name in names.items()}
    for part in table.parts(list(where.values())):
        for column, cells in zip(read.values(), part, strict=True):
            column.add(cells)
    users, user_names = read.pop("user").finish()
    items, item_names = read.pop("item").finish()
    n_read = len(users)
    if n_read == 0:
        raise DisrecError(f"{table.name} has a header and no events under it.")
    kept = (users >= 0) & (items >= 0)
    values: dict[str, Any] = dict.fromkeys(("time", "rating"))
    for kind in list(read):
        values[kind], there = read.pop(kind).finish()
        kept &= there
    times = values["time"]
    dropped = [(n_read - int(kept.sum()), "with an empty cell")]
    if choice.min_rating is not None:
        liked = kept & (values["rating"] >= choice.min_rating)
        low = f"rated below {choice.min_rating:.15g}"
        dropped.append((int((kept & ~liked).sum()), low))
        kept = liked
    order = np.flatnonzero(kept)
    order = order[_order(users, items, times, order, choice.seed)]
    users, items = users[order], items[order]
    users, items, more = _thinned(users, items, choice)
    _check_some(users, table.name, [*dropped, *more])
    fields = _fields(users, items, user_names, item_names)
    if times is None and all(
        name.isascii() and name.isdecimal() for name in item_names
    ):
        warn_if_sorted(fields["items"], fields["offsets"], level)
    if choice.said is not None:
        choice.said(_summary(table, names, n_read, [*dropped, *more], fields))
    return fields


# -- columns ---------------------------------------------------------------------------


def _columns(table: Table, choice: Choice) -> dict[str, int]:
    """{kind: number of its column}; time and rating only where there is one."""
    asked = {"user": choice.user, "item": choice.item, "time": choice.time}
    if choice.min_rating is not None or choice.rating is not None:
        asked["rating"] = choice.rating
    found = {kind: _column(table, kind, name) for kind, name in asked.items()}
    if choice.min_rating is not None and found["rating"] is None:
        raise DisrecError(
            f"min_rating needs a column of ratings: say rating=COLUMN {_listed(table)}."
        )
    where = {kind: n for kind, n in found.items() if n is not None}
    for kind, n in where.items():
        same = [other for other in where if where[other] == n and other != kind]
        if same:
            raise DisrecError(
                f"column {table.columns[n]!r} of {table.name} cannot be both {kind} "
                f"and {same[0]}: say which is which {_listed(table)}."
            )
    return where


def _listed(table: Table) -> str:
    names = table.columns
    more = ", ..." if len(names) > 20 else ""
    return f"of the columns {', '.join(map(repr, names[:20]))}{more}"


def _column(table: Table, kind: str, wanted: Column) -> int | None:
    """The number of the column of a kind, None if there need be none, or a sentence."""
    names = table.columns
    if wanted is None:
        for tier in USUAL[kind]:
            found = [n for n, name in enumerate(names) if plain(name) in tier.split()]
            if len(found) > 1:
                several = " and ".join(repr(names[n]) for n in found)
                raise DisrecError(
                    f"{table.name} has several columns for the {kind}, {several}: say "
                    f"{kind}=NAME_OR_NUMBER (--{kind} on the command line) "
                    f"{_listed(table)}."
                )
            if found:
                return found[0]
        if kind in ("time", "rating"):
            return None
        raise DisrecError(
            f"{table.name} has no column with a usual name for the {kind}: say "
            f"{kind}=NAME_OR_NUMBER (--{kind} on the command line) {_listed(table)}."
        )
    found = [
        n for n, name in enumerate(names) if str(wanted) in (name, f"{name}:token")
    ]
    if len(found) > 1:
        raise DisrecError(
            f"{table.name} has {len(found)} columns called {wanted!r}: rename one, or "
            f"choose by number, {kind}={found[0]} or {kind}={found[1]}."
        )
    if not found and str(wanted).isdecimal() and int(wanted) < len(names):
        return int(wanted)
    if not found:
        hint = did_you_mean(wanted, names)
        raise DisrecError(
            f"{table.name} has no column {wanted!r} for the {kind}: say one "
            f"{_listed(table)}.{hint}"
        )
    return found[0]


# -- order, what is kept ---------------------------------------------------------------


def _order(
    users: np.ndarray,
    items: np.ndarray,
    times: np.ndarray | None,
    kept: np.ndarray,
    seed: int,
) -> np.ndarray:
    """Users one after the other, each by time; at one time in an order drawn from
    user and item, which is the same for any order of the rows. Without times, as the
    rows stand."""
    users, items = users[kept], items[kept]
    if times is None:
        return np.argsort(users, kind="stable")
    times = times[kept]
    order = np.lexsort((times, users))
    users, times = users[order], times[order]
    tied = np.zeros(len(order) + 1, bool)  # with the click before
    tied[1:-1] = (users[1:] == users[:-1]) & (times[1:] == times[:-1])
    some = np.flatnonzero(tied[1:] | tied[:-1])
    group = np.cumsum(~tied[:-1])[some]
    drawn = scrambled(users[some], items[order[some]], seed)
    order[some] = order[some][np.lexsort((drawn, group))]
    return order


def _thinned(
    users: np.ndarray, items: np.ndarray, choice: Choice
) -> tuple[np.ndarray, np.ndarray, list[tuple[int, str]]]:
    """Without repeats and rare users and items, and what was dropped."""
    dropped = []
    if not choice.keep_repeats and len(users):
        pair = users * (items.max() + 1) + items
        first = np.sort(np.unique(pair, return_index=True)[1])
        dropped.append((len(users) - len(first), "repeated"))
        users, items = users[first], items[first]
    k, before = choice.k_core, len(users)
    while k > 1 and len(users):
        often = (np.bincount(users)[users] >= k) & (np.bincount(items)[items] >= k)
        if often.all():
            break
        users, items = users[often], items[often]
    if k > 1:
        dropped.append((before - len(users), f"outside the {k}-core"))
    return users, items, dropped


def _check_some(
    users: np.ndarray, table: str, dropped: Sequence[tuple[int, str]]
) -> None:
    if len(users) == 0:
        listed = ", ".join(f"{n:,} {why}" for n, why in dropped if n)
        raise DisrecError(f"no event of {table} is left: dropped {listed}.")


def _fields(
    users: np.ndarray, items: np.ndarray, user_names: list[str], item_names: list[str]
) -> dict[str, Any]:
    """Numbers without gaps, in the order of names."""
    lengths, counts = np.bincount(users), np.bincount(items)
    return {
        "items": np.cumsum(counts > 0)[items],
        "offsets": np.concatenate([[0], np.cumsum(lengths[lengths > 0])]),
        "n_items": int((counts > 0).sum()),
        "item_names": ["", *(item_names[j] for j in np.flatnonzero(counts).tolist())],
        "user_names": [user_names[u] for u in np.flatnonzero(lengths).tolist()],
    }


def _summary(
    table: Table,
    names: dict[str, str],
    n_read: int,
    dropped: Sequence[tuple[int, str]],
    fields: dict[str, Any],
) -> str:
    """One line: what was read, assumed, dropped and is left."""
    columns = ", ".join(f"{kind} {name!r}" for kind, name in names.items())
    order = [] if "time" in names else ["no time: in the order of the rows"]
    assumed = ", ".join([columns, *order, *table.notes])
    gone = ", ".join(f"{n:,} {why}" for n, why in dropped if n)
    clicks = {"user": np.diff(fields["offsets"]), "item": np.bincount(fields["items"])}
    odd = "".join(
        f"; {name!r} is taken for a name, of {clicks[kind][n]:,} clicks"
        for kind in clicks
        for n, name in enumerate(fields[f"{kind}_names"])
        if name.lower() in _LIKE_GAPS
    )
    return (
        f"{table.name}: {n_read:,} events ({assumed}); "
        f"dropped {gone or 'none'}; {len(fields['items']):,} clicks of "
        f"{len(fields['user_names']):,} users on {fields['n_items']:,} items{odd}"
    )
