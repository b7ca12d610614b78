"""A small assignment, and what somebody careless or hostile may hand in.

`python tests/hostile.py FOLDER` writes `course` and `submitted` into a folder; there
`python .../grade.py submitted --originals course --out results` grades them.
"""

import io
import json
import os
import re
import socket
import sys
import zipfile
from pathlib import Path

SETUP = """
import math

def check(got, want, name):
    assert got is not None, f"{name}: nothing came back"
    assert math.isclose(got, want), f"{name}: got {got}, expected {want}"
"""
ANSWERS = {
    "double": "def double(x):\n    {}return 2 * x",
    "pair": "def up(x):\n    {0}return x + 1\n\n\ndef down(x):\n    {0}return x - 1",
    "third": "def third(x):\n    {}return x / 3",
}
CHECKS = {
    "double": 'check(double(3), 6, "double")\n'
    "### BEGIN HIDDEN TESTS\n"
    "for want in (0, 10, 12):\n    check(double(want / 2), want, 'hidden')\n"
    "### END HIDDEN TESTS",
    "pair": "want = 5\ncheck(up(4), want, 'up')\n"
    "want = 3\ncheck(down(4), want, 'down')",
    "third": 'check(third(3), 1, "third")',
}
POINTS = {"double": 2, "pair": 4, "third": 3}
WHOLE = sum(POINTS.values())


def cell(key, source, kind="code", **about):
    about = {"grade": False, "locked": False, "solution": False, "task": False} | about
    made = {"id": f"id-{key}", "cell_type": kind, "source": source, "metadata": {}}
    made["metadata"]["nbgrader"] = {"schema_version": 3, "grade_id": key} | about
    return made | ({"outputs": [], "execution_count": None} if kind == "code" else {})


def study(source):
    made = cell("study", source)
    return made | {"metadata": {}}


def notebook(answered=True, **sources):
    """The small assignment, answered or not; `sources` replace answers."""
    keep = "### BEGIN SOLUTION\n    " if answered else "raise NotImplementedError\n    "
    cells = [cell("setup", SETUP, locked=True)]
    for key, text in ANSWERS.items():
        source = sources.get(key, text.format(keep))
        cells += [cell(key, source, solution=True)]
        about = {"grade": True, "locked": True, "points": POINTS[key]}
        cells += [cell(f"test_{key}", CHECKS[key], **about)]
    about = {"grade": True, "solution": True, "points": 3}
    words = "=because\nof <b>this</b>" if answered else "YOUR ANSWER HERE"
    cells += [study("open('ran', 'w')"), cell("answer_why", words, "markdown", **about)]
    return {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}


def write_course(folder):
    path = folder / "source" / "00_small" / "00_small.ipynb"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(notebook()), encoding="utf-8")


