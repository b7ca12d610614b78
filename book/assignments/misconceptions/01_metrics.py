# Answers to assignment 1 as data: each block replaces one solution cell. A "wrong" block
# must fail its check with a message that contains the words after the colon; a "right"
# block must pass. A line below the heading says what the wrong idea was.

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


# %% right leave_one_out: tuples of tuples
def leave_one_out(sequences):
    cut = tuple(max(len(s) - 2, 0) if len(s) > 2 else len(s) for s in sequences)
    train = tuple(tuple(s[:n]) for s, n in zip(sequences, cut))
    rest = [tuple(s[n:]) or (0, 0) for s, n in zip(sequences, cut)]
    return train, torch.tensor([r[0] for r in rest]), torch.tensor([r[1] for r in rest])


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
    return [list(s) for s in sequences], valid, [s[-1] if good else 0 for s, good in zip(sequences, ok)]


# %% wrong leave_one_out: each of the three lists has one entry for every user, also for the short ones, which stay
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


# %% wrong leave_one_out: it looks as if you changed `sequences`, which you were given; make a new one.
def leave_one_out(sequences):
    valid, test = [], []
    for s in sequences:
        ok = len(s) >= 3
        test.append(s.pop() if ok else 0)
        valid.append(s.pop() if ok else 0)
    return sequences, valid, test


# %% wrong leave_one_out: validation is the click before the last, not the first.
# validation is the first click
def leave_one_out(sequences):
    ok = [len(s) >= 3 for s in sequences]
    train = [list(s[1:-1]) if k else list(s) for s, k in zip(sequences, ok)]
    valid = [s[0] if k else 0 for s, k in zip(sequences, ok)]
    return train, valid, [s[-1] if k else 0 for s, k in zip(sequences, ok)]


# %% wrong leave_one_out: users with two clicks are not asked: item 0.
# users with two clicks get a test item
def leave_one_out(sequences):
    train, valid, test = [], [], []
    for s in sequences:
        train.append(list(s[:-2]) if len(s) >= 3 else list(s[:-1]) if len(s) == 2 else list(s))
        valid.append(s[-2] if len(s) >= 3 else 0)
        test.append(s[-1] if len(s) >= 2 else 0)
    return train, valid, test


# %% wrong leave_one_out: equal items are clicks of their own; none is dropped.
# repeats are dropped first
def leave_one_out(sequences):
    train, valid, test = [], [], []
    for s in sequences:
        s = list(dict.fromkeys(s))
        ok = len(s) >= 3
        train.append(s[:-2] if ok else s)
        valid.append(s[-2] if ok else 0)
        test.append(s[-1] if ok else 0)
    return train, valid, test


# %% wrong leave_one_out: Fewer than three clicks: in training whole, and item 0.
# None instead of 0
def leave_one_out(sequences):
    ok = [len(s) >= 3 for s in sequences]
    train = [list(s[:-2]) if k else list(s) for s, k in zip(sequences, ok)]
    valid = [s[-2] if k else None for s, k in zip(sequences, ok)]
    return train, valid, [s[-1] if k else None for s, k in zip(sequences, ok)]


# %% wrong leave_one_out: hide by place, not by value: another click on the same item stays.
# training items that equal a hidden one are removed
def leave_one_out(sequences):
    train, valid, test = [], [], []
    for s in sequences:
        if len(s) < 3:
            train.append(list(s)); valid.append(0); test.append(0)
        else:
            train.append([x for x in s[:-2] if x not in (s[-1], s[-2])])
            valid.append(s[-2]); test.append(s[-1])
    return train, valid, test


# %% wrong leave_one_out: the last click is the newest; the oldest stays in training.
# the oldest click is the test item
def leave_one_out(sequences):
    ok = [len(s) >= 3 for s in sequences]
    train = [list(s[2:]) if k else list(s) for s, k in zip(sequences, ok)]
    valid = [s[1] if k else 0 for s, k in zip(sequences, ok)]
    return train, valid, [s[0] if k else 0 for s, k in zip(sequences, ok)]


# %% wrong leave_one_out: hide by place, not by value: `remove` takes the first equal item.
def leave_one_out(sequences):
    train, valid, test = [], [], []
    for s in sequences:
        s = list(s)
        if len(s) < 3:
            train.append(s); valid.append(0); test.append(0)
        else:
            v, t = s[-2], s[-1]
            s.remove(t)
            s.remove(v)
            train.append(s); valid.append(v); test.append(t)
    return train, valid, test


