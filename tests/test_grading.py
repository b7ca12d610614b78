"""Grading: a row for every submission, no points for tricks, the same in nbgrader."""

import csv
import doctest
import importlib
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from itertools import zip_longest
from pathlib import Path
from types import SimpleNamespace

import pytest

nbformat = pytest.importorskip("nbformat")
pytest.importorskip("ipykernel")
import hostile  # noqa: E402
from test_assignments import (  # noqa: E402
    ANSWERS,
    FOLDER,
    NAMES,
    cells_by_id,
    graded,
    release,
    run,
    source,
)

sys.path.insert(0, str(FOLDER))
from grading import finding, judging, pages, restoring, writing  # noqa: E402

sys.path.remove(str(FOLDER))
GRADE = FOLDER / "grade.py"
LIMITS = ["--timeout", 3, "--minutes", 1, "--memory", 1]


def rows_of(path):
    return {row["student"]: row for row in json.loads(path.read_text(encoding="utf-8"))}


def earned(row):
    return {q["id"].removeprefix("test_"): q["earned"] for q in row["questions"]}


def said(row, question="test_double"):
    return next(q["message"] for q in row["questions"] if q["id"] == question)


def processes_with(text):
    """Processes whose command line holds a text, where /proc tells it."""
    found = set()
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if text in path.read_bytes():
                found.add(path)
        except OSError:  # it has just ended
            continue
    return found


@pytest.fixture
def course(tmp_path):
    hostile.write_course(tmp_path / "course")
    (tmp_path / "submitted").mkdir()
    return tmp_path


def grade(folder, *words, **environment):
    words = ["submitted", "--originals", "course", *LIMITS, *words]
    return subprocess.run(
        [sys.executable, GRADE, *map(str, words)],
        cwd=folder,
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
    )


# -- the hostile folder ----------------------------------------------------------------


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """What one call says of everything that `hostile` makes."""
    out = tmp_path_factory.mktemp("hostile")
    submitted = hostile.write_all(out)
    before = processes_with(b"sleep\x004242")
    words = ["--out", "out", "--junit", "out/junit.xml", "--jobs", 2]
    words += ["--deadline", "2026-03-01T00:00+00:00"]
    made = grade(out, *words, PYTHONIOENCODING="cp1252")
    assert made.returncode == 1, made.stdout + made.stderr
    left = processes_with(b"sleep\x004242") - before
    rows = rows_of(out / "out" / "grades.json")
    return SimpleNamespace(out=out, rows=rows, left=left, submitted=submitted)


hostile_only = [pytest.mark.xdist_group("hostile"), pytest.mark.kernel]
pytestmark = [pytest.mark.skipif(os.name != "posix", reason="links, pipes, /proc")]
# they take the other questions with them: the shell itself is broken
LOSE_ALL = {"do_execute", "input_transformer", "input_transformer_late", "run_cell"}
LOSE_ALL |= {"reset"}
SAID = {
    "os_exit": "ended Python",
    "os_exit_later": "ended Python",
    "sys_exit": "ended Python",
    "crash": "SIGSEGV",
    "killed": "SIGKILL",
    "loop": "took too long",
    "loop_later": "took too long",
    "deaf": "catches every exception",
    "memory": "Memory",
    "children_memory": "more memory than its limit",
    "processes": "more than 64 processes",
    "frame": "frames",
    "frame_generator": "frames",
    "body": "replaced",
    "syntax": "SyntaxError",
    "run_cell": "not defined",
}


@pytest.mark.xdist_group("hostile")
@pytest.mark.kernel
@pytest.mark.parametrize("trick", hostile.TRICKS)
def test_a_trick_earns_nothing_and_costs_no_other_question(folder, trick):
    row = folder.rows[f"trick_{trick}"]
    got = earned(row)
    assert (got["double"], got["pair"]) == (0, 0), said(row)
    assert got["third"] == (0 if trick in LOSE_ALL else 3), said(row, "test_third")
    assert SAID.get(trick, "") in said(row)
    late = {"loop", "loop_later", "deaf", "children_late"}
    assert ("too long" in json.dumps(row["questions"])) == (trick in late)


