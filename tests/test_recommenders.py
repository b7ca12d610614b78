"""One contract for every model of `settings.MODELS`, and for one from CONTRIBUTING.md.

What a model says of itself is tested elsewhere, against loops; here is what all of them
share: shapes, padding, candidates, lists, files, resume, both protocols, the shell.
"""

import copy
import importlib
import io
import json
import math
import re
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import disrec_mini as dm
from disrec_mini import batches, cli, runs, settings
from disrec_mini.baselines import Counted, Popularity
from disrec_mini.learning import PairObjective
from disrec_mini.model_files import OLD_FORMAT, read_model, write_model
from disrec_mini.recommender import StepLoss

ROOT = Path(__file__).parents[1]
RECIPE = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
ROWS = [[1, 2, 3], [4], [5, 6, 5, 6, 7, 8], [30, 1]]
# small and quick, where a model has such a setting
SMALL: dict[str, Any] = {"dim": 8, "n_blocks": 1, "n_intents": 2, "max_len": 10}
SMALL |= {"group_size": 32, "groups": 2, "learning_rate": 0.01, "remedy_epochs": 1}
SMALL |= {"batch": 8}
USERS = torch.arange(len(ROWS))


@pytest.fixture(scope="session", autouse=True)
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The model of CONTRIBUTING.md, in the place where it says."""
    code = re.search(r"```python\n(\"\"\"The mean of.*?)```", RECIPE, re.S)
    line = re.search(r'```python\n    "mean": "(.*)",\n```', RECIPE)
    assert code is not None
    assert line is not None
    folder = tmp_path_factory.mktemp("recipe")
    module, _, name = line[1].partition(":")
    assert module == "disrec_mini.baselines.mean"
    (folder / "mean.py").write_text(code[1], "utf-8")
    spec = importlib.util.spec_from_file_location(module, folder / "mean.py")
    assert spec is not None
    sys.modules[module] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(sys.modules[module])
    assert hasattr(sys.modules[module], name)
    settings.MODELS["mean"] = line[1]
    yield
    del settings.MODELS["mean"]


KINDS = [*settings.MODELS, "mean"]
LEARNING = [
    kind
    for kind in KINDS
    if kind == "mean" or not issubclass(settings.model_class(kind), Counted)
]


def small(kind: str) -> Any:
    known = {field.name for field, _ in settings.declared(settings.config_class(kind))}
    changes = {name: value for name, value in SMALL.items() if name in known}
    return settings.config_class(kind).recommended(30, **changes)


def made(kind: str, split: dm.Split, epochs: int = 2, **options: Any) -> dm.Recommender:
    """A model after some epochs, or one that has counted."""
    torch.manual_seed(1)
    model = runs.make_model(kind, small(kind), split.train)
    if not isinstance(model, Counted):
        dm.fit(model, split, epochs=epochs, progress=False, **options)
    return model.eval()


@pytest.fixture(scope="module")
def models(split: dm.Split) -> dict[str, dm.Recommender]:
    return {kind: made(kind, split) for kind in KINDS}


@pytest.fixture(params=KINDS)
def model(request: pytest.FixtureRequest, models: Any) -> dm.Recommender:
    found: dm.Recommender = models[request.param]
    return found


def test_the_models_of_the_shell_are_recommenders_with_their_own_names() -> None:
    for kind in KINDS:
        found = settings.model_class(kind)
        assert issubclass(found, dm.Recommender)
        assert found.kind == kind
        assert issubclass(found.config_type, settings.Config)


def test_shapes_and_the_padding_column(model: dm.Recommender, padded: Any) -> None:
    items, lengths = padded(ROWS)
    scores = model.score(items, lengths, USERS)
    assert scores.shape == (len(ROWS), model.n_items + 1)
    assert scores.dtype.is_floating_point
    assert (scores[:, 0] == -math.inf).all()
    assert scores[:, 1:].isfinite().all()
    assert not scores.requires_grad


def test_queries_and_vectors_give_the_scores(
    model: dm.Recommender, padded: Any
) -> None:
    if type(model).score is not dm.Recommender.score:
        pytest.skip("its scores are no dot products")
    items, lengths = padded(ROWS)
    with torch.no_grad():
        queries, vectors = model(items, lengths, USERS), model.vectors()
    assert queries.ndim == 3
    assert vectors.shape == (model.n_items + 1, queries.shape[2])
    best = torch.einsum("bkd,md->bkm", queries, vectors).amax(1)
    scores = model.score(items, lengths, USERS)
    torch.testing.assert_close(scores[:, 1:], best[:, 1:])


def test_padding_and_company_do_not_matter(model: dm.Recommender, padded: Any) -> None:
    together = model.score(*padded(ROWS, width=9), USERS)
    for row, user, scores in zip(ROWS, USERS, together, strict=True):
        alone = model.score(*padded([row]), user[None])[0]
        torch.testing.assert_close(alone, scores, rtol=1e-5, atol=1e-5)


def test_candidates_have_their_scores(model: dm.Recommender, padded: Any) -> None:
    items, lengths = padded(ROWS)
    candidates = torch.tensor([[1, 7, 30, 0], [2, 2, 1, 3], [9, 8, 0, 0], [5, 6, 7, 8]])
    some = model.score_candidates(items, lengths, candidates, USERS)
    every = model.score(items, lengths, USERS).gather(1, candidates)
    torch.testing.assert_close(some, every)


@pytest.mark.parametrize("exclude_seen", [True, False])
def test_lists_are_sorted_scores(
    model: dm.Recommender, padded: Any, exclude_seen: bool
) -> None:
    for user, row in enumerate(ROWS):
        scores = model.score(*padded([row]), torch.tensor([user]))[0].tolist()
        left = [j for j in range(1, 31) if not (exclude_seen and j in row)]
        for k in (1, 10, 99):
            best = model.recommend(row, k, exclude_seen, users=user)
            assert len(set(best)) == len(best) == min(k, len(left))
            assert set(best) <= set(left)
            ranked = sorted((scores[j] for j in left), reverse=True)[:k]
            assert [scores[j] for j in best] == pytest.approx(ranked)
    several = model.recommend(np.array([[1, 2, 3], [4, 0, 0]]), 5, users=[3, 1])
    alone = [model.recommend(row, 5, users=u) for row, u in (([1, 2, 3], 3), ([4], 1))]
    assert several == alone


def test_damaged_files_are_a_sentence(model: dm.Recommender, tmp_path: Path) -> None:
    file = tmp_path / "model.safetensors"
    model.save(file)
    whole, content = file.read_bytes(), read_model(file)

    def said() -> str:
        with pytest.raises(dm.DisrecError) as caught:
            dm.Recommender.load(tmp_path)
        return str(caught.value)

    place = 8 + int.from_bytes(whole[:8], "little")  # one bit of a weight
    flipped = bytes([whole[place] ^ 1])
    file.write_bytes(whole[:place] + flipped + whole[place + 1 :])
    assert "are not as they were written" in said()
    for cut in (0, 1, 100, len(whole) // 2, len(whole) - 1):
        file.write_bytes(whole[:cut])
        assert "is damaged or not a model" in said()
    for change in ({"n_items": 10**13}, {"dim": 10**9}):
        if change.keys() <= content["config"].keys():
            changed = {**content, "config": {**content["config"], **change}}
            write_model(file, {**changed, "weights": None}, content["weights"])
            assert "no room for them" in said()


def test_damaged_old_files_are_a_sentence(
    model: dm.Recommender, tmp_path: Path
) -> None:
    """Written by torch, as versions up to 0.2 did."""
    file = tmp_path / "model.pt"
    model.save(file)
    content = {**read_model(file), "format": OLD_FORMAT}
    torch.save(content, file)
    whole = file.read_bytes()
    assert dm.Recommender.load(tmp_path).config == model.config

    def said() -> str:
        with pytest.raises(dm.DisrecError) as caught:
            dm.Recommender.load(tmp_path)
        return str(caught.value)

    torch.save(content, file, _use_new_zipfile_serialization=False)
    assert said().endswith("is damaged or not a model of disrec_mini.")
    with zipfile.ZipFile(io.BytesIO(whole)) as parts:
        largest = max(parts.infolist(), key=lambda part: part.file_size)
        data = parts.read(largest)
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as packed:
            for part in parts.infolist():
                packed.writestr(part.filename, parts.read(part))
    assert "its parts are packed" in said()
    place = whole.index(data)  # one bit of a weight
    flipped = bytes([whole[place] ^ 1])
    file.write_bytes(whole[:place] + flipped + whole[place + 1 :])
    assert f"its part {largest.filename} is not as it was written" in said()
    for cut in (0, 1, 100, len(whole) // 2, len(whole) - 1):
        file.write_bytes(whole[:cut])
        assert "is damaged or not a model" in said()
    for change in ({"n_items": 10**13}, {"dim": 10**9}):
        if change.keys() <= content["config"].keys():
            torch.save({**content, "config": {**content["config"], **change}}, file)
            assert "no room for them" in said()


def test_nothing_left_is_a_sentence(model: dm.Recommender) -> None:
    clicks = np.arange(1, 31)
    with pytest.raises(dm.DisrecError, match="nothing is left to recommend"):
        model.recommend(clicks, users=0)
    assert len(model.recommend(clicks, 40, exclude_seen=False, users=0)) == 30
    both = np.stack([clicks, [1, *[0] * 29]])
    assert [len(row) for row in model.recommend(both, 40, users=[0, 1])] == [0, 29]


def test_bad_clicks_are_a_sentence(model: dm.Recommender, padded: Any) -> None:
    for rows, said in (([[31]], "item 31 is unknown"), ([[1] * 11], "longer than")):
        if model.max_len is None and said == "longer than":
            continue
        with pytest.raises(dm.DisrecError, match=said):
            model.score(*padded(rows), torch.tensor([0]))
    with pytest.raises(dm.DisrecError, match="at least one click"):
        model.recommend([0])


def test_a_saved_model_is_the_same_model(
    model: dm.Recommender, padded: Any, tmp_path: Path
) -> None:
    model.save(tmp_path / "model.safetensors")
    items, lengths = padded(ROWS)
    for kind in (dm.Recommender, type(model)):
        for place in (tmp_path, tmp_path / "model.safetensors"):
            again = kind.load(place)
            assert type(again) is type(model)
            assert again.config == model.config
            assert again.item_names == model.item_names
            assert again.item_names[3] == "item 3"
            scores = (x.score(items, lengths, USERS) for x in (again, model))
            assert torch.equal(*scores)
    other = Popularity if model.kind != "pop" else dm.DisRec
    with pytest.raises(dm.DisrecError, match=re.escape(f"of the kind '{model.kind}'")):
        other.load(tmp_path)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_weights_that_are_no_numbers_are_not_used(
    model: dm.Recommender, split: dm.Split, tmp_path: Path, value: float
) -> None:
    poisoned = copy.deepcopy(model)
    weights = dict(poisoned.named_parameters()) or dict(poisoned.named_buffers())
    name, weight = next((k, x) for k, x in weights.items() if x.is_floating_point())
    with torch.no_grad():
        weight[-1] = value
    file = tmp_path / "model.safetensors"
    model.save(file)
    write_model(file, {**read_model(file), "weights": None}, poisoned.state_dict())
    for said, call in (
        ("the model", lambda: poisoned.recommend([1, 2], users=0)),
        ("the model", lambda: dm.evaluate(poisoned, split)),
        ("model.safetensors", lambda: dm.Recommender.load(tmp_path)),
        ("not saved", lambda: poisoned.save(tmp_path / "other")),
    ):
        with pytest.raises(dm.DisrecError, match=f"{said}: {name} holds NaN or inf"):
            call()


class OnlyScore:
    """Somebody's own scorer: nothing but `score`."""

    def __init__(self, model: dm.Recommender) -> None:
        self.score, self.max_len = model.score, model.max_len


