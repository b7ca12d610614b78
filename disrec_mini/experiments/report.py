"""From result files to the one small file that chapters read.

`python -m disrec_mini report` writes `book/results/<experiment>/report.json`: for each
setting, means over seeds and their spread, for every metric, with the files and
commits they came from.
"""

import json
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from disrec_mini.analysis import bootstrap
from disrec_mini.errors import DisrecError
from disrec_mini.experiments import bundle
from disrec_mini.experiments.plans import CONTRASTS
from disrec_mini.experiments.queue import RESULTS
from disrec_mini.experiments.verdicts import difference, judge, per_person
from disrec_mini.files import write_json_atomic
from disrec_mini.metrics import per_user
from disrec_mini.runs import as_now

Row = dict[str, Any]
Array = np.ndarray


def results(name: str, folder: Path = RESULTS) -> list[Row]:
    """The result files of an experiment, in the order of their names."""
    paths = sorted((folder / name).glob("*.json"))
    rows = [_result(path) for path in paths if _is_job(path)]
    _check_once(rows, folder / name)
    if not rows:
        raise DisrecError(
            f"{folder / name} holds no results: run `python -m disrec_mini experiment "
            f"{name}` first."
        )
    return rows


def _row(path: Path) -> Row:
    try:
        row = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):  # also what is no JSON, and no text
        row = None
    if not isinstance(row, dict):
        raise _damaged(path)
    return as_now(row)


def _result(path: Path) -> Row:
    """A job's result, with what every report needs."""
    row = _row(path)
    job, history = row.get("job"), row.get("history")
    known = {"seed", "best_epoch", "training_seconds", "stopped_by", "git", "valid"}
    if not (
        known <= set(row)
        and isinstance(job, dict)
        and isinstance(job.get("name"), str)
        and isinstance(history, dict)
        and isinstance(history.get("epochs"), list)
    ):
        raise _damaged(path)
    return row


def _damaged(path: Path) -> DisrecError:
    return DisrecError(
        f"{path} is damaged or not of an experiment: move it away and run the "
        "experiment again."
    )


def _check_once(rows: list[Row], folder: Path) -> None:
    """A copy is no other seed."""
    names = [row["job"]["name"] for row in rows]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise DisrecError(
            f"{folder} holds the job {twice[0]} more than once: move the copies of its "
            "result away."
        )


def _is_job(path: Path) -> bool:
    return path.name not in ("report.json", "result.json", "log.json")


def report(name: str, folder: Path = RESULTS) -> dict[str, Any]:
    """Means over seeds of every setting of an experiment; stored, and returned."""
    groups: dict[str, list[Row]] = {}
    for row in results(name, folder):
        groups.setdefault(row["job"]["name"].rpartition("-seed")[0], []).append(row)
    made: dict[str, Any] = {
        "experiment": name,
        "settings": {g: _summary(rows, folder / name) for g, rows in groups.items()},
        "differences": {
            f"{b} - {a}": differences(groups[a], groups[b], folder / name)
            for pairs in CONTRASTS.get(name, {}).values()
            for a, b in pairs
            if a in groups and b in groups
        },
    }
    _judge(name, made["differences"])
    write_json_atomic(folder / name / "report.json", made)
    if name in ("search", "defaults", "again", "tuning"):
        write_json_atomic(folder / name / "log.json", _log(groups))
    return made


def _log(groups: dict[str, list[Row]]) -> list[dict[str, Any]]:
    """One short line for each job of a search: what it tried, what validation said."""
    return [
        {
            "name": row["job"]["name"],
            "data": row["job"]["data"],
            "model": row["model"],
            "base": row["job"]["base"],
            "changed": row["job"]["settings"],
            **{m: row["valid"]["full"][m] for m in ("recall@10", "ndcg@10")},
            **{f"sampled {m}": row["valid"]["sampled"][m] for m in METRICS},
            "best_epoch": row["best_epoch"],
            "seconds": row["training_seconds"],
            "stopped_by": row["stopped_by"],
        }
        for rows in groups.values()
        for row in rows
    ]


