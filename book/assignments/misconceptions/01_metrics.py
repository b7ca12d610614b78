# Answers to assignment 1 as data: each block replaces one solution cell. A "wrong" block
# must fail its check with a message that contains the words after the colon; a "right"
# block must pass.
# %% right leave_one_out: slices of a comprehension
def leave_one_out(sequences):
    short = [len(s) < 3 for s in sequences]
    train = [s[:] if few else s[:-2] for s, few in zip(sequences, short)]
    valid = np.array([0 if few else s[-2] for s, few in zip(sequences, short)])
    test = np.array([0 if few else s[-1] for s, few in zip(sequences, short)])
    return train, valid, test


# %% right leave_one_out: with pop, on copies
def leave_one_out(sequences):
    train, valid, test = [list(s) for s in sequences], [], []
    for clicks in train:
        if len(clicks) < 3:
            valid.append(0)
            test.append(0)
        else:
            test.append(clicks.pop())
            valid.append(clicks.pop())
    return [train, valid, test]


# %% wrong leave_one_out: the one before is validation
def leave_one_out(sequences):
    train, valid, test = [], [], []
    for s in sequences:
        ok = len(s) >= 3
        train.append(s[:-2] if ok else s[:])
        valid.append(s[-1] if ok else 0)
        test.append(s[-2] if ok else 0)
    return train, valid, test


# %% wrong leave_one_out: still in training, a leak
def leave_one_out(sequences):
    train, valid, test = [], [], []
    for s in sequences:
        ok = len(s) >= 3
        train.append(s[:-1] if ok else s[:])
        valid.append(s[-2] if ok else 0)
        test.append(s[-1] if ok else 0)
    return train, valid, test


# %% wrong leave_one_out: test click is still in training
def leave_one_out(sequences):
    ok = [len(s) >= 3 for s in sequences]
    valid = [s[-2] if good else 0 for s, good in zip(sequences, ok)]
    return sequences, valid, [s[-1] if good else 0 for s, good in zip(sequences, ok)]


# %% wrong leave_one_out: short users stay in training
def leave_one_out(sequences):
    kept = [s for s in sequences if len(s) >= 3]
    return [s[:-2] for s in kept], [s[-2] for s in kept], [s[-1] for s in kept]


# %% wrong leave_one_out: are not asked
def leave_one_out(sequences):
    train = [s[:-2] for s in sequences]
    valid = [s[-2] if len(s) > 1 else 0 for s in sequences]
    return train, valid, [s[-1] for s in sequences]


# %% wrong leave_one_out: three clicks are enough
def leave_one_out(sequences):
    train, valid, test = [], [], []
    for s in sequences:
        ok = len(s) > 3
        train.append(s[:-2] if ok else s[:])
        valid.append(s[-2] if ok else 0)
        test.append(s[-1] if ok else 0)
    return train, valid, test


# %% wrong leave_one_out: stay in training whole
def leave_one_out(sequences):
    train, valid, test = [], [], []
    for s in sequences:
        ok = len(s) >= 3
        train.append(s[:-2] if ok else [])
        valid.append(s[-2] if ok else 0)
        test.append(s[-1] if ok else 0)
    return train, valid, test


# %% wrong leave_one_out: you changed the lists
def leave_one_out(sequences):
    valid, test = [], []
    for s in sequences:
        ok = len(s) >= 3
        test.append(s.pop() if ok else 0)
        valid.append(s.pop() if ok else 0)
    return sequences, valid, test


# %% right ranks: a loop
def ranks(scores, target_index):
    found = []
    for row, j in zip(scores, target_index):
        others = [s for i, s in enumerate(row.tolist()) if i != int(j)]
        found.append(1 + sum(not (s < float(row[j])) for s in others))
    return torch.tensor(found)


# %% right ranks: numpy, nan made infinite
def ranks(scores, target_index):
    scores = scores.numpy().copy()
    rows = np.arange(len(scores))
    true = scores[rows, target_index.numpy()].copy()
    true[np.isnan(true)] = -np.inf
    scores[np.isnan(scores)] = np.inf
    scores[rows, target_index.numpy()] = true
    return (scores >= true[:, None]).sum(1)


# %% wrong ranks: ties count against the model; yours count for it
def ranks(scores, target_index):
    true = scores.gather(1, target_index[:, None])
    return 1 + (scores > true).sum(1)


