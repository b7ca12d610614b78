"""Runs that meet, stop, or find no room: one sentence, and nothing lost."""

import errno
import json
import os
import signal
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import disrec_mini as dm
from disrec_mini import cli, files, locks, model_files
from disrec_mini.experiments import queue, report, run_job
from disrec_mini.experiments.job import Job
from disrec_mini.synthetic import make_world

CLICKS = make_world(60, (4, 14), 2, 60, noise=0.1).interactions
SPLIT = dm.leave_one_out(CLICKS)
QUICK = ["--dim", "8", "--blocks", "1", "--max-len", "10", "--quiet", "--device", "cpu"]
QUICK += ["--group-size", "32", "--groups", "2", "--learning-rate", "0.01"]
COMMAND = [sys.executable, "-m", "disrec_mini"]
LONG = ["--epochs", "100000"]  # until somebody stops it


def tiny(**changes: Any) -> dm.DisRec:
    torch.manual_seed(1)
    settings: dict[str, Any] = {"dim": 8, "n_blocks": 1, "max_len": 10, "groups": 2}
    settings |= {"group_size": 32, "n_intents": 3, "dropout": 0.3, "average": 0.9}
    return dm.DisRec(dm.DisRecConfig(SPLIT.n_items, **{**settings, **changes}))


def fit(out: Path, **changes: Any) -> tuple[dm.DisRec, dm.History]:
    model = tiny()
    given = {"epochs": 3, "progress": False, "device": "cpu", "out": out, **changes}
    return model, dm.fit(model, SPLIT, **given)


def same(one: dm.DisRec, two: dm.DisRec) -> bool:
    a, b = one.state_dict(), two.state_dict()
    return all(torch.equal(a[name], b[name]) for name in a)


def refused(what: Callable[[], object]) -> str:
    """The one sentence that it raises."""
    with pytest.raises(dm.DisrecError) as caught:
        what()
    assert "\n" not in str(caught.value)
    assert str(caught.value).endswith(".")
    return str(caught.value)