@pytest.mark.parametrize("on", ["valid", "test"])
@pytest.mark.parametrize("protocol", ["sampled", "full"])
def test_both_protocols_equal_a_loop(
    model: dm.Recommender, split: dm.Split, padded: Any, protocol: str, on: str
) -> None:
    found = dm.evaluate(model, split, protocol, on)
    assert (
        dm.evaluate(OnlyScore(model), split, protocol, on).ranks == found.ranks
    ).all()
    truth = split.valid_items if on == "valid" else split.test_items
    negatives = dm.evaluation.draw_negatives(split, on)
    for user, rank in zip(found.users, found.ranks, strict=True):
        seen = split.train[user].tolist()
        seen += [int(split.valid_items[user])] if on == "test" else []
        latest = padded([seen[-(model.max_len or 99) :]])
        scores = model.score(*latest, torch.tensor([user]))[0]
        rivals = [j for j in negatives[user].tolist() if j > 0]
        if protocol == "full":
            rivals = [j for j in range(1, 31) if j not in seen and j != truth[user]]
        worse = (scores[rivals] < scores[truth[user]]).sum()
        assert rank == 1 + len(rivals) - worse


@pytest.mark.parametrize("kind", LEARNING)
def test_it_goes_on_where_it_was_stopped(
    kind: str, split: dm.Split, tmp_path: Path
) -> None:
    def stop(epoch: dict[str, Any], model: dm.Recommender) -> None:
        if epoch["epoch"] == 2:
            raise KeyboardInterrupt

    undisturbed = made(kind, split, epochs=4, seed=5)
    made(kind, split, epochs=4, seed=5, out=tmp_path, on_epoch=stop)
    torch.manual_seed(9)  # its own first weights must not matter
    resumed = runs.make_model(kind, small(kind), split.train)
    history = dm.fit(
        resumed, split, epochs=4, seed=5, out=tmp_path, resume=True, progress=False
    )
    assert [epoch["epoch"] for epoch in history.epochs] == [1, 2, 3, 4]
    for name, weight in undisturbed.state_dict().items():
        assert torch.equal(weight, resumed.state_dict()[name]), name