@pytest.mark.xdist_group("hostile")
@pytest.mark.kernel
def test_accidents_keep_their_points(folder):
    for student, (_, points) in hostile.spoiled().items():
        assert folder.rows[student]["earned"] == points, student
        assert folder.rows[student]["possible"] == hostile.WHOLE
    assert said(folder.rows["untouched"]) == "not answered yet."
    assert said(folder.rows["untouched"], "answer_why") == "not answered."
    assert "right: up. down: " in said(folder.rows["half"], "test_pair")
    assert "missing" in said(folder.rows["no_answer"])
    assert "markdown: put back" in folder.rows["text"]["notes"][0]
    assert "found by the functions" in folder.rows["nameless"]["notes"][0]


@pytest.mark.xdist_group("hostile")
@pytest.mark.kernel
def test_every_file_has_its_row_and_odd_ones_a_sentence(folder):
    shown = {os.fsencode(p.name) for p in folder.submitted.iterdir()}
    assert len(folder.rows) == len(shown) - 1  # without the hidden one
    for name, (_, points, words) in hostile.files().items():
        if words is None:
            continue
        row = folder.rows[hostile.student_of(name)]
        assert row["earned"] == (points or 0), name
        assert words in row["problem"], name
        assert bool(row["problem"]) == (points is None), name
    (folder.out / "again").mkdir(exist_ok=True)
    for student, words in hostile.odd_files(folder.out / "again").items():
        assert words in folder.rows[student]["problem"], student
    assert folder.rows["nbgrader"]["late"] == "1 d 10 h 0 min"
    assert folder.rows["doejane"]["id"] == "12345"
    assert folder.rows["roe"]["late"]
    assert not folder.left


@pytest.mark.xdist_group("hostile")
@pytest.mark.kernel
def test_tables_and_pages_of_a_hostile_folder(folder):
    data = (folder.out / "out" / "grades.csv").read_bytes()
    assert data.startswith(b"\xef\xbb\xbf")
    rows = list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline="")))
    assert len(rows) == len(folder.rows)
    for row in rows:
        assert not any(cell[:1] in tuple("=+-@\t\r") for cell in row.values() if cell)
    names = {row["student"] for row in rows}
    assert {"'=2+5", "Zo\\udceb", '\'@tab\tnew\nline,"quote"'} <= names
    junit = ET.parse(folder.out / "out" / "junit.xml").getroot()
    assert len(junit) == len(rows)
    feedback = {p.name: p.read_text() for p in folder.out.glob("out/feedback/*")}
    assert len(feedback) == len(rows)
    assert not any("<script" in text for text in feedback.values())
    assert "&lt;script&gt;alert" in "".join(feedback.values())
    assert "down: got 4, expected 3" in feedback["half.html"]
    assert "return x + 1" in feedback["half.html"]
    written = (folder.out / "out" / "written.html").read_text(encoding="utf-8")
    assert "of &lt;b&gt;this&lt;/b&gt;" in written
    report = (folder.out / "out" / "report.html").read_text(encoding="utf-8")
    assert re.search(r"\d+ × not answered yet", report)
    assert "is a link: never opened" in report


# -- a second call ---------------------------------------------------------------------


@pytest.mark.kernel
def test_ctrl_c_keeps_rows_and_a_second_call_goes_on(course):
    slow = hostile.notebook(double="import time\ntime.sleep(60)")
    hostile.write_files(
        course / "submitted",
        {
            "ana.ipynb": (hostile.as_file(hostile.notebook()),),
            "bob.ipynb": (hostile.as_file(slow),),
        },
    )
    words = ["submitted", "--originals", "course", "--csv", "g.csv"]
    words += ["--timeout", "40"]
    started = subprocess.Popen(
        [sys.executable, GRADE, *words], cwd=course, stdout=subprocess.PIPE, text=True
    )
    try:
        wait_until((course / "g.csv").exists)
        started.send_signal(signal.SIGINT)
        assert "goes on" in started.communicate(timeout=20)[0]
    finally:
        started.kill()
    assert started.returncode == 130
    table = (course / "g.csv").read_text(encoding="utf-8-sig")
    assert "ana" in table
    assert "bob" not in table
    # somebody grades by hand; bob hands in something quick; cleo is new
    filled = table.replace(",9,9,2,4,3,,", ',9,9,2,4,3,"1,5",')
    assert filled != table
    (course / "g.csv").write_text(filled, encoding="utf-8-sig")
    hostile.write_files(
        course / "submitted", {"bob.ipynb": (hostile.as_file(hostile.notebook(False)),)}
    )
    (course / ".g.csv.json").write_text(
        (course / ".g.csv.json").read_text().replace("return 2 * x", "as stored"),
    )
    made = grade(
        course, "--csv", "g.csv", "--timeout", "40", "--memory", 8, "--minutes", 10
    )
    rows = rows_of(course / ".g.csv.json")
    assert "as stored" in rows["ana"]["questions"][0]["answer"]  # not run again
    assert {name: row["earned"] for name, row in rows.items()} == {"ana": 9, "bob": 0}
    with (course / "g.csv").open(encoding="utf-8-sig", newline="") as file:
        ana, bob = csv.DictReader(file)
    assert (ana["total"], bob["total"]) == ("10.5", "")
    assert made.returncode == 1


