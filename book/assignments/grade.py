"""Grade one notebook, or a folder of submissions.

    python grade.py 01_metrics.ipynb                   # a table for yourself
    python grade.py submitted --csv grades.csv         # a folder, one row for each
    python grade.py submitted --json all.json --junit all.xml --jobs 2

Needs pytest and nbval. Every check cell is put back from the originals first (`source`
beside this file, else `release`), so a changed or deleted check does not help. Each
submission runs in a process of its own, in an empty folder, with limits on time and
memory. That is protection against accidents, not against attackers: see README.md.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
LOG = "DISREC_GRADE_LOG"  # where the plugin below writes, inside pytest
LARGEST = 50_000_000  # bytes of a submitted file
if LOG in os.environ:  # inside pytest: no parser of web addresses, which takes a second
    sys.modules["rfc3987_syntax"] = None  # type: ignore[assignment]
Notebook = dict[str, Any]


class NotGradableError(Exception):
    """A submission that has no questions to run; the message says why."""


@dataclass
class Question:
    id: str
    points: float
    earned: float = 0.0
    status: str = "not run"  # passed, failed, by hand, not run
    message: str = ""


@dataclass
class Report:
    student: str
    file: str
    assignment: str = ""
    problem: str = ""  # why nothing could be run
    questions: list[Question] = field(default_factory=list)

    @property
    def earned(self) -> float:
        return sum(q.earned for q in self.questions)

    @property
    def automatic(self) -> float:
        """The points that can be earned without a person."""
        return sum(q.points for q in self.questions if q.status != "by hand")


# -- reading and restoring -------------------------------------------------------------


def read_notebook(path: Path) -> Notebook:
    if path.suffix != ".ipynb":
        raise NotGradableError(f"{path.name} is not a notebook (.ipynb).")
    if path.stat().st_size > LARGEST:
        raise NotGradableError(f"the file is larger than {LARGEST // 1_000_000} MB.")
    try:
        notebook = json.loads(path.read_text(encoding="utf-8-sig"))
        for cell in notebook["cells"]:
            cell["source"] = "".join(cell["source"])
            assert isinstance(cell["metadata"], dict)
            assert cell["cell_type"] in ("code", "markdown", "raw")
    except (ValueError, KeyError, TypeError, AssertionError, RecursionError):
        raise NotGradableError("the file is not a notebook that can be read.") from None
    return notebook


def about(cell: Notebook) -> dict[str, Any]:
    found = cell["metadata"].get("nbgrader")
    return found if isinstance(found, dict) else {}


def grade_id(cell: Notebook) -> str:
    return str(about(cell).get("grade_id", ""))


def _is_check(cell: Notebook) -> bool:
    return bool(about(cell).get("grade")) and cell["cell_type"] == "code"


def originals() -> dict[str, Path]:
    """{assignment: notebook}, with the hidden checks where the source is at hand."""
    root = next((HERE / n for n in ("source", "release") if (HERE / n).is_dir()), HERE)
    return {path.stem: path for path in sorted(root.glob("*/*.ipynb"))}


def find_original(notebook: Notebook, name: str, known: dict[str, Notebook]) -> str:
    """The assignment that shares most cells with a submission; ties go to its name."""
    mine = {grade_id(cell) for cell in notebook["cells"]} - {""}
    shared = {
        key: (len(mine & {grade_id(c) for c in original["cells"]}), key in name)
        for key, original in known.items()
    }
    best = max(shared, key=lambda key: shared[key], default="")
    if not best or not (shared[best][0] > 2 or shared[best][1]):
        raise NotGradableError("none of its cells belongs to an assignment.")
    return best


def restored(notebook: Notebook, original: Notebook) -> tuple[Notebook, set[str]]:
    """The submission with every locked cell as in the original, and in its place.

    It ends with its last check: what stands below can earn nothing, and is often slow.

    Returns
    -------
    The notebook, and the ids of the answer cells that it lacks.
    """
    locked = {grade_id(c): c for c in original["cells"] if about(c).get("locked")}
    order = [grade_id(c) for c in original["cells"] if grade_id(c)]
    cells: list[Notebook] = []
    seen: set[str] = set()
    for cell in _in_order(notebook["cells"], order):
        key = grade_id(cell)
        if key in seen and key in locked:
            continue  # a second copy of a check
        if key in order:
            # what was deleted before this cell comes back before it
            for missing in order[: order.index(key)]:
                if missing in locked and missing not in seen:
                    cells.append(locked[missing])
                    seen.add(missing)
            seen.add(key)
        cells.append(locked.get(key, cell))
    cells += [locked[key] for key in order if key in locked and key not in seen]
    answers = {k for k in order if k not in locked}
    while cells and not _is_check(cells[-1]):
        cells.pop()
    made = {
        "cells": [_bare(cell) for cell in cells if cell["cell_type"] != "raw"],
        "metadata": {},
        "nbformat": 4,
        "nbformat_minor": 4,
    }
    return made, answers - seen


def _in_order(cells: list[Notebook], order: list[str]) -> list[Notebook]:
    """The assignment's own cells in its order; what stands below one moves with it.

    A second copy of a cell is not one of them: it stays below what it stands below.
    """
    chunks: list[tuple[int, list[Notebook]]] = [(-1, [])]  # what is first stays first
    seen: set[str] = set()
    for cell in cells:
        key = grade_id(cell)
        if key in order and key not in seen:
            chunks.append((order.index(key), []))
            seen.add(key)
        chunks[-1][1].append(cell)
    chunks.sort(key=lambda chunk: chunk[0])
    return [cell for _, chunk in chunks for cell in chunk]


def _bare(cell: Notebook) -> Notebook:
    """Without outputs and tags: a tag could ask nbval to skip the cell."""
    kept = {"nbgrader": about(cell)} if about(cell) else {}
    made = {"cell_type": cell["cell_type"], "metadata": kept, "source": cell["source"]}
    if cell["cell_type"] == "code":
        # neither may a comment
        made["source"] = re.sub(
            r"(?im)^\s*#\s*(nbval|pytest)[-_ ].*$", "", cell["source"]
        )
        made |= {"outputs": [], "execution_count": None}
    return made


# -- running ---------------------------------------------------------------------------


def pytest_runtest_makereport(item: Any, call: Any) -> None:
    """Inside pytest (`-p grade`): store each cell's result the moment it exists."""
    log = os.environ.get(LOG)
    if not log or call.when != "call":
        return
    errors = [o for o in item.test_outputs or [] if o.get("output_type") == "error"]
    row = {"cell": item.cell_num, "error": "", "message": ""}
    if errors:
        row |= {"error": errors[-1]["ename"], "message": errors[-1]["evalue"]}
    elif call.excinfo is not None:
        row |= {"error": "Stopped", "message": str(call.excinfo.value)}
    with open(log, "a", encoding="utf-8") as file:
        file.write(json.dumps(row) + "\n")


