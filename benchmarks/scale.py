"""What breaks first when data grow: a world of MovieLens-20M's size, stage by stage.

    python benchmarks/scale.py [--users N] [--steps S] [--asked N] [--threads T]
        [--clock cpu] [--out FILE.json]
    python benchmarks/scale.py --growth [--out FILE.json]

The first writes 138,493 users' clicks to a text file (about 20 million on 26,744 items,
or fewer users), reads them, splits them, trains some steps, evaluates and exports, and
notes the seconds and the peak memory of every stage. The time of an epoch is measured
(all of its steps at the mean of those run) and predicted by `disrec_mini.costs`, with
speed and bandwidth from a world of an eighth of the users and a quarter of the items.
Both worlds' steps are run in turns: others may be at work here. `--clock cpu` counts
the seconds that the processor gives to this process, of one thread.

The second needs no machine: it puts 10^6 to 10^9 clicks into the same functions.
"""

import argparse
import json
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch

import disrec_mini as dm
from disrec_mini import batches, costs
from disrec_mini.candidates import some_users

USERS, ITEMS = 138_493, 26_744  # MovieLens-20M
MOODS = 104
STATUS = Path("/proc/self/status")
CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}
ASSUMED = {  # of --growth
    "clicks per user": "20 + lognormal: mean 144, half of the users below 68",
    "items": "a tenth of the clicks, at most 10^8",
    "settings": "recommended for long histories, without futures",
    "flops_per_second": 1e11,  # reached by training on one machine without accelerator
    "memory_bytes_per_second": 2e10,
    "network_bytes_per_second": 1.25e9,  # 10 Gbit/s
    "memory_bytes": 6.4e10,
    "memory_to_read_text": "20 times the clicks, as measured with 20 million",
    "milliseconds_for_a_list": 10,
}


def world_lengths(n_users: int, rng: np.random.Generator) -> np.ndarray:
    """(n_users,) as in MovieLens-20M: at least 20, half below 68, mean 144, at most
    9,254."""
    return np.minimum(20 + rng.lognormal(np.log(48), 1.38, n_users), 9254).astype(int)


