"""The baselines that learn, against plain loops over their weights and clicks."""

import math
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import disrec_mini as dm
from disrec_mini.baselines import (
    BPRMF,
    FPMC,
    NCF,
    BERT4Rec,
    BERTConfig,
    BPRConfig,
    Caser,
    GRU4Rec,
    GRU4RecPlus,
    GRUConfig,
    NCFConfig,
    NextItem,
    SASRec,
    SASRecConfig,
)
from disrec_mini.baselines.objectives import LOSSES, bpr_max, draw_unseen
from disrec_mini.baselines.personal import Personal, every_click

Vector = list[float]
Weights = dict[str, Any]

M, N_USERS = 7, 5
ROWS = [[3, 1, 4], [5], [2, 6, 2, 7], [1, 1], [7, 4, 5, 3], [6]]
USERS = [2, 0, 4, 1, 3, 2]
# the first clicked every item, the second has no pair
HISTORIES = [[1, 2, 3, 4, 5, 6, 7, 2], [3], [2, 2, 5, 2], [4, 1, 4, 6, 1]]
HISTORIES += [[7, 5, 3, 2, 7, 5]]
TRAIN = dm.Interactions.from_sequences(HISTORIES, M)
PERSONAL = [BPRMF, NCF, FPMC, Caser]


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    """These sizes gain nothing from more."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def made(model_type: Any, seed: int = 4, **settings: Any) -> Any:
    """In float64 and evaluation mode; no weight is 0 or 1, as many are at first."""
    people = {"n_users": N_USERS} if issubclass(model_type, Personal) else {}
    model = model_type(model_type.config_type(M, **settings), **people)
    model.double().eval()
    draw = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for weight in model.parameters():
            normal = torch.randn(weight.shape, generator=draw, dtype=torch.float64)
            weight.copy_(0.6 * normal)
        for module in model.modules():
            if isinstance(module, torch.nn.LayerNorm):
                module.weight.mul_(0.4).add_(1)
        if model_type is Caser:  # what stands above the first click
            model.clicks.weight[0] = 0
    return model


def numbers(model: torch.nn.Module) -> Weights:
    return {name: weight.tolist() for name, weight in model.state_dict().items()}


def alone(row: list[int]) -> tuple[torch.Tensor, torch.Tensor]:
    """One sequence without padding."""
    return torch.tensor([row]), torch.tensor([len(row)])


def close(ours: Any, theirs: Any) -> None:
    """Equal to nine places."""
    both = (torch.as_tensor(x, dtype=torch.float64) for x in (ours, theirs))
    ours, theirs = (x.detach() for x in both)
    assert ours.shape == theirs.shape
    assert ours.isfinite().all()
    assert float((ours - theirs).abs().max()) < 1e-9


# -- forward, number by number ---------------------------------------------------------


def dot(x: Vector, y: Vector) -> float:
    return sum(a * b for a, b in zip(x, y, strict=True))


def plus(x: Vector, y: Vector) -> Vector:
    return [a + b for a, b in zip(x, y, strict=True)]


def linear(w: Weights, name: str, x: Vector) -> Vector:
    matrix = w[f"{name}.weight"]
    bias = w.get(f"{name}.bias", [0.0] * len(matrix))
    return [dot(row, x) + b for row, b in zip(matrix, bias, strict=True)]


def relu(x: Vector) -> Vector:
    return [max(0.0, a) for a in x]


def logistic(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def gelu(x: Vector) -> Vector:
    return [a * 0.5 * (1 + math.erf(a / math.sqrt(2))) for a in x]


def softmax(x: Vector) -> Vector:
    powers = [math.exp(a - max(x)) for a in x]
    return [a / sum(powers) for a in powers]


def normed(w: Weights, name: str, x: Vector, eps: float) -> Vector:
    mean = sum(x) / len(x)
    variance = sum((a - mean) ** 2 for a in x) / len(x)
    gain, shift = w[f"{name}.weight"], w[f"{name}.bias"]
    by_place = zip(x, gain, shift, strict=True)
    return [(a - mean) / math.sqrt(variance + eps) * g + s for a, g, s in by_place]


def mixed(queries: list[Vector], keys: list[Vector], values: list[Vector]) -> Any:
    """Attention of one query after the other to all of these keys."""
    scale, width = math.sqrt(len(keys[0])), range(len(values[0]))
    found = []
    for query in queries:
        shares = softmax([dot(query, key) / scale for key in keys])
        found.append([dot(shares, [value[d] for value in values]) for d in width])
    return found


def person(w: Weights, user: int | None) -> Vector:
    people = w["people.weight"]
    if user is not None:
        return list(people[user])
    return [sum(column) / len(people) for column in zip(*people, strict=True)]


def biased(w: Weights, query: Vector) -> tuple[Vector, Vector]:
    """The query with its 1, and query . w_j + b_j of all items but padding."""
    scores = [dot(query, row[:-1]) + row[-1] for row in w["items.weight"][1:]]
    return [*query, 1.0], scores


def slow_bpr_mf(w: Weights, clicks: list[int], user: int | None) -> Any:
    return biased(w, person(w, user))


def slow_fpmc(w: Weights, clicks: list[int], user: int | None) -> Any:
    v, a = person(w, user), w["last.weight"][clicks[-1]]
    halves = [(row[: len(v)], row[len(v) :]) for row in w["items.weight"][1:]]
    return v + a, [dot(v, mine) + dot(a, after) for mine, after in halves]


def slow_ncf(w: Weights, clicks: list[int], user: int | None) -> Any:
    scores, person_of = [], person(w, user)
    dim = len(person_of) // 2
    for item in w["items.weight"][1:]:
        product = [a * b for a, b in zip(person_of[:dim], item[:dim], strict=True)]
        hidden = plus(
            linear(w, "of_user", person_of[dim:]), linear(w, "of_item", item[dim:])
        )
        hidden = relu(hidden)
        for n in range(sum(f"layers.{n}.weight" in w for n in range(9))):
            hidden = relu(linear(w, f"layers.{n}", hidden))
        scores.append(linear(w, "out", product + hidden)[0])
    return None, scores


def slow_gru4rec(w: Weights, clicks: list[int], user: int | None) -> Any:
    xs = [w["clicks.weight"][j] for j in clicks]
    for layer in range(sum(f"gru.bias_ih_l{n}" in w for n in range(9))):
        state, states = [0.0] * len(xs[0]), []
        for x in xs:
            gates = []
            for side, vector in (("ih", x), ("hh", state)):
                rows = zip(
                    w[f"gru.weight_{side}_l{layer}"],
                    w[f"gru.bias_{side}_l{layer}"],
                    strict=True,
                )
                gates.append([dot(row, vector) + b for row, b in rows])
            dim, (of_x, of_state) = len(state), gates
            new = []
            for d in range(dim):
                reset = logistic(of_x[d] + of_state[d])
                update = logistic(of_x[dim + d] + of_state[dim + d])
                other = math.tanh(of_x[2 * dim + d] + reset * of_state[2 * dim + d])
                new.append((1 - update) * other + update * state[d])
            state = new
            states.append(state)
        xs = states
    return biased(w, xs[-1])


def slow_caser(w: Weights, clicks: list[int], user: int | None) -> Any:
    height = len(w["vertical.weight"][0])
    dim = len(w["clicks.weight"][0])
    e = [w["clicks.weight"][j] for j in clicks[-height:]]
    e = [[0.0] * dim] * (height - len(e)) + e  # (L, D), the newest below
    o = []
    for n in range(1, height + 1):
        filters = w[f"horizontal.{n - 1}.weight"]  # (F, D, n)
        biases = w[f"horizontal.{n - 1}.bias"]
        for one, bias in zip(filters, biases, strict=True):
            places = []
            for top in range(height - n + 1):
                value = bias
                for below in range(n):
                    for d in range(dim):
                        value += one[d][below] * e[top + below][d]
                places.append(max(0.0, value))
            o.append(max(places))
    for d in range(dim):
        for weight in w["vertical.weight"]:
            o.append(sum(weight[row] * e[row][d] for row in range(height)))
    return biased(w, relu(linear(w, "mix", o)) + person(w, user))


def slow_sasrec(w: Weights, clicks: list[int], user: int | None) -> Any:
    table, eps = w["encoder.item_embedding.weight"], 1e-8
    places = w["encoder.position_embedding.weight"]
    root = math.sqrt(len(table[0]))
    xs = [plus([root * a for a in table[j]], places[i]) for i, j in enumerate(clicks)]
    for n in range(sum(f"encoder.blocks.{n}.key.bias" in w for n in range(9))):
        part = f"encoder.blocks.{n}."
        read = [normed(w, part + "norm_query", x, eps) for x in xs]
        queries = [linear(w, part + "query", x) for x in read]
        keys = [linear(w, part + "key", x) for x in xs]
        values = [linear(w, part + "value", x) for x in xs]
        new = []
        for i in range(len(xs)):
            seen = mixed([queries[i]], keys[: i + 1], values[: i + 1])[0]
            y = normed(w, part + "norm_feedforward", plus(read[i], seen), eps)
            inner = relu(linear(w, part + "inner", y))
            new.append(plus(y, linear(w, part + "outer", inner)))
        xs = new
    z = normed(w, "encoder.norm", xs[-1], eps)
    return z, [dot(z, h) for h in table[1:]]


HEADS = 2


def slow_states(w: Weights, clicks: list[int], hidden: list[bool]) -> list[Vector]:
    """BERT4Rec's g(z) at every click."""
    xs, eps = [], 1e-5
    for i, (item, gone) in enumerate(zip(clicks, hidden, strict=True)):
        h = w["hidden"] if gone else w["items.weight"][item][:-1]
        xs.append(normed(w, "norm", plus(h, w["positions.weight"][i]), eps))
    dim = len(xs[0])
    size = dim // HEADS
    for n in range(sum(f"blocks.layers.{n}.norm1.bias" in w for n in range(9))):
        part = f"blocks.layers.{n}."
        rows, bias = (w[f"{part}self_attn.in_proj_{x}"] for x in ("weight", "bias"))
        three = []  # queries, keys, values
        for first in (0, dim, 2 * dim):
            ends = range(first, first + dim)
            three.append([[dot(rows[r], x) + bias[r] for r in ends] for x in xs])
        seen: list[Vector] = [[] for _ in xs]
        for head in range(HEADS):
            own = slice(head * size, (head + 1) * size)
            found = mixed(*([x[own] for x in vectors] for vectors in three))
            seen = [a + b for a, b in zip(seen, found, strict=True)]
        seen = [linear(w, part + "self_attn.out_proj", x) for x in seen]
        pairs = zip(xs, seen, strict=True)
        xs = [normed(w, part + "norm1", plus(x, y), eps) for x, y in pairs]
        inner = [gelu(linear(w, part + "linear1", x)) for x in xs]
        outer = [linear(w, part + "linear2", x) for x in inner]
        pairs = zip(xs, outer, strict=True)
        xs = [normed(w, part + "norm2", plus(x, y), eps) for x, y in pairs]
    return [normed(w, "head.2", gelu(linear(w, "head.0", x)), eps) for x in xs]


