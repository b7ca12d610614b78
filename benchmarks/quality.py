"""Time to quality: validation NDCG@10 against training seconds, ours and a peer's.

    python benchmarks/quality.py --data beauty --arm old new --seeds 0 1 2
    .venv-peer/bin/python benchmarks/quality.py --data beauty --arm rectools
    python benchmarks/quality.py --report

The peer is SASRec of RecTools, in an environment of its own (`make peer`). Baselines of
ours stand beside those of RecTools and implicit in the same way, in `results/peers`:
arms `our-NAME` and `their-NAME`, as large, of as many epochs. Every arm
learns from the same training clicks and is asked after each epoch by the same code:
sampled, all users against the same 100 negatives; full, at most 10,000 users, always
the same. The test part is never asked. The clock of training runs from `fit` on, with
all that a library does there, and stands still while we validate. A run ends when
neither protocol has gained for `--patience` epochs, or after `--minutes` of training.
Pairs/s count what an arm learns from: of long sequences RecTools reads the end only.

One file for each run, written when it ends; runs whose file exists are skipped.
`--report` reads them: a table, report.json and a figure for each data set.
"""

import argparse
import json
import platform
import re
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch

import disrec_mini as dm
from disrec_mini.candidates import Scorer, draw_negatives, some_users
from disrec_mini.files import write_json_atomic
from disrec_mini.runs import make_model, provenance
from disrec_mini.settings import config_class

OUT = Path("book/results/quality")
PROTOCOLS = ("sampled", "full")
METRIC = "ndcg@10"
MAX_LEN = {"ml-1m": 200, "ml-100k": 200}  # else 50, the paper's
MOST = 200  # epochs; runs end before, see `Watch.over`

# name: (model, base, changes)
SETTINGS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "old": ("disrec", "in_batch", {}),
    "new": ("disrec", "recommended", {}),
    "new-logq": ("disrec", "recommended", {"logq": True}),
    "our-sasrec": (
        "sasrec",
        "paper",
        {
            **{"dim": 64, "dropout": 0.2, "loss": "softmax", "unseen": 0},
            **{"negatives": 2048, "group_size": 1024},
        },
    ),
    "our-bert4rec": (
        "bert4rec",
        "paper",
        {"dropout": 0.2, "heads": 4, "hidden": 0.15, "batch": 128},
    ),
    "our-bpr-mf": (
        "bpr-mf",
        "paper",
        {"learning_rate": 3e-3, "item_decay": 0.3, "group_size": 1024},
    ),
}
# our size (RecTools' default is 256 factors); the rest are its defaults
PEER: dict[str, Any] = {"n_factors": 64, "n_blocks": 2, "n_heads": 4}
PEER |= {"dropout_rate": 0.2, "batch_size": 128, "lr": 1e-3, "loss": "softmax"}
# name: class and arguments; every pair of sampled_softmax draws its own negatives
PEERS: dict[str, tuple[str, dict[str, Any]]] = {
    "rectools": ("SASRecModel", PEER),
    "rectools-256": (
        "SASRecModel",
        {**PEER, "loss": "sampled_softmax", "n_negatives": 256},
    ),
    "their-sasrec": ("SASRecModel", {**PEER, "n_heads": 1}),
    "their-bert4rec": ("BERT4RecModel", PEER),
    "their-bpr-mf": ("BPR", {"factors": 64}),
}

Run = dict[str, Any]


# -- a run -----------------------------------------------------------------------------


