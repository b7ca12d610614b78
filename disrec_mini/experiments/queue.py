"""A queue of small jobs: each stored at once, none lost, what is done is skipped."""

import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from disrec_mini import locks, signals
from disrec_mini.errors import DisrecError
from disrec_mini.experiments.plans import PLANS, find_job, plan
from disrec_mini.files import remove_leftovers

RESULTS = Path("book/results")
SCRATCH = Path("runs/experiments")

Running = dict[str, tuple["subprocess.Popen[bytes]", float]]  # job -> process, start


def run_experiment(
    name: str,
    *,
    seeds: Sequence[int] | None = None,
    budget: float | None = None,
    n_jobs: int = 1,
    out: Path = RESULTS,
    scratch: Path = SCRATCH,
) -> int:
    """Run what is missing of an experiment, `n_jobs` processes side by side.

    Parameters
    ----------
    seeds : instead of the plan's own. budget : minutes; then the running jobs stop
        and keep their checkpoints, for the next call.

    Returns
    -------
    The number of jobs that failed, or that another process is running. Their messages
    are in `<scratch>/<name>/*.log`.

    Raises
    ------
    KeyboardInterrupt : after the running jobs have stored their checkpoints.
    """
    jobs = plan(name, seeds)
    folder, work = out / name, scratch / name
    remove_leftovers(folder)
    waiting = [j.name for j in jobs if not (folder / f"{j.name}.json").exists()]
    print(f"{name}: {len(jobs)} jobs, {len(waiting)} to do", flush=True)
    work.mkdir(parents=True, exist_ok=True)
    ends = None if budget is None else time.monotonic() + 60 * budget
    running: Running = {}
    failed: list[str] = []
    try:
        while waiting or running:
            over = ends is not None and time.monotonic() >= ends
            if over:
                break
            while waiting and len(running) < n_jobs:
                failed += _begin(running, name, waiting.pop(0), out, scratch)
            time.sleep(0.2)
            failed += _ended(running, folder, work)
    finally:
        for process, _ in running.values():
            process.send_signal(signal.SIGTERM)  # INT may be ignored
        for process, _ in running.values():
            process.wait()
    if waiting or running:
        print(f"stopped with {len(waiting) + len(running)} jobs left; run it again")
    return len(failed)


def _ended(running: Running, folder: Path, work: Path) -> list[str]:
    """Take the jobs that have ended out of `running`; returns those that failed."""
    failed = []
    for job, (process, began) in list(running.items()):
        if process.poll() is None:
            continue
        del running[job]
        done = (folder / f"{job}.json").exists()
        failed += [] if done else [job]
        minutes = (time.monotonic() - began) / 60
        word = "done" if done else f"FAILED, see {work / f'{job}.log'}"
        print(f"{job}: {word} ({minutes:.1f} min)", flush=True)
    return failed


def _begin(
    running: Running, name: str, job: str, out: Path, scratch: Path
) -> list[str]:
    """Start a job; returns it if another process is running it."""
    try:
        locks.check_free(scratch / name / job)  # its log is not ours to overwrite
    except DisrecError as error:
        print(f"{job}: {error}", flush=True)
        return [job]
    running[job] = _start(name, job, out, scratch), time.monotonic()
    return []


def _start(name: str, job: str, out: Path, scratch: Path) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "disrec_mini", "experiment", name, "--job", job]
    command += ["--out", str(out), "--scratch", str(scratch)]
    ours = {"OMP_NUM_THREADS": "1", signals.PARENT: str(os.getpid())}
    with (scratch / name / f"{job}.log").open("wb") as log:
        return subprocess.Popen(
            command,
            stdout=log,
            stderr=subprocess.STDOUT,
            env={**os.environ, **ours},
            start_new_session=True,  # a signal reaches it once, through us
        )


def run_one(name: str, job: str, out: Path = RESULTS, scratch: Path = SCRATCH) -> bool:
    """Run one job here, in this process; True when its result is stored."""
    signals.end_with_parent()
    import torch

    from disrec_mini.experiments.run_job import run_job

    torch.set_num_threads(1)
    wanted = find_job(name, job)
    folder, work = out / name, scratch / name / job
    words = ["python", "-m", "disrec_mini", "experiment", name, "--job", job]
    with locks.alone(work):
        if (folder / f"{job}.json").exists():
            raise DisrecError(
                f"{folder / f'{job}.json'} exists: move it away, or choose another "
                "--out."
            )
        finished = run_job(wanted, folder, work, shlex.join(words))
        if finished:
            shutil.rmtree(work, ignore_errors=True)
    return finished


def describe() -> str:
    """One line an experiment."""
    return "\n".join(f"{name:12} {text}" for name, (_, text) in PLANS.items())