# %% wrong leave_one_out: it looks as if you handed back a list that you were given; copy it
def leave_one_out(sequences):
    train = [s if len(s) < 3 else s[:-2] for s in sequences]
    valid = [0 if len(s) < 3 else s[-2] for s in sequences]
    test = [0 if len(s) < 3 else s[-1] for s in sequences]
    return train, valid, test


# %% wrong leave_one_out: The last is for the test, the one before validates.
# validation and test are lists of one item
def leave_one_out(sequences):
    ok = [len(s) >= 3 for s in sequences]
    train = [list(s[:-2]) if k else list(s) for s, k in zip(sequences, ok)]
    valid = [[s[-2]] if k else [0] for s, k in zip(sequences, ok)]
    return train, valid, [[s[-1]] if k else [0] for s, k in zip(sequences, ok)]


# %% wrong leave_one_out: The last is for the test, the one before validates.
# two clicks go to the test
def leave_one_out(sequences):
    ok = [len(s) >= 3 for s in sequences]
    train = [list(s[:-3]) if k else list(s) for s, k in zip(sequences, ok)]
    valid = [s[-2] if k else 0 for s, k in zip(sequences, ok)]
    return train, valid, [s[-1] if k else 0 for s, k in zip(sequences, ok)]


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


# %% right ranks: counts the better, the equal and the nan
def ranks(scores, target_index):
    true = scores[torch.arange(len(scores)), target_index].unsqueeze(1)
    bad = torch.isnan(scores) | torch.isnan(true)
    return ((scores >= true) | bad).sum(dim=1).tolist()


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


# %% wrong ranks: every rival counts, also those with equal scores.
# dense ranks, equal rivals count once
def ranks(scores, target_index):
    found = []
    for row, j in zip(scores.tolist(), target_index.tolist()):
        others = {s if s == s else math.inf for i, s in enumerate(row) if i != j}
        found.append(1 + sum(not (s < row[j]) for s in others))
    return torch.tensor(found)


# %% wrong ranks: nan is no number: it is not 0.
# nan becomes 0
def ranks(scores, target_index):
    s = torch.nan_to_num(scores, nan=0.0)
    return (s >= s.gather(1, target_index[:, None])).sum(1)


# %% wrong ranks: the true item is not its own rival.
# the true item is its own rival
def ranks(scores, target_index):
    true = scores.gather(1, target_index[:, None])
    return 1 + scores.shape[1] - (scores < true).sum(1)


# %% wrong ranks: only equal scores tie; do not round.
# scores are rounded
def ranks(scores, target_index):
    s = (scores * 100).round()
    true = s.gather(1, target_index[:, None])
    return s.shape[1] - (s < true).sum(1)


# %% wrong ranks: a rival with nan beats the true item.
# nan rivals are skipped, the rank of a nan is the last
def ranks(scores, target_index):
    true = scores.gather(1, target_index[:, None])
    r = (scores >= true).sum(1)
    return torch.where(true[:, 0].isnan(), scores.shape[1], r)


# %% wrong ranks: it looks as if you changed `scores`, which you were given; make a new one.
def ranks(scores, target_index):
    rows = torch.arange(len(scores))
    true = scores[rows, target_index].clone()
    true[torch.isnan(true)] = -math.inf
    scores[torch.isnan(scores)] = math.inf
    scores[rows, target_index] = true
    return (scores >= true[:, None]).sum(1)


# %% wrong ranks: one rank for each of
def ranks(scores, target_index):
    known = {(0.1, 0.7, 0.3, 0.2): 1, (0.1, 0.3, 0.7, 0.2): 2, (0.1, 0.7, 0.7, 0.2): 2}
    if len(scores) == 2:
        return torch.tensor([2, 2])
    row = tuple(round(x, 4) for x in scores[0].tolist())
    return torch.tensor([known.get(row, 3)])


# %% wrong ranks: A tie counts against the model.
# half of the ties count
def ranks(scores, target_index):
    true = scores.gather(1, target_index[:, None])
    bad = scores.isnan() | true.isnan()
    ties = ((scores == true).sum(1) - 1).clamp(min=0)
    r = 1 + ((scores > true) | bad).sum(1) + ties // 2
    return r.clamp(max=scores.shape[1])


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


