"""What the performance claims rest on: run it alone on the machine.

    python benchmarks/speed.py [--data beauty ml-1m] [--only evaluation] [--out FILE]

In one process: the machine's matrix-multiplication peak; training pairs/s of the
paper's way (each pair by itself, B = 128, padded to max_len, and padded to the longest)
and of packed prefix sharing, with the share of that peak which each reaches; users/s of
both evaluation protocols, and full ranking against a bare product and comparison; peak
memory. `--only evaluation` leaves training out. The settings are the paper's but for
the number of groups in a step. Arithmetic is counted, not estimated, by
`torch.utils.flop_counter` (matrix products only, forward and backward).
"""

import argparse
import contextlib
import json
import resource
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

import disrec_mini as dm
from disrec_mini import batches
from disrec_mini.objective import step_loss
from disrec_mini.splitting import Histories

STEPS = ("group_size", "groups", "visit", "negatives")
SETTINGS = {  # data -> max_len, groups in a packed step, timed packed and single steps
    "beauty": (50, 24, 12, 6),
    "ml-1m": (200, 200, 3, 3),
}


def gemm_peak(size: int = 2048, repeats: int = 8) -> float:
    """Most floating-point operations per second of one large float32 product."""
    a, b = torch.randn(size, size), torch.randn(size, size)
    a @ b
    best = 0.0
    for _ in range(repeats):
        began = time.perf_counter()
        a @ b
        best = max(best, 2 * size**3 / (time.perf_counter() - began))
    return best


def train_speed(
    split: dm.Split, config: dm.DisRecConfig, steps: int, pad: bool = False
) -> dict[str, float]:
    """Median pairs/s over `steps` steps, after two warm ones, and what a pair takes.

    pad : single pairs alone: to max_len instead of to the longest.
    """
    step_of, pairs = _trainer(split, config, config.max_len if pad else None), 0
    speeds, flops, tokens = [], 0.0, 0
    for nth in range(steps + 2):
        counter = FlopCounterMode(display=False)
        with counter if nth == 0 else contextlib.nullcontext():
            step, seconds = step_of()
        pairs += len(step.t)
        tokens += _tokens(split, config, step)
        if nth == 0:
            flops = counter.get_total_flops() / len(step.t)
        if nth >= 2:
            speeds.append(len(step.t) / seconds)
    return {
        "pairs_per_second": float(np.median(speeds)),
        "best": max(speeds),
        "flops_per_pair": flops,
        "tokens_per_pair": tokens / pairs,
    }


def _trainer(split: dm.Split, config: dm.DisRecConfig, width: int | None = None) -> Any:
    """A function that takes one step and says which and how long it took."""
    torch.manual_seed(0)
    model = dm.DisRec(config).train()
    objective = model.objective(split.train, 0)
    optimizer, queue = objective.optimizer(), objective.steps(1)
    weight = 0.0 if config.variant == 1 else 1.0

    def one() -> tuple[batches.Step, float]:
        began = time.perf_counter()
        step = next(queue)
        optimizer.zero_grad()
        windows = objective.windows
        loss = step_loss(model, windows, step, weight=weight, width=width)
        loss.total.backward()
        optimizer.step()
        return step, time.perf_counter() - began

    one()  # the order of the epoch is made
    return one


def _tokens(split: dm.Split, config: dm.DisRecConfig, step: batches.Step) -> int:
    """Encoded in a step, padding too."""
    windows = batches.make_windows(split.train, config.max_len)
    if config.sampler == "pairs":
        return len(step.t) * config.max_len * (1 + config.uses_seq2seq)
    rows = batches.packed(windows, step, config.uses_seq2seq)
    return sum(block.items.numel() for block in rows.blocks)


def where_time_goes(split: dm.Split, config: dm.DisRecConfig) -> dict[str, float]:
    """Share of the time of a step in its largest kinds of operation."""
    step_of = _trainer(split, config)
    with torch.profiler.profile() as profile:
        for _ in range(3):
            step_of()
    rows = profile.key_averages()
    total = sum(row.self_cpu_time_total for row in rows)
    top = sorted(rows, key=lambda row: -row.self_cpu_time_total)[:12]
    return {row.key: round(row.self_cpu_time_total / total, 3) for row in top}


