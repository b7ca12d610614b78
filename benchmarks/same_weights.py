"""Does a change of the code change a single weight? Print it before and after.

    python benchmarks/same_weights.py > before.txt
    # move code about
    python benchmarks/same_weights.py | diff before.txt -

Each line is a short training run and the sha256 of the parameters it ends with. Equal
hashes mean equal random draws and equal arithmetic, bit for bit. They differ between
machines and versions of torch, so no hash is stored here.
"""

import hashlib

import torch

import disrec_mini as dm

WORLD = {"n_users": 60, "length": 14, "items_per_intent": 10, "chain": 10, "seed": 3}
SMALL = {"dim": 8, "n_blocks": 1, "max_len": 12, "group_size": 32}
# name: (base, changes); every part of the loss, the remedy and the samplers once
RUNS: dict[str, tuple[str, dict[str, object]]] = {
    "one intention": ("paper", {"n_intents": 1}),
    "four intentions": ("paper", {}),
    "pairs": ("paper", {"sampler": "pairs", "n_intents": 2}),
    "variant 1": ("paper", {"variant": 1}),
    "variant 2": ("paper", {"variant": 2, "groups": 3}),
    "variant 3": ("paper", {"variant": 3}),
    "all triples": ("paper", {"keep": 1.0, "l2": 1e-4}),
    "in batch": ("in_batch", {"seq2seq_start": 1}),
    "shared negatives": ("recommended", {"seq2seq_start": 1, "groups": 2}),
    "shared, logQ": ("recommended", {"logq": True, "long": True, "variant": 1}),
    "remedy": ("in_batch", {"n_intents": 4, "remedy_epochs": 1}),
    "remedy, logQ": (
        "in_batch",
        {"n_intents": 3, "remedy_epochs": 1, "logq": True, "seq2seq_start": 1},
    ),
    "remedy, pairs": (
        "in_batch",
        {"n_intents": 2, "remedy_epochs": 2, "sampler": "pairs", "seq2seq_ramp": 2},
    ),
}


def digest(base: str, changes: dict[str, object]) -> str:
    """sha256 of all parameters, by name, after three epochs."""
    clicks = dm.synthetic.make_world(**WORLD).interactions  # type: ignore[arg-type]
    config = getattr(dm.DisRecConfig, base)(clicks.n_items, **{**SMALL, **changes})
    torch.manual_seed(1)
    model = dm.DisRec(config)
    split = dm.leave_one_out(clicks)
    history = dm.fit(model, split, epochs=3, seed=1, device="cpu", progress=False)
    found = hashlib.sha256(repr(history.curve("ndcg@10")).encode())
    for name, parameter in sorted(model.named_parameters()):
        found.update(name.encode() + parameter.detach().numpy().tobytes())
    return found.hexdigest()


if __name__ == "__main__":
    torch.set_num_threads(1)
    for name, (base, changes) in RUNS.items():
        print(f"{digest(base, changes)}  {name}", flush=True)
