"""A kernel for each submission, asked cell by cell, within limits."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import secrets
import signal
import site
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from grading import processes

INSIDE = Path(__file__).with_name("inside.py").read_text(encoding="utf-8")
PASSED_ON = {"PATH", "LANG", "PYTHONPATH", "VIRTUAL_ENV", "LD_LIBRARY_PATH", "TZ"}
PASSED_ON |= {"SYSTEMROOT", "DISREC_DATA"}  # the first for Windows
START = 60  # seconds for Python to begin, at most
GRACE = 5  # seconds to react to an interrupt
MOST_PROCESSES = 64
stop = threading.Event()  # set by Ctrl-C
running: set[int] = set()  # processes that we have started
starting = threading.Lock()


@dataclass
class Limits:
    timeout: float = 120  # seconds for a cell
    minutes: float = 10  # for a submission, reading included
    memory: float = 8  # GiB, all its processes together
    user: int | None = None  # another user to run as, by number (Linux, as root)


@dataclass
class Cell:
    kind: str  # answer, course, check
    source: str
    model: str = ""  # of a check: the right answer
    functions: list[str] = field(default_factory=list)  # that it checks


@dataclass
class Result:
    error: str = ""
    message: str = ""
    parts: dict[str, list[str]] = field(default_factory=dict)


class DeadError(Exception):
    """The submission's process has ended, or was ended; the message says why."""


class StartError(Exception):
    """There is no kernel; the message says why."""


class TimeUpError(Exception):
    """The submission's minutes are over, or the grader was stopped."""


def run(cells: list[Cell], limits: Limits, until: float) -> dict[int, Result]:
    """{number of a cell: what came of it}; cells never reached lack.

    A cell that ends Python is left out, and the rest runs again without it: the other
    questions count. `until` is in the seconds of `time.monotonic`.
    """
    results: dict[int, Result] = {}
    dead: set[int] = set()
    while True:
        number = 0
        try:
            with started(limits, until) as kernel:
                for number, cell in enumerate(cells):
                    judged = cell.kind == "check" and number in results
                    if not judged and number not in dead:
                        results[number] = kernel.ask(cell)
            return results
        except DeadError as error:
            if str(error) == _epitaph(-9) and cells[number].kind == "check":
                number = _last_answer(cells, number, dead)  # killed, perhaps before
            results[number] = Result("Dead", str(error))
            dead.add(number)
            if cells[number].kind == "course":
                return results
        except TimeUpError as error:
            results.setdefault(number, Result("TimeUp", str(error)))
            return results


def _last_answer(cells: list[Cell], check: int, dead: set[int]) -> int:
    """The answer before a check, unless it is known to be dead: then the check."""
    found = [n for n in range(check) if cells[n].kind == "answer"]
    return found[-1] if found and found[-1] not in dead else check


