"""`fit`: what it learns, that it repeats itself, resumes exactly and stops as asked."""

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import disrec_mini as dm
from disrec_mini import batches, learning, objective, training
from disrec_mini.errors import DisrecError
from disrec_mini.files import remove_leftovers
from disrec_mini.synthetic import make_world

# every kind of state at once: dropout, average, remedy, seq2seq warm-up
EVERYTHING: dict[str, Any] = {
    "dropout": 0.3,
    "item_dropout": 0.1,
    "average": 0.9,
    "remedy": True,
    "remedy_epochs": 2,
    "seq2seq_weight": 0.5,
    "seq2seq_start": 1,
    "seq2seq_ramp": 3,
    "item_decay": 0.5,
}
CLOCK = ("seconds", "pairs_per_second")


def world_split(n_users: int = 60, seed: int = 0) -> dm.Split:
    world = make_world(
        n_users, (4, 14), n_intents=2, items_per_intent=60, noise=0.1, seed=seed
    )
    return dm.leave_one_out(world.interactions)


SPLIT = world_split()


def rows_split(rows: list[list[int]], n_items: int = 300) -> dm.Split:
    return dm.leave_one_out(dm.Interactions.from_sequences(rows, n_items=n_items))


def tiny(split: dm.Split = SPLIT, seed: int = 1, **changes: Any) -> dm.DisRec:
    settings: dict[str, Any] = {
        "dim": 8,
        "n_blocks": 1,
        "n_intents": 3,
        "max_len": 10,
        "group_size": 32,
        "groups": 2,
        "learning_rate": 0.01,
        "init_std": 0.1,
    }
    torch.manual_seed(seed)
    return dm.DisRec(dm.DisRecConfig(split.n_items, **{**settings, **changes}))


def fit(model: dm.DisRec, split: dm.Split = SPLIT, **changes: Any) -> dm.History:
    return dm.fit(model, split, **{"epochs": 3, "progress": False, **changes})


def assert_same_weights(one: dm.DisRec, two: dm.DisRec) -> None:
    assert one.state_dict().keys() == two.state_dict().keys()
    for name, weight in one.state_dict().items():
        assert torch.equal(weight, two.state_dict()[name]), name


def without_clock(history: dm.History) -> list[dict[str, Any]]:
    return [{k: v for k, v in e.items() if k not in CLOCK} for e in history.epochs]


class CrashError(Exception):
    """Stands for whatever may go wrong in a callback."""


# -- learning --------------------------------------------------------------------------


class Popularity:
    """Scores every item by its training clicks."""

    def __init__(self, split: dm.Split) -> None:
        self.counts = torch.from_numpy(split.train.counts()).float()

    def score(self, items: Tensor, lengths: Tensor, users: Any = None) -> Tensor:
        return self.counts.expand(len(items), -1)


def test_fit_lowers_the_loss_and_beats_popularity() -> None:
    world = make_world(300, (10, 20), 2, 40, noise=0.1)
    split = dm.leave_one_out(world.interactions)
    model = tiny(split, dim=16, max_len=20, temperature=1.0, seq2seq_weight=0.1)
    history = fit(model, split, epochs=6, validate_every=2)
    losses = [value for _, value in history.curve("seq2item")]
    assert losses[-1] < 0.8 * losses[0]
    ours = dm.evaluate(model, split, "full", "test")["ndcg@10"]
    theirs = dm.evaluate(Popularity(split), split, "full", "test")["ndcg@10"]
    assert ours > 2 * theirs


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"keep": 0.3, "logq": True, "mask_same_item": True},
        {"variant": 3, "average": 0.5},
        {"remedy": True, "remedy_epochs": 1, "seq2seq_start": 1, "item_decay": 1.0},
    ],
)
def test_both_samplers_reach_the_same_weights(changes: dict[str, Any]) -> None:
    reached = {}
    for sampler in ("pairs", "packed"):
        model = tiny(sampler=sampler, dropout=0.0, **changes).double()
        history = fit(model, seed=5)
        reached[sampler] = model, history
    slow, fast = (reached[name][0].state_dict() for name in ("pairs", "packed"))
    for name, weight in slow.items():
        if weight.dtype != torch.bool:
            assert (weight - fast[name]).abs().max() < 1e-9, name
    start = tiny(**changes).double().state_dict()["encoder.item_embedding.weight"]
    moved = slow["encoder.item_embedding.weight"] - start
    assert moved.abs().max() > 0.01  # they did go somewhere


def test_the_seed_decides_everything() -> None:
    models = {}
    for name, seed in (("one", 3), ("same", 3), ("other", 4)):
        models[name] = tiny(**EVERYTHING)
        torch.manual_seed(len(models))  # the caller's generator must not matter
        fit(models[name], seed=seed)
    assert_same_weights(models["one"], models["same"])
    one, other = (models[n].encoder.item_embedding.weight for n in ("one", "other"))
    assert not torch.equal(one, other)


