# %% Exercise 1
n = 22
print(n * (n - 1), "clicks against", 2 * (n - 1), "ratio", n / 2)

# %% Exercise 2
print(f"standard deviation of the numbers in z {whole.std():.4f}")

# %% Exercise 3
places = sum(block.size for block in few)
compared = sum(n * width**2 for n, width in (block.shape for block in few))
print(f"the figure: full {sizes.sum() / places:.4f}; places {50 * len(rows)} against",
      f"{places}; comparisons {50**2 * len(rows):,} against {compared:,}")  # fmt: skip


# %% Exercise 4
def disturbed():
    torch.manual_seed(0)
    config = dm.DisRecConfig.in_batch(split.n_items, **SMALL, seq2seq_start=1)
    made = dm.DisRec(config)
    torch.manual_seed(1)
    dm.fit(made, split, epochs=2, out=f"{folder}/two", resume=True, device="cpu",
           progress=False)  # fmt: skip
    return made.state_dict()


with tempfile.TemporaryDirectory() as folder:
    run(1, f"{folder}/two")
    other = disturbed()
apart = [(undisturbed[n] - w).abs().max().item() for n, w in other.items()]
print("largest difference", max(apart))
