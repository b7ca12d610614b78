"""`benchmarks/quality.py`: the clock, the stops, and what is read off the curves."""

import importlib.util
import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import disrec_mini as dm
from disrec_mini.candidates import draw_negatives

PATH = Path(__file__).parents[1] / "benchmarks" / "quality.py"

spec = importlib.util.spec_from_file_location("quality", PATH)
quality = sys.modules["quality"] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(quality)


def made(
    arm: str, seed: int, sampled: list[float], full: list[float], step: float = 10.0
) -> dict[str, Any]:
    """A run of one epoch every `step` seconds."""
    curve = [
        {
            "epoch": n,
            "seconds": step * n,
            "total_seconds": 2 * step * n,
            "pairs_per_second": 1000 / step,
            "sampled ndcg@10": a,
            "full ndcg@10": b,
        }
        for n, (a, b) in enumerate(zip(sampled, full, strict=True), 1)
    ]
    run = {"data": "made", "arm": arm, "seed": seed, "curve": curve}
    return {**run, "stopped_by": "epochs"}


@pytest.fixture
def runs() -> list[dict[str, Any]]:
    return [
        made("old", 1, [0.1, 0.4, 0.3], [0.01, 0.02, 0.05]),
        made("old", 0, [0.1, 0.2, 0.3], [0.01, 0.02, 0.03]),
        made("new", 0, [0.2, 0.3, 0.5], [0.03, 0.02, 0.02], step=2.0),
        made("new", 1, [0.2, 0.1, 0.1], [0.01, 0.04, 0.04], step=2.0),
    ]


def test_seconds_run_until_every_old_start_is_reached(runs) -> None:
    found = quality.summary(runs)["made"]
    assert found["goal"] == {"sampled": 0.3, "full": 0.03}
    old, new = found["arms"]["old"], found["arms"]["new"]
    assert old["seeds"] == [0, 1]
    assert old["sampled"] == {"best": [0.3, 0.4], "seconds": [30.0, 20.0]}
    assert new["sampled"] == {"best": [0.5, 0.2], "seconds": [4.0, None]}
    assert new["full"] == {"best": [0.03, 0.04], "seconds": [2.0, 4.0]}
    assert (old["pairs_per_second"], new["pairs_per_second"]) == (100, 500)


def test_the_table_says_who_never_gets_there(runs) -> None:
    lines = quality.table(quality.summary(runs)).splitlines()
    assert lines[0] == "made, sampled ndcg@10, goal 0.3000"
    words = "old best 0.3500 goal after 25 s 100 pairs/s 2 seeds"
    assert lines[1].split() == words.split()
    assert "never" in lines[2]  # one of two starts: the median is not reached
    assert "goal after         3 s" in lines[5]


def test_without_old_runs_there_is_no_goal(runs) -> None:
    found = quality.summary(runs[2:])
    assert found["made"]["goal"] == {"sampled": None, "full": None}
    assert found["made"]["arms"]["new"]["full"]["seconds"] == [None, None]
    assert "no goal" in quality.table(found)


def test_a_report_is_written_beside_its_runs(runs, tmp_path) -> None:
    pytest.importorskip("matplotlib")
    for run in runs:
        path = tmp_path / f"made-{run['arm']}-seed{run['seed']}.json"
        path.write_text(json.dumps(run), "utf-8")
    text = quality.report(tmp_path)
    assert text == quality.table(quality.summary(runs))
    stored = json.loads((tmp_path / "report.json").read_text("utf-8"))
    assert stored == quality.summary(runs)
    svg = (tmp_path / "made.svg").read_text("utf-8")
    assert ">old<" in svg
    assert ">new<" in svg
    quality.report(tmp_path)
    assert (tmp_path / "made.svg").read_text("utf-8") == svg


def test_patience_waits_for_both_protocols(split) -> None:
    watch = quality.Watch(split, patience=2)
    watch.curve = made("old", 0, [0.3, 0.2, 0.2], [0.1, 0.2, 0.1])["curve"]
    assert not watch.over()
    watch.curve = made("old", 0, [0.3, 0.2, 0.2, 0.3], [0.1, 0.2, 0.1, 0.2])["curve"]
    assert watch.over()
    assert watch.stopped_by == "patience"


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch, clicks) -> None:
    """One small setting and one small data set."""
    change = {"dim": 8, "n_blocks": 1, "seq2seq_start": 0}
    monkeypatch.setitem(quality.SETTINGS, "old", ("disrec", "recommended", change))
    monkeypatch.setattr(quality, "MOST", 3)
    monkeypatch.setattr(dm, "load_dataset", lambda name: clicks)


