"""Every setting, declared once: default, bounds, flag, help, and what
`recommended` changes and why. Checks, flags, docstrings and tables follow from here.
"""

import dataclasses
import importlib
import inspect
import math
import typing
from dataclasses import MISSING, dataclass, fields, replace
from typing import Any, Protocol, TypeVar

import numpy as np

from disrec_mini.checks import check_choice, did_you_mean, is_number
from disrec_mini.errors import DisrecError

C = TypeVar("C", bound="Config")

LONG = 30  # training clicks a user, on average, from which histories are long

# every model that the command line and model files know: name -> module:class
MODELS = {
    "disrec": "disrec_mini.model:DisRec",
    "bpr-mf": "disrec_mini.baselines.bpr_mf:BPRMF",
    "ncf": "disrec_mini.baselines.ncf:NCF",
    "fpmc": "disrec_mini.baselines.fpmc:FPMC",
    "gru4rec": "disrec_mini.baselines.gru4rec:GRU4Rec",
    "gru4rec+": "disrec_mini.baselines.gru4rec:GRU4RecPlus",
    "caser": "disrec_mini.baselines.caser:Caser",
    "sasrec": "disrec_mini.baselines.sasrec:SASRec",
    "bert4rec": "disrec_mini.baselines.bert4rec:BERT4Rec",
    "pop": "disrec_mini.baselines.popularity:Popularity",
    "inverse-pop": "disrec_mini.baselines.popularity:InversePopularity",
    "cooccurrence": "disrec_mini.baselines.cooccurrence:Cooccurrence",
    "pmi": "disrec_mini.baselines.cooccurrence:PMI",
}


def model_class(kind: str) -> Any:
    """The class of a model by its name in `MODELS`."""
    module, _, name = MODELS[kind].partition(":")
    found = getattr(importlib.import_module(module), name)
    if vars(found).get("kind") != kind:
        raise DisrecError(f"{MODELS[kind]} must say kind = {kind!r}, as in MODELS.")
    return found


def config_class(kind: str) -> "type[Config]":
    """The settings of a model by its name in `MODELS`; `DisRec`'s without torch."""
    config_type: type[Config]
    config_type = DisRecConfig if kind == "disrec" else model_class(kind).config_type
    return config_type


@dataclass(frozen=True)
class Setting:
    """What is known of one setting besides its name, type and default.

    low, high : its bounds, both allowed. above : a bound that is not allowed itself.
    choices : the only values. flag : on the command line, "" for --name-of-setting.
    recommended, why : the value that measures better than the default, and the reason.
    long : the better one where histories are long, see `LONG`.
    """

    help: str
    low: float | None = None
    high: float = math.inf
    above: float | None = None
    choices: tuple[object, ...] = ()
    flag: str = ""
    recommended: Any = None
    long: Any = None
    why: str = ""


def setting(
    help: str, default: Any = MISSING, *, kw_only: bool = False, **about: Any
) -> Any:
    """A field of a `Config`: its help, its default, and the rest of a `Setting`."""
    if ("recommended" in about or "long" in about) != ("why" in about):
        raise TypeError("recommended and why belong together")
    about.setdefault("recommended", default)
    about.setdefault("long", about["recommended"])
    known = {"setting": Setting(help, **about)}
    return dataclasses.field(default=default, kw_only=kw_only, metadata=known)


def again(parent: type, name: str, default: Any, **about: Any) -> Any:
    """A parent's field with another default, and nothing recommended but in `about`."""
    known = parent.__dataclass_fields__[name]  # type: ignore[attr-defined]
    given = vars(known.metadata["setting"])
    kept = {x: given[x] for x in ("help", "low", "high", "above", "choices", "flag")}
    return setting(**{**kept, **about}, default=default, kw_only=known.kw_only)


class _Named(type):
    """What all settings share: a wrong name is a sentence, as a wrong value is."""

    def __call__(cls, *args: Any, **changes: Any) -> Any:
        cls.known(changes)  # type: ignore[attr-defined]
        try:
            cls.__signature__.bind(*args, **changes)
        except TypeError as error:
            raise DisrecError(f"{cls.__name__}: {error}.") from None
        return super().__call__(*args, **changes)

    @property
    def __signature__(cls) -> inspect.Signature:
        own = inspect.signature(cls.__init__)  # type: ignore[misc]
        return own.replace(parameters=[*own.parameters.values()][1:])


