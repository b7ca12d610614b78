"""Which jobs each experiment consists of. Hypotheses: book/results/README.md."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from disrec_mini.checks import did_you_mean
from disrec_mini.errors import DisrecError
from disrec_mini.experiments.job import Job
from disrec_mini.experiments.tuning import overall, tuning

Jobs = list[Job]
K1: dict[str, Any] = {"n_intents": 1}


ALONE: dict[str, Any] = {"variant": 1, **K1}
SEARCHED: dict[str, dict[str, Any]] = {
    "one": ALONE,
    "one-both": K1,
    "both-early": {**K1, "seq2seq_start": 4},
    "both-early-heavy": {**K1, "seq2seq_start": 4, "seq2seq_weight": 0.3},
    "both-all": {**K1, "seq2seq_start": 4, "seq2seq_weight": 0.3, "keep": 1.0},
    "four": {"variant": 1, "n_intents": 4},
    "four-late": {"variant": 1, "n_intents": 4, "remedy_epochs": 12},
    "four-no-remedy": {"variant": 1, "n_intents": 4, "remedy": False},
    "decay-1": {**ALONE, "item_decay": 1.0},
    "decay-4": {**ALONE, "item_decay": 4.0},
    "hide-0": {**ALONE, "item_dropout": 0.0},
    "hide-40": {**ALONE, "item_dropout": 0.4},
    "dropout-30": {**ALONE, "dropout": 0.3},
    "dropout-60": {**ALONE, "dropout": 0.6},
    "blocks-1": {**ALONE, "n_blocks": 1},
    "dim-128": {**ALONE, "dim": 128},
    "group-256": {**ALONE, "group_size": 256, "groups": 8},
    "group-1024": {**ALONE, "group_size": 1024, "groups": 2},
    "rate-1e-3": {**ALONE, "learning_rate": 1e-3},
    "temperature-half": {**ALONE, "temperature": 0.5},
    "temperature-2": {**ALONE, "temperature": 2.0},
}
# a second round, from what the first one showed on 5-core
LIGHT = {**ALONE, "n_blocks": 1, "dropout": 0.3}
SEARCHED |= {
    "light": LIGHT,
    "light-wide": {**LIGHT, "dim": 128},
    "light-wide-20": {**LIGHT, "dim": 128, "dropout": 0.2},
    "light-wide-decay-1": {**LIGHT, "dim": 128, "item_decay": 1.0},
    "light-wide-1024": {**LIGHT, "dim": 128, "group_size": 1024, "groups": 2},
    "light-wide-256": {**LIGHT, "dim": 128, "group_size": 256, "groups": 4},
    "light-wider": {**LIGHT, "dim": 256},
    "light-20": {**LIGHT, "dropout": 0.2},
    "light-wide-20-1024": {
        **LIGHT,
        **{"dim": 128, "dropout": 0.2, "group_size": 1024, "groups": 2},
    },
}


def search(seeds: Sequence[int] = (0,)) -> Jobs:
    """Validation only. One change at a time, on the paper's Beauty and on 5-core."""
    base = {"beauty": (16, {}), "beauty-5core": (24, {"logq": True})}
    return [
        Job(
            f"{data}-{name}-seed{seed}",
            data,
            {**extra, **change},
            epochs=epochs,
            seed=seed,
            reads_test=False,
        )
        for name, change in SEARCHED.items()
        for data, (epochs, extra) in base.items()
        for seed in seeds
    ]


