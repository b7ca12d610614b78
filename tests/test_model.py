"""The model against loop-written equations; its edges, files, start and settings."""

import dataclasses
import json
import math
import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import disrec_mini as dm
from disrec_mini import model_files
from disrec_mini.encoder import Block, Dropout, attention_bias, causal_mask
from disrec_mini.intentions import IntentionLayer
from disrec_mini.model_files import write_model
from disrec_mini.remedy import RemedyLayer

quick = settings(max_examples=25, deadline=None, derandomize=True)
N_ITEMS, DIM, K, MAX_LEN = 20, 8, 3, 7
ROLES = ("past", "future")
OLD_MODEL = Path(__file__).parent / "old/plain/model.pt"


def tiny(remedy: bool = False, seed: int = 0, **changes: Any) -> dm.DisRec:
    """A small float64 model in which every parameter and buffer matters."""
    made = {"dim": DIM, "n_intents": K, "max_len": MAX_LEN, "dropout": 0.0} | changes
    torch.manual_seed(seed)
    model = dm.DisRec(dm.DisRecConfig(N_ITEMS, remedy=remedy, **made)).double()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.4 * torch.randn_like(parameter))
        model.encoder.item_embedding.weight[0] = 0
        for name, buffer in model.named_buffers():  # the remedy's
            buffer.normal_() if name.endswith("z_mean") else buffer.fill_(False)
    return model.eval()


def batch(lengths: list[int], width: int = 0, seed: int = 0) -> list[torch.Tensor]:
    """[items (B, T), lengths (B,)] of random clicks."""
    draw = torch.Generator().manual_seed(seed)
    size = torch.tensor(lengths)
    width = max(width, *lengths, 1)
    items = torch.randint(1, N_ITEMS + 1, (len(lengths), width), generator=draw)
    return [items * (torch.arange(width) < size[:, None]), size]


def close(ours: torch.Tensor, theirs: torch.Tensor, atol: float = 1e-10) -> None:
    torch.testing.assert_close(ours, theirs, rtol=0, atol=atol)


# -- prefixes, padding, causality ------------------------------------------------------


@quick
@given(
    lengths=st.lists(st.integers(1, MAX_LEN), min_size=1, max_size=5),
    role=st.sampled_from(ROLES),
    remedy=st.booleans(),
    seed=st.integers(0, 99),
)
def test_prefixes_equal_encode(
    lengths: list[int], role: str, remedy: bool, seed: int
) -> None:
    model = tiny(remedy, seed)
    items, size = batch(lengths, seed=seed)
    with torch.no_grad():
        phi = model.encode_prefixes(items, size, role)
        assert phi.shape == (len(lengths), items.shape[1], K, DIM)
        for b, n in enumerate(lengths):
            for t in range(1, n + 1):
                alone = model.encode(items[b : b + 1, :t], torch.tensor([t]), role)
                close(phi[b, t - 1], alone.phi[0])
            assert (phi[b, n:] == 0).all()


def test_the_uniform_start_of_the_remedy_holds_for_prefixes_too() -> None:
    model = tiny(remedy=True)
    model.intentions.uniform.fill_(True)
    items, size = batch([5, 2])
    whole = model.encode(items, size)
    close(whole.cluster[0], torch.full((5, K), 1 / K, dtype=torch.float64))
    close(model.encode_prefixes(items, size)[[0, 1], size - 1], whole.phi)


def test_before_the_prototypes_are_placed_the_remedy_learns_as_one_intention() -> None:
    """Same loss but for ln K, same gradient of everything that K = 1 has."""
    several, one = tiny(remedy=True), tiny(n_intents=1)
    several.intentions.uniform.fill_(True)
    weights = dict(several.state_dict())
    for name in ("beta_past", "beta_future"):
        weights[f"intentions.{name}"] = weights[f"intentions.{name}"].mean(0)[None]
    weights["intentions.prototypes"] = weights["intentions.prototypes"][:1]
    one.load_state_dict(weights)
    items, size = batch([5, 2, 3])
    targets = torch.randn(3, several.config.dim, dtype=torch.float64)
    losses = []
    for model in (several, one):
        phi = model.encode(items, size).phi
        loss = dm.losses.seq2item_loss(phi, targets, temperature=1.0).mean()
        loss.backward()
        losses.append(float(loss.detach()))
    assert losses[0] == pytest.approx(losses[1] + math.log(K), abs=1e-12)
    shared = dict(several.named_parameters())
    for name, weight in one.named_parameters():
        if name.endswith("beta_past"):
            close(shared[name].grad.sum(0), weight.grad[0])
        elif weight.grad is not None and not weight.grad.eq(0).all():
            close(shared[name].grad, weight.grad)


@pytest.mark.parametrize("remedy", [False, True])
@pytest.mark.parametrize("role", ROLES)
def test_padding_is_zero_and_without_influence(role: str, remedy: bool) -> None:
    model = tiny(remedy)
    lengths = [3, 1, 4]
    wide = model.encode(*batch(lengths, MAX_LEN), role)
    # the same clicks in narrower rows, and each row by itself
    items, size = batch(lengths, MAX_LEN)
    narrow = model.encode(items[:, :4], size, role)
    for name in ("z", "cluster", "weight", "phi"):
        ours = getattr(wide, name)
        theirs = getattr(narrow, name)
        if name != "phi":
            assert (ours[:, 4:] == 0).all()
            ours = ours[:, :4]
            for row, n in zip(ours, lengths, strict=True):
                assert (row[n:] == 0).all(), name
                assert (row[:n] != 0).all(), name
        close(ours, theirs)
    for b, n in enumerate(lengths):
        alone = model.encode(items[b : b + 1, :n], size[b : b + 1], role)
        close(alone.phi[0], wide.phi[b])
        close(alone.weight[0], wide.weight[b, :n])