def _summary(rows: list[Row], folder: Path) -> dict[str, Any]:
    """The seeds; `at_cap`, how many of them validated best at the last epoch they were
    allowed; and for each metric its mean, the extremes over seeds (low, high), each
    seed's value, and where ranks are stored `users`: the 95 % bootstrap interval over
    users of the mean over seeds."""
    values: dict[str, list[float]] = {}
    persons: dict[str, list[Array]] = {}
    for row in rows:
        for metric, value in _numbers(row):
            values.setdefault(metric, []).append(value)
        if (folder / f"{row['job']['name']}.npz").exists() and "test" in row:
            for metric, each in _per_user(rows, row["seed"], folder).items():
                name = metric if "next" in metric else f"test {metric}"
                persons.setdefault(name, []).append(each)
    # a mean over some of the seeds would stand beside means over all
    values = {name: found for name, found in values.items() if len(found) == len(rows)}
    nested = _nested(rows)
    users = {
        metric: bootstrap(per_person(each, nested))
        for metric, each in persons.items()
        if metric in values
    }
    return {
        "job": rows[0]["job"],
        "seeds": [row["seed"] for row in rows],
        "at_cap": sum(row["best_epoch"] == row["job"]["epochs"] for row in rows),
        "commits": sorted({str(row["git"]) for row in rows}),
        "metrics": {
            metric: {
                "mean": float(np.mean(of_seeds)),
                "low": min(of_seeds),
                "high": max(of_seeds),
                "seeds": of_seeds,
                **({"users": list(users[metric])} if metric in users else {}),
            }
            for metric, of_seeds in values.items()
        },
    }


def _numbers(row: Row) -> Iterator[tuple[str, float]]:
    """(name, value) of everything that was measured in one run."""
    for part in ("valid", "test"):
        for protocol in ("sampled", "full"):
            metrics = row.get(part, {}).get(protocol, {})
            for metric in ("recall@1", "recall@5", "recall@10", "ndcg@5", "ndcg@10"):
                if metric in metrics:
                    yield f"{part} {protocol} {metric}", metrics[metric]
                    yield f"{part} {protocol} warm {metric}", metrics["warm"][metric]
            if "mrr" in metrics:
                yield f"{part} {protocol} mrr", metrics["mrr"]
    for metric in ("nmi", "purity"):
        if "agreement" in row:
            yield metric, row["agreement"][metric]
    for metric, value in row.get("lists", {}).items():
        yield metric, value
    # files from before 2026-11-26 hold the usage of the last epoch, in training: those
    # are other weights than the ones that everything else was measured with
    usage = row.get("usage", {})  # of a DisRec
    when = "" if usage.get("weights") == "kept" else ", last epoch"
    for kind in ("hard", "soft") if usage else ():
        yield f"largest {kind} usage{when}", max(usage[f"{kind}_usage"])
    if "common" in row:
        yield "common share", row["common"]
    yield "training seconds", row["training_seconds"]
    if row.get("peak_mb"):
        yield "peak MB", row["peak_mb"]
    yield "best epoch", row["best_epoch"]


PRIMARY = ("sampled recall@10", "full recall@10")
METRICS = ("recall@1", "recall@5", "recall@10", "ndcg@5", "ndcg@10", "mrr")


def differences(a: list[Row], b: list[Row], folder: Path) -> dict[str, Any]:
    """What b has more than a, on the same test users, over the seeds both have.

    For each metric what `verdicts.difference` says of it, the verdict as if it were the
    only one: `report` judges the contrasts of an experiment together.
    """
    gains: dict[str, list[Array]] = {}
    bases: dict[str, list[float]] = {}
    both = sorted({r["seed"] for r in a} & {r["seed"] for r in b})
    for seed in both:
        old, new = (_per_user(rows, seed, folder) for rows in (a, b))
        for metric in old.keys() & new.keys():
            gains.setdefault(metric, []).append(new[metric] - old[metric])
            bases.setdefault(metric, []).append(float(np.nanmean(old[metric])))
    made = {
        metric: difference(rows, float(np.mean(bases[metric])), _nested(a))
        for metric, rows in gains.items()
    }
    return made | _at_equal_time(a, b, both)


def _nested(rows: list[Row]) -> bool:
    """Whether each seed has users of its own: a world made anew."""
    return isinstance(rows[0]["job"]["data"], dict)


def _judge(name: str, contrasts: dict[str, dict[str, Any]]) -> None:
    """Each family of an experiment together: the contrasts that answer one question, in
    one metric; in the two metrics that decide hypotheses, PRIMARY, together."""
    for family, pairs in CONTRASTS.get(name, {}).items():
        together: dict[str, list[dict[str, Any]]] = {}
        for a, b in pairs:
            for metric, d in contrasts.get(f"{b} - {a}", {}).items():
                if "verdict" in d:
                    key = "primary" if metric in PRIMARY else metric
                    d["question"] = family
                    together.setdefault(key, []).append(d)
        for entries in together.values():
            judge(entries)