# shared negatives: what is common, and the best known before the search on long and on
# short histories; each row changes one thing
SHARED: dict[str, Any] = {"variant": 1, **K1, "init_std": 0.02, "temperature": 1.0}
SHARED |= {"mask_same_item": True, "learning_rate": 3e-3, "average": 0.98}
SHARED |= {"group_size": 4096, "visit": 0, "negatives": 512}
LONG = {**SHARED, "max_len": 200}
SHORT = {**SHARED, "n_blocks": 1, "dropout": 0.3, "item_dropout": 0.2}
SHORT |= {"group_size": 2048, "visit": 4, "item_decay": 2.0}
# each quarter of a step has negatives of its own
PARTS: dict[str, Any] = {"visit": 0, "group_size": 512, "groups": 4}
PARTS_16: dict[str, Any] = {**PARTS, "group_size": 128, "groups": 16}
HALVES: dict[str, Any] = {"group_size": 2048, "groups": 2}
LATE: dict[str, Any] = {"logq": True, "logq_start": 2}
DEFAULTS: dict[str, tuple[dict[str, Any], dict[str, dict[str, Any]]]] = {
    "ml-1m": (
        LONG,
        {
            "base": {},
            "dim-128": {"dim": 128},
            "logq": {"logq": True},
            "blocks-1": {"n_blocks": 1},
            "hide-20": {"item_dropout": 0.2},
            "pairs-2048": {"group_size": 2048},
            "parts-4": {"group_size": 1024, "groups": 4},
            "parts-2": HALVES,
            "parts-2-logq-late": HALVES | LATE,
            "parts-2-dim-128": HALVES | {"dim": 128},
            "parts-2-dim-128-logq": {**HALVES, "dim": 128, "logq": True},
            "parts-2-dim-128-logq-late": {**HALVES, **LATE, "dim": 128},
            "parts-2-pairs-2048": {**HALVES, "group_size": 1024},
            "parts-2-dropout-30": HALVES | {"dropout": 0.3},
            "parts-4-logq": {"group_size": 1024, "groups": 4, "logq": True},
            "parts-4-logq-late": {
                **{"group_size": 1024, "groups": 4, "logq": True, "logq_start": 2}
            },
            "parts-4-dim-128": {"group_size": 1024, "groups": 4, "dim": 128},
            "parts-4-dim-128-logq": {
                **{"group_size": 1024, "groups": 4, "dim": 128, "logq": True}
            },
        },
    ),
    "beauty": (
        SHORT,
        {
            "base": {},
            "whole": {"visit": 0},
            "whole-1024": {"visit": 0, "group_size": 1024},
            "visit-2": {"visit": 2},
            "visit-1": {"visit": 1},
            "negatives-2048": {"negatives": 2048},
            "decay-1": {"item_decay": 1.0},
            "logq": {"logq": True},
            "parts-4": PARTS,
            "parts-4-visit-4": PARTS | {"visit": 4},
            "parts-4-logq": PARTS | {"logq": True},
            "parts-4-1024": {**PARTS, "group_size": 256},
            "parts-16": PARTS_16,
            "parts-16-logq": PARTS_16 | {"logq": True},
            "parts-16-logq-late": PARTS_16 | {"logq": True, "logq_start": 3},
            "parts-16-dim-128": PARTS_16 | {"dim": 128},
            "parts-16-dim-128-20": PARTS_16 | {"dim": 128, "dropout": 0.2},
            "parts-16-128": PARTS_16 | {"negatives": 128},
            "parts-16-1024": {**PARTS_16, "group_size": 64},
            "parts-16-dropout-40": PARTS_16 | {"dropout": 0.4},
            "parts-16-dropout-40-logq-late": {
                **PARTS_16,
                **{"dropout": 0.4, "logq": True, "logq_start": 2},
            },
            "parts-16-dropout-50": PARTS_16 | {"dropout": 0.5},
            "parts-16-hide-30": PARTS_16 | {"item_dropout": 0.3},
            "parts-16-rate-2e-3": PARTS_16 | {"learning_rate": 2e-3},
            "parts-16-blocks-2": PARTS_16 | {"n_blocks": 2, "dropout": 0.5},
            "parts-16-visit-2": PARTS_16 | {"visit": 2},
            "parts-16-decay-3": PARTS_16 | {"item_decay": 3.0},
            "parts-16-decay-1": PARTS_16 | {"item_decay": 1.0},
        },
    ),
    "beauty-5core": (
        SHORT,
        {
            "base": {},
            "logq": {"logq": True},
            "parts-16": PARTS_16,
            "parts-16-logq": PARTS_16 | {"logq": True},
            "parts-16-dim-128-logq": PARTS_16 | {"logq": True, "dim": 128},
            "parts-16-dropout-40": PARTS_16 | {"dropout": 0.4},
            "parts-16-dropout-40-logq-late": {
                **PARTS_16,
                **{"dropout": 0.4, "logq": True, "logq_start": 2},
            },
        },
    ),
}
SEARCH_EPOCHS = {"ml-1m": 10, "beauty": 16, "beauty-5core": 20}


