"""`DisRecConfig`: every setting of the model, the losses and the steps, checked."""

import difflib
import math
from dataclasses import dataclass, fields, replace
from typing import Any

from disrec_mini.errors import DisrecError

SAMPLERS = ("packed", "pairs")


@dataclass(frozen=True)
class DisRecConfig:
    """Settings. The defaults are the equations of Ma et al., KDD 2020 (chapter 10).

    The original paper was not at hand, and our source lost the values of its search: D,
    the number of blocks, K, lambda, dropout and L2 are our guess.

    Model
    -----
    n_items : M, number of items; ids are 1..M, 0 is padding.
    dim : D, size of every vector.
    n_blocks : self-attention blocks of the encoder.
    n_intents : K, number of intentions.
    max_len : longest sequence the encoder reads, in clicks.
    dropout : share of activations dropped in training.
    init_std : None for Glorot uniform (TensorFlow's default, the paper's), else the
        standard deviation of a normal for items, positions and prototypes.
    remedy : True switches on the remedy against prototype collapse: clustering on
        centred z, undivided until `remedy_epochs`, then k-means (chapter 06).

    Losses
    ------
    variant : the paper's Table 2. 0 both losses; 1 seq2item alone; 2 every future item
        one by one; 3 the next three items one by one.
    keep : lambda, share of (sample, intention) pairs seq2seq may learn from, 0..1.
    seq2seq_weight : factor before the seq2seq loss (before w of variants 2 and 3).
    seq2seq_start, seq2seq_ramp : epochs without it, then epochs of linear growth.
    temperature, seq2seq_temperature : logits are dot / temperature; None is sqrt(D).
    mask_same_item : other rows with the same target leave the denominator.
    logq : subtract ln q_j from the training logits, for full ranking (chapter 07).

    Steps
    -----
    sampler : "packed" (prefix-shared) or "pairs" (each pair encoded by itself).
    group_size : B, pairs in one in-batch softmax.
    groups : G, groups in one optimiser step; the loss is their mean.
    learning_rate : Adam's.
    l2 : Adam weight decay on the item table.
    item_decay : decoupled weight decay on the item table (AdamW's), instead of l2.
    item_dropout : share of input clicks whose item is hidden (only the position stays).
    average : decay of a moving average of the weights, taken every 5 steps and used
        for validation and for the result; 0 for none.
    """

    n_items: int
    dim: int = 64
    n_blocks: int = 2
    n_intents: int = 4
    keep: float = 0.5
    max_len: int = 50
    dropout: float = 0.2
    init_std: float | None = None
    remedy: bool = False
    remedy_epochs: int = 3
    variant: int = 0
    seq2seq_weight: float = 1.0
    seq2seq_start: int = 0
    seq2seq_ramp: int = 0
    temperature: float | None = None
    seq2seq_temperature: float | None = None
    mask_same_item: bool = False
    logq: bool = False
    sampler: str = "packed"
    group_size: int = 128
    groups: int = 1
    learning_rate: float = 1e-3
    l2: float = 0.0
    item_decay: float = 0.0
    item_dropout: float = 0.0
    average: float = 0.0

    def __post_init__(self) -> None:
        for name, low in WHOLE.items():
            _check_whole(name, getattr(self, name), low)
        for name, bounds in RANGES.items():
            _check_range(name, getattr(self, name), *bounds)
        for name in POSITIVE:
            value = getattr(self, name)
            if value is not None and not (_is_number(value) and 0 < value < math.inf):
                raise DisrecError(f"{name} must be a number above 0, not {value!r}.")
        for name in ("remedy", "mask_same_item", "logq"):
            if not isinstance(getattr(self, name), bool):
                raise DisrecError(f"{name} must be True or False.")
        if self.variant not in (0, 1, 2, 3):
            raise DisrecError(f"variant must be 0, 1, 2 or 3, not {self.variant!r}.")
        if self.sampler not in SAMPLERS:
            raise DisrecError(
                f"sampler must be one of {', '.join(SAMPLERS)}, not {self.sampler!r}."
            )
        if self.l2 and self.item_decay:
            raise DisrecError(
                "l2 and item_decay both decay the item table: choose one."
            )

    @classmethod
    def paper(cls, n_items: int, **changes: Any) -> "DisRecConfig":
        """The paper's equations with our guess of its settings: the defaults."""
        return cls(n_items, **_known(changes))

    @classmethod
    def recommended(cls, n_items: int, **changes: Any) -> "DisRecConfig":
        """What measures better than the paper's setting; see `DEVIATIONS` for why."""
        return cls(
            n_items, **({k: v for k, (v, _) in DEVIATIONS.items()} | _known(changes))
        )

    def replace(self, **changes: Any) -> "DisRecConfig":
        """A copy with some settings changed, checked again."""
        return replace(self, **_known(changes))

    @property
    def uses_seq2seq(self) -> bool:
        """True if any (past, future, intention) triple can enter the loss."""
        return self.variant == 0 and self.keep > 0 and self.seq2seq_weight > 0