def test_every_epoch_has_an_order_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[int, int]] = []
    step_of = objective.step_loss

    def watched(model: Any, windows: Any, step: batches.Step, **rest: Any) -> Any:
        seen.extend(zip(step.window.tolist(), step.t.tolist(), strict=True))
        return step_of(model, windows, step, **rest)

    monkeypatch.setattr(objective, "step_loss", watched)
    fit(tiny(), epochs=4)
    n = len(seen) // 4
    orders = [seen[first : first + n] for first in range(0, 4 * n, n)]
    assert len({tuple(order) for order in orders}) == 4
    assert all(sorted(order) == sorted(orders[0]) for order in orders)


def test_fit_leaves_the_callers_random_numbers_alone() -> None:
    torch.manual_seed(11)
    expected = torch.rand(3)
    model = tiny()
    torch.manual_seed(11)
    fit(model, epochs=1)
    assert torch.equal(torch.rand(3), expected)


# -- resume ----------------------------------------------------------------------------


def interrupted_at(
    epoch: int, problem: BaseException, split: dm.Split, out: Path, **changes: Any
) -> dm.DisRec:
    def stop(found: dict[str, Any], model: dm.DisRec) -> None:
        if found["epoch"] == epoch:
            raise problem

    model = tiny(split, **EVERYTHING)
    arguments = {"epochs": 6, "out": out, "on_epoch": stop, **changes}
    if isinstance(problem, KeyboardInterrupt):
        assert fit(model, split, **arguments).stopped_by == "interrupt"
    else:
        with pytest.raises(type(problem)):
            fit(model, split, **arguments)
    return model


@pytest.mark.parametrize("problem", [CrashError(), KeyboardInterrupt()])
@pytest.mark.parametrize("epoch", [1, 3, 5])
def test_resume_equals_the_undisturbed_run(
    problem: BaseException, epoch: int, tmp_path: Path
) -> None:
    undisturbed = tiny(**EVERYTHING)
    whole = fit(undisturbed, epochs=6)
    interrupted_at(epoch, problem, SPLIT, tmp_path)
    resumed = tiny(seed=77, **EVERYTHING)  # its own first weights must not matter
    history = fit(resumed, epochs=6, out=tmp_path, resume=True)
    assert_same_weights(undisturbed, resumed)
    assert without_clock(history) == without_clock(whole)
    assert history.best_epoch == whole.best_epoch
    assert [e["epoch"] for e in history.epochs] == [1, 2, 3, 4, 5, 6]