def slow_bert4rec(w: Weights, clicks: list[int], user: int | None) -> Any:
    hidden = [False] * len(clicks) + [True]
    return biased(w, slow_states(w, [*clicks, 1], hidden)[-1])


BERT = {"dim": 4, "heads": HEADS, "n_blocks": 2, "max_len": 4}
FORWARD: dict[str, tuple[Any, dict[str, Any], Any]] = {
    "bpr-mf": (BPRMF, {"dim": 3}, slow_bpr_mf),
    "ncf": (NCF, {"dim": 4, "layers": 3}, slow_ncf),
    "ncf, one layer": (NCF, {"dim": 3, "layers": 1}, slow_ncf),
    "fpmc": (FPMC, {"dim": 3}, slow_fpmc),
    "gru4rec": (GRU4Rec, {"dim": 3, "max_len": 6}, slow_gru4rec),
    "gru4rec, two": (GRU4RecPlus, {"dim": 2, "layers": 2}, slow_gru4rec),
    "caser": (
        Caser,
        {"dim": 3, "max_len": 4, "horizontal": 2, "vertical": 2},
        slow_caser,
    ),
    "sasrec": (SASRec, {"dim": 4, "n_blocks": 2, "max_len": 6}, slow_sasrec),
    "bert4rec": (BERT4Rec, BERT, slow_bert4rec),
}


NEED_A_USER = ("bpr-mf", "ncf", "ncf, one layer")
ASKED = [(name, True) for name in FORWARD]
ASKED += [(name, False) for name in FORWARD if name not in NEED_A_USER]


@pytest.mark.parametrize(("name", "known"), ASKED)
def test_queries_and_scores_equal_loops(name: str, known: bool, padded: Any) -> None:
    """Rows of several lengths at once; of a user not said, the mean of all."""
    model_type, settings, slow = FORWARD[name]
    model = made(model_type, **settings)
    asked = [*padded(ROWS), torch.tensor(USERS) if known else None]
    scores = model.score(*asked)
    assert (scores[:, 0] == -math.inf).all()
    users = USERS if known else [None] * len(ROWS)
    weights = numbers(model)
    theirs = [slow(weights, *x) for x in zip(ROWS, users, strict=True)]
    close(scores[:, 1:], [x[1] for x in theirs])
    if model_type is not NCF:
        close(model(*asked)[:, 0], [x[0] for x in theirs])
        assert model(*asked).shape[1] == 1


def test_every_click_and_user_counts_in_these_cases() -> None:
    """Else the loops would compare little."""
    for name, (model_type, settings, _) in FORWARD.items():
        model, user = made(model_type, **settings), torch.tensor([3])
        scores = model.score(*alone([1, 2, 3]), user)[0, 1:]
        others = [model.score(*alone([1, 2, 3]), user - 1)]
        for row in ([4, 2, 3], [1, 5, 3], [1, 2, 6]):
            others.append(model.score(*alone(row), user))
        moved = [float((x[0, 1:] - scores).abs().max()) for x in others]
        read = {"fpmc": 1}.get(name, 0 if name in NEED_A_USER else 3)
        expected = [
            issubclass(model_type, Personal),
            *(n >= 3 - read for n in range(3)),
        ]
        assert [x > 1e-3 for x in moved] == expected, (name, moved)


def test_ncf_at_some_items_equals_the_loop(padded: Any) -> None:
    model = made(NCF, dim=4, layers=2)
    some = torch.tensor([[7, 1], [3, 3], [0, 2], [5, 6], [4, 0], [1, 7]])
    users = torch.tensor(USERS)
    ours = model.score_candidates(*padded(ROWS), some, users)
    weights = numbers(model)
    for row, items, user in zip(ours.tolist(), some.tolist(), USERS, strict=True):
        theirs = [-math.inf, *slow_ncf(weights, [], user)[1]]
        assert row == pytest.approx([theirs[j] for j in items], abs=1e-9)


def test_bert4rec_fills_any_click_in() -> None:
    """Hidden ones in the midst, several, or all of them."""
    model = made(BERT4Rec, **BERT)
    weights = numbers(model)
    for clicks, hidden in (([3, 1, 4, 1, 5], [2]), ([2, 7], [0, 1]), ([6, 1, 6], [])):
        gone = [i in hidden for i in range(len(clicks))]
        with torch.no_grad():
            ours = model.states(torch.tensor([clicks]), torch.tensor([gone]))[0]
        theirs = slow_states(weights, clicks, gone)
        close(ours, [[*x, 1.0] for x in theirs])


# -- losses ----------------------------------------------------------------------------


def ln_sum_exp(values: Vector) -> float:
    return max(values) + math.log(sum(math.exp(x - max(values)) for x in values))


def slow_softmax(own: float, others: Vector) -> float:
    return ln_sum_exp([own, *others]) - own


def slow_bce(own: float, others: Vector) -> float:
    return -math.log(logistic(own)) - sum(math.log(1 - logistic(x)) for x in others)


def slow_bpr(own: float, others: Vector) -> float:
    return sum(-math.log(logistic(own - x)) for x in others) / max(1, len(others))


def slow_top1(own: float, others: Vector) -> float:
    values = [logistic(x - own) + logistic(x * x) for x in others]
    return sum(values) / max(1, len(others))


def slow_bpr_max(own: float, others: Vector, penalty: float = 1.0) -> float:
    """Hidasi & Karatzoglou, 2018: softmax weights among the negatives alone."""
    if not others:
        return 0.0
    weights = softmax(others)
    pairs = list(zip(weights, others, strict=True))
    ahead = -math.log(sum(w * logistic(own - x) for w, x in pairs))
    return ahead + penalty * sum(w * x**2 for w, x in pairs)


SLOW: dict[str, Callable[..., float]] = {
    "softmax": slow_softmax,
    "bce": slow_bce,
    "bpr": slow_bpr,
    "top1": slow_top1,
    "bpr-max": slow_bpr_max,
}


def drawn_scores(seed: int, B: int = 5, N: int = 4) -> tuple[torch.Tensor, ...]:
    """own (B, 1), others (B, N), counts (B, N); no negative of the last row counts."""
    draw = torch.Generator().manual_seed(seed)
    own, others = (
        (2 * torch.randn(B, n, generator=draw, dtype=torch.float64)).requires_grad_()
        for n in (1, N)
    )
    counts = torch.rand(B, N, generator=draw) < 0.6
    counts[0], counts[-1] = True, False
    return own, others, counts


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", LOSSES)
def test_losses_equal_loops(name: str, seed: int) -> None:
    own, others, counts = drawn_scores(seed)
    ours = LOSSES[name](own, others, counts)
    theirs = []
    for b in range(len(own)):
        kept = [x for x, c in zip(others[b].tolist(), counts[b], strict=True) if c]
        theirs.append(SLOW[name](own[b, 0].item(), kept))
    close(ours, theirs)
    assert name == "bce" or ours[-1].item() == 0


def test_the_penalty_of_bpr_max_is_a_factor() -> None:
    own, others, _ = drawn_scores(4)
    for penalty in (0.0, 0.3):
        ours = bpr_max(own, others, torch.ones(5, 4, dtype=torch.bool), penalty)
        rows = zip(own[:, 0].tolist(), others.tolist(), strict=True)
        close(ours, [slow_bpr_max(*row, penalty) for row in rows])


@pytest.mark.parametrize("name", LOSSES)
def test_gradients_of_losses_equal_finite_differences(name: str) -> None:
    """Also where some, or all, negatives of a row do not count: those get nothing."""
    own, others, counts = drawn_scores(7)
    loss = LOSSES[name]
    assert torch.autograd.gradcheck(lambda a, b: loss(a, b, counts), (own, others))
    of_own, of_others = torch.autograd.grad(
        loss(own, others, counts).sum(), [own, others]
    )
    assert (of_others[~counts] == 0).all()
    assert (of_others[counts] != 0).all()
    assert (of_own[:-1] != 0).all()
    assert of_own[-1] < 0 if name == "bce" else of_own[-1] == 0


@pytest.mark.parametrize("name", LOSSES)
def test_losses_stay_finite(name: str) -> None:
    """Large scores of both signs in float32, with and without negatives that count."""
    for own, other in ((300.0, -300.0), (-300.0, 300.0), (300.0, 300.0)):
        mine = torch.full((2, 1), own, requires_grad=True)
        others = torch.full((2, 3), other, requires_grad=True)
        counts = torch.tensor([[True, False, True], [False] * 3])
        loss = LOSSES[name](mine, others, counts)
        assert loss.isfinite().all()
        for gradient in torch.autograd.grad(loss.sum(), [mine, others]):
            assert gradient.isfinite().all()


# -- NextItem --------------------------------------------------------------------------

READERS: dict[str, tuple[Any, dict[str, Any]]] = {
    "bpr-mf": (BPRMF, {"dim": 3}),
    "ncf": (NCF, {"dim": 4, "layers": 2}),
    "fpmc": (FPMC, {"dim": 3}),
    "caser": (Caser, {"dim": 3, "max_len": 4, "horizontal": 2, "vertical": 2}),
    "gru4rec": (GRU4Rec, {"dim": 3, "max_len": 3, "dropout": 0.0}),
    "sasrec": (SASRec, {"dim": 4, "n_blocks": 1, "max_len": 3, "dropout": 0.0}),
}
COMPANY: dict[str, dict[str, Any]] = {
    "in-batch": {"unseen": 0, "negatives": 0, "visit": None},
    "shared": {"unseen": 0, "negatives": 5},
    "unseen": {"unseen": 2, "negatives": 0},
}


def learned(model: Any) -> list[list[int]]:
    """Histories as a model learns them: for some, first clicks follow themselves."""
    twice = isinstance(model, BPRMF | NCF)
    return [row[:1] + row if twice else row for row in HISTORIES]


def pairs_of(objective: Any, step: Any) -> list[tuple[int, list[int], int]]:
    """User, what is read, what comes: of each pair of a step."""
    windows, found = objective.windows, []
    longest, rows = objective.model.max_len or 99, learned(objective.model)
    for window, t, drawn in zip(step.window, step.t, step.drawn, strict=True):
        user, start = int(windows.user[window]), int(windows.start[window])
        place = start - sum(map(len, rows[:user]))  # of the window in its history
        row = rows[user][place:]
        found.append((user, row[:t][-longest:], row[drawn]))
    return found