def wait_until(true, seconds=60):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.1)


@pytest.mark.kernel
def test_originals_are_read_before_anything_of_a_student_runs(course):
    original = course / "course" / "source" / "00_small" / "00_small.ipynb"
    empty = "{'cells': [], 'metadata': {}, 'nbformat': 4}"
    attack = f"import json\njson.dump({empty}, open({str(original)!r}, 'w'))"
    hostile.write_files(
        course / "submitted",
        {
            "a.ipynb": (hostile.as_file(hostile.tricked(attack)),),
            "b.ipynb": (hostile.as_file(hostile.notebook(double="double = 1")),),
        },
    )
    grade(course, "--json", "all.json")
    assert json.loads(original.read_text())["cells"] == []  # it did what it could
    assert rows_of(course / "all.json")["b"]["earned"] == hostile.WHOLE - 2


@pytest.mark.kernel
def test_one_notebook_is_graded_by_itself(tmp_path):
    path, out = tmp_path / "me.ipynb", tmp_path / "me.json"
    nbformat.write(source("01_metrics"), path)
    made = run(GRADE, path, "--json", out)
    (row,) = json.loads(out.read_text(encoding="utf-8"))
    assert (row["student"], row["earned"], row["possible"]) == ("me", 14, 14)
    assert made.returncode == 0, made.stdout  # only with all automatic points


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nowhere"], "does not exist"),
        (["submitted", "--deadline", "soon"], "--deadline is a date"),
        (["submitted", "--assignment", "07"], "the assignments are 00_small"),
        (["submitted", "--minutes", "0"], "--minutes must be more than 0"),
        (["submitted", "--csv", "mine.csv"], "not a table of grades"),
        (["submitted", "--json", "mine.csv"], "holds no grades"),
        (["submitted", "--originals", "submitted"], "no assignment"),
    ],
)
def test_a_wrong_call_is_told_why_and_changes_nothing(course, words, said):
    (course / "mine.csv").write_text("name,grade\nana,1\n")
    words = ["--originals", "course", *words]
    made = subprocess.run(
        [sys.executable, GRADE, *words], cwd=course, capture_output=True, text=True
    )
    assert made.returncode == 2
    assert said in made.stderr
    assert (course / "mine.csv").read_text() == "name,grade\nana,1\n"


# -- without a kernel ------------------------------------------------------------------


@pytest.mark.parametrize("name", ["finding", "writing"])
def test_the_examples_in_docstrings(name):
    assert doctest.testmod(importlib.import_module(f"grading.{name}")).failed == 0


@pytest.mark.parametrize(
    ("name", "student", "number", "late"),
    [
        ("ana.ipynb", "ana", "", False),
        ("ana_maria.ipynb", "ana_maria", "", False),
        ("01_metrics.ipynb", "01_metrics", "", False),
        ("doejane_12345_67890_01_metrics.ipynb", "doejane", "12345", False),
        ("doejane_LATE_12345_67890_my_work.ipynb", "doejane", "12345", True),
        ("Jane Doe_987654_assignsubmission_file_", "Jane Doe", "987654", False),
        ("Jane_Doe_7_assignsubmission_file_x.ipynb", "Jane_Doe", "7", False),
        ("Jane Doe_7_assignsubmission_file", "Jane Doe", "7", False),
    ],
)
def test_names_of_learning_management_systems(name, student, number, late):
    assert finding.who(name)[:3] == (student, number, late)


