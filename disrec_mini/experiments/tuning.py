"""Every system of the paper, with the same small budget of search, then compared.

`tuning` draws DRAWS settings of each system from its space, the first of them as
published where we know how, and reads validation alone. `overall` takes what validated
best, under each protocol, and reads the test part.
"""

import json
import zlib
from collections.abc import Container, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from disrec_mini.errors import DisrecError
from disrec_mini.experiments.job import Job

DRAWS = 12
MINUTES = {"beauty-5core": 2.0, "ml-100k": 1.0}  # of training, on one thread
PATIENCE = 5
LONG = ("ml-100k", "ml-1m")  # histories of which 200 clicks are read
# settings found on the first are taken over to the second
TRANSFER = {"sports-5core": "beauty-5core", "beauty": "beauty-5core"}
TRANSFER |= {"ml-1m": "ml-100k"}

Space = dict[str, tuple[Any, ...]]

DIM: Space = {"dim": (32, 64, 128)}
LEARN: Space = {
    "learning_rate": (3e-4, 1e-3, 3e-3, 1e-2),
    "item_decay": (0.0, 0.3, 1.0, 3.0),
    "average": (0.0, 0.98),
}
PAIRS: Space = {**DIM, **LEARN, "group_size": (512, 2048)}
DROPOUT: Space = {"dropout": (0.0, 0.1, 0.2, 0.3, 0.4, 0.5)}
PARTS: Space = {"group_size": (256, 1024), "groups": (4, 16)}
RECURRENT: Space = {**DIM, **LEARN, **PARTS, **DROPOUT, "layers": (1, 2)}
BLOCKS: Space = {**DIM, **LEARN, **DROPOUT, "n_blocks": (1, 2, 3)}
ATTENTION: Space = {**BLOCKS, "group_size": (512, 2048), "item_dropout": (0.0, 0.2)}
SHARED: Space = {"negatives": (128, 512, 2048), "groups": (1, 4, 16)}
SHARED |= {"logq": (False, True), "group_size": (128, 512)}
SECOND: Space = {
    "n_intents": (1, 4),
    "seq2seq_weight": (0.03, 0.1, 0.3, 1.0),
    "seq2seq_start": (0, 4, 10),
    "keep": (0.3, 0.5, 1.0),
}


@dataclass(frozen=True)
class System:
    """A model as it is compared.

    model : its name. fixed : settings that make it this system, in every draw.
    space : what each draw chooses from, uniformly and independently.
    base : of the draws after the first.
    purchases, films : what is published for such data and differs from the defaults.
    """

    model: str
    space: Space
    fixed: dict[str, Any] = field(default_factory=dict)
    base: str = "paper"
    purchases: dict[str, Any] = field(default_factory=dict)
    films: dict[str, Any] = field(default_factory=dict)


SOFTMAX: dict[str, Any] = {"loss": "softmax", "unseen": 0, "negatives": 512}
SYSTEMS: dict[str, System] = {
    "bpr-mf": System("bpr-mf", {**PAIRS, "unseen": (1, 4, 16)}),
    "ncf": System("ncf", {**PAIRS, **DROPOUT, "layers": (1, 2, 3), "unseen": (1, 4)}),
    "fpmc": System("fpmc", {**PAIRS, "unseen": (1, 4, 16)}),
    "gru4rec": System("gru4rec", {**RECURRENT, "negatives": (50, 512)}),
    "gru4rec+": System(
        "gru4rec+",
        {
            **{**RECURRENT, "negatives": (512, 2048), "penalty": (0.0, 0.5, 1.0, 2.0)},
            **{"alpha": (0.0, 0.25, 0.5, 0.75, 1.0)},
        },
    ),
    "caser": System(
        "caser",
        {
            **{**PAIRS, **DROPOUT, "max_len": (3, 5, 9), "ahead": (1, 2, 3)},
            **{"horizontal": (4, 16, 32), "vertical": (2, 4), "unseen": (1, 3, 16)},
        },
        {"l2": 0.0},  # decays in the same way as the others
    ),
    "sasrec": System("sasrec", ATTENTION, films={"dropout": 0.2}),
    "sasrec-softmax": System(
        "sasrec", {**ATTENTION, **SHARED}, SOFTMAX, films={"dropout": 0.2}
    ),
    "bert4rec": System(
        "bert4rec",
        {
            **{**BLOCKS, "heads": (1, 2, 4), "hidden": (0.2, 0.4, 0.6)},
            **{"batch": (64, 256), "negatives": (0, 512)},
        },
        purchases={"hidden": 0.6, "dropout": 0.5, "learning_rate": 1e-4},
        films={"hidden": 0.2, "dropout": 0.2, "learning_rate": 1e-4},
    ),
    "disrec": System("disrec", {**ATTENTION, **SHARED, **SECOND}, base="recommended"),
}


