"""What a training run will cost: tokens, floating-point operations, bytes, seconds.

An epoch's time is arithmetic, and sweeps over the item table, which Adam reads and
writes as a whole in every step, however few items a step has:

    seconds = steps * (FLOPs of a step / speed + bytes swept in a step / bandwidth)

`speed` and `bandwidth` are a machine's own: measure them in a few steps of any smaller
world, as `benchmarks/scale.py` does. FLOPs are those of matrix products, as
`torch.utils.flop_counter` counts them.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from disrec_mini import batches
from disrec_mini.batches import Array, Windows

FLOAT = 4  # bytes
INDEX = 8


@dataclass(frozen=True)
class StepCost:
    """One optimiser step on average: n_pairs of it, tokens encoded (the padding of
    packed rows too), flops forward and backward, bytes of the item table swept."""

    n_pairs: float
    tokens: float
    flops: float
    swept: float

    def epoch_seconds(self, n_pairs: int, speed: float, bandwidth: float) -> float:
        """Of n_pairs pairs, at `speed` FLOP/s and `bandwidth` bytes/s."""
        steps = n_pairs / self.n_pairs
        return steps * (self.flops / speed + self.swept / bandwidth)


def step_cost(
    windows: Windows, config: Any, with_future: bool = False, seed: int = 0
) -> StepCost:
    """What a step costs, from the lengths of the windows and the settings alone.

    The m pairs of a visit lie anywhere in a window of n, so that their longest past has
    about n U^(1/m) clicks, U uniform in 0..1: m n / (m + 1) on average. A step draws
    visits until its B G pairs are full; visits of one window become one.

    Parameters
    ----------
    windows : any number of them, of which a step is drawn.
    config : a `DisRecConfig`. with_future : whether seq2seq is on.
    """
    rng, n = np.random.default_rng(seed), windows.length - 1  # (W,)
    n_pairs = min(config.group_size * config.groups, int(n.sum()))
    visit = config.visit
    most = config.groups if visit is None else visit or int(n.max())
    most = 1 if config.sampler == "pairs" else most
    visits = -(-n // most)  # (W,), of each window in an epoch
    drawn = rng.permutation(np.repeat(np.arange(len(n)), visits))
    enough = np.searchsorted(np.cumsum((n / visits)[drawn]), n_pairs) + 1
    window, count = np.unique(drawn[:enough], return_counts=True)  # (V,) each
    if config.sampler == "pairs":
        window, count = drawn[:enough], np.ones(enough)
    n, m = n[window], count * (n / visits)[window]  # (V,), pairs in the step
    dealt = np.minimum(m, config.groups) if config.negatives else m
    size = _longest(n, m, rng)  # (V,), of pasts
    if with_future:
        size = np.r_[size, _longest(n, dealt, rng)]  # (2 V,)
    shapes = [(len(size), int(size.max()))]
    if config.sampler == "packed":
        shapes = batches._place(size)[1]
    flops = 3 * sum(rows * row_flops(width, config) for rows, width in shapes)
    of_group = dealt.sum() / config.groups if config.negatives else config.group_size
    futures = dealt.sum() / m.sum() if with_future else 0.0
    flops += n_pairs * loss_flops(config, futures, of_group)
    tokens = sum(rows * width for rows, width in shapes)
    return StepCost(n_pairs, tokens, flops, swept(config))


def _longest(n: Array, m: Array, rng: np.random.Generator) -> Array:
    """(V,) the largest of m numbers drawn from 1..n without repeats, about."""
    return np.ceil(n * rng.random(len(n)) ** (1 / m)).astype(np.int64).clip(1)


def row_flops(width: int, config: Any) -> float:
    """Forward, of a packed row of T = `width` tokens, each of which takes

    in a block     10 D^2 + 4 T D    query, key, value, inner, outer; scores, A V
    of intentions  2 D^2 + 2 K D + 2 (1 + K) S D    key; p_{k|i}; p_i and the sum

    with S = T for every prefix of a packed row, and 1 for a pair by itself.
    """
    D, K, T = config.dim, config.n_intents, width
    block = 10 * D * D + 4 * T * D
    prefixes = T if config.sampler == "packed" else 1
    layer = 2 * D * D + 2 * (K + (1 + K) * prefixes) * D
    return T * (config.n_blocks * block + layer)


def loss_flops(config: Any, futures: float, B: float) -> float:
    """Forward and backward, a pair: K queries against the next clicks of the group, or
    the target and N negatives; and, for that share of pairs which have `futures`, K
    against the K B futures of a group of B: all without gradients, and once more what
    is kept, with them."""
    D, K = config.dim, config.n_intents
    others = config.negatives + 1 if config.negatives else B
    passes = 3 if config.keep >= 1 else 1 + 3 * config.keep
    return 3 * 2 * K * others * D + futures * passes * 2 * K * K * B * D


def swept(config: Any) -> float:
    """Bytes of the item table that a step reads and writes: its gradient twice (zeros,
    then sums), 7 in Adam (weights, gradient and two moments read, all but the gradient
    written), and 3 in every fifth step for the average."""
    return (9 + (0.6 if config.average else 0)) * FLOAT * config.n_items * config.dim


def memory(n_clicks: int, config: Any) -> dict[str, int]:
    """Bytes of what grows with the data while a model trains; `checkpoint` is on disk.

    >>> import disrec_mini as dm
    >>> found = memory(1_000_000, dm.DisRecConfig(n_items=10_000, dim=50))
    >>> found["clicks"], found["table"], found["adam"]
    (8000000, 2000000, 4000000)
    """
    table = FLOAT * config.n_items * config.dim
    average = table if config.average else 0
    parts = {"clicks": INDEX * n_clicks, "table": table, "gradient": table}
    parts |= {"adam": 2 * table, "average": average, "best": table}
    return {**parts, "checkpoint": 4 * table + average}
