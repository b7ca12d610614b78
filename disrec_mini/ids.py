"""What a file calls an item, and its number in a model: 1 to M, without gaps."""

from collections.abc import Callable, Iterable, Sequence
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
    data: Interactions,
    names: Names,
    n_items: int,
    by_id: bool,
    said: Callable[[str], object] | None = None,
    whole: bool = True,
) -> Interactions:
    """A file's clicks by the numbers of a model.

    Two files number their items apart; what an item is called is the same in both.
    Users who clicked on an item that the model does not know are left without clicks,
    as they cannot be measured like the others.

    said : called with one line about them.
    whole : False to leave out such clicks alone, for lists.

    Raises
    ------
    DisrecError : nobody is left.
    """
    same = data.item_names == (None if names is None else tuple(names))
    if same and data.n_items == n_items:
        return data
    called = data.item_names or range(data.n_items + 1)
    numbers = numbers_of(names, n_items, by_id)
    table = np.array([numbers.get(str(name), 0) for name in called])  # (M' + 1,)
    unknown = table[data.items] == 0  # (n,), clicks
    if unknown.any():
        first = called[data.items[unknown.argmax()]]
        data, told = _without(data, unknown, whole)
        if not data.n_clicks:
            raise DisrecError(
                f"item {first!s} of the data is unknown to the model, which knows "
                f"{n_items:,} items: it was trained on other data."
            )
        if said is not None:
            said(f"{told} on items that the model does not know, such as {first!s}")
    return replace(
        data,
        items=table[data.items],
        n_items=n_items,
        item_names=names,
        item_categories=None,
    )


def _without(
    data: Interactions, unknown: np.ndarray, whole: bool
) -> tuple[Interactions, str]:
    """The data without such clicks (n_clicks,), or without whoever made one, and how
    much that is."""
    who = np.repeat(np.arange(data.n_users), data.lengths)  # (n_clicks,)
    lost = np.isin(np.arange(data.n_users), who[unknown])  # (N,)
    out = lost[who] if whole else unknown
    told = f"{lost.sum():,} of {data.n_users:,} users are left out: they clicked"
    if not whole:
        told = f"{out.sum():,} clicks of {lost.sum():,} users are left out: they are"
    lengths = np.bincount(who[~out], minlength=data.n_users)
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    return replace(data, items=data.items[~out], offsets=offsets), told
