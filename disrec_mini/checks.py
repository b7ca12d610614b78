"""What a value must be, said in one sentence at the edge."""

import difflib
import operator
import sys
import warnings
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, SupportsIndex

import numpy as np

from disrec_mini.errors import DisrecError, DisrecIndexError

if TYPE_CHECKING:
    import torch
    from torch import Tensor


def check_whole(value: object, name: str, least: int) -> int:
    """`value` as an int of at least `least`, or a sentence."""
    whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
    if not whole or value < least:  # type: ignore[operator]
        raise DisrecError(f"{name} must be a whole number >= {least}, not {value!r}.")
    return int(value)  # type: ignore[call-overload]


def is_number(value: object) -> bool:
    """True for whole and broken numbers, also NumPy's; True and False are none."""
    number = isinstance(value, int | float | np.integer | np.floating)
    return number and not isinstance(value, bool)


def check_minutes(value: Any) -> None:
    """A number above 0, or None, or a sentence."""
    if value is not None and not (is_number(value) and value > 0):
        raise DisrecError(f"minutes must be a number above 0, or None, not {value!r}.")


def check_share(value: Any, name: str, hint: str = "") -> None:
    """A number between 0 and 1, or a sentence."""
    if not (is_number(value) and 0 <= value <= 1):
        raise DisrecError(
            f"{name} must be a share between 0 and 1{hint}, not {value!r}."
        )


def check_choice(value: object, name: str, choices: Sequence[object]) -> None:
    """One of a few values, or a sentence that names them; True is not 1."""
    *first, last = map(repr, choices)
    if not any(value == choice and type(value) is type(choice) for choice in choices):
        listed = f"{', '.join(first)} or {last}"
        raise DisrecError(f"{name} must be {listed}, not {value!r}.")


def did_you_mean(name: object, known: Iterable[str], cutoff: float = 0.6) -> str:
    """ " Did you mean x?", a sentence with a blank before it, or nothing."""
    near = difflib.get_close_matches(str(name), list(known), 3, cutoff)
    return f" Did you mean {' or '.join(near)}?" if near else ""


# -- arrays ----------------------------------------------------------------------------


def int_array(values: object, name: str) -> np.ndarray:
    """A read-only one-dimensional int64 copy, or a sentence."""
    try:
        array = np.asarray(values)
    except ValueError:  # rows of unequal length
        array = np.zeros((0, 0))
    if array.ndim != 1 or (array.size and array.dtype.kind not in "iu"):
        raise DisrecError(
            f"{name} must be a one-dimensional array of whole numbers, not one of "
            f"type {array.dtype} and shape {array.shape}."
        )
    array = np.array(array, dtype=np.int64)
    array.setflags(write=False)
    return array


def check_offsets(offsets: np.ndarray, n: int) -> None:
    """From 0 to n and never falling, or a sentence."""
    if len(offsets) == 0 or offsets[0] != 0 or offsets[-1] != n:
        ends = f"{offsets[0]} to {offsets[-1]}" if len(offsets) else "nothing"
        raise DisrecError(
            f"offsets must run from 0 to the number of clicks, {n}, not {ends}."
        )
    falls = np.flatnonzero(np.diff(offsets) < 0)
    if len(falls):
        raise DisrecError(
            f"offsets must never fall, but offsets[{falls[0] + 1}] is smaller "
            f"than offsets[{falls[0]}]."
        )


def check_held_out(values: object, name: str, n_users: int, n_items: int) -> np.ndarray:
    """(n_users,) item ids or 0, as `int_array` makes them, or a sentence."""
    ids = int_array(values, name)
    if len(ids) != n_users:
        raise DisrecError(
            f"{name} must have one entry for each of the {n_users} users, "
            f"not {len(ids)}."
        )
    wrong = np.flatnonzero((ids < 0) | (ids > n_items))
    if len(wrong):
        raise DisrecError(
            f"{name} must lie between 0 (none) and n_items = {n_items}, "
            f"but user {wrong[0]} has {ids[wrong[0]]}."
        )
    return ids


def check_item_names(
    names: Sequence[str] | None, n_items: int
) -> tuple[str, ...] | None:
    """n_items + 1 names, the first for padding, or a sentence."""
    checked = check_names(names, "item_names", n_items + 1)
    if checked is not None and checked[0] != "":
        raise DisrecError(
            f'item_names[0] belongs to padding and must be "", not '
            f"{checked[0]!r}; put the name of item 1 at index 1."
        )
    return checked


