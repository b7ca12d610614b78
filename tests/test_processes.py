"""Several processes train as one: `torchrun`, what each does, and how they end.

This file is also the script that they run: `python test_processes.py PLAY ...`.
"""

import contextlib
import json
import math
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import disrec_mini as dm
from disrec_mini import cli, dealing, locks, processes
from disrec_mini.recommender import StepLoss
from disrec_mini.synthetic import make_world

SPLIT = dm.leave_one_out(make_world(60, (4, 14), 2, 60, noise=0.1).interactions)
SMALL: dict[str, Any] = {"dim": 8, "n_blocks": 1, "max_len": 10, "groups": 2}
SMALL |= {"group_size": 32, "learning_rate": 0.01, "init_std": 0.1, "n_intents": 3}
REMEDY = {"remedy": True, "remedy_epochs": 1, "item_decay": 0.5, "seq2seq_ramp": 2}
# name: (changes, whether its steps are odd in number)
PLAIN: dict[str, tuple[dict[str, Any], bool]] = {
    "odd": ({"group_size": 28}, True),
    "even": ({}, False),
    "remedy": ({**REMEDY, "group_size": 40}, True),
}
RANDOM = {**REMEDY, "dropout": 0.3, "item_dropout": 0.1, "average": 0.9}
Ended = tuple[int, str, str]  # exit code, output, errors
Run = tuple[Path, list[Ended]]
QUICK = ["--dim", "8", "--blocks", "1", "--max-len", "10", "--device", "cpu"]
QUICK += ["--group-size", "32", "--groups", "2", "--intents", "2"]
QUICK += ["--remedy-epochs", "1"]


def small(**changes: Any) -> dm.DisRec:
    torch.manual_seed(1)
    return dm.DisRec(dm.DisRecConfig(SPLIT.n_items, **{**SMALL, **changes}))


# -- what the processes play -----------------------------------------------------------


def fits(folder: str) -> None:
    """Without dropout, several fits in a row; the weights of every process are kept."""
    rank = os.environ["RANK"]
    for name, (changes, _) in PLAIN.items():
        model = small(dropout=0.0, **changes).double()
        if rank == "1":  # weights come from process 0
            with torch.no_grad():
                [p.fill_(9.0) for p in model.parameters()]
        history = dm.fit(model, SPLIT, epochs=3, validate_every=9, progress=False)
        content = {"weights": model.state_dict(), "epochs": history.epochs}
        torch.save(content, Path(folder) / f"{name}-{rank}.pt")


def note_seed(seeds: list[int], *_: Any) -> None:
    seeds.append(torch.initial_seed())


def resumes(folder: str) -> None:
    """Four epochs at once, and two and two, with everything random there is."""
    for name, epochs in (("whole", [4]), ("parts", [2, 4])):
        seeds: list[int] = []
        for nth, n in enumerate(epochs):
            model, out = small(**RANDOM), Path(folder) / name
            where: dict[str, Any] = {"out": out, "resume": nth > 0, "progress": False}
            seen = partial(note_seed, seeds)
            dm.fit(model, SPLIT, epochs=n, on_epoch=seen, **where)
        content = {"weights": model.state_dict(), "seeds": seeds}
        torch.save(content, Path(folder) / f"{name}-{os.environ['RANK']}.pt")


def shares(folder: str) -> None:
    """A folder that somebody else uses, given to `fit`."""
    try:
        dm.fit(small(), SPLIT, epochs=1, out=folder, resume=True, progress=False)
    except dm.DisrecError as error:
        print(error)


