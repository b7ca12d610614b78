# %% Exercise 1
def kind_recall(scores, negatives, answers, k=10):
    users = np.arange(len(answers))
    true = scores[users, answers][:, None]
    ahead = (scores[users[:, None], negatives] > true).sum(1)
    return (ahead < k).mean()


for name, ranker in rankers.items():
    table = ranker.scores.numpy()
    print(f"{name}: ties against {sampled_recall(table, negatives, answers):.4f},",
          f"for the model {kind_recall(table, negatives, answers):.4f};",
          f"the chapter's first draw {recall[name][1]:.4f}")  # fmt: skip

# %% Exercise 2
draws = [uniform(seed) for seed in range(3)]
for name in ("co-occurrence", "popularity", "PMI", "inverse popularity"):
    found = [
        dm.evaluate(rankers[name], split, "sampled", "test", negatives=n)["recall@10"]
        for n in draws
    ]
    print(f"{name}: three draws {min(found):.4f} to {max(found):.4f}")

# %% Exercise 3
rows_of = published["replications"]["rows"]
pairs = {data: list(combinations(rows.values(), 2)) for data, rows in rows_of.items()}
for data, both in pairs.items():
    turned = sum((a[0] - b[0]) * (a[2] - b[2]) < 0 for a, b in both)
    print(f"{data}: {turned} of {len(both)} pairs")
print("of", sum(map(len, pairs.values())), "pairs")
steam = rows_of["Steam"]
for column, protocol in ((0, "sampled"), (2, "full")):
    mine = steam["MF-BPR"][column]
    theirs = [steam[f"{name} RecTools"][column] for name in ("SASRec", "BERT4Rec")]
    print(f"Steam, {protocol}: MF-BPR minus SASRec and BERT4Rec",
          *(f"{mine - other:+.4f}" for other in theirs), "; divided by them",
          *(f"{mine / other:.4f}" for other in theirs))  # fmt: skip

# %% Exercise 4
print("seeds' part", parts[1], "claimed gain",
      paper["(0) default"][2] - paper["(1) without seq2seq"][2])  # fmt: skip
