"""The in-batch softmax in a real browser: its shares and losses are PyTorch's."""

import math

import pytest
import torch

import disrec_mini as dm

torch.manual_seed(0)
B, K, D = 5, 3, 8
PHI, H = torch.randn(B, K, D), torch.randn(B, D)
SHOWN = dm.widgets.explorable(
    "softmax",
    {
        "phi": dm.widgets.packed(PHI, "float32"),
        "h": dm.widgets.packed(H, "float32"),
        "people": [f"person {b + 1}" for b in range(B)],
        "clicks": [f"item {b}" for b in range(B)],
    },
    "test",
)


@pytest.fixture
def page(twice_on_a_phone):
    return twice_on_a_phone(SHOWN)


@pytest.mark.parametrize("without", [None, 0, 2])
@pytest.mark.parametrize("step", [-4, 0, 5])
def test_shares_loss_and_pull(page, without, step):
    tau = 2 ** (step / 2)
    present = [k for k in range(K) if k != without]
    left = PHI[:, present]
    losses = dm.losses.seq2item_loss(left, H, temperature=tau)
    page.locator("[type=range]").first.fill(str(step))
    page.locator("select").nth(1).select_option(
        str(0 if without is None else without + 1)
    )
    for b in range(B):
        page.locator("select").nth(0).select_option(str(b))
        logits = (left[b] @ H.T / tau).double()  # (K, B)
        shares = logits.flatten().softmax(0).view(len(present), B)
        win = int(logits[:, b].argmax())
        numbers = page.locator("table").first.locator(".softmax-number")
        seen = torch.tensor([float(x) for x in numbers.all_text_contents()]).view(K, B)
        assert torch.allclose(seen[present].double(), 100 * shares, atol=0.51)
        pulls = (
            page.locator("table").first.locator("tr td:last-child").all_text_contents()
        )
        wanted = (torch.arange(len(present)) == win).double() - shares[:, b]
        assert [float(pulls[k]) for k in present] == pytest.approx(
            wanted.tolist(), abs=0.006
        )
        said = page.locator("p[role=status]").first.text_content()
        assert f"Summary {present[win] + 1} wins" in said
        loss = float(said.split("Loss ")[1].split(";")[0])
        assert loss == pytest.approx(float(losses[b]), abs=6e-4)
        assert f"all equal: {math.log(B * len(present)):.3f}" in said


def test_each_of_two_knows_only_itself(page):
    page.locator("[type=range]").first.fill("4")
    assert page.locator("[type=range]").last.input_value() == "0"
