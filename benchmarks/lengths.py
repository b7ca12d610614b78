"""How long the training sequences are, so how long their futures (chapter 08).

    python benchmarks/lengths.py [--data beauty beauty-5core ...] [--out FILE.json]

Counts the training part of every user: the clicks without the last two. Stored as
{data: {length: users}}. With --users FILE.npz also the length of every single user.
"""

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

import disrec_mini as dm


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "--data", nargs="+", default=["beauty", "beauty-5core", "ml-1m"]
    )
    parser.add_argument("--out", type=Path)
    parser.add_argument("--users", type=Path)
    options = parser.parse_args()
    found: dict[str, Any] = {
        "command": " ".join(["python benchmarks/lengths.py", *sys.argv[1:]]),
        "versions": {"disrec_mini": dm.__version__, "numpy": np.__version__},
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "lengths": {},
    }
    each = {}
    for name in options.data:
        lengths = dm.leave_one_out(dm.load_dataset(name)).train.lengths
        each[name] = lengths.astype(np.uint16)
        values, users = np.unique(lengths, return_counts=True)
        found["lengths"][name] = dict(
            zip(map(str, values), users.tolist(), strict=True)
        )
        pairs = int(np.maximum(lengths - 1, 0).sum())
        single = int((lengths >= 2).sum()) / pairs
        print(f"{name:14} {pairs:>9,} pairs, {single:.3f} with a future of one click")
    if options.users:
        np.savez_compressed(options.users, **each)
    if options.out:
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text(json.dumps(found) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