# In place of the first answer; the second is not answered either, the third is right.
# None of it may earn a point for the first two; the third counts.
NO_ANSWER = "def double(x):\n    return {}\n"
SHELL = "from IPython import get_ipython\nip = get_ipython()\n"
TRICKS = {
    "set_custom_exc": SHELL + "ip.set_custom_exc((Exception,), lambda *a, **k: None)",
    "showtraceback": SHELL + "ip.showtraceback = lambda *a, **k: None",
    "input_transformer": SHELL + "ip.input_transformers_cleanup.append(lambda l: [])",
    "input_transformer_late": SHELL + "ip.input_transformers_post.append(lambda l: [])",
    "ast_transformer": SHELL
    + "import ast\nclass Drop(ast.NodeTransformer):\n"
    + "    def visit_Assert(self, node): return ast.Pass()\n"
    + "ip.ast_transformers.append(Drop())\ncheck = lambda *a: None",
    "check": "check = lambda *a, **k: None\n" + NO_ANSWER.format(1),
    "isclose": "import math\nmath.isclose = lambda *a: True\n" + NO_ANSWER.format(1),
    "builtins": "import builtins\n"
    + "builtins.compile = lambda *a, **k: (lambda: 0).__code__",
    "builtins_exec": "import builtins\nbuiltins.exec = lambda *a, **k: None",
    "do_execute": SHELL
    + "async def fine(*a, **k):\n    return {'status': 'ok', 'execution_count': 1,"
    + " 'payload': [], 'user_expressions': {}}\nip.kernel.do_execute = fine",
    "run_cell": SHELL + "ip.run_cell = lambda *a, **k: None",
    "send": SHELL
    + "whole = ip.kernel.session.send\ndef send(s, kind, content=None, *a, **k):\n"
    + "    if content and kind == 'execute_reply': content['status'] = 'ok'\n"
    + "    return whole(s, kind, content, *a, **k)\nip.kernel.session.send = send",
    "body": SHELL
    + "whole = ip.kernel.session.send\ndef send(s, kind, content=None, *a, **k):\n"
    + "    if content and 'body' in content:\n"
    + "        import json; b = json.loads(content['body']); b['error'] = ''\n"
    + "        content['body'] = json.dumps(b)\n"
    + "    return whole(s, kind, content, *a, **k)\nip.kernel.session.send = send",
    "log": "import os, json\nfor k, v in list(os.environ.items()):\n"
    + "    if 'LOG' in k: open(v, 'a').write(json.dumps({'cell': 2}) + '\\n')\n"
    + "os.kill(os.getppid(), 9)",
    "source_on_path": "import sys, glob\nfor p in sys.path:\n"
    + "    for f in glob.glob(p + '/source/*/*.ipynb'):\n"
    + "        import json; [exec(''.join(c['source'])) for c in"
    + " json.load(open(f))['cells'] if c['cell_type'] == 'code']",
    "frame": "import sys\n" + NO_ANSWER.format("sys._getframe(1).f_globals['want']"),
    "frame_inspect": "import inspect\n"
    + NO_ANSWER.format("inspect.stack()[1].frame.f_globals['want']"),
    "frame_traceback": "def double(x):\n    try: 1 / 0\n    except Exception as e:\n"
    + "        return e.__traceback__.tb_frame.f_back.f_globals['want']",
    "frame_generator": "def g(): yield h.gi_frame.f_back.f_back\nh = g()\n"
    + NO_ANSWER.format("next(h).f_globals['want']"),
    "frame_trace": "import sys\nkept = []\n"
    + "def double(x):\n    sys.setprofile(lambda f, *a: kept.append(f))\n    len('')\n"
    + "    return kept[0].f_back.f_globals['want']",
    "globals": NO_ANSWER.format("globals()['want']"),
    "parent": SHELL + NO_ANSWER.format(
        "eval(ip.kernel.get_parent()['content']['code'].split(',')[1])"),
    "equal": "class Yes(float):\n    def __eq__(self, o): return True\n"
    + NO_ANSWER.format("Yes('nan')"),
    "exit": "exit()",
    "quit": "quit",
    "quit_called": "quit(keep_kernel=True) if False else quit()",
    "sys_exit": "import sys\nsys.exit()",
    "sys_exit_later": "def double(x):\n    raise SystemExit",
    "ask_exit": SHELL + "ip.ask_exit()",
    "os_exit": "import os\nos._exit(0)",
    "os_exit_later": "import os\n" + NO_ANSWER.format("os._exit(0)"),
    "crash": "import ctypes\nctypes.string_at(0)",
    "killed": "import os\nos.kill(os.getpid(), 9)",
    "kill_parent": "import os\nos.kill(os.getppid(), 9)",
    "interrupts_itself": "def double(x):\n    raise KeyboardInterrupt",
    "strange_error": "class Bad(Exception):\n    def __str__(self): 1 / 0\n"
    + "def double(x):\n    raise Bad",
    "long_error": "def double(x):\n    raise ValueError('x' * 100_000_000)",
    "input": "input('name?')",
    "prints": "for _ in range(300):\n    print('x' * 100_000)",
    "loop": "while True: pass",
    "loop_later": "def double(x):\n    while True: pass",
    "deaf": "import time\nwhile True:\n    try: time.sleep(1)\n    except: pass",
    "memory": "x = bytearray(3 * 2**30)",
    "children_memory": "import os, time\nfor _ in range(8):\n"
    + "    if os.fork() == 0:\n        x = b'1' * 180_000_000\n"
    + "        time.sleep(30); os._exit(0)\ntime.sleep(30)",
    "children_late": "import os, time\nfor _ in range(4):\n"
    + "    if os.fork() == 0:\n        time.sleep(4); x = b'1' * 350_000_000\n"
    + "        time.sleep(30); os._exit(0)\ntime.sleep(30)",
    "processes": "import subprocess, time\nfor _ in range(90):\n"
    + "    subprocess.Popen(['sleep', '4242'])\ntime.sleep(9)",
    "detached": "import subprocess\n"
    + "subprocess.Popen(['sleep', '4242'], start_new_session=True)",
    "detached_twice": "import os, sys\nif os.fork() == 0:\n    os.setsid()\n"
    + "    if os.fork() == 0: os.execve('/bin/sleep', ['sleep', '4242'], {})\n"
    + "    os._exit(0)",
    "detached_orphan": "import os, sys\nif os.fork() == 0:\n    os.setsid()\n"
    + "    if os.fork() == 0: os.execve('/bin/sleep', ['sleep', '4242'], {})\n"
    + "    os._exit(0)\nos.wait(); os.kill(os.getppid(), 9)",
    "thread": "import threading, time\n"
    + "threading.Thread(target=time.sleep, args=(4242,)).start()",
    "fork": "import os\nos.fork()",
    "reset": SHELL + "ip.run_line_magic('reset', '-f')",
    "wrong_magic": "%nothing_of_the_kind",
    "syntax": "def double(:",
    "surrogate": "x = '\ud800'",
    "chdir": "import os, shutil\nos.chdir('/')\nshutil.rmtree(os.environ['HOME'])",
}  # fmt: skip


