"""What baselines share that have a vector for every user of the training clicks."""

from typing import Any, ClassVar, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from disrec_mini.checks import check_train
from disrec_mini.errors import DisrecError
from disrec_mini.interactions import Interactions
from disrec_mini.recommender import Names, Recommender

P = TypeVar("P", bound="Personal")


class Personal(Recommender):
    """A model with `people`, (N, D).

    Parameters
    ----------
    n_users : N, of the training clicks. width : instead of D.

    Attributes
    ----------
    reads_clicks : without, it can only answer for a user whom it knows.
    reads : how many of the latest clicks are enough for it; None for `max_len`.
    """

    reads_clicks: ClassVar[bool] = True
    reads: ClassVar[int | None] = None

    def __init__(
        self,
        config: Any,
        item_names: Names = None,
        n_users: int = 1,
        width: int | None = None,
    ) -> None:
        super().__init__(config, item_names)
        self.people = nn.Embedding(n_users, width or config.dim)

    @property
    def n_users(self) -> int:
        """N, the number of users."""
        return self.people.num_embeddings

    @classmethod
    def untrained(cls: type[P], config: Any, train: Interactions) -> P:
        """With as many vectors as there are users."""
        check_train(train)
        return cls(config, train.item_names, train.n_users)

    @classmethod
    def rebuild(cls: type[P], content: dict[str, Any]) -> P:
        """The file's weights say how many users there are."""
        n_users = len(content["weights"]["people.weight"])
        config = cls.config_type(**content["config"])
        model = cls(config, content["item_names"], n_users)
        model.load_state_dict(content["weights"])
        return model

    def check(
        self, items: Tensor, lengths: Tensor, users: Tensor | None = None
    ) -> None:
        """Clicks as every model, and users who were in the training clicks."""
        super().check(items, lengths)
        known = self.n_users
        if users is None and not self.reads_clicks:
            raise DisrecError(
                f"{self.own_kind()} has a vector for each user and does not read "
                "clicks: say for which user."
            )
        if users is None or not len(users):
            return
        if len(users) != len(items):
            raise DisrecError(f"{len(items)} sequences need as many users.")
        least, most = int(users.min()), int(users.max())
        if least < 0 or most >= known:
            raise DisrecError(
                f"user {least if least < 0 else most} is unknown: {self.own_kind()} "
                f"learned vectors of {known} users, numbered from 0."
            )

    def of(self, users: Tensor | None, n: int) -> Tensor:
        """(n, D): the users' vectors; of users not said, the mean of all."""
        if users is None:
            return self.people.weight.mean(0).expand(n, -1)
        vectors: Tensor = self.people(users)
        return vectors

    def start(self, std: float, *tables: nn.Embedding) -> None:
        """Normal first weights."""
        nn.init.normal_(self.people.weight, std=std)
        for table in tables:
            nn.init.normal_(table.weight, std=std)


def every_click(train: Interactions) -> Interactions:
    """Each first click twice, so that it follows something and is learned, too."""
    first = train.offsets[:-1][train.lengths > 0]
    items = np.insert(train.items, first, train.items[first])
    added = np.cumsum(np.r_[0, train.lengths > 0])  # (N + 1,)
    return Interactions(items, train.offsets + added, train.n_items)


def with_bias(query: Tensor) -> Tensor:
    """(..., D) -> (..., D + 1): a 1 that meets the item's bias, its last column."""
    return torch.cat([query, torch.ones_like(query[..., :1])], -1)
