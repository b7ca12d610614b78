"""Protocols, ranks, metrics, negatives and comparison against loop-written ones."""

import hashlib
import itertools
import json
import math
import warnings
from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import disrec_mini as dm
from disrec_mini import candidates, evaluation
from disrec_mini.baselines import InversePopularity, Popularity

quick = settings(max_examples=60, deadline=None, derandomize=True)
N_ITEMS = 25
pytestmark = pytest.mark.filterwarnings("ignore:recall@10 is 1:UserWarning")


def random_clicks(seed: int = 0, n_users: int = 40) -> dm.Interactions:
    """Short lists of few items, so that repeats and users below 3 clicks occur."""
    rng = np.random.default_rng(seed)
    share = rng.dirichlet(np.full(N_ITEMS - 3, 0.7))  # the last 3 are never clicked
    rows = [
        (1 + rng.choice(N_ITEMS - 3, n, p=share)).tolist()
        for n in rng.integers(1, 12, n_users)
    ]
    return dm.Interactions.from_sequences(rows, n_items=N_ITEMS)


class LoopScorer:
    """A scorer with `score` alone, written click by click; it notes what it read."""

    def __init__(self, seed: int = 0, max_len: int | None = None) -> None:
        rng = np.random.default_rng(seed)
        self.table = rng.standard_normal((N_ITEMS + 1, N_ITEMS + 1))
        self.read: dict[int, list[int]] = {}
        if max_len is not None:
            self.max_len = max_len

    def one(self, clicks: list[int], user: int) -> np.ndarray:
        """(n_items + 1,) scores with ties, and the highest at padding."""
        scores = np.zeros(N_ITEMS + 1)
        for place, item in enumerate(clicks):
            scores += self.table[item] / (1 + place)
        scores = np.round(scores + 0.1 * user, 0)
        scores[0] = 1e9
        return scores

    def score(
        self,
        items: torch.Tensor,
        lengths: torch.Tensor,
        users: torch.Tensor | None = None,
    ) -> torch.Tensor:
        assert users is not None
        rows = []
        for row, n, user in zip(
            items.tolist(), lengths.tolist(), users.tolist(), strict=True
        ):
            assert not any(row[n:])
            self.read[user] = row[:n]
            rows.append(self.one(row[:n], user))
        return torch.from_numpy(np.stack(rows))


class Holes(LoopScorer):
    """The same with values that are no ordinary numbers."""

    def one(self, clicks: list[int], user: int) -> np.ndarray:
        scores = super().one(clicks, user)
        scores[1 + user % 5 :: 5] = (-np.inf, np.inf)[user % 2]
        return scores


class Constant(LoopScorer):
    """The same score everywhere, for one value."""

    def __init__(self, value: float) -> None:
        super().__init__()
        self.value = value

    def one(self, clicks: list[int], user: int) -> np.ndarray:
        return np.full(N_ITEMS + 1, self.value)


def slow_rank(scores: list[float], true: float) -> int:
    """1 + the others that are not worse: ties and NaN count against the model."""
    rank = 1
    for value in scores:
        if not value < true:
            rank += 1
    return rank


def slow_protocol(
    scorer: LoopScorer,
    data: dm.Interactions,
    protocol: str,
    on: str,
    negatives: np.ndarray | None,
    exclude_seen: bool = True,
) -> dict[int, tuple[int, list[int], int]]:
    """user -> (rank, clicks read, number of candidates), from the raw clicks."""
    found = {}
    for user in range(data.n_users):
        clicks = data[user].tolist()
        if len(clicks) < 3:
            continue
        history = clicks[:-2] if on == "valid" else clicks[:-1]
        true = clicks[len(history)]
        others = []
        if protocol == "full":
            for item in range(1, data.n_items + 1):
                if item != true and not (exclude_seen and item in history):
                    others.append(item)
        else:
            assert negatives is not None
            others = [item for item in negatives[user].tolist() if item != 0]
        max_len = getattr(scorer, "max_len", None)
        read = history if max_len is None else history[-max_len:]
        scores = scorer.one(read, user)
        rank = slow_rank([scores[item] for item in others], scores[true])
        found[user] = (rank, read, len(others) + 1)
    return found


# -- ranks and metrics -----------------------------------------------------------------

numbers = st.sampled_from([-1.0, 0.0, 0.5, 2.0, math.inf, -math.inf, math.nan])


@quick
@given(data=st.data(), width=st.integers(1, 7), batch=st.integers(1, 4))
def test_ranks_equal_the_loop(data: st.DataObject, width: int, batch: int) -> None:
    row = st.lists(numbers, min_size=width, max_size=width)
    rows = data.draw(st.lists(row, min_size=batch, max_size=batch))
    column = st.integers(0, width - 1)
    targets = data.draw(st.lists(column, min_size=batch, max_size=batch))
    scores = torch.tensor(rows, dtype=torch.float64)
    ours = evaluation.ranks(scores, torch.tensor(targets))
    assert ours.dtype == torch.int64
    for rank, values, at in zip(ours.tolist(), rows, targets, strict=True):
        others = values[:at] + values[at + 1 :]
        assert rank == slow_rank(others, values[at])
    as_arrays = evaluation.ranks(np.array(rows), np.array(targets))
    assert torch.equal(as_arrays, ours)