@pytest.mark.parametrize("kind", LEARNING)
def test_it_learns(kind: str, split: dm.Split) -> None:
    torch.manual_seed(1)
    model = runs.make_model(kind, small(kind), split.train)
    before = dm.evaluate(model, split, "full", "valid")["mrr"]
    history = dm.fit(model, split, epochs=8, progress=False)
    name = next(name for name in history.epochs[0] if name != "epoch")
    losses = [value for _, value in history.curve(name)]
    assert losses[-1] < losses[0]
    assert dm.evaluate(model, split, "full", "valid")["mrr"] > before


@pytest.mark.parametrize("kind", LEARNING)
@pytest.mark.parametrize("world", [2, 3])
def test_the_parts_of_an_epoch_are_its_steps(
    kind: str, split: dm.Split, world: int
) -> None:
    model = made(kind, split, epochs=1)
    objective = model.objective(split.train, seed=4)

    def pairs(part: tuple[int, int]) -> list[list[int]]:
        steps = objective.steps(3, part)
        drawn = ("window", "t", "negatives", "hidden")
        return [
            [x for name in drawn for x in np.ravel(getattr(step, name, None)).tolist()]
            for step in steps
        ]

    whole = pairs((0, 1))
    assert len(whole) == objective.n_steps >= world
    assert [pairs((rank, world)) for rank in range(world)] == [
        whole[rank::world] for rank in range(world)
    ]