def until(happened: Callable[[], object], seconds: float = 60) -> None:
    ends = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < ends, "it never happened"
        time.sleep(0.02)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    path = tmp_path / "clicks.txt"
    lines = [f"{u} {j}\n" for u, row in enumerate(CLICKS, 1) for j in row.tolist()]
    path.write_text("".join(lines))
    return path


Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start() -> Iterator[Start]:
    """Start a command; what is still alive at the end of the test is killed."""
    started = []

    def begin(*words: object, **more: Any) -> "subprocess.Popen[str]":
        process = subprocess.Popen(
            [*COMMAND, *map(str, words)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            start_new_session=True,
            # a shell starts background jobs with Ctrl-C ignored; children inherit that
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
            **more,
        )
        started.append(process)
        return process

    yield begin
    for process in started:
        process.kill()
        process.communicate()


def said(process: "subprocess.Popen[str]") -> tuple[int, str]:
    """Exit code, and the one line on its screen."""
    _, errors = process.communicate(timeout=60)
    assert errors.startswith("disrec_mini: "), errors
    assert errors.count("\n") == 1, errors
    return process.returncode, errors.removeprefix("disrec_mini: ").strip()


def trains(folder: Path) -> Callable[[], bool]:
    """Whether a run there has come to its second checkpoint."""
    return (folder / "checkpoint.previous.pt").exists


# -- one at a time ---------------------------------------------------------------------


def test_a_lock_is_for_one_and_ends_with_it(tmp_path: Path) -> None:
    folder, found = tmp_path / "run", []
    locks.check_free(folder)
    with locks.alone(folder):
        with locks.alone(folder):  # whoever has it may enter again
            assert int((folder / "lock").read_text()) == os.getpid()

        def other() -> None:
            try:
                with locks.alone(folder):
                    found.append("both")
            except dm.DisrecError as error:
                found.append(str(error))

        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
        sentence = refused(lambda: locks.check_free(folder))
        assert found == [sentence]
        assert f"{folder} is in use by process {os.getpid()}: wait" in sentence
    assert list(folder.iterdir()) == []
    (folder / "lock").write_text("12345\n")  # of one that was killed
    locks.check_free(folder)
    with locks.alone(folder):
        assert int((folder / "lock").read_text()) == os.getpid()


def test_a_lock_where_there_are_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fcntl = pytest.importorskip("fcntl")

    def no_locks(*_: Any) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(fcntl, "flock", no_locks)
    with locks.alone(tmp_path):
        locks.check_free(tmp_path)
    (tmp_path / "file").write_text("")
    assert "Cannot write" in refused(lambda: locks.alone(tmp_path / "file").__enter__())


@pytest.mark.killing
def test_two_trainings_never_share_a_folder(
    tmp_path: Path, data: Path, start: Start
) -> None:
    out = tmp_path / "run"
    first = start("train", data, *QUICK, *LONG, "--out", out)
    until((out / "checkpoint.pt").exists)
    wanted = f"{out} is in use by process {first.pid}: wait"
    second = start("train", data, *QUICK, "--out", out)
    third = start("train", data, "--resume", out, "--quiet")
    for process in (second, third):
        code, sentence = said(process)
        assert code == 2
        assert sentence.startswith(wanted)
    for resume in (True, False):
        assert wanted in refused(lambda r=resume: fit(out, resume=r))
    assert first.poll() is None
    first.kill()  # kill -9: free at once
    first.wait()
    locks.check_free(out)
    with locks.alone(out):
        pass


@pytest.mark.killing
def test_two_queues_do_not_run_one_job_twice(tmp_path: Path) -> None:
    where = {"out": tmp_path / "r", "scratch": tmp_path / "s"}
    log = tmp_path / "s/smoke/plain-seed3.log"
    with locks.alone(tmp_path / "s/smoke/plain-seed3"):
        log.write_text("of the other")
        assert queue.run_experiment("smoke", seeds=[3], **where) == 1
    assert log.read_text() == "of the other"
    assert [p.stem for p in (tmp_path / "r/smoke").glob("*.json")] == ["noisy-seed3"]
    assert queue.run_experiment("smoke", seeds=[3], **where) == 0


# -- a folder that is in use already ---------------------------------------------------


def test_a_cell_that_is_run_twice_overwrites_nothing(tmp_path: Path) -> None:
    fit(tmp_path, epochs=1)
    before = (tmp_path / "checkpoint.pt").read_bytes()
    assert "already holds a run: go on with resume=True" in refused(
        lambda: fit(tmp_path)
    )
    assert (tmp_path / "checkpoint.pt").read_bytes() == before
    assert len(fit(tmp_path, resume=True)[1].epochs) == 3


# -- signals ---------------------------------------------------------------------------


@pytest.mark.killing
@pytest.mark.parametrize(
    ("numbers", "code"),
    [
        ([signal.SIGTERM], 143),
        ([signal.SIGHUP], 129),
        ([signal.SIGINT, signal.SIGINT], 130),
        ([signal.SIGINT, signal.SIGTERM, signal.SIGHUP], 130),
    ],
)
def test_a_signal_keeps_the_checkpoint_and_says_how_to_go_on(
    numbers: list[int], code: int, tmp_path: Path, data: Path, start: Start
) -> None:
    out = tmp_path / "run"
    process = start("train", data, *QUICK, *LONG, "--out", out)
    until((out / "checkpoint.pt").exists)
    time.sleep(0.5)
    for number in numbers:
        process.send_signal(number)
        time.sleep(0.005)
    assert said(process) == (code, f"go on with --resume {out}")
    assert torch.load(out / "checkpoint.pt", weights_only=True)["history"]["epochs"]
    assert {p.name for p in out.glob("*")} >= {"checkpoint.pt", "run.json"}
    assert not (out / "lock").exists()


@pytest.mark.killing
def test_what_is_ignored_stays_ignored(
    tmp_path: Path, data: Path, start: Start
) -> None:
    """As under nohup."""
    out, handler = tmp_path / "run", signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        process = start("train", data, *QUICK, "--epochs", 40, "--out", out)
    finally:
        signal.signal(signal.SIGHUP, handler)
    until((out / "checkpoint.pt").exists)
    process.send_signal(signal.SIGHUP)
    process.communicate(timeout=60)
    assert process.returncode == 0


@pytest.mark.killing
def test_ctrl_c_twice_while_a_checkpoint_is_written(tmp_path: Path, data: Path) -> None:
    """In the middle of a file that torch writes, where it hides what went wrong."""
    out = tmp_path / "run"
    script = (
        "import os, signal, sys\nimport torch\nfrom disrec_mini import cli, files\n"
        "write, calls = files._Watched.write, []\n"
        "def interrupted(self, data):\n"
        "    calls.append(1)\n"
        "    if len(calls) in (500, 501):\n"
        "        os.kill(os.getpid(), signal.SIGINT)\n"
        "    return write(self, data)\n"
        "files._Watched.write = interrupted\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "sys.exit(cli.main(sys.argv[1:]))"
    )
    words = ["train", str(data), *QUICK, *LONG, "--out", str(out)]
    done = subprocess.run(
        [sys.executable, "-c", script, *words], capture_output=True, text=True
    )
    assert done.stderr == f"disrec_mini: go on with --resume {out}\n"
    assert done.returncode == 130
    assert not list(out.glob(".*"))
    torch.load(out / "checkpoint.pt", weights_only=True)


@pytest.mark.killing
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_a_queue_takes_its_jobs_with_it(
    number: int, tmp_path: Path, start: Start
) -> None:
    words = ["--seeds", "0", "--jobs", "2", "--out", tmp_path / "r"]
    process = start("experiment", "smoke", *words, "--scratch", tmp_path / "s")
    work = tmp_path / "s/smoke"

    def jobs() -> list[str]:
        command = ["ps", "-A", "-ww", "-o", "args"]
        listed = subprocess.run(command, capture_output=True, text=True, check=True)
        return [x for x in listed.stdout.splitlines() if str(tmp_path / "s") in x]

    until(lambda: len(list(work.glob("*/lock"))) == 2)
    assert len(jobs()) == 3
    process.send_signal(number)
    if number == signal.SIGKILL:
        assert process.wait(60) == -signal.SIGKILL
        until(lambda: not jobs(), 5)
    else:
        assert said(process) == (128 + number, "interrupted.")
        assert not jobs()
    again = {"out": tmp_path / "r", "scratch": tmp_path / "s"}
    # a killed process leaves the list before the kernel has freed its locks
    until(lambda: queue.run_experiment("smoke", seeds=[0], n_jobs=2, **again) == 0)


# -- no room ---------------------------------------------------------------------------


class Full:
    """A disk with room for so many bytes."""

    def __init__(self, file: Any, room: int, number: int = errno.ENOSPC) -> None:
        self.file, self.room, self.number = file, room, number

    def __getattr__(self, name: str) -> Any:
        return getattr(self.file, name)

    def __enter__(self) -> "Full":
        return self

    def __exit__(self, *_: object) -> None:
        self.file.close()

    def write(self, data: Any) -> int:
        self.room -= len(data)
        if self.room < 0:
            raise OSError(self.number, os.strerror(self.number))
        return int(self.file.write(data))


@pytest.mark.parametrize("room", [0, 100, 5_000, 40_000])
@pytest.mark.parametrize(
    ("number", "advice"),
    [
        (errno.ENOSPC, "the disk is full (No space left on device); free some space"),
        (errno.EDQUOT, "the disk is full"),
        (errno.EFBIG, "File too large; raise the limit on the size of files"),
        (errno.EIO, "Input/output error; look after the disk"),
        (errno.EROFS, "Read-only file system; choose a folder"),
    ],
)
def test_a_full_disk_is_a_sentence_and_the_old_file_stays(
    room: int, number: int, advice: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fit(tmp_path, epochs=1)
    path = tmp_path / "checkpoint.pt"
    before, names = path.read_bytes(), {p.name for p in tmp_path.iterdir()}
    opened = Path.open
    monkeypatch.setattr(
        Path, "open", lambda self, mode: Full(opened(self, mode), room, number)
    )
    for write in (
        lambda: fit(tmp_path, resume=True),
        lambda: files.write_torch(path, {"x": torch.zeros(50_000)}),
        lambda: files.write_json_atomic(path, ["x" * 50_000]),
    ):
        found = refused(write)
        assert found.startswith(f"Cannot write {path}: ")
        assert advice in found
        assert path.read_bytes() == before
        assert {p.name for p in tmp_path.iterdir()} == names


@pytest.mark.killing
def test_a_limit_on_the_size_of_files_met_by_torch(tmp_path: Path, data: Path) -> None:
    """A real failure of the system's, in a checkpoint of some MB."""
    out = tmp_path / "run"
    script = (
        "import resource, signal, sys\nfrom disrec_mini import cli\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]),) * 2)\n"
        "sys.exit(cli.main(sys.argv[2:]))"
    )
    words = ["train", str(data), *QUICK, "--dim", "256", "--epochs", "2"]

    def limited(room: int, *more: str) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-c", script, str(room), *words, *more]
        return subprocess.run(command, capture_output=True, text=True)

    first = limited(2**20, "--out", str(out))  # not even the first one fits
    assert (first.returncode, first.stdout) == (2, "")
    wanted = f"disrec_mini: Cannot write {out / 'checkpoint.pt'}: File too large; "
    assert first.stderr.startswith(wanted)
    assert first.stderr.count("\n") == 1
    assert sorted(p.name for p in out.iterdir()) == ["clicks.npy", "run.json"]
    words = ["train", str(data), "--quiet"]
    assert limited(2**30, "--resume", str(out)).returncode == 0
    before = (out / "checkpoint.pt").read_bytes()
    assert len(before) > 3 * 2**20
    again = limited(len(before) - 9, "--resume", str(out), "--epochs", "3")
    assert (again.returncode, again.stderr.count("\n")) == (2, 1)
    assert again.stderr.startswith(wanted)
    assert (out / "checkpoint.pt").read_bytes() == before
    assert not list(out.glob(".*"))


# -- checkpoints -----------------------------------------------------------------------


def test_a_damaged_checkpoint_names_the_one_before_it(tmp_path: Path) -> None:
    whole = fit(tmp_path / "whole")[0]
    out = tmp_path / "run"
    fit(out, epochs=2)
    path, previous = out / "checkpoint.pt", out / "checkpoint.previous.pt"
    sound = path.read_bytes()
    middle = bytearray(sound)
    middle[len(sound) // 2] ^= 1  # one bit, which torch alone would not notice
    for broken in (bytes(middle), sound[:-1000], b"", None):
        path.unlink()
        if broken is not None:
            path.write_bytes(broken)
        found = refused(lambda: fit(out, resume=True))
        wanted = "is damaged" if broken is not None else "does not exist"
        assert found.startswith(f"{path} {wanted}")
        assert "rename checkpoint.previous.pt to checkpoint.pt." in found
        assert "already holds a run" in refused(lambda: fit(out))
        path.touch()
    epochs = [torch.load(p, weights_only=True)["history"]["epochs"] for p in [previous]]
    assert len(epochs[0]) == 1
    previous.rename(path)
    assert same(whole, fit(out, resume=True)[0])


def test_without_second_names_there_is_no_previous_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cannot(*_: Any) -> None:
        raise OSError(errno.EPERM, "no links")

    monkeypatch.setattr(os, "link", cannot)
    fit(tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["checkpoint.pt"]


def test_a_small_file_that_claims_much_takes_no_memory(tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    tiny().save(path)
    content = {**model_files.read_model(path), "format": model_files.OLD_FORMAT}
    torch.save(content, path)
    config = {**content["config"], "n_items": 10**8, "dim": 64}
    table = torch.zeros(1).expand(10**8 + 1, 64)
    name = "encoder.item_embedding.weight"
    packed = tmp_path / "packed.pt"
    with (
        zipfile.ZipFile(path) as old,
        zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for part in old.namelist():
            new.writestr(part, bytes(10**7) if "/data/0" in part else old.read(part))
    assert "is damaged" in refused(lambda: dm.Recommender.load(packed))
    for weights in (content["weights"], {**content["weights"], name: table}):
        torch.save({**content, "config": config, "weights": weights}, path)
        found = refused(lambda: dm.Recommender.load(path))
        assert "is damaged: it claims 100,000,000 items" in found
    about = {**content, "config": config, "weights": None}
    about["format"] = model_files.FORMAT
    model_files.write_model(path, about, content["weights"])
    found = refused(lambda: dm.Recommender.load(path))
    assert "is damaged: it claims 100,000,000 items" in found


def test_fewer_epochs_than_there_are(
    tmp_path: Path, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    words = ["train", str(data), *QUICK, "--epochs", "3", "--out", str(out)]
    assert cli.main(words) == 0
    before = {p.name: p.read_bytes() for p in out.iterdir()}
    capsys.readouterr()
    resume = ["train", str(data), "--quiet", "--resume", str(out), "--epochs"]
    assert cli.main([*resume, "2"]) == 2
    wanted = "has 3 epochs already, not 2: give it 3 or more to go on."
    assert capsys.readouterr().err == f"disrec_mini: the run in {out} {wanted}\n"
    assert {p.name: p.read_bytes() for p in out.iterdir()} == before
    fit(tmp_path / "fit")
    found = refused(lambda: fit(tmp_path / "fit", epochs=2, resume=True))
    assert "has 3 epochs already, not 2" in found
    assert cli.main([*resume, "3"]) == 0


def test_another_number_of_threads_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    n = torch.get_num_threads()
    fit(tmp_path, epochs=1)
    fit(tmp_path, epochs=2, resume=True)
    assert capsys.readouterr().err == ""
    torch.set_num_threads(n + 1)
    try:
        fit(tmp_path, epochs=3, resume=True)
    finally:
        torch.set_num_threads(n)
    assert capsys.readouterr().err == (
        f"disrec_mini: the checkpoint is of {n} threads and this is {n + 1}: results "
        "may differ in the last digits\n"
    )


# -- damaged files ---------------------------------------------------------------------


def test_damaged_and_copied_results_are_sentences(tmp_path: Path) -> None:
    world = {"n_users": 40, "length": 12, "items_per_intent": 10, "chain": 10}
    job = Job("plain-seed0", world, model="pop", base="paper", epochs=1)
    folder = tmp_path / "smoke"
    assert run_job.run_job(job, folder, tmp_path / "work", "the command")
    path, ranks = folder / "plain-seed0.json", folder / "plain-seed0.npz"
    made = report.report("smoke", tmp_path)
    assert made["settings"]["plain"]["seeds"] == [0]

    def refuses() -> str:
        return refused(lambda: report.report("smoke", tmp_path))

    copy = folder / "plain-seed0 (copy).json"
    copy.write_bytes(path.read_bytes())
    assert "holds the job plain-seed0 more than once" in refuses()
    copy.unlink()
    sound = path.read_bytes()
    lost = json.loads(sound)
    del lost["job"]["name"]
    lost = json.dumps(lost).encode()
    for text in (b"", sound[:500], b"[1]", b"{}", b"\xff\xfe", lost):
        path.write_bytes(text)
        assert refuses().startswith(f"{path} is damaged or not of an experiment: ")
    path.write_bytes(sound)
    arrays = ranks.read_bytes()
    middle = bytearray(arrays)
    middle[len(arrays) // 3] ^= 255
    for broken in (b"", b"hello", arrays[:200], bytes(middle)):
        ranks.write_bytes(broken)
        assert refuses().startswith(f"{ranks} is damaged")
    np.savez(ranks, warm=np.zeros(3))
    assert refuses().startswith(f"{ranks} is damaged")
    ranks.write_bytes(arrays)
    assert report.report("smoke", tmp_path) == made


def test_a_damaged_run_file_is_a_sentence(
    tmp_path: Path, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tiny().save(tmp_path / "model.safetensors")
    sound = {"data": str(data), "format": "auto", "seed": 0, "epochs": 3}
    sound |= {"validate_every": 1, "patience": None, "settings": {"dim": 8}}
    for change in (
        {"data": 5},
        {"format": ["auto"]},
        {"seed": "one"},
        {"epochs": "3"},
        {"validate_every": None},
        {"patience": True},
        {"model": "nothing"},
        {"settings": None},
        {"exclude_seen": "no"},
    ):
        (tmp_path / "run.json").write_text(json.dumps({**sound, **change}))
        for words in (
            ["evaluate", "--model", str(tmp_path)],
            ["recommend", "--model", str(tmp_path), "--user", "1"],
            ["train", str(data), "--resume", str(tmp_path)],
        ):
            assert cli.main(words) == 2, (change, words)
            shown = capsys.readouterr()
            assert shown.out == ""
            assert "run.json is missing, damaged or not of a run." in shown.err
            assert shown.err.count("\n") == 1