@pytest.mark.parametrize("value", [0.0, math.nan, math.inf, -math.inf])
def test_equal_scores_get_the_worst_rank(value: float) -> None:
    scores = torch.full((3, 9), value)
    assert evaluation.ranks(scores, torch.tensor([0, 4, 8])).tolist() == [9, 9, 9]


def test_ranks_of_special_values_by_hand() -> None:
    nan, inf = math.nan, math.inf
    scores = torch.tensor([[1.0, nan, 0.0, 1.0], [nan, 1.0, 2.0, 3.0]])
    assert evaluation.ranks(scores, torch.tensor([0, 0])).tolist() == [3, 4]
    scores = torch.tensor([[inf, 1.0, 2.0], [-inf, -inf, 0.0]])
    assert evaluation.ranks(scores, torch.tensor([0, 0])).tolist() == [1, 3]


@quick
@given(rank=st.lists(st.integers(1, 30), min_size=1, max_size=20))
def test_metrics_equal_the_loop(rank: list[int]) -> None:
    found = evaluation.metrics(torch.tensor(rank))
    n = len(rank)
    for k in (1, 5, 10):
        recall = sum(1 for r in rank if r <= k) / n
        ndcg = sum(1 / math.log2(1 + r) for r in rank if r <= k) / n
        assert found[f"recall@{k}"] == pytest.approx(recall, abs=1e-12)
        assert found[f"ndcg@{k}"] == pytest.approx(ndcg, abs=1e-12)
    assert found["mrr"] == pytest.approx(sum(1 / r for r in rank) / n, abs=1e-12)
    assert found["ndcg@1"] == found["recall@1"]
    assert len(found) == 7


def test_per_user_refuses_unknown_metrics() -> None:
    for name in ("recall", "recall@0", "recall@x", "precision@5", "mrr@10"):
        with pytest.raises(dm.DisrecError, match="unknown metric"):
            evaluation.per_user(np.array([1, 2]), name)


def test_metrics_of_nobody_are_nan() -> None:
    assert all(math.isnan(v) for v in evaluation.metrics(np.array([])).values())


# -- protocols -------------------------------------------------------------------------


@pytest.mark.parametrize("exclude", [True, False])
@pytest.mark.parametrize("scorer", [LoopScorer, Holes])
@pytest.mark.parametrize("max_len", [None, 1, 3])
@pytest.mark.parametrize("on", ["valid", "test"])
@pytest.mark.parametrize("protocol", ["sampled", "full"])
def test_evaluate_equals_the_slow_protocol(
    protocol: str,
    on: str,
    max_len: int | None,
    scorer: type[LoopScorer],
    exclude: bool,
) -> None:
    for seed in range(3):
        data = random_clicks(seed)
        split = dm.leave_one_out(data)
        model = scorer(seed, max_len)
        negatives = evaluation.draw_negatives(split, on, 8, seed, exclude)
        expected = slow_protocol(model, data, protocol, on, negatives, exclude)
        about = {"negatives": negatives, "exclude_seen": exclude}
        found = dm.evaluate(model, split, protocol, on, **about)
        assert found.candidates.tolist() == [n for _, _, n in expected.values()]
        assert found.users.tolist() == list(expected)
        assert found.ranks.tolist() == [rank for rank, _, _ in expected.values()]
        assert model.read == {u: read for u, (_, read, _) in expected.items()}
        for cells in (1, 60, 200):
            again = dm.evaluate(model, split, protocol, on, cells=cells, **about)
            assert np.array_equal(again.ranks, found.ranks)
        some = found.users[::3]
        part = dm.evaluate(model, split, protocol, on, users=some, **about)
        assert np.array_equal(part.users, some)
        assert np.array_equal(part.ranks, found.ranks[::3])


@pytest.mark.parametrize("value", [0.0, -math.inf, math.inf])
@pytest.mark.parametrize("on", ["valid", "test"])
@pytest.mark.parametrize("protocol", ["sampled", "full"])
def test_a_constant_scorer_gets_the_worst_rank(
    protocol: str, on: str, value: float
) -> None:
    """Also where fewer negatives than asked for are left: empty places are nobody."""
    data = random_clicks(5)
    split = dm.leave_one_out(data)
    negatives = evaluation.draw_negatives(split, on)
    assert (negatives == 0).any(1).all()  # 100 of 25 items: no row is full
    expected = slow_protocol(Constant(value), data, protocol, on, negatives)
    found = dm.evaluate(Constant(value), split, protocol, on)
    assert found.ranks.tolist() == [worst for _, _, worst in expected.values()]


