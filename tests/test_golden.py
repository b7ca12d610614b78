"""The published numbers of an independent loop-written implementation, to 1e-9."""

from pathlib import Path

import numpy as np
import pytest
import torch

import disrec_mini as dm
from disrec_mini.intentions import IntentionLayer

GOLDEN = Path(__file__).parent / "golden"


def golden(name: str) -> dict[str, torch.Tensor]:
    with np.load(GOLDEN / f"{name}.npz") as file:
        return {key: torch.from_numpy(np.asarray(file[key])) for key in file.files}


def close(ours: torch.Tensor, theirs: torch.Tensor) -> None:
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-9)


def fill(module: torch.nn.Module, values: dict[str, torch.Tensor]) -> None:
    parameters = dict(module.named_parameters())
    assert values.keys() <= parameters.keys(), values.keys() - parameters.keys()
    with torch.no_grad():
        for name, value in values.items():
            assert parameters[name].shape == value.shape, name
            parameters[name].copy_(value)


def dotted(name: str) -> str:
    """key_weight -> key.weight; alpha stays."""
    head, _, kind = name.rpartition("_")
    return f"{head}.{kind}" if kind in ("weight", "bias") else name


@pytest.mark.parametrize("case", ["a", "b"])
def test_intentions(case: str) -> None:
    data = golden(f"intentions_{case}")
    outputs = {"z", "lengths", "cluster", "weight", "phi_past", "phi_future"}
    outputs.add("phi_past_prefixes")
    n_intents, dim = data["prototypes"].shape
    layer = IntentionLayer(dim, n_intents, len(data["alpha"])).double()
    values = {dotted(k): v for k, v in data.items() if k not in outputs}
    values["query_bias"] = values.pop("query.bias")
    fill(layer, values)
    past = layer(data["z"], data["lengths"], "past")
    future = layer(data["z"], data["lengths"], "future")
    close(past.cluster, data["cluster"])
    close(past.weight, data["weight"])
    close(past.phi, data["phi_past"])
    close(future.phi, data["phi_future"])
    from disrec_mini.encoder import causal_mask

    n_clicks = data["z"].shape[1]
    mask = causal_mask(data["lengths"], n_clicks)
    pooled, _ = layer.pool_prefixes(data["z"], torch.arange(n_clicks), mask)
    valid = torch.arange(n_clicks) < data["lengths"][:, None]
    phi = layer.norm_out(pooled + layer.beta_past) * valid[:, :, None, None]
    close(phi, data["phi_past_prefixes"])


@pytest.mark.parametrize("case", ["a", "b"])
def test_encoder(case: str) -> None:
    data = golden(f"encoder_{case}")
    n_items, dim = data["item_embedding"].shape
    config = dm.DisRecConfig(
        n_items - 1,
        dim=dim,
        n_blocks=sum(name.endswith("query_weight") for name in data) // 2,
        max_len=len(data["position_embedding"]),
        dropout=0.0,
    )
    model = dm.DisRec(config).double()
    values = {}
    for name, value in data.items():
        if name.startswith("block"):
            block, _, rest = name.partition("_")
            values[f"blocks.{block[5:]}.{dotted(rest)}"] = value
        elif name.endswith("_embedding"):
            values[f"{name}.weight"] = value
        elif name.startswith("norm_"):
            values[dotted(name)] = value
    fill(model.encoder, values)
    z = model.encode(data["items"], data["lengths"]).z
    assert len(values) == len(list(model.encoder.parameters()))
    close(z, data["z"] * (data["items"] != 0)[..., None])
    assert (z[data["items"] == 0] == 0).all()


@pytest.mark.parametrize("case", ["a", "b"])
def test_losses(case: str) -> None:
    data = golden(f"losses_{case}")
    past, future, targets = data["past"], data["future"], data["targets"]
    seq2item = dm.losses.seq2item_loss(past, targets)
    seq2seq = dm.losses.seq2seq_loss(past, future)
    close(seq2item, data["seq2item"])
    close(seq2seq, data["seq2seq"])
    masked = dm.losses.seq2item_loss(past, targets, target_ids=data["target_ids"])
    close(masked, data["seq2item_masked"])
    for name, expected in data.items():
        kind, _, keep = name.partition("_")
        if kind == "mask":
            ours = dm.losses.confident_mask(seq2seq, float(keep))
            assert torch.equal(ours, expected), name
        if kind == "total":
            mask = dm.losses.confident_mask(seq2seq, float(keep))
            kept = seq2seq[mask].sum()
            total = torch.stack([seq2item.sum(), kept, seq2item.sum() + kept])
            close(total, expected)


def test_group_loss_is_the_golden_total() -> None:
    data = golden("losses_b")
    config = dm.DisRecConfig(50, dim=16, n_intents=4)
    names = ("past", "targets", "target_ids", "future")
    group = dm.losses.Group(*(data[name] for name in names))
    for keep in (0.0, 0.3, 1.0):
        loss = dm.losses.group_loss(
            config.replace(keep=keep),
            group,
            weight=1.0,
        )
        close(loss.total * len(data["past"]), data[f"total_{keep}"][2])


def test_ranking() -> None:
    data = golden("ranking")
    ranks = dm.evaluation.ranks(data["scores"], data["target"])
    assert torch.equal(ranks, data["ranks"].long())
    found = dm.evaluation.metrics(ranks)
    checked = 0
    for name, expected in data.items():
        ours = name.replace("_at_", "@")
        if ours in found:
            assert found[ours] == pytest.approx(float(expected), abs=1e-12)
            checked += 1
    assert checked >= 5