def defaults(seeds: Sequence[int] = (0,)) -> Jobs:
    """Validation only: the settings with shared negatives, one change at a time."""
    return [
        Job(
            f"{data}-{name}-seed{seed}",
            data,
            {**common, **change},
            base="paper",
            epochs=SEARCH_EPOCHS[data],
            seed=seed,
            reads_test=False,
        )
        for data, (common, changes) in DEFAULTS.items()
        for name, change in changes.items()
        for seed in seeds
    ]


# Beauty once more: the settings frozen first missed what others reach there, in
# the sampled list (no logQ) and in the full one (logQ, begun late)
SAMPLED = {**SHORT, **PARTS_16, "dropout": 0.5}
IN_BATCH = {**SAMPLED, "group_size": 512, "groups": 4, "visit": None, "negatives": 0}
WIDE = {**SAMPLED, **LATE, "dim": 128}
AGAIN: dict[str, dict[str, Any]] = {
    "sampled": SAMPLED,
    "sampled-slow": SAMPLED | {"learning_rate": 2e-3},
    "sampled-in-batch": IN_BATCH,
    "sampled-in-batch-blocks-2": IN_BATCH | {"n_blocks": 2},
    "sampled-128": SAMPLED | {"negatives": 128},
    "sampled-dim-128": SAMPLED | {"dim": 128},
    "sampled-hide-40": SAMPLED | {"item_dropout": 0.4},
    "full": WIDE,
    "full-dim-64": WIDE | {"dim": 64},
    "full-dim-256": WIDE | {"dim": 256},
    "full-dropout-40": WIDE | {"dropout": 0.4},
    "full-dropout-60": WIDE | {"dropout": 0.6},
    "full-hide-40": WIDE | {"item_dropout": 0.4},
    "full-hide-0": WIDE | {"item_dropout": 0.0},
    "full-decay-4": WIDE | {"item_decay": 4.0},
    "full-decay-1": WIDE | {"item_decay": 1.0},
    "full-2048": WIDE | {"negatives": 2048},
    "full-blocks-2": WIDE | {"n_blocks": 2},
}


def again(seeds: Sequence[int] = (0,)) -> Jobs:
    """Validation only: Beauty searched once more, at most 30 epochs each."""
    return [
        Job(
            f"{name}-seed{seed}",
            "beauty",
            settings,
            base="paper",
            epochs=30,
            patience=4,
            protocol=name.split("-")[0],
            seed=seed,
            reads_test=False,
        )
        for name, settings in AGAIN.items()
        for seed in seeds
    ]


# validated best of their kind in `again`
FROZEN_AGAIN = ("sampled-in-batch", "full-hide-0")