def test_the_content_of_padding_is_never_read() -> None:
    """Whatever vectors stand at padding, inside the encoder and inside the layer."""
    model = tiny()
    items, size = batch([3, 1, 5], MAX_LEN)
    position, mask = torch.arange(MAX_LEN), causal_mask(size, MAX_LEN)
    h = model.encoder.item_embedding(items)
    dirt = 1e3 * torch.randn_like(h) * (items == 0).unsqueeze(-1)
    z = model.encoder(items, position, mask, h)
    close(model.encoder(items, position, mask, h + dirt), z)
    for role in ROLES:
        clean, dirty = (model.intentions(x, size, role) for x in (z, z + dirt))
        for name in ("cluster", "weight", "phi"):
            close(getattr(dirty, name), getattr(clean, name))
    pooled, _ = model.intentions.pool_prefixes(z + dirt, position, mask)
    expected, _ = model.intentions.pool_prefixes(z, position, mask)
    close(pooled[items != 0], expected[items != 0])


@quick
@given(
    n=st.integers(2, MAX_LEN),
    data=st.data(),
    role=st.sampled_from(ROLES),
    remedy=st.booleans(),
)
def test_later_clicks_never_change_earlier_prefixes(
    n: int, data: st.DataObject, role: str, remedy: bool
) -> None:
    model = tiny(remedy)
    items, size = batch([n, 3])
    changed = data.draw(st.integers(1, n - 1))
    other = items.clone()
    other[0, changed] = 1 + items[0, changed] % N_ITEMS
    ours, theirs = (model.encode_prefixes(x, size, role) for x in (items, other))
    close(ours[0, :changed], theirs[0, :changed], atol=1e-12)
    assert (ours[0, changed:n] - theirs[0, changed:n]).abs().amax((1, 2)).min() > 1e-6
    close(ours[1], theirs[1], atol=1e-12)


@pytest.mark.parametrize("remedy", [False, True])
def test_shares_sum_to_one(remedy: bool) -> None:
    model = tiny(remedy)
    lengths = [1, 4, MAX_LEN]
    for role in ROLES:
        read = model.encode(*batch(lengths), role)
        close(read.weight.sum(1), torch.ones(3, dtype=torch.float64))
        for b, n in enumerate(lengths):
            close(read.cluster[b, :n].sum(1), torch.ones(n, dtype=torch.float64))
        assert (read.weight >= 0).all()
        assert (read.cluster >= 0).all()
    assert model.encode(*batch([1])).weight.item() == 1


def test_the_roles_differ_in_beta_alone() -> None:
    model = tiny()
    past, future = (model.encode(*batch([4, 2]), role) for role in ROLES)
    close(past.z, future.z)
    close(past.cluster, future.cluster)
    close(past.weight, future.weight)
    assert (past.phi - future.phi).abs().min() > 1e-6
    with torch.no_grad():
        model.intentions.beta_future.copy_(model.intentions.beta_past)
    close(model.encode(*batch([4, 2]), "future").phi, past.phi)


# -- loop-written equations ------------------------------------------------------------


def norm(x: torch.Tensor, layer: torch.nn.LayerNorm | None = None) -> torch.Tensor:
    """LayerNorm of one vector, its variance divided by D."""
    n = len(x)
    mean = sum(x) / n
    variance = sum((v - mean) ** 2 for v in x) / n
    plain = (x - mean) / torch.sqrt(variance + 1e-8)
    return plain if layer is None else plain * layer.weight + layer.bias


def softmax(values: list[torch.Tensor]) -> list[torch.Tensor]:
    powers = [torch.exp(v) for v in values]
    return [p / sum(powers) for p in powers]


def linear(layer: torch.nn.Linear, x: torch.Tensor) -> torch.Tensor:
    return torch.stack(
        [w @ x + b for w, b in zip(layer.weight, layer.bias, strict=True)]
    )


def slow_block(block: Block, x: list[torch.Tensor]) -> list[torch.Tensor]:
    """One block on one sequence, click by click; dropout off."""
    out = []
    for i in range(len(x)):
        n = norm(x[i], block.norm_query)
        query = linear(block.query, n)
        scores = [
            query @ linear(block.key, x[j]) / math.sqrt(len(n)) for j in range(i + 1)
        ]
        attention = softmax(scores)
        seen = sum(a * linear(block.value, x[j]) for j, a in enumerate(attention))
        y = norm(n + seen, block.norm_feedforward)
        hidden = linear(block.inner, y).clamp(min=0)
        out.append(y + linear(block.outer, hidden))
    return out


