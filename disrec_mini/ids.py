"""What a file calls an item, and its number in a model: 1 to M, without gaps."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from disrec_mini.errors import DisrecError
from disrec_mini.interactions import Interactions

Names = Sequence[str] | None


def numbered(ids: np.ndarray) -> tuple[np.ndarray, int, list[str] | None]:
    """Clicks (n,) as a file calls them -> numbers 1..M in the order of ids, M, names.

    No names when the ids are 1..M already.
    """
    known, inverse = np.unique(ids, return_inverse=True)
    if known[0] == 1 and known[-1] == len(known):
        return ids, len(known), None
    return inverse + 1, len(known), ["", *map(str, known.tolist())]


def are_ids(names: Names) -> bool:
    """Whether these are ids of a file of whole numbers, rather than titles."""
    some = names is not None and len(names) > 1
    return some and all(name.isdecimal() for name in names[1:])  # type: ignore[index]


def numbers_of(names: Names, n_items: int, by_id: bool) -> dict[str, int]:
    """What a person may call items -> their numbers.

    Ids of a file where the names are such, else numbers, and titles that are none.
    """
    rows = {str(j): j for j in range(1, n_items + 1)}
    if names is None:
        return rows
    named = {name: j for j, name in enumerate(names) if j}
    return (
        named if by_id else rows | {name: named[name] for name in named.keys() - rows}
    )


def look_up(called: Iterable[str], numbers: dict[str, int]) -> list[int]:
    """The numbers of items as they are called, or a sentence about one that is none."""
    found = []
    for name in called:
        if name not in numbers:
            n_items = max(numbers.values())
            known = f"ids run from 1 to {n_items}"
            if any(str(j) not in numbers for j in range(1, n_items + 1)):
                first = ", ".join(map(repr, list(numbers)[:3]))
                known = f"the model knows {n_items:,} items, first {first}"
            raise DisrecError(f"item {name!r} is unknown: {known}.")
        found.append(numbers[name])
    return found


def as_known(
    data: Interactions, names: Names, n_items: int, by_id: bool
) -> Interactions:
    """A file's clicks by the numbers of a model, or a sentence.

    Two files number their items apart; what an item is called is the same in both.
    """
    theirs = None if names is None else tuple(names)
    if data.item_names == theirs and data.n_items == n_items:
        return data
    called = data.item_names or range(data.n_items + 1)
    numbers = numbers_of(names, n_items, by_id)
    table = np.zeros(data.n_items + 1, np.int64)
    for j in np.flatnonzero(data.counts()).tolist():
        try:
            table[j] = numbers[str(called[j])]
        except KeyError:
            raise DisrecError(
                f"item {called[j]!s} of the data is unknown to the model, which knows "
                f"{n_items:,} items: it was trained on other data."
            ) from None
    return replace(
        data,
        items=table[data.items],
        n_items=n_items,
        item_names=names,
        item_categories=None,
    )
