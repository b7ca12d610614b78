"""The explorer: what goes into the page. What it does there: tests/browser."""

import base64
import json
import re
from dataclasses import replace
from importlib.resources import files

import numpy as np
import pytest
import torch

import disrec_mini as dm


def data_of(shown: dm.widgets.Shown) -> dict:
    island = re.search(r'<script type="application/json">(.*?)</script>', shown.markup)
    return json.loads(island.group(1))


def unpacked(entry: dict) -> np.ndarray:
    raw = base64.b64decode(entry["base64"])
    return np.frombuffer(raw, entry["dtype"]).reshape(entry["shape"])


@pytest.fixture(scope="module")
def world() -> dm.synthetic.World:
    return dm.synthetic.shirts_and_trousers(n_users=40)


@pytest.fixture
def model(world) -> dm.DisRec:
    torch.manual_seed(0)
    config = dm.DisRecConfig(world.interactions.n_items, dim=8, n_intents=2, max_len=10)
    return dm.DisRec(config, world.interactions.item_names).eval()


def test_a_model_alone_is_enough(model):
    page = data_of(dm.explorer.show(model))
    assert page["names"][1] == "shirt 1"
    assert page["counts"] is page["categories"] is page["truth"] is None
    assert page["examples"] == []
    model.item_names = None
    assert data_of(dm.explorer.show(model))["names"] is None


def test_data_brings_names_categories_counts_and_users(model, world):
    page = data_of(dm.explorer.show(model, world.interactions))
    assert page["truth"] is None
    assert np.array_equal(unpacked(page["counts"]), world.interactions.counts())
    assert page["categories"][:2] == [[], ["shirts"]]
    assert len(page["examples"]) == 3
    for name, items in page["examples"]:
        user = int(name.removeprefix("user "))
        assert items == world.interactions[user][-10:].tolist()


def test_names_of_the_data_come_before_those_of_the_model(model, world):
    names = ["", *(f"thing {j}" for j in range(40))]
    clicks = replace(world.interactions, item_names=names)
    assert data_of(dm.explorer.show(model, clicks))["names"] == names
    clicks = replace(world.interactions, item_names=None)
    assert data_of(dm.explorer.show(model, clicks))["names"][1] == "shirt 1"


def test_start_is_one_sequence_or_several_with_names(model, world):
    one = data_of(dm.explorer.show(model, world, start=np.array([3, 4])))["examples"]
    assert one[0] == ["the example", [3, 4]]
    assert len(one) == 4
    asked = {"two shirts": [3, 4], "trousers": [30]}
    several = data_of(dm.explorer.show(model, world, start=asked))["examples"]
    assert several == [["two shirts", [3, 4]], ["trousers", [30]]]


def test_a_world_brings_the_truth(model, world):
    truth = data_of(dm.explorer.show(model, world))["truth"]
    assert truth["intention"] == world.intention_of_item.tolist()
    assert truth["chain"] == world.chain_of_item.tolist()


def test_learned_intentions_are_matched_by_what_they_claim(model, world):
    """A layer that reads the truth off the items is matched to it, swapped or not."""

    class Oracle(torch.nn.Module):
        order = (1, 0)

        def forward(self, items, lengths):
            true = torch.tensor(world.intention_of_item)[items]
            learned = torch.tensor(self.order)[true]
            return torch.nn.functional.one_hot(learned, 2).double()

    oracle = Oracle()
    encode = model.encode
    for order, match in (((0, 1), [0, 1]), ((1, 0), [1, 0])):
        oracle.order = order
        model.encode = lambda items, lengths: replace(
            encode(items, lengths), cluster=oracle(items, lengths)
        )
        truth = data_of(dm.explorer.show(model, world))["truth"]
        assert truth["match"] == match
        assert truth["share"] == [1, 1]


def test_intentions_without_a_majority_are_not_matched(world):
    config = dm.DisRecConfig(40, dim=8, n_intents=3, max_len=10, remedy=True)
    model = dm.DisRec(config)  # still undivided: the first intention claims all clicks
    truth = data_of(dm.explorer.show(model, world))["truth"]
    assert truth["match"][1:] == [-1, -1]
    assert truth["share"][1:] == [0, 0]
    shares = np.bincount(world.intention_of_item[world.interactions.items])
    assert truth["share"][0] >= 0.5 - 1e-9
    assert truth["match"][0] == (shares.argmax() if truth["share"][0] > 0.5 else -1)


def test_the_same_model_gives_the_same_html(model, world):
    first = dm.explorer.show(model, world).markup
    assert dm.explorer.show(model, world).markup == first
    with torch.no_grad():
        model.intentions.alpha[0, 0] += 1
    assert dm.explorer.show(model, world).markup != first


