# %% Exercise 1
print(f"the hundred's share of the clicks {np.isin(clicks, top).mean():.4f};",
      f"100 of {split.n_items:,} films are {100 / split.n_items:.4f}")  # fmt: skip

# %% Exercise 2
w = np.mean(widths)
needed = 0.01 * 1.96 / 2.8
print(f"w = {w:.4f} must come down to {needed:.4f}:",
      f"{1000 * (w / needed) ** 2:,.0f} visitors")  # fmt: skip

# %% Exercise 3
rates = np.arange(1, 1000) / 1000  # from 0.001 to 0.999
for n in (5, 15, 4):
    helps = [misled(n, rho) < rho - 1e-9 for rho in rates]
    print(f"{n} clicks: misled less often than one until {rates[np.sum(helps)]:.4f}")
print("at .5:", *(misled(n, 0.5) for n in (1, 5, 15)))

# %% Exercise 4
(a, a_noisy), (b, b_noisy) = (0.30, 0.24), (0.20, 0.17)
print(f"A keeps {a_noisy / a:.2f} and loses {a - a_noisy:.2f},",
      f"B {b_noisy / b:.2f} and {b - b_noisy:.2f};",
      f"A's lead {a - b:.2f}, then {a_noisy - b_noisy:.2f}")  # fmt: skip
start = stored("both", 0).mean() - stored("seq2item", 0).mean()
print(f"Beauty, no noise, Recall@5: both minus seq2item {start:+.5f}")