@pytest.mark.parametrize("kind", KINDS)
def test_the_shell_trains_measures_and_recommends(
    kind: str,
    clicks: dm.Interactions,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    file, out = tmp_path / "clicks.txt", str(tmp_path / "run")
    file.write_text(
        "".join(f"{u + 1} {j}\n" for u, row in enumerate(clicks) for j in row)
    )
    words = ["train", str(file), "--model", kind, "--epochs", "2", "--quiet"]
    for field, _ in settings.declared(settings.config_class(kind)):
        if field.name in ("dim", "max_len", "groups", "batch"):
            words += [settings.flag_of(field), str(SMALL[field.name])]
    assert cli.main([*words, "--out", out]) == 0
    result = json.loads((tmp_path / "run/result.json").read_text())
    assert result["model"] == kind
    assert result["epochs"] == (2 if kind in LEARNING else 0)
    if kind in LEARNING:
        assert cli.main([*words, "--out", out]) == 2  # it holds a run
        again = ["train", str(file), "--resume", out, "--quiet", "--epochs", "3"]
        assert cli.main([*again, "--seed", "1"]) == 2
        assert "seed was 0" in capsys.readouterr().err
        assert cli.main(again) == 0  # the run knows its model
        assert json.loads((tmp_path / "run/result.json").read_text())["epochs"] == 3
    capsys.readouterr()
    assert cli.main(["evaluate", "--model", out, "--protocol", "both"]) == 0
    table = capsys.readouterr().out
    assert "test sampled" in table
    assert "test full" in table
    assert cli.main(["recommend", "--model", out, "--user", "7", "-k", "3"]) == 0
    shown = [int(line.split()[1]) for line in capsys.readouterr().out.splitlines()]
    model = dm.Recommender.load(out)
    assert shown == model.recommend(clicks[6], 3, users=6)
    every = tmp_path / "every.tsv"
    words = ["recommend", "--model", out, "--all", "-k", "3"]
    assert cli.main([*words, "--out", str(every)]) == 0
    head, *lines = every.read_text().splitlines()
    assert head.split("\t") == ["user", "item", "place", "score", "reason"]
    assert [tuple(map(int, line.split("\t")[:3])) for line in lines] == [
        (user + 1, item, place)
        for user, row in enumerate(clicks)
        for place, item in enumerate(model.recommend(row, 3, users=user), start=1)
    ]
    capsys.readouterr()
    assert cli.main(words) == 0
    assert capsys.readouterr().out == every.read_text()


# -- models of one's own ---------------------------------------------------------------


@dataclass(frozen=True)
class OwnConfig(settings.TrainConfig):
    dim: int = settings.setting("size of every vector", 4, low=1)


class Added(dm.Recommender):
    """Scores that are no dot products: |h of the last click - h_j|, negative."""

    kind, config_type = "added", OwnConfig

    def __init__(self, config: OwnConfig, item_names: Any = None) -> None:
        super().__init__(config, item_names)
        self.table = torch.nn.Embedding(config.n_items + 1, config.dim)

    def score(self, items: Any, lengths: Any, users: Any = None) -> torch.Tensor:
        last = items[torch.arange(len(items)), lengths - 1]  # (B,)
        scores = -torch.cdist(self.table(last), self.table.weight)  # (B, M + 1)
        return torch.cat([torch.full_like(scores[:, :1], -math.inf), scores[:, 1:]], 1)

    def objective(self, train: dm.Interactions, seed: int) -> dm.Objective:
        return NextByScore(self, train, seed)


class NextByScore(PairObjective):
    """The next click among all items."""

    def loss(self, step: Any, progress: float) -> StepLoss:
        items, lengths = batches.padded(self.windows, step, "past")
        ids, _ = batches.pair_items(self.windows, step)
        loss = torch.nn.functional.cross_entropy(self.model.score(items, lengths), ids)
        means = {"all": loss, "some": loss * 0 + 4} if progress < 1 else {"all": loss}
        return StepLoss(loss, len(step.t), means)


def test_scores_that_are_no_dot_products(split: dm.Split, tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = Added(OwnConfig(30, item_decay=1.0))
    assert not model.dot_products
    history = dm.fit(model, split, epochs=4, progress=False)
    losses = [value for _, value in history.curve("all")]
    assert losses[-1] < losses[0]
    # a mean that only some steps give is the mean over those
    assert history.curve("some") == [(1, pytest.approx(4.0))]
    model.save(tmp_path / "own.safetensors")
    assert torch.equal(
        Added.load(tmp_path / "own.safetensors").table.weight, model.table.weight
    )
    with pytest.raises(dm.DisrecError, match="of the kind 'added'"):
        dm.Recommender.load(tmp_path / "own.safetensors")
    sizes, score = [], model.score
    model.score = lambda items, *rest, **more: (  # type: ignore[method-assign]
        sizes.append(len(items)) or score(items, *rest, **more)
    )
    found = dm.evaluate(model, split, cells=31 * 7)  # scores held at once
    assert max(sizes) == 7
    assert (found.ranks == dm.evaluate(OnlyScore(model), split).ranks).all()


def test_a_subclass_is_not_its_parent(tmp_path: Path) -> None:
    class Mine(dm.DisRec):
        """Says no kind of its own."""

    model = Mine(dm.DisRecConfig(5, dim=2))
    model.save(tmp_path / "model.safetensors")
    with pytest.raises(dm.DisrecError, match=r"of the kind '.*Mine': load it"):
        dm.Recommender.load(tmp_path)
    with pytest.raises(dm.DisrecError, match="not with DisRec"):
        dm.DisRec.load(tmp_path)
    assert type(Mine.load(tmp_path)) is Mine


def test_an_objective_belongs_to_its_model_and_run(
    split: dm.Split, tmp_path: Path
) -> None:
    one, two = (Added(OwnConfig(30)) for _ in range(2))
    other = NextByScore(two, split.train, 0)
    with pytest.raises(dm.DisrecError, match="made for another model"):
        dm.fit(one, split, objective=other)
    options = {"epochs": 2, "out": tmp_path, "progress": False}
    mine = NextByScore(one, split.train, 0)
    dm.fit(one, split, objective=mine, **{**options, "epochs": 1})
    changed = NextByScore(one, split.train, 7)
    with pytest.raises(dm.DisrecError, match="seed was 0 and is 7"):
        dm.fit(one, split, objective=changed, resume=True, **options)
    with pytest.raises(dm.DisrecError, match="Popularity has no objective"):
        dm.fit(Popularity(split.train), split)
    with pytest.raises(dm.DisrecError, match="train must be Interactions, not Split"):
        Popularity(split)  # type: ignore[arg-type]


def test_a_trained_model_is_kept_before_it_is_measured(
    split: dm.Split, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*args: Any, **rest: Any) -> None:
        raise MemoryError

    monkeypatch.setattr(runs, "measure", full)
    config = small("mean")
    options = {"seed": 0, "about": {}, "epochs": 1, "progress": False}
    options["keep"] = tmp_path / "model.safetensors"
    with pytest.raises(MemoryError):
        runs.run("mean", config, split, split, **options)
    assert dm.Recommender.load(tmp_path).config == config


@dataclass(frozen=True)
class EveryKind(settings.Config):
    free: float = settings.setting("any number", 1.0)
    below: float = settings.setting("a share of a kind", 0.5, above=0, high=1)
    count: int = settings.setting("at most nine", 3, high=9)
    maybe: int | None = settings.setting("a number or none", None, low=1)
    word: str = settings.setting("any word", "gru")
    plain: int = 2
    way: int = settings.setting("one of two", 0, choices=(0, 1))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"free": "x"}, "free must be a number, not 'x'"),
        ({"below": 0}, "below must be a number above 0 and at most 1, not 0"),
        ({"below": 50}, "at most 1, not 50"),
        ({"count": 50}, "count must be a whole number and at most 9"),
        ({"count": 2.5}, "count must be a whole number"),
        ({"count": True}, "count must be a whole number"),
        ({"maybe": 0}, "maybe must be a whole number >= 1"),
        ({"word": 3}, "word must be a text"),
        ({"plain": "x"}, "plain must be a whole number"),
        ({"way": True}, "way must be 0 or 1, not True"),
    ],
)
def test_settings_of_every_kind(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(dm.DisrecError, match=said):
        EveryKind(5, **changes)
    fine = EveryKind(5, free=-3, below=1, count=np.int64(-2), maybe=4, word="lstm")
    assert (fine.count, fine.maybe, EveryKind(5).maybe) == (-2, 4, None)
    assert type(fine.count) is int


def test_a_model_under_another_name_is_a_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(settings.MODELS, "other", settings.MODELS["pop"])
    assert cli.main(["train", "clicks.txt", "--model", "other"]) == 2
    assert "must say kind = 'other'" in capsys.readouterr().err