def slow_layer(
    layer: IntentionLayer, z: list[torch.Tensor], beta: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """cluster (t, K), weight (t,), phi (K, D) of one sequence."""
    t, root = len(z), math.sqrt(len(z[0]))
    clusters, scores = [], []
    for i in range(t):
        if isinstance(layer, RemedyLayer):
            click = norm(z[i] - layer.z_mean)
            prototypes = [norm(c) for c in layer.prototypes]
        else:
            click = norm(z[i], layer.norm_click)
            prototypes = [norm(c, layer.norm_prototype) for c in layer.prototypes]
        clusters.append(softmax([click @ c / root for c in prototypes]))
        key = norm(layer.alpha[i] + z[i], layer.norm_key)
        key = key + linear(layer.key, key).clamp(min=0)
        query = norm(layer.alpha[t - 1] + z[t - 1] + layer.query_bias, layer.norm_query)
        scores.append(key @ query / root)
    weights = softmax(scores)
    phi = []
    for k in range(len(layer.prototypes)):
        pooled = sum(clusters[i][k] * weights[i] * z[i] for i in range(t))
        phi.append(norm(beta[k] + pooled, layer.norm_out))
    return (
        torch.stack([torch.stack(p) for p in clusters]),
        torch.stack(weights),
        torch.stack(phi),
    )


def test_a_block_equals_the_loop() -> None:
    block = tiny().encoder.blocks[0]
    x = torch.randn(2, 5, DIM, dtype=torch.float64)
    size = torch.tensor([5, 3])
    with torch.no_grad():
        ours = block(x, causal_mask(size, 5))
        for b, n in enumerate(size.tolist()):
            close(ours[b, :n], torch.stack(slow_block(block, list(x[b, :n]))))


@pytest.mark.parametrize("remedy", [False, True])
@torch.no_grad()
def test_the_intention_layer_equals_the_loop(remedy: bool) -> None:
    layer = tiny(remedy).intentions
    size = torch.tensor([6, 4, 1])
    valid = torch.arange(6) < size[:, None]
    z = torch.randn(3, 6, DIM, dtype=torch.float64) * valid.unsqueeze(-1)
    for role, beta in zip(ROLES, (layer.beta_past, layer.beta_future), strict=True):
        read = layer(z, size, role)
        for b, n in enumerate(size.tolist()):
            cluster, weight, phi = slow_layer(layer, list(z[b, :n]), beta)
            close(read.cluster[b, :n], cluster)
            close(read.weight[b, :n], weight)
            close(read.phi[b], phi)


@torch.no_grad()
def test_the_whole_model_equals_the_loop() -> None:
    """From clicks to scores: score(j) = max_k h_j . phi^(k) / sqrt(D)."""
    model = tiny(n_blocks=2)
    encoder, layer = model.encoder, model.intentions
    items, size = batch([5, 1, 2])
    scores = model.score(items, size)
    read = model.encode(items, size)
    candidates = torch.tensor([[3, 0, 1], [2, 2, 20], [0, 5, 7]])
    some = model.score_candidates(items, size, candidates)
    assert scores.shape == (3, N_ITEMS + 1)
    h = encoder.item_embedding.weight
    for b, n in enumerate(size.tolist()):
        x = [
            math.sqrt(DIM) * h[items[b, i]] + encoder.position_embedding.weight[i]
            for i in range(n)
        ]
        for block in encoder.blocks:
            x = slow_block(block, x)
        z = [norm(v, encoder.norm) for v in x]
        close(read.z[b, :n], torch.stack(z))
        phi = slow_layer(layer, z, layer.beta_past)[2]
        close(read.phi[b], phi)
        assert scores[b, 0] == -math.inf
        for j in range(1, N_ITEMS + 1):
            best = max(float(h[j] @ phi[k]) / math.sqrt(DIM) for k in range(K))
            assert float(scores[b, j]) == pytest.approx(best, abs=1e-10)
        close(some[b], scores[b, candidates[b]])


# -- edges -----------------------------------------------------------------------------


def test_the_smallest_and_the_largest_input() -> None:
    model = tiny()
    one = model.encode(*batch([1]))
    assert one.z.shape == (1, 1, DIM)
    assert one.cluster.shape == (1, 1, K)
    assert one.weight.shape == (1, 1)
    assert one.phi.shape == (1, K, DIM)
    full = model.encode(*batch([MAX_LEN, 2]))
    assert full.phi.isfinite().all()
    with pytest.raises(dm.DisrecError, match=r"8 clicks are longer than max_len = 7"):
        model.encode(*batch([MAX_LEN + 1]))


def int64(*values: Any) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.int64)


BAD_INPUT = [
    (int64(1, 2), int64(2), "must be \\(B, T\\)"),
    (int64([1, 2]), int64(1, 1), "must be \\(B, T\\)"),
    (int64([1, 2]), int64([2]), "must be \\(B, T\\)"),
    (int64([1, 2]).float(), int64(2), "must be int64"),
    (int64([1, 2]).int(), int64(2), "must be int64"),
    (int64([1, 2]), int64(2).int(), "must be int64"),
    ([[1, 2]], int64(2), "must be int64"),
    (np.array([[1, 2]]), np.array([2]), "must be int64"),
    (torch.zeros(0, 3, dtype=torch.int64), torch.zeros(0).long(), "at least one"),
    (torch.zeros(2, 0, dtype=torch.int64), int64(0, 0), "at least one"),
    (int64([1, 2]), int64(0), "first \\(at least 1"),
    (int64([1, 2]), int64(-1), "first \\(at least 1"),
    (int64([1, 2]), int64(3), "first \\(at least 1"),
    (int64([1, 2]), int64(1), "and then zeros"),
    (int64([0, 2]), int64(1), "and then zeros"),
    (int64([1, 0, 2]), int64(3), "none of them 0"),
    (int64([1, N_ITEMS + 1]), int64(2), "item 21 is unknown: ids run from 1 to 20"),
    (int64([1, -3]), int64(2), "item -3 is unknown"),
]


@pytest.mark.parametrize(("items", "lengths", "sentence"), BAD_INPUT)
def test_bad_input_is_refused_in_a_sentence(
    items: Any, lengths: Any, sentence: str
) -> None:
    model = tiny()
    for call in (model.encode, model.encode_prefixes, model.score):
        with pytest.raises(dm.DisrecError, match=sentence) as caught:
            call(items, lengths)
        assert str(caught.value).endswith(".")
        assert "\n" not in str(caught.value)


def test_other_bad_arguments() -> None:
    model = tiny()
    for call in (model.encode, model.encode_prefixes):
        with pytest.raises(dm.DisrecError, match="role must be 'past' or 'future'"):
            call(*batch([2]), role="present")
    with pytest.raises(dm.DisrecError, match="item_names must have 21 entries"):
        dm.DisRec(model.config, ["", "a"])


# -- recommend -------------------------------------------------------------------------