class OneHole(LoopScorer):
    """NaN at one item of one user, and at padding, which nobody looks at."""

    def one(self, clicks: list[int], user: int) -> np.ndarray:
        scores = super().one(clicks, user)
        scores[0] = math.nan
        if user == self.holed:
            scores[7] = math.nan
        return scores


@pytest.mark.parametrize("protocol", ["sampled", "full"])
def test_a_score_that_is_no_number_is_a_sentence(protocol: str) -> None:
    split = dm.leave_one_out(random_clicks(5))
    model = OneHole()
    model.holed = -1
    found = dm.evaluate(model, split, protocol)
    model.holed = int(found.users[-1])
    for call in (dm.evaluate, lambda m, s, _: evaluation.top_k(m, s, on="valid")):
        with pytest.raises(dm.DisrecError, match="scores hold NaN"):
            call(model, split, protocol)
    model = Queries("random", 2)
    with torch.no_grad():
        model.rows[3] = math.inf
    with pytest.raises(dm.DisrecError, match="the model: rows holds NaN or infinity"):
        dm.evaluate(model, split, protocol)


@pytest.mark.parametrize("protocol", ["sampled", "full"])
@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda x: x.numpy(), r"torch tensor, not numpy.ndarray: wrap"),
        (lambda x: x.tolist(), r"torch tensor, not builtins.list\."),
        (lambda x: x.long(), r"floating-point numbers, not int64: add \.float"),
        (lambda x: x > 0, r"floating-point numbers, not bool: add \.float"),
        (lambda x: x[:, 1:], r"26\) scores .* not \(\d+, 25\): put a column for the"),
        (lambda x: x[:, :9], r"26\) scores .* not \(\d+, 9\)\."),
        (lambda x: torch.cat([x, x[:, :1]], 1), r"not \(\d+, 27\)\."),
        (lambda x: x[0], r"not \(26,\)\."),
        (lambda x: x[:1], r"not \(1, 26\)\."),
        (lambda x: x[:, None], r"not \(\d+, 1, 26\)\."),
        (lambda x: None, r"not builtins.NoneType\."),
    ],
)
def test_a_scorer_of_ones_own_returns_what_is_ranked(
    protocol: str, change: Callable, said: str
) -> None:
    split = dm.leave_one_out(random_clicks(5))

    class Odd(LoopScorer):
        def score(self, *args, **rest):  # type: ignore[no-untyped-def]
            return change(super().score(*args, **rest))

    class OddLists(LoopScorer):
        def score_candidates(self, items, lengths, lists, users):  # type: ignore[no-untyped-def]
            return change(torch.zeros(lists.shape))

    with pytest.raises(dm.DisrecError, match="^score must return .*" + said):
        dm.evaluate(Odd(), split, protocol)
    if protocol == "full":
        with pytest.raises(dm.DisrecError, match="^score must return .*" + said):
            evaluation.top_k(Odd(), split)
    else:
        with pytest.raises(dm.DisrecError, match=r"^score_candidates must return"):
            dm.evaluate(OddLists(), split)
        half = dm.evaluate(LoopScorer(), split)
        assert half["mrr"] > 0


def test_repeated_items_stay_candidates() -> None:
    """The true item is ranked although the user clicked it before, and once only."""
    split = dm.leave_one_out(dm.Interactions.from_sequences([[1, 2, 2, 1, 2]], 4))

    class Likes(LoopScorer):
        def one(self, clicks: list[int], user: int) -> np.ndarray:
            return np.array([9.0, 5.0, 4.0, 3.0, 2.0])

    # the history of both is {1, 2}; valid: true 1 against 3, 4; test: true 2
    for on in ("valid", "test"):
        assert dm.evaluate(Likes(), split, "full", on).ranks.tolist() == [1]


@pytest.mark.parametrize("protocol", ["sampled", "full"])
def test_who_buys_again_is_ranked_among_what_was_bought(protocol: str) -> None:
    """Of 4 items {1, 2} were clicked and 2 is true: 1 is a rival only if it may be."""
    split = dm.leave_one_out(
        dm.Interactions.from_sequences([[1, 2, 2, 1, 2], [3, 4, 3, 4, 3]], 4)
    )

    class Likes(LoopScorer):
        def one(self, clicks: list[int], user: int) -> np.ndarray:
            return np.array([9.0, 5.0, 4.0, 3.0, 2.0])

    for exclude, rank, n in ((True, 1, 3), (False, 2, 4)):
        found = dm.evaluate(Likes(), split, protocol, "test", exclude_seen=exclude)
        assert (found.ranks[0], found.candidates[0]) == (rank, n)
        assert found.exclude_seen is found.as_dict()["exclude_seen"] is exclude
    with pytest.raises(dm.DisrecError, match="exclude_seen must be True or False"):
        dm.evaluate(Likes(), split, protocol, exclude_seen="no")


