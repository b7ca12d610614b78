"""disrec_mini: disentangled self-supervision in sequential recommenders, compactly."""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import disrec_mini.evaluation as evaluation
    import disrec_mini.explorer as explorer
    import disrec_mini.losses as losses
    import disrec_mini.plots as plots
    import disrec_mini.synthetic as synthetic
    import disrec_mini.widgets as widgets
    from disrec_mini.datasets import load_dataset
    from disrec_mini.errors import DisrecError
    from disrec_mini.evaluation import Metrics, compare, evaluate
    from disrec_mini.interactions import (
        Interactions,
        Split,
        corrupt,
        leave_one_out,
        read_interactions,
    )
    from disrec_mini.model import DisRec, Encoding
    from disrec_mini.settings import DisRecConfig
    from disrec_mini.training import History, fit

__version__ = "0.1.0"

# name -> module; loaded on first use, so that the command line answers at once
_HOMES = {
    "Interactions": "interactions",
    "Split": "interactions",
    "corrupt": "interactions",
    "leave_one_out": "interactions",
    "read_interactions": "interactions",
    "load_dataset": "datasets",
    "DisrecError": "errors",
    "DisRecConfig": "settings",
    "DisRec": "model",
    "Encoding": "model",
    "fit": "training",
    "History": "training",
    "evaluate": "evaluation",
    "compare": "evaluation",
    "Metrics": "evaluation",
}
_MODULES = {"baselines", "batches", "datasets", "encoder", "evaluation", "explorer"} | {
    "intentions",
    "losses",
    "model",
    "plots",
    "synthetic",
    "training",
    "widgets",
}

__all__ = [
    "DisRec",
    "DisRecConfig",
    "DisrecError",
    "Encoding",
    "History",
    "Interactions",
    "Metrics",
    "Split",
    "compare",
    "corrupt",
    "evaluate",
    "evaluation",
    "explorer",
    "fit",
    "leave_one_out",
    "load_dataset",
    "losses",
    "plots",
    "read_interactions",
    "synthetic",
    "widgets",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(f"disrec_mini.{_HOMES[name]}"), name)
    if name in _MODULES:
        return importlib.import_module(f"disrec_mini.{name}")
    raise AttributeError(f"module 'disrec_mini' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