def frozen(seeds: Sequence[int] = (0, 1, 2)) -> Jobs:
    """The settings that `defaults` and `again` chose, with the test part, read once."""
    short, long = {"beauty": 19, "beauty-5core": 34}, {"ml-1m": 15}
    arms: dict[str, dict[str, Any]] = {"default": {}, "logq": {"logq": True}}
    wide = {("ml-1m", "logq"): {"dim": 128}}  # validated best in the full list
    once_more = [
        replace(
            job, name=f"beauty-again-{job.protocol}-seed{job.seed}", reads_test=True
        )
        for job in again(seeds)
        if job.name.rpartition("-seed")[0] in FROZEN_AGAIN
    ]
    return [
        Job(
            f"{data}-{name}-seed{seed}",
            data,
            {**change, **wide.get((data, name), {}), "long": data in long},
            base="recommended",
            epochs=epochs,
            seed=seed,
        )
        for seed in seeds
        for data, epochs in (short | long).items()
        for name, change in arms.items()
    ] + once_more


def five_core(seeds: Sequence[int] = (0, 1, 2)) -> Jobs:
    """The setting that `search` validated best on 5-core, with its test part."""
    best: dict[str, Any] = {"variant": 1, "logq": True, "n_blocks": 1, "dim": 128}
    best |= {**K1, "dropout": 0.2}
    return [
        Job(f"best-seed{seed}", "beauty-5core", best, epochs=20, seed=seed)
        for seed in seeds
    ]


# a small world in which items of one intention belong together
TOY_WORLD: dict[str, Any] = {
    "n_users": 400,
    "length": 24,
    "items_per_intent": 30,
    "chain": 30,
}
TOY_WORLD |= {"stay": 0.9, "noise": 0.1, "wander": 0.5}
TOY_SHAPE: dict[str, Any] = {"dim": 32, "n_blocks": 1, "max_len": 24, "dropout": 0.2}
TOY_SHAPE |= {"group_size": 128, "groups": 2, "learning_rate": 5e-3, "keep": 0.5}
TOY: dict[str, Any] = {**TOY_SHAPE, "item_decay": 0.0, "item_dropout": 0.0}
TOY |= {"average": 0.0, "seq2seq_start": 5, "remedy_epochs": 5}


def intentions(seeds: Sequence[int] = (0, 1, 2, 3, 4)) -> Jobs:
    """Four true intentions, K in the model, with and without the remedy."""
    losses: dict[str, dict[str, Any]] = {
        "seq2item": {"variant": 1},
        "both": {},
        "both-w1": {"seq2seq_weight": 1.0},
    }
    # the paper's temperature, weight and start; twice the epochs, as it learns slowly
    paper = [
        Job(
            f"k4-paper-{name}-seed{seed}",
            {**TOY_WORLD, "seed": seed},
            {**TOY_SHAPE, "n_intents": 4, "variant": variant},
            base="paper",
            epochs=30,
            seed=seed,
        )
        for seed in seeds
        for name, variant in (("both", 0), ("seq2item", 1))
    ]
    return [
        Job(
            f"k{k}-{'remedy' if remedy else 'plain'}-{name}-seed{seed}",
            {**TOY_WORLD, "seed": seed},
            {**TOY, **loss, "n_intents": k, "remedy": remedy},
            epochs=14,
            seed=seed,
        )
        for seed in seeds
        for k in (4, 2, 8)
        for remedy in (True, False)
        for name, loss in losses.items()
    ] + paper


# -- the paper's Table 2, Figures 4 and 5, on the paper's Beauty -----------------------

BEAUTY_EPOCHS = 16
# as light and early as validation allows (experiment `search`: both-*)
BOTH: dict[str, Any] = {"variant": 0, "seq2seq_weight": 0.1, "seq2seq_start": 4}
ARMS: dict[int, dict[str, Any]] = {0: BOTH, 1: {"variant": 1}}
# the paper's w = 1 from the first step
ARMS |= {v: {"variant": v, "seq2seq_weight": 1.0, "seq2seq_start": 0} for v in (2, 3)}


