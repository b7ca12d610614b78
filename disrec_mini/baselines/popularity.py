"""The same list for everybody: most clicked first, or least clicked first."""

from dataclasses import asdict
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor

from disrec_mini.checks import check_train
from disrec_mini.interactions import Interactions
from disrec_mini.recommender import Recommender

M = TypeVar("M", bound="Counted")


class Counted(Recommender):
    """A model that is made by counting training clicks: it has buffers, no parameters.

    Parameters
    ----------
    train : what is counted. settings : those of `config_type`, by name.
    """

    def __init__(self, train: Interactions, **settings: Any) -> None:
        check_train(train)
        names = train.item_names
        super().__init__(self.config_type(train.n_items, **settings), names)
        self.count(train)
        self.eval()

    @classmethod
    def untrained(cls: type[M], config: Any, train: Interactions) -> M:
        """It has counted, and needs no training."""
        settings = {k: v for k, v in asdict(config).items() if k != "n_items"}
        return cls(train, **settings)

    def count(self, train: Interactions) -> None:
        """Register what is counted as buffers."""
        raise NotImplementedError

    @classmethod
    def rebuild(cls: type[M], content: dict[str, Any]) -> M:
        """Buffers of any length take the place of those of a model without clicks."""
        config, weights = dict(content["config"]), content["weights"]
        nothing = np.zeros(0, np.int64), np.zeros(1, np.int64)
        model = cls(Interactions(*nothing, config.pop("n_items")), **config)
        names = content["item_names"]
        model.item_names = None if names is None else [*names]
        if weights.keys() != model.state_dict().keys():
            raise ValueError("its weights are those of another model")
        for name, value in weights.items():
            setattr(model, name, value)
        return model


class Popularity(Counted):
    """score(j) = clicks on j in training (POP).

    As dot products: one query, 1, and a vector of one number for each item.
    """

    kind = "pop"
    sign = 1.0
    clicks: Tensor

    def count(self, train: Interactions) -> None:
        """(M + 1, 1) clicks on each item."""
        clicks = torch.from_numpy(train.counts()).float()
        self.register_buffer("clicks", self.sign * clicks[:, None])

    def forward(
        self, items: Tensor, lengths: Tensor, users: Tensor | None = None
    ) -> Tensor:
        """(B, 1, 1), all ones."""
        return self.clicks.new_ones(len(items), 1, 1)

    def vectors(self) -> Tensor:
        """(M + 1, 1), plus or minus the clicks."""
        return self.clicks


class InversePopularity(Popularity):
    """score(j) = -clicks on j in training: what nobody clicks comes first.

    It does badly everywhere except where the negatives are popular (chapter 03).
    """

    kind = "inverse-pop"
    sign = -1.0