def make_clicks(n_users: int, n_items: int, seed: int = 0) -> dm.Interactions:
    """Users in moods: a click in ten changes it, a click in five ignores it.

    Item r * MOODS + m + 1 is the r-th most popular of mood m, drawn in proportion to
    1 / (r + 3): what was clicked before says which mood is on.
    """
    rng = np.random.default_rng(seed)
    lengths = world_lengths(n_users, rng)
    offsets = np.r_[0, np.cumsum(lengths)]
    n = int(offsets[-1])
    changed = rng.random(n) < 0.1  # (n,)
    changed[offsets[:-1]] = True
    of_stay = rng.integers(0, MOODS, int(changed.sum()))
    mood = of_stay[np.cumsum(changed) - 1]  # (n,)
    stray = rng.random(n) < 0.2  # (n,)
    mood[stray] = rng.integers(0, MOODS, int(stray.sum()))
    share = np.cumsum(1 / (np.arange(n_items // MOODS) + 3))
    place = np.searchsorted(share, rng.random(n) * share[-1])  # (n,)
    return dm.Interactions(1 + place * MOODS + mood, offsets, n_items)


def write_pairs(clicks: dm.Interactions, path: Path, rows: int = 2**20) -> None:
    """`user item` lines, digits of fixed width."""
    user = np.repeat(np.arange(1, clicks.n_users + 1), clicks.lengths)
    with path.open("wb") as file:
        for first in range(0, clicks.n_clicks, rows):
            part = slice(first, first + rows)
            line = np.full((len(user[part]), 18), ord(" "), np.uint8)
            for column, number in ((0, user[part]), (9, clicks.items[part])):
                for digit in range(8):
                    line[:, column + 7 - digit] = ord("0") + number // 10**digit % 10
            line[:, 17] = ord("\n")
            file.write(line.tobytes())


# -- stages ----------------------------------------------------------------------------


def peak_mb() -> int:
    """Most memory held since the last `forget_peak`, in MB."""
    if STATUS.exists():
        return int(STATUS.read_text().split("VmHWM:")[1].split()[0]) // 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def forget_peak() -> None:
    """Where the system lets us; elsewhere peaks only grow."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return


class Stages:
    """Seconds and peak memory of each stage, in order. now : a clock."""

    def __init__(self, now: Callable[[], float]) -> None:
        self.now = now
        self.found: dict[str, dict[str, float]] = {}

    @contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        forget_peak()
        before, began = peak_mb(), self.now()
        yield
        seconds = round(self.now() - began, 2)
        peak = peak_mb()
        self.found[name] = {
            "seconds": seconds,
            "peak_mb": peak,
            "increase_mb": peak - before,
        }
        print(f"{name:16} {seconds:8.2f} s {peak:6d} MB", flush=True)


class Run:
    """A model in training, one step at a time, its two parts timed apart."""

    def __init__(
        self, split: dm.Split, progress: float, now: Callable[[], float]
    ) -> None:
        self.now = now
        config = dm.DisRecConfig.recommended(split.train)
        torch.manual_seed(0)
        self.model = dm.DisRec(config).train()
        self.objective = self.model.objective(split.train, 0)
        self.optimizer = self.objective.optimizer()
        self.queue = self.objective.steps(1)
        self.progress = progress
        self.prepared = 0.0
        self.arithmetic: list[float] = []
        self.sweeps: list[float] = []

    def step(self) -> None:
        """One step; the first prepares the order of the epoch and is not counted."""
        first, began = not self.prepared, self.now()
        step = next(self.queue)
        if first:
            self.prepared = self.now() - began
        self.optimizer.zero_grad(set_to_none=True)
        self.objective.loss(step, self.progress).total.backward()
        middle = self.now()
        self.optimizer.step()
        if not first:
            self.arithmetic.append(middle - began)
            self.sweeps.append(self.now() - middle)

    def cost(self) -> costs.StepCost:
        """What the model of costs says, on average over ten drawn steps."""
        future = self.progress >= self.model.config.seq2seq_start
        arguments = self.objective.windows, self.model.config, future
        drawn = [costs.step_cost(*arguments, seed=seed) for seed in range(10)]
        columns = zip(*(vars(x).values() for x in drawn), strict=True)
        return costs.StepCost(*(float(np.mean(column)) for column in columns))


def epoch(run: Run, other: Run, steps: int) -> dict[str, float]:
    """Seconds of an epoch, measured and predicted from the other run's steps, and what
    the prediction rests on."""
    for _ in range(steps + 1):  # the first prepares
        other.step()
        run.step()
    cost, small = run.cost(), other.cost()
    speed = small.flops / np.mean(other.arithmetic)
    bandwidth = small.swept / np.mean(other.sweeps)
    n_pairs, n_steps = run.objective.n_pairs, run.objective.n_steps
    measured = n_steps * (np.mean(run.arithmetic) + np.mean(run.sweeps))
    predicted = cost.epoch_seconds(n_pairs, speed, bandwidth)
    return {
        "measured_epoch_seconds": round(measured + run.prepared, 1),
        "predicted_epoch_seconds": round(predicted, 1),
        "predicted_to_measured": round(predicted / (measured + run.prepared), 3),
        "order_seconds": round(run.prepared, 2),
        "steps_run": len(run.sweeps),
        "steps_in_epoch": n_steps,
        "tokens_per_pair": round(cost.tokens / cost.n_pairs, 2),
        "flops_per_pair": round(cost.flops / cost.n_pairs),
        "gflops_per_second": round(speed / 1e9, 1),
        "swept_gb_per_second": round(bandwidth / 1e9, 1),
    }


def measure(
    n_users: int, steps: int, asked: int, now: Callable[[], float]
) -> dict[str, Any]:
    """Every stage, in a folder that is removed."""
    stage, found = Stages(now), {}
    with tempfile.TemporaryDirectory() as folder:
        text = Path(folder) / "clicks.txt"
        with stage("generate"):
            clicks = make_clicks(n_users, ITEMS)
        found["world"] = clicks.summary()
        with stage("write text"):
            write_pairs(clicks, text)
        found["text_mb"] = text.stat().st_size >> 20
        del clicks
        with stage("read text"):
            clicks = dm.read_interactions(text)
        with stage("split"):
            split = dm.leave_one_out(clicks)
        del clicks
        with stage("windows"):
            batches.make_windows(split.train, 200)
        small = dm.leave_one_out(make_clicks(n_users // 8, ITEMS // 4, seed=1))
        for name, progress in (("seq2item", 0.0), ("both losses", 1e3)):
            with stage(f"train, {name}"):
                run = Run(split, progress, now)
                found[name] = epoch(run, Run(small, progress, now), steps)
            model = run.model
            del run  # the order of its epoch, too
        users = some_users(split, asked)
        for protocol in ("sampled", "full"):
            with stage(f"evaluate, {protocol}"):
                dm.evaluate(model, split, protocol, users=users)
        with stage("export"):
            model.save(Path(folder) / "model.safetensors")
            np.save(Path(folder) / "items.npy", model.vectors().detach().numpy())
        found["predicted_bytes"] = costs.memory(split.train.n_clicks, model.config)
    found["stages"] = stage.found
    found["peak_mb"] = max(row["peak_mb"] for row in stage.found.values())
    return found


# -- growth ----------------------------------------------------------------------------


def growth_row(n_clicks: int) -> dict[str, Any]:
    """One size of the data: bytes, FLOPs, hours, and who takes over."""
    n_items = min(n_clicks // 10, 10**8)
    config = dm.DisRecConfig.recommended(n_items, long=True)
    lengths = world_lengths(20_000, np.random.default_rng(0))
    sample = dm.Interactions(
        np.ones(lengths.sum(), int), np.r_[0, np.cumsum(lengths)], 1
    )
    cost = costs.step_cost(batches.make_windows(sample, 200), config)
    bytes_ = costs.memory(n_clicks, config)
    held = sum(size for name, size in bytes_.items() if name != "checkpoint")
    speed, bandwidth = ASSUMED["flops_per_second"], ASSUMED["memory_bytes_per_second"]
    steps = n_clicks / cost.n_pairs
    arithmetic, sweep = cost.flops / speed, cost.swept / bandwidth
    sent = 2 * bytes_["table"] / ASSUMED["network_bytes_per_second"]
    ranking = 2 * config.n_intents * config.dim * n_items
    hours = {
        "one_machine": steps * (arithmetic + sweep) / 3600,
        "eight_copies": steps / 8 * (arithmetic + sweep + sent) / 3600,
        "eight_shards": steps / 8 * (arithmetic + sweep / 8) / 3600,
    }
    milliseconds = 1e3 * ranking / speed
    engines = []
    reading = 20 * bytes_["clicks"]
    if reading > ASSUMED["memory_bytes"]:
        engines.append("Polars or Spark: preparation in pieces, not in one array")
    if held > ASSUMED["memory_bytes"] or sweep > arithmetic:
        engines.append("torchrun with a sharded table and row-wise Adam: TorchRec")
    if milliseconds > ASSUMED["milliseconds_for_a_list"]:
        engines.append("an approximate index (ANN) for lists, samples for measuring")
    return {
        "clicks": n_clicks,
        "items": n_items,
        "users": round(n_clicks / 144),
        "bytes": {
            **bytes_,
            "held": held,
            "while_reading_text": reading,
            "swept_in_a_step": round(cost.swept),
        },
        "pairs_in_a_step": round(cost.n_pairs),
        "steps_in_an_epoch": round(steps),
        "flops_in_a_step": round(cost.flops),
        "sweep_to_arithmetic": float(f"{sweep / arithmetic:.3g}"),
        "full_ranking_flops_per_user": ranking,
        "full_ranking_flops": ranking * round(n_clicks / 144),
        "milliseconds_for_a_list": float(f"{milliseconds:.3g}"),
        "epoch_hours": {name: float(f"{value:.3g}") for name, value in hours.items()},
        "who_takes_over": engines or ["nobody yet: one process"],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--users", type=int, default=USERS)
    parser.add_argument("--steps", type=int, default=12, help="timed, of each world")
    parser.add_argument("--asked", type=int, default=10_000, help="users to evaluate")
    parser.add_argument("--threads", type=int, help="of torch")
    parser.add_argument("--clock", choices=list(CLOCKS), default="wall")
    parser.add_argument("--growth", action="store_true")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    found: dict[str, Any] = {
        "command": "python benchmarks/scale.py " + " ".join(sys.argv[1:]),
        "versions": {
            "disrec_mini": dm.__version__,
            "numpy": np.__version__,
            "torch": torch.__version__,
        },
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }
    if options.growth:
        found["assumed"] = ASSUMED
        found["rows"] = [growth_row(10**power) for power in (6, 7, 8, 9)]
    else:
        if options.threads:
            torch.set_num_threads(options.threads)
        found |= {"threads": torch.get_num_threads(), "clock": options.clock}
        now = CLOCKS[options.clock]
        found |= measure(options.users, options.steps, options.asked, now)
    text = json.dumps(found, indent=2)
    print(text)
    if options.out:
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