def ablation(seeds: Sequence[int] = (0, 1, 2)) -> Jobs:
    """Variants 0 to 3 in the recommended setting; 0 and 1 with four intentions too."""
    settings = {f"variant{v}": ARMS[v] for v in (0, 1, 2, 3)}
    settings |= {f"k4-variant{v}": {**ARMS[v], "n_intents": 4} for v in (0, 1)}
    return [
        Job(f"{name}-seed{seed}", "beauty", change, epochs=BEAUTY_EPOCHS, seed=seed)
        for seed in seeds
        for name, change in settings.items()
    ]


def ablation_paper(seeds: Sequence[int] = (0, 1, 2)) -> Jobs:
    """Variants 0 to 3 in the paper's own setting, until validation stops gaining.

    Two departures, for speed: eight groups of 128 in a step, and 3e-3 instead of 1e-3.
    """
    fast = {"groups": 8, "learning_rate": 3e-3}
    # both losses were still gaining after 40 epochs, and so get more in a run apart
    arms = [("paper", variant, 40) for variant in (1, 0, 2, 3)]
    arms += [("paper-long", variant, 160) for variant in (0, 1)]
    return [
        Job(
            f"{name}-variant{variant}-seed{seed}",
            "beauty",
            {**fast, "variant": variant},
            base="paper",
            epochs=epochs,
            patience=8,
            seed=seed,
        )
        for seed in seeds
        for name, variant, epochs in arms
    ]


def noise(seeds: Sequence[int] = (0, 1)) -> Jobs:
    """Figure 4: a share of the training clicks replaced, seq2item against both.

    With four intentions at one rate only; without noise those are in `ablation`.
    """
    arms: list[tuple[str, dict[str, Any], float]]
    arms = [("noise", {}, rate) for rate in (0.0, 0.2, 0.5, 0.1, 0.3)]
    arms.append(("k4-noise", {"n_intents": 4}, 0.3))
    return [
        Job(
            f"{name}{round(100 * rate):02}-variant{variant}-seed{seed}",
            "beauty",
            {**ARMS[variant], **change},
            epochs=BEAUTY_EPOCHS,
            seed=seed,
            noise=rate,
        )
        for seed in seeds
        for name, change, rate in arms
        for variant in (1, 0)
    ]


def threshold(seeds: Sequence[int] = (0, 1)) -> Jobs:
    """Figure 5: lambda, the share of triples learned from; four intentions."""
    return [
        Job(
            f"lambda{round(100 * keep):03}-seed{seed}",
            "beauty",
            {**BOTH, "keep": keep, "n_intents": 4},
            epochs=BEAUTY_EPOCHS,
            seed=seed,
        )
        for seed in seeds
        for keep in (0.3, 0.0, 1.0, 0.5, 0.1, 0.7)
    ]


def films(seeds: Sequence[int] = (0, 1, 2)) -> Jobs:
    """What do four prototypes gather among films? With and without seq2seq."""
    small = {"n_intents": 4, "group_size": 128, "groups": 16}
    losses: dict[str, dict[str, Any]] = {
        "seq2item": {"variant": 1},
        "both": {**WARM, "keep": 0.3},
    }
    jobs = [
        Job(f"{name}-seed{seed}", "ml-100k", {**small, **loss}, epochs=16, seed=seed)
        for seed in seeds
        for name, loss in losses.items()
    ]
    # those end at their cap; these when validation has not gained for eight epochs
    return jobs + [
        Job(
            f"long-k{k}-{name}-seed{seed}",
            "ml-100k",
            {**small, **loss, "n_intents": k},
            epochs=160,
            patience=8,
            seed=seed,
        )
        for k in (1, 4)
        for seed in seeds
        for name, loss in losses.items()
    ]


# seq2seq as in the one gain that a first replication saw, with little data
WARM = {"seq2seq_weight": 0.3, "seq2seq_start": 5, "seq2seq_ramp": 5, "keep": 1.0}