def check_ids(items: np.ndarray, n_items: int) -> None:
    """Every click is an item, or a sentence that names the first that is none."""
    wrong = np.flatnonzero((items < 1) | (items > n_items))
    if len(wrong):
        raise DisrecError(
            f"Item ids must lie between 1 and n_items = {n_items} (0 is padding), but "
            f"the click at position {wrong[0]} is {items[wrong[0]]}."
        )


def check_length(values: Sequence[object], name: str, n: int) -> None:
    """n entries, or a sentence."""
    if len(values) != n:
        zero = ", index 0 being padding" if name.startswith("item") else ""
        raise DisrecError(f"{name} must have {n} entries{zero}, not {len(values)}.")


def check_names(
    values: Sequence[str] | None, name: str, n: int
) -> tuple[str, ...] | None:
    """A tuple of n strings, None as it is, or a sentence."""
    if values is None:
        return None
    if isinstance(values, str) or not all(isinstance(value, str) for value in values):
        raise DisrecError(f"{name} must be a sequence of strings.")
    check_length(values, name, n)
    return tuple(values)


# -- click sequences, devices ----------------------------------------------------------


def click_rows(items: Any, n_items: int) -> tuple[bool, list[list[int]]]:
    """Whether `items` is one sequence, and the rows without their padding."""
    if hasattr(items, "detach"):  # a tensor
        items = items.detach().cpu().numpy()
    try:
        array = np.asarray(items)
    except ValueError:
        array = np.empty(0, object)
    if array.dtype.kind not in "iu" or array.ndim not in (1, 2):
        raise DisrecError(
            "recommend needs item ids: a sequence of whole numbers, or a (B, T) "
            "array of them right-padded with 0."
        )
    rows = [np.trim_zeros(row, "b").tolist() for row in np.atleast_2d(array)]
    for row in rows:
        if not row:
            raise DisrecError("recommend needs at least one click in a sequence.")
        _check_known(min(row), max(row), n_items, first=1)
    return array.ndim == 1, rows


def check_rows(
    items: "Tensor", lengths: "Tensor", n_items: int, max_len: int | None
) -> None:
    """Right-padded click sequences (B, T) and their lengths (B,), or a sentence."""
    import torch
    from torch import Tensor

    if not (isinstance(items, Tensor) and isinstance(lengths, Tensor)):
        raise DisrecError("items and lengths must be int64 tensors.")
    if items.ndim != 2 or lengths.shape != items.shape[:1]:
        raise DisrecError(
            f"items must be (B, T) and lengths (B,), not {tuple(items.shape)} and "
            f"{tuple(lengths.shape)}."
        )
    if items.dtype != torch.int64 or lengths.dtype != torch.int64:
        raise DisrecError("items and lengths must be int64 tensors.")
    n_rows, n_columns = items.shape
    if max_len is not None and n_columns > max_len:
        raise DisrecError(
            f"sequences of {n_columns} clicks are longer than max_len = {max_len}: "
            f"pass the last {max_len}."
        )
    if n_rows * n_columns == 0:
        raise DisrecError("a model needs at least one sequence with one click.")
    clicks = torch.arange(n_columns, device=items.device) < lengths[:, None]  # (B, T)
    sound = (lengths >= 1).all() & (lengths <= n_columns).all()
    sound = sound & ((items != 0) == clicks).all()
    least, most = items.aminmax()
    if bool(sound & (least >= 0) & (most <= n_items)):  # the one look at the device
        return
    if not bool(sound):
        raise DisrecError(
            "each row must hold its `lengths` clicks first (at least 1, none of them "
            "0) and then zeros."
        )
    _check_known(int(least), int(most), n_items, first=0)


def _check_known(least: int, most: int, n_items: int, first: int) -> None:
    if least < first or most > n_items:
        bad = least if least < first else most
        raise DisrecError(f"item {bad} is unknown: ids run from 1 to {n_items}.")


def choose_device(name: str) -> "torch.device":
    """ "auto" is CUDA if there is one, else MPS, else the CPU; or a sentence."""
    import torch

    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        return torch.zeros(0, device=name).device
    except (RuntimeError, AssertionError):
        raise DisrecError(
            f"device {name!r} is not available here: try 'auto' or 'cpu'."
        ) from None