@pytest.mark.usefixtures("small")
def test_the_clock_stands_still_while_we_validate(split) -> None:
    run = quality.run("made", "old", seed=0)
    curve = run["curve"]
    assert [row["epoch"] for row in curve] == [1, 2, 3]
    assert run["stopped_by"] == "epochs"
    seconds = np.array([[row["seconds"], row["total_seconds"]] for row in curve])
    validating = np.diff(seconds, axis=1)[:, 0]
    assert (np.diff([0, *validating]) > 0).all()
    assert (np.diff(seconds[:, 0], prepend=0) > 0).all()
    assert run["users"]["sampled"] == (split.valid_items > 0).sum()


@pytest.mark.usefixtures("small")
def test_a_curve_holds_what_fit_measures(split) -> None:
    """The same training, validated by `fit` itself: the same values."""
    run = quality.run("made", "old", seed=4)
    _, base, change = quality.SETTINGS["old"]
    make = getattr(dm.DisRecConfig, base)
    quality.torch.manual_seed(4)
    model = dm.DisRec(make(split.n_items, max_len=50, **change))
    plan = {"epochs": quality.MOST, "seed": 4, "device": "cpu", "progress": False}
    history = dm.fit(model, split, protocol="sampled", **plan)
    found = [row["sampled ndcg@10"] for row in run["curve"]]
    assert found == [value for _, value in history.curve("ndcg@10")]


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("arm", ["our-sasrec", "our-bert4rec", "our-bpr-mf"])
def test_baselines_are_timed_in_the_same_way(arm: str) -> None:
    run = quality.run("made", arm, seed=0, minutes=0.0)
    assert run["settings"]["model"] == arm.removeprefix("our-")
    assert len(run["curve"]) == 1


@pytest.mark.usefixtures("small")
def test_training_ends_after_its_minutes() -> None:
    run = quality.run("made", "old", seed=0, minutes=0.0)
    assert len(run["curve"]) == 1
    assert run["stopped_by"] == "minutes"


@pytest.mark.usefixtures("small")
def test_sleeping_takes_time_but_no_computing(monkeypatch) -> None:
    plain = quality.make_model

    def slow(*args):
        time.sleep(1)
        return plain(*args)

    monkeypatch.setattr(quality, "make_model", slow)
    for clock, sleeps in (("wall", True), ("cpu", False)):
        run = quality.run("made", "old", seed=0, minutes=0.0, clock=clock)
        assert run["clock"] == clock
        assert (run["curve"][0]["seconds"] >= 1) == sleeps


@pytest.mark.usefixtures("small")
def test_the_test_part_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    plain = dm.evaluate

    def spy(model, split, protocol, *args, **more):
        metrics = plain(model, split, protocol, *args, **more)
        asked.append((protocol, metrics.on))
        return metrics

    monkeypatch.setattr(dm, "evaluate", spy)
    quality.run("made", "old", seed=0, minutes=0.0)
    assert asked == [("sampled", "valid"), ("full", "valid")]


@pytest.mark.usefixtures("small")
def test_runs_whose_file_exists_are_skipped(monkeypatch, tmp_path, capsys) -> None:
    words = ["quality.py", "--data", "made", "--out", str(tmp_path), "--threads", "1"]
    monkeypatch.setattr(sys, "argv", words)
    quality.main()
    path = tmp_path / "made-old-seed0.json"
    stored = json.loads(path.read_text("utf-8"))
    assert stored["seed"] == 0
    assert {"command", "settings", "versions", "threads", "cpu"} <= stored.keys()
    before = path.stat().st_mtime_ns
    quality.main()
    assert path.stat().st_mtime_ns == before
    assert "made-old-seed0 exists" in capsys.readouterr().out


def test_the_peer_ranks_as_its_own_recommend(monkeypatch) -> None:
    """In the environment of `make peer`, if pytest is there; `peer.py` asks it too."""
    pytest.importorskip("rectools")
    monkeypatch.syspath_prepend(str(PATH.parent))
    import peer

    world = dm.synthetic.make_world(n_users=60, length=(3, 20), seed=1)
    split = dm.leave_one_out(world.interactions)
    watch = quality.Watch(split)
    known = {**quality.PEER, "session_max_len": 12, "epochs": 1}
    peer.train("SASRecModel", known, watch, seed=0)  # raises where the two differ
    assert len(watch.curve) == 1
    assert draw_negatives(split, "valid").sum() == watch.negatives.sum()
