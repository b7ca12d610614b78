"""Recommenders to compare with, all with the one `score` that evaluation calls."""

from disrec_mini.baselines.cooccurrence import PMI, Cooccurrence
from disrec_mini.baselines.popularity import InversePopularity, Popularity

__all__ = ["PMI", "Cooccurrence", "InversePopularity", "Popularity"]
