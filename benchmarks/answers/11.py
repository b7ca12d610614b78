# %% Exercise 1
for k in (2, 8):
    nmi = rows[f"k{k}-remedy-both"]["metrics"]["nmi"]["mean"]
    print(f"K = {k}, stored: NMI {nmi:.4f}")

# %% Exercise 2
for genre, k, e in (("Mystery", 4, 7), ("Thriller", 4, 7), ("Horror", 3, 4)):
    w = won * (era == e)[:, None]
    share = w[member[genre], k - 1].sum() / w[:, k - 1].sum()
    print(f"{genre}: lift of prototype {k} {lift(member[genre])[k - 1]:.4f},",
          f"within era {spans[e - 1]}",
          f"{share / (w[member[genre]].sum() / w.sum()):.4f}")  # fmt: skip

# %% Exercise 3
print(f"by loops {nmi_by_loops(counts):.4f}; the package {agreed['nmi']:.4f},",
      f"{agreed['purity']:.4f}")  # fmt: skip

# %% Exercise 4
print(f"true eras {agree['era'][0]:.4f}")