# -- evaluation ------------------------------------------------------------------------


def check_is(
    value: object, wanted: type | tuple[type, ...], name: str, how: str
) -> None:
    """An object of a class, or a sentence that says how to make one."""
    if not isinstance(value, wanted):
        kinds = wanted if isinstance(wanted, tuple) else (wanted,)
        listed = " or ".join(kind.__name__ for kind in kinds)
        found = value.__name__ if isinstance(value, type) else type(value).__name__
        found = f"the class {found} itself" if isinstance(value, type) else found
        raise DisrecError(f"{name} must be {listed}, not {found}: pass {how}.")


def check_users(users: Any, n_users: int) -> np.ndarray:
    """Numbers (n,) of users, all for None; a mask (n_users,) works; or a sentence."""
    if users is None:
        return np.arange(n_users)
    chosen = np.asarray(users) if hasattr(users, "__len__") else np.array(None)
    if chosen.dtype.kind == "b" and chosen.shape == (n_users,):
        return np.flatnonzero(chosen)
    chosen = int_array(users, "users")
    outside = chosen[(chosen < 0) | (chosen >= n_users)]
    if len(outside):
        raise DisrecIndexError(
            f"There is no user {outside[0]}: users are 0 to {n_users - 1}."
        )
    return chosen


def check_asked(truth: np.ndarray, users: Any, on: str) -> np.ndarray:
    """Who of some users has a true item, each once, or a sentence."""
    chosen = check_users(users, len(truth))
    ordered, times = np.unique(chosen, return_counts=True)
    if len(ordered) < len(chosen):
        twice = ordered[times > 1][0]
        raise DisrecError(f"user {twice} is asked {times.max()} times: once is enough.")
    asked = chosen[truth[chosen] > 0]
    if not len(asked):
        raise DisrecError(
            f"no user has a {on} click: users need at least 3 clicks to be evaluated."
        )
    return asked


def check_negatives(
    negatives: Any, truth: np.ndarray, asked: np.ndarray, n_items: int
) -> np.ndarray:
    """(n_users, n) int64 other candidates, as `draw_negatives` makes, or a sentence."""
    try:
        array = np.asarray(negatives)
    except ValueError:  # rows of unequal length
        array = np.zeros(0)
    if array.ndim != 2 or array.dtype.kind not in "iu" or not array.size:
        raise DisrecError(
            f"negatives must be an (n_users, n) array of whole numbers, not one of "
            f"type {array.dtype} and shape {array.shape}."
        )
    if len(array) != len(truth):
        raise DisrecError(
            f"negatives must have a row for each of the {len(truth)} users, also for "
            f"those who are not asked, not {len(array)}."
        )
    rows = array[asked]  # (n_asked, n)
    wrong = rows[(rows < 0) | (rows > n_items)]
    if len(wrong):
        raise DisrecError(
            f"item {wrong[0]} in negatives is unknown: ids run from 1 to {n_items}, "
            "and 0 fills short rows."
        )
    own = asked[(rows == truth[asked][:, None]).any(1)]
    if len(own):
        raise DisrecError(
            f"the negatives of user {own[0]} hold the item to be found, "
            f"{truth[own[0]]}: draw them again for this part of the data."
        )
    return np.ascontiguousarray(array, np.int64)


def warn_of_few(least: int, k: int) -> None:
    """Where k places hold every candidate, Recall@k says nothing: a warning."""
    if k < least:
        return
    frame, level = sys._getframe(1), 2
    while frame.f_back and frame.f_globals.get("__name__", "").startswith(__package__):
        frame, level = frame.f_back, level + 1
    warnings.warn(
        f"recall@{k} is 1 by construction for some users: only {least} items are "
        "ranked for one, the true item among them; look at mrr instead.",
        stacklevel=level,
    )


# -- weights, scores -------------------------------------------------------------------


def not_finite(model: Any) -> str:
    """The name of the first weights that hold NaN or infinity, or nothing.

    Buffers are weights where there are no parameters; elsewhere they may hold infinity,
    as masks do, but no NaN.
    """
    import torch

    learned = dict(model.named_parameters())
    weights = {**learned, **dict(model.named_buffers())}
    weights = {k: x.detach() for k, x in weights.items() if x.is_floating_point()}
    sums = [x.sum().float() for x in weights.values()]  # quick, and finite as a rule
    if not sums or bool(torch.stack(sums).isfinite().all()):
        return ""
    for name, x in weights.items():
        wrong = x.isnan() if learned and name not in learned else ~x.isfinite()
        if bool(wrong.any()):
            return name
    return ""