def test_a_split_without_validation_clicks_is_evaluated() -> None:
    data = dm.Interactions.from_sequences([[1, 2, 3], [4, 5]], N_ITEMS)
    split = dm.Split(data, np.array([0, 6]), np.array([7, 8]))
    model = LoopScorer()
    found = dm.evaluate(model, split, "full", "test")
    assert model.read == {0: [1, 2, 3], 1: [4, 5, 6]}
    for rank, user, true in zip(found.ranks, (0, 1), (7, 8), strict=True):
        scores = model.one(model.read[user], user)
        others = set(range(1, N_ITEMS + 1)) - {true, *model.read[user]}
        assert rank == slow_rank([scores[j] for j in others], scores[true])


def test_evaluation_leaves_the_model_as_it_was() -> None:
    """Dropout is off while it runs and back afterwards, also after an error."""
    split = dm.leave_one_out(random_clicks())
    model = dm.DisRec(dm.DisRecConfig(N_ITEMS, dim=8, dropout=0.9)).train()
    first = dm.evaluate(model, split, "full")
    assert np.array_equal(first.ranks, dm.evaluate(model, split, "full").ranks)
    assert model.training
    model.score = lambda *_, **__: 1 / 0  # type: ignore[method-assign]
    with pytest.raises(ZeroDivisionError):
        dm.evaluate(model, split, "full")
    assert model.training


# -- negatives -------------------------------------------------------------------------


@pytest.mark.parametrize("exclude", [True, False])
@pytest.mark.parametrize("on", ["valid", "test"])
def test_negatives_are_foreign_distinct_and_complete(on: str, exclude: bool) -> None:
    for seed, n in itertools.product(range(4), (1, 3, 10, 100)):
        data = random_clicks(seed)
        split = dm.leave_one_out(data)
        drawn = evaluation.draw_negatives(split, on, n, seed, exclude)
        assert drawn.shape == (data.n_users, n)
        assert drawn.dtype == np.int64
        clicked = set(data.items.tolist())
        for user in range(data.n_users):
            row = drawn[user].tolist()
            items = [item for item in row if item != 0]
            if len(data[user]) < 3:
                assert not items
                continue
            own = data[user].tolist()
            left = clicked - set(own if exclude else own[-2 + (on == "test") :][:1])
            assert len(items) == len(set(items)) == min(n, len(left))
            assert set(items) <= left  # never own, or never true, and always clicked
            assert row[len(items) :] == [0] * (n - len(items))


def test_negatives_depend_on_the_seed_and_the_part_alone() -> None:
    split = dm.leave_one_out(random_clicks(3))
    first = evaluation.draw_negatives(split, "test", n=5, seed=1)
    assert np.array_equal(first, evaluation.draw_negatives(split, "test", 5, 1))
    for on, seed in (("test", 2), ("valid", 1)):
        assert (first != evaluation.draw_negatives(split, on, 5, seed)).any()


def sequential_draws(weights: dict[int, int], n: int) -> dict[tuple[int, int], float]:
    """(place, item) -> exact probability in one-by-one draws without replacement."""
    chance: dict[tuple[int, int], float] = {}
    for order in itertools.permutations(weights, n):
        left, p = sum(weights.values()), 1.0
        for item in order:
            p *= weights[item] / left
            left -= weights[item]
        for place, item in enumerate(order):
            chance[place, item] = chance.get((place, item), 0.0) + p
    return chance


