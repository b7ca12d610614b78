"""Pages to hand back and to work with: feedback, written answers, a class report."""

from __future__ import annotations

import hashlib
import html
import re
from collections import Counter, defaultdict
from pathlib import Path

from grading.judging import Report
from grading.restoring import Original
from grading.writing import Hand, name_of, points, replace, total

STYLE = """
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 50rem; margin: 2rem auto;
  padding: 0 1rem; color-scheme: light dark; }
pre { padding: .6rem; border: 1px solid #8888; white-space: pre-wrap;
  overflow-x: auto; }
table { border-collapse: collapse; } td, th { padding: .2rem .8rem .2rem 0;
  text-align: left; vertical-align: top; }
"""


def page(title: str, body: list[str]) -> str:
    """A page without scripts, that loads nothing."""
    rule = "default-src 'none'; style-src 'unsafe-inline'"
    return "\n".join(
        [
            '<!doctype html><html lang="en"><head><meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{rule}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{esc(title)}</title><style>{STYLE}</style></head><body>",
            f"<h1>{esc(title)}</h1>",
            *body,
            "</body></html>\n",
        ]
    )


def esc(text: str) -> str:
    """Text as text, whatever it is; control characters as question marks."""
    shown = re.sub(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]", "?", text)
    return html.escape(shown)


def file_name(student: str, number: str) -> str:
    """A name that every file system takes, and that no two students share."""
    name = f"{student}_{number}" if number else student
    plain = re.sub(r"[^A-Za-z0-9.-]+", "_", name).strip("._")[:60]
    if plain and plain == name == name.lower():
        return f"{plain}.html"
    mark = hashlib.sha256(name.encode("utf-8", "surrogateescape")).hexdigest()[:8]
    return f"{plain or 'student'}-{mark}.html"


def feedback(reports: list[Report], hand: Hand) -> str:
    """What one student gets back: points, message and own answer for each question."""
    body = []
    for r in reports:
        typed = hand.get(name_of(r), {})
        body.append(f"<h2>{esc(r.assignment or Path(r.file).name)}</h2>")
        if r.problem:
            body.append(f"<p>{esc(r.problem)}</p>")
        if r.late:
            less = f"; {r.deducted:g} points less" if r.deducted else ""
            body.append(f"<p>Late: {esc(r.late)}{less}.</p>")
        for q in r.questions:
            got = f"{q.earned:g}"
            if q.status == "by hand":
                value = points(typed.get(q.id, ""), q.points)
                got = "not yet graded:" if value is None else f"{value:g}"
            body.append(f"<h3>{esc(q.id)}: {got} of {q.points:g}</h3>")
            body.append(f"<p>{esc(q.message or q.status)}</p>")
            body.append(f"<pre>{esc(q.answer)}</pre>" if q.answer.strip() else "")
        if r.questions:
            body.append(
                f"<p><b>Automatic points: {r.earned:g} of {r.automatic:g}.</b></p>"
            )
        whole = total(r, typed)
        if whole is not None:
            body.append(f"<p><b>All points: {whole:g}.</b></p>")
    return page(f"Feedback for {reports[0].student}", body)


def written(reports: list[Report], known: dict[str, Original]) -> str:
    """The answers in words, question by question, below rubric and model answer."""
    body = []
    for original in known.values():
        mine = [r for r in reports if r.assignment == original.name and r.questions]
        cells = original.cells
        for n, cell in enumerate(cells):
            key = cell["metadata"].get("nbgrader", {}).get("grade_id", "")
            found = [(r, q) for r in mine for q in r.by_hand if q.id == key]
            if not found:
                continue
            body.append(f"<h2>{esc(original.name)}: {esc(key)}</h2>")
            above = cells[n - 1]["source"] if n else ""
            for what, text in (("Task and rubric", above), ("Model", cell["source"])):
                body.append(f"<details><summary>{what}</summary>")
                body.append(f"<pre>{esc(text)}</pre></details>")
            for report, q in found:
                body.append(f"<h3>{esc(report.student)} (of {q.points:g})</h3>")
                body.append(
                    f"<pre>{esc(q.answer if not q.message else q.message)}</pre>"
                )
    return page("Answers in words", body)


def class_report(reports: list[Report]) -> str:
    """How many got each question right, and what the others were told."""
    body = []
    by_name: dict[str, list[Report]] = defaultdict(list)
    for r in reports:
        by_name[r.assignment].append(r)
    for name, mine in by_name.items():
        title = name or "no assignment was recognised"
        body.append(f"<h2>{esc(title)}: {len(mine)} handed in</h2>")
        told: dict[str, Counter[str]] = defaultdict(Counter)
        right: Counter[str] = Counter()
        for r in mine:
            if r.problem:
                told["(whole file)"][alike(r.problem)] += 1
            for q in r.questions:
                right[q.id] += q.status == "passed"
                if q.message or q.id not in told:
                    told[q.id].update([alike(q.message)] if q.message else [])
        body.append("<table><tr><th>question</th><th>right</th><th>told</th></tr>")
        for key, messages in told.items():
            share = f"{right[key]} of {len(mine)}" if key in right else ""
            lines = [f"{n} × {esc(text)}" for text, n in messages.most_common(12)]
            body.append(
                f"<tr><td>{esc(key)}</td><td>{share}</td>"
                f"<td>{'<br>'.join(lines)}</td></tr>"
            )
        body.append("</table>")
    return page("Class report", body)


def alike(message: str) -> str:
    """A message without its numbers, so that the same idea is counted together."""
    text = re.sub(r"\bgot\b.*", "got ..., expected ...", message, flags=re.S)
    return re.sub(r"\d+(\.\d+)?( ?%)?", "n", text)[:300]


def write_feedback(folder: Path, reports: list[Report], hand: Hand) -> None:
    of: dict[tuple[str, str], list[Report]] = defaultdict(list)
    for r in reports:
        of[r.student, r.id].append(r)
    for (student, number), mine in of.items():
        replace(folder / file_name(student, number), feedback(mine, hand))
