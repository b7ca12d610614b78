# %% Exercise 1
THETAS = {"1": 1.0, "sqrt(32)": 32**0.5}
for name, temperature in THETAS.items():
    theirs = torch.nn.functional.cross_entropy(s[None] / temperature, torch.tensor([2]))
    equal = loss(torch.zeros(40), 2, temperature)
    print(f"theta {name}: loss {loss(s, 2, temperature):.4f}, theirs {theirs:.4f};",
          f"forty equal scores {equal:.4f}")  # fmt: skip
pulls = [((s / x).softmax(0) - torch.eye(4)[2]) / x for x in THETAS.values()]
print("target", *(f"{pull[2]:.4f}" for pull in pulls))
for pull in pulls:
    print("the others", *(f"{pull[j]:.4f}" for j in (0, 1, 3)))

# %% Exercise 2
print("six epochs:", kept["sharp", False][:, 1])
for seed in range(3):
    data = dm.leave_one_out(shop(seed).interactions)
    made = train(data, seed, epochs=14, **ARMS["sharp"])
    print("left out, six and fourteen epochs:", kept["sharp", True][seed, 1],
          ahead(made, seed, exclude_seen=True)[1])  # fmt: skip
for epochs, key in ((6, "shop"), (12, "epochs-12"), (24, "epochs-24")):
    of = [worlds["settings"][f"{key}-{arm}"]["metrics"] for arm in ("alone", "both")]
    means = [m["recall of the next 10"]["mean"] for m in of]
    print(f"stored, {epochs} epochs: next 10 of seq2item and both", np.round(means, 3))


# %% Exercise 3
def shop(seed, n_users=500):
    return dm.synthetic.shirts_and_trousers(
        n_users=n_users, length=24, stay=0.0, noise=0.15, seed=seed
    )


models, first = {}, []
for arm in ("sharp", "both", "soft"):
    train_three(arm)
    made = np.array([ahead(models[arm, seed], seed) for seed in range(3)])
    print(f"{arm}: next 10", *(f"{x:.4f}" for x in made[:, 1]))
    first += made[:, 0].tolist()
print(f"next 1: {min(first):.4f} to {max(first):.4f}")
gains = worlds["differences"]
for key in ("shop", "stay-50"):
    gain = gains[f"{key}-both - {key}-alone"]["recall of the next 10"]["mean"]
    print(f"stored, {key}: gain of both in next 10 {gain:.4f}")
