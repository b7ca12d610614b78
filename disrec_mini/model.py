"""`DisRec`: SASRec encoder + intention layer + scores. Chapters 05 to 07."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from disrec_mini.batches import Packed
from disrec_mini.encoder import Encoder, block_mask, causal_mask
from disrec_mini.errors import DisrecError
from disrec_mini.files import write_atomic
from disrec_mini.intentions import ROLES, IntentionLayer
from disrec_mini.settings import DisRecConfig

FORMAT = "disrec_mini model 1"


@dataclass(frozen=True)
class Encoding:
    """What the model makes of B sequences of at most T clicks.

    z (B, T, D): each click in its context; cluster (B, T, K): p_{k|i};
    weight (B, T): p_i; phi (B, K, D): one vector per intention. Exactly 0 at padding.
    """

    z: Tensor
    cluster: Tensor
    weight: Tensor
    phi: Tensor


class DisRec(nn.Module):
    """The paper's sequence encoder, and the scores it gives to items.

    score(j | x_{1:t}) = max_k h_j . phi^(k)(x_{1:t}) / sqrt(D)

    Parameters
    ----------
    config : `DisRecConfig(n_items)` is the paper, `.recommended(n_items)` is better.
    item_names : n_items + 1 names, the first for padding; saved with the weights.
    """

    def __init__(
        self, config: DisRecConfig, item_names: Sequence[str] | None = None
    ) -> None:
        super().__init__()
        if item_names is not None and len(item_names) != config.n_items + 1:
            raise DisrecError(
                f"item_names must hold n_items + 1 = {config.n_items + 1} names, the "
                f"first for padding; it holds {len(item_names)}."
            )
        self.config = config
        self.item_names = None if item_names is None else [*map(str, item_names)]
        self.encoder = Encoder(
            config.n_items,
            config.dim,
            config.n_blocks,
            config.max_len,
            config.dropout,
            config.item_dropout,
        )
        self.intentions = IntentionLayer(
            config.dim, config.n_intents, config.max_len, config.remedy
        )
        self.reset_parameters()

    @torch.no_grad()
    def reset_parameters(self) -> None:
        """Glorot uniform as in the paper, or Normal(0, init_std) for the tables."""
        layer, encoder = self.intentions, self.encoder
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.xavier_uniform_(module.weight)
                nn.init.zeros_(module.bias)
        tables = (
            encoder.item_embedding.weight,
            encoder.position_embedding.weight,
            layer.prototypes,
            layer.alpha,
        )
        for table in tables:
            if self.config.init_std is None:
                nn.init.xavier_uniform_(table)
            else:
                nn.init.normal_(table, std=self.config.init_std)
        encoder.item_embedding.weight[0] = 0
        for beta in (layer.beta_past, layer.beta_future):
            nn.init.normal_(beta, std=1 / math.sqrt(self.config.dim))

    @property
    def max_len(self) -> int:
        """The number of clicks the model can read."""
        return self.config.max_len

    # -- encoding ----------------------------------------------------------------------

    def encode(self, items: Tensor, lengths: Tensor, role: str = "past") -> Encoding:
        """Read whole sequences.

        Parameters
        ----------
        items : (B, T) int64, right-padded with 0, in reading order: for role "future"
            the caller passes x_T, ..., x_{t+1}.
        lengths : (B,) int64, each 1..T; T at most max_len.
        role : "past" or "future": which bias beta the intentions get.
        """
        self._check(items, lengths, role)
        z, _, _ = self._z(items, lengths)
        read = self.intentions(z, lengths, role)
        return Encoding(z, read.cluster, read.weight, read.phi)

    def encode_prefixes(
        self, items: Tensor, lengths: Tensor, role: str = "past"
    ) -> Tensor:
        """phi of every prefix in one pass.

        Returns
        -------
        (B, T, K, D): row t-1 equals `encode` of the first t items; 0 at padding.
        """
        self._check(items, lengths, role)
        z, position, mask = self._z(items, lengths)
        pooled, _ = self.intentions.pool_prefixes(z, position, mask)  # (B, T, K, D)
        phi = self.intentions.norm_out(pooled + self.intentions.beta(role))
        return phi * (items != 0)[:, :, None, None]

    def _z(self, items: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        position = torch.arange(items.shape[1], device=items.device)
        mask = causal_mask(lengths, items.shape[1])  # (B, T, T)
        return self.encoder(items, position, mask), position, mask

    def encode_packed(
        self, rows: Packed, vectors: Tensor | None = None
    ) -> tuple[Tensor, Tensor | None, Tensor, Tensor]:
        """phi of every pair of a packed step.

        Parameters
        ----------
        vectors : (n tokens, D), h of the clicks, if they were looked up already.

        Returns
        -------
        past (P, K, D), future (P, K, D) or None, and of each past's last click, without
        gradient, p_{k|t} (P, K) and z_t (P, D).
        """
        layer = self.intentions
        sizes = [block.items.numel() for block in rows.blocks]
        if vectors is None:
            clicks = torch.cat([block.items.flatten() for block in rows.blocks])
            vectors = self.encoder.item_embedding(clicks)
        pooled, cluster, z = [], [], []
        for block, h in zip(rows.blocks, vectors.split(sizes), strict=True):
            mask = block_mask(block.segment)  # (R, T, T)
            h = h.unflatten(0, block.items.shape)  # (R, T, D)
            z_block = self.encoder(block.items, block.position, mask, h)
            sums, p = layer.pool_prefixes(z_block, block.position, mask)
            pooled.append(sums.flatten(2).flatten(0, 1))  # (R*T, K*D)
            cluster.append(p.detach().flatten(0, 1))  # (R*T, K)
            z.append(z_block.detach().flatten(0, 1))  # (R*T, D)
        both = rows.past if rows.future is None else torch.cat([rows.past, rows.future])
        sums = F.embedding(both, torch.cat(pooled)).unflatten(1, (-1, self.config.dim))
        past_sums, *future_sums = sums.split(len(rows.past))
        past = layer.norm_out(past_sums + layer.beta("past"))  # (P, K, D)
        future = None
        if future_sums:
            future = layer.norm_out(future_sums[0] + layer.beta("future"))
        return past, future, torch.cat(cluster)[rows.past], torch.cat(z)[rows.past]

    # -- scores ------------------------------------------------------------------------

    @torch.no_grad()
    def score(
        self, items: Tensor, lengths: Tensor, users: Tensor | None = None
    ) -> Tensor:
        """max_k h_j . phi^(k) / sqrt(D) for every item j.

        Parameters
        ----------
        items, lengths : as in `encode`.
        users : ignored (baselines that know users have the same signature).

        Returns
        -------
        (B, n_items + 1); column 0, the padding, is -inf.
        """
        phi = self.encode(items, lengths).phi / math.sqrt(self.config.dim)
        table = self.encoder.item_embedding.weight.T  # (D, M + 1)
        scores = phi[:, 0] @ table  # (B, M + 1)
        for k in range(1, self.config.n_intents):
            torch.maximum(scores, phi[:, k] @ table, out=scores)
        scores[:, 0] = -math.inf
        return scores

    @torch.no_grad()
    def score_candidates(
        self,
        items: Tensor,
        lengths: Tensor,
        candidates: Tensor,
        users: Tensor | None = None,
    ) -> Tensor:
        """`score` at some items only: candidates (B, C) int64 -> (B, C)."""
        phi = self.encode(items, lengths).phi / math.sqrt(self.config.dim)
        vectors = self.encoder.item_embedding(candidates)  # (B, C, D)
        scores = (vectors @ phi.transpose(1, 2)).amax(-1)  # (B, C)
        return scores.masked_fill(candidates == 0, -math.inf)

    @torch.no_grad()
    def recommend(
        self, items: Any, k: int = 10, exclude_seen: bool = True
    ) -> list[int] | list[list[int]]:
        """The k best items, best first.

        Parameters
        ----------
        items : one sequence of item ids, oldest first, or a (B, T) array of several,
            right-padded with 0. Only the last max_len clicks are read.
        k : how many; fewer come back when fewer items remain.
        exclude_seen : leave out the items of the sequence itself.

        Returns
        -------
        A list of item ids, or a list of lists for several sequences.
        """
        single, rows = self._sequences(items)
        if not isinstance(k, (int, np.integer)) or k < 1:
            raise DisrecError(f"k must be a whole number >= 1, not {k!r}.")
        training = self.training
        self.eval()
        try:
            answers = [self._best(row, int(k), exclude_seen) for row in rows]
        finally:
            self.train(training)
        return answers[0] if single else answers

    def _best(self, row: list[int], k: int, exclude_seen: bool) -> list[int]:
        device = self.encoder.item_embedding.weight.device
        last = torch.tensor([row[-self.config.max_len :]], device=device)
        scores = self.score(last, torch.tensor([last.shape[1]], device=device))[0]
        if exclude_seen:
            scores[row] = -math.inf
        k = min(k, int((scores > -math.inf).sum()))
        return [int(j) for j in scores.topk(k).indices]

    # -- edges -------------------------------------------------------------------------

    def _sequences(self, items: Any) -> tuple[bool, list[list[int]]]:
        if isinstance(items, Tensor):
            items = items.detach().cpu().numpy()
        try:
            array = np.asarray(items)
        except ValueError:
            array = np.empty(0, object)
        if array.dtype.kind not in "iu" or array.ndim not in (1, 2):
            raise DisrecError(
                "recommend needs item ids: a sequence of whole numbers, or a (B, T) "
                "array of them right-padded with 0."
            )
        rows = [np.trim_zeros(row, "b").tolist() for row in np.atleast_2d(array)]
        for row in rows:
            if not row:
                raise DisrecError("recommend needs at least one click in a sequence.")
            if min(row) < 1 or max(row) > self.config.n_items:
                bad = min(row) if min(row) < 1 else max(row)
                raise DisrecError(
                    f"item {bad} is unknown: ids run from 1 to {self.config.n_items}."
                )
        return array.ndim == 1, rows

    def _check(self, items: Tensor, lengths: Tensor, role: str) -> None:
        if not (isinstance(items, Tensor) and isinstance(lengths, Tensor)):
            raise DisrecError("items and lengths must be int64 tensors.")
        if items.ndim != 2 or lengths.shape != items.shape[:1]:
            raise DisrecError(
                f"items must be (B, T) and lengths (B,), not {tuple(items.shape)} and "
                f"{tuple(lengths.shape)}."
            )
        if items.dtype != torch.int64 or lengths.dtype != torch.int64:
            raise DisrecError("items and lengths must be int64 tensors.")
        if items.shape[1] > self.config.max_len:
            raise DisrecError(
                f"sequences of {items.shape[1]} clicks are longer than max_len = "
                f"{self.config.max_len}: pass the last {self.config.max_len}."
            )
        if role not in ROLES:
            raise DisrecError(f"role must be 'past' or 'future', not {role!r}.")
        if items.numel() == 0:
            raise DisrecError("encode needs at least one sequence with one click.")
        column = torch.arange(items.shape[1], device=items.device)
        clicks = column < lengths[:, None]
        sound = (lengths >= 1).all() & (lengths <= items.shape[1]).all()
        sound = sound & ((items != 0) == clicks).all()
        if not sound:
            raise DisrecError(
                "each row must hold its `lengths` clicks first (at least 1, none of "
                "them 0) and then zeros."
            )
        if items.min() < 0 or items.max() > self.config.n_items:
            bad = int(items.min() if items.min() < 0 else items.max())
            raise DisrecError(
                f"item {bad} is unknown: ids run from 1 to {self.config.n_items}."
            )

    # -- files -------------------------------------------------------------------------

    def save(self, path: str | Path) -> None:
        """Write settings, weights, item names and version to one file, atomically."""
        from disrec_mini import __version__

        content = {
            "format": FORMAT,
            "version": __version__,
            "config": {
                name: value.item() if isinstance(value, np.generic) else value
                for name, value in asdict(self.config).items()
            },
            "weights": self.state_dict(),
            "item_names": self.item_names,
        }
        write_atomic(path, lambda file: torch.save(content, file))

    @classmethod
    def load(cls, path: str | Path) -> "DisRec":
        """Read a model written by `save`, or from a folder that holds `model.pt`.

        Only tensors and plain values are read: a foreign file cannot execute code.
        """
        path = Path(path)
        if path.is_dir():
            path = path / "model.pt"
        content = read_torch(path, FORMAT, "a model of disrec_mini")
        try:
            model = cls(DisRecConfig(**content["config"]), content["item_names"])
            model.load_state_dict(content["weights"])
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            raise DisrecError(
                f"{path} was written by disrec_mini {content.get('version', '?')} and "
                f"does not fit this version: {str(error).splitlines()[0]}"
            ) from None
        return model.eval()


def read_torch(path: Path, wanted: str, what: str) -> dict[str, Any]:
    """A torch file of plain values with the right format mark, or a sentence."""
    if not path.exists():
        raise DisrecError(f"{path} does not exist: expected {what}.")
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except MemoryError:
        raise
    except (
        Exception
    ):  # torch raises many kinds for a damaged file: one sentence for all
        raise DisrecError(f"{path} is damaged or not {what}.") from None
    if not isinstance(content, dict) or content.get("format") != wanted:
        raise DisrecError(f"{path} is not {what} (expected format {wanted!r}).")
    return content