def run(notebook: Notebook, options: argparse.Namespace) -> dict[int, dict[str, str]]:
    """{number of the code cell: its error and message}; cells never reached lack."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        work, log = Path(folder) / "work", Path(folder) / "log"
        work.mkdir()
        (work / "submission.ipynb").write_text(json.dumps(notebook), encoding="utf-8")
        (work / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
        command = [sys.executable, "-m", "pytest", "--nbval-lax", "--nbval-current-env"]
        command += [f"--nbval-cell-timeout={options.timeout}", "-p", "grade", "-q"]
        command += ["-p", "nbval", "-p", "no:cacheprovider", "-c", "pytest.ini"]
        command += ["submission.ipynb"]
        paths = [str(HERE), os.environ.get("PYTHONPATH", "")]
        process = subprocess.Popen(
            command,
            cwd=work,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=_limits(options) if os.name == "posix" else None,
            env={
                **os.environ,
                LOG: str(log),
                "PYTHONPATH": os.pathsep.join(filter(None, paths)),
                "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",  # slow, and not wanted here
                "OMP_NUM_THREADS": "1",
                "MPLBACKEND": "agg",
            },
        )
        try:
            process.wait(60 * options.minutes)
        except subprocess.TimeoutExpired:
            pass
        finally:
            _stop(process)
        text = log.read_text(encoding="utf-8") if log.exists() else ""
    rows = [json.loads(line) for line in text.splitlines() if line.endswith("}")]
    return {row["cell"]: row for row in rows}


def _limits(options: argparse.Namespace) -> Any:
    def set_limits() -> None:  # between fork and exec
        import resource

        size = int(options.memory * 2**30)
        resource.setrlimit(resource.RLIMIT_AS, (size, size))
        seconds = int(60 * options.minutes) + 5  # the kernel has left our session
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))

    return set_limits


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End the process and the kernel that it started."""
    if process.poll() is not None:
        return
    if os.name != "posix":
        process.kill()
    else:
        process.send_signal(signal.SIGINT)  # pytest then stops its kernel
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
    process.wait()


