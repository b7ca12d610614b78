"""Grade one notebook, or a folder or zip of submissions.

    python grade.py 01_metrics.ipynb                   # a table for yourself
    python grade.py submitted --out results            # everything for a class
    python grade.py submitted --csv grades.csv         # only a row for each student
    python grade.py submitted --json all.json --junit all.xml --jobs 2

Needs nbval (for the parts of Jupyter that come with it). Every cell of the course is
put back from the originals first (`source` beside this file, else `release`). Each row
is written as soon as it exists, and a second call with the same files goes on where the
first was stopped. A submission runs in processes of its own, in an empty folder, with
limits on time and memory. That is protection against accidents, not against attackers:
`sh container.sh submitted results` grades in a container; see README.md.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import signal
import sys
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path
from queue import SimpleQueue

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from grading import judging, pages, processes, restoring, running, writing  # noqa: E402
from grading.finding import Handed, handed_in  # noqa: E402


@dataclass
class Outputs:
    """The files that a call writes, and what is in them already."""

    csv: Path | None = None
    json: Path | None = None
    junit: Path | None = None
    pages: Path | None = None
    hand: writing.Hand = field(default_factory=dict)

    @classmethod
    def of(cls, options: argparse.Namespace) -> Outputs:
        out = options.out
        made = cls(options.csv, options.json, options.junit, out)
        if out:
            made.csv = made.csv or out / "grades.csv"
            made.json = made.json or out / "grades.json"
        first = made.csv or made.junit
        if first and not made.json:  # where a second call finds what is done
            made.json = first.with_name(f".{first.name}.json")
        if made.csv:
            made.hand = writing.read_hand(made.csv)
        return made

    def stored(self) -> list[judging.Report]:
        """The rows of an earlier call."""
        if not self.json or not self.json.exists():
            return []
        try:
            text = self.json.read_text(encoding="utf-8")
            return [judging.from_dict(row) for row in json.loads(text)]
        except (ValueError, KeyError, TypeError, AttributeError):
            raise writing.GradesError(
                f"{self.json} is there and holds no grades: give another name."
            ) from None

    def write(self, reports: list[judging.Report]) -> None:
        """The tables anew, whole at every moment; what was typed meanwhile is kept."""
        judging.copies(reports)
        if self.json:
            writing.replace(self.json, writing.json_text(reports))
        if self.junit:
            writing.replace(self.junit, writing.junit_text(reports))
        if self.csv:
            self.hand |= writing.read_hand(self.csv)
            text = writing.csv_text(reports, self.hand)
            try:
                writing.replace(self.csv, text, encoding="utf-8-sig")
            except OSError as error:  # open in a spreadsheet, on Windows
                print(f"{self.csv} cannot be written now: {error}", file=sys.stderr)

    def close(
        self, reports: list[judging.Report], known: dict[str, restoring.Original]
    ) -> None:
        """Once more, with the pages; say which typed grades are none."""
        if not reports:
            return
        self.write(reports)
        for misfit in writing.misfits(reports, self.hand):
            print(f"{self.csv}: {misfit}", file=sys.stderr)
        if self.pages:
            pages.write_feedback(self.pages / "feedback", reports, self.hand)
            writing.replace(self.pages / "report.html", pages.class_report(reports))
            text = pages.written(reports, known)
            writing.replace(self.pages / "written.html", text)


def arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("path", type=Path, help="a notebook, or a folder or zip of them")
    add("--out", type=Path, help="a folder for tables, feedback and reports")
    add("--csv", type=Path, help="a row for each student")
    add("--json", type=Path, help="everything; a second call goes on from it")
    add("--junit", type=Path, help="for continuous integration")
    add("--originals", type=Path, help="a folder with `source` or `release` in it")
    add("--assignment", help="if its cells do not tell")
    add("--whole", action="store_true", help="all or nothing, as nbgrader does")
    add("--fresh", action="store_true", help="grade anew what is graded already")
    add("--deadline", help="say who is late, e.g. 2027-03-01T23:59 (local time)")
    add("--late-percent", type=float, default=0, help="deduct for each day begun")
    add("--timeout", type=float, default=120, help="seconds for a cell")
    add("--minutes", type=float, default=10, help="for a submission")
    add("--memory", type=float, default=8, help="GiB, for each submission")
    add("--jobs", type=int, default=1, help="side by side")
    add("--user", type=int, help="run as this user and those after it (as root)")
    return parser


def task_of(
    options: argparse.Namespace, parser: argparse.ArgumentParser
) -> judging.Task:
    """The checked options; the originals are read here, and never again."""
    if not options.path.exists():
        parser.error(f"{options.path} does not exist.")
    if importlib.util.find_spec("ipykernel") is None:
        parser.error("Jupyter's kernel is missing: pip install nbval.")
    known = restoring.originals(options.originals)
    if not known:
        parser.error("there is no assignment in the folder of originals.")
    if options.assignment and options.assignment not in known:
        parser.error(f"the assignments are {', '.join(known)}.")
    for name in ("timeout", "minutes", "memory", "jobs"):
        if not getattr(options, name) > 0:
            parser.error(f"--{name} must be more than 0.")
    deadline = None
    if options.deadline:
        try:
            deadline = judging.moment(options.deadline)
        except ValueError:
            parser.error("--deadline is a date and time such as 2027-03-01T23:59.")
    limits = running.Limits(
        options.timeout, options.minutes, options.memory, options.user
    )
    return judging.Task(
        known,
        limits,
        options.assignment or "",
        options.whole,
        deadline,
        options.late_percent,
    )


def rows(
    options: argparse.Namespace, task: judging.Task
) -> Iterator[list[judging.Report]]:
    """The reports of one student after the other, as soon as they are there."""
    users: SimpleQueue[int | None] = SimpleQueue()
    for n in range(options.jobs):
        users.put(None if options.user is None else options.user + n)

    def one(handed: list[Handed]) -> list[judging.Report]:
        user = users.get()
        try:
            return judging.grade(handed, task.run_by(user))
        finally:
            users.put(user)

    with ThreadPoolExecutor(options.jobs) as pool:
        todo = judging.by_student(list(handed_in(options.path)))
        waiting = {pool.submit(one, handed) for handed in todo}
        try:
            while waiting:
                done, waiting = wait(waiting, 0.5, FIRST_COMPLETED)
                for future in done:
                    yield future.result()
                running.end_strays()
        except BaseException:  # Ctrl-C above all
            running.stop.set()
            pool.shutdown(cancel_futures=True)
            raise


def interrupted(number: int, frame: object) -> None:
    raise KeyboardInterrupt


def main() -> int:
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    parser = arguments()
    options = parser.parse_args()
    task = task_of(options, parser)
    try:
        outputs = Outputs.of(options)
        earlier = [] if options.fresh else outputs.stored()
    except writing.GradesError as error:
        parser.error(str(error))
    task.done = {report.key: report for report in earlier if report.key}
    processes.adopt()
    signal.signal(signal.SIGTERM, interrupted)
    now: list[judging.Report] = []
    whole = False
    try:
        for reports in rows(options, task):
            now += reports
            for report in reports:
                print(writing.table(report), flush=True)
            outputs.write(judging.merged(earlier, now))
        whole = all(not r.problem and r.earned == r.automatic for r in now)
    except KeyboardInterrupt:
        print("stopped: what is graded is written; the same call goes on from there.")
        return 130
    finally:
        outputs.close(judging.merged(earlier, now), task.known)
    return 0 if whole else 1


if __name__ == "__main__":
    sys.exit(main())