def check_weights(model: Any, where: str = "the model", advice: str = "") -> None:
    """Every weight is a finite number, or a sentence."""
    name = not_finite(model)
    if name:
        advice = advice or "train it again with a lower learning rate"
        raise DisrecError(f"{where}: {name} holds NaN or infinity; {advice}.")


def check_no_nan(scores: "Tensor") -> None:
    """Scores (B, C) without NaN, which is neither better nor worse, or a sentence."""
    if scores.numel() and bool(scores.amax().isnan()):  # amax is NaN where one is
        raise DisrecError(
            "the model's scores hold NaN, which cannot be ranked: train it again with "
            "a lower learning rate, or look for a division by zero in `score`."
        )


def check_scores(scores: Any, shape: Sequence[int], padding: bool = True) -> None:
    """A floating-point tensor of this shape without NaN, or a sentence.

    padding : its columns are the items from 0, where anything may be.
    """
    import torch

    name = "score" if padding else "score_candidates"
    if not isinstance(scores, torch.Tensor):
        advice = ": wrap it in torch.from_numpy" if hasattr(scores, "dtype") else ""
        kind = f"{type(scores).__module__}.{type(scores).__name__}"
        raise DisrecError(f"{name} must return a torch tensor, not {kind}{advice}.")
    if scores.shape != tuple(shape):
        found, wanted = tuple(scores.shape), tuple(shape)
        lacks = padding and found == (wanted[0], wanted[1] - 1)
        advice = ": put a column for the padding, item 0, first" if lacks else ""
        raise DisrecError(
            f"{name} must return {wanted} scores here, a row for each sequence and a "
            f"column for each {'item and the padding' if padding else 'candidate'}, "
            f"not {found}{advice}."
        )
    if not scores.is_floating_point():
        kind = str(scores.dtype).removeprefix("torch.")
        raise DisrecError(
            f"{name} must return floating-point numbers, not {kind}: add .float()."
        )
    check_no_nan(scores[:, 1:] if padding else scores)


# -- runs ------------------------------------------------------------------------------


def check_same_run(part: str, stored: Any, now: Any, path: object) -> None:
    """What a checkpoint says of its run is what this run says, or a sentence."""
    if stored == now:
        return
    if not isinstance(now, dict) or not isinstance(stored, dict):
        raise DisrecError(
            f"{path} belongs to a run on other data: it cannot go on here."
        )
    changed = [k for k in {**stored, **now} if stored.get(k) != now.get(k)]
    if part == "plan" and changed == ["epochs"]:
        return  # training longer is the same run
    shown = [f"{k} was {stored.get(k)!r} and is {now.get(k)!r}" for k in changed]
    raise DisrecError(
        f"{path} belongs to a run with other settings: {', '.join(shown)}."
    )


def check_same_items(of_model: int, of_data: int) -> None:
    """A model learns from data with its number of items, or a sentence."""
    if of_model != of_data:
        raise DisrecError(
            f"the model has {of_model} items and the data {of_data}: "
            f"make the model with n_items={of_data}."
        )


def check_knows(model: Any, data: Any) -> None:
    """A model is asked for items, and users, that it knows, or a sentence."""
    items = getattr(model, "n_items", data.n_items)
    if items < data.n_items:
        raise DisrecError(
            f"the model knows {items} items and the data have {data.n_items}: it was "
            "trained on other data."
        )
    users = getattr(model, "n_users", data.n_users)
    if users != data.n_users:
        raise DisrecError(
            f"the model knows {users} users by number and the data have "
            f"{data.n_users}: it was trained on other data."
        )


def check_user(user: SupportsIndex, n_users: int) -> int:
    """The number of a user, or a sentence."""
    try:
        number = operator.index(user)
    except TypeError:
        raise DisrecError(
            f"A user is a whole number, not {user!r}; use select() for several."
        ) from None
    if not 0 <= number < n_users:
        raise DisrecIndexError(
            f"There is no user {number}: users are 0 to {n_users - 1}."
        )
    return number
