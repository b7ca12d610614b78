"""Grades as tables: for the screen, as CSV, as JSON, as JUnit."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import tempfile
import xml.etree.ElementTree as ET
from pathlib import Path

from grading.judging import Question, Report

FIRST = ["student", "assignment", "earned", "possible"]
LAST = ["deducted", "total", "late", "notes", "messages", "problem", "file", "id"]
Hand = dict[tuple[str, str, str], dict[str, str]]  # {(student, id, assignment): cells}


class GradesError(Exception):
    """A file of grades that cannot be used; the message says why."""


def table(report: Report) -> str:
    """question, points, message: for one person to read."""
    lines = [f"{report.student}: {report.assignment or report.file}"]
    lines += [f"  note: {note}" for note in report.notes]
    if report.late:
        lines.append(f"  late: {report.late}")
    if report.problem:
        return "\n".join([*lines, f"  {report.problem}"])
    width = max(len(q.id) for q in report.questions)
    for q in report.questions:
        points = f"{q.earned:g}/{q.points:g}"
        lines.append(
            f"  {q.id:{width}}  {points:>5}  {q.status:8} {q.message}".rstrip()
        )
    lines.append(f"  {'together':{width}}  {report.earned:g} of {report.automatic:g}")
    return "\n".join(lines)


def safe(text: str) -> str:
    """Not a formula, whatever a spreadsheet takes for one.

    >>> safe("=2+5"), safe("Ana")
    ("'=2+5", 'Ana')
    """
    text = text.encode("utf-8", "backslashreplace").decode().replace("\0", "")
    danger = text.lstrip(" \n\v\f\u00a0\ufeff")[:1] in tuple("=+-@\t\r|%＝＋－＠")
    return f"'{text}" if text.strip() and danger else text


def name_of(report: Report) -> tuple[str, str, str]:
    return safe(report.student), safe(report.id), safe(report.assignment)


def csv_text(reports: list[Report], hand: Hand) -> str:
    """A row for each student and assignment, as spreadsheets and LMS import it.

    Questions graded by hand have a column that is blank, or holds what somebody typed
    into it: `total` is there once all of them are filled.
    """
    ids = list(dict.fromkeys(q.id for r in reports for q in r.questions))
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow([*FIRST, *ids, *LAST])
    for r in reports:
        typed = hand.get(name_of(r), {})
        cells = {q.id: f"{q.earned:g}" for q in r.questions}
        cells |= {q.id: safe(typed.get(q.id, "")) for q in r.by_hand}
        whole = total(r, typed)
        said = [f"{q.id}: {q.message}" for q in r.questions if q.message]
        writer.writerow(
            [safe(r.student), safe(r.assignment), f"{r.earned:g}", f"{r.automatic:g}"]
            + [cells.get(i, "") for i in ids]
            + [f"{r.deducted:g}" if r.deducted else ""]
            + ["" if whole is None else f"{whole:g}"]
            + [safe(x) for x in (r.late, " ".join(r.notes), "\n".join(said))]
            + [safe(x) for x in (r.problem, r.file, r.id)]
        )
    return out.getvalue()


def points(text: str, most: float) -> float | None:
    """What somebody typed, with a decimal point or comma; None if it is no grade.

    >>> points("2,5", 4), points("5", 4), points("", 4)
    (2.5, None, None)
    """
    try:
        value = float(text.strip().replace(",", "."))
    except ValueError:
        return None
    return value if 0 <= value <= most else None


def total(report: Report, typed: dict[str, str]) -> float | None:
    """Automatic points and those by hand, less what was deducted; None before."""
    values = [points(typed.get(q.id, ""), q.points) for q in report.by_hand]
    if report.problem or any(value is None for value in values):
        return None
    hand = sum(value for value in values if value is not None)
    return round(report.earned - report.deducted + hand, 2)


def read_hand(path: Path) -> Hand:
    """What was typed into the table of an earlier call: kept, and summed.

    Raises
    ------
    GradesError
        The file is there and is no such table: it is not written over.
    """
    if not path.exists() or not path.stat().st_size:
        return {}
    try:
        text = path.read_text(encoding="utf-8-sig", errors="surrogateescape")
        mark = max(",;\t", key=text.partition("\n")[0].count)
        rows = list(csv.DictReader(io.StringIO(text, newline=""), delimiter=mark))
        head = list(rows[0]) if rows else text.partition("\n")[0].strip().split(mark)
    except (OSError, csv.Error) as error:
        raise GradesError(f"{path} cannot be read: {error}") from None
    if head[:4] != FIRST:
        raise GradesError(
            f"{path} is there and is not a table of grades: give another name."
        )
    own = {*FIRST, *LAST}
    return {
        (row["student"], row.get("id") or "", row["assignment"]): {
            k: v or "" for k, v in row.items() if k and k not in own and v
        }
        for row in rows
    }


def misfits(reports: list[Report], hand: Hand) -> list[str]:
    """A sentence for each typed grade that is no number, or too large."""
    return [
        f"{r.student}, {q.id}: {text!r} is not between 0 and {q.points:g}."
        for r in reports
        for q in r.by_hand
        if (text := hand.get(name_of(r), {}).get(q.id, "").strip())
        and points(text, q.points) is None
    ]


def json_text(reports: list[Report]) -> str:
    return json.dumps([r.as_dict() for r in reports], indent=1) + "\n"


def junit_text(reports: list[Report]) -> str:
    root = ET.Element("testsuites")
    for r in reports:
        name = _xml(f"{r.student}: {r.assignment}")
        suite = ET.SubElement(root, "testsuite", name=name)
        for q in r.questions or [Question("submission", 0, 0, "failed", r.problem)]:
            of = _xml(r.student)
            case = ET.SubElement(suite, "testcase", classname=of, name=q.id)
            if q.status == "by hand":
                ET.SubElement(case, "skipped", message="graded by hand")
            elif q.status != "passed":
                ET.SubElement(case, "failure", message=_xml(q.message))
        suite.set("tests", str(len(suite)))
        suite.set("failures", str(len(suite.findall("testcase/failure"))))
    text = ET.tostring(root, encoding="unicode")
    return f"<?xml version='1.0' encoding='utf-8'?>\n{text}\n"


def _xml(text: str) -> str:
    return re.sub(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "?", text)


def replace(path: Path, text: str, encoding: str = "utf-8") -> None:
    """Write a file so that at every moment it is whole: the old one or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    data = text.encode(encoding, "backslashreplace")
    number, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(number, "wb") as file:
            file.write(data)
        os.chmod(name, path.stat().st_mode & 0o777 if path.exists() else 0o600)
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise
