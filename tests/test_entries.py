"""Every public entry answers a bad argument with one sentence that fits the cause."""

import copy
import inspect
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

import disrec_mini as dm
from disrec_mini import analysis, evaluation, losses, settings, synthetic
from disrec_mini.baselines import Popularity

CLICKS = dm.Interactions.from_sequences(
    [*np.random.default_rng(0).integers(1, 31, (20, 8)).tolist(), [1, 2]], 30
)
SPLIT = dm.leave_one_out(CLICKS)
MODEL = dm.DisRec(dm.DisRecConfig(30, dim=4, n_intents=2, max_len=6)).eval()
LISTS = evaluation.draw_negatives(SPLIT, "valid", 20)
NAN, INF = float("nan"), float("inf")
N = SPLIT.n_users


def made(ranks: Any = (1, 2, 3), **changes: Any) -> dm.Metrics:
    n = len(ranks)
    about = {"protocol": "full", "on": "test", "users": np.arange(n)} | changes
    return dm.Metrics(ranks=np.array(ranks), warm=np.ones(n, bool), **about)


def lists(place: tuple[int, int], value: Any, dtype: Any = np.int64) -> np.ndarray:
    changed = LISTS.astype(dtype)
    changed[place] = value
    return changed


def fit(**changes: Any) -> None:
    options = {"epochs": 1, "progress": False, "device": "cpu"} | changes
    model, split = options.pop("model", MODEL), options.pop("split", SPLIT)
    dm.fit(model, split, **options)


def config(*args: Any, **changes: Any) -> dm.DisRecConfig:
    return dm.DisRecConfig(*args, **changes)


def phi(*shape: int) -> torch.Tensor:
    return torch.zeros(shape or (3, 2, 4))


evaluate, ask = dm.evaluate, MODEL.recommend


def among(candidates: Any) -> object:
    return MODEL.score_candidates(torch.tensor([[1, 2]]), torch.tensor([2]), candidates)


from_rows, agree = dm.Interactions.from_sequences, analysis.agreement
draw, top_k, diverse = evaluation.draw_negatives, analysis.top_k, analysis.diversity
item_loss, future_loss = losses.seq2item_loss, losses.seq2seq_loss
world = synthetic.make_world

Case = tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any], str]


def case(call: Callable[..., Any], said: str, *args: Any, **rest: Any) -> Case:
    return call, args, rest, said


