"""Make the students' notebooks from the instructors', with nbgrader's own converter.

python tools/release.py            # source/ -> release/
python tools/release.py --check    # complain if release/ is anything else
"""

from __future__ import annotations

import logging
import os
import shutil
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


def main() -> int:
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