@pytest.mark.parametrize("own_share", ["rare", "dominant"])
def test_negatives_follow_popularity_over_all_clicks(own_share: str) -> None:
    """Every place of the list, against the exact law and against numpy's draws.

    With dominant own items nearly every first draw is refused, so that the lists are
    finished the other way; both ways must follow the same law.
    """
    n_users, n = 6000, 3
    weights = {4: 1, 5: 1, 6: 2, 7: 3, 8: 5, 9: 8}
    scale = n_users if own_share == "rare" else 20
    same = [[1, 2, 3]] * n_users
    # the clicks that make items popular: the last two of a list count as well
    others = [[j, j, j] for j, w in weights.items() for _ in range(w * scale // 3)]
    data = dm.Interactions.from_sequences(same + others, n_items=10)
    split = dm.leave_one_out(data)
    drawn = evaluation.draw_negatives(split, "test", n=n, seed=3)[:n_users]
    real = {j: int(split.counts()[j]) for j in weights}
    chance = sequential_draws(real, n)
    assert (drawn > 0).all()
    for (place, item), p in chance.items():
        seen = int((drawn[:, place] == item).sum())
        z = (seen - n_users * p) / math.sqrt(n_users * p * (1 - p))
        assert abs(z) < 4.5, (place, item, z)
    rng = np.random.default_rng(0)
    ids, counts = np.array(list(real)), np.array(list(real.values()))
    theirs = [rng.choice(ids, n, False, counts / counts.sum()) for _ in range(n_users)]
    for item in real:
        p, q = (drawn == item).any(1).mean(), (np.array(theirs) == item).any(1).mean()
        spread = math.sqrt((p * (1 - p) + q * (1 - q)) / n_users)
        assert abs(p - q) < 4.5 * max(spread, 1e-3), item


# -- the shorter way to the sampled protocol -------------------------------------------


def models() -> list[tuple[str, Callable[[dm.Interactions], object]]]:
    config = dm.DisRecConfig(N_ITEMS, dim=8, max_len=4, n_intents=3, init_std=0.5)
    return [
        ("DisRec", lambda train: dm.DisRec(config).double().eval()),
        ("Popularity", Popularity),
        ("InversePopularity", InversePopularity),
    ]


@pytest.mark.parametrize(("name", "build"), models())
def test_score_candidates_equals_score(name: str, build: Callable) -> None:
    split = dm.leave_one_out(random_clicks(1))
    model = build(split.train)
    torch.manual_seed(0)
    lengths = torch.tensor([4, 1, 3])
    items = torch.randint(1, N_ITEMS + 1, (3, 4))
    items = items * (torch.arange(4) < lengths[:, None])
    candidates = torch.randint(0, N_ITEMS + 1, (3, 9))
    candidates[:, 2] = 0
    ours = model.score_candidates(items, lengths, candidates)
    full = model.score(items, lengths).gather(1, candidates)
    torch.testing.assert_close(ours, full, rtol=0, atol=1e-12)
    assert (ours[candidates == 0] == -math.inf).all()

    class Slow:
        max_len = getattr(model, "max_len", None)
        score = staticmethod(model.score)

    assert not hasattr(Slow, "score_candidates")
    for on in ("valid", "test"):
        assert np.array_equal(
            dm.evaluate(model, split, on=on).ranks,
            dm.evaluate(Slow(), split, on=on).ranks,
        )


class Queries(dm.Recommender):
    """K dot products; `kind` says what is special about their values."""

    def __init__(self, kind: str, n_intents: int) -> None:
        super().__init__(dm.settings.Config(N_ITEMS))
        draw = torch.Generator().manual_seed(len(kind))
        table = torch.randn(N_ITEMS + 1, n_intents, 8, generator=draw)
        rows = torch.randn(N_ITEMS + 1, 8, generator=draw)
        if kind == "tied":  # whole numbers: sums are exact in any order
            table, rows = table.round(), rows.sign() * (rows.abs() > 1)
        if kind == "equal":
            table, rows = table.round(), rows[1].round().expand_as(rows).clone()
        self.table = torch.nn.Parameter(table)
        self.rows = torch.nn.Parameter(rows)

    def forward(
        self,
        items: torch.Tensor,
        lengths: torch.Tensor,
        users: torch.Tensor | None = None,
    ) -> torch.Tensor:
        last = items[torch.arange(len(items)), lengths - 1]
        return self.table[last]

    def vectors(self) -> torch.Tensor:
        return self.rows


@pytest.mark.parametrize("n_intents", [1, 3])
@pytest.mark.parametrize("kind", ["random", "tied", "equal"])
@pytest.mark.parametrize("on", ["valid", "test"])
def test_ranks_from_queries_are_those_of_scores(
    on: str, kind: str, n_intents: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Straight from queries, in parts of any size, or by a scorer that hides them."""
    split = dm.leave_one_out(random_clicks(7))
    model = Queries(kind, n_intents)
    assert model.dot_products

    class Hidden:
        def score(self, items, lengths, users=None):  # type: ignore[no-untyped-def]
            products = model(items, lengths) @ model.rows.T  # (B, K, M + 1)
            scores = products.amax(1)  # (B, M + 1)
            scores[:, 0] = -math.inf
            return scores

    for protocol in ("full", "sampled"):
        expected = dm.evaluate(Hidden(), split, protocol, on).ranks
        if kind == "equal" and protocol == "full":
            seen = [len(set(split.train[u].tolist())) for u in range(split.n_users)]
            assert (expected >= N_ITEMS - max(seen) - 1).all()  # ties count against it
        for cells, tokens in ((2**21, 2**14), (1, 2**14), (60, 30), (2**21, 1)):
            monkeypatch.setattr(candidates, "TOKENS", tokens)
            found = dm.evaluate(model, split, protocol, on, cells=cells).ranks
            assert np.array_equal(found, expected), (protocol, cells, tokens)


def test_full_ranking_reads_and_scores_everybody_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """No list is drawn, nothing is scored twice, and the table is asked for once."""
    split = dm.leave_one_out(random_clicks(7))
    model, read, asked = Queries("random", 2), [], []
    forward, vectors = model.forward, model.vectors
    monkeypatch.setattr(evaluation, "draw_negatives", None)
    monkeypatch.setattr(
        model, "forward", lambda *x: (read.extend(x[2].tolist()), forward(*x))[1]
    )
    monkeypatch.setattr(model, "vectors", lambda: (asked.append(1), vectors())[1])
    found = dm.evaluate(model, split, "full", cells=60)
    assert sorted(read) == found.users.tolist()
    assert len(asked) == 1


class Widths(LoopScorer):
    """Notes how much it reads at once."""

    def score(self, items, lengths, users=None):  # type: ignore[no-untyped-def]
        self.sizes = [*getattr(self, "sizes", []), tuple(items.shape)]
        return torch.zeros(len(items), self.n_items + 1)


@pytest.mark.parametrize("protocol", ["sampled", "full"])
def test_no_more_is_read_at_once_than_fits(protocol: str) -> None:
    """Many users of few items; and one of 50,000 clicks beside many short ones."""
    rng = np.random.default_rng(0)
    few = rng.integers(1, 5, (8000, 5)).tolist()
    long = [rng.integers(1, 31, 50_002).tolist(), *rng.integers(1, 31, (20_000, 4))]
    for rows, n_items in ((few, 4), (long, 30)):
        split = dm.leave_one_out(dm.Interactions.from_sequences(rows, n_items))
        model = Widths()
        model.n_items = n_items
        lists = np.zeros((split.n_users, 1), np.int64)
        dm.evaluate(model, split, protocol, negatives=lists)
        assert sum(n for n, _ in model.sizes) == len(rows)
        assert all(n == 1 or n * width <= candidates.TOKENS for n, width in model.sizes)
        own = Read(dm.settings.Config(n_items))
        dm.evaluate(own, split, protocol, negatives=lists)
        own.recommend(padded_rows(split.train, 500))
        assert all(n == 1 or n * width <= candidates.TOKENS for n, width in own.sizes)


class Read(dm.Recommender):
    """Dot products of nothing: it notes how much it reads at once."""

    def forward(self, items, lengths, users=None):  # type: ignore[no-untyped-def]
        self.sizes = [*getattr(self, "sizes", []), tuple(items.shape)]
        return torch.zeros(len(items), 1, 2)

    def vectors(self) -> torch.Tensor:
        return torch.zeros(self.n_items + 1, 2)


def padded_rows(data: dm.Interactions, n: int) -> np.ndarray:
    rows = np.zeros((n, int(data.lengths[:n].max())), np.int64)
    for row, clicks in zip(rows, data, strict=False):
        row[: len(clicks)] = clicks
    return rows


# -- the result ------------------------------------------------------------------------


def test_metrics_is_a_mapping() -> None:
    split = dm.leave_one_out(random_clicks())
    found = dm.evaluate(LoopScorer(), split, "full", "test")
    plain = evaluation.metrics(found.ranks)
    assert dict(found) == plain
    assert list(found) == list(plain)
    assert len(found) == 7
    assert "recall@10" in found
    assert found["recall@3"] == (found.ranks <= 3).mean()  # any k, not only the listed
    assert "nonsense" not in found
    assert found.get("nonsense", 0.5) == 0.5
    with pytest.raises(KeyError, match="unknown metric 'nonsense'"):
        found["nonsense"]
    assert found == dm.evaluate(LoopScorer(), split, "full", "test")
    assert found != dm.evaluate(LoopScorer(1), split, "full", "test")
    assert f"{len(found.ranks)} users" in repr(found)
    assert found.protocol == "full"
    assert found.on == "test"
    assert found.negatives_sha256 == ""


def test_warm_items_equal_the_loop() -> None:
    split = dm.leave_one_out(random_clicks(2, n_users=12))
    found = dm.evaluate(LoopScorer(), split, "full", "test")
    in_training = set(split.train.items.tolist())
    warm = [
        int(rank)
        for rank, user in zip(found.ranks, found.users, strict=True)
        if int(split.test_items[user]) in in_training
    ]
    assert 0 < len(warm) < len(found.ranks)
    assert found.warm_share == len(warm) / len(found.ranks)
    assert found.warm_items() == evaluation.metrics(np.array(warm))


@pytest.mark.parametrize("protocol", ["sampled", "full"])
@pytest.mark.parametrize("on", ["valid", "test"])
def test_metrics_know_how_many_were_ranked(protocol: str, on: str) -> None:
    data = random_clicks(2)
    split = dm.leave_one_out(data)
    negatives = evaluation.draw_negatives(split, on, n=12)
    found = dm.evaluate(LoopScorer(), split, protocol, on, negatives=negatives)
    loop = slow_protocol(LoopScorer(), data, protocol, on, negatives)
    sizes = [size for _, _, size in loop.values()]
    assert found.candidates.tolist() == sizes
    assert found.as_dict()["candidates_mean"] == pytest.approx(np.mean(sizes))
    assert found.as_dict()["candidates_least"] == min(sizes)


def test_lists_that_cannot_fail_are_warned_of() -> None:
    """Of 4 items one is true: 3 rivals, and Recall@10 is 1 for any model."""
    rows = [[1, 2, 3], [2, 3, 4], [3, 4, 1], [4, 1, 2]]
    split = dm.leave_one_out(dm.Interactions.from_sequences(rows, 4))

    class Worst(LoopScorer):
        def one(self, clicks: list[int], user: int) -> np.ndarray:
            return np.zeros(5)

    for protocol, least in (("sampled", 2), ("full", 3)):
        with pytest.warns(UserWarning, match=f"only {least} items are ranked") as seen:
            found = dm.evaluate(Worst(), split, protocol)
        assert seen[0].filename == __file__  # where it was asked for
        assert found["recall@10"] == 1
    enough = dm.leave_one_out(random_clicks(2))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = dm.evaluate(LoopScorer(), enough, "full")
        assert found.candidates.min() > 10


def test_as_dict_goes_through_json() -> None:
    split = dm.leave_one_out(random_clicks(2))
    found = dm.evaluate(LoopScorer(), split)
    read = json.loads(json.dumps(found.as_dict(), allow_nan=False))
    assert read == found.as_dict()
    assert read["n_users"] == len(found.ranks)
    assert read["warm"]["mrr"] == found.warm_items()["mrr"]
    assert read["recall@10"] == found["recall@10"]
    assert read["warm_share"] == found.warm_share


def test_the_hash_names_the_negatives() -> None:
    split = dm.leave_one_out(random_clicks(2))
    negatives = evaluation.draw_negatives(split, "valid", seed=7)
    digest = hashlib.sha256(negatives.tobytes()).hexdigest()
    drawn = dm.evaluate(LoopScorer(), split, seed=7)
    given_ = dm.evaluate(LoopScorer(1), split, negatives=negatives)
    assert drawn.negatives_sha256 == given_.negatives_sha256 == digest
    assert dm.evaluate(LoopScorer(), split, seed=8).negatives_sha256 != digest


def test_errors_are_sentences() -> None:
    split = dm.leave_one_out(random_clicks())
    model = LoopScorer()
    with pytest.raises(dm.DisrecError, match="protocol must be 'sampled' or 'full'"):
        dm.evaluate(model, split, "half")
    for call in (dm.evaluate, lambda _, s, on: evaluation.draw_negatives(s, on)):
        with pytest.raises(dm.DisrecError, match="on must be 'valid' or 'test'"):
            call(model, split, on="train")
    short = dm.leave_one_out(dm.Interactions.from_sequences([[1, 2], [3]], N_ITEMS))
    with pytest.raises(dm.DisrecError, match="no user has a test click"):
        dm.evaluate(model, short, "full", "test")
    nobody = np.flatnonzero(split.valid_items == 0)
    assert len(nobody)
    with pytest.raises(dm.DisrecError, match="no user has a valid click"):
        dm.evaluate(model, split, "full", users=nobody)
    small = dm.DisRec(dm.DisRecConfig(N_ITEMS - 1, dim=4))
    with pytest.raises(dm.DisrecError, match="knows 24 items and the data have 25"):
        dm.evaluate(small, split)


# -- comparison ------------------------------------------------------------------------


def result(ranks: list[int], **changes: object) -> dm.Metrics:
    n = len(ranks)
    made = {"protocol": "full", "on": "test", "users": np.arange(n)} | changes
    return dm.Metrics(ranks=np.array(ranks), warm=np.ones(n, bool), **made)


def test_compare_with_itself_is_zero() -> None:
    a = result([1, 5, 20, 3])
    same = dm.compare(a, a)
    assert (same.mean, same.low, same.high, same.z) == (0, 0, 0, 0)
    assert same.metric == "ndcg@10"


@pytest.mark.parametrize("metric", ["mrr", "recall@5", "ndcg@10"])
def test_compare_knows_the_sign(metric: str) -> None:
    rng = np.random.default_rng(0)
    worse = rng.integers(1, 40, 400)
    better = np.maximum(1, worse - rng.integers(0, 9, 400))
    a, b = result(worse.tolist()), result(better.tolist())
    up, down = dm.compare(a, b, metric), dm.compare(b, a, metric)
    assert up.mean == pytest.approx(b[metric] - a[metric], abs=1e-12)
    assert down.mean == pytest.approx(-up.mean, abs=1e-12)
    assert 0 < up.low < up.mean < up.high
    assert down.low < down.mean < down.high < 0
    gain = evaluation.per_user(b.ranks, metric) - evaluation.per_user(a.ranks, metric)
    standard_error = gain.std(ddof=1) / 20
    assert up.z == pytest.approx(gain.mean() / standard_error)
    assert up.high - up.low == pytest.approx(2 * 1.96 * standard_error, rel=0.12)
    assert dm.compare(a, b, metric) == up  # the same seed


def test_compare_refuses_what_is_not_paired() -> None:
    a = result([1, 2, 3])
    others = [
        result([1, 2]),
        result([1, 2, 3], users=np.array([0, 1, 3])),
        result([1, 2, 3], protocol="sampled"),
        result([1, 2, 3], on="valid"),
        result([1, 2, 3], exclude_seen=False),
    ]
    for b in others:
        with pytest.raises(dm.DisrecError, match="the same users, protocol and part"):
            dm.compare(a, b)
    with pytest.raises(dm.DisrecError, match="the same negatives"):
        dm.compare(a, result([1, 2, 3], negatives_sha256="ab"))
    with pytest.raises(dm.DisrecError, match="unknown metric"):
        dm.compare(a, a, "nonsense")


# -- diversity -------------------------------------------------------------------------


def slow_diversity(
    lists: np.ndarray, n_items: int, labels: np.ndarray, vectors: np.ndarray
) -> dict[str, float]:
    shown, shares, distances = set(), [], []
    for row in lists.tolist():
        items = [item for item in row if item > 0]
        shown |= set(items)
        if items:
            own = [int(labels[item]) for item in items]
            shares.append(max(own.count(x) for x in own) / len(own))
        pairs = []
        for a, b in itertools.combinations(items, 2):
            u, v = vectors[a], vectors[b]
            size = np.linalg.norm(u) * np.linalg.norm(v)
            pairs.append(1 - (u @ v / size if size else 0.0))
        if pairs:
            distances.append(sum(pairs) / len(pairs))
    return {
        "coverage": len(shown) / n_items,
        "largest_share": sum(shares) / len(shares),
        "distance": sum(distances) / len(distances),
    }


def test_diversity_equals_the_loop() -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        lists = rng.integers(0, 13, (7, 5))
        lists[0], lists[1] = 0, [3, 0, 0, 0, 0]
        labels = rng.integers(-1, 3, 13)
        vectors = rng.standard_normal((13, 4))
        vectors[5] = 0
        ours = evaluation.diversity(lists, 12, labels, vectors)
        assert ours == pytest.approx(slow_diversity(lists, 12, labels, vectors))
    assert set(evaluation.diversity(lists, 12)) == {"coverage"}


def test_diversity_at_its_ends() -> None:
    lists = np.array([[1, 2], [1, 2]])
    labels, vectors = np.array([0, 1, 1]), np.array([[9.0, 9], [1, 0], [1, 0]])
    same = evaluation.diversity(lists, 2, labels, vectors)
    assert same == pytest.approx({"coverage": 1, "largest_share": 1, "distance": 0})
    vectors[2] = [0, 3]
    apart = evaluation.diversity(lists, 4, np.array([0, 1, 2]), vectors)
    assert apart == pytest.approx(
        {"coverage": 0.5, "largest_share": 0.5, "distance": 1}
    )


@pytest.mark.parametrize("on", ["valid", "test"])
def test_top_k_shows_the_best_unseen(on: str) -> None:
    data = random_clicks(4)
    split = dm.leave_one_out(data)

    class NoTies(LoopScorer):
        def one(self, clicks: list[int], user: int) -> np.ndarray:
            scores = sum((self.table[item] for item in clicks), self.table[0].copy())
            scores[0] = 1e9
            return scores

    model = NoTies()
    for k in (3, N_ITEMS + 9):
        lists = evaluation.top_k(model, split, k, on)
        row = iter(lists.tolist())
        for user in range(data.n_users):
            clicks = split.train[user].tolist()
            if on == "test" and split.valid_items[user] == 0:
                assert next(row) == [0] * k  # cannot be asked: an empty row
                continue
            if on == "test":
                clicks.append(int(split.valid_items[user]))
            scores = model.one(clicks, user)
            unseen = [j for j in range(1, N_ITEMS + 1) if j not in clicks]
            best = sorted(unseen, key=lambda j: -scores[j])[:k]
            assert next(row) == best + [0] * (k - len(best))
        assert next(row, None) is None


def test_bootstrap_is_the_interval_of_resampled_means() -> None:
    rng = np.random.default_rng(0)
    for values in (rng.random(5000), rng.integers(0, 2, 400)):
        low, high = evaluation.bootstrap(values)
        error = values.std() / np.sqrt(len(values))
        assert low == pytest.approx(values.mean() - 1.96 * error, abs=0.15 * error)
        assert high == pytest.approx(values.mean() + 1.96 * error, abs=0.15 * error)
    assert evaluation.bootstrap(np.full(7, 0.25)) == (0.25, 0.25)


def test_values_of_several_runs_have_the_shape_of_their_ranks() -> None:
    ranks = np.array([[1, 4, 20], [2, 1, 7]])
    found = dm.evaluation.per_user(ranks, "recall@5")
    assert found.tolist() == [[1, 1, 0], [1, 1, 0]]
    with pytest.raises(dm.DisrecError, match="one for each user"):
        dm.evaluation.metrics(ranks)
