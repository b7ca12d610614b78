"""In the submission's own process: a guard, and an IPython kernel that checks.

`running` hands this file to `python -c` with its arguments, so that no path leads from
here to the originals. It is not imported, but by tests.
"""

from __future__ import annotations

import ast
import builtins
import contextlib
import ctypes
import hashlib
import hmac
import json
import os
import signal
import sys
import time
from typing import Any

CHECK = "<check>"  # the file name of what the course itself runs
# what leads from an answer to the frame that calls it, and to the expected values
FRAMES = {"sys._getframe", "sys._current_frames", "sys.settrace", "sys.setprofile"}
FRAMES |= {"gc.get_objects", "gc.get_referrers", "gc.get_referents"}
OF_FRAMES = {"tb_frame", "gi_frame", "cr_frame", "ag_frame"}


def limit(memory: int, seconds: int, processes: int) -> None:
    """Limits for each process; a stricter limit of the machine stays."""
    try:
        import resource
    except ImportError:  # Windows
        return
    wanted = {"AS": memory, "CPU": seconds, "FSIZE": 2**28, "CORE": 0}
    if processes:  # counted for the user, so only where the user is nobody else
        wanted["NPROC"] = processes
    for name, value in wanted.items():
        kind = getattr(resource, f"RLIMIT_{name}", None)
        if kind is None:
            continue
        hard = resource.getrlimit(kind)[1]
        if hard != resource.RLIM_INFINITY:
            value = min(value, hard)
        resource.setrlimit(kind, (value, value))


def stand_guard() -> None:
    """Fork. The child goes on as the kernel; the parent adopts what it leaves behind.

    The parent writes the kernel's number, later its exit code, and waits to be killed.
    Until then all that the submission started, however detached, is below it (Linux).
    """
    if not hasattr(os, "fork"):
        return
    with contextlib.suppress(AttributeError, OSError):  # PR_SET_CHILD_SUBREAPER
        ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    grader, kernel = os.getppid(), os.fork()
    if not kernel:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return
    os.write(1, b"kernel %d\n" % kernel)
    while os.getppid() == grader:
        try:
            process, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            process = 0
        if process and process == kernel:
            os.write(1, b"ended %d\n" % os.waitstatus_to_exitcode(status))
        elif not process:
            time.sleep(0.05)
    os.killpg(0, signal.SIGKILL)


class Guard:
    """What a check needs as the course made it, whatever answers have done to it."""

    def __init__(self) -> None:
        self.checking = False
        self.names: dict[str, Any] = {}  # defined by the course's own cells
        self.kept: dict[int, tuple[Any, dict[str, Any]]] = {}
        self.keep(builtins)
        roots = {sys.prefix, sys.base_prefix, *filter(None, sys.path)}
        self.roots = ("<frozen ", CHECK, *roots)
        self.tools = {f"{name}.py" for name in ("inspect", "traceback")}
        frame, asking = sys._getframe, [False]

        def hook(event: str, words: tuple[Any, ...]) -> None:
            if not self.checking or asking[0]:
                return
            if event not in FRAMES and not (
                event == "object.__getattr__" and words[1] in OF_FRAMES
            ):
                return
            asking[0] = True
            try:
                self.refuse(frame(1))
            finally:
                asking[0] = False

        sys.addaudithook(hook)

    def refuse(self, frame: Any) -> None:
        """Raise if an answer, not a library, asks for frames during a check."""
        while frame and os.path.basename(frame.f_code.co_filename) in self.tools:
            frame = frame.f_back
        if frame and not frame.f_code.co_filename.startswith(self.roots):
            raise RuntimeError("a check's frames are not at hand in an answer")

    def keep(self, owner: Any) -> None:
        if id(owner) not in self.kept:
            kept = {k: v for k, v in vars(owner).items() if callable(v)}
            self.kept[id(owner)] = owner, kept

    def trust(self, before: dict[str, Any], after: dict[str, Any]) -> None:
        """Remember the names that a cell of the course made, and their modules."""
        self.names |= {
            k: v
            for k, v in after.items()
            if not k.startswith("__") and (k not in before or before[k] is not v)
        }
        module = type(sys)
        for value in [v for v in self.names.values() if isinstance(v, module)]:
            self.keep(value)
        for name, value in list(sys.modules.items()):
            if name.split(".")[0] == "disrec_mini" and isinstance(value, module):
                self.keep(value)
        if "torch" in sys.modules:
            self.keep(sys.modules["torch"].Tensor)

    def put_back(self) -> None:
        """The functions of the modules that the course's cells use, as they were."""
        for owner, kept in self.kept.values():
            now = vars(owner)
            for name, value in kept.items():
                if now.get(name) is not value:
                    setattr(owner, name, value)

    def run(self, source: Any, names: dict[str, Any]) -> tuple[str, str]:
        """("", ""), or the error's name and message."""
        try:
            exec(source, names)
        except BaseException as error:
            try:
                return type(error).__name__, str(error)[:2000]
            except BaseException:
                return type(error).__name__, ""
        return "", ""

    def replace(self, source: str, names: dict[str, Any], mine: dict[str, Any]) -> None:
        """What a check cell defines under an answer's name takes its place, for the
        other answers, too: a slip in one question costs nothing in the next."""
        defs = [x for x in ast.parse(source).body if isinstance(x, ast.FunctionDef)]
        defs = [x for x in defs if x.name in mine]
        self.run(compile(ast.Module(defs, []), CHECK, "exec"), names)  # type: ignore
        mine.update({x.name: names[x.name] for x in defs})

    def check(self, task: dict[str, Any], mine: dict[str, Any]) -> dict[str, Any]:
        """Run a check cell; if it fails, once for each function of several.

        There the other functions are the model answer's, so that one slip does not
        cost the points of all.
        """
        code = compile(task["source"], CHECK, "exec")
        names = {**mine, **self.names}
        self.replace(task["source"], names, mine)
        before = dict(names)
        error, message = self.run(code, names)
        new = {k: v for k, v in names.items() if before.get(k, self) is not v}
        found: dict[str, Any] = {"error": error, "message": message, "parts": {}}
        if error and len(task["functions"]) > 1 and error != "KeyboardInterrupt":
            model = dict(self.names)
            self.run(compile(task["model"], CHECK, "exec"), model)
            for name in task["functions"]:
                others = {f: model[f] for f in task["functions"] if f != name}
                self.put_back()
                part = self.run(code, {**mine, **self.names, **others})
                found["parts"][name] = part
        new.pop("__builtins__", None)
        mine.update(new)  # as it would be in a notebook
        return found