def best_items(model: dm.DisRec, clicks: list[int], k: int, unseen: bool) -> list[int]:
    """By sorting the scores of the last max_len clicks."""
    read = clicks[-MAX_LEN:]
    scores = model.score(int64(read), int64(len(read)))[0].tolist()
    items = [j for j in range(1, N_ITEMS + 1) if not (unseen and j in clicks)]
    return sorted(items, key=lambda j: -scores[j])[:k]


def test_recommend_gives_the_best_items() -> None:
    model = tiny()
    long = [1, 2, 3, 4, 5, 6, 7, 8, 9, 2]  # the first clicks are not read, but seen
    for clicks in ([4], [4, 9, 4], long):
        for k in (1, 5, N_ITEMS + 5):
            for unseen in (True, False):
                ours = model.recommend(clicks, k, exclude_seen=unseen)
                assert ours == best_items(model, clicks, k, unseen)
    assert len(model.recommend(long, 99)) == N_ITEMS - 9
    assert len(model.recommend(long, 99, exclude_seen=False)) == N_ITEMS
    with pytest.raises(dm.DisrecError, match="nothing is left to recommend"):
        model.recommend(range(1, N_ITEMS + 1), 5)
    assert model.recommend(long) == model.recommend(long, 10)
    assert all(type(j) is int for j in model.recommend(long))


def test_recommend_takes_arrays_and_several_rows() -> None:
    model = tiny()
    rows = [[4, 9, 4], [7], [1, 2]]
    expected = [best_items(model, row, 4, True) for row in rows]
    array = np.array([row + [0] * (9 - len(row)) for row in rows])
    for items in (array, array.tolist(), torch.from_numpy(array), array.astype("u1")):
        assert model.recommend(items, 4) == expected
    assert model.recommend(array[0], 4) == expected[0]
    assert model.recommend(array[:1], 4) == expected[:1]


def test_recommend_without_dropout_leaves_the_mode() -> None:
    torch.manual_seed(0)
    model = dm.DisRec(dm.DisRecConfig(N_ITEMS, dim=DIM, dropout=0.9)).train()
    first = model.recommend([1, 2, 3])
    assert all(model.recommend([1, 2, 3]) == first for _ in range(5))
    assert model.training
    assert model.eval().recommend([1, 2, 3]) == first
    assert not model.training


BAD_CLICKS = [
    ([], "recommend needs item ids"),
    ([[1, 2], [0, 0]], "at least one click"),
    ([0, 0], "at least one click"),
    ([1.0, 2.0], "recommend needs item ids"),
    (["a"], "recommend needs item ids"),
    ([True], "recommend needs item ids"),
    ([[1, 2], [3]], "recommend needs item ids"),
    (5, "recommend needs item ids"),
    (np.ones((1, 1, 1), int), "recommend needs item ids"),
    (None, "recommend needs item ids"),
    ([1, 21], "item 21 is unknown"),
    ([1, -1], "item -1 is unknown"),
    ([1, 0, 2], "item 0 is unknown"),
]


@pytest.mark.parametrize(("items", "sentence"), BAD_CLICKS)
def test_recommend_refuses_in_a_sentence(items: Any, sentence: str) -> None:
    with pytest.raises(dm.DisrecError, match=sentence):
        tiny().recommend(items)


@pytest.mark.parametrize("k", [0, -1, 2.0, "3", None])
def test_recommend_refuses_a_bad_k(k: Any) -> None:
    with pytest.raises(dm.DisrecError, match="k must be a whole number >= 1"):
        tiny().recommend([1], k)


# -- files -----------------------------------------------------------------------------


@pytest.fixture
def model() -> dm.DisRec:
    config = dm.DisRecConfig.recommended(5, dim=4, n_intents=2, max_len=6)
    model = dm.DisRec(config, ["", "a", "b", "ä", "d", "e"])
    model.intentions.z_mean.normal_()
    model.intentions.uniform.fill_(False)
    return model


def test_round_trip_is_bit_for_bit(model: dm.DisRec, tmp_path: Path) -> None:
    path = tmp_path / "new" / "model.safetensors"
    model.save(path)
    for place in (path, str(path), path.parent):
        read = dm.DisRec.load(place)
        assert read.config == model.config
        assert read.item_names == model.item_names
        assert not read.training
        ours, theirs = model.state_dict(), read.state_dict()
        assert list(ours) == list(theirs)
        for name in ours:
            assert ours[name].dtype == theirs[name].dtype
            assert torch.equal(ours[name], theirs[name]), name
        items = int64([1, 2, 5])
        assert torch.equal(
            model.eval().score(items, int64(3)), read.score(items, int64(3))
        )


def test_a_model_made_with_numpy_values_can_be_read(tmp_path: Path) -> None:
    config = dm.DisRecConfig(2, dim=4, keep=np.float64(0.3))
    dm.DisRec(config, np.array(["", "a", "b"])).save(tmp_path / "model.safetensors")
    read = dm.DisRec.load(tmp_path)
    assert read.config == config
    assert read.item_names == ["", "a", "b"]


