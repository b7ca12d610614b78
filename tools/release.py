"""Make the students' notebooks from the instructors', with nbgrader's own converter.

python tools/release.py            # source/ -> release/; the page book/guide.md
python tools/release.py --check    # complain if one of them is anything else
python tools/release.py --pin v1   # before a term: what students install and open

A pinned notebook names the tag that it lies under. So the tag is new: pin, commit what
changed, and tag that commit.
"""

from __future__ import annotations

import logging
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ASSIGNMENTS = Path(__file__).parents[1] / "book" / "assignments"


def generate(course: Path) -> None:
    """Copy `source/` to `course` and let nbgrader write `course/release/`."""
    from nbgrader.apps import NbGraderAPI
    from traitlets.config import Config

    # nbgrader calls alembic, which lies beside this python
    folders = [str(Path(sys.executable).parent), os.environ.get("PATH", "")]
    os.environ["PATH"] = os.pathsep.join(folders)
    shutil.copytree(ASSIGNMENTS / "source", course / "source")
    config = Config()
    config.CourseDirectory.root = str(course)
    config.CourseDirectory.db_url = f"sqlite:///{course / 'gradebook.db'}"
    api = NbGraderAPI(config=config)
    api.log.setLevel(logging.WARNING)
    for folder in sorted((course / "source").iterdir()):
        made = api.generate_assignment(folder.name, force=True, create=True)
        if not made["success"]:
            sys.exit(f"{folder.name}: {made['error'] or made['log']}")


GUIDE = """# What students get wrong

This page is for those who answer questions about the [assignments](course): for each
question the wrong ideas that are stored with it, each by a few words of what the
student's own check says, the most frequent first. In brackets, where it says more, what
the student had in mind.
A check knows an idea by the numbers that come out, so its word is a guess; ask what the
student thinks the formula says before you name it. `make release` writes this page from
`book/assignments/misconceptions/`.
"""


def guide() -> str:
    """A section for each assignment, a list for each question."""
    parts = [GUIDE]
    for path in sorted((ASSIGNMENTS / "misconceptions").glob("*.py")):
        text = path.read_text(encoding="utf-8")
        found: dict[str, dict[str, list[str]]] = {}
        block = r"^# %% wrong (\w+): (.+)\n(?:# (.+)\n)?"
        for question, says, idea in re.findall(block, text, re.MULTILINE):
            found.setdefault(question, {}).setdefault(says, []).append(idea)
        parts.append(f"\n## Assignment {int(path.stem[:2])}\n")
        for question, ideas in found.items():
            parts.append(f"\n### `{question}`\n\n")
            for says, had in sorted(ideas.items(), key=lambda item: -len(item[1])):
                mind = "; ".join(idea for idea in had if idea)
                parts.append(f"- {says}" + (f" ({mind})" if mind else "") + "\n")
    return "".join(parts)


def pin(version: str) -> None:
    """Write a tag, yet to be made, into install cells and Colab links."""
    if not re.fullmatch(r"[\w.][\w.-]*", version):
        sys.exit(f"{version} is no name for a tag: letters, digits, dots and dashes.")
    command = ["git", "-C", str(ASSIGNMENTS), "rev-parse", "--verify", "--quiet"]
    if subprocess.run([*command, f"{version}^{{commit}}"], capture_output=True).stdout:
        sys.exit(
            f"{version} exists already, and the notebooks in it cannot name it: choose "
            "a new tag."
        )
    page = ASSIGNMENTS.parent / "course.md"
    for path in (*ASSIGNMENTS.glob("source/*/*.ipynb"), page):
        text = path.read_text(encoding="utf-8")
        text = re.sub(r"/blob/[\w.-]+/book/", f"/blob/{version}/book/", text)
        if path.suffix == ".ipynb":
            text = re.sub(r"(git\+https://[\w./-]+)(@[\w.-]+)?", rf"\1@{version}", text)
        path.write_text(text, encoding="utf-8")
    print(f"Now commit this, then: git tag {version}; git push origin {version}")


def main() -> int:
    if "--pin" in sys.argv[1:]:
        pin("".join(sys.argv[sys.argv.index("--pin") + 1 :]))
    page = ASSIGNMENTS.parent / "guide.md"
    if "--check" not in sys.argv[1:]:
        page.write_text(guide(), encoding="utf-8")
    elif page.read_text(encoding="utf-8") != guide():
        print("book/guide.md is not what misconceptions/ make: run `make release`")
        return 1
    with tempfile.TemporaryDirectory() as folder:
        generate(Path(folder))
        new, old = Path(folder) / "release", ASSIGNMENTS / "release"
        if "--check" not in sys.argv[1:]:
            shutil.rmtree(old, ignore_errors=True)
            shutil.copytree(new, old)
            return 0
        made, stored = (
            {p.relative_to(d): p.read_bytes() for p in d.rglob("*") if p.is_file()}
            for d in (new, old)
        )
        wrong = sorted(k for k in made | stored if made.get(k) != stored.get(k))
        for path in wrong:
            print(f"release/{path} is not what the source makes: run `make release`")
        return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
