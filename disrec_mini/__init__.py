"""disrec_mini: disentangled self-supervision in sequential recommenders, compactly."""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # for editors and type checkers; `as` makes a name public
    from disrec_mini import analysis as analysis
    from disrec_mini import baselines as baselines
    from disrec_mini import batches as batches
    from disrec_mini import candidates as candidates
    from disrec_mini import datasets as datasets
    from disrec_mini import encoder as encoder
    from disrec_mini import evaluation as evaluation
    from disrec_mini import events as events
    from disrec_mini import explorer as explorer
    from disrec_mini import exports as exports
    from disrec_mini import intentions as intentions
    from disrec_mini import interactions as interactions
    from disrec_mini import losses as losses
    from disrec_mini import metrics as metrics
    from disrec_mini import model as model
    from disrec_mini import objective as objective
    from disrec_mini import plots as plots
    from disrec_mini import reading as reading
    from disrec_mini import recommender as recommender
    from disrec_mini import remedy as remedy
    from disrec_mini import settings as settings
    from disrec_mini import splitting as splitting
    from disrec_mini import synthetic as synthetic
    from disrec_mini import training as training
    from disrec_mini import widgets as widgets
    from disrec_mini.analysis import compare as compare
    from disrec_mini.datasets import load_dataset as load_dataset
    from disrec_mini.errors import DisrecError as DisrecError
    from disrec_mini.evaluation import evaluate as evaluate
    from disrec_mini.events import read_events as read_events
    from disrec_mini.exports import recommend_all as recommend_all
    from disrec_mini.history import History as History
    from disrec_mini.interactions import Interactions as Interactions
    from disrec_mini.metrics import Metrics as Metrics
    from disrec_mini.model import DisRec as DisRec
    from disrec_mini.model import Encoding as Encoding
    from disrec_mini.reading import read_interactions as read_interactions
    from disrec_mini.recommender import Objective as Objective
    from disrec_mini.recommender import Recommender as Recommender
    from disrec_mini.settings import DisRecConfig as DisRecConfig
    from disrec_mini.splitting import Split as Split
    from disrec_mini.splitting import corrupt as corrupt
    from disrec_mini.splitting import leave_one_out as leave_one_out
    from disrec_mini.training import fit as fit

__version__ = "0.2.0"

# name -> module that holds it ("": it is a module); loaded on first use, so that the
# command line answers at once
_HOMES = dict.fromkeys(
    (
        *("analysis", "baselines", "batches", "candidates", "datasets", "encoder"),
        *("evaluation", "events", "explorer", "exports", "intentions", "interactions"),
        *("losses", "metrics", "model", "objective", "plots", "reading", "recommender"),
        "remedy",
        *("settings", "splitting", "synthetic", "training", "widgets"),
    ),
    "",
)
_HOMES |= {
    "DisRec": "model",
    "DisRecConfig": "settings",
    "DisrecError": "errors",
    "Encoding": "model",
    "History": "history",
    "Interactions": "interactions",
    "Metrics": "metrics",
    "Objective": "recommender",
    "Recommender": "recommender",
    "Split": "splitting",
    "compare": "analysis",
    "corrupt": "splitting",
    "evaluate": "evaluation",
    "fit": "training",
    "leave_one_out": "splitting",
    "load_dataset": "datasets",
    "read_events": "events",
    "read_interactions": "reading",
    "recommend_all": "exports",
}

__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'disrec_mini' has no attribute {name!r}")
    home = _HOMES[name]
    module = importlib.import_module(f"disrec_mini.{home or name}")
    return getattr(module, name) if home else module


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