def test_a_class_in_one_zip(tmp_path):
    names = {
        "submissions/doejane_1_2_a.ipynb": "1",
        "submissions/Jane Doe_3_assignsubmission_file_/b.ipynb": "2",
        "submissions/roe_4_5_c.zip": hostile.zipped(**{"d.ipynb": "3"}),
        "submissions/__MACOSX/._a.ipynb": "",
        "submissions/__MACOSX/b.ipynb": "",
    }
    (tmp_path / "class.zip").write_bytes(hostile.zipped(**names))
    found = list(finding.handed_in(tmp_path / "class.zip"))
    assert [(f.student, f.id, f.read()) for f in found] == [
        ("doejane", "1", b"1"),
        ("Jane Doe", "3", b"2"),
        ("roe", "4", b"3"),
    ]
    assert list(tmp_path.iterdir()) == [tmp_path / "class.zip"]  # nothing is unpacked


@pytest.fixture
def small(tmp_path, monkeypatch):
    """A task whose kernel says that everything is right."""
    hostile.write_course(tmp_path)
    known = restoring.originals(tmp_path)
    asked = []

    def all_right(cells, limits, until):
        asked.append([c.source for c in cells])
        return {n: judging.running.Result() for n in range(len(cells))}

    monkeypatch.setattr(judging.running, "run", all_right)
    task = judging.Task(known, judging.running.Limits())
    return SimpleNamespace(task=task, asked=asked)


def handed(student="ana", file="a.ipynb", made=None, **more):
    data = hostile.as_file(made or hostile.notebook())
    return finding.Handed(student, file, read=lambda: data, **more)


def test_one_row_for_a_student_the_newest_file_counts(small):
    files = [handed(file="new.ipynb", time=9.0), handed(file="old.ipynb", time=3.0)]
    files += [handed(file="bad.ipynb", made=[1])]
    (row,) = judging.grade(files, small.task)
    assert row.file == "new.ipynb"
    assert any("old.ipynb" in note for note in row.notes)
    assert any("bad.ipynb" in note for note in row.notes)
    (row,) = judging.grade([*files, handed(file="x-1.ipynb", attempt=1)], small.task)
    assert row.file == "x-1.ipynb"
    zoe = [handed("Zoe\u0308"), handed("Zo\u00eb")]
    assert len(list(judging.by_student(zoe))) == 1
    assert len(list(judging.by_student([handed(id="1"), handed(id="2")]))) == 2


def test_what_is_not_graded_is_not_run(small):
    made = hostile.notebook()
    made["cells"].insert(1, made["cells"].pop(-2))  # the study, before everything
    judging.grade([handed(made=made)], small.task)
    (cells,) = small.asked
    assert "open('ran', 'w')" not in cells
    assert len(cells) == 7


@pytest.mark.parametrize(
    ("seconds", "per_day", "late", "deducted"),
    [
        (0, 10, "", 0),
        (61, 0, "0 d 0 h 1 min", 0),
        (60, 10, "0 d 0 h 1 min", 0.9),
        (86400, 10, "1 d 0 h 0 min", 0.9),
        (86401, 10, "1 d 0 h 0 min", 1.8),
        (86400 * 30, 10, "30 d 0 h 0 min", 9),
    ],
)
def test_late_is_said_and_costs_points_only_if_asked(
    small, seconds, per_day, late, deducted
):
    small.task.deadline = judging.moment("2026-03-01T12:00Z")
    small.task.per_day = per_day
    (row,) = judging.grade([handed(time=small.task.deadline + seconds)], small.task)
    assert (row.late, row.deducted, row.earned) == (late, deducted, 9)


@pytest.mark.parametrize("sign", "=+-@\t\r")
def test_no_cell_is_a_formula(sign):
    for text in (f"{sign}1", f" {sign}1", f"\n{sign}1"):
        assert writing.safe(text)[0] == "'"
    assert writing.safe("a=b") == "a=b"