CONTAINERS = [
    case(
        dm.Interactions,
        f"item_categories must {said}",
        [1],
        [0, 1],
        1,
        **{"item_categories": value},
    )
    for value, said in (
        (5, "be a sequence of sequences of strings, not 5"),
        ("ab", "be a sequence of sequences"),
        ({1: "a"}, "be a sequence of sequences"),
        ([[], [5]], r"hold sequences of strings, not \[5\]"),
        ([[], "sport"], "hold sequences of strings, not 'sport'"),
        ([[], None], "hold sequences of strings, not None"),
        ([[]], "have 2 entries, index 0 being padding, not 1"),
    )
]
PLACES = [
    case(call, f"the place of {what} must be a path or its text, not", value)
    for call, what in (
        (dm.read_interactions, "a file of clicks"),
        (dm.read_events, "a table of events"),
        (dm.Recommender.load, "a model of disrec_mini"),
        (MODEL.save, "a model of disrec_mini"),
    )
    for value in (5, None, "", ["a.txt"], b"a.txt")
]
NAMES = [
    case(dm.load_dataset, "Unknown data set", name) for name in (5, None, ["beauty"])
]
EVALUATE = [
    case(evaluate, "has `score`", None, SPLIT),
    case(evaluate, "has `score`, not str", "model.pt", SPLIT),
    case(evaluate, "has `score`, not DisRec", dm.DisRec, SPLIT),
    case(evaluate, "must be a Split, not Interactions: leave_one_out", MODEL, CLICKS),
    case(evaluate, "must be a Split, not NoneType", MODEL, None),
    case(evaluate, "must be a Split, not list", MODEL, [[1, 2, 3]]),
    case(evaluate, "must be a Split", MODEL, dm.Split),
    case(evaluate, "must be a Split, not DisRec", SPLIT, MODEL),
    case(evaluate, "protocol must be", MODEL, SPLIT, "half"),
    case(evaluate, "protocol must be", MODEL, SPLIT, None),
    case(evaluate, "protocol must be", MODEL, SPLIT, ["full"]),
    case(evaluate, "on must be", MODEL, SPLIT, on="train"),
    case(evaluate, "on must be", MODEL, SPLIT, on=None),
    case(evaluate, "no user 21", MODEL, SPLIT, users=[0, N]),
    case(evaluate, "no user -1", MODEL, SPLIT, users=[-1]),
    case(evaluate, "one-dimensional array of whole", MODEL, SPLIT, users=[0.0, 1.0]),
    case(evaluate, "one-dimensional array of whole", MODEL, SPLIT, users=3),
    case(evaluate, "one-dimensional array of whole", MODEL, SPLIT, users="ab"),
    case(evaluate, "one-dimensional array of whole", MODEL, SPLIT, users=["a"]),
    case(evaluate, "one-dimensional array of whole", MODEL, SPLIT, users=[[0, 1]]),
    case(evaluate, "one-dimensional array of whole", MODEL, SPLIT, users=[[0], [1, 2]]),
    case(evaluate, "of type bool", MODEL, SPLIT, users=np.ones(N - 1, bool)),
    case(evaluate, "user 2 is asked 2 times", MODEL, SPLIT, users=[1, 2, 2]),
    case(evaluate, "no user has a valid click", MODEL, SPLIT, users=[]),
    case(evaluate, "no user has a valid click", MODEL, SPLIT, users=[N - 1]),
    case(evaluate, "no user has a valid", MODEL, SPLIT, users=np.zeros(N, bool)),
    case(evaluate, "a row for each of the 21", MODEL, SPLIT, negatives=LISTS[:3]),
    case(evaluate, r"\(n_users, n\) array", MODEL, SPLIT, negatives=LISTS[0]),
    case(evaluate, r"\(n_users, n\) array", MODEL, SPLIT, negatives=LISTS[:, :0]),
    case(evaluate, r"\(n_users, n\) array", MODEL, SPLIT, negatives=LISTS * 1.0),
    case(evaluate, r"\(n_users, n\) array", MODEL, SPLIT, negatives=[[1], [1, 2]]),
    case(evaluate, r"\(n_users, n\) array", MODEL, SPLIT, negatives="drawn"),
    case(evaluate, r"\(n_users, n\) array", MODEL, SPLIT, negatives=5),
    case(evaluate, "item 31 in neg", MODEL, SPLIT, negatives=lists((2, 1), 31)),
    case(evaluate, "item -1 in neg", MODEL, SPLIT, negatives=lists((2, 1), -1)),
    case(
        evaluate,
        "negatives of user 4 hold the item to be found",
        *(MODEL, SPLIT),
        negatives=lists((4, 0), SPLIT.valid_items[4]),
    ),
    case(evaluate, "seed must be", MODEL, SPLIT, seed=-1),
    case(evaluate, "seed must be", MODEL, SPLIT, seed=1.5),
    case(evaluate, "seed must be", MODEL, SPLIT, seed=None),
    case(evaluate, "cells must be", MODEL, SPLIT, cells=0),
    case(evaluate, "cells must be", MODEL, SPLIT, "full", cells=1e6),
    case(draw, "n must be a whole number >= 1", SPLIT, n=0),
    case(draw, "n must be a whole number >= 1", SPLIT, n=-3),
    case(draw, "n must be a whole number >= 1", SPLIT, n=2.5),
    case(draw, "n must be a whole number below 2", SPLIT, n=10**30),
    case(draw, "seed must be", SPLIT, seed=-1),
    case(draw, "seed must be .* not array", SPLIT, seed=np.zeros((2, 2))),
    case(draw, "on must be", SPLIT, np.zeros((2, 2))),
    case(top_k, "exclude_seen must be", MODEL, SPLIT, exclude_seen=1),
    case(draw, "seed must be", SPLIT, seed="a"),
    case(draw, "on must be", SPLIT, "train"),
    case(draw, "must be a Split", CLICKS),
    case(top_k, "k must be", MODEL, SPLIT, k=-1),
    case(top_k, "k must be", MODEL, SPLIT, k=0),
    case(top_k, "k must be", MODEL, SPLIT, k=2.0),
    case(top_k, "k must be", MODEL, SPLIT, k=None),
    case(top_k, "on must be", MODEL, SPLIT, on="train"),
    case(top_k, "must be a Split", MODEL, CLICKS),
    case(top_k, "has `score`", None, SPLIT),
    case(top_k, "no user 99", MODEL, SPLIT, users=[99]),
    case(top_k, "one-dimensional array of whole", MODEL, SPLIT, users=[0.5]),
    case(top_k, "one-dimensional array of whole", MODEL, SPLIT, users="a"),
]

RESULTS = [
    case(evaluation.metrics, "whole numbers from 1, the best, not 0", [0]),
    case(evaluation.metrics, "whole numbers from 1, the best, not -2", [3, -2]),
    case(evaluation.metrics, "whole numbers from 1, the best, not 1.5", [1.5]),
    case(evaluation.metrics, "whole numbers from 1, the best, not nan", [NAN]),
    case(evaluation.metrics, "whole numbers from 1, the best, not inf", [INF]),
    case(evaluation.metrics, "whole numbers from 1, not 'a'", "a"),
    case(evaluation.metrics, r"ranks must be \(n,\)", None),
    case(evaluation.metrics, r"ranks must be \(n,\)", [[1, 2], [3, 4]]),
    case(evaluation.metrics, r"ranks must be \(n,\)", 3),
    case(evaluation.metrics, "ranks must be", [[1], [3, 4]]),
    case(evaluation.metrics, "several cut-offs", [1], ks=5),
    case(evaluation.metrics, "several cut-offs", [1], ks="5"),
    case(evaluation.metrics, "several cut-offs", [1], ks=None),
    case(evaluation.metrics, "a cut-off in ks must be", [1], ks=(0,)),
    case(evaluation.metrics, "a cut-off in ks must be", [1], ks=(2.5,)),
    case(evaluation.metrics, "a cut-off in ks must be", [1], ks=("5",)),
    case(evaluation.per_user, "unknown metric '5'", [1], 5),
    case(evaluation.per_user, "unknown metric 'None'", [1], None),
    case(evaluation.per_user, "unknown metric 'recall@²'", [1], "recall@²"),
    case(evaluation.per_user, "unknown metric 'recall@-1'", [1], "recall@-1"),
    case(evaluation.per_user, "whole numbers from 1, the best, not 0", [0], "mrr"),
    case(made, "whole numbers from 1, the best, not 0", [1, 0]),
    case(evaluation.ranks, "target_index must be whole numb", phi(2, 3), [1.7, 0.0]),
    case(evaluation.ranks, "target_index must be whole", phi(2, 3), [True, False]),
    case(evaluation.ranks, "target_index 3 is no column", phi(2, 3), [0, 3]),
    case(evaluation.ranks, "target_index -1 is no column", phi(2, 3), [0, -1]),
    case(evaluation.ranks, r"must be \(B, C\) and target_index", phi(2, 3), [0]),
    case(evaluation.ranks, r"must be \(B, C\) and target_index", phi(3), [0]),
    case(evaluation.ranks, r"must be \(B, C\) and target_index", phi(2, 3), 0),
    case(evaluation.ranks, "arrays or tensors of numbers", "ab", [0]),
    case(evaluation.ranks, "arrays or tensors of numbers", [[1], [2, 3]], [0, 0]),
    case(evaluation.ranks, "arrays or tensors of numbers", None, None),
    case(dm.compare, "a must be Metrics, not dict", {"mrr": 1.0}, made()),
    case(dm.compare, "b must be Metrics, not NoneType", made(), None),
    case(dm.compare, "b must be Metrics, not DisRec", made(), MODEL),
    case(dm.compare, "same users", made(), made([1, 2])),
    case(dm.compare, "same users", made(), made(protocol="sampled")),
    case(dm.compare, "same negatives", made(), made(negatives_sha256="ab")),
    case(dm.compare, "unknown metric 'mean'", made(), made(), "mean"),
    case(dm.compare, "unknown metric '3'", made(), made(), 3),
    case(dm.compare, "draws must be", made(), made(), draws=0),
    case(dm.compare, "seed must be", made(), made(), seed=-1),
    case(dm.compare, "must be \\(n,\\) numbers", made([]), made([])),
    case(analysis.bootstrap, "must be \\(n,\\) numbers", []),
    case(analysis.bootstrap, "must be \\(n,\\) numbers", 3.0),
    case(analysis.bootstrap, "must be \\(n,\\) numbers", [[1.0], [2.0]]),
    case(analysis.bootstrap, "finite numbers", [1.0, NAN]),
    case(analysis.bootstrap, "finite numbers", [1.0, INF]),
    case(analysis.bootstrap, "values must be numbers", ["a"]),
    case(analysis.bootstrap, "values must be numbers", [[1], [2, 3]]),
    case(analysis.bootstrap, "draws must be", [1.0], draws=0),
    case(analysis.bootstrap, "draws must be", [1.0], draws=1e3),
    case(analysis.bootstrap, "bins must be", [1.0], bins=0),
    case(analysis.bootstrap, "seed must be", [1.0], seed=-1),
    case(agree, "truth has 2 labels and found 3", [1, 2], [1, 2, 3]),
    case(agree, r"truth must be \(n,\) labels", [], []),
    case(agree, r"truth must be \(n,\) labels", [[1, 2]], [1, 2]),
    case(agree, r"found must be \(n,\) labels", [1, 2], [[1], [2, 3]]),
    case(agree, r"found must be \(n,\) labels", [1, 2], None),
    case(agree, "found holds NaN", [1, 2], [1, NAN]),
    case(diverse, r"\(n, k\) array of item ids", [1, 2], 5),
    case(diverse, r"\(n, k\) array of item ids", [[1], [2, 3]], 5),
    case(diverse, r"\(n, k\) array of item ids", [[1.0, 2.0]], 5),
    case(diverse, r"\(n, k\) array of item ids", [], 5),
    case(diverse, r"\(n, k\) array of item ids", "ab", 5),
    case(diverse, "item 6 is unknown", [[1, 6]], 5),
    case(diverse, "item -1 is unknown", [[1, -1]], 5),
    case(diverse, "n_items must be", [[1, 2]], 0),
    case(diverse, "n_items must be", [[1, 2]], 2.5),
    case(diverse, "labels must hold one label", [[1, 2]], 5, labels=[0, 1]),
    case(diverse, "labels must hold one label", [[1, 2]], 5, labels=3),
    case(diverse, "labels must hold one label", [[1]], 5, labels=[[1], [2, 3]]),
    case(diverse, "vectors must hold a row", [[1]], 5, vectors=[[1], [2, 3]]),
    case(diverse, "every list is empty", [[0, 0]], 5, labels=[0] * 6),
    case(diverse, "vectors must hold a row", [[1, 2]], 5, vectors=np.ones((2, 3))),
    case(diverse, "vectors must hold a row", [[1, 2]], 5, vectors=np.ones(6)),
    case(diverse, "vectors must be finite", [[1, 2]], 5, vectors=np.full((6, 2), NAN)),
    case(diverse, "a list with 2 items", [[1], [2]], 5, vectors=np.ones((6, 2))),
]

FIT = [
    case(fit, "must be a Split, not NoneType", split=None),
    case(fit, "must be a Split, not Interactions: leave_one_out", split=CLICKS),
    case(fit, "must be a Recommender", model=None),
    case(
        fit, "must be a Recommender made from its settings, not DisRec", model=dm.DisRec
    ),
    case(fit, "must be a Recommender", model=torch.nn.Linear(2, 2)),
    case(
        fit,
        "has 30 items and the data 4",
        split=dm.leave_one_out(dm.Interactions.from_sequences([[1, 2, 3, 4]])),
    ),
    case(fit, "objective must be an Objective", objective="seq2seq"),
    case(fit, "objective must be an Objective", objective=MODEL),
    case(fit, "epochs must be", epochs=0),
    case(fit, "epochs must be", epochs=1.5),
    case(fit, "epochs must be", epochs="3"),
    case(fit, "epochs must be", epochs=None),
    case(fit, "seed must be", seed=-1),
    case(fit, "seed must be", seed=None),
    case(fit, "seed must be", seed=0.5),
    case(fit, "validate_every must be", validate_every=0),
    case(fit, "valid_users must be", valid_users=0),
    case(fit, "valid_users must be", valid_users=None),
    case(fit, "patience must be at least 1", patience=0),
    case(fit, "patience must be a whole number or None, not 'a'", patience="a"),
    case(fit, "patience must be a whole number or None, not 1.5", patience=1.5),
    case(fit, "patience must be a whole number or None, not True", patience=True),
    case(fit, "unknown metric 'loss'", select="loss"),
    case(fit, "unknown metric '3'", select=3),
    case(fit, "protocol must be", protocol="half"),
    case(fit, "protocol must be", protocol=3),
    case(fit, "minutes must be", minutes="1"),
    case(fit, "minutes must be", minutes=-1),
    case(fit, "minutes must be", minutes=NAN),
    case(fit, "out must be", out=5),
    case(fit, "out must be", out=""),
    case(fit, "resume must be", resume="yes"),
    case(fit, "resume needs `out`", resume=True),
    case(fit, "on_epoch must be a function", on_epoch="print"),
    case(fit, "device .* is not available", device="gpu"),
    case(fit, "device .* is not available", device=5.5),
    case(fit, "device .* is not available", device=None),
]

SETTINGS = [
    case(config, "no setting 'foo'", 10, foo=1),
    case(config, "no setting 'dims'. Did you mean dim", 10, dims=8),
    case(config, "missing a required argument: 'n_items'"),
    case(config, "multiple values for argument 'n_items'", 10, n_items=10),
    case(config, "too many positional arguments", *range(1, 99)),
    case(config, "n_items must be", "ten"),
    case(config, "n_items must be", 0),
    case(config, "n_items must be", None),
    case(dm.DisRecConfig.recommended, "no setting 'foo'", 10, foo=1),
    case(dm.DisRecConfig.paper, "no setting 'foo'", 10, foo=1),
    case(dm.DisRecConfig.recommended, "n_items must be", "ten"),
    case(dm.DisRecConfig.recommended, "n_items must be", None),
    case(dm.DisRecConfig.recommended, "n_items must be", 2.5),
    case(dm.DisRecConfig(5).replace, "no setting 'foo'", foo=1),
    case(settings.Config, "no setting 'dim'", 10, dim=3),
    case(settings.config_class("sasrec"), "no setting 'blocks'. Did y", 10, blocks=3),
    case(settings.config_class("pmi"), "Did you mean smoothing", 10, smooth=3),
]

CLICKED = [
    case(
        from_rows, "one list of item ids for each user, not of type dict", {1: [1, 2]}
    ),
    case(from_rows, "one list of item ids for each user, not of type str", "12"),
    case(from_rows, "one list of item ids for each user, not of type set", {(1, 2)}),
    case(from_rows, "one list of item ids for each user, not 5", 5),
    case(from_rows, "one list of item ids for each user, not None", None),
    case(from_rows, "user 0 must be a list of item ids, not 1", [1, 2]),
    case(from_rows, "user 1 must be a list of item ids, not of type str", [[1], "12"]),
    case(from_rows, "user 0 must be a list of item ids, not of type set", [{1, 2}]),
    case(from_rows, "user 0 must be a list of item ids, not of type dict", [{1: 2}]),
    case(from_rows, "user 0 must be a one-dimensional array of whole", [[1.0, 2.0]]),
    case(from_rows, "user 0 must be a one-dimensional array of whole", [["a"]]),
    case(from_rows, "user 0 must be a one-dimensional array of whole", [[None]]),
    case(from_rows, "user 0 must be a one-dimensional array of whole", [[[1, 2]]]),
    case(from_rows, "no click to count items from", []),
    case(from_rows, "Item ids must lie between 1", [[0, 1]]),
    case(from_rows, "Item ids must lie between 1", [[3]], 2),
    case(from_rows, "n_items must be", [[3]], 2.5),
    case(dm.leave_one_out, "must be Interactions, not list: pass clicks", [[1, 2, 3]]),
    case(dm.leave_one_out, "must be Interactions, not Split", SPLIT),
    case(dm.leave_one_out, "must be Interactions, not NoneType", None),
    case(dm.leave_one_out, "not the class Interactions itself", dm.Interactions),
    case(dm.corrupt, "must be Interactions, not Split", SPLIT, 0.1, 0),
    case(dm.corrupt, "must be Interactions, not list", [[1, 2]], 0.1, 0),
    case(dm.corrupt, "rate must be a share", CLICKS, 10, 0),
    case(dm.corrupt, "rate must be a share", CLICKS, -0.1, 0),
    case(dm.corrupt, "rate must be a share", CLICKS, "0.1", 0),
    case(dm.corrupt, "rate must be a share", CLICKS, NAN, 0),
    case(dm.corrupt, "rate must be a share", CLICKS, True, 0),
    case(dm.corrupt, "seed must be", CLICKS, 0.1, -1),
    case(dm.corrupt, "seed must be", CLICKS, 0.1, None),
    case(world, "n_users must be", n_users=0),
    case(world, "n_users must be", n_users=2.5),
    case(world, "n_users must be", n_users="ten"),
    case(world, "n_intents must be", n_intents=0),
    case(world, "chain must be", chain=0),
    case(world, "multiple of chain", items_per_intent=5, chain=2),
    case(world, "length must be", length=0),
    case(world, "length must be", length="long"),
    case(world, "length must be", length=None),
    case(world, "length must be", length=(1, 2, 3)),
    case(world, "longest length must be", length=(5, 2)),
    case(world, "longest length must be", length=(5, "a")),
    case(world, "stay must be a share", stay=2),
    case(world, "noise must be a share", noise=NAN),
    case(world, "wander must be a share", wander="a"),
    case(world, "concentration must be", concentration=0),
    case(world, "concentration must be", concentration="a"),
    case(world, "seed must be", seed=-1),
    case(synthetic.shirts_and_trousers, "n_users must be", 0),
    case(synthetic.shirts_and_trousers, "length must be", 5, "a"),
]

