"""How often would a difference of a given size be found? Drawn, not derived.

    python benchmarks/power.py

draws tables of gains (S seeds, N users) as normal numbers whose parts (of users, of
seeds, and the rest) scatter as in stored comparisons, and judges each as
`experiments/verdicts.py` does. Stored in book/results/power/report.json: for 3, 5 and
10 seeds, alone and as the first of a family of seven, how often "gain" or "loss" is
said of nothing, "gain" of effects up to the paper's .028, and "equivalent" of nothing;
and how often something is said of nothing where seeds and users scatter otherwise.

What is drawn are the mean squares and the mean, whose distributions are known for such
tables; tests/test_verdicts.py draws whole tables.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

from disrec_mini.experiments import report, verdicts
from disrec_mini.files import write_json_atomic
from disrec_mini.runs import provenance

COMPARED = {  # {name: (experiment, old, new)}: H1 in both settings
    "ours": ("ablation", "variant1", "variant0"),
    "the paper's": ("ablation-paper", "paper-long-variant1", "paper-long-variant0"),
}
METRIC = "sampled recall@10"
EFFECTS = (0.0025, 0.005, 0.0075, 0.01, 0.015, 0.02, 0.028)  # the last: the paper's
SEEDS = (3, 5, 10)
FAMILIES = {"alone": 1, "first of seven": 7}
SCATTER = (  # of seeds, users and the rest
    *((0, 1, 0.5), (0.3, 1, 0.3), (1, 1, 0.3), (4, 1, 0.3), (10, 1, 0.3)),
    *((0, 0.01, 1), (1, 0.01, 1), (1, 0, 0.01)),
)


def parts_of(experiment: str, old: str, new: str, folder: Path) -> dict[str, Any]:
    """Variances of users, seeds and the rest in a stored comparison, not below 0."""
    rows: dict[str, list[Any]] = {old: [], new: []}
    for row in report.results(experiment, folder):
        rows.get(row["job"]["name"].rpartition("-seed")[0], []).append(row)
    of = [
        [
            report._per_user(rows[name], row["seed"], folder / experiment)[METRIC]
            for row in sorted(rows[name], key=lambda row: row["seed"])
        ]
        for name in (old, new)
    ]
    gains = np.array(of[1]) - np.array(of[0])  # (S, N)
    n_seeds, n_users = gains.shape
    seed, user, rest = map(float, verdicts.parts_of(gains))
    return {
        "users": n_users,
        "base": float(np.mean(of[0])),
        "user": max(user - rest, 0.0) * n_users,
        "seed": max(seed - rest, 0.0) * n_seeds,
        "rest": rest * gains.size,
    }


def found(
    parts: dict[str, Any], n_seeds: int, effect: float, draws: int, seed: int = 0
) -> dict[str, float]:
    """How often each verdict is given, alone and as the strictest of a family."""
    rng = np.random.default_rng(seed)
    n = parts["users"]
    rest = parts["rest"] / (n * n_seeds)
    true = np.array([parts["seed"] / n_seeds + rest, parts["user"] / n + rest, rest])
    dfs = np.array([n_seeds - 1, n - 1, (n_seeds - 1) * (n - 1)])
    squares = true[:, None] * rng.chisquare(dfs[:, None], (3, draws)) / dfs[:, None]
    mean = effect + np.sqrt(true[0] + true[1] - rest) * rng.standard_normal(draws)
    errors = [
        (np.sqrt(squares[0]), n_seeds - 1),  # of the seeds alone
        verdicts.of_parts(squares, n_seeds, n),
    ]
    inside = verdicts.SMALLEST * parts["base"] - np.abs(mean)
    p = np.max([2 * stats.t.sf(np.abs(mean) / e, df) for e, df in errors], axis=0)
    p_equal = np.max([stats.t.sf(inside / e, df) for e, df in errors], axis=0)
    made = {}
    for name, size in FAMILIES.items():
        level = verdicts.ALPHA / size
        told = p < level
        made[f"gain, {name}"] = float((told & (mean > 0)).mean())
        made[f"loss, {name}"] = float((told & (mean < 0)).mean())
        made[f"equivalent, {name}"] = float((~told & (p_equal < level)).mean())
    return made


def nothing(parts: dict[str, Any], draws: int) -> list[dict[str, Any]]:
    """How often something is said of nothing, whatever scatters most."""
    n, made = parts["users"], []
    for n_seeds in SEEDS:
        for seed, user, rest in SCATTER:  # variances of the mean that each part gives
            drawn = {
                "seed": seed * n_seeds,
                "user": user * n,
                "rest": rest * n * n_seeds,
            }
            said = found({**parts, **drawn}, n_seeds, 0.0, draws)
            row: dict[str, Any] = {"seeds": n_seeds, "scatter": [seed, user, rest]}
            for name in FAMILIES:
                row[name] = said[f"gain, {name}"] + said[f"loss, {name}"]
            made.append(row)
    return made


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draws", type=int, default=200_000)
    parser.add_argument("--out", type=Path, default=Path("book/results"))
    options = parser.parse_args()
    made: dict[str, Any] = {"command": "python benchmarks/power.py", "metric": METRIC}
    made |= {"draws": options.draws, **provenance()}
    for name, (experiment, old, new) in COMPARED.items():
        parts = parts_of(experiment, old, new, options.out)
        made[name] = {"experiment": experiment, "old": old, "new": new, **parts}
        made[name]["seeds"] = {
            str(n_seeds): {
                str(effect): found(parts, n_seeds, effect, options.draws)
                for effect in (0.0, *EFFECTS)
            }
            for n_seeds in SEEDS
        }
    made["nothing"] = nothing(made["ours"], options.draws)
    write_json_atomic(options.out / "power" / "report.json", made)
    print(json.dumps(made, indent=1))


if __name__ == "__main__":
    main()