@dataclass
class Watch:
    """Asks a model after every epoch, and stops the clock meanwhile.

    patience : epochs without a gain in either protocol. minutes : of training.
    clock : "wall", or "cpu", the seconds that this process computes: those of one
        thread hardly depend on what else the machine does.
    curve : a dict for each epoch; the seconds are those since `begin`.
    """

    split: dm.Split
    patience: int | None = None
    minutes: float | None = None
    clock: str = "wall"
    curve: list[dict[str, float]] = field(default_factory=list)
    stopped_by: str = "epochs"

    def __post_init__(self) -> None:
        everyone = some_users(self.split, self.split.n_users)
        self.users = {"sampled": everyone, "full": some_users(self.split, 10_000)}
        self.negatives = draw_negatives(self.split, "valid")
        self.validating = 0.0
        self.now = {"wall": time.perf_counter, "cpu": time.process_time}[self.clock]

    def begin(self) -> None:
        """Training starts now."""
        self.began = self.now()

    def epoch(self, n_pairs: int, scorer: Callable[[], Scorer]) -> bool:
        """Measure what `scorer` returns; whether training is over."""
        stopped = self.now()
        seconds = stopped - self.began - self.validating
        before = self.curve[-1]["seconds"] if self.curve else 0.0
        row = {
            "epoch": len(self.curve) + 1,
            "seconds": seconds,
            "pairs_per_second": n_pairs / (seconds - before),
        }
        model = scorer()
        for protocol, users in self.users.items():
            metrics = dm.evaluate(
                model, self.split, protocol, users=users, negatives=self.negatives
            )
            for name in (METRIC, "recall@10"):
                row[f"{protocol} {name}"] = metrics[name]
        self.validating += self.now() - stopped
        row["total_seconds"] = seconds + self.validating
        self.curve.append(row)
        values = "  ".join(f"{p} {row[f'{p} {METRIC}']:.4f}" for p in PROTOCOLS)
        speed = f"{row['pairs_per_second']:,.0f} pairs/s"
        print(
            f"epoch {row['epoch']:3}  {seconds:8.1f} s  {values}  {speed}", flush=True
        )
        return self.over()

    def over(self) -> bool:
        """Whether to stop here; `stopped_by` says why."""
        last = len(self.curve)
        best = max(best_epoch(self.curve, protocol) for protocol in PROTOCOLS)
        if self.patience is not None and last - best >= self.patience:
            self.stopped_by = "patience"
        elif (
            self.minutes is not None and self.curve[-1]["seconds"] >= 60 * self.minutes
        ):
            self.stopped_by = "minutes"
        return self.stopped_by != "epochs"


class _OverError(Exception):
    """Leaves `fit` between two epochs."""


def train_ours(name: str, watch: Watch, max_len: int, seed: int) -> dict[str, Any]:
    """`fit` in a setting of the table; its own validation is switched off."""
    kind, base, changes = SETTINGS[name]
    split, config_type = watch.split, config_class(kind)
    data = split.train if base == "recommended" else split.n_items
    if hasattr(config_type, "max_len"):
        changes = {"max_len": max_len, **changes}
    config = getattr(config_type, base)(data, **changes)

    def after(epoch: dict[str, Any], validated: Any) -> None:
        if watch.epoch(objective.n_pairs, lambda: validated):
            raise _OverError

    watch.begin()
    torch.manual_seed(seed)
    model = make_model(kind, config, split.train)
    objective = model.objective(split.train, seed)
    plan = {"epochs": MOST, "validate_every": MOST + 1, "protocol": "full"}
    try:
        history = dm.fit(
            model,
            split,
            objective=objective,
            seed=seed,
            device="cpu",
            progress=False,
            on_epoch=after,
            **plan,
        )
        if history.stopped_by == "interrupt":
            raise KeyboardInterrupt
    except _OverError:
        pass
    return {"model": kind, "base": base, "epochs": MOST, **asdict(config)}


def train_peer(name: str, watch: Watch, max_len: int, seed: int) -> dict[str, Any]:
    """A model of RecTools, or of implicit."""
    try:
        import peer
    except ImportError as error:
        sys.exit(f"{error}: run `make peer`, then .venv-peer/bin/python {sys.argv[0]}")
    kind, known = PEERS[name]
    if kind == "BPR":
        known = {**known, "iterations": MOST}
        peer.train_bpr(known, watch, seed)
    else:
        known = {**known, "session_max_len": max_len, "epochs": MOST}
        peer.train(kind, known, watch, seed)
    return {"model": kind, **known}