def draw(name: str, data: str, nth: int) -> tuple[str, dict[str, Any]]:
    """Base and settings of a system's nth draw.

    Draw 0 has the published settings, as far as we know them, and our defaults.
    """
    system, long = SYSTEMS[name], data in LONG
    settings = dict(system.fixed)
    if long and system.model not in ("bpr-mf", "ncf", "fpmc", "caser"):
        settings["max_len"] = 200
    if nth == 0:
        return "paper", settings | (system.films if long else system.purchases)
    rng = np.random.default_rng([zlib.crc32(name.encode()), nth])
    settings |= {x: some[rng.integers(len(some))] for x, some in system.space.items()}
    if system.base == "recommended":
        settings["long"] = long
    return system.base, settings


def tuning(seeds: Sequence[int] = (0,)) -> list[Job]:
    """Validation only: DRAWS settings of every system, stopped early, at a cap."""
    jobs = []
    for nth in range(DRAWS):
        for data, minutes in MINUTES.items():
            for name, system in SYSTEMS.items():
                base, settings = draw(name, data, nth)
                jobs += [
                    Job(
                        f"{data}-{name}-{nth:02}-seed{seed}",
                        data,
                        settings,
                        system.model,
                        base,
                        epochs=200,
                        patience=PATIENCE,
                        protocol="full",
                        minutes=minutes,
                        seed=seed,
                        reads_test=False,
                    )
                    for seed in seeds
                ]
    return jobs


# -- what validated best, on test ------------------------------------------------------

LOG = Path("book/results/tuning/log.json")
PROTOCOLS = {"sampled": "sampled ndcg@10", "full": "ndcg@10"}
CAPS = {"ml-100k": 6.0, "beauty-5core": 12.0, "sports-5core": 18.0}  # minutes
LARGE = {"beauty": 25.0, "ml-1m": 40.0}  # the stronger half alone
COUNTED = ("pop", "inverse-pop", "cooccurrence", "pmi")


def tuned(data: str, protocol: str) -> dict[str, dict[str, Any]]:
    """{system: the line of the log that validated best}, best system first.

    Of the rounds that every system has finished: the same number of draws for each.
    """
    try:
        log = json.loads(LOG.read_text("utf-8"))
    except OSError:
        raise DisrecError(
            "overall takes the settings that `tuning` validated best: run `python -m "
            "disrec_mini experiment tuning`, then `report tuning`."
        ) from None
    source, metric = TRANSFER.get(data, data), PROTOCOLS[protocol]
    rows = {row["name"].rpartition("-seed")[0]: row for row in log}
    rounds = complete(source, rows)
    best: dict[str, dict[str, Any]] = {}
    for label, row in sorted(rows.items(), key=lambda named: -named[1][metric]):
        if row["data"] == source and int(label[-2:]) < rounds:
            best.setdefault(label[:-3].removeprefix(f"{source}-"), row)
    return best


def complete(data: str, labels: Container[str]) -> int:
    """How many draws of every system are there: a round counts for all or for none."""
    for nth in range(DRAWS):
        if any(f"{data}-{name}-{nth:02}" not in labels for name in SYSTEMS):
            return nth
    return DRAWS


def overall(seeds: Sequence[int] = (0, 1, 2)) -> list[Job]:
    """Figures 2 and 3: each system as it validated best, under each protocol."""
    jobs = []
    for data, minutes in {**CAPS, **LARGE}.items():
        for protocol in PROTOCOLS:
            best = tuned(data, protocol)
            for name in list(best)[: len(best) // 2 if data in LARGE else None]:
                made = Job(
                    f"{data}-{name}-{protocol}",
                    data,
                    best[name]["changed"],
                    best[name]["model"],
                    best[name]["base"],
                    epochs=200,
                    patience=PATIENCE,
                    protocol=protocol,
                    minutes=minutes,
                )
                jobs += [
                    replace(made, name=f"{made.name}-seed{seed}", seed=seed)
                    for seed in seeds
                ]
        jobs += [
            Job(f"{data}-{name}-seed0", data, {}, name, "paper") for name in COUNTED
        ]
    return jobs