def tricked(code):
    none = ANSWERS["pair"].format("raise NotImplementedError\n    ")
    return notebook(double=code, pair=none)


def spoiled():
    """{student: (what is handed in, points)}: innocent accidents with right answers."""

    def changed(change, earned=WHOLE, **sources):
        made = notebook(**sources)
        cells = {
            c["metadata"].get("nbgrader", {}).get("grade_id"): c for c in made["cells"]
        }
        change(made["cells"], cells)
        return made, earned

    def move_to_end(cells, by_id):
        cells.append(cells.pop(cells.index(by_id["double"])))

    def bare(cells, by_id):
        for c in cells:
            c["metadata"] = {}

    def nameless(cells, by_id):
        for c in cells:
            c["metadata"] = {}
            c.pop("id")

    def copied(cells, by_id):
        wrong = by_id["double"] | {"source": "def double(x): return 1", "id": "copy"}
        cells.insert(3, wrong)

    def check_copied(cells, by_id):
        cells.insert(3, dict(by_id["test_double"]))

    def skipped(cells, by_id):
        by_id["test_double"]["source"] = "# NBVAL_SKIP\nassert False"
        by_id["test_double"]["metadata"]["tags"] = ["raises-exception"]

    def inflated(cells, by_id):
        by_id["test_double"]["metadata"]["nbgrader"]["points"] = 100

    def without(key):
        return lambda cells, by_id: cells.remove(by_id[key])

    def own_cell(cells, by_id):
        cells.insert(1, study("helper = 2"))
        by_id["double"]["source"] = "def double(x): return helper * x"

    none = ANSWERS["pair"].format("raise NotImplementedError\n    ")
    half = "def up(x): return x + 1\n\n\ndef down(x): return x"
    return {
        "right": changed(lambda c, b: None),
        "untouched": (notebook(answered=False), 0),
        "not_pair": changed(lambda c, b: None, WHOLE - 4, pair=none),
        "half": changed(lambda c, b: None, WHOLE - 2, pair=half),
        "moved": changed(move_to_end),
        "reversed": changed(lambda c, b: c.reverse()),
        "bare": changed(bare),
        "nameless": changed(nameless),
        "text": changed(lambda c, b: b["double"].update(cell_type="markdown")),
        "check_raw": changed(lambda c, b: b["test_double"].update(cell_type="raw")),
        "copied": changed(copied),
        "check_copied": changed(check_copied),
        "twice": changed(lambda c, b: c.extend([dict(x) for x in c])),
        "skipped": changed(skipped),
        "inflated": changed(inflated),
        "no_check": changed(without("test_double")),
        "no_setup": changed(without("setup")),
        "no_answer": changed(without("double"), WHOLE - 2),
        "own_cell": changed(own_cell),
        "own_check": changed(lambda c, b: None, double="check = 3\n"
                             + ANSWERS["double"].format("")),
    }  # fmt: skip


def zipped(**members):
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as made:
        for name, text in members.items():
            made.writestr(name, text)
    return data.getvalue()


