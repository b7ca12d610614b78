"""What many tests need: a few clicks, and right-padded rows of them."""

import numpy as np
import pytest

import disrec_mini as dm


@pytest.fixture(scope="session")
def clicks() -> dm.Interactions:
    """Forty people, thirty named items, two intentions, 3 to 14 clicks each."""
    world = dm.synthetic.make_world(40, (3, 14), 2, 15, 15, noise=0.1, seed=2)
    data = world.interactions
    names = ["", *(f"item {j}" for j in range(1, data.n_items + 1))]
    return dm.Interactions(data.items, data.offsets, data.n_items, item_names=names)


@pytest.fixture(scope="session")
def split(clicks: dm.Interactions) -> dm.Split:
    """Leave-one-out of `clicks`."""
    return dm.leave_one_out(clicks)


@pytest.fixture(scope="session")
def padded():
    """Lists of clicks -> items (B, T), lengths (B,)."""

    def make(rows, width=0):
        import torch

        lengths = torch.tensor([len(row) for row in rows])
        items = np.zeros((len(rows), max(width, int(lengths.max()))), np.int64)
        for place, row in enumerate(rows):
            items[place, : len(row)] = row
        return torch.from_numpy(items), lengths

    return make