def kernel_class(mark: str, secret: bytes) -> Any:
    """An IPython kernel that runs the course's cells itself.

    Such a cell comes as `mark` and a JSON object. It meets none of the transformers,
    handlers and replaced functions that an answer may have left; the answers' own cells
    run as in any notebook. The reply carries a proof that it was made here.
    """
    from ipykernel.ipkernel import IPythonKernel
    from IPython.core.inputtransformer2 import TransformerManager

    guard, sha, loads, dumps = Guard(), hashlib.sha256, json.loads, json.dumps
    digest, transform = hmac.digest, TransformerManager().transform_cell

    def course_cell(task: dict[str, Any], mine: dict[str, Any]) -> dict[str, Any]:
        guard.put_back()
        if task["kind"] == "check":
            guard.checking = True
            try:
                return guard.check(task, mine)
            finally:
                guard.checking = False
        before = dict(mine)
        error = guard.run(compile(transform(task["source"]), CHECK, "exec"), mine)
        guard.trust(before, mine)
        return {"error": error[0], "message": error[1], "parts": {}}

    class Kernel(IPythonKernel):  # type: ignore[misc]
        async def do_execute(self, code: str, *words: Any, **named: Any) -> Any:
            if not code.startswith(mark):
                try:
                    return await super().do_execute(code, *words, **named)
                except Exception as error:  # the shell itself was replaced
                    said = {"ename": type(error).__name__, "evalue": str(error)}
                    return {"status": "error", "traceback": [], **said}
            self.get_parent("shell")["content"]["code"] = ""  # not for answers to read
            found = course_cell(loads(code[len(mark) :]), self.shell.user_ns)
            body = dumps(found | {"asked": sha(code.encode()).hexdigest()})
            proof = digest(secret, body.encode(), "sha256").hex()
            ok = {"status": "ok", "execution_count": 0, "user_expressions": {}}
            return {**ok, "payload": [], "body": body, "proof": proof}

    return Kernel


class Nothing:
    """`exit` and `quit`: in a graded notebook they end nothing."""

    def __call__(self, *_: object) -> None: ...

    def __repr__(self) -> str:
        return ""


def main() -> None:
    memory, seconds, processes = map(int, sys.argv[1:4])
    words = sys.stdin.read().split()
    limit(memory, seconds, processes)
    stand_guard()
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    sys.argv[1:] = ["-f", sys.argv[4]]
    sys.modules["rfc3987_syntax"] = None  # type: ignore[assignment]  # takes a second
    from ipykernel.kernelapp import IPKernelApp

    builtins.exit = builtins.quit = Nothing()  # type: ignore[assignment]
    app = IPKernelApp.instance(kernel_class=kernel_class(words[0], words[1].encode()))
    app.initialize(sys.argv[1:])
    app.shell.ask_exit = builtins.exit
    app.shell.user_ns |= {"exit": builtins.exit, "quit": builtins.quit}
    app.start()


if __name__ == "__main__":
    main()