def files():
    """{file: (its bytes, points or None, words of its problem or notes)}."""
    good = json.dumps(notebook())
    old = json.dumps({"worksheets": [{"cells": []}], "nbformat": 3, "metadata": {}})
    bomb = zipped(**{"a.ipynb": b" " * 60_000_000})
    inner = zipped(**{"x.ipynb": good})
    latin = json.dumps(notebook()).replace("because", "\xe9").encode("latin-1")
    return {
        "essay.docx": (b"PK", None, "not a notebook"),
        "not_json.ipynb": (b"an essay", None, "not a notebook"),
        "other_json.ipynb": (b'{"cells": "none"}', None, "not a notebook"),
        "number.ipynb": (b"7", None, "not a notebook"),
        "empty.ipynb": (b"", None, "empty"),
        "deep.ipynb": (b"[" * 100_000, None, "not a notebook"),
        "other.ipynb": (json.dumps({"cells": []}).encode(), None, "none of its cells"),
        "old.ipynb": (old.encode(), None, "older than 4"),
        "utf16.ipynb": (good.encode("utf-16"), WHOLE, ""),
        "bom.ipynb": (good.encode("utf-8-sig"), WHOLE, ""),
        "latin.ipynb": (latin, None, "UTF-8"),
        "crlf.ipynb": (good.replace("\\n", "\\r\\n").encode(), WHOLE, ""),
        "zip.zip": (inner, WHOLE, ""),
        "mac.zip": (zipped(**{"__MACOSX/._x.ipynb": b"", "x.ipynb": good}), WHOLE, ""),
        "bomb.zip": (bomb, None, "larger than 50 MB"),
        "out.zip": (zipped(**{"../../x.ipynb": good}), None, "out of it"),
        "root.zip": (zipped(**{"/etc/x.ipynb": good}), None, "out of it"),
        "nested.zip": (zipped(**{"a.zip": inner}), None, "zip within a zip"),
        "none.zip": (zipped(**{"x.txt": "x"}), None, "not a notebook in the zip"),
        "broken.zip": (inner[:60], None, "cannot be read"),
        "doejane_12345_67890_00_small.ipynb": (good.encode(), WHOLE, ""),
        "roe_LATE_12346_67891_00_small-1.ipynb": (good.encode(), WHOLE, ""),
        "Jane Doe_98_assignsubmission_file_/00_small.ipynb": (good.encode(), WHOLE, ""),
        "Jan Poe_99_assignsubmission_file_00_small.ipynb": (good.encode(), WHOLE, ""),
        "nbgrader/00_small/00_small.ipynb": (good.encode(), WHOLE, ""),
        "nbgrader/00_small/timestamp.txt": (b"2026-03-02 10:00:00 UTC", None, None),
        "=2+5.ipynb": (good.encode(), WHOLE, ""),
        "@tab\tnew\nline,\"quote\".ipynb": (good.encode(), WHOLE, ""),
        "Zo\udceb.ipynb": (good.encode(), WHOLE, ""),  # not UTF-8, as the disk has it
        "<script>alert(1)<∕script>.ipynb": (good.encode(), WHOLE, ""),
        "nothing/notes.txt": (b"", None, "not a notebook in it"),
        ".hidden.ipynb": (good.encode(), None, None),
    }  # fmt: skip


def odd_files(folder):
    """Links, pipes and such: {student: words of the problem}."""
    made = {}
    for name, target in {
        "dangling": folder / "nowhere",
        "friend": folder / "right.ipynb",
        "device": "/dev/zero",
    }.items():
        os.symlink(target, folder / f"{name}.ipynb")
        made[name] = "a link"
    os.symlink("..", folder / "parent")
    (folder / "mallory").mkdir()
    os.symlink("..", folder / "mallory" / "all")
    os.symlink("/dev/zero", folder / "mallory" / "zero.ipynb")
    os.mkfifo(folder / "fifo.ipynb")
    (folder / "pipes").mkdir()
    os.mkfifo(folder / "pipes" / "00_small.ipynb")
    with socket.socket(socket.AF_UNIX) as line:
        here = os.getcwd()
        os.chdir(folder)  # a socket's path must be short
        line.bind("plug.ipynb")
        os.chdir(here)
    with (folder / "huge.ipynb").open("wb") as file:
        file.truncate(60_000_000)
    made |= {"parent": "a link", "mallory": "a link", "fifo": "a pipe"}
    return made | {"pipes": "a pipe", "plug": "a socket", "huge": "larger than 50 MB"}


def write_files(folder, some):
    for name, (data, *_) in some.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def as_file(made):
    return json.dumps(made).encode()


def write_all(folder):
    """`course` and `submitted` in a folder; returns the submissions' folder."""
    write_course(folder / "course")
    submitted = folder / "submitted"
    submitted.mkdir()
    some = {f"{k}.ipynb": (as_file(made),) for k, (made, _) in spoiled().items()}
    some |= {f"trick_{k}.ipynb": (as_file(tricked(c)),) for k, c in TRICKS.items()}
    write_files(submitted, some | files())
    odd_files(submitted)
    return submitted


def student_of(name):
    """What the grader should call the student of a file in `files`."""
    top = name.split("/")[0]
    known = {
        "doejane_": "doejane",
        "roe_": "roe",
        "Jane": "Jane Doe",
        "Jan ": "Jan Poe",
    }
    for start, student in known.items():
        if top.startswith(start):
            return student
    return re.sub(r"\.(ipynb|zip)$", "", top) if "/" not in name else top


if __name__ == "__main__":
    write_all(Path(sys.argv[1]))
