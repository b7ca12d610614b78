"""Run one job: train one model in one setting, measure it, store one file."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

import disrec_mini as dm
from disrec_mini import runs, synthetic, training
from disrec_mini.analysis import agreement, diversity, top_k
from disrec_mini.experiments.job import Job
from disrec_mini.files import write_atomic
from disrec_mini.interactions import Interactions
from disrec_mini.metrics import Array, Metrics
from disrec_mini.settings import config_class
from disrec_mini.splitting import Split

FEW_ITEMS = 5_000  # what prototypes gather is stored item by item up to here
VALID_USERS = 10_000  # validation reads at most this many users


def run_job(
    job: Job,
    folder: Path,
    scratch: Path,
    command: str,
) -> bool:
    """Run a job and store `<folder>/<name>.json`, and ranks beside it as `.npz`.

    An interrupted job leaves its checkpoint in `scratch` and goes on from there next
    time.

    Returns
    -------
    True if the job is finished.
    """
    world, whole, targets = _split(job)
    config = getattr(config_class(job.model), job.base)(whole.n_items, **job.settings)
    scratch.mkdir(parents=True, exist_ok=True)
    with _processor_seconds():
        done = runs.run(
            job.model,
            config,
            _training_part(job, whole),
            _read(job, whole),
            seed=job.seed,
            about={"command": command, "job": asdict(job)},
            parts=("valid", "test")[: 1 + job.reads_test],
            candidates=whole,
            full_valid_users=VALID_USERS,
            epochs=job.epochs,
            device="cpu",
            patience=job.patience,
            protocol=job.protocol,
            valid_users=VALID_USERS,
            minutes=job.minutes,
            out=scratch,
            resume=True,
            progress=False,
        )
    if done is None:
        return False
    more, arrays = _more(job, done.model, world, whole, targets)
    if job.reads_test:
        arrays |= _ranks(done.metrics["test"])
    if arrays:
        path = folder / f"{job.name}.npz"
        write_atomic(path, partial(np.savez_compressed, **arrays))
    done.store(folder / f"{job.name}.json", clock="processor", **more)
    return True


@contextmanager
def _processor_seconds() -> Iterator[None]:
    """Training counts what this process computes: a cap means the same on a busy
    machine."""
    before, training.clock = training.clock, time.process_time
    try:
        yield
    finally:
        training.clock = before


# -- data ------------------------------------------------------------------------------


def _split(job: Job) -> tuple[synthetic.World | None, Split, Array | None]:
    """The world if the data are one, the split, and the horizon's targets (N, h)."""
    world = None
    if isinstance(job.data, dict):
        world = synthetic.make_world(**job.data)
        data = world.interactions
    else:
        data = dm.load_dataset(job.data)
    targets = None
    if job.horizon:
        data, targets = _hold_back(data, job.horizon)
    split = dm.leave_one_out(data)
    if targets is not None:  # the others are too short to be asked
        test = np.where(targets[:, 0] > 0, split.test_items, 0)
        split = Split(split.train, split.valid_items, test)
    return world, split, targets


def _hold_back(data: Interactions, horizon: int) -> tuple[Interactions, Array]:
    """Cut all but the first of the last `horizon` clicks off users with 2 horizons.

    Returns
    -------
    The shortened data, whose test click is the first held back, and the targets
    (N, horizon), 0 for users that are too short.
    """
    long = data.lengths >= 2 * horizon
    targets = np.zeros((data.n_users, horizon), np.int64)
    sequences = []
    for user, clicks in enumerate(data):
        if long[user]:
            targets[user] = clicks[-horizon:]
            clicks = clicks[: len(clicks) - horizon + 1]
        sequences.append(clicks)
    offsets = np.concatenate([[0], np.cumsum([len(s) for s in sequences])])
    short = Interactions(
        np.concatenate(sequences),
        offsets,
        data.n_items,
        item_categories=data.item_categories,
    )
    return short, targets


def _training_part(job: Job, split: Split) -> Split:
    """What the model may learn from: some users only, some clicks replaced."""
    train, valid = split.train, split.valid_items
    if job.noise:
        train = dm.corrupt(train, job.noise, job.seed)
    if job.users < 1:
        rng = np.random.default_rng([job.seed, 1])
        n = max(1, round(job.users * split.n_users))
        kept = np.sort(rng.choice(split.n_users, n, replace=False))
        train, valid = train.select(kept), valid[kept]
    return Split(train, valid, np.zeros_like(valid))


# -- measures --------------------------------------------------------------------------


def _read(job: Job, whole: Split) -> Split:
    """What is read when the model is asked: noise stays in it."""
    if not job.noise:
        return whole
    noisy = dm.corrupt(whole.train, job.noise, job.seed)
    return Split(noisy, whole.valid_items, whole.test_items)


def _more(
    job: Job,
    model: Any,
    world: synthetic.World | None,
    whole: Split,
    targets: Array | None,
) -> tuple[dict[str, Any], dict[str, Any]]:
    """What an experiment measures besides ranks: entries, and arrays to store."""
    more: dict[str, Any] = {}
    arrays: dict[str, Any] = {}
    if job.reads_test:
        # people in a world go round and round: there, what was clicked comes again
        again = targets is not None and isinstance(job.data, dict)
        read = _read(job, whole)
        more["lists"], arrays = _lists(model, read, targets, exclude_seen=not again)
    if job.model != "disrec":
        return more, arrays
    clicks = read_clicks(model, whole.train)
    if world is not None:
        clicks = clicks.clean(world)
        more["agreement"] = intention_agreement(clicks, world)
    more["usage"] = {"weights": "kept", **clicks.usage()}
    more["common"] = common_share(model, whole)
    if model.config.n_intents > 1 and whole.n_items <= FEW_ITEMS:
        arrays["cluster"], arrays["clicks"] = cluster_by_item(model, whole)
    return more, arrays


