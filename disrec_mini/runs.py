"""One run, from a split to a result file: the flow behind `train` and `experiment`."""

import platform
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from disrec_mini import __version__, processes
from disrec_mini.baselines import Counted
from disrec_mini.candidates import draw_negatives, some_users
from disrec_mini.dealing import evaluate
from disrec_mini.evaluation import PROTOCOLS
from disrec_mini.files import write_json_atomic
from disrec_mini.history import History
from disrec_mini.interactions import Interactions
from disrec_mini.metrics import Metrics
from disrec_mini.recommender import Recommender
from disrec_mini.settings import Config, model_class
from disrec_mini.splitting import Split
from disrec_mini.training import fit

Measured = dict[str, dict[str, Metrics]]  # part -> protocol -> metrics


@dataclass(frozen=True)
class Run:
    """A finished run. began : seconds, as `time.time`."""

    model: Recommender
    history: History
    metrics: Measured
    result: dict[str, Any]
    began: float

    def store(self, path: Path, **more: Any) -> dict[str, Any]:
        """Write the result file, with `more` entries, and return what it holds."""
        seconds = {"seconds": round(time.time() - self.began, 3)}
        content = {**self.result, **seconds, **more}
        write_json_atomic(path, content)
        return content


def run(
    kind: str,
    config: Config,
    train: Split,
    read: Split,
    *,
    seed: int,
    about: dict[str, Any],
    parts: Sequence[str] = ("valid", "test"),
    candidates: Split | None = None,
    full_valid_users: int | None = None,
    exclude_seen: bool = True,
    keep: Path | None = None,
    **options: Any,
) -> Run | None:
    """Make a model, train it, measure it.

    Parameters
    ----------
    kind : a name of `settings.MODELS`. config : its settings.
    train : what it learns from. read : the clicks it reads when it is measured.
    seed : of weights and training.
    about : entries of the result file that say what was run, such as its command.
    parts, candidates, full_valid_users, exclude_seen : as in `measure`; the last is of
        validation while it trains, too.
    keep : where the model is saved, before anything is measured.
    options : of `fit`.

    Returns
    -------
    None if Ctrl-C came first.
    """
    began = time.time()
    torch.manual_seed(seed)
    model = make_model(kind, config, train.train)
    model.made_from = about.get("made_from")
    history = History(stopped_by="counted")
    if not isinstance(model, Counted):
        history = fit(model, train, seed=seed, exclude_seen=exclude_seen, **options)
    if history.stopped_by == "interrupt":
        return None
    if keep is not None and processes.rank() == 0:
        model.save(keep)
    metrics = measure(
        model,
        read,
        parts,
        candidates=candidates,
        full_valid_users=full_valid_users,
        exclude_seen=exclude_seen,
    )
    made = {**about, "model": kind, "settings": asdict(config), "seed": seed}
    result = {**made, **provenance(), "peak_mb": peak_mb()}
    result |= {**_of_history(history), **as_result(metrics)}
    return Run(model, history, metrics, result, began)


def make_model(kind: str, config: Config, train: Interactions) -> Recommender:
    """An untrained model, or one that counts, which needs nothing more."""
    model_type: type[Recommender] = model_class(kind)
    return model_type.untrained(config, train)


def measure(
    model: Any,
    read: Split,
    parts: Sequence[str] = ("valid", "test"),
    protocols: Sequence[str] = PROTOCOLS,
    *,
    candidates: Split | None = None,
    full_valid_users: int | None = None,
    exclude_seen: bool = True,
) -> Measured:
    """Both protocols on both parts, or some of them.

    Parameters
    ----------
    candidates : who the true items are compared with comes from here (noise in what is
        read must not change it).
    full_valid_users : at most so many users, always the same, in the full list on
        validation, which is the slowest.
    exclude_seen : as in `evaluate`.
    """
    seen = {"exclude_seen": exclude_seen}
    metrics: Measured = {}
    for part in parts:
        asks = "sampled" in protocols
        lists = draw_negatives(candidates or read, part, **seen) if asks else None
        metrics[part] = {}
        for protocol in protocols:
            few = full_valid_users if (part, protocol) == ("valid", "full") else None
            users = None if few is None else some_users(read, few)
            metrics[part][protocol] = evaluate(
                model, read, protocol, part, users=users, negatives=lists, **seen
            )
    return metrics


# -- result files ----------------------------------------------------------------------


def as_result(metrics: Measured) -> dict[str, Any]:
    """{valid: {sampled, full, negatives_sha256}, test: ..., negatives_sha256: the last
    part's}."""
    result: dict[str, Any] = {}
    for part, by_protocol in metrics.items():
        result[part] = {name: x.as_dict() for name, x in by_protocol.items()}
        if "sampled" in by_protocol:
            digest = by_protocol["sampled"].negatives_sha256
            result[part]["negatives_sha256"] = digest
            result["negatives_sha256"] = digest
    return result


def _of_history(history: History) -> dict[str, Any]:
    """What a result file says of the training."""
    return {
        "training_seconds": round(history.seconds, 3),
        "epochs": len(history.epochs),
        "best_epoch": history.best_epoch,
        "stopped_by": history.stopped_by,
        "history": _rounded(asdict(history)),
    }


def as_now(result: dict[str, Any]) -> dict[str, Any]:
    """A stored result with the entries that older files name otherwise or lack."""
    if "curve" in result:  # older files: the epochs alone, under this name
        history = {"epochs": result["curve"]}
        result = {"model": "disrec", "history": history, **result}
    job = result.get("job", {})
    version = result.get("versions", {}).get("disrec_mini", "")
    if job.get("base") == "recommended" and version.startswith("0.1."):
        result = {**result, "job": {**job, "base": "in_batch"}}  # its name since 0.2
    return result


def provenance() -> dict[str, Any]:
    """Versions, threads, processes, commit and time: who made a result."""
    here = Path(__file__).parent
    try:
        git = subprocess.run(
            ["git", "-C", str(here), "describe", "--always", "--dirty", "--abbrev=12"],
            capture_output=True,
            text=True,
            timeout=10,
            check=False,
        ).stdout.strip()
    except (OSError, subprocess.TimeoutExpired):
        git = ""
    return {
        "versions": {
            "disrec_mini": __version__,
            "torch": torch.__version__,
            "numpy": np.__version__,
            "python": platform.python_version(),
        },
        "threads": torch.get_num_threads(),
        "processes": processes.world(),
        "git": git or None,
        "finished": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }


def peak_mb() -> int | None:
    """The most memory that this process has held so far; None where none can say."""
    try:
        import resource
    except ImportError:  # Windows
        return None
    unit = 2**20 if sys.platform == "darwin" else 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // unit


def _rounded(value: Any) -> Any:
    """Six digits: what a history needs, in files that are kept."""
    if isinstance(value, dict):
        return {name: _rounded(entry) for name, entry in value.items()}
    if isinstance(value, list):
        return [_rounded(entry) for entry in value]
    return float(f"{value:.6g}") if isinstance(value, float) else value