def company_of(step: Any, targets: list[int], unseen: bool) -> list[list[int]]:
    """Each pair's negatives that count."""
    found: list[list[int]] = []
    if unseen:
        return [[j for j in row if j] for row in step.negatives.tolist()]
    if step.negatives is None:
        for first, last in zip(step.bounds[:-1], step.bounds[1:], strict=True):
            for p in range(first, last):
                others = targets[first:last]
                found.append([j for j in others if j != targets[p]])
        return found
    n_parts = len(step.negatives)
    for s, row in enumerate(step.negatives.tolist()):
        for _ in range((len(targets) + s) // n_parts):  # no two sizes differ by two
            own = targets[len(found)]
            found.append([j for j in row if j != own])
    return found


def shares_of_targets() -> dict[int, float]:
    """ln of each item's share among all clicks but first ones."""
    counts = Counter(j for row in HISTORIES for j in row[1:])
    total = sum(counts.values())
    return {j: math.log(n / total) for j, n in counts.items()}


def exact(objective: Any) -> Any:
    """With the shares of its targets in float64, after a look at its own float32."""
    shares = [0.0] * (M + 1)
    for j, share in shares_of_targets().items():
        shares[j] = share
    assert objective.log_q.tolist() == pytest.approx(shares, abs=1e-6)
    objective.log_q = torch.tensor(shares, dtype=torch.float64)
    return objective


def slow_step(
    objective: Any, step: Any, temperature: float = 1.0, logq: bool = False
) -> tuple[float, int]:
    """The mean loss over pairs, each read by itself, and how many negatives counted."""
    model, pairs = objective.model, pairs_of(objective, step)
    ln_q, total, n = shares_of_targets(), 0.0, 0
    company = company_of(step, [x[2] for x in pairs], model.config.unseen > 0)
    for (user, past, target), others in zip(pairs, company, strict=True):
        row = model.score(*alone(past), torch.tensor([user]))[0].tolist()
        own = row[target] / temperature
        scores = [row[j] / temperature for j in others]
        if logq and model.config.negatives:  # ln(N q_j), from theirs alone
            more = math.log(model.config.negatives)
            scores = [s - ln_q[j] - more for s, j in zip(scores, others, strict=True)]
        elif logq:
            own -= ln_q[target]
            scores = [s - ln_q[j] for s, j in zip(scores, others, strict=True)]
        penalty = [model.config.penalty] * (model.config.loss == "bpr-max")
        total += SLOW[model.config.loss](own, scores, *penalty)
        n += len(others)
    return total / len(pairs), n


TWICE = ("bpr-mf", "ncf")
READ_BESIDE = [(reader, x) for reader in READERS for x in COMPANY if reader != "ncf"]
READ_BESIDE += [("ncf", "unseen")]  # it has no vectors to share


@pytest.mark.parametrize(("reader", "company"), READ_BESIDE)
def test_next_item_loss_equals_the_loop(reader: str, company: str) -> None:
    """Every loss; parts and groups of unequal size, and parts without a pair."""
    model_type, settings = READERS[reader]
    for name in LOSSES:
        for group_size, groups in ((4, 2), (3, 3)):
            sizes = {"group_size": group_size, "groups": groups}
            more = {"loss": name, "penalty": 0.4, **sizes, **COMPANY[company]}
            model = made(model_type, **{**settings, **more})
            objective = model.objective(TRAIN, 3)
            n_pairs, counted, n_steps = 0, 0, 0
            for step in objective.steps(1):
                found = objective.loss(step, 0.0)
                expected, n = slow_step(objective, step)
                close(found.total, expected)
                assert found.means == {name: found.total}
                assert found.n_pairs == len(step.t)
                n_pairs, n_steps = n_pairs + found.n_pairs, n_steps + 1
                counted += n
            assert n_steps == objective.n_steps == 3
            assert n_pairs == objective.n_pairs == (24 if reader in TWICE else 19)
            if company != "in-batch":  # some negatives did not count
                assert 0 < counted < n_pairs * (5 if company == "shared" else 2)


@pytest.mark.parametrize("negatives", [0, 5])
@pytest.mark.parametrize("reader", ["fpmc", "gru4rec", "sasrec"])
def test_logq_and_temperature_equal_the_loop(reader: str, negatives: int) -> None:
    model_type, settings = READERS[reader]
    changes = COMPANY["shared" if negatives else "in-batch"]
    changes = {"loss": "softmax", "groups": 2, **changes}
    model = made(model_type, **{**settings, **changes, "group_size": 4})
    for temperature, logq in ((1.0, True), (0.7, True), (0.7, False)):
        options = {"temperature": temperature, "logq": logq}
        objective = NextItem(model, TRAIN, 1, **options)
        assert objective.protocol == ("full" if logq else "sampled")
        assert (objective.log_q is None) == (not logq)
        objective = exact(objective) if logq else objective
        for step in objective.steps(2):
            expected, _ = slow_step(objective, step, **options)
            close(objective.loss(step, 0.0).total, expected)


@pytest.mark.parametrize("company", ["shared", "unseen"])
def test_temperature_divides_scores_in_every_loss(company: str) -> None:
    for name in ("bce", "bpr-max"):
        changes = {"loss": name, "group_size": 9, **COMPANY[company]}
        objective = NextItem(made(FPMC, dim=3, **changes), TRAIN, 1, temperature=0.5)
        for step in objective.steps(1):
            expected, _ = slow_step(objective, step, 0.5)
            close(objective.loss(step, 0.0).total, expected)


def test_sasrec_asks_for_logq_by_its_settings() -> None:
    changes = {"loss": "softmax", "unseen": 0, "negatives": 5, "logq": True}
    model = made(SASRec, dim=4, max_len=3, group_size=30, **changes)
    objective = exact(model.objective(TRAIN, 0))
    step = next(objective.steps(1))
    expected, _ = slow_step(objective, step, logq=True)
    close(objective.loss(step, 0.0).total, expected)


@pytest.mark.parametrize("name", LOSSES)
def test_a_pair_without_negatives_costs_nothing_but_its_own(name: str) -> None:
    """A group of one pair: a finite loss and finite gradients."""
    model = made(FPMC, dim=2, loss=name, unseen=0, group_size=1)
    objective = model.objective(TRAIN, 0)
    step = next(objective.steps(1))
    total = objective.loss(step, 0.0).total
    close(total, slow_step(objective, step)[0])
    assert (total.item() > 0) == (name == "bce")
    for gradient in torch.autograd.grad(total, list(model.parameters())):
        assert gradient.isfinite().all()


@pytest.mark.parametrize("reader", ["gru4rec", "sasrec"])
def test_whole_windows_know_what_each_prefix_knows(reader: str) -> None:
    """All 19 pairs in one step, histories of 8 clicks in windows of 4."""
    model_type, settings = READERS[reader]
    model = made(model_type, group_size=19, visit=0, **settings)
    objective = model.objective(TRAIN, 0)
    step = next(objective.steps(1))
    assert len(step.t) == 19
    with torch.no_grad():
        ours = objective.queries(step)
        pairs = pairs_of(objective, step)
        theirs = torch.cat([model(*alone(past)) for _, past, _ in pairs])
    close(ours, theirs)
    assert len({tuple(past) for _, past, _ in pairs}) > 10


@pytest.mark.parametrize("reader", ["bpr-mf", "ncf", "fpmc", "caser"])
def test_models_that_read_no_windows_know_all_pairs(reader: str) -> None:
    """No history is cut, however few clicks of it are read."""
    model_type, settings = READERS[reader]
    model = made(model_type, group_size=99, **settings)
    step = next(model.objective(TRAIN, 0).steps(1))
    windows, rows = model.objective(TRAIN, 0).windows, learned(model)
    starts = [sum(map(len, rows[:user])) for user in range(N_USERS)]
    assert [starts[user] for user in windows.user] == windows.start.tolist()
    users = windows.user[step.window].tolist()
    pairs = sorted(zip(users, step.t.tolist(), strict=True))
    assert pairs == [(u, t) for u, x in enumerate(rows) for t in range(1, len(x))]


@pytest.mark.parametrize("model_type", [BPRMF, NCF])
def test_each_click_is_learned_once_where_order_is_not_read(model_type: Any) -> None:
    """Also first clicks, and the only click of a user."""
    objective = made(model_type, dim=8, group_size=5).objective(TRAIN, 0)
    found: Counter[tuple[int, int]] = Counter()
    for step in objective.steps(1):
        found.update((user, target) for user, _, target in pairs_of(objective, step))
        for user, row in zip(
            objective.windows.user[step.window].tolist(),
            step.negatives.tolist(),
            strict=True,
        ):
            assert not set(row) & set(HISTORIES[user])
    assert found == Counter((u, j) for u, row in enumerate(HISTORIES) for j in row)
    some = dm.Interactions.from_sequences([[], [2], [], [3, 1, 3], []], M)
    assert [x.tolist() for x in every_click(some)] == [[], [2, 2], [], [3, 3, 1, 3], []]


class TwoQueries(FPMC):
    """The better of two answers, what u prefers or what follows x_t."""

    def forward(self, items: Any, lengths: Any, users: Any = None) -> torch.Tensor:
        both = super().forward(items, lengths, users)  # (B, 1, 2 D)
        mine, after = both.chunk(2, -1)
        nothing = torch.zeros_like(mine)
        pair = [torch.cat(x, -1) for x in ((mine, nothing), (nothing, after))]
        return torch.cat(pair, 1)  # (B, 2, 2 D)


@pytest.mark.parametrize("company", COMPANY)
def test_of_several_queries_the_best_counts(company: str) -> None:
    for name in ("bce", "bpr", "top1", "bpr-max"):
        changes = {"loss": name, "group_size": 9, **COMPANY[company]}
        objective = NextItem(made(TwoQueries, dim=3, **changes), TRAIN, 1)
        for step in objective.steps(1):
            expected, _ = slow_step(objective, step)
            close(objective.loss(step, 0.0).total, expected)


@pytest.mark.parametrize("ahead", [1, 3, 99])
def test_the_target_is_one_of_the_next_clicks(ahead: int) -> None:
    """Uniformly one of the next T, or of those that there are."""
    model = made(Caser, dim=2, max_len=2, ahead=ahead, group_size=19)
    objective, n = model.objective(TRAIN, 0), 300
    seen: dict[tuple[int, int], list[int]] = {}
    for epoch in range(n):
        for step in objective.steps(epoch):
            users = objective.windows.user[step.window].tolist()
            pairs = zip(users, step.t.tolist(), step.drawn.tolist(), strict=True)
            for user, t, drawn in pairs:
                seen.setdefault((user, t), []).append(drawn)
    assert len(seen) == 19
    for (user, t), drawn in seen.items():
        allowed = range(t, min(t + ahead, len(HISTORIES[user])))
        assert set(drawn) == set(allowed)  # counted from 0: x_{t+1} is at t
        counts = [drawn.count(place) for place in allowed]
        assert even(counts, [1.0] * len(allowed))


def even(counts: list[int], weights: Vector) -> bool:
    """Whether counts are what weights say, by chi-square and five deviations."""
    n, total, freedom = sum(counts), sum(weights), len(counts) - 1
    expected = [n * w / total for w in weights]
    found = sum((c - e) ** 2 / e for c, e in zip(counts, expected, strict=True))
    return found <= freedom + 5 * math.sqrt(2 * freedom)


# -- which negatives -------------------------------------------------------------------


def keys() -> np.ndarray:
    """As `draw_unseen` wants them."""
    pairs = {(u, j) for u, row in enumerate(HISTORIES) for j in row}
    return np.array(sorted(u * (M + 1) + j for u, j in pairs))


def test_unseen_negatives_are_uniform_over_what_a_user_never_clicked() -> None:
    users = np.array([4, 0, 1, 2, 3, 4])  # in any order, also twice
    drawn = draw_unseen(keys(), users, 3000, M, np.random.default_rng(5))
    assert drawn.shape == (6, 3000)
    assert drawn.dtype == np.int64
    assert not (drawn[0] == drawn[5]).all()
    for user, row in zip(users.tolist(), drawn.tolist(), strict=True):
        left = sorted(set(range(1, M + 1)) - set(HISTORIES[user]))
        if not left:
            assert row == [0] * 3000
            continue
        assert set(row) == set(left)
        assert even([row.count(j) for j in left], [1.0] * len(left))
        neighbours = sum(a == b for a, b in pairwise(row))
        assert even([neighbours, 2999 - neighbours], [1, len(left) - 1])


def test_unseen_negatives_follow_from_the_seed() -> None:
    users = np.array([4, 1, 3])
    one, two, other = (
        draw_unseen(keys(), users, 20, M, np.random.default_rng(seed))
        for seed in (1, 1, 2)
    )
    assert (one == two).all()
    assert (one != other).any()


@pytest.mark.parametrize("world", [2, 3])
@pytest.mark.parametrize(
    ("model_type", "changes"),
    [(FPMC, {"unseen": 3}), (GRU4RecPlus, {"negatives": 6, "groups": 2})],
)
def test_parts_of_an_epoch_draw_what_one_process_draws(
    model_type: Any, changes: dict[str, int], world: int
) -> None:
    model = made(model_type, dim=2, group_size=2, **changes)

    def drawn(seed: int, epoch: int, *part: tuple[int, int]) -> list[Any]:
        steps = model.objective(TRAIN, seed).steps(epoch, *part)
        return [step.negatives.tolist() for step in steps]

    whole = drawn(8, 2)
    assert len(whole) == -(-19 // (2 * changes.get("groups", 1)))
    for rank in range(world):
        assert drawn(8, 2, (rank, world)) == whole[rank::world]
    if model_type is GRU4RecPlus:  # each step draws anew
        assert whole[0] != whole[1]
    assert drawn(8, 2) == whole
    assert drawn(9, 2) != whole
    assert drawn(8, 3) != whole


def test_unseen_negatives_of_steps_belong_to_their_pairs() -> None:
    """None was ever clicked by the pair's user, also outside its window."""
    changes = {"unseen": 4, "negatives": 0, "group_size": 5}
    model = made(SASRec, dim=2, max_len=2, **changes)
    objective = model.objective(TRAIN, 0)
    seen = set()
    for epoch in range(5):
        for step in objective.steps(epoch):
            users = objective.windows.user[step.window].tolist()
            assert step.negatives.shape == (len(users), 4)
            for user, row in zip(users, step.negatives.tolist(), strict=True):
                assert not set(row) & set(HISTORIES[user])
                assert (set(row) == {0}) == (user == 0)
                seen |= {(user, j) for j in row}
    others = [(u, j) for u in (2, 3, 4) for j in range(1, 8) if j not in HISTORIES[u]]
    assert seen == {(0, 0), *others}


@pytest.mark.parametrize("alpha", [0.0, 0.5, 1.0])
def test_alpha_says_how_popular_negatives_are(alpha: float) -> None:
    """clicks^alpha; nothing that nobody clicked, and without alpha 1."""
    # 12, 6 and 6 clicks; without each user's first 10, 5 and 5: the same shares
    rows = [[2, 2, 2, 4, 6, 2], [2, 4, 6, 2, 2, 4], [4, 2, 2, 6, 4, 2]]
    rows += [[6, 2, 2, 6, 4, 6]]
    counts = Counter(j for row in rows for j in row)
    later = Counter(j for row in rows for j in row[1:])
    assert {j: later[j] / 20 for j in later} == {j: n / 24 for j, n in counts.items()}
    train = dm.Interactions.from_sequences(rows, M)
    more = {} if alpha == 1 else {"alpha": alpha}
    model_type = GRU4Rec if alpha == 1 else GRU4RecPlus
    sizes = {"negatives": 1500, "group_size": 5, "groups": 2}
    objective = made(model_type, dim=2, **more, **sizes).objective(train, 0)
    found: Counter[int] = Counter()
    for step in objective.steps(1):
        assert step.negatives.shape == (2, 1500)
        assert not (step.negatives[0] == step.negatives[1]).all()
        found.update(step.negatives.ravel().tolist())
    assert set(found) == {2, 4, 6}
    drawn = [found[j] for j in (2, 4, 6)]
    assert even(drawn, [counts[j] ** alpha for j in (2, 4, 6)])
    for other in {0.0, 0.5, 1.0} - {alpha}:
        assert not even(drawn, [counts[j] ** other for j in (2, 4, 6)])
    if alpha == 1:  # GRU4Rec+ with alpha 1 draws the same
        plus = made(GRU4RecPlus, dim=2, alpha=1.0, **sizes).objective(train, 0)
        pairs = zip(plus.steps(1), objective.steps(1), strict=True)
        assert all((a.negatives == b.negatives).all() for a, b in pairs)


# -- Cloze -----------------------------------------------------------------------------


def cut(max_len: int) -> list[list[int]]:
    """Pieces of max_len + 1 clicks that share one, of users with two clicks or more."""
    pieces = []
    for row in HISTORIES:
        first = 0
        while first < len(row) - 1:
            pieces.append(row[first : first + max_len + 1])
            first += max_len
    return pieces


def rows_of(gaps: Any) -> list[tuple[list[int], list[bool]]]:
    """Clicks, and whether each is hidden, history by history; padding never is."""
    found, used = [], 0
    for block in gaps.rows.blocks:
        mask = gaps.hidden[used : used + block.items.numel()].view_as(block.items)
        used += block.items.numel()
        for items, hidden in zip(block.items.tolist(), mask.tolist(), strict=True):
            n = sum(j > 0 for j in items)
            assert n > 0
            assert not any(items[n:])
            assert not any(hidden[n:])
            found.append((items[:n], hidden[:n]))
    assert used == len(gaps.hidden)
    return found


def bert(**changes: Any) -> Any:
    return made(BERT4Rec, **{**BERT, "n_blocks": 1, "dropout": 0.0, **changes})


@pytest.mark.parametrize("share", [0.1, 0.45, 0.5, 1.0])
@pytest.mark.parametrize("last", [0.0, 0.4, 1.0])
def test_so_many_clicks_are_hidden(share: float, last: float) -> None:
    """Each history once an epoch, max(1, round(share n)) of its n, or the last."""
    cloze = bert(hidden=share, last=last, batch=3).objective(TRAIN, 2)
    pieces = cut(4)
    assert sorted(map(len, pieces)) == [2, 4, 4, 5, 5, 5]
    assert cloze.n_pairs == sum(map(len, pieces))
    ends, several, n_epochs = 0, 0, 40
    for epoch in range(n_epochs):
        steps = list(cloze.steps(epoch))
        assert len(steps) == cloze.n_steps == 2
        rows = [row for gaps in steps for row in rows_of(gaps)]
        assert [len(rows_of(gaps)) for gaps in steps] == [3, 3]
        assert sorted(items for items, _ in rows) == sorted(pieces)
        assert sum(gaps.n_clicks for gaps in steps) == cloze.n_pairs
        for items, hidden in rows:
            many = max(1, round(share * len(items)))
            at_end = hidden == [False] * (len(items) - 1) + [True]
            assert at_end or (sum(hidden) == many and last < 1)
            ends += at_end and many > 1
            several += many > 1
    if several:
        deviation = math.sqrt(last * (1 - last) / several)
        assert ends / several == pytest.approx(last, abs=5 * deviation)


def test_each_click_is_hidden_equally_often() -> None:
    cloze = bert(hidden=0.45, last=0.0, batch=4).objective(TRAIN, 0)
    counts: dict[tuple[int, ...], np.ndarray] = {}
    together: Counter[tuple[bool, ...]] = Counter()
    n = 400
    for epoch in range(n):
        for gaps in cloze.steps(epoch):
            for items, hidden in rows_of(gaps):
                key = tuple(items)
                counts[key] = counts.get(key, 0) + np.array(hidden)
                together[tuple(hidden)] += key == (4, 1, 4, 6, 1)
    for items, found in counts.items():
        p = max(1, round(0.45 * len(items))) / len(items)
        deviation = math.sqrt(n * p * (1 - p))
        assert np.abs(found - n * p).max() < 5 * deviation
    two = [count for count in together.values() if count]
    assert len(two) == 10  # all pairs of five
    assert even(two, [1.0] * 10)


def test_what_is_hidden_follows_from_seed_and_epoch() -> None:
    def all_of(seed: int, epoch: int) -> list[Any]:
        cloze = bert(hidden=0.45, batch=2).objective(TRAIN, seed)
        return [rows_of(gaps) for gaps in cloze.steps(epoch)]

    assert all_of(1, 3) == all_of(1, 3)
    assert all_of(1, 3) != all_of(1, 4)
    assert all_of(1, 3) != all_of(2, 3)


@pytest.mark.parametrize("negatives", [0, 6])
def test_cloze_equals_the_loop(negatives: int) -> None:
    """Each history alone; all items below the line, or drawn ones but the own."""
    model = bert(hidden=0.45, last=0.3, batch=4, negatives=negatives)
    cloze, weights = model.objective(TRAIN, 1), numbers(model)
    dropped = 0
    for epoch in range(2):
        for gaps in cloze.steps(epoch):
            drawn, losses = gaps.negatives.tolist(), []
            assert len(drawn) == negatives
            for items, hidden in rows_of(gaps):
                states = slow_states(weights, items, hidden)
                for item, state, gone in zip(items, states, hidden, strict=True):
                    if not gone:
                        continue
                    scores = [0.0, *biased(weights, state)[1]]
                    others = drawn or range(1, M + 1)
                    others = [j for j in others if j != item]
                    dropped += len(drawn or range(1, M + 1)) - len(others)
                    losses.append(
                        slow_softmax(scores[item], [scores[j] for j in others])
                    )
            found = cloze.loss(gaps, 0.0)
            close(found.total, sum(losses) / len(losses))
            assert found.n_pairs == sum(len(items) for items, _ in rows_of(gaps))
            assert found.means == {"cloze": found.total}
    assert dropped > 0


def test_negatives_of_cloze_are_clicks_of_training() -> None:
    gaps = next(bert(negatives=4000, batch=2).objective(TRAIN, 0).steps(1))
    counts = Counter(j for row in HISTORIES for j in row)
    drawn = Counter(gaps.negatives.tolist())
    assert even([drawn[j] for j in range(1, 8)], [counts[j] for j in range(1, 8)])
    assert not even([drawn[j] for j in range(1, 8)], [1.0] * 7)


def test_a_hidden_click_says_nothing_of_itself(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Another id in its place: the same queries. In another place: others."""
    model = bert(hidden=0.45, last=0.3, batch=9)
    cloze = model.objective(TRAIN, 1)
    gaps = next(cloze.steps(1))
    states, read = model.states, []
    monkeypatch.setattr(
        model, "states", lambda *x: read.append(states(*x)[x[1]]) or states(*x)
    )

    def ask(where: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Queries and loss with other ids there."""
        read.clear()
        blocks, used = [], 0
        for block in gaps.rows.blocks:
            own = where[used : used + block.items.numel()].view_as(block.items)
            used += block.items.numel()
            own = own & (block.items > 0)
            other = torch.where(own, block.items % M + 1, block.items)
            blocks.append(replace(block, items=other))
        changed = replace(gaps, rows=replace(gaps.rows, blocks=blocks))
        loss = cloze.loss(changed, 0.0).total
        return torch.cat(read), loss

    nowhere = torch.zeros_like(gaps.hidden)
    queries, loss = ask(nowhere)
    assert len(queries) == int(gaps.hidden.sum()) > 5
    same, other_loss = ask(gaps.hidden)
    assert torch.equal(same, queries)
    assert abs((other_loss - loss).item()) > 1e-3  # they are what is asked for
    moved, _ = ask(~gaps.hidden)
    assert ((moved - queries).abs().amax(1) > 1e-3).sum() > 5


# -- finite differences ----------------------------------------------------------------


def check_differences(model: Any, loss: Callable[[], torch.Tensor]) -> None:
    """Some numbers of every parameter, pushed up and down."""
    names, parameters = zip(*model.named_parameters(), strict=True)
    gradients = torch.autograd.grad(loss(), parameters)
    rng, moved, h = np.random.default_rng(0), 0, 1e-5
    for name, weight, gradient in zip(names, parameters, gradients, strict=True):
        flat, of_flat = weight.data.view(-1), gradient.flatten()
        padding = weight.shape[-1] if name == "clicks.weight" else 0
        assert (of_flat[:padding] == 0).all()  # the row of padding never learns
        some = np.flatnonzero(of_flat.numpy())
        at = [] if not len(some) else rng.choice(some, 2).tolist()
        for place in [*at, *rng.integers(padding, len(flat), 2).tolist()]:
            before, values = float(flat[place]), []
            for by in (h, -h):
                flat[place] = before + by
                with torch.no_grad():
                    values.append(float(loss()))
            flat[place] = before
            slope = (values[0] - values[1]) / (2 * h)
            expected = pytest.approx(slope, rel=1e-5, abs=1e-9)
            assert float(of_flat[place]) == expected, name
            moved += abs(slope) > 1e-4
    assert moved > len(names)


@pytest.mark.parametrize("company", COMPANY)
@pytest.mark.parametrize("reader", ["fpmc", "caser"])
def test_gradients_of_next_item_equal_finite_differences(
    reader: str, company: str
) -> None:
    model_type, settings = READERS[reader]
    sizes = {"group_size": 6, "groups": 2, **COMPANY[company]}
    model = made(model_type, **settings, **sizes)
    objective = model.objective(TRAIN, 0)
    step = next(objective.steps(1))
    check_differences(model, lambda: objective.loss(step, 0.0).total)


@pytest.mark.parametrize("negatives", [0, 6])
def test_gradients_of_cloze_equal_finite_differences(negatives: int) -> None:
    model = bert(hidden=0.45, last=0.3, batch=4, negatives=negatives)
    cloze = model.objective(TRAIN, 0)
    gaps = next(cloze.steps(1))
    check_differences(model, lambda: cloze.loss(gaps, 0.0).total)


# -- users, files, sentences -----------------------------------------------------------


@pytest.mark.parametrize("model_type", [BPRMF, NCF])
def test_without_a_user_some_cannot_answer(model_type: Any) -> None:
    model = made(model_type, dim=8)
    said = "say for which user"
    with pytest.raises(dm.DisrecError, match=said):
        model.score(*alone([1, 2]))
    with pytest.raises(dm.DisrecError, match=said):
        model.score_candidates(*alone([1, 2]), torch.tensor([[3]]))
    with pytest.raises(dm.DisrecError, match=said):
        model.recommend([1, 2])
    assert len(model.recommend([1, 2], users=4)) == 5


@pytest.mark.parametrize("beyond", [5, -1])
@pytest.mark.parametrize("model_type", PERSONAL)
def test_users_beyond_the_training_clicks_are_a_sentence(
    model_type: Any, beyond: int
) -> None:
    model = made(model_type, dim=8)
    said = f"user {beyond} is unknown.* 5 users, numbered from 0"
    asked, users = [torch.tensor([[1], [2]]), torch.tensor([1, 1])], [0, beyond]
    with pytest.raises(dm.DisrecError, match=said):
        model.score(*asked, torch.tensor(users))
    with pytest.raises(dm.DisrecError, match=said):
        model.score_candidates(*asked, torch.tensor([[3], [3]]), torch.tensor(users))
    with pytest.raises(dm.DisrecError, match=said):
        model.recommend([[1], [2]], users=users)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: BPRConfig(M, negatives=5), "unseen and negatives both say"),
        (lambda: SASRecConfig(M, unseen=1, negatives=1), "set one of them to 0"),
        (lambda: SASRecConfig(M, unseen=0), "nothing to be compared with"),
        (lambda: GRUConfig(M, negatives=0), "set negatives or unseen"),
        (lambda: SASRecConfig(M, logq=True), "logq corrects a softmax"),
        (
            lambda: SASRecConfig(M, loss="bce", unseen=0, negatives=5, logq=True),
            "it needs loss softmax",
        ),
        (lambda: SASRecConfig(M, loss="softmax", logq=True), "unseen 0"),
        (lambda: BERTConfig(M, dim=5, heads=2), "dim 5 does not divide by 2 heads"),
        (lambda: NCF(NCFConfig(M, dim=2, layers=3)), "3 layers are too many for dim 2"),
        (lambda: NCFConfig(M, unseen=0), "unseen must be a whole number >= 1"),
        (lambda: BPRConfig(M, loss="hinge"), "loss must be 'softmax', 'bce', 'bpr'"),
        (lambda: BERTConfig(M, hidden=0), "hidden must be a number above 0"),
    ],
)
def test_bad_settings_are_sentences(make: Callable[[], Any], said: str) -> None:
    with pytest.raises(dm.DisrecError, match=said):
        make()