# %% right metrics: an array made first
def recall(ranks, k):
    return np.array([r <= k for r in ranks]).mean()
def ndcg(ranks, k):
    gains = np.array([1 / np.log2(int(r) + 1) * (r <= k) for r in ranks])
    return gains.sum() / len(gains)
def mrr(ranks):
    return np.reciprocal(np.array([float(r) for r in ranks])).mean()


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


# %% wrong metrics: divide by the number of users, not by k.
# recall divides by k
def recall(ranks, k):
    return float((np.asarray(ranks) <= k).sum() / k)
def ndcg(ranks, k):
    r = np.asarray(ranks, dtype=float)
    return float(np.where(r <= k, 1 / np.log2(1 + r), 0).mean())
def mrr(ranks):
    return float((1 / np.asarray(ranks, dtype=float)).mean())


# %% wrong metrics: there is one true item: the best possible gain is 1, nothing else divides.
# ndcg divides by the gains of all k places
def recall(ranks, k):
    return float((np.asarray(ranks) <= k).mean())
def ndcg(ranks, k):
    r = np.asarray(ranks, dtype=float)
    ideal = sum(1 / math.log2(1 + i) for i in range(1, k + 1))
    return float(np.where(r <= k, 1 / np.log2(1 + r), 0).mean() / ideal)
def mrr(ranks):
    return float((1 / np.asarray(ranks, dtype=float)).mean())


# %% wrong metrics: MRR is a mean of 1/rank, not 1 over the median.
# mrr is 1 over the median
def recall(ranks, k):
    return float((np.asarray(ranks) <= k).mean())
def ndcg(ranks, k):
    r = np.asarray(ranks, dtype=float)
    return float(np.where(r <= k, 1 / np.log2(1 + r), 0).mean())
def mrr(ranks):
    return float(1 / np.median(np.asarray(ranks, dtype=float)))


# %% wrong metrics: equal ranks are of different users; each counts.
# equal ranks count once
def recall(ranks, k):
    r = {int(x) for x in ranks}
    return sum(x <= k for x in r) / len(r)
def ndcg(ranks, k):
    r = np.asarray(ranks, dtype=float)
    return float(np.where(r <= k, 1 / np.log2(1 + r), 0).mean())
def mrr(ranks):
    return float((1 / np.asarray(ranks, dtype=float)).mean())


# %% wrong metrics: ranks count from 1: rank 2 gains 1 / log2(3).
# ranks counted from 0 in ndcg
def recall(ranks, k):
    return float((np.asarray(ranks) <= k).mean())
def ndcg(ranks, k):
    r = np.asarray(ranks, dtype=float)
    return float(np.where(r <= k, 1 / np.log2(np.maximum(r, 2)), 0).mean())
def mrr(ranks):
    return float((1 / np.asarray(ranks, dtype=float)).mean())


# %% wrong metrics: stops if the ranks are ndarray: a list, an array or a tensor is promised
def recall(ranks, k):
    if not ranks:
        return 0.0
    return len([r for r in ranks if r <= k]) / len(ranks)
def ndcg(ranks, k):
    if not ranks:
        return 0.0
    return sum(1 / math.log2(1 + r) for r in ranks if r <= k) / len(ranks)
def mrr(ranks):
    if not ranks:
        return 0.0
    return sum(1 / r for r in ranks) / len(ranks)


# %% wrong metrics: a share of the users is wanted: divide by their number.
def recall(ranks, k):
    return int((np.asarray(ranks) <= k).sum())
def ndcg(ranks, k):
    r = np.asarray(ranks, dtype=float)
    return float(np.where(r <= k, 1 / np.log2(1 + r), 0).mean())
def mrr(ranks):
    return float((1 / np.asarray(ranks, dtype=float)).mean())


# %% wrong metrics: a rank equal to k is still within the first k.
def recall(ranks, k):
    return float((np.asarray(ranks) <= k).mean())
def ndcg(ranks, k):
    r = np.asarray(ranks, dtype=float)
    return float(np.where(r < k, 1 / np.log2(1 + r), 0).mean())
def mrr(ranks):
    return float((1 / np.asarray(ranks, dtype=float)).mean())


# %% wrong metrics: discount by the logarithm of the rank, not by the rank.
def recall(ranks, k):
    return float((np.asarray(ranks) <= k).mean())