class Payload:
    """Unpickling it would make a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> tuple:
        return os.mkdir, (str(self.folder),)


def load_fails(path: Path, sentence: str) -> None:
    with pytest.raises(dm.DisrecError, match=sentence) as caught:
        dm.DisRec.load(path)
    assert str(path.name) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_foreign_code_is_not_executed(model: dm.DisRec, tmp_path: Path) -> None:
    proof, path = tmp_path / "executed", tmp_path / "model.pt"
    content = {"format": "disrec_mini model 1", "weights": Payload(proof)}

    def dump(obj: Any, file: Any) -> None:
        pickle.dump(obj, file, protocol=2)  # torch's own

    for write in (dump, torch.save):
        with path.open("wb") as file:
            write(content, file)
        load_fails(path, "is damaged or not a model of disrec_mini")
        assert not proof.exists()
        with path.open("rb") as file:  # the payload does work
            if write is dump:
                pickle.load(file)
            else:
                torch.load(file, weights_only=False)
        assert proof.is_dir()
        proof.rmdir()


def test_damaged_and_foreign_files(model: dm.DisRec, tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    load_fails(path, "does not exist: expected a model of disrec_mini")
    load_fails(tmp_path, "model.safetensors does not exist")
    model.save(path)
    whole, bad = path.read_bytes(), "is damaged or not a model of disrec_mini"
    for n in (0, 1, 7, 8, 100, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:n])
        load_fails(path, bad)
    for n in (0, 10, 10**8, 10**12, 2**63, 2**64 - 1):  # what the header claims to be
        path.write_bytes(n.to_bytes(8, "little") + whole[8:])
        load_fails(path, bad)
    path.write_bytes(whole + b"more")
    load_fails(path, bad)
    for text in (b"{}", b"[]", b'{"__metadata__": 5}', b"[" * 5000, b"\xff" * 9):
        path.write_bytes(len(text).to_bytes(8, "little") + text)
        load_fails(path, "not a model of disrec_mini")
    huge = {"dtype": "F32", "shape": [10**11, 10], "data_offsets": [0, 4 * 10**12]}
    for entry in (huge, {**huge, "data_offsets": [0, 0]}, {**huge, "dtype": "Q8"}):
        text = json.dumps({"a": entry}).encode()
        path.write_bytes(len(text).to_bytes(8, "little") + text)
        load_fails(path, bad)
    path.write_bytes(b"PK\x03\x04" + bytes(1000))
    load_fails(path, bad)
    path.write_text("hello")
    load_fails(path, bad)
    for foreign in ({"a": torch.ones(2)}, [1, 2], torch.ones(3), {"format": "x"}):
        torch.save(foreign, path)
        load_fails(path, "is not a model of disrec_mini \\(expected format")
    safetensors.torch.save_file({"a": torch.ones(2)}, path, {"format": "pt"})
    load_fails(path, "is not a model of disrec_mini: its header does not say so")
    for text in ("", "{", "[]", '{"about": 5}', "[" * 100_000):
        safetensors.torch.save_file({"a": torch.ones(2)}, path, {"disrec_mini": text})
        load_fails(path, bad)
    write_model(path, {"format": "disrec_mini model 3"}, {})
    load_fails(path, "is not a model of disrec_mini \\(expected format")
    path.unlink()
    path.mkdir()
    load_fails(path, "model.safetensors does not exist")
    os.mkfifo(tmp_path / "pipe")
    load_fails(tmp_path / "pipe", "is a pipe or a device")


def test_no_bit_of_a_file_may_change(model: dm.DisRec, tmp_path: Path) -> None:
    """Settings, names, weights: the sum is over all of them."""
    path = tmp_path / "model.safetensors"
    model.save(path)
    whole = path.read_bytes()
    size = int.from_bytes(whole[:8], "little")
    names = whole.index(b"item_names")
    for place in (*range(0, len(whole), 97), names + 20, size + 8, len(whole) - 1):
        changed = bytearray(whole)
        changed[place] ^= 1
        path.write_bytes(bytes(changed))
        if changed[8 : 8 + size].isspace():  # padding of the header
            continue
        load_fails(path, "model of disrec_mini|copy the file again")


def test_a_file_is_for_any_reader(model: dm.DisRec, tmp_path: Path) -> None:
    """Tensors by name; everything else is one text in the header."""
    path = tmp_path / "model.safetensors"
    model.made_from = {"clicks": 7}
    model.save(path)
    weights = safetensors.torch.load_file(path)
    assert weights.keys() == model.state_dict().keys()
    with safetensors.safe_open(path, "pt") as file:
        about = json.loads(json.loads(file.metadata()["disrec_mini"])["about"])
    assert about["item_names"] == model.item_names
    assert about["config"]["dim"] == 4
    assert (about["model"], about["version"]) == ("disrec", dm.__version__)
    assert dm.DisRec.load(path).made_from == about["made_from"] == {"clicks": 7}
    first = path.read_bytes()
    model.save(path)
    assert path.read_bytes() == first


def test_of_two_files_the_one_that_is_written_now(
    model: dm.DisRec, tmp_path: Path
) -> None:
    old = torch.load(OLD_MODEL, weights_only=True)
    torch.save(old, tmp_path / "model.pt")
    assert dm.DisRec.load(tmp_path).item_names == old["item_names"]
    model.save(tmp_path / "model.safetensors")
    assert dm.DisRec.load(tmp_path).item_names == model.item_names
    assert dm.DisRec.load(tmp_path / "model.pt").item_names == old["item_names"]
    model.save(tmp_path / "model.pt")  # whatever it is called
    assert dm.DisRec.load(tmp_path / "model.pt").item_names == model.item_names


def test_many_names_and_strange_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ["", "\ud800", "\0", '"}{', "\u2028", "Котик", "a" * 1000]
    model = dm.DisRec(dm.DisRecConfig(6, dim=2), names)
    for room in (10**6, 10):  # of the header: the rest goes into a tensor
        monkeypatch.setattr(model_files, "ROOM", room)
        model.save(tmp_path / "model.safetensors")
        assert dm.DisRec.load(tmp_path).item_names == names


@pytest.mark.parametrize("kind", [torch.float64, torch.bfloat16])
def test_weights_keep_their_precision(
    model: dm.DisRec, kind: torch.dtype, tmp_path: Path
) -> None:
    model.to(kind).save(tmp_path / "model.safetensors")
    read = dm.DisRec.load(tmp_path).state_dict()
    for name, x in model.state_dict().items():
        assert read[name].dtype == x.dtype
        assert torch.equal(read[name], x)


def test_weights_that_share_their_memory(tmp_path: Path) -> None:
    whole = torch.arange(12.0).reshape(3, 4)
    parts = {"all": whole, "row": whole[1], "column": whole[:, 1], "none": whole[:0]}
    write_model(tmp_path / "x", {}, parts)
    read = model_files.read_model(tmp_path / "x")["weights"]
    assert all(torch.equal(read[name], x) for name, x in parts.items())
    with pytest.raises(dm.DisrecError, match="its b is no tensor"):
        write_model(tmp_path / "x", {}, {"a": whole, "b": 5})


@pytest.mark.parametrize("form", ["safetensors", "pt"])
def test_files_of_another_version(form: str, model: dm.DisRec, tmp_path: Path) -> None:
    path = tmp_path / f"model.{form}"
    model.save(path)
    content = model_files.read_model(path)
    config = content["config"]
    weights = content["weights"]
    name = "intentions.alpha"
    cut = {k: v for k, v in weights.items() if k != name}

    def write(content: dict[str, Any]) -> None:
        if form == "pt":
            torch.save({**content, "format": "disrec_mini model 1"}, path)
        else:
            rest = {k: v for k, v in content.items() if k != "weights"}
            write_model(path, rest, content.get("weights", {}))

    for changes in (
        {"config": config | {"colour": 1}},
        {"config": config | {"dim": 8}},
        {"config": config | {"keep": 7.0}},
        {"config": None},
        {"weights": cut},
        {"weights": weights | {"more": torch.ones(1)}},
        {"weights": weights | {name: weights[name].to(torch.int64)}},
        {"weights": weights | {name: weights[name].to(torch.bool)}},
        {"weights": weights | {name: torch.zeros(0)}},
        {"item_names": ["", "a"]},
        {"version": "9.9"} | {"config": {}},
    ):
        write(content | changes)
        load_fails(path, "was written by disrec_mini .* does not fit this version")
    for name in ("config", "weights", "item_names"):
        write({k: v for k, v in content.items() if k != name})
        load_fails(path, "does not fit this version")


@pytest.mark.parametrize("number", [28, 122, 5])
def test_a_failing_write_leaves_the_old_file(
    number: int, model: dm.DisRec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "model.safetensors"
    model.save(path)
    before = path.read_bytes()

    def fails(_: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", fails)
    with pytest.raises(dm.DisrecError, match=f"Cannot write .*{os.strerror(number)}"):
        model.save(path)
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["model.safetensors"]


# -- the start, and the remedy ---------------------------------------------------------


def test_the_default_start_is_the_papers() -> None:
    """Glorot uniform: bound sqrt(6 / (rows + columns)), std sqrt(2 / (...))."""
    torch.manual_seed(0)
    model = dm.DisRec(dm.DisRecConfig(3000, n_intents=100))
    layer, encoder = model.intentions, model.encoder
    assert (encoder.item_embedding.weight[0] == 0).all()
    for table in (
        encoder.item_embedding.weight,
        encoder.position_embedding.weight,
        layer.prototypes,
        layer.alpha,
        encoder.blocks[0].query.weight,
        encoder.blocks[1].outer.weight,
        layer.key.weight,
    ):
        total = sum(table.shape)
        values = table.detach()
        assert float(values.std()) == pytest.approx(math.sqrt(2 / total), rel=0.05)
        assert float(values.abs().max()) <= math.sqrt(6 / total)
    for beta in (layer.beta_past, layer.beta_future):
        assert float(beta.detach().std()) == pytest.approx(1 / 8, rel=0.05)
    assert not torch.equal(layer.beta_past, layer.beta_future)
    for module in model.modules():
        if isinstance(module, torch.nn.Linear):
            assert (module.bias == 0).all()
        if isinstance(module, torch.nn.LayerNorm):
            assert module.eps == 1e-8
            assert (module.weight == 1).all()
            assert (module.bias == 0).all()
    assert (layer.query_bias == 0).all()


def test_init_std_reaches_the_tables() -> None:
    torch.manual_seed(0)
    model = dm.DisRec(dm.DisRecConfig(3000, init_std=0.02, n_intents=100))
    layer, encoder = model.intentions, model.encoder
    assert (encoder.item_embedding.weight[0] == 0).all()
    for table in (
        encoder.item_embedding.weight,
        encoder.position_embedding.weight,
        layer.prototypes,
        layer.alpha,
    ):
        assert float(table.detach().std()) == pytest.approx(0.02, rel=0.05)
    assert float(layer.beta_past.detach().std()) == pytest.approx(1 / 8, rel=0.05)


def test_the_padding_row_never_learns() -> None:
    model = tiny().train()
    items, size = batch([5, 2, 1])
    model.encode(items, size).phi.sum().backward()
    gradient = model.encoder.item_embedding.weight.grad
    assert gradient is not None
    assert (gradient[0] == 0).all()
    assert gradient[items[0, 0]].abs().max() > 0


def test_item_dropout_hides_items_in_training_alone() -> None:
    model = tiny(item_dropout=0.99)
    items, size = batch([5, 2])
    other = items % N_ITEMS + (items > 0)
    assert not torch.equal(model.encode(items, size).z, model.encode(other, size).z)
    model.train()
    torch.manual_seed(2)
    shown = model.encode(items, size).z
    torch.manual_seed(2)
    close(model.encode(other, size).z, shown)  # only the positions are left
    assert shown.isfinite().all()


def test_the_remedy_removes_no_parameter() -> None:
    with_, without = tiny(remedy=True), tiny(remedy=False)
    more = [n for n in with_.state_dict() if n not in without.state_dict()]
    assert more == ["intentions.z_mean", "intentions.uniform"]
    names = [name for name, _ in with_.named_parameters()]
    assert names == [name for name, _ in without.named_parameters()]


def clusters(n_each: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Tight clusters of z far from the origin, and the cluster of each row."""
    draw = torch.Generator().manual_seed(seed)
    centres = torch.randn(4, 16, generator=draw, dtype=torch.float64)
    label = torch.arange(4).repeat(n_each)
    noise = 0.05 * torch.randn(len(label), 16, generator=draw, dtype=torch.float64)
    return 5 + centres[label] + noise, label