def test_what_cannot_be_learned_is_a_sentence() -> None:
    two = dm.Interactions.from_sequences([[1, 2], [3, 4]], M)
    for model_type in PERSONAL:
        with pytest.raises(dm.DisrecError, match="of 5 users and the data have 2"):
            made(model_type, dim=8).objective(two, 0)
    one = dm.Interactions.from_sequences([[1, 1, 1], [1, 1]], 1)
    for name in ("bpr-mf", "gru4rec", "bert4rec"):
        model_type = FORWARD[name][0]
        model = model_type.untrained(model_type.config_type(1, dim=2), one)
        with pytest.raises(dm.DisrecError, match="with one item"):
            model.objective(one, 0)


def test_settings_at_their_bounds_are_accepted() -> None:
    SASRecConfig(M, loss="softmax", unseen=0, negatives=5, logq=True)
    SASRecConfig(M, unseen=0, visit=1)
    BERTConfig(M, dim=6, heads=3, hidden=1, last=0)
    NCF(NCFConfig(M, dim=2, layers=2))


@pytest.mark.parametrize("model_type", PERSONAL)
def test_files_keep_the_people(model_type: Any, tmp_path: Path, padded: Any) -> None:
    config = model_type.config_type(M, dim=8)
    assert model_type.untrained(config, TRAIN).people.num_embeddings == N_USERS
    model = made(model_type, dim=8).float()
    model.save(tmp_path / "model.safetensors")
    again = dm.Recommender.load(tmp_path)
    assert type(again) is model_type
    assert again.people.num_embeddings == N_USERS
    assert again.people.weight.shape[1] == (16 if model_type is NCF else 8)
    assert torch.equal(again.people.weight, model.people.weight)
    asked = [*padded(ROWS), torch.tensor(USERS)]
    assert torch.equal(again.score(*asked), model.score(*asked))


@pytest.mark.parametrize("model_type", [FPMC, Caser])
def test_a_user_not_said_is_the_mean_of_all(model_type: Any, padded: Any) -> None:
    """Scores are linear in the user's vector: also those are the mean of all users'."""
    model = made(model_type, dim=3)
    items, lengths = padded(ROWS)
    ours = model.score(items, lengths)[:, 1:]
    by_user = [
        model.score(items, lengths, torch.full((len(ROWS),), user))[:, 1:]
        for user in range(N_USERS)
    ]
    close(ours, torch.stack(by_user).mean(0))
    assert float((by_user[0] - by_user[1]).abs().max()) > 0.1
    single = model.recommend(ROWS[0], 3)
    left = [j for j in range(1, M + 1) if j not in ROWS[0]]
    assert single == sorted(left, key=lambda j: -float(ours[0, j - 1]))[:3]


def test_other_people_are_not_answered_for() -> None:
    split = dm.leave_one_out(dm.Interactions.from_sequences(HISTORIES[:4], M))
    with pytest.raises(dm.DisrecError, match="knows 5 users by number"):
        dm.evaluate(made(BPRMF), split)
