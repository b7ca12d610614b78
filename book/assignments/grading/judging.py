"""Points and sentences for one submission."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import Any

from grading import running
from grading.finding import Handed, NotGradableError
from grading.restoring import Original, Restored, about, find_original, parse, restored

VERSION = 1  # of the way of grading: with another, stored rows are not used again
ENDLESS = "took too long: is there a loop that never ends?"
MOST_TEXT = 20_000  # characters of an answer that are kept
PLACEHOLDER = "YOUR ANSWER HERE"


@dataclass
class Question:
    id: str
    points: float
    earned: float = 0.0
    status: str = "not run"  # passed, in part, failed, by hand, not run
    message: str = ""
    answer: str = ""  # as handed in


@dataclass
class Report:
    student: str
    file: str
    assignment: str = ""
    problem: str = ""  # why nothing could be run
    questions: list[Question] = field(default_factory=list)
    id: str = ""  # the student's number in a learning management system
    notes: list[str] = field(default_factory=list)  # what else a person should know
    late: str = ""  # by how much, or who says so
    deducted: float = 0.0  # points, for being late
    digest: str = ""  # of the file
    key: str = ""  # of the file, the original and the limits: the same, the same row

    @property
    def earned(self) -> float:
        return round(sum(q.earned for q in self.questions), 2)

    @property
    def automatic(self) -> float:
        """The points that can be earned without a person."""
        return sum(q.points for q in self.questions if q.status != "by hand")

    @property
    def by_hand(self) -> list[Question]:
        return [q for q in self.questions if q.status == "by hand"]

    def as_dict(self) -> dict[str, Any]:
        return asdict(self) | {"earned": self.earned, "possible": self.automatic}


def from_dict(row: dict[str, Any]) -> Report:
    row = {k: v for k, v in row.items() if k not in ("earned", "possible")}
    return Report(**row | {"questions": [Question(**q) for q in row["questions"]]})


@dataclass
class Task:
    """How to grade: the originals, read once, before anything of a student runs."""

    known: dict[str, Original]
    limits: running.Limits
    assignment: str = ""
    whole: bool = False  # all or nothing for each question
    deadline: float | None = None
    per_day: float = 0.0  # percent of the points, for each day begun
    done: dict[str, Report] = field(default_factory=dict)  # {key: earlier row}

    def run_by(self, user: int | None) -> Task:
        return replace(self, limits=replace(self.limits, user=user))


def grade(handed: list[Handed], task: Task) -> list[Report]:
    """A row for each assignment of one student; whatever is wrong ends up in it."""
    until = time.monotonic() + 60 * task.limits.minutes
    newest: dict[str, tuple[Handed, bytes, Any]] = {}
    others: dict[str, list[str]] = {}
    unread: list[Report] = []
    order = sorted(handed, key=lambda h: (h.attempt, h.time or 0, h.file))
    for one in order:
        try:
            if one.problem:
                raise NotGradableError(one.problem)
            data = _notebook_bytes(one)
            notebook = parse(data)
            name = _original(notebook, one, task).name
        except NotGradableError as error:
            unread.append(Report(one.student, one.file, id=one.id, problem=str(error)))
            continue
        if name in newest:
            others.setdefault(name, []).append(newest[name][0].file)
        newest[name] = one, data, notebook
    reports = []
    for name, (one, data, notebook) in newest.items():
        report = _grade_one(one, data, notebook, task.known[name], task, until)
        if name in others:
            also = ", ".join(others[name])
            report.notes.append(f"the newest file counts; not graded: {also}.")
        reports.append(report)
    if reports:
        reports[0].notes += [f"{r.file}: {r.problem}" for r in unread]
        return reports
    if len(unread) > 1:
        unread[-1].notes += [f"{r.file}: {r.problem}" for r in unread[:-1]]
    return unread[-1:]


def _notebook_bytes(one: Handed) -> bytes:
    if not one.file.lower().endswith(".ipynb"):
        raise NotGradableError("the file is not a notebook (.ipynb).")
    return one.read()


def _original(notebook: Any, one: Handed, task: Task) -> Original:
    if task.assignment:
        return task.known[task.assignment]
    return find_original(notebook, one.file, task.known)


def _grade_one(
    one: Handed,
    data: bytes,
    notebook: Any,
    original: Original,
    task: Task,
    until: float,
) -> Report:
    digest = hashlib.sha256(data).hexdigest()
    limits, how = task.limits, f"{VERSION} {task.whole}"
    key = f"{how} {one.who} {digest} {original.digest} {limits.timeout:g} "
    key += f"{limits.minutes:g} {limits.memory:g}"
    key = hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()
    report = Report(one.student, one.file, original.name, id=one.id)
    report.digest, report.key = digest, key
    if key in task.done:
        old = task.done[key]
        report.questions, report.problem = old.questions, old.problem
        report.notes = [n for n in old.notes if n.startswith("the answer '")]
    else:
        try:
            _run(report, original, restored(notebook, original), task, until)
        except running.StartError as error:
            report.problem, report.key = str(error), ""
        except Exception as error:  # one submission must not stop the others
            report.problem = f"could not be graded: {type(error).__name__}: {error}"
            report.key = ""
    _late(report, one, task)
    return report


def _run(
    report: Report, original: Original, made: Restored, task: Task, until: float
) -> None:
    report.notes += made.notes
    report.questions = [
        Question(key, float(about(cell)["points"]), answer=_text(key, original, made))
        for key, cell in original.by_id.items()
        if about(cell).get("grade")
    ]
    results = running.run([cell for _, cell in made.cells], task.limits, until)
    by_key: dict[str, running.Result] = {}
    for n, (key, _) in enumerate(made.cells):
        if n in results and key:
            by_key[key] = results[n]
    ends = [r.message for r in results.values() if r.error == "TimeUp"]
    for question in report.questions:
        if not original.is_check(question.id):  # written in words
            question.status = "by hand"
            if question.id in made.missing:
                question.message = "the answer's cell is missing."
            elif question.answer.strip() in ("", PLACEHOLDER):
                question.message = "not answered."
            continue
        result = by_key.get(question.id)
        if result is None:
            question.message = f"not reached: {(ends or ['Python had ended.'])[0]}"
        else:
            _judge(question, result, task.whole)
            if result.error:
                _say_cause(question, original, made, by_key)
    if running.stop.is_set() and ends:
        raise KeyboardInterrupt  # half a row is none


def _text(key: str, original: Original, made: Restored) -> str:
    keys = original.answers.get(key, [key])
    return "\n\n\n".join(made.texts[k] for k in keys if k in made.texts)[:MOST_TEXT]


def _judge(question: Question, result: running.Result, whole: bool) -> None:
    if not result.error:
        question.status, question.earned = "passed", question.points
        return
    question.status, question.message = "failed", sentence(result)
    parts = {name: running.Result(*said) for name, said in result.parts.items()}
    right = [name for name, part in parts.items() if not part.error]
    if right and not whole:
        question.status = "in part"
        question.earned = round(question.points * len(right) / len(parts), 2)
        wrong = [f"{n}: {sentence(p)}" for n, p in parts.items() if p.error]
        said = "; ".join(wrong) or question.message
        question.message = f"right: {', '.join(right)}. {said}"


def _say_cause(
    question: Question,
    original: Original,
    made: Restored,
    by_key: dict[str, running.Result],
) -> None:
    """A check fails when its answer is not there, or did not run: say that instead."""
    for answer in original.answers.get(question.id, []):
        if answer in made.missing:
            question.message = (
                f"the cell {answer!r} is missing or lost its name: copy your "
                "answer into a fresh copy of the assignment."
            )
        elif answer in by_key and by_key[answer].error:
            question.message = f"your cell: {sentence(by_key[answer])}"


def sentence(result: running.Result) -> str:
    error, message = result.error, " ".join(result.message.split())
    fixed = {
        "NotImplementedError": "not answered yet.",
        "Late": ENDLESS,
        "Forged": "the check's own result did not arrive: the notebook replaced it.",
        "SystemExit": "it ended Python (sys.exit or the like).",
    }
    if error in fixed:
        return fixed[error]
    if error in ("AssertionError", "Dead", "TimeUp"):
        return message or error
    return f"{error}: {message}" if message else error


# -- deadlines -------------------------------------------------------------------------


def _late(report: Report, one: Handed, task: Task) -> None:
    """Say by how much a file is late; deduct points only if that was asked for."""
    days = 0
    if task.deadline is not None and one.time is not None:
        seconds = one.time - task.deadline
        if seconds > 0:
            days = int(-(-seconds // 86400))
            report.late = _span(seconds)
    if one.late and not report.late:
        report.late, days = "says the file's name", 1
    report.deducted = round(report.earned * min(1, days * task.per_day / 100), 2)


def _span(seconds: float) -> str:
    minutes = int(seconds // 60)
    days, hours = minutes // 1440, minutes % 1440 // 60
    return f"{days} d {hours} h {minutes % 60} min"


def moment(text: str) -> float:
    """Seconds since 1970 of an ISO date and time; without a zone, local time."""
    return datetime.fromisoformat(text.strip().replace("Z", "+00:00")).timestamp()


def copies(reports: list[Report]) -> None:
    """Note where two students handed in the very same file."""
    first: dict[str, Report] = {}
    for report in reports:
        if not report.digest or not report.earned:
            continue
        other = first.setdefault(report.digest, report)
        if (other.student, other.id) != (report.student, report.id):
            note = f"the same file as {other.student}'s."
            report.notes += [note] if note not in report.notes else []


def by_student(handed: list[Handed]) -> Iterator[list[Handed]]:
    groups: dict[tuple[str, str], list[Handed]] = {}
    for one in handed:
        groups.setdefault(one.who, []).append(one)
    yield from groups.values()


def merged(earlier: list[Report], now: list[Report]) -> list[Report]:
    """Rows of this call, and those of earlier calls that it does not replace."""
    fresh = {(r.student, r.id, r.assignment) for r in now}
    seen = {(r.student, r.id) for r in now}
    kept = [
        r
        for r in earlier
        if (r.student, r.id, r.assignment) not in fresh
        and (r.assignment or (r.student, r.id) not in seen)
    ]
    return sorted(kept + now, key=lambda r: (r.student.casefold(), r.id, r.assignment))