def cpu() -> str:
    """The processor's name, as the system gives it."""
    try:
        text = Path("/proc/cpuinfo").read_text("utf-8")
    except OSError:
        return platform.processor()
    found = re.search(r"model name\s*: (.*)", text)
    return found[1] if found else platform.processor()


def run(data: str, arm: str, seed: int, **limits: Any) -> Run:
    """Train one arm, and all that its file holds. limits : as in `Watch`."""
    watch = Watch(dm.leave_one_out(dm.load_dataset(data)), **limits)
    train = train_peer if arm in PEERS else train_ours
    settings = train(arm, watch, MAX_LEN.get(data, 50), seed)
    made = provenance()
    if arm in PEERS:
        others = ("rectools", "pm-implicit", "pytorch-lightning", "pandas", "scipy")
        made["versions"] |= {name: version(name) for name in others}
    return {
        "command": " ".join(["python benchmarks/quality.py", *sys.argv[1:]]),
        "data": data,
        "arm": arm,
        "seed": seed,
        "settings": settings,
        **limits,
        "stopped_by": watch.stopped_by,
        **made,
        "cpu": cpu(),
        "users": {protocol: len(users) for protocol, users in watch.users.items()},
        "curve": watch.curve,
    }


# -- many runs -------------------------------------------------------------------------


def best_epoch(curve: list[dict[str, float]], protocol: str) -> int:
    """The first epoch with the greatest value, counted from 1."""
    return int(np.argmax([row[f"{protocol} {METRIC}"] for row in curve])) + 1


def best(run: Run, protocol: str) -> float:
    """The greatest value of a run."""
    return max(row[f"{protocol} {METRIC}"] for row in run["curve"])


def seconds_to(run: Run, protocol: str, goal: float) -> float | None:
    """Training seconds until a run first reaches `goal`; None if it never does."""
    values = ((row["seconds"], row[f"{protocol} {METRIC}"]) for row in run["curve"])
    return next((seconds for seconds, value in values if value >= goal), None)


def summary(runs: list[Run], base: str = "old") -> dict[str, Any]:
    """{data: {"goal": {protocol: value}, "arms": {arm: what its runs give}}}.

    The goal is what every run of arm `base` reaches: the least of their best values.
    Lists have one entry a seed; `None` seconds: not reached in that run.
    """
    found: dict[str, Any] = {}
    for data in sorted({run["data"] for run in runs}):
        here = [run for run in runs if run["data"] == data]
        basis = [run for run in here if run["arm"] == base]
        goal = {p: min((best(r, p) for r in basis), default=None) for p in PROTOCOLS}
        arms = {}
        for arm in sorted({run["arm"] for run in here}, key=lambda a: (a != base, a)):
            mine = sorted((r for r in here if r["arm"] == arm), key=lambda r: r["seed"])
            arms[arm] = _of_arm(mine, goal)
        found[data] = {"goal": goal, "arms": arms}
    return found


def _of_arm(runs: list[Run], goal: dict[str, float | None]) -> dict[str, Any]:
    speeds = [row["pairs_per_second"] for run in runs for row in run["curve"]]
    made: dict[str, Any] = {
        "seeds": [run["seed"] for run in runs],
        "epochs": [len(run["curve"]) for run in runs],
        "stopped_by": [run["stopped_by"] for run in runs],
        "pairs_per_second": float(np.median(speeds)),
    }
    for protocol, value in goal.items():
        reached = value is not None
        made[protocol] = {
            "best": [best(run, protocol) for run in runs],
            "seconds": [
                seconds_to(run, protocol, value) if reached else None for run in runs
            ],
        }
    return made