def test_points_by_hand_are_kept_summed_and_checked(small, tmp_path):
    rows = judging.grade([handed()], small.task) + judging.grade(
        [handed("=x")], small.task
    )
    path = tmp_path / "g.csv"
    path.write_text(writing.csv_text(rows, {}), encoding="utf-8-sig")
    assert writing.read_hand(path) == {
        ("ana", "", "00_small"): {
            "test_double": "2",
            "test_pair": "4",
            "test_third": "3",
        },
        ("'=x", "", "00_small"): {
            "test_double": "2",
            "test_pair": "4",
            "test_third": "3",
        },
    }
    # saved by a spreadsheet that separates by semicolons
    typed = path.read_text(encoding="utf-8-sig").replace(",", ";")
    typed = typed.replace("9;9;2;4;3;", "9;9;2;4;3;2", 1)
    typed = typed.replace("9;9;2;4;3;;", "9;9;2;4;3;many;", 1)
    path.write_text(typed, encoding="utf-8-sig")
    hand = writing.read_hand(path)
    again = list(csv.DictReader(io.StringIO(writing.csv_text(rows, hand), newline="")))
    assert [(r["answer_why"], r["total"]) for r in again] == [("2", "11"), ("many", "")]
    assert writing.misfits(rows, hand) == [
        "=x, answer_why: 'many' is not between 0 and 3."
    ]
    assert "All points: 11." in pages.feedback(rows[:1], hand)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        *[("3", 3), ("0", 0), ("2.5", 2.5), ("2,5", 2.5)],
        *[(text, None) for text in ("3.1", "-1", "nan", "inf", "x", "")],
    ],
)
def test_typed_points(text, value):
    assert writing.points(text, 3) == value


def test_rows_of_earlier_calls_stay_until_they_are_replaced():
    def row(student, assignment, problem=""):
        return judging.Report(student, "f", assignment, problem)

    earlier = [row("ana", "1"), row("ana", "", "unreadable"), row("bob", "1")]
    now = [row("ana", "2"), row("bob", "1", "new")]
    assert [
        (r.student, r.assignment, r.problem) for r in judging.merged(earlier, now)
    ] == [
        ("ana", "1", ""),
        ("ana", "2", ""),
        ("bob", "1", "new"),
    ]


def test_the_class_report_counts_the_same_idea_once(small):
    rows = judging.grade([handed()], small.task) + judging.grade(
        [handed("b")], small.task
    )
    for n, row in enumerate(rows):
        row.questions[0].status = "failed"
        row.questions[0].message = f"double: got {n}, expected 6"
    assert "2 × double: got ..., expected ..." in pages.class_report(rows)
    names = [pages.file_name(s, "") for s in ("ana", "Ana", "../x", "a/b", "a_b", "")]
    assert len({name.lower() for name in names}) == len(names)
    assert all(re.fullmatch(r"[\w.-]+\.html", name) for name in names)


def test_the_same_file_twice_is_told(small):
    rows = judging.grade([handed()], small.task)
    rows += judging.grade([handed("bob")], small.task)
    judging.copies(rows)
    assert [r.notes for r in rows] == [[], ["the same file as ana's."]]


# -- nbgrader --------------------------------------------------------------------------


def recipe():
    """The lines of course.md that call nbgrader, without comments and the extension."""
    text = (FOLDER.parent / "course.md").read_text(encoding="utf-8")
    block = text[text.index("## With nbgrader") :].split("```")[1]
    lines = [line.split("#")[0].split() for line in block.strip().splitlines()]
    return [ln[1:] for ln in lines if ln[0] == "nbgrader" and ln[1] != "formgrade"]


def submissions(assignment):
    """{name: notebook}: each stored right or wrong answer is in one of them.

    Cells that are neither answers nor checks are left out: they cost half a minute.
    """
    of = [
        [a for a in ANSWERS if (a.assignment, a.question) == (assignment, question)]
        for question in graded(source(assignment))
    ]
    made = {"source": source(assignment), "release": release(assignment)}
    mixed = [answers[:: (-1) ** n] for n, answers in enumerate(of)]  # wrong and right
    for n, answers in enumerate(zip_longest(*mixed)):
        made[f"answers_{n}"] = source(assignment)
        cells = cells_by_id(made[f"answers_{n}"])
        for answer in filter(None, answers):
            cells[answer.question].source = answer.code
    for notebook in made.values():
        notebook.cells = [
            c
            for c in notebook.cells
            if c.cell_type != "code" or "nbgrader" in c.metadata
        ]
    return made


def compare(assignment, made, folder):
    """Both graders over the same notebooks: {student: points} of each."""
    course = folder / "course"
    others = [name for name in NAMES if name != assignment]
    shutil.copytree(FOLDER, course, ignore=shutil.ignore_patterns(*others))
    assert (course / "release" / assignment).is_dir()
    words = [[w.replace("01_metrics", assignment) for w in line] for line in recipe()]
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    how = dict(
        cwd=course, env={**os.environ, "PATH": path}, check=True, capture_output=True
    )
    start = [sys.executable, "-m", "nbgrader"]
    subprocess.run([*start, *words[0]], **how)
    for student, notebook in made.items():
        mine = course / "submitted" / student / assignment
        mine.mkdir(parents=True)
        nbformat.write(notebook, mine / f"{assignment}.ipynb")
    subprocess.run([*start, *words[1]], **how)
    from nbgrader.api import Gradebook

    with Gradebook(f"sqlite:///{course / 'gradebook.db'}") as book:
        theirs = {
            s.student_id: s.score for s in book.assignment_submissions(assignment)
        }
    run(GRADE, course / "submitted", "--json", folder / "ours.json", "--whole")
    rows = rows_of(folder / "ours.json")
    return theirs, {student: row["earned"] for student, row in rows.items()}


