"""What a run will cost, against counted products and counted tokens."""

import importlib.util
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

import disrec_mini as dm
from disrec_mini import batches, costs


def world(n_users: int, mean: int) -> dm.Interactions:
    """Uneven lengths, random items."""
    rng = np.random.default_rng(3)
    lengths = 2 + rng.geometric(1 / mean, n_users)
    items = rng.integers(1, 301, lengths.sum())
    return dm.Interactions(items, np.r_[0, np.cumsum(lengths)], 300)


SETTINGS = {
    "paper": {"n_intents": 4},
    "recommended": {"n_intents": 1, "groups": 4, "keep": 0.3},
    "long rows": {"n_intents": 2, "groups": 3, "max_len": 150, "keep": 1.0},
    "one block": {"n_intents": 3, "groups": 2, "n_blocks": 1},
    "whole windows": {"groups": 4, "visit": 0, "negatives": 64},
    "shared, visits": {"n_intents": 1, "groups": 3, "visit": 3, "negatives": 200},
    "pair by pair": {"n_intents": 2, "sampler": "pairs"},
}


def counted(objective: dm.Objective, n: int) -> float:
    """FLOPs of a step, forward and backward, the mean of n."""
    steps = [step for step, _ in zip(objective.steps(1), range(n), strict=False)]
    with FlopCounterMode(display=False) as counter:
        for step in steps:
            objective.loss(step, 0.0).total.backward()
    return counter.get_total_flops() / n


@pytest.mark.parametrize("with_future", [False, True])
@pytest.mark.parametrize("name", SETTINGS)
def test_a_step_costs_what_the_counter_says(name: str, with_future: bool) -> None:
    clicks = world(400, 60 if name == "long rows" else 15)
    start = 0 if with_future else 5
    known = {"n_items": 300, "dim": 16, "max_len": 50, "group_size": 128}
    known["seq2seq_start"] = start
    config = dm.DisRecConfig(**known | SETTINGS[name])
    model = dm.DisRec(config).train()
    objective = model.objective(clicks, seed=0)
    found = [
        costs.step_cost(objective.windows, config, with_future, seed)
        for seed in range(50)
    ]
    expected = counted(objective, 10)
    assert np.mean([x.flops for x in found]) == pytest.approx(expected, rel=0.05)
    assert found[0].n_pairs == config.group_size * config.groups


@pytest.mark.parametrize("groups", [1, 4, 30])
def test_tokens_are_those_of_packed_rows(groups: int) -> None:
    windows = batches.make_windows(world(2000, 40), 100)
    config = dm.DisRecConfig(300, max_len=100, groups=groups, group_size=64)
    rng, real = np.random.default_rng(0), []
    for step, _ in zip(
        batches.steps(windows, 64, groups, rng), range(20), strict=False
    ):
        rows = batches.packed(windows, step, True).blocks
        real.append(sum(block.items.numel() for block in rows))
    found = [costs.step_cost(windows, config, True, seed).tokens for seed in range(50)]
    assert np.mean(found) == pytest.approx(np.mean(real), rel=0.05)


def test_memory_is_that_of_a_trained_model() -> None:
    clicks = world(50, 10)
    config = dm.DisRecConfig(300, dim=256, n_blocks=1, average=0.9)
    model = dm.DisRec(config)
    optimizer = model.objective(clicks, 0).optimizer()
    table = model.vectors()
    (table * 1.0).sum().backward()
    optimizer.step()
    found = costs.memory(clicks.n_clicks, config)
    state = [x for x in optimizer.state[table].values() if x.dim() == 2]
    assert found["clicks"] == clicks.items.nbytes
    assert found["table"] == table.nbytes - 256 * 4  # but for the padding
    assert found["adam"] == sum(x.nbytes for x in state) - 2 * 256 * 4
    assert found["gradient"] == found["table"]
    assert found["checkpoint"] == 5 * found["table"]


def test_an_epoch_is_arithmetic_and_sweeps() -> None:
    cost = costs.StepCost(n_pairs=100, tokens=1, flops=6e9, swept=4e8)
    assert cost.epoch_seconds(1000, speed=2e9, bandwidth=4e9) == pytest.approx(31)
    assert torch.get_default_dtype() == torch.float32  # FLOAT


# -- benchmarks/scale.py ---------------------------------------------------------------


@pytest.fixture(scope="module")
def scale() -> Any:
    path = Path(__file__).parents[1] / "benchmarks" / "scale.py"
    spec = importlib.util.spec_from_file_location("scale", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_large_world_is_long_tailed_and_sequential(
    scale: Any, tmp_path: Path
) -> None:
    clicks = scale.make_clicks(2000, 26_744)
    about = clicks.summary()
    assert about["min_length"] >= 20
    assert 50 < about["median_length"] < 90
    assert 110 < about["mean_length"] < 180
    assert about["top_1_percent_share"] > 0.1
    mood = (clicks.items - 1) % scale.MOODS
    same = mood[1:] == mood[:-1]  # the previous click says what comes next
    assert 0.5 < same.mean() < 0.65
    scale.write_pairs(clicks, tmp_path / "clicks.txt", rows=1000)
    again = dm.reading.read_rows(tmp_path / "clicks.txt")
    assert np.array_equal(again.items, clicks.items)
    assert np.array_equal(again.offsets, clicks.offsets)


def test_what_grows_with_the_data(scale: Any) -> None:
    rows = [scale.growth_row(10**power) for power in (6, 9)]
    assert rows[1]["bytes"]["table"] == 100_000_000 * 64 * 4
    for name in ("clicks", "table", "checkpoint", "held", "swept_in_a_step"):
        assert rows[1]["bytes"][name] == 1000 * rows[0]["bytes"][name], name
    assert rows[0]["flops_in_a_step"] == rows[1]["flops_in_a_step"]
    hours = rows[1]["epoch_hours"]
    assert hours["eight_shards"] < hours["eight_copies"] < hours["one_machine"]
    assert len(rows[0]["who_takes_over"]) == 1
    assert len(rows[1]["who_takes_over"]) == 3


def test_the_stored_run_at_the_size_of_movielens_20m() -> None:
    """An epoch was predicted within a fifth, and 6 GB were enough."""
    path = Path(__file__).parents[1] / "book" / "results" / "scale" / "ml-20m.json"
    found = json.loads(path.read_text("utf-8"))
    assert found["world"]["n_clicks"] > 1.9e7
    for losses in ("seq2item", "both losses"):
        assert 0.8 < found[losses]["predicted_to_measured"] < 1.25
        assert found[losses]["tokens_per_pair"] < 2
    assert found["peak_mb"] < 6000