def ends(how: str, who: str, *words: str) -> None:
    """The command line, in which process `who` comes to its end after 5 rounds."""
    after_step, loss, calls = dealing.Dealt.after_step, dealing.Dealt.loss, []

    def watched(self: dealing.Dealt, said: StepLoss) -> None:
        after_step(self, said)
        calls.append(1)
        if len(calls) == 5 and how == "killed":
            print(f"ends at {time.time()}", file=sys.stderr, flush=True)
            os.kill(os.getpid(), signal.SIGKILL)
        if len(calls) == 5 and how == "interrupted":
            os.kill(os.getpid(), signal.SIGINT)

    def broken(self: dealing.Dealt, step: Any, progress: float) -> StepLoss:
        said = loss(self, step, progress)
        return replace(said, total=said.total * (math.nan if len(calls) == 5 else 1))

    if os.environ["RANK"] == who:
        dealing.Dealt.after_step = watched
        if how == "broken":
            dealing.Dealt.loss = broken
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.exit(cli.main(words))


# -- starting them ---------------------------------------------------------------------


def environment() -> dict[str, str]:
    """Ours, with this very package."""
    path = str(Path(dm.__file__).parents[1])
    return {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"}


def together(*commands: Sequence[object]) -> list[Ended]:
    """Exit code, output and errors of each process: what torchrun does, without it."""
    with contextlib.closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        meeting = {
            "MASTER_ADDR": "127.0.0.1",
            "MASTER_PORT": str(free.getsockname()[1]),
        }
    started = []
    for rank, words in enumerate(commands):
        me = {"RANK": str(rank), "WORLD_SIZE": str(len(commands))}
        started.append(
            subprocess.Popen(
                [sys.executable, *map(str, words)],
                env={**environment(), **meeting, **me, "LOCAL_RANK": str(rank)},
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        )
    try:
        said = [process.communicate(timeout=90) for process in started]
    finally:
        for process in started:
            process.kill()
    return [(p.returncode, *texts) for p, texts in zip(started, said, strict=True)]


def both(*words: object) -> list[Ended]:
    return together(words, words)


def sentence(*ended: Ended) -> str:
    """The one line on all screens, after the commands came to nothing."""
    (line,) = "".join(errors for *_, errors in ended).splitlines()
    assert not any(output for _, output, _ in ended)
    assert line.startswith("disrec_mini: ")
    assert line.endswith(".")
    return line.removeprefix("disrec_mini: ")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("processes") / "clicks.txt"
    clicks = make_world(60, (4, 14), 2, 60, noise=0.1).interactions
    lines = [f"{u} {j}\n" for u, row in enumerate(clicks, 1) for j in row.tolist()]
    path.write_text("".join(lines))
    return path


@pytest.fixture(scope="module")
def run(data: Path) -> Run:
    """A finished run of two processes, each with an --out of its own."""
    words = ["-m", "disrec_mini", "train", data, "--epochs", "3", *QUICK, "--out"]
    done = together(*([*words, data.with_name(f"run{rank}")] for rank in (0, 1)))
    return data.with_name("run0"), done


def same(one: dict[str, Any], two: dict[str, Any]) -> bool:
    return one.keys() == two.keys() and all(
        torch.equal(x, two[k]) for k, x in one.items()
    )


# -- as one ----------------------------------------------------------------------------


def by_hand(name: str) -> tuple[dm.DisRec, list[float]]:
    """One process that takes two steps' gradients, and their mean."""
    changes, odd = PLAIN[name]
    model = small(dropout=0.0, **changes).double()
    objective = model.objective(SPLIT.train, 0)
    optimizer, means = objective.optimizer(), []
    for epoch in (1, 2, 3):
        objective.before_epoch(epoch)
        model.train()
        steps, total, n_pairs = list(objective.steps(epoch)), 0.0, 0
        assert len(steps) % 2 == odd
        assert len(steps) > 4
        rounds = [steps[first : first + 2] for first in range(0, len(steps), 2)]
        for nth, few in enumerate(rounds):
            progress = epoch - 1 + nth / len(rounds)
            losses = [objective.loss(step, progress) for step in few]
            optimizer.zero_grad()
            (sum(loss.total for loss in losses) / len(few)).backward()
            optimizer.step()
            total += sum(float(x.means["seq2item"]) * x.n_pairs for x in losses)
            n_pairs += sum(loss.n_pairs for loss in losses)
            if name == "remedy":
                was, moved = model.intentions.z_mean.clone(), []
                for loss in losses:
                    model.intentions.z_mean.copy_(was)
                    objective.after_step(loss)
                    moved.append(model.intentions.z_mean.clone())
                model.intentions.z_mean.copy_(torch.stack(moved).mean(0))
        means.append(total / n_pairs)
    return model, means


@pytest.mark.killing
def test_two_processes_are_one_with_the_mean_of_two_gradients(tmp_path: Path) -> None:
    assert [code for code, *_ in both(__file__, "fits", tmp_path)] == [0, 0]
    for name in PLAIN:
        model, means = by_hand(name)
        for rank in (0, 1):
            found = torch.load(tmp_path / f"{name}-{rank}.pt", weights_only=True)
            assert [e["seq2item"] for e in found["epochs"]] == pytest.approx(
                means, 1e-9
            )
            for key, weight in model.state_dict().items():
                close = {"rtol": 0, "atol": 1e-9, "msg": f"{name} {rank} {key}"}
                torch.testing.assert_close(found["weights"][key], weight, **close)


@pytest.mark.killing
def test_a_resumed_run_ends_as_an_undisturbed_one(tmp_path: Path) -> None:
    assert [code for code, *_ in both(__file__, "resumes", tmp_path)] == [0, 0]
    ended = {p.stem: torch.load(p, weights_only=True) for p in tmp_path.glob("*-*.pt")}
    assert len(ended) == 4
    for name in ("parts-0", "parts-1", "whole-1"):
        assert same(ended["whole-0"]["weights"], ended[name]["weights"]), name
    assert ended["whole-0"]["seeds"] == ended["parts-0"]["seeds"] == [0] * 4
    (other,) = {*ended["whole-1"]["seeds"], *ended["parts-1"]["seeds"]}
    assert other != 0  # dropout differs between processes


@pytest.mark.killing
def test_the_first_process_alone_writes_and_shows(
    run: Run,
) -> None:
    folder, (first, second) = run
    assert first[0] == 0
    assert second == (0, "", "")
    assert not folder.with_name("run1").exists()
    files = {"checkpoint.pt", "model.safetensors", "result.json", "run.json"}
    files |= {"checkpoint.previous.pt", "clicks.npy"}
    assert {path.name for path in folder.iterdir()} == files
    assert "test sampled" in first[1]
    assert "epoch   3  ndcg@10" in first[2]
    assert json.loads((folder / "result.json").read_text())["processes"] == 2


@pytest.mark.killing
def test_what_two_measured_is_what_one_measures(run: Run, data: Path) -> None:
    result = json.loads((run[0] / "result.json").read_text())
    model = dm.DisRec.load(run[0])
    split = dm.leave_one_out(dm.read_interactions(data))
    for part in ("valid", "test"):
        for protocol in ("sampled", "full"):
            found = dm.evaluate(model, split, protocol, part).as_dict()
            assert result[part][protocol] == found
    best = result["history"]["best_epoch"]
    epoch = result["history"]["epochs"][best - 1]
    measured = result["valid"]["sampled"]["ndcg@10"]
    assert epoch["valid"]["ndcg@10"] == pytest.approx(measured, rel=1e-5)


@pytest.mark.parametrize("users", [None, [5, 3, 8, 40, 7], [4, 2]])
def test_users_dealt_out_come_back_in_order(
    users: list[int] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Process 1 of 3 ranks every third, if there are so many."""
    model = small().eval()
    who = np.arange(SPLIT.n_users) if users is None else np.array(users)
    deals = [who[r::3] for r in range(3)]
    parts = [dm.evaluate(model, SPLIT, users=x) if len(x) else None for x in deals]
    said: list[Any] = []
    monkeypatch.setattr(dealing, "world", lambda: 3)
    monkeypatch.setattr(dealing, "rank", lambda: 1)
    monkeypatch.setattr(dealing, "gather", lambda part: said.append(part) or parts)
    whole = dealing.evaluate(model, SPLIT, users=users)
    alone = dm.evaluate(model, SPLIT, users=users)
    assert said[0].users.tolist() == deals[1].tolist()
    for name in ("users", "ranks", "warm"):
        assert getattr(whole, name).tolist() == getattr(alone, name).tolist()
    assert whole.as_dict() == alone.as_dict()
    assert whole.negatives_sha256 == alone.negatives_sha256
    with pytest.raises(dm.DisrecError, match="no user has a valid click"):
        dealing.evaluate(model, SPLIT, users=np.zeros(0, int))


# -- how they end ----------------------------------------------------------------------


def play(how: str, who: int, data: Path, out: Path) -> list[object]:
    words = ["train", data, "--epochs", 3, *QUICK, "--quiet", "--out", out]
    return [__file__, "ends", how, who, *words]


def goes_on(data: Path, out: Path, whole: Path) -> None:
    """The folder's run, resumed by two processes, ends as one that never stopped."""
    assert torch.load(out / "checkpoint.pt", weights_only=True)["history"]["epochs"]
    resume = ["-m", "disrec_mini", "train", data, "--resume", out, "--device", "cpu"]
    assert [code for code, *_ in both(*resume, "--quiet")] == [0, 0]
    one, two = (dm.DisRec.load(folder).state_dict() for folder in (out, whole))
    assert same(one, two)


@pytest.mark.killing
def test_a_killed_process_ends_the_other_with_a_sentence(
    tmp_path: Path, data: Path, run: Run
) -> None:
    out = tmp_path / "run"
    first, second = both(*play("killed", 1, data, out))
    assert time.time() - float(second[2].removeprefix("ends at ")) < 10
    assert (first[0], second[0]) == (2, -signal.SIGKILL)
    assert sentence(first) == processes.GONE
    goes_on(data, out, run[0])


@pytest.mark.killing
def test_without_the_first_one_of_the_others_says_so(
    tmp_path: Path, data: Path
) -> None:
    """Under torchrun itself, which also ends those that are left."""
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--nproc_per_node=3"]
    logs = ["--redirects=3", f"--log-dir={tmp_path / 'logs'}"]
    words = map(str, play("killed", 0, data, tmp_path / "run"))
    command = [*torchrun, *logs, *words]
    done = subprocess.run(command, env=environment(), capture_output=True, timeout=90)
    assert done.returncode != 0
    texts = [path.read_text() for path in (tmp_path / "logs").rglob("std*.log")]
    assert len(texts) == 6
    lines = [x for x in "".join(texts).splitlines() if not x.startswith("ends at ")]
    assert lines == [f"disrec_mini: {processes.GONE}"]


@pytest.mark.killing
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_to_torchrun_says_how_to_go_on(
    number: int, tmp_path: Path, data: Path
) -> None:
    """It passes the signal on: nobody has ended before."""
    out = tmp_path / "run"
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--nproc_per_node=2"]
    logs = ["--redirects=3", f"--log-dir={tmp_path / 'logs'}"]
    words = ["-m", "disrec_mini", "train", data, *QUICK, "--quiet", "--epochs", 10**6]
    command = [*torchrun, *logs, *map(str, [*words, "--out", out])]
    process = subprocess.Popen(
        command, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    ends = time.monotonic() + 60
    while not (out / "checkpoint.previous.pt").exists():
        assert time.monotonic() < ends
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(number)
    process.communicate(timeout=60)
    assert process.returncode != 0
    texts = [path.read_text() for path in (tmp_path / "logs").rglob("std*.log")]
    assert "".join(texts) == f"disrec_mini: go on with --resume {out}\n"


@pytest.mark.killing
def test_an_interrupted_process_stops_the_other(tmp_path: Path, data: Path) -> None:
    out = tmp_path / "run"
    first, second = both(*play("interrupted", 1, data, out))
    assert first == (130, "", f"disrec_mini: go on with --resume {out}\n")
    assert second == (130, "", "")


@pytest.mark.killing
def test_a_loss_that_is_not_finite_ends_all_with_one_sentence(
    tmp_path: Path, data: Path
) -> None:
    ended = both(*play("broken", 1, data, tmp_path / "run"))
    assert [code for code, *_ in ended] == [2, 2]
    assert "the loss is not finite" in sentence(*ended)


@pytest.mark.killing
def test_another_number_of_processes_is_refused(
    tmp_path: Path,
    data: Path,
    run: Run,
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = ["train", str(data), "--device", "cpu", "--quiet"]
    assert cli.main([*words, "--resume", str(run[0])]) == 2
    assert "belongs to a run of 2 processes, not 1: " in capsys.readouterr().err
    alone = str(tmp_path / "alone")
    assert cli.main([*words, *QUICK, "--epochs", "1", "--out", alone]) == 0
    ended = both("-m", "disrec_mini", *words, "--resume", alone, "--epochs", "2")
    assert [code for code, *_ in ended] == [2, 2]
    assert "belongs to a run of 1 processes, not 2: " in sentence(*ended)


@pytest.mark.killing
def test_processes_that_were_told_different_things(tmp_path: Path, data: Path) -> None:
    words = ["-m", "disrec_mini", "train", data, *QUICK, "--quiet", "--epochs"]
    ended = together(*([*words, n, "--out", tmp_path / "run"] for n in (2, 3)))
    assert [code for code, *_ in ended] == [2, 2]
    assert sentence(*ended) == processes.UNLIKE


@pytest.mark.killing
def test_a_folder_in_use_ends_all_with_one_sentence(
    tmp_path: Path, data: Path, run: Run
) -> None:
    resume = ["-m", "disrec_mini", "train", data, "--quiet", "--device", "cpu"]
    with locks.alone(run[0]):
        ended = both(*resume, "--resume", run[0])
        fitted = both(__file__, "shares", run[0])
    wanted = f"{run[0]} is in use by process {os.getpid()}: "
    assert [code for code, *_ in ended] == [2, 2]
    assert sentence(*ended).startswith(wanted)
    assert [code for code, *_ in fitted] == [0, 0]
    assert all(output.startswith(wanted) for _, output, _ in fitted)


@pytest.mark.killing
def test_time_is_over_for_all_after_the_same_step(tmp_path: Path, data: Path) -> None:
    words = ["train", data, *QUICK, "--quiet", "--epochs", 3, "--minutes", 1e-9]
    ended = both("-m", "disrec_mini", *words, "--out", tmp_path / "run")
    assert [code for code, *_ in ended] == [0, 0]
    result = json.loads((tmp_path / "run/result.json").read_text())
    assert (result["stopped_by"], result["epochs"]) == ("minutes", 1)
    assert 0 < result["history"]["epochs"][0]["share"] < 1


@pytest.mark.killing
def test_a_mistake_is_said_once(data: Path) -> None:
    ended = both("-m", "disrec_mini", "train", data, "--dim", "much")
    assert [code for code, *_ in ended] == [2, 2]
    assert "--dim" in sentence(*ended)


def test_only_train_is_for_several(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setattr(processes, "speaks", lambda: True)
    assert cli.main(["data", "list"]) == 2
    assert "torchrun is for `train`" in capsys.readouterr().err


def test_a_process_alone_is_its_own_company(tmp_path: Path) -> None:
    with processes.group():
        assert (processes.rank(), processes.world()) == (0, 1)
        assert processes.gather(5) == [5]
        assert processes.own_seed(7) == 7
        assert processes.device("cpu") == torch.device("cpu")
    model = small()
    objective = model.objective(SPLIT.train, 0)
    assert dealing.deal(objective, model) is objective


if __name__ == "__main__":
    plays = {"fits": fits, "resumes": resumes, "shares": shares, "ends": ends}
    plays[sys.argv[1]](*sys.argv[2:])
