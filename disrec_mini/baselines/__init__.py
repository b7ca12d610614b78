"""Recommenders to compare with: each is a `Recommender`, and measured alike."""

from disrec_mini.baselines.cooccurrence import PMI, Cooccurrence
from disrec_mini.baselines.objectives import InBatchSoftmax
from disrec_mini.baselines.popularity import Counted, InversePopularity, Popularity

__all__ = [
    "PMI",
    "Cooccurrence",
    "Counted",
    "InBatchSoftmax",
    "InversePopularity",
    "Popularity",
]