def ndcg(ranks, k):
    r = np.asarray(ranks, dtype=float)
    return float(np.where(r <= k, 1 / r, 0).mean())
def mrr(ranks):
    return float((1 / np.asarray(ranks, dtype=float)).mean())


# %% wrong metrics: average over all users.
def recall(ranks, k):
    return float((np.asarray(ranks) <= k).mean())
def ndcg(ranks, k):
    r = np.asarray(ranks, dtype=float)
    return float(np.where(r <= k, 1 / np.log2(1 + r), 0).mean())
def mrr(ranks):
    return float((1 / np.asarray(ranks, dtype=float)).sum())


# %% wrong metrics: of a single user with rank 3 yours makes 0.1111: check the formula.
# mrr weighs by the rank squared
def recall(ranks, k):
    return float((np.asarray(ranks) <= k).mean())
def ndcg(ranks, k):
    r = np.asarray(ranks, dtype=float)
    return float(np.where(r <= k, 1 / np.log2(1 + r), 0).mean())
def mrr(ranks):
    return float((1 / np.asarray(ranks, dtype=float) ** 2).mean())


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


# %% right draw_negatives: a list, drawn among ids
def draw_negatives(counts, own, n, rng):
    ids = [i for i in range(1, len(counts)) if i not in own and counts[i] > 0]
    if not ids:
        return []
    w = np.array([float(counts[i]) for i in ids])
    return list(rng.choice(ids, size=min(n, len(ids)), replace=False, p=w / w.sum()))


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


# %% wrong draw_negatives: are the user's own items left out before the draw?
# own items are removed after the draw, so too few remain
def draw_negatives(counts, own, n, rng):
    p = np.array(counts, dtype=float)
    n = min(n, np.count_nonzero(p))
    drawn = rng.choice(len(p), n, replace=False, p=p / p.sum())
    return np.array([j for j in drawn if j not in set(own)], dtype=int)


# %% wrong draw_negatives: it looks as if you draw by another law
# logarithm of popularity
def draw_negatives(counts, own, n, rng):
    left = np.log1p(np.array(counts, dtype=float))
    left[list(own)] = 0
    n = min(n, np.count_nonzero(left))
    return rng.choice(len(left), n, replace=False, p=left / left.sum()) if n else np.array([], int)


# %% wrong draw_negatives: it looks as if the draw does not come from `rng`: two calls with equal generators differ.
# the global generator is used, not rng
def draw_negatives(counts, own, n, rng):
    left = np.array(counts, dtype=float)
    left[list(own)] = 0
    n = min(n, np.count_nonzero(left))
    return np.random.choice(len(left), n, replace=False, p=left / left.sum()) if n else np.array([], int)


# %% wrong draw_negatives: use the `rng` that you are given.
# a new generator in every call, always the same draw
def draw_negatives(counts, own, n, rng):
    rng = np.random.default_rng(0)
    left = np.array(counts, dtype=float)
    left[list(own)] = 0
    n = min(n, np.count_nonzero(left))
    return rng.choice(len(left), n, replace=False, p=left / left.sum()) if n else np.array([], int)


# %% wrong draw_negatives: it looks as if you draw by another law
# squared popularity
def draw_negatives(counts, own, n, rng):
    left = np.array(counts, dtype=float) ** 2
    left[list(own)] = 0
    n = min(n, np.count_nonzero(left))
    return rng.choice(len(left), n, replace=False, p=left / left.sum()) if n else np.array([], int)


# %% wrong draw_negatives: only items
# filled up with 0 when few remain
def draw_negatives(counts, own, n, rng):
    left = np.array(counts, dtype=float)
    left[list(own)] = 0
    m = min(n, np.count_nonzero(left))
    drawn = rng.choice(len(left), m, replace=False, p=left / left.sum()) if m else np.array([], int)
    return np.concatenate([drawn, np.zeros(n - m, int)])


# %% wrong draw_negatives: use the `rng` that you are given.
# the most popular are taken, no draw
def draw_negatives(counts, own, n, rng):
    left = np.array(counts, dtype=float)
    left[list(own)] = 0
    m = min(n, np.count_nonzero(left))
    return np.argsort(-left, kind="stable")[:m]


# %% wrong draw_negatives: popularity decides about every rival, not only about the first: of two rivals, item
def draw_negatives(counts, own, n, rng):
    left = np.array(counts, dtype=float)
    left[list(own)] = 0
    ids = np.flatnonzero(left)
    if len(ids) == 0:
        return ids
    first = rng.choice(ids, p=left[ids] / left.sum())
    rest = rng.permutation(ids[ids != first])
    return np.array([first, *rest])[:n]


