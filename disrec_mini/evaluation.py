"""How good is a recommender: both protocols. Chapter 03.

A recommender is anything with `score(items, lengths, users) -> (B, n_items + 1)`.
Sampled protocol: Sun et al., CIKM 2019; why to look at the full one too: Krichene &
Rendle, KDD 2020. Metrics, comparisons and lists are found here too.
"""

from hashlib import sha256

import numpy as np
import torch
from torch import Tensor

from disrec_mini import checks
from disrec_mini.analysis import Difference as Difference
from disrec_mini.analysis import agreement as agreement
from disrec_mini.analysis import bootstrap as bootstrap
from disrec_mini.analysis import compare as compare
from disrec_mini.analysis import diversity as diversity
from disrec_mini.analysis import top_k as top_k
from disrec_mini.candidates import Scorer, scored_batches
from disrec_mini.candidates import draw_negatives as draw_negatives
from disrec_mini.metrics import KS, Array, Metrics
from disrec_mini.metrics import metrics as metrics
from disrec_mini.metrics import per_user as per_user
from disrec_mini.metrics import ranks as ranks
from disrec_mini.recommender import CELLS
from disrec_mini.splitting import Histories, Split, held_out

PROTOCOLS = ("sampled", "full")


def evaluate(
    model: Scorer,
    split: Split,
    protocol: str = "sampled",
    on: str = "valid",
    *,
    users: Array | None = None,
    negatives: Array | None = None,
    seed: int = 0,
    exclude_seen: bool = True,
    cells: int = CELLS,
) -> Metrics:
    """Rank every user's held-out click.

    Parameters
    ----------
    model : anything with `score`.
    protocol : "sampled", against 100 popularity-drawn negatives (`draw_negatives`), or
        "full", against all items but the user's earlier clicks (the true item stays).
    on : "valid" reads training clicks, "test" training and validation clicks.
    users : some users only, numbers or a mask.
    negatives : (n_users, n) lists instead of drawn ones.
    exclude_seen : False ranks among the user's earlier clicks too, as in a shop where
        people buy again; negatives are then drawn from all items but the true one.
    cells : scores held in memory at once.

    Returns
    -------
    Metrics, with the ranks of everybody who has such a click. It is warned of where the
    10 best are all that some user could be shown.

    Raises
    ------
    DisrecError : unknown protocol or part; nobody to ask; users or negatives that do
        not fit; a model of fewer items, or whose scores cannot be ranked.
    """
    truth = held_out(split, on)  # (n_users,)
    checks.check_choice(protocol, "protocol", PROTOCOLS)
    checks.check_knows(model, split)
    asked = checks.check_asked(truth, users, on)  # (n_evaluated,)
    checks.check_whole(seed, "seed", 0)
    checks.check_whole(cells, "cells", 1)
    exclude_seen = checks.check_flag(exclude_seen, "exclude_seen")
    if protocol == "full":
        negatives = None
    elif negatives is None:
        negatives = draw_negatives(split, on, seed=seed, exclude_seen=exclude_seen)
    else:
        negatives = checks.check_negatives(negatives, truth, asked, split.n_items)
    rank, candidates = np.empty((2, len(asked)), np.int64)  # (n_evaluated,) each
    for rows, scores in scored_batches(model, split, on, asked, negatives, cells):
        true = truth[asked[rows]]  # (B,)
        if negatives is None:
            seen = Histories(split, on).seen(asked[rows] if exclude_seen else asked[:0])
            rank[rows], candidates[rows] = _full_ranks(scores, true, *seen)
        else:
            worst = 1 + (negatives[asked[rows]] > 0).sum(1)  # (B,), lists may be short
            place = ranks(scores, np.zeros(len(scores), int))  # the true item is first
            rank[rows] = np.minimum(place.cpu().numpy(), worst)
            candidates[rows] = worst
    checks.warn_of_few(int(candidates.min()), max(KS))
    warm = split.train.counts()[truth[asked]] > 0
    digest = "" if negatives is None else sha256(negatives.tobytes()).hexdigest()
    return Metrics(protocol, on, rank, asked, warm, digest, candidates, exclude_seen)


def _full_ranks(
    scores: Tensor, true: Array, row: Array, item: Array
) -> tuple[Array, Array]:
    """Ranks (B,) among all items but padding and (row, item), the true item kept;
    and among how many."""
    others, width = item != true[row], scores.shape[1]  # (n,)
    cells = np.unique(row[others] * width + item[others])  # (m,), each once
    row, item = np.divmod(cells, width)
    rows, items = (torch.from_numpy(x).to(scores.device) for x in (row, item))
    target = torch.from_numpy(true).to(scores.device)
    at = scores.gather(1, target[:, None])  # (B, 1), the true item's score
    # as 1.0 and 0.0, much faster to sum than bool; float32 counts up to 2^24 exactly
    less = torch.lt(scores, at, out=torch.empty_like(scores))  # (B, M + 1)
    worse = sum(x.sum(1, dtype=torch.float32).long() for x in less.split(2**24, 1))
    # what is left out must count neither as worse nor as better
    worse -= (scores[:, 0] < at[:, 0]).long()
    left_out = (scores[rows, items] < at[rows, 0]).long()  # (m,)
    worse.index_put_((rows,), -left_out, accumulate=True)
    candidates = width - 1 - np.bincount(row, minlength=len(true))  # (B,)
    return candidates - worse.cpu().numpy(), candidates