def test_showing_changes_nothing(model, world):
    for training in (True, False):
        model.train(training)
        before = {k: v.clone() for k, v in model.state_dict().items()}
        dm.explorer.show(model, world)
        assert model.training is training
        assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items())
        assert all(p.grad is None for p in model.parameters())


@pytest.mark.parametrize("half", [True, False])
def test_weights_arrive(model, half):
    weights = data_of(dm.explorer.show(model, half=half))["weights"]
    state = model.state_dict()
    unused = {"intentions.beta_future"} | {n for n in state if n.endswith("uniform")}
    assert set(state) - set(weights) == unused
    for name, entry in weights.items():
        wanted = state[name].numpy().astype(np.float16 if half else np.float32)
        assert np.array_equal(unpacked(entry), wanted), name


def test_float64_and_frozen_models_can_be_shown(model):
    plain = dm.explorer.show(model).markup
    with torch.inference_mode():
        assert dm.explorer.show(model.double().requires_grad_(False)).markup == plain


def test_numbers_beyond_float16_go_in_as_float32(model):
    with torch.no_grad():
        model.encoder.item_embedding.weight[5] = 70_000
    name = "encoder.item_embedding.weight"
    with pytest.warns(UserWarning, match=f"{name} exceeds float16"):
        weights = data_of(dm.explorer.show(model))["weights"]
    assert weights[name]["dtype"] == "float32"
    assert np.array_equal(unpacked(weights[name]), model.state_dict()[name].numpy())
    others = {entry["dtype"] for key, entry in weights.items() if key != name}
    assert others == {"float16"}


def test_one_sentence_for_what_cannot_be_shown(model, world):
    with pytest.raises(dm.DisrecError, match="needs a DisRec, not dict"):
        dm.explorer.show({})
    with pytest.raises(dm.DisrecError, match="Interactions or a World, not list"):
        dm.explorer.show(model, [[1, 2]])
    empty = dm.Interactions.from_sequences([], 40)
    assert data_of(dm.explorer.show(model, empty))["examples"] == []
    other = dm.Interactions.from_sequences([[1, 2, 3]])
    with pytest.raises(dm.DisrecError, match="has 3 items and the model 40"):
        dm.explorer.show(model, other)
    with pytest.raises(dm.DisrecError, match="item 41 in 'the start' is unknown"):
        dm.explorer.show(model, start=[1, 41])
    with pytest.raises(dm.DisrecError, match="at_least needs data"):
        dm.explorer.show(model, at_least=5)
    with pytest.raises(dm.DisrecError, match="at_least must be a whole number"):
        dm.explorer.show(model, at_least=0.5)
    for bad in (0, 1.5, "a"):
        with pytest.raises(dm.DisrecError, match="an item in 'bad' must be a whole"):
            dm.explorer.show(model, start={"bad": [bad]})
    with torch.no_grad():
        model.intentions.prototypes[0, 0] = torch.nan
    with pytest.raises(dm.DisrecError, match=r"prototypes holds NaN or infinity"):
        dm.explorer.show(model)


def test_a_page_of_films_is_small():
    """1,682 films, D = 64, K = 4, 2 blocks, as long sequences as the paper's."""
    n = 1682
    clicks = dm.Interactions(
        np.arange(1, n + 1),
        [0, n],
        n,
        item_names=[
            "",
            *(f"A film with a title, number {j:04} (1997)" for j in range(n)),
        ],
        item_categories=[(), *(("Drama", "Comedy", "Romance") for _ in range(n))],
    )
    model = dm.DisRec(dm.DisRecConfig(n, max_len=200))
    assert len(dm.explorer.show(model, clicks, noun="film").markup) < 800_000
    assert len(dm.explorer.show(model, clicks, half=False).markup) < 1_600_000


def test_hostile_names_stay_text(model):
    model.item_names[1] = "</script><img src=x onerror=alert(1)>"
    markup = dm.explorer.show(model, label='"a" <b>').markup
    assert "<img" not in markup
    assert 'aria-label="&quot;a&quot; &lt;b&gt;"' in markup
    assert markup.count("</script>") == 2


def test_the_scripts_stay_short_and_quiet():
    folder = files("disrec_mini.explorer")
    names = ("forward.js", "flow.js", "ui.js")
    texts = {n: (folder / n).read_text("utf-8") for n in names}
    assert sum(text.count("\n") for text in texts.values()) <= 700
    for text in texts.values():
        assert max(map(len, text.splitlines())) <= 88
        assert not re.search(r"https?:|console\.|innerHTML|window\.|</script", text)
