"""Rankers that were never trained, under both protocols (chapter 03).

    python benchmarks/untrained.py [--data beauty] [--out FILE.json]

Validation chose the smoothing of PMI (1e-3). Its formula was picked earlier among about
twenty, with their Beauty test numbers in view: read PMI's result as an illustration.
"""

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

import disrec_mini as dm
from disrec_mini.baselines import PMI, Cooccurrence, InversePopularity, Popularity


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", default="beauty")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    split = dm.leave_one_out(dm.load_dataset(options.data))
    found: dict[str, Any] = {
        "command": "python benchmarks/untrained.py " + " ".join(sys.argv[1:]),
        "data": options.data,
        "seed": 0,
        "versions": {
            "disrec_mini": dm.__version__,
            "numpy": np.__version__,
            "torch": torch.__version__,
        },
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }
    for ranker in (Popularity, InversePopularity, Cooccurrence, PMI):
        model = ranker(split.train)
        rows: dict[str, Any] = {}
        for protocol in ("sampled", "full"):
            metrics = dm.evaluate(model, split, protocol, "test")
            rows[protocol] = metrics.as_dict()
            if protocol == "sampled":
                found["negatives_sha256"] = metrics.negatives_sha256
        found[ranker.__name__] = rows
        sampled, full = (rows[p]["recall@10"] for p in ("sampled", "full"))
        print(f"{ranker.__name__:20} Recall@10 sampled {sampled:.4f} full {full:.4f}")
    if options.out:
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