DEVIATIONS: dict[str, tuple[Any, str]] = {
    "n_intents": (
        1,
        "On validation four lose in the sampled list on Beauty and in both lists on "
        "5-core (one seed).",
    ),
    "temperature": (
        1.0,
        "phi has norm sqrt(D), so dot / sqrt(D) leaves logits as small as h at the "
        "start: training crawls. Dividing by 1 lets them grow.",
    ),
    "init_std": (
        0.02,
        "Glorot gives the item table a std that shrinks with the number of items.",
    ),
    "dropout": (
        0.5,
        "From the prototype, for two blocks on Beauty; on 5-core 0.3 ranks the full "
        "list better (one seed).",
    ),
    "mask_same_item": (True, "The same item must not be its own negative."),
    "group_size": (512, "More in-batch negatives."),
    "groups": (4, "Prefix sharing needs several pairs of a user in one step."),
    "learning_rate": (3e-3, "Steps hold more pairs than the paper's 128."),
    "item_decay": (
        2.0,
        "Decoupled decay of the item table against overfitting.",
    ),
    "item_dropout": (0.2, "Hidden input items regularise rare items."),
    "average": (0.98, "A moving average smooths the last steps."),
    "remedy": (
        True,
        "With it prototypes find the known intentions of small worlds. It matters for "
        "K > 1 only; on Beauty it gains no recall (one seed).",
    ),
    "seq2seq_weight": (
        0.1,
        "On Beauty and 5-core more weight costs more (one seed each); in small worlds "
        "with one intention 1 is better.",
    ),
    "seq2seq_start": (
        10,
        "On Beauty 4 and 10 validate alike (one seed); in small worlds with one "
        "intention 0 is best.",
    ),
    "remedy_epochs": (6, "Clicks are clustered once their vectors mean something."),
    "keep": (
        0.3,
        "On Beauty with K = 4 it loses less than 0.5 in the sampled list (three "
        "seeds), be it by the choice or by the lighter loss.",
    ),
}

WHOLE = {"n_items": 1, "dim": 1, "n_blocks": 1, "n_intents": 1, "max_len": 2} | {
    "group_size": 1,
    "groups": 1,
    "seq2seq_start": 0,
    "seq2seq_ramp": 0,
    "remedy_epochs": 0,
}
RANGES = {
    "keep": (0.0, 1.0),
    "dropout": (0.0, 0.99),
    "item_dropout": (0.0, 0.99),
    "average": (0.0, 0.9999),
    "seq2seq_weight": (0.0, math.inf),
    "l2": (0.0, math.inf),
    "item_decay": (0.0, math.inf),
}
POSITIVE = ("learning_rate", "temperature", "seq2seq_temperature", "init_std")


def _known(changes: dict[str, Any]) -> dict[str, Any]:
    names = [f.name for f in fields(DisRecConfig)]
    for name in changes:
        if name not in names:
            near = difflib.get_close_matches(name, names, 3)
            hint = f" Did you mean {' or '.join(near)}?" if near else ""
            raise DisrecError(f"DisRecConfig has no setting {name!r}.{hint}")
    return changes


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _check_whole(name: str, value: object, low: int) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value < low:
        raise DisrecError(f"{name} must be a whole number >= {low}, not {value!r}.")


def _check_range(name: str, value: Any, low: float, high: float) -> None:
    if not (_is_number(value) and math.isfinite(value) and low <= value <= high):
        wanted = f"between {low:g} and {high:g}" if high < math.inf else "0 or more"
        raise DisrecError(f"{name} must be {wanted}, not {value!r}.")
