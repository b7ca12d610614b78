"""Models of RecTools and implicit, trained as their users do, for `quality.py`.

    .venv-peer/bin/python benchmarks/peer.py

Needs the environment that `make peer` makes. Queries and vectors come from the code
behind RecTools' own `recommend`. Run as above it checks that both rank alike; so does
every run, at its end. RecTools does not learn from people with one click. Items that
only they clicked score -inf; people who clicked nothing else score all alike: both rank
last.
"""

import contextlib
import logging
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import torch
from pytorch_lightning import Callback, Trainer, seed_everything
from rectools import Columns
from rectools import models as rectools_models
from rectools.dataset import Dataset
from scipy import sparse
from torch import Tensor

import disrec_mini as dm


class Scores:
    """What `evaluate` asks: one query of each user against every item.

    queries : (N, D). vectors : (M + 1, D). known : (M + 1,), False for -inf.
    """

    def __init__(self, queries: Tensor, vectors: Tensor, known: Tensor) -> None:
        self.queries, self.vectors, self.known = queries, vectors, known
        self.n_items = len(vectors) - 1

    def score(self, items: Tensor, lengths: Tensor, users: Tensor) -> Tensor:
        """(B, n_items + 1); the clicks are in the users' queries already."""
        scores = self.queries[users] @ self.vectors.T  # (B, M + 1)
        return scores.masked_fill(~self.known, -torch.inf)

    def score_candidates(
        self, items: Tensor, lengths: Tensor, candidates: Tensor, users: Tensor
    ) -> Tensor:
        """The same at some items: candidates (B, C) -> (B, C)."""
        vectors = self.vectors[candidates]  # (B, C, D)
        scores = torch.einsum("bd,bcd->bc", self.queries[users], vectors)
        return scores.masked_fill(~self.known[candidates], -torch.inf)


class _AfterEpoch(Callback):
    """Asks `over` after every epoch, and stops when it says so."""

    def __init__(self, over: Callable[[], bool]) -> None:
        self.over = over

    def __deepcopy__(self, memo: Any) -> "_AfterEpoch":
        return self  # RecTools trains with a copy of its trainer

    def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
        trainer.should_stop = self.over()
        pl_module.train()  # it was in evaluation mode for its queries


def as_dataset(train: dm.Interactions) -> Dataset:
    """Training clicks as RecTools reads them; a click's place is its time."""
    user = np.repeat(np.arange(train.n_users), train.lengths)  # (n_clicks,)
    place = np.arange(train.n_clicks) - train.offsets[user]  # (n_clicks,)
    columns = {Columns.User: user, Columns.Item: train.items, Columns.Weight: 1.0}
    time = pd.to_datetime(place, unit="s")
    return Dataset.construct(pd.DataFrame({**columns, Columns.Datetime: time}))


