# %% Exercise 1
def summaries(z, p, weight, beta, norm):
    return norm(beta + torch.einsum("bik,bi,bid->bkd", p, weight, z))  # (B, K, D)


with torch.no_grad():
    read = model.encode(everyone, torch.full((400,), 22))
    made = summaries(read.z, read.cluster, read.weight, beta, layer.norm_out)
print(f"largest difference {(made - read.phi).abs().max():.1e}")

# %% Exercise 2
visit = torch.where(department == 0)[0][:5][None]  # five items of one department
with torch.no_grad():
    read = model.encode(visit, torch.tensor([5]))
    n = F.layer_norm(read.z[0] - layer.z_mean, (32,))
    logits = n @ F.layer_norm(layer.prototypes, (32,)).T / math.sqrt(32)  # (5, K)
    for axis in (-1, 0):
        p_ = logits.softmax(axis)
        phi_ = aggregate_by_loops(read.z[0], p_, read.weight[0], beta, layer.norm_out)
        s = phi_ @ table.T / math.sqrt(32)  # (K, M)
        mine = (department[1:][s.topk(10).indices] == 0).sum(1)
        others = s.amax(1)[stands_for != 0]
        print(f"softmax({axis}): columns sum to {p_.sum(0).numpy().round(2)};",
              f"of ten, the visitor's department {mine.tolist()};",
              f"best scores of the three others {others.numpy().round(4)},",
              f"mean {others.mean():.4f}")  # fmt: skip

# %% Exercise 3
print("pieces", [sum(x > 0 for x in usage) for usage in pieces])
print(f"purity {eight['purity']['mean']:.4f}, NMI {eight['nmi']['mean']:.4f}")

# %% Exercise 4
from unittest import mock

from disrec_mini.intentions import IntentionLayer
from disrec_mini.remedy import RemedyLayer


def only_begins(self, z, generator, rounds=20, tries=10):
    self.z_mean.copy_(z.mean(0))
    self.uniform.fill_(False)


whole = RemedyLayer.cluster


def not_centred(self, z):
    return whole(self, z) if self.undivided else IntentionLayer.cluster(self, z)


def nmi(seed, **changes):
    torch.manual_seed(seed)
    config = dm.DisRecConfig.in_batch(split.n_items, **SMALL | changes)
    made = dm.DisRec(config)
    dm.fit(made, split, epochs=12, seed=seed, device="cpu", progress=False)
    won = clicks_of(made)[1].argmax(1)
    return dm.evaluation.agreement(true, won.numpy())["nmi"], won.bincount(minlength=4)


steps = {
    "waiting": (dict(remedy_epochs=0), dict(cluster=whole)),
    "placing": ({}, dict(start_prototypes=only_begins)),
    "centring": ({}, dict(cluster=not_centred)),
    "nothing": ({}, dict(cluster=whole)),
}
for left_out, (changes, methods) in steps.items():
    with mock.patch.multiple(RemedyLayer, **methods):
        starts = [nmi(seed, remedy=True, **changes) for seed in range(3)]
    print(f"without {left_out}: NMI", *(f"{found:.4f}" for found, _ in starts))
    if left_out == "placing":
        print("   share of each:", *((n / n.sum()).numpy().round(2) for _, n in starts))