# %% wrong ranks: yours are averaged
def ranks(scores, target_index):
    true = scores.gather(1, target_index[:, None])
    better, same = (scores > true).sum(1), (scores == true).sum(1)
    return better + (same + 1) / 2


# %% wrong ranks: sorting breaks them by position
def ranks(scores, target_index):
    order = scores.argsort(dim=1, descending=True, stable=True)
    return (order == target_index[:, None]).float().argmax(1) + 1


# %% wrong ranks: count from 1
def ranks(scores, target_index):
    true = scores.gather(1, target_index[:, None])
    return (scores >= true).sum(1) - 1


# %% wrong ranks: the highest score is the best rank
def ranks(scores, target_index):
    true = scores.gather(1, target_index[:, None])
    return (scores <= true).sum(1)


# %% wrong ranks: a rival with nan
def ranks(scores, target_index):
    true = scores.gather(1, target_index[:, None])
    return (scores >= true).sum(1)


# %% wrong ranks: each user has its own true column
def ranks(scores, target_index):
    true = scores[:, target_index[:1]]
    return scores.shape[1] - (scores < true).sum(1)


# %% right metrics: loops
def recall(ranks, k):
    return sum(int(r) <= k for r in ranks) / len(ranks)


def ndcg(ranks, k):
    return sum(1 / math.log2(1 + int(r)) for r in ranks if r <= k) / len(ranks)


def mrr(ranks):
    return sum(1 / float(r) for r in ranks) / len(ranks)


# %% right metrics: torch
def recall(ranks, k):
    return (torch.as_tensor(ranks) <= k).double().mean()


def ndcg(ranks, k):
    r = torch.as_tensor(ranks).double()
    return ((r <= k) / torch.log2(1 + r)).mean()


def mrr(ranks):
    return (1 / torch.as_tensor(ranks).double()).mean().item()


# %% wrong metrics: still within the first k
def recall(ranks, k):
    return np.mean(np.asarray(ranks) < k)


def ndcg(ranks, k):
    return np.mean([1 / math.log2(1 + r) if r <= k else 0 for r in ranks])


def mrr(ranks):
    return np.mean([1 / r for r in ranks])


# %% wrong metrics: base 2
def recall(ranks, k):
    return np.mean(np.asarray(ranks) <= k)


def ndcg(ranks, k):
    return np.mean([1 / math.log(1 + r) if r <= k else 0 for r in ranks])


def mrr(ranks):
    return np.mean([1 / r for r in ranks])


# %% wrong metrics: also those without a hit
def recall(ranks, k):
    return np.mean(np.asarray(ranks) <= k)


def ndcg(ranks, k):
    return np.mean([1 / math.log2(1 + r) for r in ranks if r <= k])


def mrr(ranks):
    return np.mean([1 / r for r in ranks])


# %% wrong metrics: has no cut
def recall(ranks, k):
    return np.mean(np.asarray(ranks) <= k)


def ndcg(ranks, k):
    return np.mean([1 / math.log2(1 + r) for r in ranks])


def mrr(ranks):
    return np.mean([1 / r for r in ranks])


# %% wrong metrics: rank 1 gains exactly 1
def recall(ranks, k):
    return np.mean(np.asarray(ranks) <= k)


def ndcg(ranks, k):
    return np.mean([1 / math.log2(2 + r) if r <= k else 0 for r in ranks])


def mrr(ranks):
    return np.mean([1 / r for r in ranks])


# %% wrong metrics: not 1 over the mean rank
def recall(ranks, k):
    return np.mean(np.asarray(ranks) <= k)


def ndcg(ranks, k):
    return np.mean([1 / math.log2(1 + r) if r <= k else 0 for r in ranks])


def mrr(ranks):
    return 1 / np.mean(ranks)


# %% wrong metrics: MRR has no cut
def recall(ranks, k):
    return np.mean(np.asarray(ranks) <= k)


def ndcg(ranks, k):
    return np.mean([1 / math.log2(1 + r) if r <= k else 0 for r in ranks])


def mrr(ranks):
    return np.mean([1 / r if r <= 10 else 0 for r in ranks])