def table(found: dict[str, Any]) -> str:
    """The summary in lines: mean best value, median seconds to the goal."""
    lines = []
    for data, entry in found.items():
        for protocol in PROTOCOLS:
            goal = entry["goal"][protocol]
            aim = "no goal" if goal is None else f"goal {goal:.4f}"
            lines.append(f"{data}, {protocol} {METRIC}, {aim}")
            for arm, made in entry["arms"].items():
                mine = made[protocol]
                times = [np.inf if s is None else s for s in mine["seconds"]]
                middle = float(np.median(times))
                when = f"{middle:9,.0f} s" if np.isfinite(middle) else "      never"
                when = "" if goal is None else f"goal after {when}  "
                lines.append(
                    f"  {arm:14} best {np.mean(mine['best']):.4f}  {when}"
                    f"{made['pairs_per_second']:8,.0f} pairs/s  "
                    f"{len(mine['best'])} seeds"
                )
    return "\n".join(lines)


def plot(data: str, runs: list[Run], goal: dict[str, float | None]) -> Any:
    """Both protocols beside each other; a thin line for each seed, a thick mean.

    The mean of seconds and values ends with the seed of fewest epochs.
    """
    import matplotlib.pyplot as plt
    from matplotlib.ticker import NullFormatter

    from disrec_mini import plots

    plots.use_style()
    figure, axes = plt.subplots(1, 2, figsize=(1.5 * plots.WIDTH, 2.8))
    arms = sorted({run["arm"] for run in runs}, key=lambda arm: (arm != "old", arm))
    for panel, protocol in zip(axes, PROTOCOLS, strict=True):
        for arm, colour in zip(arms, plots.INTENTIONS, strict=False):
            curves = [
                [(row["seconds"], row[f"{protocol} {METRIC}"]) for row in run["curve"]]
                for run in runs
                if run["arm"] == arm
            ]
            for curve in curves:
                panel.plot(*zip(*curve, strict=True), color=colour, lw=0.6, alpha=0.6)
            shortest = min(map(len, curves))
            mean = np.mean([curve[:shortest] for curve in curves], 0)  # (epochs, 2)
            panel.plot(*mean.T, ".-", color=colour, label=arm)
        if goal[protocol] is not None:
            panel.axhline(goal[protocol], color=plots.INK, lw=0.8, ls=":")
        panel.set(xscale="log", xlabel="training seconds", title=protocol)
        panel.xaxis.set_minor_formatter(NullFormatter())
    axes[0].set_ylabel(f"validation {METRIC.upper()}")
    lines = axes[0].get_legend_handles_labels()
    figure.legend(*lines, loc="outside lower center", ncols=len(arms))
    figure.suptitle(data)
    return figure


def report(out: Path) -> str:
    """Write report.json and a figure for each data set; the table."""
    runs = [json.loads(p.read_text("utf-8")) for p in sorted(out.glob("*-seed*.json"))]
    if not runs:
        sys.exit(f"{out} holds no run yet.")
    found = summary(runs)
    write_json_atomic(out / "report.json", found)
    for data, entry in found.items():
        figure = plot(data, [r for r in runs if r["data"] == data], entry["goal"])
        about = {"Date": None, "Creator": None}
        figure.savefig(out / f"{data}.svg", facecolor="white", metadata=about)
    return table(found)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", nargs="+", default=["beauty"])
    arms = [*SETTINGS, *PEERS]
    parser.add_argument("--arm", nargs="+", choices=arms, default=["old"])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--minutes", type=float, help="of training; none by default")
    parser.add_argument("--patience", type=int, default=8)
    parser.add_argument("--clock", choices=["wall", "cpu"], default="wall")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--report", action="store_true", help="of the runs in --out")
    options = parser.parse_args()
    if options.report:
        print(report(options.out))
        return
    torch.set_num_threads(options.threads)
    limits = {"patience": options.patience, "minutes": options.minutes}
    limits["clock"] = options.clock
    for seed in options.seeds:
        for data in options.data:
            for arm in options.arm:
                name = f"{data}-{arm}-seed{seed}"
                path = options.out / f"{name}.json"
                print(name, "exists" if path.exists() else "", flush=True)
                if not path.exists():
                    write_json_atomic(path, run(data, arm, seed, **limits))


if __name__ == "__main__":
    main()