@pytest.mark.parametrize("seed", range(5))
def test_start_prototypes_finds_balanced_clusters(seed: int) -> None:
    z, label = clusters(50, seed)
    layer = RemedyLayer(16, 4, 9).double()
    torch.nn.init.normal_(layer.prototypes)
    assert layer.uniform
    close(layer.cluster(z), torch.full((200, 4), 0.25, dtype=torch.float64))
    layer.start_prototypes(z, torch.Generator().manual_seed(seed))
    assert not layer.uniform
    close(layer.z_mean, z.mean(0))
    assert len(torch.unique(layer.prototypes.detach(), dim=0)) == 4
    winner = layer.cluster(z).argmax(-1)
    assert torch.bincount(winner, minlength=4).tolist() == [50] * 4
    for k in range(4):
        assert len(winner[label == k].unique()) == 1
    again = RemedyLayer(16, 4, 9).double()
    again.start_prototypes(z, torch.Generator().manual_seed(seed))
    assert torch.equal(again.prototypes, layer.prototypes)


def test_start_prototypes_chooses_different_clicks() -> None:
    """Also where one click occurs very often; with too few of them it still ends."""
    rare = torch.randn(5, 8, dtype=torch.float64)
    z = torch.cat([torch.ones(500, 8, dtype=torch.float64), rare])
    for seed in range(20):
        layer = RemedyLayer(8, 5, 9).double()
        layer.start_prototypes(z, torch.Generator().manual_seed(seed))
        assert len(torch.unique(layer.prototypes.detach(), dim=0)) == 5
    layer.start_prototypes(z[-2:], torch.Generator().manual_seed(0))
    assert layer.prototypes.isfinite().all()