def test_resume_inside_an_epoch_repeats_that_epoch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    undisturbed = tiny(**EVERYTHING)
    fit(undisturbed, epochs=4)
    step_of, calls = objective.step_loss, 0
    n_steps = batches.n_steps(batches.make_windows(SPLIT.train, 10), 32, 2)

    def stop_in_epoch_3(*args: Any, **kwargs: Any) -> objective.StepLoss:
        nonlocal calls
        calls += 1
        if calls == 2 * n_steps + 2:
            raise KeyboardInterrupt
        return step_of(*args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(objective, "step_loss", stop_in_epoch_3)
        history = fit(tiny(**EVERYTHING), epochs=4, out=tmp_path)
    assert n_steps > 2
    assert history.stopped_by == "interrupt"
    assert len(history.epochs) == 2
    resumed = tiny(**EVERYTHING)
    fit(resumed, epochs=4, out=tmp_path, resume=True)
    assert_same_weights(undisturbed, resumed)


def test_training_longer_is_the_same_run(tmp_path: Path) -> None:
    undisturbed = tiny(**EVERYTHING)
    fit(undisturbed, epochs=5)
    model = tiny(**EVERYTHING)
    assert fit(model, epochs=2, out=tmp_path).stopped_by == "epochs"
    again = fit(model, epochs=5, out=tmp_path, resume=True)
    assert len(again.epochs) == 5
    assert_same_weights(undisturbed, model)
    done = fit(model, epochs=5, out=tmp_path, resume=True)  # nothing left to do
    assert without_clock(done) == without_clock(again)
    assert_same_weights(undisturbed, model)


def test_resume_refuses_another_run(tmp_path: Path) -> None:
    fit(tiny(), epochs=1, out=tmp_path)
    before = (tmp_path / "checkpoint.pt").read_bytes()
    other_data = world_split(seed=1)
    swapped = replace(SPLIT, valid_items=np.roll(SPLIT.valid_items, 1))
    for model, split, arguments, named in (
        (tiny(keep=0.25), SPLIT, {}, "keep was 0.5 and is 0.25"),
        (tiny(dim=4, n_intents=2), SPLIT, {}, "dim was 8 and is 4, n_intents was 3"),
        (tiny(), SPLIT, {"seed": 9}, "seed was 0 and is 9"),
        (tiny(), SPLIT, {"exclude_seen": False}, "exclude_seen was True and is False"),
        (tiny(), SPLIT, {"patience": 2, "epochs": 9}, "patience was None and is 2"),
        (tiny(), other_data, {}, "other data"),
        (tiny(), swapped, {}, "other data"),
    ):
        with pytest.raises(DisrecError, match=named) as caught:
            fit(model, split, out=tmp_path, resume=True, **{"epochs": 1, **arguments})
        assert "\n" not in str(caught.value)
    assert (tmp_path / "checkpoint.pt").read_bytes() == before


def test_resume_without_a_checkpoint_starts_from_the_beginning(tmp_path: Path) -> None:
    fresh, resumed = tiny(), tiny()
    fit(fresh)
    history = fit(resumed, out=tmp_path, resume=True)
    assert len(history.epochs) == 3
    assert_same_weights(fresh, resumed)


def test_resume_of_nothing_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(DisrecError, match=r"no run to resume: .*gone does not exist"):
        fit(tiny(), out=tmp_path / "gone", resume=True)
    assert not (tmp_path / "gone").exists()
    with pytest.raises(DisrecError, match="resume needs `out`"):
        fit(tiny(), resume=True)


def test_a_damaged_or_foreign_checkpoint_is_a_sentence(tmp_path: Path) -> None:
    model = tiny()
    fit(model, epochs=1, out=tmp_path)
    path = tmp_path / "checkpoint.pt"
    sound = path.read_bytes()
    content = torch.load(path, weights_only=True)

    def refused(pattern: str) -> None:
        with pytest.raises(DisrecError, match=pattern) as caught:
            fit(tiny(), epochs=1, out=tmp_path, resume=True)
        assert "\n" not in str(caught.value)

    for bytes_ in (sound[: len(sound) // 2], sound[:10], b"", b"hello\n"):
        path.write_bytes(bytes_)
        refused("checkpoint.pt is damaged or not a checkpoint")
    model.save(path)
    refused("checkpoint.pt is damaged or not a checkpoint")
    torch.save([1, 2], path)
    refused("checkpoint.pt is not a checkpoint")
    for lost in ("weights", "optimizer", "history", "random", "steps"):
        torch.save({k: v for k, v in content.items() if k != lost}, path)
        refused(f"does not fit this version of disrec_mini: .*{lost}")
    newer = {**content, "config": {**content["config"], "colour": "red"}}
    torch.save(newer, path)
    refused("colour was 'red' and is None")


def test_a_checkpoint_is_complete_or_absent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fit(tiny(), epochs=1, out=tmp_path)
    before = (tmp_path / "checkpoint.pt").read_bytes()
    save = torch.save

    def dies_half_way(content: Any, file: Any) -> None:
        file.write(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(torch, "save", dies_half_way)
    history = fit(tiny(), epochs=2, out=tmp_path, resume=True)
    monkeypatch.setattr(torch, "save", save)
    assert history.stopped_by == "interrupt"
    names = {p.name for p in tmp_path.iterdir()}
    assert names == {"checkpoint.pt", "checkpoint.previous.pt"}
    assert (tmp_path / "checkpoint.pt").read_bytes() == before


def test_left_over_temporaries_go_and_other_files_stay(tmp_path: Path) -> None:
    kept = {"notes.tmp", ".notes.tmp", ".a.0123456789ab.tmp.txt", "model.pt"}
    for name in (
        *kept,
        ".checkpoint.pt.0123456789ab.tmp",
        ".model.pt.0a0a0a0a0a0a.tmp",
    ):
        (tmp_path / name).write_bytes(b"half")
    remove_leftovers(tmp_path)
    assert {p.name for p in tmp_path.iterdir()} == kept
    (tmp_path / ".checkpoint.pt.0123456789ab.tmp").write_bytes(b"half")
    fit(tiny(), epochs=1, out=tmp_path, resume=True)
    assert {p.name for p in tmp_path.iterdir()} == {
        *kept,
        "checkpoint.pt",
        "checkpoint.previous.pt",
    }
    remove_leftovers(tmp_path / "missing")  # nothing to do


def test_a_folder_that_cannot_be_written_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(DisrecError, match=r"Cannot write .*file"):
        fit(tiny(), out=tmp_path / "file")


# -- stopping and choosing -------------------------------------------------------------


def test_interrupt_before_the_first_epoch_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*args: Any, **kwargs: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(objective, "step_loss", interrupt)
        history = fit(tiny(**EVERYTHING), out=tmp_path)
    assert isinstance(history, dm.History)
    assert history.stopped_by == "interrupt"
    assert history.epochs == []
    undisturbed, resumed = tiny(**EVERYTHING), tiny(seed=9, **EVERYTHING)
    fit(undisturbed)
    fit(resumed, out=tmp_path, resume=True)
    assert_same_weights(undisturbed, resumed)


def scripted(monkeypatch: pytest.MonkeyPatch, values: list[float]) -> None:
    """Validation returns these values, one after the other."""
    left = iter(values)

    def evaluate(*args: Any, **kwargs: Any) -> dict[str, float]:
        return {"ndcg@10": next(left)}

    monkeypatch.setattr(training, "evaluate", evaluate)


def test_patience_counts_validations_without_a_gain(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scripted(monkeypatch, [0.1, 0.3, 0.2, 0.3, 0.9])
    history = fit(tiny(), epochs=20, patience=2)
    assert history.stopped_by == "patience"
    assert (len(history.epochs), history.best_epoch) == (4, 2)
    assert history.best_value == 0.3
    scripted(monkeypatch, [0.3, 0.2, 0.1])
    history = fit(tiny(), epochs=20, patience=2, validate_every=3)
    assert [epoch for epoch, _ in history.curve("ndcg@10")] == [3, 6, 9]
    assert (len(history.epochs), history.best_epoch) == (9, 3)


def test_nan_validation_is_never_best(monkeypatch: pytest.MonkeyPatch) -> None:
    scripted(monkeypatch, [math.nan, 0.2, math.nan])
    assert fit(tiny()).best_epoch == 2


def test_patience_survives_a_resume(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    scripted(monkeypatch, [0.3, 0.2])

    def stop(epoch: dict[str, Any], model: dm.DisRec) -> None:
        if epoch["epoch"] == 2:
            raise CrashError

    arguments: dict[str, Any] = {"epochs": 20, "patience": 2, "out": tmp_path}
    with pytest.raises(CrashError):
        fit(tiny(), on_epoch=stop, **arguments)
    scripted(monkeypatch, [0.2, 0.9])
    history = fit(tiny(), resume=True, **arguments)
    assert history.stopped_by == "patience"
    assert len(history.epochs) == 3


def test_minutes_stop_within_an_epoch() -> None:
    history = fit(tiny(), epochs=1, minutes=1e-9, validate_every=9)
    assert history.stopped_by == "minutes"
    (epoch,) = history.epochs
    n = batches.n_steps(batches.make_windows(SPLIT.train, 10), 32, 2)
    assert epoch["share"] == 1 / n
    assert history.best_value == epoch["valid"]["ndcg@10"]


def test_a_run_out_of_time_resumes_as_one_that_never_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    undisturbed = tiny(**EVERYTHING)
    whole = fit(undisturbed, epochs=4)
    n = batches.n_steps(batches.make_windows(SPLIT.train, 10), 32, 2)
    late, asked = training._Trainer._late, []

    def in_the_third(self: Any, minutes: float | None, seconds: float) -> bool:
        asked.append(seconds)
        return sum(s > 0 for s in asked) > 2 * (n - 1) + 2 or late(self, None, 0)

    with monkeypatch.context() as patch:
        patch.setattr(training._Trainer, "_late", in_the_third)
        stopped = fit(tiny(**EVERYTHING), epochs=4, out=tmp_path, minutes=9)
    assert stopped.stopped_by == "minutes"
    assert [e.get("share", 1) for e in stopped.epochs] == [1, 1, 3 / n]
    assert "valid" in stopped.epochs[-1]
    resumed = tiny(seed=7, **EVERYTHING)
    history = fit(resumed, epochs=4, out=tmp_path, resume=True)
    assert_same_weights(undisturbed, resumed)
    assert without_clock(history) == without_clock(whole)


@pytest.mark.parametrize("average", [0.0, 0.9])
@pytest.mark.parametrize("select", ["ndcg@10", "recall@20"])
def test_the_best_weights_are_kept(average: float, select: str) -> None:
    measured: dict[int, float] = {}

    def remember(epoch: dict[str, Any], model: dm.DisRec) -> None:
        value = dm.evaluate(model, SPLIT, "full", "valid")[select]
        measured[epoch["epoch"]] = value

    # a large learning rate makes later epochs worse
    model = tiny(learning_rate=0.3, average=average)
    history = fit(model, epochs=6, select=select, protocol="full", on_epoch=remember)
    assert dict(history.curve(select)) == measured
    assert len(set(measured.values())) > 1
    assert history.best_value == max(measured.values()) == measured[history.best_epoch]
    found = dm.evaluate(model, SPLIT, "full", "valid")
    assert found[select] == history.best_value
    assert not model.training


def test_the_first_steps_count_before_there_is_an_average() -> None:
    """An average of no weights yet must not stand for the trained model."""
    model = tiny(average=0.9, group_size=4096)  # one step an epoch, average every 5
    start = model.encoder.item_embedding.weight.detach().clone()
    fit(model, epochs=2)
    assert not torch.equal(start, model.encoder.item_embedding.weight)


def test_progress_goes_to_stderr_also_for_unusual_metrics(
    capsys: pytest.CaptureFixture[str],
) -> None:
    fit(tiny(), epochs=1, progress=True, select="recall@3")
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "recall@3" in shown.err
    fit(tiny(), epochs=1)
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(("logq", "protocol"), [(False, "sampled"), (True, "full")])
def test_validation_reads_the_validation_part_only(
    monkeypatch: pytest.MonkeyPatch, logq: bool, protocol: str
) -> None:
    asked = []
    evaluate, draw = training.evaluate, training.draw_negatives

    def watched(model: Any, split: Any, protocol: str, on: str, **rest: Any) -> Any:
        asked.append((protocol, on, len(rest["users"])))
        return evaluate(model, split, protocol, on, **rest)

    def draw_watched(split: dm.Split, on: str, **rest: Any) -> Any:
        assert on == "valid"
        return draw(split, on, **rest)

    monkeypatch.setattr(training, "evaluate", watched)
    monkeypatch.setattr(training, "draw_negatives", draw_watched)
    fit(tiny(logq=logq), epochs=2, valid_users=7)
    assert asked == [(protocol, "valid", 7)] * 2


@pytest.mark.parametrize("protocol", ["sampled", "full"])
def test_validation_ranks_clicked_items_too_where_people_buy_again(
    protocol: str,
) -> None:
    values = []
    for exclude in (True, False):
        model, about = tiny(), {"protocol": protocol, "exclude_seen": exclude}
        history = fit(model, epochs=1, **about)
        found = dm.evaluate(model, SPLIT, protocol, exclude_seen=exclude)
        assert history.best_value == found["ndcg@10"]
        values.append(history.best_value)
    assert values[0] != values[1]


def test_a_checkpoint_from_before_the_setting_goes_on(tmp_path: Path) -> None:
    fit(tiny(), epochs=1, out=tmp_path)
    path = tmp_path / "checkpoint.pt"
    content = torch.load(path, weights_only=True)
    del content["plan"]["exclude_seen"]
    torch.save(content, path)
    with pytest.raises(DisrecError, match="exclude_seen was True and is False"):
        fit(tiny(), epochs=2, out=tmp_path, resume=True, exclude_seen=False)
    assert len(fit(tiny(), epochs=2, out=tmp_path, resume=True).epochs) == 2


def test_test_items_do_not_influence_training() -> None:
    """With full validation another test part leads to the same weights."""
    moved = replace(SPLIT, test_items=np.roll(SPLIT.test_items, 1))
    one, two = tiny(**EVERYTHING), tiny(**EVERYTHING)
    fit(one, SPLIT, protocol="full")
    fit(two, moved, protocol="full")
    assert_same_weights(one, two)


# -- numbers that overflow -------------------------------------------------------------


def test_a_loss_that_is_not_finite_names_step_and_cause() -> None:
    with pytest.raises(DisrecError, match=r"step \d+ of epoch 1: the loss is not fini"):
        fit(tiny(learning_rate=1e30))
    for name in ("encoder.item_embedding.weight", "intentions.beta_past"):
        model = tiny()
        with torch.no_grad():
            model.get_parameter(name)[1:] = math.nan
        with pytest.raises(DisrecError, match=f"step 1 of epoch 1: .*{name}.*NaN"):
            fit(model)
    model = tiny(temperature=1e-38)
    with pytest.raises(DisrecError, match=r"step 1 of epoch 1.*seq2item loss overflow"):
        fit(model)
    model = tiny(seq2seq_temperature=1e-39, keep=1.0)
    with pytest.raises(DisrecError, match=r"step 1 of epoch 1.*seq2seq loss overflow"):
        fit(model)


@pytest.mark.parametrize("average", [0.0, 0.98])
def test_weights_that_no_loss_has_seen_are_looked_at(average: float) -> None:
    """An epoch of one step: its loss is finite, and the weights after it are not."""
    split = dm.leave_one_out(dm.Interactions.from_sequences([[1, 2, 3, 4]] * 3))
    changes = {"learning_rate": 1e38, "item_decay": 0.0, "average": average}
    model = dm.DisRec(dm.DisRecConfig.recommended(4, dim=4, **changes))
    with pytest.raises(DisrecError, match=r"epoch 1: .* holds NaN or infinity; try a"):
        dm.fit(model, split, epochs=1, progress=False)


def test_a_run_ends_with_finite_weights(tmp_path: Path) -> None:
    """Also one that goes on from a checkpoint and has no epoch left."""
    fit(tiny(), epochs=1, out=tmp_path)
    file = tmp_path / "checkpoint.pt"
    content = torch.load(file, weights_only=True)
    for part in ("weights", "best"):
        content[part]["intentions.alpha"][0] = math.nan
    torch.save(content, file)
    with pytest.raises(DisrecError, match=r"end of training: intentions\.alpha holds"):
        fit(tiny(), epochs=1, out=tmp_path, resume=True)


def test_a_failed_run_keeps_its_last_good_checkpoint(tmp_path: Path) -> None:
    def poison(epoch: dict[str, Any], model: dm.DisRec) -> None:
        if epoch["epoch"] == 2:
            with torch.no_grad():
                model.intentions.alpha[0] = math.inf

    with pytest.raises(DisrecError, match=r"epoch 3: .*intentions\.alpha"):
        fit(tiny(), epochs=4, out=tmp_path, on_epoch=poison)
    undisturbed, resumed = tiny(), tiny()
    fit(undisturbed, epochs=4)
    fit(resumed, epochs=4, out=tmp_path, resume=True)
    assert_same_weights(undisturbed, resumed)


# -- edges -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "changes",
    [
        {"keep": 0.0},
        {"keep": 1.0},
        {"variant": 1},
        {"variant": 2},
        {"variant": 3},
        {"group_size": 1, "groups": 1, "mask_same_item": True},
        {"group_size": 1, "groups": 3, "keep": 0.01},
        {"group_size": 7, "groups": 5},
        {"n_intents": 1},
        {"max_len": 2},
        {"l2": 0.1, "logq": True},
        {"seq2seq_weight": 0.0},
    ],
    ids=str,
)
@pytest.mark.parametrize("sampler", ["packed", "pairs"])
def test_settings_at_their_edges(changes: dict[str, Any], sampler: str) -> None:
    rows = [[1, 2, 3, 4], [2, 3, 4, 5], [5, 6], [7], [*range(1, 30)], [4, 4, 4, 4, 4]]
    split = rows_split(rows, 30)
    model = tiny(split, sampler=sampler, **changes)
    history = fit(model, split, epochs=2)
    for epoch in history.epochs:
        assert math.isfinite(epoch["seq2item"])
        assert math.isfinite(epoch["extra"])
        uses = model.config.uses_seq2seq or changes.get("variant") in (2, 3)
        assert uses or epoch["extra"] == 0
        assert (epoch["kept"] > 0) == model.config.uses_seq2seq
    if changes.get("keep") == 1.0:
        assert history.epochs[0]["kept"] == 1
    if changes.get("variant") in (2, 3):
        assert history.epochs[0]["extra"] > 0
    assert all(p.isfinite().all() for p in model.parameters())


def test_keep_is_the_share_that_seq2seq_learns_from() -> None:
    for keep in (0.25, 0.5):
        epoch = fit(tiny(keep=keep, dropout=0.0), epochs=1).epochs[0]
        assert epoch["kept"] == pytest.approx(keep, abs=0.03)


def test_a_batch_of_one_pair() -> None:
    """One user with two training clicks: its own intentions are the only negatives."""
    split = rows_split([[3, 1, 2, 4]], 4)
    history = fit(tiny(split), split)
    assert len(history.epochs) == 3
    alone = rows_split([[3, 1]], 4)  # and nothing to validate on
    history = fit(tiny(alone), alone)
    assert history.best_epoch == 0
    assert history.curve("ndcg@10") == []


def test_without_validation_the_last_weights_are_kept() -> None:
    last, model = [], tiny()
    history = fit(
        model, validate_every=9, on_epoch=lambda _, m: last.append(m.state_dict())
    )
    assert history.best_epoch == 0
    assert all(torch.equal(v, last[-1][k]) for k, v in model.state_dict().items())


@pytest.mark.parametrize("rows", [[[1], [2]], [[1, 2, 3], [3, 2, 1]]])
def test_nothing_to_learn_from_is_a_sentence(rows: list[list[int]]) -> None:
    split = rows_split(rows)
    with pytest.raises(DisrecError, match="no user has 2 training clicks"):
        fit(tiny(split), split)


@pytest.mark.parametrize(
    ("changes", "pattern"),
    [
        ({"device": "nowhere"}, "device 'nowhere' is not available here"),
        ({"epochs": 0}, "epochs must be a whole number >= 1, not 0"),
        ({"epochs": 2.5}, "epochs must be a whole number"),
        ({"validate_every": 0}, "validate_every must be"),
        ({"valid_users": 0}, "valid_users must be"),
        ({"patience": 0}, "patience must be at least 1"),
        ({"protocol": "half"}, "protocol must be 'sampled' or 'full'"),
        ({"exclude_seen": 0}, "exclude_seen must be True or False, not 0"),
        ({"select": "accuracy"}, "unknown metric 'accuracy'"),
        ({"seed": -1}, "seed must be a whole number >= 0, not -1"),
        ({"seed": 1.5}, "seed must be"),
        ({"minutes": math.nan}, "minutes must be a number above 0, or None, not nan"),
        ({"minutes": "a"}, "minutes must be a number"),
        ({"minutes": -1}, "minutes must be a number"),
        ({"minutes": True}, "minutes must be a number"),
    ],
)
def test_arguments_are_checked_before_training(
    changes: dict[str, Any], pattern: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        objective, "step_loss", lambda *_, **__: pytest.fail("too late")
    )
    with pytest.raises(DisrecError, match=pattern):
        fit(tiny(), **changes)


def test_another_number_of_items_is_a_sentence() -> None:
    split = rows_split([[1, 2, 3, 4]], 12)
    with pytest.raises(
        DisrecError, match=r"has 120 items and the data 12: .*n_items=12"
    ):
        fit(tiny(), split)


def test_numpy_seeds_can_be_stored(tmp_path: Path) -> None:
    fit(tiny(), epochs=1, seed=np.int64(4), out=tmp_path)
    fit(tiny(), epochs=2, seed=4, out=tmp_path, resume=True)


# -- parts -----------------------------------------------------------------------------


def test_seq2seq_weight_follows_its_schedule() -> None:
    config = dm.DisRecConfig(5, seq2seq_weight=0.8, seq2seq_start=2, seq2seq_ramp=4)
    for epochs, expected in (
        (0, 0.0),
        (1.99, 0.0),
        (2, 0.0),
        (3, 0.2),
        (4.5, 0.5),
        (6, 0.8),
        (60, 0.8),
    ):
        assert objective.seq2seq_weight(config, epochs) == pytest.approx(expected)
    step = config.replace(seq2seq_ramp=0)
    assert [objective.seq2seq_weight(step, e) for e in (1.9, 2)] == [0.0, 0.8]
    assert objective.seq2seq_weight(dm.DisRecConfig(5), 0) == 1.0
    assert objective.seq2seq_weight(config.replace(variant=1), 9) == 0.0
    history = fit(tiny(seq2seq_start=1, seq2seq_ramp=2, seq2seq_weight=0.8))
    n = batches.n_steps(batches.make_windows(SPLIT.train, 10), 32, 2)
    weights = [value for _, value in history.curve("weight")]  # at the last step
    at_last = (n - 1) / n
    assert weights == pytest.approx([0, 0.8 * at_last / 2, 0.8 * (1 + at_last) / 2])
    assert history.epochs[0]["extra"] == history.epochs[0]["kept"] == 0
    assert history.epochs[1]["kept"] > 0


def one_step(gradient: float, **changes: Any) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The item table and all else before and after one step with one gradient."""
    model = tiny(learning_rate=0.1, **changes).double()
    optimizer = learning.make_optimizer(model)
    table = model.encoder.item_embedding.weight
    rest = [p for p in model.parameters() if p is not table]

    def flat() -> tuple[Tensor, Tensor]:
        others = torch.cat([p.detach().flatten() for p in rest])
        return table.detach().clone(), others

    before = flat()
    for p in model.parameters():
        p.grad = torch.full_like(p, gradient)
    optimizer.step()
    return (*before, *flat())


def test_item_decay_is_decoupled_and_only_for_the_item_table() -> None:
    table, rest, table_after, rest_after = one_step(0.0, item_decay=2.0)
    assert torch.allclose(table_after, table * (1 - 0.1 * 2.0), atol=1e-12)
    assert torch.equal(rest, rest_after)
    # Adam's first step is learning_rate * sign(gradient), whatever the decay
    table, rest, table_after, rest_after = one_step(5.0, item_decay=2.0)
    assert torch.allclose(table_after, table * 0.8 - 0.1, atol=1e-6)
    assert torch.allclose(rest_after, rest - 0.1, atol=1e-6)


def test_l2_joins_the_gradient_of_the_item_table_only() -> None:
    table, rest, table_after, rest_after = one_step(0.0, l2=0.5)
    moved = table.abs() > 1e-4  # Adam normalises l2 H: a full step towards 0
    step = -0.1 * table.sign()
    assert torch.allclose((table_after - table)[moved], step[moved], atol=1e-4)
    assert torch.equal(rest, rest_after)
    table, rest, table_after, rest_after = one_step(1.0, l2=0.0)
    assert torch.allclose(table_after, table - 0.1, atol=1e-6)
    assert torch.allclose(rest_after, rest - 0.1, atol=1e-6)


def test_every_parameter_is_optimised_once() -> None:
    model = tiny()
    groups = learning.make_optimizer(model).param_groups
    ids = [id(p) for group in groups for p in group["params"]]
    assert sorted(ids) == sorted(id(p) for p in model.parameters())


def test_log_shares_equals_counting_in_a_loop() -> None:
    rows = [[1, 2, 2, 3], [], [4], [2, 5, 1], [3, 3]]
    train = dm.Interactions.from_sequences(rows, n_items=7)
    counts = dict.fromkeys(range(8), 0)
    for row in rows:
        for item in row[1:]:
            counts[item] += 1
    total = sum(counts.values())
    expected = [math.log(n / total) if n else 0.0 for n in counts.values()]
    assert objective.log_shares(train).tolist() == pytest.approx(expected)
    nobody = dm.Interactions.from_sequences([[1], [2]])
    assert objective.log_shares(nobody).tolist() == [0, 0, 0]


@pytest.mark.parametrize("sampler", ["packed", "pairs"])
def test_usage_is_logged_and_sums_to_one(sampler: str) -> None:
    model = tiny(sampler=sampler, n_intents=4, remedy=True, remedy_epochs=1)
    history = fit(model, epochs=2)
    for epoch in history.epochs:
        for name in ("hard_usage", "soft_usage"):
            assert len(epoch[name]) == 4
            assert sum(epoch[name]) == pytest.approx(1, abs=3e-4)
            assert min(epoch[name]) >= 0
    first, second = (epoch["soft_usage"] for epoch in history.epochs)
    assert first == [0.25] * 4  # the remedy: uniform until the prototypes are placed
    assert second != first


def test_usage_equals_a_loop_over_the_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Tensor] = []
    step_of = objective.step_loss

    def watched(*args: Any, **kwargs: Any) -> objective.StepLoss:
        loss = step_of(*args, **kwargs)
        seen.append(loss.seen[0])
        return loss

    monkeypatch.setattr(objective, "step_loss", watched)
    epoch = fit(tiny(), epochs=1).epochs[0]
    rows = torch.cat(seen)
    assert len(rows) == batches.make_windows(SPLIT.train, 10).n_pairs
    soft, hard = rows.mean(0), rows.argmax(1).bincount(minlength=3) / len(rows)
    assert epoch["soft_usage"] == pytest.approx(soft.tolist(), abs=1e-4)
    assert epoch["hard_usage"] == pytest.approx(hard.tolist(), abs=1e-4)


def test_logged_losses_weigh_every_pair_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[float, int]] = []
    step_of = objective.step_loss

    def watched(*args: Any, **kwargs: Any) -> objective.StepLoss:
        loss = step_of(*args, **kwargs)
        seen.append((float(loss.means["seq2item"]), loss.n_pairs))
        return loss

    monkeypatch.setattr(objective, "step_loss", watched)
    epoch = fit(tiny(), epochs=1).epochs[0]
    assert len({n for _, n in seen}) == 2  # the last step is short
    mean = sum(loss * n for loss, n in seen) / sum(n for _, n in seen)
    assert epoch["seq2item"] == pytest.approx(mean)


@pytest.mark.parametrize("changes", [{}, {"l2": 0.1}, EVERYTHING], ids=str)
@pytest.mark.parametrize("sampler", ["packed", "pairs"])
def test_the_padding_row_stays_zero(changes: dict[str, Any], sampler: str) -> None:
    model = tiny(sampler=sampler, **changes)
    assert (model.encoder.item_embedding.weight[0] == 0).all()
    fit(model)
    assert (model.encoder.item_embedding.weight[0] == 0).all()


def test_history_curves() -> None:
    history = dm.History(
        epochs=[
            {"epoch": 1, "seq2item": 3.0, "seconds": 1.0},
            {"epoch": 2, "seq2item": 2.0, "seconds": 2.5, "valid": {"mrr": 0.5}},
        ]
    )
    assert history.curve("seq2item") == [(1, 3.0), (2, 2.0)]
    assert history.curve("mrr") == [(2, 0.5)]
    assert history.curve("nothing") == []
    assert history.seconds == 3.5


@pytest.mark.parametrize(("remedy", "first"), [(True, 3), (False, 1)])
def test_weights_are_kept_only_once_the_clicks_are_divided(
    remedy: bool, first: int
) -> None:
    world = dm.synthetic.make_world(60, 10, 2, 10, 10)
    split = dm.leave_one_out(world.interactions)
    changes = {"dim": 8, "n_blocks": 1, "max_len": 10, "n_intents": 2, "variant": 1}
    config = dm.DisRecConfig.recommended(
        split.n_items, remedy=remedy, remedy_epochs=2, learning_rate=1e-12, **changes
    )
    torch.manual_seed(0)
    model = dm.DisRec(config)
    # nothing is learned: the first epoch that counts is the best or as good
    history = dm.fit(model, split, epochs=9, patience=3, progress=False)
    assert history.best_epoch >= first
    assert len(history.epochs) == history.best_epoch + 3
    assert not (remedy and model.intentions.uniform)
