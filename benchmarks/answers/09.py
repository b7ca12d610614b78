# %% Exercise 1
cuts = (3, 11, 19)
pool = torch.stack([triple_losses(model, t) for t in cuts])  # (3, 400, K)
kept = dm.losses.confident_mask(pool.flatten(0, 1), 0.3).view(pool.shape)
for t, share in zip(cuts, kept.float().mean((1, 2)).tolist()):
    print(f"cut after {t}: kept {share:.4f}, shared {shared(t).mean():.4f}")


# %% Exercise 2
def keep_each(loss, share):
    columns = [keep_smallest(loss[:, k], share) for k in range(loss.shape[1])]
    return torch.stack(columns, 1)  # (n, K)


loss = history[-1]
one, each = keep_smallest(loss, 0.3), keep_each(loss, 0.3)
print("kept of each intention, one threshold:", one.sum(0).tolist(),
      "K thresholds:", each.sum(0).tolist())  # fmt: skip
print(f"shared with K thresholds {S[each].mean():.4f}, with one {S[one].mean():.4f}")

# %% Exercise 3
chosen = {"loss": lambda m, h: -h[-1], "p": lambda m, h: asked_of_layer(m)}
for name, score in chosen.items():
    for share in (0.05, 0.1, 0.3):
        shares = [
            shared_of(m)[0][chosen_by(score(m, h), share)].mean().item()
            for m, h in runs["weight .1"]
        ]
        print(f"by {name}, share {share}: shared", *(f"{x:.4f}" for x in shares))
for m, h in runs["weight .1"]:
    lacks = ~has_click(department[:, :11], m)[chosen_by(-h[-1], 0.05)]
    print(f"smallest losses: no click in the past of {lacks.float().mean():.4f}")

# %% Exercise 4
lacks = ~has_click(department[:, 11:], model)  # (400, K)
counts = lacks.view(4, 100, 4).sum(1)  # groups of 100, K
lost = history[-1][lacks]
tau = history[-1].flatten().kthvalue(math.ceil(0.3 * 1600 - 1e-9)).values
print(f"futures of a hundred without: {counts.min()} to {counts.max()};",
      f"bound {counts.min().log():.4f} to {counts.max().log():.4f};",
      f"threshold {tau:.4f}; least loss {lost.min():.4f}")  # fmt: skip
# n equal cells share at most n exp(-loss): with the loss of each, its group's n
n_of = counts.repeat_interleave(100, 0)[lacks]
print(f"the equal cells get at most {(n_of * (-lost).exp()).max():.4f} of the softmax")
