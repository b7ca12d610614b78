"""What one experiment job is: data, settings and a seed.

Everything in its result file follows from them.
"""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Job:
    """One training run.

    Parameters
    ----------
    name : of its file, unique in an experiment.
    data : a data set, or the arguments of `synthetic.make_world` for a toy world.
    model : a name of `settings.MODELS`.
    base, settings : a preset of its settings, "paper", "in_batch" or "recommended",
        and what differs from it.
    epochs, patience, protocol, seed : as in `fit`; the seed also draws weights and
        noise.
    minutes : of training, as the processor counts them; then it ends, within an epoch
        too.
    noise : share of training clicks replaced (`corrupt`). users : share of users kept
        for training; all are evaluated.
    horizon : when above 0, this many last clicks of each long enough user are the test.
    reads_test : False for a search, which must look at validation only.
    """

    name: str
    data: str | dict[str, Any]
    settings: dict[str, Any] = field(default_factory=dict)
    model: str = "disrec"
    base: str = "in_batch"
    epochs: int = 20
    patience: int | None = None
    protocol: str | None = None
    minutes: float | None = None
    seed: int = 0
    noise: float = 0.0
    users: float = 1.0
    horizon: int = 0
    reads_test: bool = True
