"""How long the cells of each chapter compute, for the times that the chapters state.

    python benchmarks/chapters.py [NOTEBOOK ...] [--out FILE.json]

Executes copies, one after the other, on one thread, with nothing kept of their output.
Starting the kernel is part of the time. Run it on a machine that is otherwise idle.
"""

import argparse
import json
import os
import platform
import sys
import time
from pathlib import Path
from typing import Any

import nbclient
import nbformat
import torch

import disrec_mini as dm

ROOT = Path(__file__).parents[1]


def seconds(path: Path) -> float:
    """Wall time of executing a copy of the notebook, in its folder."""
    notebook = nbformat.read(path, as_version=4)
    begin = time.perf_counter()
    nbclient.NotebookClient(
        notebook, timeout=600, resources={"metadata": {"path": str(path.parent)}}
    ).execute()
    return time.perf_counter() - begin


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("notebooks", nargs="*", type=Path)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"
    found: dict[str, Any] = {
        "command": " ".join(["python benchmarks/chapters.py", *sys.argv[1:]]),
        "versions": {
            "disrec_mini": dm.__version__,
            "torch": torch.__version__,
            "python": platform.python_version(),
        },
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "threads": 1,
        "seconds": {},
    }
    for path in options.notebooks or sorted((ROOT / "book").glob("*.ipynb")):
        found["seconds"][path.stem] = round(seconds(path), 1)
        print(f"{path.stem:28} {found['seconds'][path.stem]:6.1f} s", flush=True)
    print(f"{'together':28} {sum(found['seconds'].values()):6.1f} s")
    if options.out:
        options.out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