def _at_equal_time(a: list[Row], b: list[Row], seeds: list[int]) -> dict[str, Any]:
    """What b's best epoch so far has more than a's, on validation, when the one that
    needs less training time for all its epochs has just finished."""
    gains_of: dict[str, list[float]] = {"recall@10": [], "ndcg@10": []}
    spent = []
    for seed in seeds:
        pair = [next(r for r in rows if r["seed"] == seed) for rows in (a, b)]
        times = [_seconds(row) for row in pair]
        end = min(time[-1] for time in times)
        spent.append(end)
        for metric, gains in gains_of.items():
            best = [
                max(
                    e["valid"][metric]
                    for e, second in zip(row["history"]["epochs"], time, strict=True)
                    if second <= end or second == time[0]
                )
                for row, time in zip(pair, times, strict=True)
            ]
            gains.append(best[1] - best[0])
    return {
        f"valid {metric} at equal time": {
            "mean": float(np.mean(gains)),
            "seeds": gains,
            "seconds": round(float(np.mean(spent)), 1),
        }
        for metric, gains in gains_of.items()
        if gains
    }


def _seconds(row: Row) -> Array:
    """(epochs,) training seconds at the end of each, from the speed of each epoch."""
    epochs = row["history"]["epochs"]  # the last may have ended early
    each = np.array([e.get("share", 1) / e["pairs_per_second"] for e in epochs])
    return np.cumsum(each) / each.sum() * row["training_seconds"]


def _per_user(rows: list[Row], seed: int, folder: Path) -> dict[str, Array]:
    """{metric: (N,)} of one run, from the ranks stored beside it."""
    name = next(row["job"]["name"] for row in rows if row["seed"] == seed)
    path = folder / f"{name}.npz"
    try:
        with np.load(path) as stored:
            return _of_ranks({key: stored[key] for key in stored.files})
    except (OSError, ValueError, KeyError, IndexError, TypeError, EOFError):
        raise _damaged(path) from None
    except (zipfile.BadZipFile, zlib.error, AttributeError):  # no file of arrays
        raise _damaged(path) from None


def _of_ranks(stored: dict[str, Array]) -> dict[str, Array]:
    per_metric: dict[str, Array] = {}
    warm = stored["warm"]
    for protocol in ("sampled", "full"):
        for metric in METRICS:
            values = per_user(stored[f"{protocol}_ranks"], metric)
            per_metric[f"{protocol} {metric}"] = values
            per_metric[f"{protocol} warm {metric}"] = np.where(warm, values, np.nan)
    for key, values in stored.items():
        if key.startswith("next_"):
            per_metric[f"recall of the next {key[5:]}"] = values
    return per_metric


def find(name: str, file: str = "report.json") -> Path:
    """A stored file of an experiment, for chapters.

    A chapter in a clone finds it above its own folder; one opened alone, as in Colab,
    in the bundle of all stored results.
    """
    for folder in (Path.cwd(), *Path.cwd().parents):
        path = folder / RESULTS / name / file
        if path.exists():
            return path
    return bundle.extract(f"{name}/{file}")


def read(name: str, file: str = "report.json") -> dict[str, Any]:
    """A stored JSON file of an experiment, see `find`."""
    return _row(find(name, file))


def table(
    made: dict[str, Any],
    columns: dict[str, str],
    rows: dict[str, str],
    show: Callable[[dict[str, Any]], str] | None = None,
) -> str:
    """A Markdown table of some settings: mean (lowest to highest seed).

    columns : {heading: metric}. rows : {label: setting}.
    """

    def cell(value: dict[str, Any]) -> str:
        return f"{value['mean']:.3f} ({value['low']:.3f} to {value['high']:.3f})"

    lines = ["| | " + " | ".join(columns) + " |", "| --- " * (len(columns) + 1) + "|"]
    for label, setting in rows.items():
        metrics = made["settings"][setting]["metrics"]
        cells = [(show or cell)(metrics[metric]) for metric in columns.values()]
        lines.append(f"| {label} | " + " | ".join(cells) + " |")
    return "\n".join(lines)