def regimes(seeds: Sequence[int] = (0, 1, 2, 3, 4)) -> Jobs:
    """When does seq2seq help? Little data, selection, K, long targets, temperature."""
    arms: dict[str, dict[str, Any]] = {"alone": {"variant": 1, **K1}, "both": WARM | K1}
    jobs: list[tuple[str, str, dict[str, Any], int, dict[str, Any]]] = []

    def add(n: int, name: str, data: str, change: dict[str, Any], **more: Any) -> None:
        jobs.extend((name, data, change, seed, more) for seed in seeds[:n])

    for arm, change in arms.items():
        add(5, f"users05-{arm}", "beauty", change, users=0.05, epochs=40)
    for arm, change in arms.items():
        long = {**change, "logq": True}
        add(3, f"next10-{arm}", "beauty-5core", long, horizon=10, epochs=20)
    soft = {**arms["alone"], "logq": True, "temperature": 2.0}
    add(3, "next10-soft", "beauty-5core", soft, horizon=10, epochs=20)
    add(
        5,
        "users05-select",
        "beauty",
        {**WARM, **K1, "keep": 0.3},
        users=0.05,
        epochs=40,
    )
    four = {"n_intents": 4}
    add(
        2, "users05-four-alone", "beauty", {"variant": 1, **four}, users=0.05, epochs=40
    )
    add(2, "users05-four-both", "beauty", WARM | four, users=0.05, epochs=40)
    for arm, change in arms.items():
        add(3, f"users20-{arm}", "beauty", change, users=0.2, epochs=24)
    for arm, change in arms.items():
        cold = {**change, "temperature": 8.0}
        add(1, f"temperature8-{arm}", "beauty-5core", cold | {"logq": True}, epochs=24)
    for weight in (0.03, 0.3, 1.0):
        change = {**WARM, **K1, "seq2seq_weight": weight, "logq": True}
        add(1, f"weight{weight:g}", "beauty-5core", change, epochs=24)
    add(1, "weight0", "beauty-5core", {**arms["alone"], "logq": True}, epochs=24)
    return [
        Job(f"{name}-seed{seed}", data, change, seed=seed, **more)
        for name, data, change, seed, more in jobs
    ]


# the shop of chapter 02, ten clicks longer: those are asked for
SHOP: dict[str, Any] = {"n_users": 500, "length": 34, "n_intents": 2, "chain": 10}
SHOP |= {"items_per_intent": 20, "stay": 0.85, "noise": 0.15}
SHOP_MODEL: dict[str, Any] = {**TOY, "n_intents": 1, "remedy_epochs": 6}


# {name: (the world is changed, the model is changed, epochs)}
WORLDS: dict[str, tuple[dict[str, Any], dict[str, Any], int]] = {
    "shop": ({}, {}, 6),
    "items-4": ({"items_per_intent": 80}, {}, 6),
    "items-16": ({"items_per_intent": 320}, {}, 6),
    "noise-50": ({"noise": 0.5}, {}, 6),
    "stay-50": ({"stay": 0.5}, {}, 6),
    "short": ({"length": 20}, {}, 6),
    "users-100": ({"n_users": 100}, {}, 6),
    "users-2000": ({"n_users": 2000}, {}, 6),
    "epochs-12": ({}, {}, 12),  # twice the steps: seq2seq costs about that much
    "epochs-24": ({}, {}, 24),
    "group-32": ({}, {"group_size": 32, "groups": 8}, 6),
    "temperature": ({}, {"temperature": None}, 6),  # the paper's sqrt(D)
    "four": ({}, {"n_intents": 4}, 12),
}


