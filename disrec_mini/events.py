"""Click sequences from tables of events: one row for each click, rating or purchase."""

import os
from collections.abc import Callable

from disrec_mini.arranging import Choice, Column, arrange
from disrec_mini.interactions import Interactions
from disrec_mini.tables import read_table


def read_events(
    path: str | os.PathLike[str],
    *,
    user: Column = None,
    item: Column = None,
    time: Column = None,
    rating: Column = None,
    min_rating: float | None = None,
    keep_repeats: bool = True,
    k_core: int = 0,
    sep: str | None = None,
    seed: int = 0,
    said: Callable[[str], object] | None = None,
) -> Interactions:
    """Read a table of events: every row is a click of a user on an item.

    Parameters
    ----------
    path : CSV, TSV, RecBole's .inter, lines of JSON or of Python's literals, each plain
        or gzipped, or Parquet where pyarrow or polars is installed.
    user, item, time, rating : columns, by name or by number from 0, the latter also
        without a header. Those with usual names, such as `user_id`, `movieId`, `asin`,
        `timestamp`, `stars`, are found.
    min_rating : rows with a lower rating are dropped; None keeps them all.
    keep_repeats : False keeps the first of a user's clicks on an item.
    k_core : users and items with fewer clicks are dropped until none is left.
    sep : what stands between cells, if the first line does not tell.
    seed : of the order of clicks at one time.
    said : is called with one line: what was read, dropped and assumed.

    Returns
    -------
    Interactions
        Ids, texts or numbers, are `user_names` and `item_names`, in their order, as
        the file writes them but for blanks around them. Clicks are in order of time:
        numbers or ISO dates, to the microsecond, UTC if they do not say. Those at one
        time stand in a drawn order, without a meaning. Without a time column the rows'
        order counts, and rows that seem sorted by item are warned about. Rows with an
        empty user, item, time or needed rating are dropped.

    Raises
    ------
    DisrecError : a missing or unclear column, a cell that cannot be read, or no event.
    """
    choice = Choice(
        user, item, time, rating, min_rating, keep_repeats, k_core, seed, said
    )
    return Interactions(**arrange(read_table(path, sep, choice.by_number), choice))