def test_track_mean_moves_towards_the_mean() -> None:
    layer = RemedyLayer(8, 2, 9).double()
    z = torch.randn(30, 8, dtype=torch.float64)
    layer.track_mean(z, momentum=0.25)
    close(layer.z_mean, 0.25 * z.mean(0))
    for _ in range(100):
        layer.track_mean(z, momentum=0.25)
    close(layer.z_mean, z.mean(0))


# -- settings --------------------------------------------------------------------------


def test_settings_are_frozen_and_are_the_papers() -> None:
    config = dm.DisRecConfig(10)
    with pytest.raises(dataclasses.FrozenInstanceError):
        config.dim = 3  # type: ignore[misc]
    assert config == dm.DisRecConfig.paper(10)
    assert (config.n_blocks, config.group_size, config.groups) == (2, 128, 1)
    assert (config.learning_rate, config.max_len, config.variant) == (1e-3, 50, 0)
    assert config.l2 == config.item_decay == config.item_dropout == config.average == 0
    assert config.temperature is config.seq2seq_temperature is config.init_std is None
    assert config.remedy is config.mask_same_item is config.logq is False
    assert config.seq2seq_weight == 1
    assert config.replace(dim=3) == dm.DisRecConfig(10, dim=3)
    assert config.dim == 64


BAD_SETTINGS = [
    ({"keep": 1.5}, "keep must be between 0 and 1, not 1.5"),
    ({"keep": -0.1}, "keep must be between 0 and 1"),
    ({"keep": math.nan}, "keep must be between 0 and 1"),
    ({"keep": "half"}, "keep must be between 0 and 1"),
    ({"n_intents": 0}, "n_intents must be a whole number >= 1, not 0"),
    ({"n_intents": 2.0}, "n_intents must be a whole number >= 1"),
    ({"n_blocks": True}, "n_blocks must be a whole number >= 1"),
    ({"max_len": 1}, "max_len must be a whole number >= 2, not 1"),
    ({"dropout": 1.0}, "dropout must be between 0 and 0.99"),
    ({"learning_rate": 0}, "learning_rate must be a number above 0"),
    ({"learning_rate": math.inf}, "learning_rate must be a number above 0"),
    ({"temperature": -1.0}, "temperature must be a number above 0"),
    ({"init_std": 0.0}, "init_std must be a number above 0"),
    ({"remedy": 1}, "remedy must be True or False"),
    ({"variant": 4}, "variant must be 0, 1, 2 or 3"),
    ({"sampler": "fast"}, "sampler must be 'packed' or 'pairs', not 'fast'"),
    ({"l2": 0.1, "item_decay": 0.1}, "l2 and item_decay both decay .*choose one"),
    ({"seq2seq_weight": math.inf}, "seq2seq_weight must be 0 or more"),
    ({"group_size": 0}, "group_size must be a whole number >= 1"),
]


@pytest.mark.parametrize(("changes", "sentence"), BAD_SETTINGS)
def test_bad_settings_are_refused(changes: dict[str, Any], sentence: str) -> None:
    for make in (
        lambda: dm.DisRecConfig(10, **changes),
        lambda: dm.DisRecConfig.paper(10, **changes),
        lambda: dm.DisRecConfig(10).replace(**changes),
    ):
        with pytest.raises(dm.DisrecError, match=sentence):
            make()
    with pytest.raises(dm.DisrecError, match="n_items must be a whole number >= 1"):
        dm.DisRecConfig(0)