class Peer:
    """A transformer of RecTools that `evaluate` can ask.

    kind, known : a class of `rectools.models` and its arguments.
    over : called after every epoch.
    """

    def __init__(
        self,
        kind: str,
        known: dict[str, Any],
        split: dm.Split,
        over: Callable[[], bool],
    ) -> None:
        self.split, self.dataset = split, as_dataset(split.train)
        self.model = getattr(rectools_models, kind)(**known)
        # RecTools' own trainer, and a callback
        self.model._trainer = Trainer(
            max_epochs=known["epochs"],
            accelerator="cpu",
            devices=1,
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            callbacks=[_AfterEpoch(over)],
        )
        self.asked: tuple[Any, np.ndarray] | None = None
        # RecTools reads the latest session_max_len + 1 clicks of everybody
        read = np.minimum(split.train.lengths, known["session_max_len"] + 1)
        self.n_pairs = int(np.maximum(read - 1, 0).sum())

    def fit(self) -> None:
        """Train; Ctrl-C stops it as it would stop anything else."""
        self.model.fit(self.dataset)
        if self.model.fit_trainer.interrupted:
            raise KeyboardInterrupt

    def histories(self) -> tuple[Any, np.ndarray]:
        """What `recommend` reads, and whose it is, row by row; made once."""
        if self.asked is None:
            prepare, model = self.model.data_preparator, self.model
            users = np.flatnonzero(self.split.valid_items)
            mine = prepare.transform_dataset_u2i(self.dataset, users)
            batch = model.recommend_batch_size
            loader = prepare.get_dataloader_recommend(mine, batch)
            self.asked = loader, mine.user_id_map.external_ids.astype(np.int64)
        return self.asked

    def scores(self) -> Scores:
        """Queries and vectors of the weights as they are, by our numbers."""
        loader, users = self.histories()
        found = self.model.lightning_model._get_user_item_embeddings(loader, "cpu")
        shape = self.split.n_users, found[0].shape[1]
        queries = torch.zeros(shape)  # (N, D)
        queries[users] = found[0]
        ids = self.model.data_preparator.get_known_item_ids().astype(np.int64)
        vectors = torch.zeros(self.split.n_items + 1, shape[1])  # (M + 1, D)
        vectors[ids] = found[1][-len(ids) :]  # behind those of padding
        known = torch.zeros(len(vectors), dtype=torch.bool)
        known[ids] = True
        return Scores(queries, vectors, known)

    def check(self, n_users: int = 100, k: int = 10) -> None:
        """Our scores rank as `recommend` does, with the same values."""
        users = self.histories()[1][:n_users]
        lists = self.model.recommend(users, self.dataset, k, filter_viewed=False)
        lists = lists.sort_values([Columns.User, Columns.Rank])
        theirs = torch.tensor(lists[Columns.Score].to_numpy()).view(-1, k)  # (U, k)
        items = torch.tensor(lists[Columns.Item].to_numpy(np.int64)).view(-1, k)
        users = torch.tensor(np.sort(users))
        scores = self.scores().score(items, items, users)  # (U, M + 1)
        for ours in (scores.gather(1, items), scores.topk(k).values):
            torch.testing.assert_close(ours, theirs.float(), rtol=1e-4, atol=1e-4)


class _OverError(Exception):
    """Leaves implicit's `fit` between two iterations."""


def train_bpr(known: dict[str, Any], watch: Any, seed: int) -> None:
    """BPR of implicit: as many random clicks an iteration as there are."""
    from implicit.cpu.bpr import BayesianPersonalizedRanking

    train = watch.split.train
    shape = train.n_users, train.n_items + 1
    user = np.repeat(np.arange(train.n_users), train.lengths)  # (n_clicks,)
    ones = np.ones(len(user), np.float32)
    clicks = sparse.csr_matrix((ones, (user, train.items)), shape)
    threads = torch.get_num_threads()
    model = BayesianPersonalizedRanking(**known, random_state=seed, num_threads=threads)
    known_items = torch.from_numpy(train.counts() > 0)  # (M + 1,)

    def scores() -> Scores:
        factors = (model.user_factors, model.item_factors)
        return Scores(*(torch.tensor(x) for x in factors), known_items)

    def after(*_: Any) -> None:
        if watch.epoch(clicks.nnz, scores):
            raise _OverError

    watch.begin()
    with contextlib.suppress(_OverError):
        model.fit(clicks, show_progress=False, callback=after)


def train(kind: str, known: dict[str, Any], watch: Any, seed: int) -> None:
    """Train in one setting; `watch`, a `quality.Watch`, asks and says when to end."""
    # of people left out, of data loaders, and of what RecTools says of itself
    warnings.filterwarnings("ignore", module="rectools|pytorch_lightning|pydantic")
    for logger in ("pytorch_lightning.utilities.rank_zero", "lightning_fabric"):
        logging.getLogger(logger).setLevel(logging.WARNING)
    watch.begin()
    seed_everything(seed, verbose=False)
    peer = Peer(
        kind, known, watch.split, lambda: watch.epoch(peer.n_pairs, peer.scores)
    )
    peer.fit()
    peer.check()


if __name__ == "__main__":
    import quality

    world = dm.synthetic.make_world(n_users=300, length=(3, 20), seed=1)
    split = dm.leave_one_out(world.interactions)
    for name, (kind, known) in quality.PEERS.items():
        if kind == "BPR":
            train_bpr({**known, "iterations": 2}, quality.Watch(split), seed=0)
            continue
        small = {**known, "session_max_len": 12, "epochs": 1}
        train(kind, small, quality.Watch(split), seed=0)
        print(f"{name} ranks as its own recommend does")