RECOMMEND = [
    case(ask, "users must be whole numbers", [1, 2], users="a"),
    case(ask, "users must be whole numbers", [1, 2], users=0.5),
    case(ask, "users must be whole numbers", [1, 2], users=[1.0]),
    case(ask, "users must be whole numbers", [1, 2], users=[True]),
    case(ask, "users must be whole numbers", [1, 2], users=[[1], [2, 3]]),
    case(ask, "users must be whole numbers", [1, 2], users=[[1]]),
    case(ask, "1 sequences need as many users", [1, 2], users=[1, 2]),
    case(ask, "exclude_seen must be True or False", [1], exclude_seen="no"),
    case(ask, "k must be", [1, 2], k=0),
    case(dm.DisRec, "config must be DisRecConfig, not int", 30),
    case(dm.DisRec, "config must be DisRecConfig, not Config", settings.Config(3)),
    case(dm.DisRec, "item_names must be a sequence of str", MODEL.config, 5),
    case(dm.DisRec, "item_names must be a sequence of str", MODEL.config, "abc"),
    case(ask, "k must be", [1, 2], k=2.5),
    case(ask, "k must be", [1, 2], k="a"),
    case(ask, "k must be", [1, 2], k=None),
    case(ask, "at least one click", [0]),
    case(ask, "recommend needs item ids", []),
    case(ask, "recommend needs item ids", "abc"),
    case(ask, "recommend needs item ids", None),
    case(ask, "recommend needs item ids", 5),
    case(ask, "recommend needs item ids", [1.5]),
    case(ask, "recommend needs item ids", [[1], [1, 2]]),
    case(ask, "item 31 is unknown", [31]),
    case(ask, "item -1 is unknown", [-1]),
    case(ask, "nothing is left", np.arange(1, 31)),
    case(Popularity, "train must be Interactions", SPLIT),
    case(MODEL.objective, "train must be Interactions", "x", 0),
    case(MODEL.objective, "seed must be", SPLIT.train, "a"),
    case(MODEL.objective, "the model has", dm.Interactions.from_sequences([[1, 2]]), 0),
    case(dm.History, "epochs must be a list of dicts", 5),
    case(dm.History, "epochs must be a list of dicts", ["a"]),
    case(dm.History, "best_epoch must be", [], "a"),
    case(dm.fit, "progress must be", MODEL, SPLIT, progress="a"),
    *(
        case(among, "candidates must be int64 item ids", bad)
        for bad in (None, [[1]], torch.ones(1, 1), torch.tensor([1]))
    ),
    case(among, "a row for each", torch.ones(2, 1, dtype=torch.int64)),
    case(among, "item 31 is unknown", torch.tensor([[1, 31]])),
    case(among, "item -2 is unknown", torch.tensor([[1, -2]])),
]