@dataclass(frozen=True)
class Config(metaclass=_Named):
    """The settings of a model. Wrong values raise a sentence."""

    n_items: int = setting("M, number of items; ids are 1..M, 0 is padding", low=1)

    def __post_init__(self) -> None:
        for field, about in declared(type(self)):
            value = getattr(self, field.name)
            if isinstance(value, np.generic):  # files hold plain values
                value = value.item()
                object.__setattr__(self, field.name, value)
            _check(field.name, about, field.type, value)

    @classmethod
    def paper(cls: type[C], n_items: int, **changes: Any) -> C:
        """The published model's settings: the defaults."""
        return cls(n_items, **cls.known(changes))

    @classmethod
    def recommended(
        cls: type[C], data: "int | Clicks", *, long: bool | None = None, **changes: Any
    ) -> C:
        """What measures better than the published settings; see `deviations`.

        data : the training clicks, which say if histories are long; or the number of
            items. long : whether they are; None for what the clicks say, or no.
        """
        n_items: Any = getattr(data, "n_items", data)
        if long is None:
            long = hasattr(data, "n_items") and are_long(data)  # type: ignore[arg-type]
        better = {name: value for name, (value, _) in cls.deviations(long).items()}
        return cls(n_items, **(better | cls.known(changes)))

    @classmethod
    def in_batch(cls: type[C], n_items: int, **changes: Any) -> C:
        """What was recommended before version 0.2: negatives of the own group."""
        known = [field.name for field, _ in declared(cls)]
        before = {name: value for name, value in IN_BATCH.items() if name in known}
        return cls(n_items, **(before | cls.known(changes)))

    @classmethod
    def deviations(cls, long: bool = False) -> dict[str, tuple[Any, str]]:
        """What `recommended` changes: {setting: (value, why)}."""
        better = [
            (field, about.long if long else about.recommended, about.why)
            for field, about in declared(cls)
        ]
        return {f.name: (x, why) for f, x, why in better if why and x != f.default}

    @classmethod
    def known(cls, changes: dict[str, Any]) -> dict[str, Any]:
        """`changes`, if every name is a setting."""
        names = [field.name for field in fields(cls)]
        for name in changes:
            if name not in names:
                hint = did_you_mean(name, names)
                raise DisrecError(f"{cls.__name__} has no setting {name!r}.{hint}")
        return changes

    def replace(self: C, **changes: Any) -> C:
        """A copy with some settings changed, checked again."""
        return replace(self, **self.known(changes))


