"""What the data sets look like, and whether order matters in them (chapter 01).

    python benchmarks/sequences.py [--data beauty beauty-5core ...] [--out FILE.json]

For each set: its size, the clicks of its items (201 of them, most clicked first), how
often an item stands in its user's history already, the test items that no training
click is on; and `order`, a ranker that counts: how often item j stood d clicks behind
item i, plus a little of j's popularity, asked with the click d before the test item.
Recall@10 against all items, clicked ones left out. `shuffled`: d = 1 again, after
every history, but for the test item, was put into a random order, three times. Only
users with at least DISTANCES clicks before the test item are asked.
"""

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy import sparse

import disrec_mini as dm
from disrec_mini.baselines import Popularity
from disrec_mini.splitting import Split

DISTANCES = 8  # as far back as is looked


class Follows:
    """Counts how often item j stood d clicks behind item i, and asks the d-th last.

    Its scores are those counts plus the item's popularity, at most 1/2, for the ties.
    """

    max_len = None

    def __init__(self, train: dm.Interactions, d: int) -> None:
        self.d, self.n_items, n = d, train.n_items, train.n_items + 1
        places = np.arange(train.n_clicks) - np.repeat(
            train.offsets[:-1], train.lengths
        )
        at = np.flatnonzero(places >= d)  # clicks with one d places before
        pairs = (np.ones(len(at), np.float32), (train.items[at - d], train.items[at]))
        self.counts = sparse.csr_matrix(pairs, shape=(n, n))
        self.popular = train.counts() / max(1, 2 * train.counts().max())  # (M + 1,)

    def score(
        self, items: torch.Tensor, lengths: torch.Tensor, users: Any = None
    ) -> torch.Tensor:
        """items (B, T), lengths (B,) -> (B, M + 1)."""
        asked = items[torch.arange(len(items)), lengths - self.d].numpy()  # (B,)
        scores = self.counts[asked].toarray() + self.popular.astype(np.float32)
        scores[:, 0] = -np.inf
        return torch.from_numpy(scores)


def shuffled(split: Split, seed: int) -> Split:
    """Everything before the test item in a random order, user by user."""
    rng, histories, valid = np.random.default_rng(seed), [], split.valid_items.copy()
    for user, clicks in enumerate(split.train):
        if split.test_items[user]:
            *clicks, valid[user] = rng.permutation([*clicks, valid[user]])
        histories.append(np.array(clicks, np.int64))
    train = dm.Interactions.from_sequences(histories, n_items=split.n_items)
    return Split(train, valid, split.test_items)


def order(data: dm.Interactions) -> dict[str, Any]:
    """Recall@10 by distance, of shuffled histories, and of popularity."""
    split = dm.leave_one_out(data)
    asked = (split.train.lengths + 1 >= DISTANCES) & (split.test_items > 0)

    def found(model: Any, split: Split) -> float:
        return dm.evaluate(model, split, "full", "test", users=asked)["recall@10"]

    mixed = [shuffled(split, seed) for seed in range(3)]
    return {
        "users": int(asked.sum()),
        "recall@10": {
            str(d): found(Follows(split.train, d), split)
            for d in range(1, DISTANCES + 1)
        },
        "shuffled": [found(Follows(some.train, 1), some) for some in mixed],
        "popularity": found(Popularity(split.train), split),
    }


def describe(data: dm.Interactions) -> dict[str, Any]:
    """Size, popularity, repeats and cold test items."""
    split = dm.leave_one_out(data)
    counts = np.sort(data.counts()[1:])[::-1]
    again = sum(len(clicks) - len(np.unique(clicks)) for clicks in data)
    asked = split.test_items[split.test_items > 0]
    places = np.unique(np.geomspace(1, len(counts), 201).astype(int)) - 1
    top = counts[: len(counts) // 10].sum()
    return {
        "users": data.n_users,
        "items": int((counts > 0).sum()),
        "clicks": data.n_clicks,
        "median length": float(np.median(data.lengths)),
        "items with fewer than 5 clicks": float((counts < 5).mean()),
        "clicks on the top tenth": float(top / data.n_clicks),
        "clicks by place": {str(n + 1): int(counts[n]) for n in places},
        "clicked before": again / data.n_clicks,
        "cold test items": float((split.train.counts()[asked] == 0).mean()),
        "order": order(data),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    sets = ["beauty", "beauty-5core", "sports-5core", "ml-1m", "ml-100k"]
    parser.add_argument("--data", nargs="+", default=sets)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    found: dict[str, Any] = {
        "command": " ".join(["python benchmarks/sequences.py", *sys.argv[1:]]),
        "versions": {"disrec_mini": dm.__version__, "numpy": np.__version__},
        "seeds": [0, 1, 2],
        "sets": {},
    }
    for name in options.data:
        found["sets"][name] = describe(dm.load_dataset(name))
        print(name, json.dumps(found["sets"][name]["order"]), flush=True)
    found["time"] = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    if options.out:
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text(json.dumps(found) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