LOSSES = [
    case(item_loss, r"phi must be \(B, K, D\)", phi(3, 4), phi(3, 4)),
    case(item_loss, r"phi must be \(B, K, D\) .* not int64", phi().long(), phi(3, 4)),
    case(item_loss, "phi must be a tensor", [[1.0]], phi(3, 4)),
    case(item_loss, "phi must be a tensor", np.zeros((3, 2, 4)), phi(3, 4)),
    case(item_loss, r"targets must be \(B, D\)", phi(), phi()),
    case(item_loss, r"targets must be \(B, D\) .* not int64", phi(), phi(3, 4).long()),
    case(item_loss, r"targets must have the shape \(3, 4\)", phi(), phi(2, 4)),
    case(item_loss, r"targets must have the shape \(3, 4\)", phi(), phi(3, 5)),
    case(item_loss, "target_ids must be", phi(), phi(3, 4), target_ids=phi(3)),
    case(item_loss, "target_ids must be", phi(), phi(3, 4), target_ids=[1, 2, 3]),
    case(item_loss, "target_ids must", phi(), phi(3, 4), target_ids=phi(2).long()),
    case(item_loss, "log_q must be", phi(), phi(3, 4), log_q=0.5),
    case(item_loss, "log_q must have the shape", phi(), phi(3, 4), log_q=phi(2)),
    case(item_loss, "temperature must be", phi(), phi(3, 4), temperature=0),
    case(item_loss, "temperature must be", phi(), phi(3, 4), temperature=-1.0),
    case(item_loss, "temperature must be", phi(), phi(3, 4), temperature="a"),
    case(item_loss, "temperature must be", phi(), phi(3, 4), temperature=NAN),
    case(future_loss, r"future must have the shape \(3, 2, 4\)", phi(), phi(2, 2, 4)),
    case(future_loss, r"future must be \(B, K, D\)", phi(), phi(3, 4)),
    case(future_loss, r"past must be \(B, K, D\)", phi().long(), phi()),
    case(future_loss, "past must be a tensor", None, phi()),
    case(future_loss, "temperature must be", phi(), phi(), temperature=0),
    case(losses.confident_mask, "keep must be a share", phi(3, 2), 2),
    case(losses.confident_mask, "loss must be a tensor", [[0.5]], 0.5),
    case(losses.confident_mask, "loss must be a tensor", phi(3, 2).long(), 0.5),
    case(item_loss, "negatives must be Negatives", phi(), phi(3, 4), negatives=[1]),
    case(losses.confident_mask, "keep must be a share", phi(3, 2), -0.5),
    case(losses.confident_mask, "keep must be a share", phi(3, 2), NAN),
    case(losses.confident_mask, "keep must be a share", phi(3, 2), "a"),
]

WORLD = synthetic.shirts_and_trousers(n_users=10)
TWO = {"one": dm.DisRec(dm.DisRecConfig(40, dim=4, max_len=6)).eval()}
show, beside = dm.explorer.show, dm.explorer.side_by_side