@dataclass(frozen=True)
class LearnConfig(Config):
    """What every model that learns by gradient steps can set, besides its own."""

    learning_rate: float = setting(
        "Adam's",
        1e-3,
        above=0,
        recommended=3e-3,
        why="Steps hold more pairs than the paper's 128.",
        kw_only=True,
    )
    l2: float = setting("Adam weight decay on the item table", 0.0, low=0, kw_only=True)
    item_decay: float = setting(
        "decoupled weight decay on the item table (AdamW's), instead of l2",
        0.0,
        low=0,
        recommended=2.0,
        long=0.0,
        why="Decoupled decay against overfitting, where items are clicked a few times.",
        kw_only=True,
    )
    average: float = setting(
        "decay of a moving average of the weights, taken every 5 steps and used for "
        "validation and for the result; 0 for none",
        0.0,
        low=0,
        high=0.9999,
        recommended=0.98,
        why="A moving average smooths the last steps.",
        kw_only=True,
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.l2 and self.item_decay:
            raise DisrecError(
                "l2 and item_decay both decay the item table: choose one."
            )


@dataclass(frozen=True)
class TrainConfig(LearnConfig):
    """What every model that learns from (past, future) pairs can set."""

    group_size: int = setting(
        "B, pairs in one in-batch softmax",
        128,
        low=1,
        recommended=128,
        long=2048,
        why="With groups: 2,048 pairs in a step, 4,096 where histories are long.",
        kw_only=True,
    )
    groups: int = setting(
        "G, groups in one optimiser step; the loss is their mean",
        1,
        low=1,
        recommended=16,
        long=2,
        why="Each group has negatives of its own: on Beauty 16 times 512 rank better "
        "in both lists than 4 times 512, and those than 512 for all (one seed).",
        kw_only=True,
    )
    visit: int | None = setting(
        "most pairs of one history in a step: each visit encodes it once more; 0 for "
        "all of them, none for as many as there are groups",
        None,
        low=0,
        recommended=0,
        why="Each history is encoded about once an epoch: with seq2item 1.1 clicks "
        "read for a pair on ML-1M instead of 34 with visits of 4; on Beauty those rank "
        "alike and take twice the time (one seed).",
        kw_only=True,
    )
    negatives: int = setting(
        "N, clicks drawn from all training targets as negatives, instead of each "
        "other's; each of G equal parts of a step shares N of its own",
        0,
        low=0,
        recommended=512,
        why="Whole histories cannot be each other's negatives.",
        kw_only=True,
    )


LENGTH: dict[str, Any] = {"long": 200, "why": "The length that others read on ML-1M."}


@dataclass(frozen=True)
class DisRecConfig(TrainConfig):
    """Settings. The defaults are the equations of Ma et al., KDD 2020 (chapter 10).

    The original paper was not at hand, and our source lost the values of its search: D,
    the number of blocks, K, lambda, dropout and L2 are our guess.
    """

    dim: int = setting("D, size of every vector", 64, low=1)
    n_blocks: int = setting(
        "self-attention blocks of the encoder",
        2,
        low=1,
        flag="--blocks",
        recommended=1,
        long=2,
        why="With dropout 0.3 one block ranks Beauty's full list better than two with "
        "0.5, the sampled list alike, in half the time (one seed).",
    )
    n_intents: int = setting(
        "K, number of intentions",
        4,
        low=1,
        flag="--intents",
        recommended=1,
        why="On validation four lose in the sampled list on Beauty and in both lists "
        "on 5-core (one seed).",
    )
    keep: float = setting(
        "lambda, share of (sample, intention) pairs seq2seq may learn from",
        0.5,
        low=0,
        high=1,
        recommended=0.3,
        why="On Beauty with K = 4 it loses less than 0.5 in the sampled list (three "
        "seeds), be it by the choice or by the lighter loss.",
    )
    max_len: int = setting(
        "longest sequence the encoder reads, in clicks",
        50,
        low=2,
        **LENGTH,
    )
    dropout: float = setting(
        "share of activations dropped in training",
        0.2,
        low=0,
        high=0.99,
        recommended=0.4,
        long=0.2,
        why="On Beauty 0.3 ranks the full list better and 0.4 the sampled one (one "
        "seed).",
    )
    init_std: float | None = setting(
        "standard deviation of a normal for items, positions and prototypes; none for "
        "Glorot uniform (TensorFlow's default, the paper's)",
        None,
        above=0,
        recommended=0.02,
        why="Glorot gives the item table a std that shrinks with the number of items.",
    )
    remedy: bool = setting(
        "against prototype collapse: clustering on centred z, undivided until "
        "remedy_epochs, then k-means (chapter 06)",
        False,
        recommended=True,
        why="With it prototypes find the known intentions of small worlds. It matters "
        "for K > 1 only; on Beauty it gains no recall (one seed).",
    )
    remedy_epochs: int = setting(
        "epochs in which the remedy does not divide the clicks",
        3,
        low=0,
        recommended=6,
        why="Clicks are clustered once their vectors mean something.",
    )
    variant: int = setting(
        "the paper's Table 2: 0 both losses, 1 seq2item alone, 2 every future item one "
        "by one, 3 the next three items one by one",
        0,
        choices=(0, 1, 2, 3),
    )
    seq2seq_weight: float = setting(
        "factor before the seq2seq loss (before w of variants 2 and 3)",
        1.0,
        low=0,
        recommended=0.1,
        why="On Beauty and 5-core more weight costs more (one seed each); in small "
        "worlds with one intention 1 is better.",
    )
    seq2seq_start: int = setting(
        "epochs without the seq2seq loss",
        0,
        low=0,
        recommended=10,
        why="On Beauty 4 and 10 validate alike (one seed); in small worlds with one "
        "intention 0 is best.",
    )
    seq2seq_ramp: int = setting(
        "epochs of linear growth of its weight after that", 0, low=0
    )
    temperature: float | None = setting(
        "of the seq2item softmax: logits are dot / temperature; none for sqrt(D)",
        None,
        above=0,
        recommended=1.0,
        why="phi has norm sqrt(D), so dot / sqrt(D) leaves logits as small as h at the "
        "start: training crawls. Dividing by 1 lets them grow.",
    )
    seq2seq_temperature: float | None = setting(
        "of the seq2seq softmax; none for sqrt(D)", None, above=0
    )
    mask_same_item: bool = setting(
        "other rows with the same target leave the denominator",
        False,
        recommended=True,
        why="The same item must not be its own negative.",
    )
    logq: bool = setting(
        "subtract ln q_j from the training logits, for full ranking (chapter 07)", False
    )
    logq_start: int = setting(
        "epochs before that correction begins",
        0,
        low=0,
        recommended=2,
        why="Begun at once, ML-1M with D = 128 stays near popularity for ten epochs; "
        "with D = 64 one epoch is lost (one seed).",
    )
    sampler: str = setting(
        "packed (prefix-shared) or pairs (each pair encoded by itself)",
        "packed",
        choices=("packed", "pairs"),
    )
    item_dropout: float = setting(
        "share of input clicks whose item is hidden (only the position stays)",
        0.0,
        low=0,
        high=0.99,
        recommended=0.2,
        long=0.0,
        why="Hidden input items regularise rare items.",
    )

    @property
    def uses_seq2seq(self) -> bool:
        """True if any (past, future, intention) triple can enter the loss."""
        return self.variant == 0 and self.keep > 0 and self.seq2seq_weight > 0


BASES = ("recommended", "paper", "in_batch")

# what 0.1 recommended; its stored results say base "recommended"
IN_BATCH: dict[str, Any] = {
    "group_size": 512,
    "groups": 4,
    "learning_rate": 3e-3,
    "item_decay": 2.0,
    "average": 0.98,
    "n_intents": 1,
    "keep": 0.3,
    "dropout": 0.5,
    "init_std": 0.02,
    "remedy": True,
    "remedy_epochs": 6,
    "seq2seq_weight": 0.1,
    "seq2seq_start": 10,
    "temperature": 1.0,
    "mask_same_item": True,
    "item_dropout": 0.2,
}


class Clicks(Protocol):
    """What `recommended` looks at: training clicks, or anything with these."""

    @property
    def n_items(self) -> int: ...

    @property
    def lengths(self) -> np.ndarray: ...


def are_long(train: Clicks) -> bool:
    """Whether users have `LONG` training clicks or more, on average."""
    return bool(len(train.lengths)) and float(np.mean(train.lengths)) >= LONG


# -- what follows from the declarations ------------------------------------------------


def declared(kind: type[Config]) -> list[tuple[Any, Setting]]:
    """(field, setting) of every setting, a model's own first, then the common ones."""
    types = typing.get_type_hints(kind)
    known = [(f, f.metadata.get("setting", Setting(f.name))) for f in fields(kind)]
    for field, _ in known:
        field.type = types[field.name]  # also where annotations are texts
    return sorted(known, key=lambda pair: pair[0].kw_only)


def flag_of(field: Any) -> str:
    """Its flag on the command line."""
    about = field.metadata.get("setting")
    return (about and about.flag) or "--" + field.name.replace("_", "-")


def as_text(value: object) -> str:
    """How the command line and the tables write a value."""
    if value is None or isinstance(value, bool):
        return {None: "none", True: "yes", False: "no"}[value]
    return str(value)


def describe(kind: type[Config]) -> str:
    """A docstring's "Parameters", from the declarations."""
    lines = ["Parameters", "----------"]
    for field, about in declared(kind):
        better = f"; recommended {about.recommended!r}" if about.why else ""
        if about.long != about.recommended:
            better += f", with long histories {about.long!r}"
        given = (
            "" if field.default is MISSING else f" (default {field.default!r}{better})"
        )
        lines.append(f"{field.name} : {about.help}{given}.")
    return "\n".join(lines)


def _check(name: str, about: Setting, wanted: Any, value: Any) -> None:
    kinds = typing.get_args(wanted) or (wanted,)
    if value is None and type(None) in kinds:
        return
    whole = int in kinds and float not in kinds
    if about.choices:
        check_choice(value, name, about.choices)
    elif bool in kinds:
        if not isinstance(value, bool):
            raise DisrecError(f"{name} must be True or False.")
    elif str in kinds:
        if not isinstance(value, str):
            raise DisrecError(f"{name} must be a text, not {value!r}.")
    elif not (_is_kind(value, whole) and _inside(value, about)):
        raise DisrecError(f"{name} must be {_bounds(about, whole)}, not {value!r}.")


def _is_kind(value: Any, whole: bool) -> bool:
    return isinstance(value, int) and is_number(value) if whole else is_number(value)


def _inside(value: float, about: Setting) -> bool:
    above = -math.inf if about.above is None else about.above
    low = -math.inf if about.low is None else about.low
    return math.isfinite(value) and low <= value <= about.high and value > above


def _bounds(about: Setting, whole: bool) -> str:
    """What may be given, such as "a whole number >= 1" or "between 0 and 1"."""
    low, high = about.low, about.high
    kind = "a whole number" if whole else "a number"
    if low is not None and high < math.inf:
        between = "a whole number between" if whole else "between"
        return f"{between} {low:g} and {high:g}"
    if about.above is not None:
        kind += f" above {about.above:g}"
    elif low is not None:
        kind = f"{kind} >= {low:g}" if whole or low else "0 or more"
    return kind if high == math.inf else f"{kind} and at most {high:g}"


def document(*kinds: type[Config]) -> None:
    """Append to their docstrings what `describe` says."""
    for kind in kinds:
        kind.__doc__ = f"{inspect.cleandoc(kind.__doc__ or '')}\n\n{describe(kind)}"


document(LearnConfig, TrainConfig, DisRecConfig)

DEVIATIONS = DisRecConfig.deviations()
