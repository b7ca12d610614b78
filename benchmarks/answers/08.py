# %% Exercise 1
def recognised_flat(model):
    past, future = read(model, 11, newcomers)
    layer, z = model.intentions, future.z.mean(1, keepdim=True)  # (384, 1, 32)
    with torch.no_grad():
        flat = layer.norm_out(layer.beta("future") + z)  # (384, 1, 32)
    s = past.phi.view(3, 128, 32) @ flat.view(3, 128, 32).mT  # (3, 128, 128)
    rank = (s >= s.diagonal(dim1=1, dim2=2)[..., None]).sum(2)
    return (rank <= 10).float().mean().item()


for name, by in (("flat", recognised_flat), ("weighted", lambda m: foresees(m).mean())):
    print(name, *(f"{by(m):.4f}" for m in models["seq2item"]))


# %% Exercise 2
def seq2seq_by_einsum(past, future):
    D = past.shape[-1]
    s = torch.einsum("bkd,cmd->bkcm", past, future) / math.sqrt(D)  # (B, K, B, K)
    own = torch.einsum("bkd,bkd->bk", past, future) / math.sqrt(D)  # (B, K)
    return s.flatten(2).logsumexp(2) - own


torch.manual_seed(0)
past, future = torch.randn(2, 5, 3, 8)
apart = seq2seq_by_einsum(past, future) - seq2seq_by_loops(past, future)
print(f"largest difference {apart.abs().max():.1e}")
equal = torch.ones(5, 3, 8)
for length in (1, 3):
    loss = seq2seq_by_einsum(length * equal, length * equal)
    print(f"all equal, times {length}: {loss.min():.4f} to {loss.max():.4f};",
          f"ln 15 = {math.log(15):.4f}")  # fmt: skip

# %% Exercise 3
from unittest import mock


def same_intention_only(past, future, temperature=None, **_):
    B, K, D = past.shape
    s = torch.einsum("bkd,ckd->kbc", past, future) / (temperature or math.sqrt(D))
    right = torch.arange(B).repeat(K)
    return F.cross_entropy(s.flatten(0, 1), right, reduction="none").view(K, B).T


def described(model):
    """Mean cosine between a newcomer's four futures; NMI of clusters, departments."""
    phi = F.normalize(read(model, 11, newcomers)[1].phi, dim=2)  # (384, 4, 32)
    cosines = (phi @ phi.mT).sum((1, 2)) - 4  # without each with itself
    with torch.no_grad():
        won = model.encode(everyone, torch.full((400,), 22)).cluster.argmax(-1)
    nmi = dm.evaluation.agreement(
        department.flatten().numpy() - 1, won.flatten().numpy()
    )["nmi"]
    return float(cosines.mean()) / 12, nmi


equal = torch.ones(128, 4, 32)
print(f"knowing nothing: {same_intention_only(equal, equal).mean():.4f},",
      f"ln 128 = {math.log(128):.4f}")  # fmt: skip
for name, loss in (("with", dm.losses.seq2seq_loss), ("without", same_intention_only)):
    with mock.patch.object(dm.losses, "seq2seq_loss", loss):
        starts = [
            described(
                train(epochs=8, seed=seed, n_intents=4, remedy=True, seq2seq_weight=1.0)
            )
            for seed in range(3)
        ]
    print(name, "other intentions' negatives: cosine",
          *(f"{cosine:.4f}" for cosine, _ in starts), "NMI",
          *(f"{nmi:.4f}" for _, nmi in starts))  # fmt: skip

# %% Exercise 4
asked = {
    variant: [train(seed=s, variant=variant, seq2seq_weight=1.0) for s in range(3)]
    for variant in (2, 3)
} | {"seq2item": models["seq2item"]}
for variant, starts in asked.items():
    print(variant, "next ten", *(f"{next_ten(m).mean():.4f}" for m in starts))
for variant, starts in asked.items():
    recalls = [dm.evaluate(m, split, "full", "valid")["recall@10"] for m in starts]
    print(variant, "next click", *(f"{recall:.4f}" for recall in recalls))