# -- grading ---------------------------------------------------------------------------


def grade(path: Path, student: str, options: argparse.Namespace) -> Report:
    """Grade one file; whatever is wrong with it ends up in the report."""
    report = Report(student, str(path))
    try:
        notebook = read_notebook(path)
        known = {name: read_notebook(file) for name, file in originals().items()}
        if options.assignment:
            known = {options.assignment: known[options.assignment]}
        report.assignment = find_original(notebook, str(path), known)
        original = known[report.assignment]
        report.questions = [
            Question(grade_id(c), float(about(c)["points"]))
            for c in original["cells"]
            if about(c).get("grade")
        ]
        made, missing = restored(notebook, original)
        _judge(report, original, made, missing, run(made, options))
    except NotGradableError as error:
        report.problem = str(error)
    except Exception as error:  # one broken submission must not stop the others
        report.problem = f"could not be graded: {type(error).__name__}: {error}"
    return report


def _judge(
    report: Report,
    original: Notebook,
    made: Notebook,
    missing: set[str],
    results: dict[int, dict[str, str]],
) -> None:
    code = [cell for cell in made["cells"] if cell["cell_type"] == "code"]
    failed = {  # answer cells that did not run, by id
        grade_id(cell): results[i]
        for i, cell in enumerate(code)
        if i in results and results[i]["error"] and about(cell).get("solution")
    }
    number = {grade_id(cell): i for i, cell in enumerate(code)}
    answers = _answers(original)
    for question in report.questions:
        if question.id not in number:  # written in words
            question.status = "by hand"
            gone = question.id in missing
            question.message = "the answer's cell is missing." if gone else ""
            continue
        result = results.get(number[question.id])
        if result is None:
            question.message = "not reached: the run was stopped before (time, memory)."
        elif not result["error"]:
            question.status, question.earned = "passed", question.points
        else:
            question.status = "failed"
            question.message = _sentence(result)
            for answer in answers.get(question.id, []):
                if answer in missing:
                    question.message = (
                        f"the cell {answer!r} is missing or lost its name: copy your "
                        "answer into a fresh copy of the assignment."
                    )
                elif answer in failed:
                    question.message = f"your cell: {_sentence(failed[answer])}"


def _answers(original: Notebook) -> dict[str, list[str]]:
    """{id of a check: ids of the answers it checks}."""
    found: dict[str, list[str]] = {}
    waiting: list[str] = []
    for cell in original["cells"]:
        if _is_check(cell):
            found[grade_id(cell)], waiting = waiting, []
        elif about(cell).get("solution") and cell["cell_type"] == "code":
            waiting.append(grade_id(cell))
    return found


def _sentence(result: dict[str, str]) -> str:
    error, message = result["error"], " ".join(result["message"].split())
    if error == "NotImplementedError":
        return "not answered yet."
    if error == "KeyboardInterrupt":
        return "took too long: is there a loop that never ends?"
    if error == "Stopped":
        if "dead" in message.lower():
            return "Python died in this cell or before it (out of memory?)."
        return "took too long: is there a loop that never ends?"
    return message if error == "AssertionError" else f"{error}: {message}"


def submissions(folder: Path) -> Iterator[tuple[str, Path]]:
    """(student, file): files in the folder itself, or notebooks below each subfolder.

    Files are `<student>.ipynb`; subfolders `<student>/...`, as nbgrader lays them out.
    """
    for path in sorted(folder.iterdir()):
        if path.name.startswith("."):
            continue
        if path.is_file():
            yield path.stem, path
        elif path.is_dir():
            below = [
                p
                for p in sorted(path.rglob("*.ipynb"))
                if not any(part.startswith(".") for part in p.parts)
            ]
            for notebook in below or [path]:
                yield path.name, notebook


