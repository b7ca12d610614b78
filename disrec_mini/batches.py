"""From click sequences to training steps: windows, (u, t) pairs, groups, packed rows.

A pair (u, t) splits a user's clicks into a past x_1..x_t and a future x_{t+1}..x_T.
An epoch visits every pair once. A step is G groups of B pairs, and the pairs of a group
are each other's negatives, unless negatives are drawn apart. Which pairs meet in a step
is one question (`steps`), how they are encoded another: one by one (`padded`, the
paper's way) or together (`packed`, far cheaper, the same values). Chapter 10.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from disrec_mini.interactions import Interactions

Array = np.ndarray

WIDTHS = (16, 32, 64, 96, 128, 160, 192)  # tokens in a packed row, or the longest


@dataclass(frozen=True)
class Windows:
    """Training sequences no longer than max_len + 1 clicks.

    items : (n,) the training clicks of all users.
    start, length : (W,) where each window begins in `items`, and its clicks.
    user : (W,) whose window it is.
    """

    items: Array
    start: Array
    length: Array
    user: Array

    @property
    def n_pairs(self) -> int:
        """Number of (u, t) pairs: one for every two neighbouring clicks."""
        return int((self.length - 1).sum())


def make_windows(train: Interactions, max_len: int) -> Windows:
    """Cut users into windows of max_len + 1 clicks that share one click.

    Every split of a user lies inside exactly one window, so both its past and its
    future have at most max_len clicks. Users with one click have no pair: no window.

    Seven clicks with max_len = 3; click 3 ends one window and begins the next:

        clicks    0 1 2 3 4 5 6       starts    0  3
        windows   0 1 2 3             lengths   4  4
                        3 4 5 6

    >>> import disrec_mini as dm
    >>> clicks = dm.Interactions.from_sequences([[5, 6, 7, 8, 9, 6, 5], [1], [2, 3]])
    >>> windows = make_windows(clicks, max_len=3)
    >>> windows.start.tolist(), windows.length.tolist(), windows.user.tolist()
    ([0, 3, 8], [4, 4, 2], [0, 0, 2])
    >>> windows.n_pairs  # six splits of the first user, none of the second, one
    7
    """
    splits = np.maximum(train.lengths - 1, 0)  # (N,)
    n_windows = -(-splits // max_len)  # (N,), rounded up
    user = np.repeat(np.arange(train.n_users), n_windows)  # (W,)
    nth = _count_up(n_windows)  # (W,), 0, 1, ... among the windows of its user
    start = train.offsets[user] + nth * max_len  # (W,)
    length = np.minimum(splits[user] - nth * max_len, max_len) + 1  # (W,)
    return Windows(train.items, start, length, user)


def _count_up(sizes: Array) -> Array:
    """0, 1, ..., n - 1 for every n of sizes (S,), one after the other: [2, 3] becomes
    [0, 1, 0, 1, 2]."""
    return np.arange(sizes.sum()) - np.repeat(np.cumsum(sizes) - sizes, sizes)


@dataclass(frozen=True)
class Step:
    """The pairs of one optimiser step, group after group.

    window, t : (P,) the pair's window and its split point, 1 <= t < window length.
    bounds : (G + 1,) group g holds the pairs bounds[g] .. bounds[g+1] - 1. With shared
        negatives the pairs from bounds[G] on are in no group.
    drawn : (P,) one position of each future, t <= drawn < length (counted from 0),
        for variants 2 and 3.
    negatives : (G, N) items: each of G equal parts of the pairs shares N of them as
        negatives. None: those of the group.
    """

    window: Array
    t: Array
    bounds: Array
    drawn: Array
    negatives: Array | None = None


def n_steps(windows: Windows, group_size: int, groups: int) -> int:
    """Steps in an epoch."""
    return -(-windows.n_pairs // (group_size * groups))


def steps(
    windows: Windows,
    group_size: int,
    groups: int,
    rng: np.random.Generator,
    horizon: int | None = None,
    visit: int | None = None,
    negatives: int = 0,
) -> Iterator[Step]:
    """One epoch: every pair once, in random order, in groups without repeated users.

    A window's pairs are drawn into visits of at most `groups` pairs, the visits are
    shuffled and laid end to end, and every group_size * groups pairs make a step. In a
    step the pairs, ordered by (random user, random key), are dealt round-robin, so a
    group holds a user twice only if the user has more than G pairs in the step. With
    groups = 1 each visit is one pair: the paper's uniform sampling of (u, t).

    In-batch negatives are a sample of the next clicks of all pairs. With `negatives`
    that sample is drawn for itself, for each of G equal parts of the step. Then groups
    serve the futures alone, at most G pairs of each user are dealt, one to a group, and
    visits may be long: whole windows are encoded about once an epoch.

    Two windows a and b of four pairs each (a1 is its pair with t = 1), two groups:

        shuffled inside each window     a3 a1 a4 a2   b2 b4 b1 b3
        visits of two pairs             a3 a1 | a4 a2 | b2 b4 | b1 b3
        visits shuffled, end to end     b2 b4   a4 a2   b1 b3   a3 a1
        steps of 2 * 2 pairs            b2 b4 a4 a2 | b1 b3 a3 a1
        dealt to the step's two groups  {b2 a4} {b4 a2} | {b1 a3} {b3 a1}

    Parameters
    ----------
    horizon : variants 2 and 3: how far ahead `drawn` may lie; None: the whole future.
    visit : most pairs of a window in a visit; 0 for all of them, None for `groups`.
    negatives : N of each part, 0 for the other pairs of a group.
    """
    window, t = _all_pairs(windows)  # (P,), (P,)
    order = np.lexsort((rng.random(len(t)), window))  # (P,), shuffled in each window
    most = groups if visit is None else visit or len(t)
    nth_visit = window * len(t) + (t - 1) // most  # the nth pair of a window has t = n
    order = order[np.argsort(_random_keys(nth_visit, rng), kind="stable")]  # (P,)
    size = group_size * groups
    for first in range(0, len(order), size):
        chosen = order[first : first + size]
        pairs = window[chosen], t[chosen]
        if not negatives:
            yield _deal(windows, *pairs, group_size, rng, horizon)
            continue
        step = _deal(windows, *pairs, group_size, rng, horizon, groups)
        sample = rng.integers(0, len(t), (groups, negatives))  # (G, N), any pairs
        items = windows.items[windows.start[window[sample]] + t[sample]]  # (G, N)
        yield replace(step, negatives=items)


def _all_pairs(windows: Windows) -> tuple[Array, Array]:
    """(P,) window and (P,) t of every pair, window by window, t = 1, 2, ..."""
    splits = windows.length - 1  # (W,)
    window = np.repeat(np.arange(len(splits)), splits)  # (P,)
    return window, _count_up(splits) + 1


def _random_keys(group: Array, rng: np.random.Generator) -> Array:
    """One random number for each different value of a sorted array (P,), repeated."""
    new = np.r_[True, group[1:] != group[:-1]]  # (P,), True where a value begins
    return rng.random(int(new.sum()))[np.cumsum(new) - 1]


def _deal(
    windows: Windows,
    window: Array,
    t: Array,
    group_size: int,
    rng: np.random.Generator,
    horizon: int | None,
    each: int | None = None,
) -> Step:
    """Deal pairs round-robin; a short last step has equal, smaller groups.

    each : deal at most so many pairs of a user, to as many groups; the rest come last.
    """
    _, of_user = np.unique(windows.user[window], return_inverse=True)  # (P,)
    user_key = rng.random(int(of_user.max()) + 1)[of_user]  # (P,), one for each user
    order = np.lexsort((rng.random(len(t)), user_key))  # (P,), user after user
    n_groups, rest = -(-len(t) // group_size), order[:0]
    if each is not None:
        begins = np.diff(of_user[order], prepend=-1, append=-1) != 0  # (P + 1,)
        nth = _count_up(np.diff(np.flatnonzero(begins)))  # (P,), 0, 1, ... of each user
        order, rest = order[nth < each], order[nth >= each]
        n_groups = min(each, int(nth.max()) + 1)
    group = np.arange(len(order)) % n_groups  # (S,), who is dealt to: 0 1 .. 0 1 ..
    order = order[np.argsort(group, kind="stable")]  # (S,), group after group
    window, t = window[np.r_[order, rest]], t[np.r_[order, rest]]  # (P,) each
    sizes = np.bincount(group, minlength=n_groups)  # (G,)
    future = windows.length[window] - t  # (P,), clicks in each future
    reach = future if horizon is None else np.minimum(future, horizon)
    drawn = t + rng.integers(0, reach)  # (P,)
    return Step(window, t, np.r_[0, np.cumsum(sizes)], drawn)


def pair_items(windows: Windows, step: Step) -> tuple[Tensor, Tensor]:
    """(P,) ids of the next clicks x_{t+1}, (P,) ids of the drawn future clicks."""
    start = windows.start[step.window]  # (P,)
    following = windows.items[start + step.t]  # (P,)
    drawn = windows.items[start + step.drawn]  # (P,)
    return torch.from_numpy(following), torch.from_numpy(drawn)


# -- pair by pair ----------------------------------------------------------------------


def padded(
    windows: Windows,
    step: Step,
    role: str,
    width: int | None = None,
    most: int | None = None,
) -> tuple[Tensor, Tensor]:
    """Each pair's past, or reversed future, as a right-padded row of its own.

    Parameters
    ----------
    role : "past" for x_1..x_t of all pairs, "future" for x_T, ..., x_{t+1} of those in
        groups.
    width : columns; None for the longest row.
    most : only so many clicks of each, those next to the split; None for all.

    Returns
    -------
    items (P, width) int64, lengths (P,) int64.
    """
    n = len(step.t) if role == "past" else step.bounds[-1]
    window, t = step.window[:n], step.t[:n]  # (P,) each
    start, length = windows.start[window], windows.length[window]  # (P,) each
    lengths = np.minimum(t if role == "past" else length - t, most or length)  # (P,)
    column = np.arange(int(lengths.max()) if width is None else width)  # (T,)
    if role == "past":
        index = (start + t - lengths)[:, None] + column  # (P, T), forward to click t
    else:
        index = (start + t + lengths - 1)[:, None] - column  # (P, T), back to t + 1
    inside = column < lengths[:, None]  # (P, T)
    items = np.where(inside, windows.items[np.where(inside, index, 0)], 0)  # (P, T)
    return torch.from_numpy(items), torch.from_numpy(lengths.astype(np.int64))


# -- packed ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Rows:
    """Several sequences side by side in rows of equal width.

    items, position, segment : (R, T) int64: the click (0 = padding), its place in its
        own sequence, the number of its sequence (-1 = padding).
    """

    items: Tensor
    position: Tensor
    segment: Tensor


@dataclass(frozen=True)
class Packed:
    """A step with every window encoded once.

    blocks : short sequences in narrow rows, long ones in wide rows. The tokens of all
        blocks, laid end to end, are numbered from 0.
    past, future : (P,) and (S,) int64, the token that ends each pair's past, and the
        reversed future of each pair in a group (None when futures are not encoded).
    """

    blocks: list[Rows]
    past: Tensor
    future: Tensor | None

    def to(self, device: torch.device) -> "Packed":
        """The same on another device."""
        blocks = [
            Rows(*(there(x, device) for x in vars(block).values()))
            for block in self.blocks
        ]
        future = None if self.future is None else there(self.future, device)
        return Packed(blocks, there(self.past, device), future)


def there(tensor: Tensor, device: torch.device) -> Tensor:
    """On another device, without waiting for the copy (CUDA: not run here)."""
    pinned = tensor.pin_memory() if device.type == "cuda" else tensor
    return pinned.to(device, non_blocking=True)


def packed(
    windows: Windows, step: Step, with_future: bool, alone: bool = False
) -> Packed:
    """Encode every window once for all its pairs in the step.

    The pasts x_1..x_t of a window are prefixes of its longest past; its reversed
    futures x_T..x_{t+1} are prefixes of its longest reversed future. So a window needs
    at most two sequences, and a pair is a token in each.

    alone : every sequence has a row of its own.

    One window with the clicks a b c d e, and its pairs t = 1 and t = 3:

        longest past               a b c       t = 1 ends at a, t = 3 at c
        longest reversed future    e d c b     t = 1 ends at b, t = 3 at d

        token      0 1 2 3 4 5 6               the longer sequence comes first
        row        e d c b a b c               then padding, up to 16
        position   0 1 2 3 0 1 2
        segment    1 1 1 1 0 0 0               who may look at whom
        past       4 and 6                     future   3 and 1

    >>> import disrec_mini as dm
    >>> clicks = dm.Interactions.from_sequences([[1, 2, 3, 4, 5]])
    >>> pairs = Step(*(np.array(x) for x in ([0, 0], [1, 3], [0, 2], [1, 3])))
    >>> made = packed(make_windows(clicks, max_len=9), pairs, with_future=True)
    >>> made.blocks[0].items[0].tolist()
    [5, 4, 3, 2, 1, 2, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0]
    >>> made.past.tolist(), made.future.tolist()
    ([4, 6], [3, 1])
    """
    window, pair = np.unique(step.window, return_inverse=True)  # (V,), (P,)
    start, length = windows.start[window], windows.length[window]  # (V,) each
    longest = np.zeros(len(window), np.int64)
    np.maximum.at(longest, pair, step.t)  # (V,)
    # S sequences: where each begins in windows.items, which way it runs, its clicks
    first, stride, size = start, np.ones_like(start), longest  # (S,) each, S = V
    if with_future:
        grouped = pair[: step.bounds[-1]]  # (S,)
        shortest = length.copy()
        np.minimum.at(shortest, grouped, step.t[: len(grouped)])  # (V,)
        first = np.r_[first, start + length - 1]  # (S,), S = 2 V
        stride = np.r_[stride, -np.ones_like(start)]  # (S,)
        size = np.r_[size, length - shortest]  # (S,)
    token, shapes = _place(size, alone)  # (S,), its first token; [(R, T), ...]
    segment = np.repeat(np.arange(len(size)), size)  # (n clicks,), its sequence
    place = _count_up(size)  # (n clicks,), its place there
    slot = token[segment] + place  # (n clicks,), its token
    rows = np.zeros((3, sum(n * width for n, width in shapes)), np.int64)
    rows[2] = -1
    rows[0, slot] = windows.items[first[segment] + stride[segment] * place]
    rows[1, slot] = place
    rows[2, slot] = segment
    ends = np.cumsum([n * width for n, width in shapes])[:-1]
    blocks = [
        Rows(*torch.from_numpy(block).unflatten(1, shape))  # 3 x (R, T)
        for block, shape in zip(np.split(rows, ends, axis=1), shapes, strict=True)
    ]
    past, future = torch.from_numpy(token[pair] + step.t - 1), None  # (P,)
    if with_future:
        reach = length[grouped] - step.t[: len(grouped)]  # (S,)
        future = torch.from_numpy(token[len(window) + grouped] + reach - 1)  # (S,)
    return Packed(blocks, past, future)


def _place(size: Array, alone: bool = False) -> tuple[Array, list[tuple[int, int]]]:
    """First token of each of the sequences (S,), and (R, T) of each block of rows.

    Within a block the longest sequences come first, next fit.

    >>> _place(np.array([9, 5, 20, 4]))  # 9 and 5 share 16 columns, 4 begins a new row
    (array([ 0,  9, 32, 16]), [(2, 16), (1, 32)])
    """
    width = np.full(len(size), int(size.max()))  # (S,), T of its row
    for narrow in reversed((4, 8, *WIDTHS) if alone else WIDTHS):
        width[size <= narrow] = narrow
    token, shapes, offset = np.empty(len(size), np.int64), [], 0
    for wide in np.unique(width):
        row, used = 0, 0
        members = np.flatnonzero(width == wide)
        for nth in members[np.argsort(-size[members], kind="stable")]:
            if used + size[nth] > wide or (alone and used):
                row, used = row + 1, 0
            token[nth] = offset + row * wide + used
            used += int(size[nth])
        shapes.append((row + 1, int(wide)))
        offset += (row + 1) * int(wide)
    return token, shapes