# %% right draw_negatives: one by one
def draw_negatives(counts, own, n, rng):
    weights = {i: int(c) for i, c in enumerate(counts) if c > 0 and i not in set(own)}
    drawn = []
    while weights and len(drawn) < n:
        ids = list(weights)
        total = sum(weights.values())
        drawn.append(int(rng.choice(ids, p=[weights[i] / total for i in ids])))
        del weights[drawn[-1]]
    return np.array(drawn, dtype=int)


# %% right draw_negatives: exponential clocks
def draw_negatives(counts, own, n, rng):
    weights = np.asarray(counts, dtype=float).copy()
    weights[sorted(own)] = 0
    with np.errstate(divide="ignore"):
        clock = rng.exponential(size=len(weights)) / weights
    order = np.argsort(clock)
    return order[: min(n, np.isfinite(clock).sum())]


# %% wrong draw_negatives: every item is equally likely
def draw_negatives(counts, own, n, rng):
    left = [i for i in range(1, len(counts)) if counts[i] and i not in set(own)]
    return rng.choice(left, min(n, len(left)), replace=False)


# %% wrong draw_negatives: own items was drawn
def draw_negatives(counts, own, n, rng):
    n = min(n, np.count_nonzero(counts))
    return rng.choice(len(counts), n, replace=False, p=counts / counts.sum())


# %% wrong draw_negatives: draw without replacement
def draw_negatives(counts, own, n, rng):
    left = np.array(counts, dtype=float)
    left[list(own)] = 0
    return rng.choice(len(left), n, p=left / left.sum())


# %% wrong draw_negatives: you changed `counts`
def draw_negatives(counts, own, n, rng):
    counts[list(own)] = 0
    n = min(n, np.count_nonzero(counts))
    return rng.choice(len(counts), n, replace=False, p=counts / counts.sum())


# %% wrong draw_negatives: nobody ever clicked was drawn
def draw_negatives(counts, own, n, rng):
    left = np.array(counts, dtype=float) + 1
    left[[0, *own]] = 0
    n = min(n, np.count_nonzero(left))
    return rng.choice(len(left), n, replace=False, p=left / left.sum())


# %% wrong draw_negatives: popularity decides
def draw_negatives(counts, own, n, rng):
    left = np.sqrt(np.array(counts, dtype=float))
    left[list(own)] = 0
    n = min(n, np.count_nonzero(left))
    return rng.choice(len(left), n, replace=False, p=left / left.sum())


# %% right full_rank: with the ranks of question 2
def full_rank(scores, history, true):
    kept = [j for j in range(1, len(scores)) if j == true or j not in set(history)]
    return ranks(scores[kept][None], torch.tensor([kept.index(true)]))


# %% right full_rank: minus infinity, and counting
def full_rank(scores, history, true):
    scores = scores.clone()
    mine = scores[true].item()
    scores[list(history)] = -math.inf
    scores[0] = -math.inf
    scores[true] = mine
    return int((scores >= mine).sum())


# %% wrong full_rank: padding
def full_rank(scores, history, true):
    s = scores.clone()
    mine = s[true].item()
    s[list(history)] = -math.inf
    s[true] = mine
    return int((s >= mine).sum())


# %% wrong full_rank: earlier clicks must not compete
def full_rank(scores, history, true):
    return int((scores[1:] >= scores[true]).sum())


# %% wrong full_rank: a score of 0 still wins
def full_rank(scores, history, true):
    s = scores.clone()
    mine = s[true].item()
    s[list(history)] = 0
    s[0] = -math.inf
    s[true] = mine
    return int((s >= mine).sum())


# %% wrong full_rank: it must survive
def full_rank(scores, history, true):
    s = scores.clone()
    s[list(history)] = -math.inf
    s[0] = -math.inf
    return int((s >= s[true]).sum())


# %% wrong full_rank: yours count for it
def full_rank(scores, history, true):
    s = scores.clone()
    mine = s[true].item()
    s[list(history)] = -math.inf
    s[0] = -math.inf
    s[true] = mine
    return 1 + int((s > mine).sum())


# %% wrong full_rank: you changed the scores
def full_rank(scores, history, true):
    mine = scores[true].item()
    scores[list(history)] = -math.inf
    scores[0] = -math.inf
    scores[true] = mine
    return int((scores >= mine).sum())