def test_unknown_settings_suggest_near_names() -> None:
    for make in (
        dm.DisRecConfig(10).replace,
        lambda **changes: dm.DisRecConfig.paper(10, **changes),
        lambda **changes: dm.DisRecConfig.recommended(10, **changes),
    ):
        with pytest.raises(dm.DisrecError, match=r"'n_intent'.* Did you mean n_inten"):
            make(n_intent=3)
        with pytest.raises(dm.DisrecError, match=r"no setting 'colour'\.$"):
            make(colour=3)


@pytest.mark.parametrize("long", [False, True])
def test_recommended_differs_in_the_named_deviations_alone(long: bool) -> None:
    paper, better = dm.DisRecConfig(10), dm.DisRecConfig.recommended(10, long=long)
    deviations = dm.DisRecConfig.deviations(long)
    for field in dataclasses.fields(dm.DisRecConfig):
        ours, theirs = getattr(better, field.name), getattr(paper, field.name)
        if field.name in deviations:
            value, why = deviations[field.name]
            assert ours == value != theirs
            assert len(why) > 10
        else:
            assert ours == theirs, field.name
    changed = dm.DisRecConfig.recommended(10, long=long, keep=0.9, dim=3)
    assert changed == better.replace(keep=0.9, dim=3)


def test_the_lengths_of_histories_choose_the_recommended_settings() -> None:
    make = dm.Interactions.from_sequences
    short, long = make([[1, 2, 3]] * 4), make([[1, 2, 3] * 10] * 4)
    assert dm.DisRecConfig.recommended(short) == dm.DisRecConfig.recommended(3)
    chosen = dm.DisRecConfig.recommended(long)
    assert chosen == dm.DisRecConfig.recommended(3, long=True)
    assert chosen != dm.DisRecConfig.recommended(3)
    assert dm.DisRecConfig.recommended(long, long=False, dim=2).dim == 2


def test_what_was_recommended_before_can_still_be_named() -> None:
    """The stored results of 0.1 say "recommended"; these were their settings."""
    stored = Path(__file__).parents[1] / "book/results/ablation/variant0-seed0.json"
    result = json.loads(stored.read_text("utf-8"))
    changes = result["job"]["settings"]
    n_items = result["settings"]["n_items"]
    then = dm.DisRecConfig.in_batch(n_items, **changes)
    known = dataclasses.asdict(then)
    assert {name: known[name] for name in result["settings"]} == result["settings"]
    assert (
        not set(known) - set(result["settings"]) - {"visit", "negatives", "logq_start"}
    )
    assert then.visit is None
    assert then.negatives == 0


def test_uses_seq2seq() -> None:
    config = dm.DisRecConfig(10)
    assert config.uses_seq2seq
    for changes in ({"variant": 1}, {"variant": 2}, {"keep": 0.0}):
        assert not config.replace(**changes).uses_seq2seq
    assert not config.replace(seq2seq_weight=0.0).uses_seq2seq


# -- dropout ---------------------------------------------------------------------------


@pytest.mark.parametrize("p", [0.2, 0.5, 0.9])
def test_dropout_drops_its_share_and_keeps_the_mean(p: float) -> None:
    """As `nn.Dropout`: 0 or x / (1 - p); another start, another choice."""
    layer = Dropout(p)
    torch.manual_seed(0)
    x = torch.ones(600, 501, requires_grad=True)
    y = layer(x)
    values = y.detach().unique()
    assert len(values) == 2
    assert values[0] == 0
    assert float(values[1]) == pytest.approx(1 / (1 - p), rel=1e-4)
    deviation = math.sqrt(p * (1 - p) / x.numel())
    assert float((y == 0).double().mean()) == pytest.approx(p, abs=4 * deviation)
    # neighbours, rows and columns fall independently of each other
    fallen = (y.detach() == 0).double() - p
    for moved in (fallen.roll(1, 1), fallen.roll(1, 0), fallen.roll(4, 1)):
        assert abs(float((fallen * moved).mean())) < 5 * p * (1 - p) / x.shape[0]
    y.sum().backward()
    assert torch.equal(x.grad, y.detach())  # the same choice on the way back
    assert not torch.equal(layer(x), y)
    torch.manual_seed(0)
    assert torch.equal(layer(x), y)


def test_dropout_is_off_outside_training_and_at_zero() -> None:
    x = torch.rand(3, 4)
    assert Dropout(0.5).eval()(x) is x
    assert torch.equal(Dropout(0.0)(x), x)
    assert Dropout(0.5)(torch.rand(2**18).double()).dtype == torch.float64
    assert float(Dropout(1 - 1e-9)(torch.ones(2**18)).mean()) < 3  # never 1 / 0


def test_a_mask_may_be_given_as_a_bias() -> None:
    torch.manual_seed(0)
    block, x = Block(8, 0.0).double(), torch.randn(3, 5, 8, dtype=torch.float64)
    mask = causal_mask(torch.tensor([5, 2, 1]), 5)
    bias = attention_bias(mask, x)
    assert torch.equal(bias.isfinite(), mask)
    assert torch.equal(block(x, mask), block(x, bias))


def test_a_step_can_be_computed_in_bfloat16(split: dm.Split) -> None:
    """What CUDA does in training, on a CPU: near the number of full precision."""
    config = dm.DisRecConfig.recommended(
        split.n_items, dim=16, dropout=0.0, n_intents=2
    )
    config = config.replace(seq2seq_start=0, item_dropout=0.0, remedy_epochs=0)
    model = dm.DisRec(config)
    objective = model.objective(split.train, 0)
    step = next(objective.steps(1))
    exact = objective.loss(step, 1.0).total
    with torch.autocast("cpu", torch.bfloat16):
        rough = objective.loss(step, 1.0).total
    rough.backward()
    assert rough.item() == pytest.approx(float(exact), rel=0.02)
    assert model.encoder.item_embedding.weight.grad.isfinite().all()