@contextmanager
def started(limits: Limits, until: float) -> Iterator[Kernel]:
    """A kernel in an empty folder; nothing of it is left afterwards."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        kernel = Kernel(Path(folder), limits, until)
        try:
            kernel.begin()
            yield kernel
        finally:
            kernel.close()


class Kernel:
    """The processes of a submission and the line to its kernel."""

    def __init__(self, folder: Path, limits: Limits, until: float) -> None:
        import zmq
        from jupyter_client.connect import write_connection_file
        from jupyter_client.session import Session

        self.limits, self.until = limits, until
        self.mark, self.secret = f"#{secrets.token_hex(16)}\n", secrets.token_hex(16)
        key, posix = secrets.token_hex(16).encode(), os.name == "posix"
        for name in ("work", "line"):
            (folder / name).mkdir(mode=0o700)
        at = {"transport": "ipc", "ip": str(folder / "line/k")} if posix else {}
        file, self.where = write_connection_file(
            str(folder / "line/c.json"), key=key, **at
        )
        if limits.user is not None:
            for path in (folder, *folder.rglob("*")):
                os.chown(path, limits.user, limits.user)
        self.session = Session(key=key)
        self.socket = zmq.Context.instance().socket(zmq.DEALER)
        self.socket.setsockopt(zmq.LINGER, 0)
        self.socket.setsockopt(zmq.MAXMSGSIZE, 50_000_000)
        with starting:
            self.process = _start(folder, file, limits, self.mark, self.secret)
            running.add(self.process.pid)
        self.watched = 0.0
        self.code: int | None = None
        self.kernel = self.process.pid
        address, port = self.where["ip"], self.where["shell_port"]
        self.socket.connect(
            f"ipc://{address}-{port}" if posix else f"tcp://{address}:{port}"
        )

    def begin(self) -> None:
        try:
            self._ask("kernel_info_request", {}, START)
        except DeadError as error:
            raise StartError(f"Python did not start: {error}") from None

    def ask(self, cell: Cell) -> Result:
        """Run a cell.

        Raises
        ------
        DeadError
            The process ended.
        TimeUpError
            The submission's minutes are over.
        """
        code = cell.source
        if cell.kind != "answer":
            code = self.mark + json.dumps(vars(cell))
        content = {
            "code": code,
            "silent": cell.kind != "answer",
            "store_history": cell.kind == "answer",
            "allow_stdin": False,
            "stop_on_error": False,
        }
        reply, late = self._ask("execute_request", content, self.limits.timeout)
        if late:  # what it started must not be taken for the next cell's
            mine = {self.process.pid, self.kernel}
            for process in processes.below(self.process.pid) - mine:
                processes.kill(process)
            return Result("Late", "")
        if cell.kind == "answer":
            time.sleep(0.02)  # a signal that it sent may still be under way
            if self._ended() is not None:
                raise DeadError(_epitaph(self.code))
            good = reply.get("status") == "ok"
            name, text = reply.get("ename"), str(reply.get("evalue", ""))
            return Result() if good else Result(str(name or "Error"), text[:2000])
        return self._proven(reply, code)

    def _proven(self, reply: dict[str, Any], code: str) -> Result:
        """What a course's cell says, if the reply was made by it, to this request."""
        body = str(reply.get("body", ""))
        proof = hmac.digest(self.secret.encode(), body.encode(), "sha256").hex()
        if hmac.compare_digest(proof.encode(), str(reply.get("proof", "")).encode()):
            found = json.loads(body)
            if found.pop("asked") == hashlib.sha256(code.encode()).hexdigest():
                return Result(**found)
        return Result("Forged", "")

    def _ask(
        self, kind: str, content: dict[str, Any], seconds: float
    ) -> tuple[dict[str, Any], bool]:
        """The reply, and whether it had to be interrupted."""
        message = self.session.send(self.socket, kind, content)
        asked = message["header"]["msg_id"]
        late, interrupt = False, time.monotonic() + seconds
        while True:
            if self.socket.poll(100):
                reply = self._receive()
                if reply.get("parent_header", {}).get("msg_id") == asked:
                    return reply["content"], late
            now = time.monotonic()
            self._watch(now)
            if now > interrupt + GRACE:
                raise DeadError(
                    "took too long and could not be interrupted: is there a loop that "
                    "never ends and catches every exception?"
                )
            if now > interrupt and kind == "execute_request":
                late = True
                self._interrupt()

    def _receive(self) -> dict[str, Any]:
        try:
            return self.session.recv(self.socket, 0)[1] or {}
        except Exception:  # not a message of the protocol: the submission made it
            return {}

    def _interrupt(self) -> None:
        if os.name == "posix":
            with suppress(OSError):
                os.killpg(self.process.pid, signal.SIGINT)
            time.sleep(0.4)

    def _watch(self, now: float) -> None:
        """Raise if the process is dead, uses too much, or its time is over."""
        if now < self.watched + 0.2:
            return
        self.watched = now
        if stop.is_set():
            raise TimeUpError("the grader was stopped.")
        if self._ended() is not None:
            raise DeadError(_epitaph(self._ended()))
        if now > self.until:
            raise TimeUpError(
                f"took too long: the {self.limits.minutes:g} minutes of a submission "
                "were over."
            )
        group = processes.below(self.process.pid)
        if len(group) > MOST_PROCESSES:
            raise DeadError(f"started more than {MOST_PROCESSES} processes.")
        if processes.memory(group) > self.limits.memory * 2**30:
            raise DeadError(
                f"used more memory than its limit of {self.limits.memory:g} GiB."
            )

    def _ended(self) -> int | None:
        """The kernel's exit code, once it has one."""
        if self.code is None:
            assert self.process.stdout
            if os.name == "posix":
                os.set_blocking(self.process.stdout.fileno(), False)
                said = self.process.stdout.read() or b""
            else:
                said = b""
            words = said.split()
            if b"kernel" in words:
                self.kernel = int(words[words.index(b"kernel") + 1])
            if b"ended" in words:
                self.code = int(words[words.index(b"ended") + 1])
            elif self.process.poll() is not None:
                self.code = self.process.returncode
        return self.code

    def close(self) -> None:
        processes.end(self.process, self.mark[1:9])
        running.discard(self.process.pid)
        assert self.process.stdout
        self.process.stdout.close()
        self.socket.close()


def _start(
    folder: Path, file: str, limits: Limits, mark: str, secret: str
) -> subprocess.Popen[bytes]:
    """Python in an empty folder, with little of our environment."""
    own = limits.user is not None
    words = [int(limits.memory * 2**30), int(60 * limits.minutes) + 5]
    words += [MOST_PROCESSES * 4 if own else 0]
    kept = {k: v for k, v in os.environ.items() if k in PASSED_ON or k[:3] == "LC_"}
    home = str(folder / "work")
    environment = kept | {
        processes.MARK: mark[1:9],
        "HOME": home,
        "TMPDIR": home,
        "IPYTHONDIR": str(folder / "line"),
        "JUPYTER_CONFIG_DIR": str(folder / "line"),
        "PYTHONUSERBASE": site.getuserbase(),
        "OMP_NUM_THREADS": "1",
        "MPLBACKEND": "agg",
    }
    process = subprocess.Popen(
        [sys.executable, "-c", INSIDE, *map(str, words), file],
        cwd=home,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        **({"user": limits.user, "group": limits.user} if own else {}),
        **({"extra_groups": []} if own else {}),
    )
    assert process.stdin
    process.stdin.write(f"{mark} {secret}".encode())
    process.stdin.close()
    return process


def end_strays() -> None:
    """Kill orphans that got away from their submission's own processes."""
    with starting:
        processes.end_strays(running)


def _epitaph(code: int | None) -> str:
    if code is not None and code < 0:
        try:
            name = signal.Signals(-code).name
        except ValueError:
            name = f"signal {-code}"
        if name == "SIGXCPU":
            return "took too long: Python was ended at its limit of computing time."
        return f"Python died in this cell ({name}; a crash, or out of memory)."
    return "this cell ended Python (exit, os._exit or the like)."
