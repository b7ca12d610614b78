# %% Exercise 1
def summed(phi, h, temperature):
    s = torch.einsum("bkd,jd->bkj", phi, h) / temperature  # (B, K, B)
    own = torch.arange(len(phi))
    return s.flatten(1).logsumexp(1) - s[own, :, own].logsumexp(1)


ends = [race(seed, loss_of=summed, steps=60)[0] for seed in range(60)]
work = [bool((wins[-20:].mean(0) >= 0.02).all()) for wins in ends]
print(f"all four have work: in {sum(work[:6])} of 6 starts, in {sum(work)} of 60;",
      f"before the first step in {has_work['before']}")  # fmt: skip

# %% Exercise 2
group_loss = group_loss_masked  # the chapter's, with the line of the copies
half = learn(0.5)
recalls = {"plain": learned["plain"], "half": half, "logQ": learned["logQ"]}
for name, scores in recalls.items():
    print(f"{name:5} full {full_recall(scores):.4f},",
          f"sampled {sampled_recall(scores):.4f}")  # fmt: skip


# %% Exercise 3
def seq2item(phi, h, temperature, log_q=None, items=None):
    s = torch.einsum("bkd,jd->bkj", phi, h) / temperature  # (B, K, B)
    if log_q is not None:
        s = s - log_q
    if items is not None:
        copies = (items == items[:, None]).fill_diagonal_(False)
        s = s.masked_fill(copies[:, None], -math.inf)
    own = torch.arange(len(phi))
    return s.flatten(1).logsumexp(1) - s[own, :, own].amax(1)


torch.manual_seed(0)
phi, items = torch.randn(64, 3, 8), torch.randint(20, (64,))
h, log_q = torch.randn(20, 8)[items], torch.linspace(-4, -1, 20)[items]
package = dm.losses.seq2item_loss(
    phi, h, target_ids=items, temperature=2.0, log_q=log_q
)
apart = seq2item(phi, h, 2.0, log_q, items) - package
print(f"largest difference {apart.abs().max():.1e}")


# %% Exercise 4
def group_loss(s, j, log_q):  # noqa: F811
    return F.cross_entropy(s - log_q[j], torch.arange(len(j)))


popular = np.argsort(-q)[:10]
pmi = np.log(P / q)
pmi -= pmi.mean(1, keepdims=True)
for name, scores in (("with the line", learned["plain"]), ("without", learn(0.0))):
    off = scores - scores.mean(1, keepdims=True) - pmi
    print(f"{name}: too high by {off[:, popular].mean():.4f},",
          f"correlation with PMI {correlation(scores, pmi):.4f}")  # fmt: skip