def worlds(seeds: Sequence[int] = (0, 1, 2)) -> Jobs:
    """The shop in which seq2seq helps, changed one thing at a time: until when?"""
    whole = {"seq2seq_weight": 1.0, "seq2seq_start": 3, "keep": 1.0}
    arms: dict[str, dict[str, Any]] = {"alone": {"variant": 1}, "both": whole}
    jobs = [
        (f"{name}-{arm}", world, {**settings, **loss}, epochs)
        for name, (world, settings, epochs) in WORLDS.items()
        for arm, loss in arms.items()
    ]
    jobs += [
        ("select-30", {}, {**whole, "keep": 0.3}, 6),
        ("weight-10", {}, {**whole, "seq2seq_weight": 0.1}, 6),
        ("start-0", {}, {**whole, "seq2seq_start": 0}, 6),
        # seen first: at sqrt(D) seq2item alone looks as far ahead as both do
        ("temperature-2", {}, {"variant": 1, "temperature": 2.0}, 6),
        ("four-select-30", {}, {**whole, "n_intents": 4, "keep": 0.3}, 12),
    ]
    return [
        Job(
            f"{name}-seed{seed}",
            {**SHOP, **world, "seed": seed},
            {**SHOP_MODEL, **settings},
            epochs=epochs,
            seed=seed,
            horizon=10,
        )
        for seed in seeds
        for name, world, settings, epochs in jobs
    ]


def repeats(seeds: Sequence[int] = (0, 1, 2, 3, 4)) -> Jobs:
    """Two sizes of one small model on ML-100K, trained again and again (chapter 03)."""
    small = {"variant": 1, "n_blocks": 1, "group_size": 128, "groups": 16, **K1}
    return [
        Job(
            f"dim{dim}-seed{seed}",
            "ml-100k",
            {**small, "dim": dim},
            epochs=12,
            seed=seed,
        )
        for seed in seeds
        for dim in (32, 64)
    ]


def smoke(seeds: Sequence[int] = (0, 1)) -> Jobs:
    """Seconds: does the harness work here?"""
    world = {"n_users": 40, "length": 12, "items_per_intent": 10, "chain": 10}
    small = {**TOY, "dim": 8, "max_len": 12, "n_intents": 2, "remedy_epochs": 1}
    extras: dict[str, dict[str, Any]] = {
        "plain": {},
        "noisy": {"noise": 0.3, "horizon": 2, "users": 0.5},
    }
    return [
        Job(
            f"{name}-seed{seed}",
            {**world, "seed": seed},
            small,
            epochs=2,
            seed=seed,
            **x,
        )
        for seed in seeds
        for name, x in extras.items()
    ]


PLANS: dict[str, tuple[Callable[..., Jobs], str]] = {
    "ablation": (ablation, "Table 2: variants 0-3 on Beauty"),
    "ablation-paper": (ablation_paper, "Table 2 in the paper's own setting"),
    "noise": (noise, "Figure 4: training clicks replaced"),
    "threshold": (threshold, "Figure 5: lambda"),
    "films": (films, "what do prototypes gather in ML-100K?"),
    "regimes": (regimes, "where does seq2seq help?"),
    "worlds": (worlds, "the shop in which it helps, changed one thing at a time"),
    "intentions": (
        intentions,
        "do prototypes find known intentions? K, remedy, losses",
    ),
    "repeats": (repeats, "how far seeds and users differ: two sizes on ML-100K"),
    "smoke": (smoke, "seconds: does the harness work here?"),
    "search": (search, "settings compared on validation"),
    "frozen": (frozen, "the recommended settings, on test"),
    "again": (again, "Beauty searched once more, on validation"),
    "defaults": (defaults, "settings with shared negatives, compared on validation"),
    "tuning": (
        tuning,
        "every system of the paper, twelve settings each, on validation",
    ),
    "overall": (overall, "Figures 2 and 3: what validated best of each, on test"),
    "five-core": (five_core, "the best validated setting of 5-core, on test"),
}


RATES = ("00", "10", "20", "30", "50")