EXPLORER = [
    case(show, "needs a DisRec, not NoneType", None),
    case(show, "needs a DisRec, not Popularity", Popularity(CLICKS)),
    case(show, "needs a DisRec, not type", dm.DisRec),
    case(show, "Interactions or a World, not Split", MODEL, SPLIT),
    case(show, "Interactions or a World, not str", MODEL, "ml-100k"),
    case(show, "has 40 items and the model 30", MODEL, WORLD),
    case(show, "'the start' must be a sequence of item ids, not 5", MODEL, start=5),
    case(show, "'the start' must be a sequence of item ids", MODEL, start="12"),
    case(show, "'one' must be a sequence of item ids", MODEL, start={"one": 5}),
    case(show, "'one' must be a sequence of item ids", MODEL, start={"one": None}),
    case(show, "an item in 'the start' must be a whole", MODEL, start=[1.5]),
    case(show, "an item in 'the start' must be a whole", MODEL, start=[[1]]),
    case(show, "item 31 in 'the start' is unknown", MODEL, start=[31]),
    case(show, "noun must be str, not int: pass a text", MODEL, noun=5),
    case(show, "label must be str, not NoneType", MODEL, label=None),
    case(show, "caption must be str, not list", MODEL, caption=["a"]),
    case(show, "half must be True or False", MODEL, half="yes"),
    case(show, "at_least must be a whole number", MODEL, CLICKS, at_least=-1),
    case(show, "at_least needs data", MODEL, CLICKS, at_least=10**6),
    case(beside, "models must be Mapping, not DisRec", MODEL, WORLD, [1]),
    case(beside, "models must be Mapping, not list", [MODEL], WORLD, [1]),
    case(beside, "models must hold a model", {}, WORLD, [1]),
    case(beside, "the name of a model must be str", {1: TWO["one"]}, WORLD, [1]),
    case(beside, "needs a DisRec, not NoneType", {"one": None}, WORLD, [1]),
    case(beside, "has 40 items and the model 30", {"one": MODEL}, WORLD, [1]),
    case(beside, "world must be World, not Interactions", TWO, CLICKS, [1]),
    case(beside, "world must be World, not NoneType", TWO, None, [1]),
    case(beside, "'the start' must be a sequence of item", TWO, WORLD, 5),
    case(beside, "'the start' must be a sequence of item", TWO, WORLD, None),
    case(beside, "an item in 'the start' must be a whole", TWO, WORLD, ["a"]),
    case(beside, "an item in 'the start' must be a whole", TWO, WORLD, [0]),
    case(beside, "item 41 in 'the start' is unknown", TWO, WORLD, [41]),
    case(beside, "caption must be str, not int", TWO, WORLD, [1], 5),
]

ALL = CONTAINERS + PLACES + NAMES
ALL += EVALUATE + RESULTS + FIT + SETTINGS + CLICKED + RECOMMEND + LOSSES + EXPLORER


def shown(value: object) -> str | None:
    return getattr(value, "__name__", None) if callable(value) else None


@pytest.mark.parametrize(("call", "args", "rest", "said"), ALL, ids=shown)
def test_a_bad_argument_is_a_sentence(
    call: Callable[..., Any], args: tuple[Any, ...], rest: dict[str, Any], said: str
) -> None:
    with pytest.raises(dm.DisrecError, match=said) as caught:
        call(*args, **rest)
    sentence = str(caught.value)
    assert sentence.endswith((".", "?"))
    assert "\n" not in sentence


def test_users_are_numbers_or_a_mask() -> None:
    whole = dm.evaluate(MODEL, SPLIT, "full")
    mask = np.zeros(N, bool)
    mask[[0, 3]] = True
    for users in ([0, 3], (0, 3), np.array([0, 3], np.int32), mask, torch.tensor(mask)):
        found = dm.evaluate(MODEL, SPLIT, "full", users=users)
        assert found.users.tolist() == [0, 3]
        assert found.ranks.tolist() == whole.ranks[[0, 3]].tolist()
        shown = top_k(MODEL, SPLIT, 4, users=users)
        assert np.array_equal(shown, top_k(MODEL, SPLIT, 4)[[0, 3]])


def test_lists_have_a_row_for_everybody_asked_for() -> None:
    """The last user has no validation click: there is nothing to ask on test."""
    shown = top_k(MODEL, SPLIT, 3, users=[N - 1, 2, N - 1, 2])
    assert not shown[[0, 2]].any()
    assert np.array_equal(shown[1], shown[3])
    assert shown[1].all()
    assert top_k(MODEL, SPLIT, 3, "valid", users=[N - 1]).all()
    assert top_k(MODEL, SPLIT, 3).shape == (N, 3)
    assert top_k(MODEL, SPLIT, 3, users=[]).shape == (0, 3)


def test_settings_keep_their_signature() -> None:
    names = list(inspect.signature(dm.DisRecConfig).parameters)
    assert names[0] == "n_items"
    assert set(names) == {field.name for field, _ in settings.declared(dm.DisRecConfig)}
    assert copy.deepcopy(dm.DisRecConfig(5)) == pickle.loads(
        pickle.dumps(dm.DisRecConfig(n_items=5))
    )


@pytest.mark.parametrize("kind", settings.MODELS)
def test_no_model_is_made_from_anything_but_clicks(kind: str) -> None:
    config = settings.config_class(kind).paper(30)
    for train in ("x", None, SPLIT):
        with pytest.raises(dm.DisrecError, match="train must be Interactions, not"):
            settings.model_class(kind).untrained(config, train)
