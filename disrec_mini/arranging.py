"""From a table of events to click sequences: columns, ids, times, order, what is kept.

user  item  time         by user, then time       a: x y
b     z     2       ->   a x 1 | a y 3 | b z 2 -> b: z
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from typing import Any

import numpy as np

from disrec_mini.checks import check_whole, did_you_mean
from disrec_mini.checks import is_number as is_real
from disrec_mini.errors import DisrecError
from disrec_mini.orders import scrambled, warn_if_sorted
from disrec_mini.tables import USUAL, Table, frame_table, is_number, plain

Column = str | int | None
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


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
        if self.min_rating is not None and not is_real(self.min_rating):
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
    cells = dict(zip(where, table.pick(list(where.values())), strict=True))
    n_read = len(cells["user"])
    if n_read == 0:
        raise DisrecError(f"{table.name} has a header and no events under it.")
    names = {kind: table.columns[n] for kind, n in where.items()}
    users, user_names = _ids(cells["user"], table.name, names["user"])
    items, item_names = _ids(cells["item"], table.name, names["item"])
    kept = (users >= 0) & (items >= 0)
    times = ratings = None
    if "time" in cells:
        times, there = _times(cells["time"], table.name, names["time"])
        kept &= there
    if "rating" in cells and choice.min_rating is not None:
        ratings, there = _ratings(cells["rating"], table.name, names["rating"])
        kept &= there
    dropped = [(n_read - int(kept.sum()), "with an empty cell")]
    if ratings is not None:
        liked = kept & (ratings >= choice.min_rating)
        dropped.append((int((kept & ~liked).sum()), f"rated below {choice.min_rating}"))
        kept = liked
    order = np.flatnonzero(kept)
    order = order[_order(users, items, times, order, choice.seed)]
    users, items = users[order], items[order]
    users, items, more = _thinned(users, items, choice)
    _check_some(users, table.name, [*dropped, *more])
    fields = _fields(users, items, user_names, item_names)
    if times is None and all(map(_whole, item_names)):
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


# -- cells -----------------------------------------------------------------------------


def _is_gap(cell: Any) -> bool:
    """None, "", NaN, and the gaps of pandas."""
    if isinstance(cell, str):
        return not cell or cell.isspace()
    return cell is None or type(cell).__name__ == "NAType" or cell != cell


def _whole(text: str) -> bool:
    return text.isascii() and text.isdecimal()


def _ids(cells: Any, table: str, column: str) -> tuple[np.ndarray, list[str]]:
    """(n,) numbers of ids in their order, -1 where there is none, and their names.

    The order is that of numbers if all are whole numbers, else that of texts.
    """
    if isinstance(cells, np.ndarray) and cells.dtype.kind in "iu":
        whole, inverse = np.unique(cells, return_inverse=True)
        return inverse, [str(number) for number in whole.tolist()]
    seen: dict[Any, int] = {}
    cells = cells.tolist() if isinstance(cells, np.ndarray) else cells
    try:
        raw = [seen.setdefault(cell, len(seen)) for cell in cells]
    except TypeError:
        raise DisrecError(
            f"column {column!r} of {table} has lists or objects: ids are texts or "
            "numbers."
        ) from None
    texts = [_id(cell) for cell in seen]
    known = sorted(set(texts) - {""})
    if all(map(_whole, known)):
        known.sort(key=lambda text: (len(text.lstrip("0")), text.lstrip("0"), text))
    number = {text: n for n, text in enumerate(known)} | {"": -1}
    table_of = np.array([number[text] for text in texts], np.int64)
    return table_of[np.array(raw, np.int64)], known


def _id(cell: Any) -> str:
    if _is_gap(cell):
        return ""
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))  # a frame's numbers beside gaps
    return str(cell).strip()


def _ratings(cells: Any, table: str, column: str) -> tuple[np.ndarray, np.ndarray]:
    """(n,) numbers, and where there is one."""
    simple = _all_numbers(cells)
    if simple is not None:
        return simple, np.ones(len(simple), bool)
    there = np.array([not _is_gap(cell) for cell in cells], bool)
    values = np.zeros(len(there))
    some = [cell for cell, is_there in zip(cells, there, strict=True) if is_there]
    try:
        values[there] = np.array(some, dtype=object).astype(float)
    except (ValueError, TypeError):
        wrong = next(cell for cell in some if not is_number(str(cell)))
        raise DisrecError(
            f"column {column!r} of {table} must hold ratings, numbers, not {wrong!r}."
        ) from None
    return values, there


def _times(cells: Any, table: str, column: str) -> tuple[np.ndarray, np.ndarray]:
    """(n,) numbers that rise with time, and where there is one; or a sentence.

    Whole numbers stay exact, dates become microseconds since 1970.
    """
    if isinstance(cells, np.ndarray) and cells.dtype.kind in "iuM":
        there = (
            ~np.isnat(cells) if cells.dtype.kind == "M" else np.ones(len(cells), bool)
        )
        return cells.astype(np.int64), there
    there = np.array([not _is_gap(cell) for cell in cells], bool)
    some = [cell for cell, is_there in zip(cells, there, strict=True) if is_there]
    found = _numbers([str(cell) for cell in some])
    if found is None:
        mixed = sum(is_number(str(cell)) for cell in some)
        dates = [c for c in some if not (mixed and is_number(str(c)))]
        found = np.array([_moment(cell, table, column) for cell in dates], np.int64)
        if mixed:
            raise DisrecError(
                f"column {column!r} of {table} has numbers and dates, such as "
                f"{str(dates[0])!r}: write all of its times in one way."
            )
    values = np.zeros(len(there), found.dtype)
    values[there] = found
    return values, there


def _all_numbers(cells: Any) -> np.ndarray | None:
    """A file's texts or a frame's numbers without a gap, at once; None for others."""
    if isinstance(cells, np.ndarray):
        return cells if cells.dtype.kind == "f" and np.isfinite(cells).all() else None
    return _numbers(cells) if all(type(cell) is str for cell in cells) else None


def _numbers(texts: list[str]) -> np.ndarray | None:
    """Texts as whole numbers, else as broken ones, else None."""
    for kind in (np.int64, np.float64):
        try:
            values = np.array(texts).astype(kind) if texts else np.zeros(0, kind)
        except (ValueError, OverflowError):
            continue
        if np.isfinite(values).all():
            return values
    return None


def _moment(cell: Any, table: str, column: str) -> int:
    """Microseconds since 1970 of a date; without a zone it is UTC."""
    try:
        if not isinstance(cell, date):
            text = str(cell).strip()
            text = f"{text[:-1]}+00:00" if text[-1:] in "Zz" else text
            cell = datetime.fromisoformat(text)
        elif not isinstance(cell, datetime):
            cell = datetime(cell.year, cell.month, cell.day)
    except ValueError:
        raise DisrecError(
            f"column {column!r} of {table} has {cell!r}, which is no time: write "
            "numbers or dates such as 2014-07-23 or 2014-07-23T18:05:00Z."
        ) from None
    zoned = cell if cell.tzinfo else cell.replace(tzinfo=timezone.utc)
    return int((zoned - _EPOCH) // timedelta(microseconds=1))


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
    return np.lexsort((scrambled(users, items, seed), times[kept], users))


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
    who, lengths = np.unique(users, return_counts=True)
    what, inverse = np.unique(items, return_inverse=True)
    return {
        "items": inverse + 1,
        "offsets": np.concatenate([[0], np.cumsum(lengths)]),
        "n_items": len(what),
        "item_names": ["", *(item_names[j] for j in what.tolist())],
        "user_names": [user_names[u] for u in who.tolist()],
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
    order = "" if "time" in names else ", no time: in the order of the rows"
    gone = ", ".join(f"{n:,} {why}" for n, why in dropped if n)
    return (
        f"{table.name}: {n_read:,} events ({columns}{order}); "
        f"dropped {gone or 'none'}; {len(fields['items']):,} clicks of "
        f"{len(fields['user_names']):,} users on {fields['n_items']:,} items"
    )