# -- writing ---------------------------------------------------------------------------


def table(report: Report) -> str:
    """question, points, message: for one person to read."""
    lines = [f"{report.student}: {report.assignment or report.file}"]
    if report.problem:
        return f"{lines[0]}\n  {report.problem}"
    width = max(len(q.id) for q in report.questions)
    for q in report.questions:
        points = f"{q.earned:g}/{q.points:g}"
        lines.append(
            f"  {q.id:{width}}  {points:>5}  {q.status:8} {q.message}".rstrip()
        )
    lines.append(f"  {'together':{width}}  {report.earned:g} of {report.automatic:g}")
    return "\n".join(lines)


def write_csv(path: Path, reports: list[Report]) -> None:
    """A row for each submission, as learning management systems import it."""
    ids = list(dict.fromkeys(q.id for r in reports for q in r.questions))
    with path.open("w", encoding="utf-8", newline="") as file:
        out = csv.writer(file)
        out.writerow(
            ["student", "assignment", "earned", "possible", *ids, "problem", "file"]
        )
        for r in reports:
            points = {q.id: q.earned for q in r.questions if q.status != "by hand"}
            out.writerow(
                [r.student, r.assignment, f"{r.earned:g}", f"{r.automatic:g}"]
                + [f"{points[i]:g}" if i in points else "" for i in ids]
                + [r.problem, r.file]
            )


def write_json(path: Path, reports: list[Report]) -> None:
    rows = [{**asdict(r), "earned": r.earned, "possible": r.automatic} for r in reports]
    path.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


def write_junit(path: Path, reports: list[Report]) -> None:
    root = ET.Element("testsuites")
    for r in reports:
        suite = ET.SubElement(root, "testsuite", name=f"{r.student}: {r.assignment}")
        for q in r.questions or [Question("submission", 0, 0, "failed", r.problem)]:
            case = ET.SubElement(suite, "testcase", classname=r.student, name=q.id)
            if q.status == "by hand":
                ET.SubElement(case, "skipped", message="graded by hand")
            elif q.status != "passed":
                text = re.sub(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd]", "?", q.message)
                ET.SubElement(case, "failure", message=text)
        suite.set("tests", str(len(suite)))
        suite.set("failures", str(len(suite.findall("testcase/failure"))))
    ET.ElementTree(root).write(path, encoding="utf-8", xml_declaration=True)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("path", type=Path, help="a notebook, or a folder of them")
    parser.add_argument("--assignment", help="if its cells do not tell")
    parser.add_argument("--csv", type=Path, help="a row for each submission")
    parser.add_argument("--json", type=Path, help="everything")
    parser.add_argument("--junit", type=Path, help="for continuous integration")
    parser.add_argument("--timeout", type=int, default=120, help="seconds for a cell")
    parser.add_argument("--minutes", type=float, default=10, help="for a submission")
    parser.add_argument("--memory", type=float, default=8, help="GiB, for each")
    parser.add_argument("--jobs", type=int, default=1, help="side by side")
    options = parser.parse_args()
    if not options.path.exists():
        parser.error(f"{options.path} does not exist.")
    if options.assignment and options.assignment not in originals():
        parser.error(f"the assignments are {', '.join(originals())}.")
    if options.path.is_dir():
        todo = list(submissions(options.path))
    else:
        todo = [(options.path.stem, options.path)]
    reports = []
    with ThreadPoolExecutor(max(1, options.jobs)) as pool:
        for report in pool.map(lambda task: grade(task[1], task[0], options), todo):
            print(table(report), flush=True)
            reports.append(report)
    writers = (write_csv, options.csv), (write_json, options.json)
    for write, path in (*writers, (write_junit, options.junit)):
        if path:
            write(path, reports)
    whole = all(not r.problem and r.earned == r.automatic for r in reports)
    return 0 if whole else 1


if __name__ == "__main__":
    sys.exit(main())
