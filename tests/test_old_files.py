"""Files written by version 0.1.0, before the remedy had a layer of its own, still read.

`tests/old` was written by that version: a model and a checkpoint after two epochs, with
and without the remedy, and the scores it gave then and after two epochs more.
"""

import json
import shutil
from pathlib import Path

import pytest
import torch

import disrec_mini as dm
from disrec_mini import runs
from disrec_mini.remedy import RemedyLayer

OLD = Path(__file__).parent / "old"
KNOWN = json.loads((OLD / "scores.json").read_text())
ROWS = [
    [1, 2, 3, 4, 5],
    [2, 3, 4, 5, 6],
    [3, 4, 5, 6, 1],
    [5, 6, 1, 2],
    [6, 1, 2, 3, 4],
]


def scores(model: dm.Recommender) -> torch.Tensor:
    items = torch.tensor([[1, 2, 3], [4, 5, 0]])
    return model.score(items, torch.tensor([3, 2]))[:, 1:]


@pytest.mark.parametrize("name", ["plain", "remedy"])
def test_an_old_model_scores_as_it_did(name: str) -> None:
    for kind in (dm.DisRec, dm.Recommender):
        model = kind.load(OLD / name)
        assert isinstance(model.intentions, RemedyLayer) == (name == "remedy")
        assert model.item_names[1] == "a"
        torch.testing.assert_close(scores(model), torch.tensor(KNOWN[name]["scores"]))


@pytest.mark.parametrize("name", ["plain", "remedy"])
def test_an_old_checkpoint_goes_on(name: str, tmp_path: Path) -> None:
    shutil.copy(OLD / name / "checkpoint.pt", tmp_path)
    split = dm.leave_one_out(dm.Interactions.from_sequences(ROWS, n_items=6))
    model = dm.DisRec(dm.DisRec.load(OLD / name).config, ["", *"abcdef"])
    history = dm.fit(
        model, split, epochs=4, seed=3, out=tmp_path, resume=True, progress=False
    )
    assert len(history.epochs) == 4
    expected = torch.tensor(KNOWN[name]["after four epochs"])
    torch.testing.assert_close(scores(model), expected, rtol=1e-3, atol=1e-3)


def test_an_old_result_says_what_a_new_one_says() -> None:
    old = {"curve": [{"epoch": 1}], "best_epoch": 1, "valid": {}}
    now = runs.as_now(old)
    assert now["history"]["epochs"] == [{"epoch": 1}]
    assert now["model"] == "disrec"
    assert runs.as_now(now) == now