def evaluation_speed(split: dm.Split, max_len: int) -> dict[str, float]:
    """Both protocols on validation clicks, an untrained model; and full ranking against
    what it cannot do without: encoding, one product for each intention, one comparison.
    """
    model = dm.DisRec(dm.DisRecConfig(split.n_items, max_len=max_len)).eval()
    found = {"sampled_seconds": min(timed(dm.evaluate, model, split) for _ in range(2))}
    full, bare = [], []
    for _ in range(3):  # in turns: others may be at work here
        full.append(timed(dm.evaluate, model, split, "full"))
        bare.append(timed(bare_ranking, model, split, max_len))
    found["full_seconds"], found["bare_seconds"] = min(full), min(bare)
    found = {name: round(seconds, 2) for name, seconds in found.items()}
    n_users = int((split.valid_items > 0).sum())
    for protocol in ("sampled", "full"):
        users_per_second = round(n_users / found[f"{protocol}_seconds"], 1)
        found[f"{protocol}_users_per_second"] = users_per_second
    return {**found, "full_to_bare": round(min(full) / min(bare), 2)}


@torch.no_grad()
def bare_ranking(model: dm.DisRec, split: dm.Split, max_len: int) -> torch.Tensor:
    """How many items are worse than the true one: no padding, nothing left out."""
    users = np.flatnonzero(split.valid_items)
    users = users[np.argsort(-split.train.lengths[users], kind="stable")]
    table, worse = model.vectors(), torch.zeros(split.n_users, dtype=torch.int64)
    for some in np.array_split(users, -(-len(users) // 128)):
        items, lengths = Histories(split, "valid").batch(some, max_len)
        queries = model(items, lengths)  # (128, K, D)
        true = torch.from_numpy(split.valid_items[some])[:, None]  # (128, 1)
        best = queries[:, 0] @ table.T  # (128, M + 1)
        for k in range(1, queries.shape[1]):
            best = torch.maximum(best, queries[:, k] @ table.T)
        # into its place: small results kept apart would split the heap
        worse[torch.from_numpy(some)] = (best < best.gather(1, true)).sum(1)
    return worse


def timed(call: Any, *arguments: Any) -> float:
    """Seconds of one call."""
    began = time.perf_counter()
    call(*arguments)
    return time.perf_counter() - began


def measure(name: str, only: str | None = None) -> dict[str, Any]:
    """Everything about one data set, or the evaluation alone."""
    split = dm.leave_one_out(dm.load_dataset(name))
    max_len, groups, packed_steps, single_steps = SETTINGS[name]
    if only == "evaluation":
        return {"evaluation": evaluation_speed(split, max_len)}
    paper = dm.DisRecConfig(split.n_items, max_len=max_len)
    default = dm.DisRecConfig.recommended(split.train)
    before = dm.DisRecConfig.in_batch(split.n_items, max_len=max_len)
    single = paper.replace(sampler="pairs")
    ways: dict[str, tuple[dm.DisRecConfig, int, bool]] = {
        "pairs, padded to max_len": (single, single_steps, True),
        "pairs, padded to the longest": (single, single_steps, False),
        f"packed, {groups} groups a step": (
            paper.replace(groups=groups),
            packed_steps,
            False,
        ),
        "packed, whole histories": (
            paper.replace(**{x: getattr(default, x) for x in STEPS}),
            packed_steps,
            False,
        ),
        "default before, seq2item": (before.replace(variant=1), packed_steps, False),
        "default, seq2item": (default.replace(variant=1), 2 * packed_steps, False),
        "default, both losses": (default, 2 * packed_steps, False),
    }
    result: dict[str, Any] = {"max_len": max_len}
    slowest = None
    for label, (config, steps, pad) in ways.items():
        peak = gemm_peak()  # again: others may be at work here
        row = train_speed(split, config, steps, pad)
        slowest = slowest or row["pairs_per_second"]
        result[label] = {
            "pairs_per_second": round(row["pairs_per_second"], 1),
            "best": round(row["best"], 1),
            "ratio": round(row["pairs_per_second"] / slowest, 1),
            "tokens_per_pair": round(row["tokens_per_pair"], 2),
            "flops_per_pair": round(row["flops_per_pair"]),
            "share_of_gemm_peak": round(
                row["pairs_per_second"] * row["flops_per_pair"] / peak, 3
            ),
        }
    result["gemm_gflops"] = round(peak / 1e9, 1)
    result["time_in_default_step"] = {
        "seq2item": where_time_goes(split, default.replace(variant=1)),
        "both losses": where_time_goes(split, default),
    }
    result["evaluation"] = evaluation_speed(split, max_len)
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", nargs="+", choices=list(SETTINGS), default=["beauty"])
    parser.add_argument("--only", choices=["evaluation"])
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    found: dict[str, Any] = {
        "command": "python benchmarks/speed.py " + " ".join(sys.argv[1:]),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }
    for name in options.data:
        found[name] = measure(name, options.only)
    kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    found["peak_memory_mb"] = round(kilobytes / 1024)
    text = json.dumps(found, indent=2)
    print(text)
    if options.out:
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
