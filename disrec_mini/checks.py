"""What a value must be, said in one sentence at the edge."""

import difflib
import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from disrec_mini.errors import DisrecError


def check_whole(value: object, name: str, least: int) -> int:
    """`value` as an int of at least `least`, or a sentence."""
    whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
    if not whole or value < least:  # type: ignore[operator]
        raise DisrecError(f"{name} must be a whole number >= {least}, not {value!r}.")
    return int(value)  # type: ignore[call-overload]


def check_number(
    value: Any, name: str, low: float = -math.inf, high: float = math.inf
) -> None:
    """A finite number between two bounds, or a sentence."""
    if not (is_number(value) and math.isfinite(value) and low <= value <= high):
        wanted = f"between {low:g} and {high:g}" if high < math.inf else "0 or more"
        raise DisrecError(f"{name} must be {wanted}, not {value!r}.")


def is_number(value: object) -> bool:
    """True for whole and broken numbers, also NumPy's; True and False are none."""
    number = isinstance(value, int | float | np.integer | np.floating)
    return number and not isinstance(value, bool)


def check_choice(value: object, name: str, choices: Sequence[object]) -> None:
    """One of a few values, or a sentence that names them."""
    *first, last = map(repr, choices)
    if value not in choices:
        listed = f"{', '.join(first)} or {last}"
        raise DisrecError(f"{name} must be {listed}, not {value!r}.")


def did_you_mean(name: object, known: Iterable[str], cutoff: float = 0.6) -> str:
    """ " Did you mean x?", a sentence with a blank before it, or nothing."""
    near = difflib.get_close_matches(str(name), list(known), 3, cutoff)
    return f" Did you mean {' or '.join(near)}?" if near else ""