# {experiment: {question: pairs of settings}}: a report gives their paired differences,
# second minus first, and judges those of one question together. H1 to H10 are the
# hypotheses of book/results/README.md.
CONTRASTS: dict[str, dict[str, list[tuple[str, str]]]] = {
    "ablation": {
        "H1": [("variant1", "variant0"), ("k4-variant1", "k4-variant0")],
        "H2": [("variant1", "variant2"), ("variant1", "variant3")],
        # the paper's "in latent space, not item by item"
        "H2, both": [("variant2", "variant0"), ("variant3", "variant0")],
        "H8": [("variant1", "k4-variant1")],
    },
    "ablation-paper": {
        "H1": [
            ("paper-variant1", "paper-variant0"),
            ("paper-long-variant1", "paper-long-variant0"),
        ],
        "H2": [("paper-variant1", f"paper-variant{v}") for v in (2, 3)],
        "H2, both": [(f"paper-variant{v}", "paper-long-variant0") for v in (2, 3)],
    },
    "noise": {
        "H3": [(f"noise{r}-variant1", f"noise{r}-variant0") for r in RATES]
        + [("k4-noise30-variant1", "k4-noise30-variant0")],
    },
    "films": {
        "H1": [(f"{x}seq2item", f"{x}both") for x in ("", "long-k1-", "long-k4-")],
    },
    "threshold": {
        "H4": [
            ("lambda000", f"lambda{share}")
            for share in ("010", "030", "050", "070", "100")
        ]
        + [("lambda100", "lambda030"), ("lambda100", "lambda050")],
    },
    "regimes": {
        "H5": [
            ("users05-alone", "users05-both"),
            ("users05-four-alone", "users05-four-both"),
            ("users20-alone", "users20-both"),
        ],
        "H5, chosen": [("users05-both", "users05-select")],
        "H7": [("next10-alone", "next10-both")],
        "H10": [("next10-alone", "next10-soft")],
        "temperature": [("temperature8-alone", "temperature8-both")],
        "weight": [("weight0", f"weight{weight}") for weight in ("0.03", "0.3", "1")],
    },
    "worlds": {
        "H9": [
            (f"{name}-alone", f"{name}-both")
            for name in (
                *("shop", "items-4", "items-16", "noise-50", "stay-50", "short"),
                *("users-100", "users-2000", "epochs-12", "epochs-24"),
                *("group-32", "four"),
            )
        ],
        "chosen, light, early": [
            *(("shop-alone", name) for name in ("select-30", "weight-10", "start-0")),
            *(("four-alone", "four-select-30"), ("shop-both", "select-30")),
            ("shop-both", "start-0"),
        ],
        "H10": [
            ("shop-alone", "temperature-alone"),
            ("temperature-alone", "temperature-both"),
            ("temperature-alone", "start-0"),
            ("shop-both", "temperature-alone"),
            ("shop-both", "temperature-2"),
        ],
    },
    "intentions": {
        "weight": [
            ("k4-remedy-seq2item", f"k4-remedy-{arm}") for arm in ("both", "both-w1")
        ],
    },
    "smoke": {"noise": [("plain", "noisy")]},
}


def plan(name: str, seeds: Sequence[int] | None = None) -> Jobs:
    """The jobs of an experiment, in the order they are run."""
    if name not in PLANS:
        hint = did_you_mean(name, PLANS)
        raise DisrecError(
            f"there is no experiment {name!r}; there are {', '.join(PLANS)}.{hint}"
        )
    make = PLANS[name][0]
    return make() if seeds is None else make(seeds=tuple(seeds))


def find_job(experiment: str, name: str) -> Job:
    """A job by its name; a name ending in -seedN may have any N."""
    jobs = plan(experiment)
    stem, mark, seed = name.rpartition("-seed")
    for job in jobs:
        if job.name == name:
            return job
        if mark and seed.isdecimal() and job.name.rpartition("-seed")[0] == stem:
            data = job.data
            if isinstance(data, dict):
                data = {**data, "seed": int(seed)}
            return replace(job, name=name, seed=int(seed), data=data)
    raise DisrecError(
        f"experiment {experiment} has no job {name!r}; the first is {jobs[0].name!r}."
    )