def test_the_recipe_of_both_pages_is_one():
    generate, autograde = recipe()
    told = (FOLDER / "nbgrader_config.py").read_text(encoding="utf-8")
    assert all(f"nbgrader {' '.join(words)}" in told for words in (generate, autograde))
    assert generate[:2] == ["generate_assignment", "01_metrics"]
    assert autograde[:2] == ["autograde", "01_metrics"]


@pytest.mark.kernel
def test_nbgrader_grades_the_same_by_the_recipe(tmp_path):
    """The commands of course.md, in a copy of the folder as it is in the repository."""
    pytest.importorskip("nbgrader")
    made = submissions("01_metrics")
    made = {name: made[name] for name in ("source", "release", "answers_0")}
    cells = cells_by_id(made["source"])
    if "simplefilter" in cells["setup"].source:  # warnings cost points without it
        cells["metrics"].source = cells["metrics"].source.replace(
            "### BEGIN SOLUTION", 'import warnings\n    warnings.warn("innocent")'
        )
    theirs, ours = compare("01_metrics", made, tmp_path)
    assert theirs == ours
    assert (ours["release"], ours["source"]) == (0, 14)
    assert 0 < ours["answers_0"] < 14


@pytest.mark.slow
@pytest.mark.kernel
@pytest.mark.parametrize("assignment", NAMES)
def test_nbgrader_grades_every_stored_answer_the_same(assignment, tmp_path):
    pytest.importorskip("nbgrader")
    theirs, ours = compare(assignment, submissions(assignment), tmp_path)
    assert theirs == ours
    assert (ours["release"], ours["source"]) == (0, max(ours.values()))


# -- the container (its pieces; no container is started here) --------------------------


def test_the_container_recipe_names_what_is_there(tmp_path):
    repository = FOLDER.parents[1]
    lines = (FOLDER / "Dockerfile").read_text(encoding="utf-8").splitlines()
    copied = [
        word for ln in lines if ln.startswith("COPY") for word in ln.split()[1:-1]
    ]
    assert "book/assignments/source" in copied
    assert all((repository / path).exists() for path in copied), copied
    (entry,) = (ln for ln in lines if ln.startswith("ENTRYPOINT"))
    words = json.loads(entry.removeprefix("ENTRYPOINT"))
    help_text = run(GRADE, "--help").stdout
    assert all(word in help_text for word in words if word.startswith("--"))


@pytest.mark.parametrize("tool", ["podman", "docker"])
def test_the_container_is_started_by_one_command(tmp_path, tool):
    """With a program in the tool's place that writes down how it is called."""
    (tmp_path / "bin").mkdir()
    fake = tmp_path / "bin" / tool
    fake.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" --- >> {tmp_path}/calls\n')
    fake.chmod(0o755)
    for name in ("sh", "dirname", "mkdir"):
        os.symlink(shutil.which(name), tmp_path / "bin" / name)
    (tmp_path / "my class").mkdir()
    words = ["sh", FOLDER / "container.sh", "my class", "results", "--jobs", "2"]
    env = {"PATH": str(tmp_path / "bin")}
    subprocess.run(words, cwd=tmp_path, env=env, check=True)
    build, started = (tmp_path / "calls").read_text().strip("-\n").split("\n---\n")
    assert build.startswith("build\n")
    called = started.split("\n")
    assert called[-3:] == ["disrec-grade", "--jobs", "2"]
    assert called[called.index("--network") + 1] == "none"
    assert f"{tmp_path}/my class:/private/submitted:ro" in called
    assert {"--read-only", "no-new-privileges", "--memory"} <= set(called)
    none = subprocess.run(["sh", FOLDER / "container.sh"], capture_output=True, env=env)
    assert none.returncode == 2
    assert b"usage" in none.stderr
