"""Two seams: `Recommender`, what every model can do, and `Objective`, how one learns.

Evaluation, recommending, files, the command line and serving need a `Recommender` and
nothing else; `fit` needs an `Objective` and nothing else.
"""

import contextlib
import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import torch
from torch import Tensor, nn

from disrec_mini import checks
from disrec_mini.errors import DisrecError
from disrec_mini.interactions import Interactions
from disrec_mini.model_files import as_stored, find, read_model, write_model
from disrec_mini.settings import MODELS, Config, model_class

TOKENS = 2**14  # clicks read at once
CELLS = 2**21  # scores held at once: 8 MB in float32 stay in the cache

R = TypeVar("R", bound="Recommender")
Names = Sequence[str] | None


@dataclass(frozen=True)
class StepLoss:
    """What one step says of itself.

    total : scalar, to be minimised. n_pairs : training examples in the step.
    means : numbers and (n,) rows that an epoch logs, averaged over the pairs of the
        steps that give them.
    latest : numbers of which an epoch logs the last. seen : for `after_step`.
    """

    total: Tensor
    n_pairs: int
    means: dict[str, Tensor | float] = field(default_factory=dict)
    latest: dict[str, float] = field(default_factory=dict)
    seen: Any = None


class Objective:
    """How one model learns: which steps an epoch has, and what each of them costs.

    Parameters
    ----------
    seed : everything random in it follows from the seed and the number of the epoch.

    Attributes
    ----------
    n_pairs, n_steps : training examples and steps in an epoch.
    average : decay of a moving average of the weights, 0 for none.
    protocol : of validation, if the caller of `fit` does not say.
    generator : random numbers beside those of steps. Checkpoints hold its state and no
        other: what else an objective remembers must follow from seed and epoch.
    advice : what to try when the loss is not finite. names : {mean: what to call it}.
    """

    n_pairs: int
    n_steps: int
    average: float = 0.0
    protocol: str = "sampled"
    advice: str = "a lower learning rate"
    names: ClassVar[dict[str, str]] = {}

    def __init__(self, seed: int = 0) -> None:
        self.seed = checks.check_whole(seed, "seed", 0)
        self.generator = torch.Generator().manual_seed(self.seed)

    def identity(self) -> dict[str, Any]:
        """Plain values that a resumed run must agree with."""
        return {"objective": type(self).__qualname__, "seed": self.seed}

    def optimizer(self) -> torch.optim.Optimizer:
        """The optimiser of the model's parameters, made once."""
        raise NotImplementedError

    def steps(self, epoch: int, part: tuple[int, int] = (0, 1)) -> Iterator[Any]:
        """The steps of an epoch (1, 2, ...); of every `world` the one at `rank`.

        part : (rank, world). All parts together are all steps, each once.
        """
        raise NotImplementedError

    def loss(self, step: Any, progress: float) -> StepLoss:
        """What a step costs; `progress` is the number of epochs done, in fractions."""
        raise NotImplementedError

    def before_epoch(self, epoch: int) -> Sequence[str]:
        """Called first in every epoch.

        Returns
        -------
        Names of parameters and buffers that were set anew: an average forgets theirs.
        """
        return ()

    def after_step(self, loss: StepLoss) -> None:
        """Called after every step of the optimiser."""

    def counts(self, epoch: int) -> bool:
        """Whether the weights after this epoch may be kept as the best."""
        return True