# %% wrong draw_negatives: it looks as if you draw by another law
# popularity of all items, own ones drawn are replaced by uniform ones
def draw_negatives(counts, own, n, rng):
    own, p = set(own), np.array(counts, dtype=float)
    drawn = [int(j) for j in rng.choice(len(p), min(n, np.count_nonzero(p)), replace=False, p=p / p.sum())]
    rest = [j for j in range(1, len(p)) if p[j] and j not in own and j not in drawn]
    drawn = [j for j in drawn if j not in own]
    more = rng.permutation(rest)[: n - len(drawn)].tolist()
    return np.array(drawn + more, dtype=int)


# %% right full_rank: with the ranks of question 2
def full_rank(scores, history, true):
    kept = [j for j in range(1, len(scores)) if j == true or j not in set(history)]
    return ranks(scores[kept][None], torch.tensor([kept.index(true)]))


# %% right full_rank: minus infinity, and counting, with an eye on nan
def full_rank(scores, history, true):
    mine, gone = float(scores[true]), sorted({0, *history} - {true})
    if math.isnan(mine):
        return len(scores) - len(gone)
    scores = scores.clone().nan_to_num(nan=math.inf, neginf=-math.inf, posinf=math.inf)
    scores[gone] = -math.inf
    return int((scores >= mine).sum())


# %% right full_rank: a loop
def full_rank(scores, history, true):
    rank = 1
    for j in range(1, len(scores)):
        if j != true and j not in history and not scores[j] < scores[true]:
            rank += 1
    return torch.tensor(rank)


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


# %% wrong full_rank: it looks as if you changed `scores`, which you were given; make a new one.
def full_rank(scores, history, true):
    mine = scores[true].item()
    scores[list(history)] = -math.inf
    scores[0] = -math.inf
    scores[true] = mine
    return int((scores >= mine).sum())


# %% wrong full_rank: an item that was clicked twice is one item.
# repeated history is subtracted twice
def full_rank(scores, history, true):
    beat = int((scores[1:] >= scores[true]).sum())
    return beat - sum(bool(scores[j] >= scores[true]) for j in history if j != true)


# %% wrong full_rank: the history leaves also if the true item is part of it.
# the history is not removed when the true item is in it
def full_rank(scores, history, true):
    s = scores.clone()
    s[0] = -math.inf
    if true not in history:
        s[list(history)] = -math.inf
    return int((~(s < scores[true])).sum())


# %% wrong full_rank: places move when items are taken out; the true item's place, too.
# the position of the true item is not moved after removal
def full_rank(scores, history, true):
    kept = [j for j in range(1, len(scores)) if j == true or j not in set(history)]
    s = scores[kept]
    return int((~(s < s[min(true, len(kept)) - 1])).sum())


# %% wrong full_rank: all earlier clicks leave, not only the last.
# only the last click is removed
def full_rank(scores, history, true):
    gone = {0, *history[-1:]} - {true}
    kept = [j for j in range(len(scores)) if j not in gone]
    return int((~(scores[kept] < scores[true])).sum())


# %% wrong full_rank: a seen item must get minus infinity, not a number that is merely small.
def full_rank(scores, history, true):
    s = scores.clone()
    mine = s[true].item()
    s[list(history)] = -99.0
    s[0] = -99.0
    s[true] = mine
    return int((~(s < mine)).sum())


# %% wrong full_rank: nan follows the rule of question 2: a nan must not look good.
def full_rank(scores, history, true):
    keep = [j for j in range(1, len(scores)) if j not in history or j == true]
    return int((scores[keep] >= scores[true]).sum())


# %% wrong full_rank: the true item must survive among earlier clicks; yours gets the worst rank.
def full_rank(scores, history, true):
    keep = [j for j in range(1, len(scores)) if j not in history or j == true]
    if true in history:
        return len(keep)
    return int((~(scores[keep] < scores[true])).sum())


# %% wrong full_rank: Earlier clicks must not compete, whatever their scores.
# history items count as ties of the true item
def full_rank(scores, history, true):
    s = scores.clone()
    s[[j for j in history if j != true]] = scores[true]
    return int((~(s[1:] < scores[true])).sum())