def _ranks(test: dict[str, Metrics]) -> dict[str, Any]:
    """Ranks of the test under both protocols, of the same users."""
    some = test["full"]
    return {
        **{f"{name}_ranks": m.ranks.astype(np.int32) for name, m in test.items()},
        "users": some.users.astype(np.int32),
        "warm": some.warm,
    }


def _lists(
    model: Any, split: Split, targets: Array | None, exclude_seen: bool = True
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Diversity of the ten best items, and recall of the next 5 and 10 clicks."""
    users = np.flatnonzero(split.test_items)
    lists = top_k(model, split, 10, users=users, exclude_seen=exclude_seen)
    labels = first_category(split.train)
    own = model.kind == "disrec"  # of others, biases would count
    vectors = model.vectors().detach().numpy() if own else None
    measures: dict[str, Any] = diversity(lists, split.n_items, labels, vectors)
    per_user: dict[str, Any] = {}
    if targets is not None:
        for ahead in (5, targets.shape[1]):
            wanted = targets[users][:, :ahead]
            hits = (lists[:, :, None] == wanted[:, None, :]).any(1).mean(1)
            measures[f"recall of the next {ahead}"] = float(hits.mean())
            per_user[f"next_{ahead}"] = hits.astype(np.float32)
    return measures, per_user


def first_category(data: Interactions) -> Array | None:
    """(n_items + 1,) int: the last named category of each item, None without names."""
    if data.item_categories is None:
        return None
    names = [labels[-1] if labels else "" for labels in data.item_categories]
    return np.unique(names, return_inverse=True)[1]


def common_share(model: Any, split: Split, n_users: int = 500) -> float:
    """Share of the squared length of LN(z) that all clicks have in common.

    0: the clicks' vectors point everywhere; 1: they are all the same.
    """
    users = np.flatnonzero(split.train.lengths)[:n_users]
    rows = []
    with torch.no_grad():
        for user in users:
            clicks = torch.tensor(split.train[user][-model.max_len :])[None]
            z = model.encode(clicks, torch.tensor([clicks.shape[1]])).z[0]
            rows.append(torch.nn.functional.layer_norm(z, z.shape[-1:]))
    n = torch.cat(rows)
    return float(n.mean(0).square().sum() / n.square().sum(1).mean())


@dataclass(frozen=True)
class Clicks:
    """p_{k|i} of training clicks, by a model in evaluation mode.

    users, places : (n,) whose click, and its place among that user's clicks, from 0.
    cluster : (n, K), rows sum to 1.
    """

    users: Array
    places: Array
    cluster: Array

    def clean(self, world: synthetic.World) -> "Clicks":
        """Without the clicks of a world that noise replaced."""
        kept = ~world.is_noise[self._in(world)]
        return Clicks(self.users[kept], self.places[kept], self.cluster[kept])

    def usage(self) -> dict[str, list[float]]:
        """Share of the clicks that each prototype gets: those where its p_{k|i} is the
        largest (hard), and the mean of p_{k|i} (soft)."""
        won = np.bincount(self.cluster.argmax(1), minlength=self.cluster.shape[1])
        soft = self.cluster.mean(0, dtype=np.float64)
        return {
            "hard_usage": [round(float(x), 4) for x in won / len(self.cluster)],
            "soft_usage": [round(float(x), 4) for x in soft],
        }

    def intention(self, world: synthetic.World) -> Array:
        """(n,) the true intention behind each click."""
        return world.intention_of_click[self._in(world)]

    def _in(self, world: synthetic.World) -> Array:
        return world.interactions.offsets[self.users] + self.places


@torch.no_grad()
def read_clicks(model: Any, train: Interactions, chunk: int = 512) -> Clicks:
    """p_{k|i} of each user's latest max_len training clicks, user after user."""
    readers = np.flatnonzero(train.lengths)
    users, places, cluster = [], [], []
    for some in (
        readers[first : first + chunk] for first in range(0, len(readers), chunk)
    ):
        lengths = np.minimum(train.lengths[some], model.max_len)
        inside = np.arange(lengths.max()) < lengths[:, None]  # (B, T)
        row, column = np.nonzero(inside)
        place = column + (train.lengths[some] - lengths)[row]
        items = np.zeros(inside.shape, np.int64)
        items[inside] = train.items[train.offsets[some[row]] + place]
        read = model.encode(torch.from_numpy(items), torch.from_numpy(lengths))
        users.append(some[row])
        places.append(place)
        cluster.append(read.cluster.numpy()[inside])
    return Clicks(*(np.concatenate(parts) for parts in (users, places, cluster)))


def cluster_by_item(model: Any, split: Split) -> tuple[Array, Array]:
    """(M + 1, K) mean p_{k|i} over an item's training clicks, (M + 1, K) clicks won."""
    size = split.n_items + 1, model.config.n_intents
    total, won = np.zeros(size), np.zeros(size, np.int64)
    clicks = read_clicks(model, split.train)
    items = split.train.items[split.train.offsets[clicks.users] + clicks.places]
    np.add.at(total, items, clicks.cluster)
    np.add.at(won, (items, clicks.cluster.argmax(1)), 1)
    return (total / np.maximum(won.sum(1, keepdims=True), 1)).astype(np.float32), won


def intention_agreement(clicks: Clicks, world: synthetic.World) -> dict[str, Any]:
    """How well the strongest prototype of each click names its true intention."""
    return agreement(clicks.intention(world), clicks.cluster.argmax(1))