class Recommender(nn.Module):
    """Scores items for click sequences: the best of K queries, or of one.

    score(j | x_1..x_t) = max_k query_k . vector_j

    A model gives `forward`, its queries, `vectors`, and `objective`, how it learns; the
    rest comes from here. One whose scores are no dot products overrides `score`
    instead: under `torch.no_grad`, checked by `check`, column 0 at -inf.

    Parameters
    ----------
    config : settings, of the class's own `config_type`.
    item_names : n_items + 1 names, the first for padding; saved with the weights.

    Attributes
    ----------
    kind : the model's name, in files and on the command line; each class its own.
    max_len : the number of clicks it can read, from the settings; None for any number.
    made_from : plain values that say what it was trained on, saved with it, or None.
    """

    made_from: dict[str, Any] | None = None
    kind: ClassVar[str] = ""
    config_type: ClassVar[type[Config]] = Config
    config: Any

    def __init__(self, config: Config, item_names: Names = None) -> None:
        super().__init__()
        checks.check_is(
            config, self.config_type, "config", "the settings of this model"
        )
        names = checks.check_names(item_names, "item_names", config.n_items + 1)
        self.config = config
        self.item_names = None if names is None else [*map(str, names)]

    @classmethod
    def untrained(cls: type[R], config: Any, train: Interactions) -> R:
        """A new model for these training clicks."""
        checks.check_train(train)
        return cls(config, train.item_names)

    @property
    def n_items(self) -> int:
        """M, the number of items."""
        return int(self.config.n_items)

    @property
    def max_len(self) -> int | None:
        """The number of clicks it can read; None for any number."""
        return getattr(self.config, "max_len", None)

    # -- what a model gives ------------------------------------------------------------

    def forward(
        self, items: Tensor, lengths: Tensor, users: Tensor | None = None
    ) -> Tensor:
        """The queries (B, K, D) of click sequences.

        Parameters
        ----------
        items : (B, T) int64, right-padded with 0, oldest click first.
        lengths : (B,) int64, each 1..T. users : (B,) int64 from 0, if they are known.
        """
        raise NotImplementedError

    def vectors(self) -> Tensor:
        """(M + 1, D), row j is what item j is compared with; row 0 is padding."""
        raise NotImplementedError

    def objective(self, train: Interactions, seed: int) -> Objective:
        """How this model learns from training clicks."""
        name = type(self).__name__
        raise DisrecError(f"{name} has no objective: it does not learn in steps.")

    def tables(self) -> list[Tensor]:
        """The parameters that decay: `vectors()`, where that is one."""
        return [self.vectors()] if self.dot_products else []

    @property
    def dot_products(self) -> bool:
        """Whether its scores are dot products of queries and vectors."""
        return getattr(self.score, "__func__", None) is Recommender.score

    # -- what comes from here ----------------------------------------------------------

    @torch.no_grad()
    def score(
        self, items: Tensor, lengths: Tensor, users: Tensor | None = None
    ) -> Tensor:
        """max_k query_k . vector_j for every item j.

        Parameters
        ----------
        items, lengths, users : as in `forward`.

        Returns
        -------
        (B, n_items + 1); column 0, the padding, is -inf.

        Raises
        ------
        DisrecError : sequences that the model cannot read.
        """
        self.check(items, lengths, users)
        return products(self(items, lengths, users), self.vectors())

    @torch.no_grad()
    def score_candidates(
        self,
        items: Tensor,
        lengths: Tensor,
        candidates: Tensor,
        users: Tensor | None = None,
    ) -> Tensor:
        """`score` at some items only: candidates (B, C) int64 -> (B, C)."""
        checks.check_candidates(candidates, len(items), self.n_items)
        if not self.dot_products:
            return self.score(items, lengths, users).gather(1, candidates)
        self.check(items, lengths, users)
        return products(self(items, lengths, users), self.vectors(), candidates)

    @torch.no_grad()
    def recommend(
        self, items: Any, k: int = 10, exclude_seen: bool = True, users: Any = None
    ) -> list[int] | list[list[int]]:
        """The k best items, best first.

        Parameters
        ----------
        items : one sequence of item ids, oldest first, or a (B, T) array of several,
            right-padded with 0. Only the last max_len clicks are read.
        k : how many; fewer come back when fewer items remain, and for one of several
            sequences none.
        exclude_seen : leave out the items of the sequence itself.
        users : one user or (B,) of them, for models that know them.

        Returns
        -------
        A list of item ids, or a list of lists for several sequences.

        Raises
        ------
        DisrecError : no click, an unknown item, a k below 1, weights or scores that are
            no numbers; nothing is left to recommend.
        """
        single, rows = checks.click_rows(items, self.n_items)
        k = checks.check_whole(k, "k", 1)
        checks.check_flag(exclude_seen, "exclude_seen")
        best, _ = self.best(rows, k, exclude_seen, checks.check_who(users, len(rows)))
        answers: list[list[int]] = [row[row > 0].tolist() for row in best]
        checks.check_some(answers, exclude_seen)
        return answers[0] if single else answers

    @torch.no_grad()
    def best(
        self, rows: Sequence[Any], k: int, exclude_seen: bool, users: Any = None
    ) -> tuple[Tensor, Tensor]:
        """What `recommend` gives, with scores, for B sequences that are checked.

        rows : B click sequences, each as long as it is. users : (B,) array, or None.

        Returns
        -------
        items (B, k) int64, best first, and scores (B, k); 0 and -inf where fewer than k
        remain. At most n_items columns.
        """
        shape = len(rows), min(k, self.n_items)
        best, values = torch.zeros(shape, dtype=torch.int64), torch.zeros(shape)
        order = sorted(range(len(rows)), key=lambda n: -len(rows[n]))
        chunk = min(256, CELLS // (self.n_items + 1))
        with evaluation_mode(self):
            while order:
                longest = min(len(rows[order[0]]), self.max_len or TOKENS)
                size = max(1, min(chunk, TOKENS // longest))
                some, order = order[:size], order[size:]
                whose = None if users is None else torch.from_numpy(users[some])
                scores = self._scores([rows[n] for n in some], exclude_seen, whose)
                top = scores.topk(shape[1])  # (B, k)
                best[some] = top.indices.masked_fill(top.values == -math.inf, 0).cpu()
                values[some] = top.values.float().cpu()
        return best, values

    def _scores(
        self, rows: list[Any], exclude_seen: bool, users: Tensor | None
    ) -> Tensor:
        device = model_device(self)
        clicks = [torch.tensor(row) for row in rows]
        latest = [row[-(self.max_len or len(row)) :] for row in clicks]
        lengths = torch.tensor([len(row) for row in latest], device=device)  # (B,)
        items = nn.utils.rnn.pad_sequence(latest, batch_first=True)  # (B, T)
        users = None if users is None else users.to(device)
        scores = self.score(items.to(device), lengths, users).clone()  # (B, M + 1)
        checks.check_no_nan(scores[:, 1:])
        for n, row in enumerate(clicks if exclude_seen else []):
            scores[n, row] = -math.inf
        return scores

    def check(
        self, items: Tensor, lengths: Tensor, users: Tensor | None = None
    ) -> None:
        """Raise a sentence if these are not click sequences that the model can read."""
        checks.check_rows(items, lengths, self.n_items, self.max_len)

    # -- files -------------------------------------------------------------------------

    @classmethod
    def own_kind(cls) -> str:
        """`kind`, or the class's own name where it says none of its own."""
        return str(vars(cls).get("kind") or cls.__qualname__)

    def save(self, path: str | Path) -> None:
        """Write one safetensors file, atomically.

        Tensors are the weights; the header has settings, item names, version and
        `made_from`.
        """
        from disrec_mini import __version__

        checks.check_weights(self, "the model is not saved")
        about = {
            "version": __version__,
            "model": self.own_kind(),
            "config": asdict(self.config),
            "item_names": self.item_names,
            "made_from": self.made_from,
        }
        write_model(path, about, self.state_dict())

    @classmethod
    def load(cls: type[R], path: str | Path) -> R:
        """Read a model written by `save`, or `model.safetensors` of a folder.

        `Recommender.load` reads a model of any kind, a class only its own. The file has
        tensors and plain values and no code. A `model.pt` of version 0.2 or before is
        read by torch, which had holes before 2.10: take none from strangers.

        Raises
        ------
        DisrecError : no file, a damaged one, another kind, or weights that do not fit
            or are no finite numbers.
        """
        path = find(path)
        content = read_model(path)
        kind = str(content.get("model", "disrec"))  # older files do not say
        if kind != cls.own_kind() and (kind not in MODELS or cls is not Recommender):
            raise DisrecError(
                f"{path} holds a model of the kind {kind!r}: load it with the "
                f"class that wrote it, not with {cls.__name__}."
            )
        model_type = cls if kind == cls.own_kind() else model_class(kind)
        try:
            model = model_type.rebuild(content)
            as_stored(model, content["weights"])
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            raise DisrecError(
                f"{path} was written by disrec_mini {content.get('version', '?')} and "
                f"does not fit this version: {str(error).splitlines()[0]}"
            ) from None
        checks.check_weights(model, str(path))
        made_from = content.get("made_from")
        model.made_from = made_from if isinstance(made_from, dict) else None
        return model.eval()

    @classmethod
    def rebuild(cls: type[R], content: dict[str, Any]) -> R:
        """The model of a file that holds `content`."""
        model = cls(cls.config_type(**content["config"]), content["item_names"])
        model.load_state_dict(content["weights"])
        return model


@torch.no_grad()
def products(queries: Tensor, vectors: Tensor, lists: Tensor | None = None) -> Tensor:
    """max_k query_k . vector_j for every item j, or for some of them.

    Parameters
    ----------
    queries : (B, K, D). vectors : (M + 1, D). lists : (B, C) int64 item ids, or all.

    Returns
    -------
    (B, M + 1), or (B, C), a tensor of its own; -inf at padding.
    """
    if lists is not None:
        scores = (vectors[lists] @ queries.transpose(1, 2)).amax(-1)  # (B, C)
        return scores.masked_fill(lists == 0, -math.inf)
    scores = queries[:, 0] @ vectors.T  # (B, M + 1)
    for k in range(1, queries.shape[1]):
        torch.maximum(scores, queries[:, k] @ vectors.T, out=scores)
    scores[:, 0] = -math.inf
    return scores


@contextlib.contextmanager
def evaluation_mode(model: Any) -> Iterator[None]:
    """`model.eval()`, and afterwards as it was; other scorers stay as they are.

    Raises
    ------
    DisrecError : a weight is NaN or infinite.
    """
    if isinstance(model, nn.Module):
        checks.check_weights(model)
    training = getattr(model, "training", False)
    if training:
        model.eval()
    try:
        yield
    finally:
        if training:
            model.train()


def model_device(model: Any) -> torch.device:
    """Where a scorer's numbers live; the CPU if it is no module or has none."""
    if isinstance(model, nn.Module):
        for tensor in (*model.parameters(), *model.buffers()):
            return tensor.device
    return torch.device("cpu")
