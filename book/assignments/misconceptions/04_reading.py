# Answers to assignment 4 as data: each block replaces one solution cell. A "wrong" block
# must fail its check with a message that contains the words after the colon; a "right"
# block must pass. A line below the heading says what the wrong idea was.

# %% right profile: loops
def profile(p, m):
    n, K, G = len(p), len(p[0]), len(m[0])
    shares, lifts = np.zeros((K, G)), np.ones((K, G))
    for k in range(K):
        for g in range(G):
            shares[k, g] = sum(p[i][k] * m[i][g] for i in range(n)) / sum(r[k] for r in p)
            usual = sum(m[i][g] for i in range(n)) / n
            if usual > 0:
                lifts[k, g] = shares[k, g] / usual
    return shares, lifts


# %% right profile: torch
def profile(p, m):
    p, m = torch.as_tensor(p).double(), torch.as_tensor(m).double()
    shares = torch.einsum("nk,ng->kg", p / p.sum(0), m)
    usual = m.mean(0)
    return shares, torch.where(usual > 0, shares / usual.clamp(min=1e-12), 1.0)


# %% right profile: lists and numpy
def profile(p, m):
    p, m = np.array(p), np.array(m)
    with np.errstate(all="ignore"):
        s = np.array([(p[:, [k]] * m).sum(0) / p[:, k].sum() for k in range(p.shape[1])])
        return [s, np.nan_to_num(s / m.mean(0), nan=1.0)]


# %% wrong profile: the answer is transposed
def profile(p, m):
    s = m.T @ p / p.sum(0)
    return s, s / m.mean(0)[:, None]


# %% wrong profile: not the winning intention alone
def profile(p, m):
    p = np.eye(p.shape[1])[p.argmax(1)]
    s = p.T @ m / p.sum(0)[:, None]
    return s, s / m.mean(0)


# %% wrong profile: divide by what the intention owns, the sum of p
def profile(p, m):
    s = p.T @ m
    return s, s / m.mean(0)


# %% wrong profile: not by the number of clicks
def profile(p, m):
    s = p.T @ m / len(p)
    return s, s / m.mean(0)


# %% wrong profile: not P(k | g)
def profile(p, m):
    s = p.T @ m / m.sum(0)
    return s, s / m.mean(0)


# %% wrong profile: yours is inverted
def profile(p, m):
    s = p.T @ m / p.sum(0)[:, None]
    return s, m.mean(0) / s


# %% wrong profile: a ratio, not a difference
def profile(p, m):
    s = p.T @ m / p.sum(0)[:, None]
    return s, s - m.mean(0)


# %% wrong profile: not with the mean over intentions
def profile(p, m):
    s = p.T @ m / p.sum(0)[:, None]
    return s, s / s.mean(0)


# %% wrong profile: a genre without clicks
def profile(p, m):
    s = p.T @ m / p.sum(0)[:, None]
    return s, s / m.mean(0)


# %% wrong profile: a film counts whole for each of its genres; it is not divided among them.
# every film's genres are divided by their number
def profile(p, m):
    m = m / np.maximum(m.sum(1, keepdims=True), 1)
    s = p.T @ m / p.sum(0)[:, None]
    u = m.mean(0)
    return s, np.where(u > 0, s / np.where(u > 0, u, 1), 1.0)


# %% wrong profile: the lift is a ratio, not its logarithm.
# the logarithm of the lift
def profile(p, m):
    s = p.T @ m / p.sum(0)[:, None]
    u = m.mean(0)
    with np.errstate(all="ignore"):
        return s, np.where(u > 0, np.log(s / np.where(u > 0, u, 1)), 1.0)


# %% wrong profile: the lift of a genre without clicks is
# a genre without clicks has a lift of 0
def profile(p, m):
    s = p.T @ m / p.sum(0)[:, None]
    u = m.mean(0)
    return s, np.where(u > 0, s / np.where(u > 0, u, 1), 0.0)


# %% wrong profile: divide each row by what its intention owns, not by its own sum.
# the genres of a row sum to one
def profile(p, m):
    s = p.T @ m
    s = s / s.sum(1, keepdims=True)
    u = m.sum(0) / m.sum()
    return s, np.where(u > 0, s / np.where(u > 0, u, 1), 1.0)


# %% wrong profile: divide by what the intention owns, not by an equal part of the clicks.
# p is made to sum to one over the clicks before it is multiplied by n
def profile(p, m):
    s = p.T @ m / (len(p) / p.shape[1])
    u = m.mean(0)
    return s, np.where(u > 0, s / np.where(u > 0, u, 1), 1.0)


# %% wrong profile: compare with the share of clicks, not with their number.
def profile(p, m):
    s = p.T @ m / p.sum(0)[:, None]
    return s, s / m.sum(0)


# %% wrong profile: the lift still has to be divided by what is usual.
def profile(p, m):
    s = p.T @ m / p.sum(0)[:, None]
    return s, s


# %% wrong profile: the shares p count, not only who wins.
# p squared
def profile(p, m):
    q = p**2
    s = q.T @ m / q.sum(0)[:, None]
    u = m.mean(0)
    return s, np.where(u > 0, s / np.where(u > 0, u, 1), 1.0)


# %% right usage: loops
def usage(p):
    n, K = len(p), len(p[0])
    hard = [0.0] * K
    for row in p:
        hard[list(row).index(max(row))] += 1 / n
    return [sum(row[k] for row in p) / n for k in range(K)], hard


def evenness(u):
    return sum(-x * math.log(x) for x in u if x > 0) / math.log(len(u))


# %% right usage: torch
def usage(p):
    p = torch.as_tensor(p)
    hard = torch.nn.functional.one_hot(p.argmax(1), p.shape[1]).double().mean(0)
    return p.mean(0), hard


def evenness(u):
    u = torch.as_tensor(np.asarray(u), dtype=torch.float64)
    return torch.special.entr(u).sum() / math.log(u.numel())


# %% right usage: nansum
def usage(p):
    p = np.asarray(p)
    hard = [(p.argmax(1) == k).mean() for k in range(p.shape[1])]
    return p.mean(axis=0).tolist(), hard
def evenness(u):
    u = np.array(u, dtype=float)
    return -np.nansum(u * np.log(u)) / np.log(u.size)


# %% wrong usage: soft comes first
def usage(p):
    return np.bincount(p.argmax(1), minlength=p.shape[1]) / len(p), p.mean(0)


def evenness(u):
    u = np.asarray(u)
    return -(u[u > 0] * np.log(u[u > 0])).sum() / math.log(len(u))


# %% wrong usage: not a sum
def usage(p):
    return p.sum(0), np.bincount(p.argmax(1), minlength=p.shape[1]) / len(p)


def evenness(u):
    u = np.asarray(u)
    return -(u[u > 0] * np.log(u[u > 0])).sum() / math.log(len(u))


# %% wrong usage: a click has one winner
def usage(p):
    return p.mean(0), (p == p.max(1, keepdims=True)).mean(0)


def evenness(u):
    u = np.asarray(u)
    return -(u[u > 0] * np.log(u[u > 0])).sum() / math.log(len(u))


# %% wrong usage: do not leave it out
def usage(p):
    return p.mean(0), np.unique(p.argmax(1), return_counts=True)[1] / len(p)


def evenness(u):
    u = np.asarray(u)
    return -(u[u > 0] * np.log(u[u > 0])).sum() / math.log(len(u))


# %% wrong usage: the largest possible entropy
def usage(p):
    return p.mean(0), np.bincount(p.argmax(1), minlength=p.shape[1]) / len(p)


def evenness(u):
    u = np.asarray(u)
    return -(u[u > 0] * np.log(u[u > 0])).sum()


# %% wrong usage: 0 ln 0 counts as 0
def usage(p):
    return p.mean(0), np.bincount(p.argmax(1), minlength=p.shape[1]) / len(p)


def evenness(u):
    u = np.asarray(u)
    return -(u * np.log(u)).sum() / math.log(len(u))


# %% wrong usage: also the unused
def usage(p):
    return p.mean(0), np.bincount(p.argmax(1), minlength=p.shape[1]) / len(p)


def evenness(u):
    u = np.asarray(u)
    u = u[u > 0]
    return -(u * np.log(u)).sum() / max(math.log(len(u)), 1e-9)


# %% wrong usage: entropy has a minus sign
def usage(p):
    return p.mean(0), np.bincount(p.argmax(1), minlength=p.shape[1]) / len(p)


def evenness(u):
    u = np.asarray(u)
    return (u[u > 0] * np.log(u[u > 0])).sum() / math.log(len(u))


# %% wrong usage: the largest share wins, also below one half.
# won only with more than half
def usage(p):
    return p.mean(0), (p > 0.5).mean(0)
def evenness(u):
    u = np.asarray(u, dtype=float)
    return -(u[u > 0] * np.log(u[u > 0])).sum() / math.log(len(u))


# %% wrong usage: count the winners of the clicks, not the winner of the mean.
# hard is the winner of the mean
def usage(p):
    soft = p.mean(0)
    return soft, np.eye(len(soft))[soft.argmax()]
def evenness(u):
    u = np.asarray(u, dtype=float)
    return -(u[u > 0] * np.log(u[u > 0])).sum() / math.log(len(u))


# %% wrong usage: evenness comes from the entropy, not from squares.
# evenness is one minus the sum of squares
def usage(p):
    return p.mean(0), np.bincount(p.argmax(1), minlength=p.shape[1]) / len(p)
def evenness(u):
    u = np.asarray(u, dtype=float)
    return (1 - (u**2).sum()) / (1 - 1 / len(u))


# %% wrong usage: the same logarithm above and below: yours has bits over ln K.
# bits over ln K
def usage(p):
    return p.mean(0), np.bincount(p.argmax(1), minlength=p.shape[1]) / len(p)
def evenness(u):
    u = np.asarray(u, dtype=float)
    return -(u[u > 0] * np.log2(u[u > 0])).sum() / math.log(len(u))


# %% wrong usage: evenness comes from the entropy of all, not from smallest and largest.
# smallest over largest
def usage(p):
    return p.mean(0), np.bincount(p.argmax(1), minlength=p.shape[1]) / len(p)
def evenness(u):
    return min(u) / max(u)


# %% wrong usage: a tie goes to the first intention, not to the last.
# a tie goes to the last
def usage(p):
    K = p.shape[1]
    return p.mean(0), np.bincount(K - 1 - p[:, ::-1].argmax(1), minlength=K) / len(p)
def evenness(u):
    u = np.asarray(u, dtype=float)
    return -(u[u > 0] * np.log(u[u > 0])).sum() / math.log(len(u))


# %% wrong usage: one number for each intention: average over the clicks.
def usage(p):
    return p.mean(1), np.bincount(p.argmax(1), minlength=p.shape[1]) / len(p)
def evenness(u):
    u = np.asarray(u, dtype=float)
    return -(u[u > 0] * np.log(u[u > 0])).sum() / math.log(len(u))


# %% wrong usage: a share of the clicks, not a count.
def usage(p):
    return p.mean(0), np.bincount(p.argmax(1), minlength=p.shape[1])
def evenness(u):
    u = np.asarray(u, dtype=float)
    return -(u[u > 0] * np.log(u[u > 0])).sum() / math.log(len(u))


# %% wrong usage: 0 when one takes everything.
# evenness is the entropy of the sorted half
def usage(p):
    return p.mean(0), np.bincount(p.argmax(1), minlength=p.shape[1]) / len(p)
def evenness(u):
    u = np.asarray(u, dtype=float)
    return float(np.exp(-(u[u > 0] * np.log(u[u > 0])).sum()) / len(u))


# %% right agreement: loops over pairs of labels
def agreement(truth, found):
    truth, found = list(truth), list(found)
    n, shared, ha, hb, purity = len(truth), 0.0, 0.0, 0.0, 0.0
    for a in set(truth):
        pa = truth.count(a) / n
        ha -= pa * math.log(pa)
    for b in set(found):
        pb = found.count(b) / n
        hb -= pb * math.log(pb)
        cells = []
        for a in set(truth):
            ab = sum(x == a and y == b for x, y in zip(truth, found)) / n
            cells.append(ab)
            if ab > 0:
                shared += ab * math.log(ab / (truth.count(a) / n * pb))
        purity += max(cells)
    return (2 * shared / (ha + hb) if ha + hb > 0 else 1.0), purity


# %% right agreement: a histogram
def agreement(truth, found):
    a = np.unique(np.asarray(truth), return_inverse=True)[1]
    b = np.unique(np.asarray(found), return_inverse=True)[1]
    joint = np.histogram2d(a, b, bins=(a.max() + 1, b.max() + 1))[0] / len(a)
    outer = joint.sum(1)[:, None] * joint.sum(0)
    on = joint > 0
    shared = (joint[on] * np.log(joint[on] / outer[on])).sum()
    ha, hb = (-(x * np.log(x)).sum() for x in (joint.sum(1), joint.sum(0)))
    return (shared / (0.5 * (ha + hb)) if ha + hb else 1.0), joint.max(axis=0).sum()


# %% right agreement: a dictionary of counts
def agreement(truth, found):
    from collections import Counter
    truth, found = [int(x) for x in truth], [int(x) for x in found]
    n, ab = len(truth), Counter(zip(truth, found))
    a, b = Counter(truth), Counter(found)
    H = lambda c: -sum(v / n * math.log(v / n) for v in c.values())
    mutual = sum(v / n * math.log(v * n / (a[x] * b[y])) for (x, y), v in ab.items())
    norm = (H(a) + H(b)) / 2
    best = {y: max(v for (_, z), v in ab.items() if z == y) for y in b}
    return (1.0 if norm == 0 else mutual / norm), sum(best.values()) / n


# %% wrong agreement: divide by the mean of both entropies.
def agreement(truth, found):
    a, b = (np.unique(x, return_inverse=True)[1] for x in (truth, found))
    j = np.histogram2d(a, b, bins=(a.max() + 1, b.max() + 1))[0] / len(a)
    e = lambda x: -(x[x > 0] * np.log(x[x > 0])).sum()
    return e(j.sum(1)) + e(j.sum(0)) - e(j), j.max(0).sum()


# %% wrong agreement: not by one of them
def agreement(truth, found):
    a, b = (np.unique(x, return_inverse=True)[1] for x in (truth, found))
    j = np.histogram2d(a, b, bins=(a.max() + 1, b.max() + 1))[0] / len(a)
    e = lambda x: -(x[x > 0] * np.log(x[x > 0])).sum()
    return (e(j.sum(1)) + e(j.sum(0)) - e(j)) / e(j.sum(1)), j.max(0).sum()


# %% wrong agreement: yours divides by the sum
def agreement(truth, found):
    a, b = (np.unique(x, return_inverse=True)[1] for x in (truth, found))
    j = np.histogram2d(a, b, bins=(a.max() + 1, b.max() + 1))[0] / len(a)
    e = lambda x: -(x[x > 0] * np.log(x[x > 0])).sum()
    norm = e(j.sum(1)) + e(j.sum(0))
    return (norm - e(j)) / norm, j.max(0).sum()


# %% wrong agreement: not by their root product
def agreement(truth, found):
    a, b = (np.unique(x, return_inverse=True)[1] for x in (truth, found))
    j = np.histogram2d(a, b, bins=(a.max() + 1, b.max() + 1))[0] / len(a)
    e = lambda x: -(x[x > 0] * np.log(x[x > 0])).sum()
    x, y = e(j.sum(1)), e(j.sum(0))
    return (x + y - e(j)) / math.sqrt(x * y), j.max(0).sum()


# %% wrong agreement: the other way round
def agreement(truth, found):
    a, b = (np.unique(x, return_inverse=True)[1] for x in (truth, found))
    j = np.histogram2d(a, b, bins=(a.max() + 1, b.max() + 1))[0] / len(a)
    e = lambda x: -(x[x > 0] * np.log(x[x > 0])).sum()
    norm = (e(j.sum(1)) + e(j.sum(0))) / 2
    return (2 * norm - e(j)) / norm, j.max(1).sum()


# %% wrong agreement: comparing truth with found directly
def agreement(truth, found):
    a, b = (np.unique(x, return_inverse=True)[1] for x in (truth, found))
    j = np.histogram2d(a, b, bins=(a.max() + 1, b.max() + 1))[0] / len(a)
    e = lambda x: -(x[x > 0] * np.log(x[x > 0])).sum()
    norm = (e(j.sum(1)) + e(j.sum(0))) / 2
    return (2 * norm - e(j)) / norm, (np.asarray(truth) == np.asarray(found)).mean()


# %% wrong agreement: yours is a plain mean
def agreement(truth, found):
    a, b = (np.unique(x, return_inverse=True)[1] for x in (truth, found))
    j = np.histogram2d(a, b, bins=(a.max() + 1, b.max() + 1))[0] / len(a)
    e = lambda x: -(x[x > 0] * np.log(x[x > 0])).sum()
    norm = (e(j.sum(1)) + e(j.sum(0))) / 2
    return (2 * norm - e(j)) / norm, (j.max(0) / j.sum(0)).mean()


# %% wrong agreement: one label each
def agreement(truth, found):
    a, b = (np.unique(x, return_inverse=True)[1] for x in (truth, found))
    j = np.histogram2d(a, b, bins=(a.max() + 1, b.max() + 1))[0] / len(a)
    e = lambda x: -(x[x > 0] * np.log(x[x > 0])).sum()
    norm = (e(j.sum(1)) + e(j.sum(0))) / 2
    with np.errstate(all="ignore"):
        return np.float64(2 * norm - e(j)) / norm, j.max(0).sum()


# %% wrong agreement: every found label votes by itself; two may choose the same true label.
# matching instead of purity
def agreement(truth, found):
    from itertools import permutations
    a, b = (np.unique(x, return_inverse=True)[1] for x in (truth, found))
    n = max(a.max(), b.max()) + 1
    j = np.zeros((n, n))
    np.add.at(j, (a, b), 1 / len(a))
    e = lambda x: -(x[x > 0] * np.log(x[x > 0])).sum()
    norm = (e(j.sum(1)) + e(j.sum(0))) / 2
    nmi = (2 * norm - e(j)) / norm if norm > 0 else 1.0
    return nmi, max(j[list(q), range(n)].sum() for q in permutations(range(n)))


# %% wrong agreement: the same logarithm above and below: yours has bits over nats.
# bits over nats
def agreement(truth, found):
    a, b = (np.unique(x, return_inverse=True)[1] for x in (truth, found))
    j = np.histogram2d(a, b, bins=(a.max() + 1, b.max() + 1))[0] / len(a)
    e = lambda x: -(x[x > 0] * np.log(x[x > 0])).sum()
    norm = (e(j.sum(1)) + e(j.sum(0))) / 2
    return ((2 * norm - e(j)) / math.log(2) / norm if norm > 0 else 1.0), j.max(0).sum()


# %% wrong agreement: every found label votes; yours counts the best cell only.
# purity of the best label only
def agreement(truth, found):
    a, b = (np.unique(x, return_inverse=True)[1] for x in (truth, found))
    j = np.histogram2d(a, b, bins=(a.max() + 1, b.max() + 1))[0] / len(a)
    e = lambda x: -(x[x > 0] * np.log(x[x > 0])).sum()
    norm = (e(j.sum(1)) + e(j.sum(0))) / 2
    return ((2 * norm - e(j)) / norm if norm > 0 else 1.0), j.max()


# %% wrong agreement: one label each
# one label each gives 0
def agreement(truth, found):
    a, b = (np.unique(x, return_inverse=True)[1] for x in (truth, found))
    j = np.histogram2d(a, b, bins=(a.max() + 1, b.max() + 1))[0] / len(a)
    e = lambda x: -(x[x > 0] * np.log(x[x > 0])).sum()
    norm = (e(j.sum(1)) + e(j.sum(0))) / 2
    return ((2 * norm - e(j)) / norm if norm > 0 else 0.0), j.max(0).sum()


# %% wrong agreement: divide by the mean of both entropies, not by ln of a number of labels.
# labels are used as places of a table, K = largest label + 1, divided by ln K
def agreement(truth, found):
    truth, found = np.asarray(truth), np.asarray(found)
    K = max(truth.max(), found.max()) + 1
    j = np.zeros((K, K))
    np.add.at(j, (truth, found), 1 / len(truth))
    e = lambda x: -(x[x > 0] * np.log(x[x > 0])).sum()
    shared = e(j.sum(1)) + e(j.sum(0)) - e(j)
    return shared / math.log(K), j.max(0).sum()


# %% wrong agreement: a share of the clicks, not a count.
def agreement(truth, found):
    a, b = (np.unique(x, return_inverse=True)[1] for x in (truth, found))
    j = np.histogram2d(a, b, bins=(a.max() + 1, b.max() + 1))[0]
    e = lambda x: -(x[x > 0] * np.log(x[x > 0])).sum()
    q = j / len(a)
    norm = (e(q.sum(1)) + e(q.sum(0))) / 2
    return ((2 * norm - e(q)) / norm if norm > 0 else 1.0), j.max(0).sum()


# %% wrong agreement: a labelling agrees with itself: NMI 1, not 0.500.
# NMI of the joint with itself
def agreement(truth, found):
    a, b = (np.unique(x, return_inverse=True)[1] for x in (truth, found))
    j = np.histogram2d(a, b, bins=(a.max() + 1, b.max() + 1))[0] / len(a)
    e = lambda x: -(x[x > 0] * np.log(x[x > 0])).sum()
    norm = (e(j.sum(1)) + e(j.sum(0))) / 2
    return (e(j) / norm / 2 if norm > 0 else 1.0), j.max(0).sum()


# %% right explain: a loop
def explain(h, phi, tau, p, w, clicked):
    best, item, winner = -math.inf, None, None
    for j in range(1, len(h)):
        if j in set(clicked):
            continue
        for k in range(len(phi)):
            s = float(h[j] @ phi[k]) / tau
            if s > best:
                best, item, winner = s, j, k
    return item, winner, [float(p[i, winner] * w[i]) for i in range(len(w))]


# %% right explain: numpy
def explain(h, phi, tau, p, w, clicked):
    s = (h @ phi.T).numpy() / tau
    new = np.setdiff1d(np.arange(1, len(h)), clicked)
    item = new[s[new].max(1).argmax()]
    winner = s[item].argmax()
    return item, winner, p.numpy()[:, winner] * w.numpy()


# %% right explain: all cells at once
def explain(h, phi, tau, p, w, clicked):
    s = torch.einsum("md,kd->mk", h, phi).div(tau)
    s[0], s[torch.tensor(clicked)] = -torch.inf, -torch.inf
    item, winner = divmod(int(s.argmax()), len(phi))
    return item, winner, torch.mul(p, w[:, None])[:, winner]


# %% wrong explain: item 0 is padding
def explain(h, phi, tau, p, w, clicked):
    s = h @ phi.T / tau
    best = s.max(1).values
    best[list(clicked)] = -math.inf
    item = int(best.argmax())
    k = int(s[item].argmax())
    return item, k, p[:, k] * w


# %% wrong explain: was clicked already
def explain(h, phi, tau, p, w, clicked):
    s = h @ phi.T / tau
    best = s.max(1).values
    best[0] = -math.inf
    item = int(best.argmax())
    k = int(s[item].argmax())
    return item, k, p[:, k] * w


# %% wrong explain: is the MAXIMUM over the intentions
def explain(h, phi, tau, p, w, clicked):
    s = h @ phi.T / tau
    best = s.sum(1)
    best[[0, *clicked]] = -math.inf
    item = int(best.argmax())
    k = int(s[item].argmax())
    return item, k, p[:, k] * w


# %% wrong explain: not the one that most clicks belong to
def explain(h, phi, tau, p, w, clicked):
    s = h @ phi.T / tau
    best = s.max(1).values
    best[[0, *clicked]] = -math.inf
    k = int((p * w[:, None]).sum(0).argmax())
    return int(best.argmax()), k, p[:, k] * w


# %% wrong explain: the weight w is missing
def explain(h, phi, tau, p, w, clicked):
    s = h @ phi.T / tau
    best = s.max(1).values
    best[[0, *clicked]] = -math.inf
    item = int(best.argmax())
    k = int(s[item].argmax())
    return item, k, p[:, k]


# %% wrong explain: the share p is missing
def explain(h, phi, tau, p, w, clicked):
    s = h @ phi.T / tau
    best = s.max(1).values
    best[[0, *clicked]] = -math.inf
    item = int(best.argmax())
    return item, int(s[item].argmax()), w


# %% wrong explain: not divided by their sum
def explain(h, phi, tau, p, w, clicked):
    s = h @ phi.T / tau
    best = s.max(1).values
    best[[0, *clicked]] = -math.inf
    item = int(best.argmax())
    k = int(s[item].argmax())
    part = p[:, k] * w
    return item, k, part / part.sum()


# %% wrong explain: it looks as if you changed `h`, which you were given; make a new one.
def explain(h, phi, tau, p, w, clicked):
    h[[0, *clicked]] = 0
    s = h @ phi.T / tau
    item = int(s.max(1).values.argmax())
    k = int(s[item].argmax())
    return item, k, p[:, k] * w


# %% wrong explain: scores are products, not cosines.
# cosines
def explain(h, phi, tau, p, w, clicked):
    F = torch.nn.functional
    s = F.normalize(h, dim=1) @ F.normalize(phi, dim=1).T / tau
    best = s.max(1).values
    best[[0, *clicked]] = -math.inf
    item = int(best.argmax())
    k = int(s[item].argmax())
    return item, k, p[:, k] * w


# %% wrong explain: a large negative score is a bad one; the sign counts.
# absolute scores
def explain(h, phi, tau, p, w, clicked):
    s = (h @ phi.T / tau).abs()
    best = s.max(1).values
    best[[0, *clicked]] = -math.inf
    item = int(best.argmax())
    k = int(s[item].argmax())
    return item, k, p[:, k] * w


# %% wrong explain: item and winner come from the scores, not from the intention of most clicks.
# the strongest intention first, then its best item
def explain(h, phi, tau, p, w, clicked):
    s = h @ phi.T / tau
    s[[0, *clicked]] = -math.inf
    k = int((p * w[:, None]).sum(0).argmax())
    return int(s[:, k].argmax()), k, p[:, k] * w


# %% wrong explain: a contribution is p times w; the score does not enter.
# contributions are multiplied by the score
def explain(h, phi, tau, p, w, clicked):
    s = h @ phi.T / tau
    best = s.max(1).values
    best[[0, *clicked]] = -math.inf
    item = int(best.argmax())
    k = int(s[item].argmax())
    return item, k, p[:, k] * w * s[item, k]


# %% wrong explain: all that was clicked is left out, the last click, too.
# the last click is not left out
def explain(h, phi, tau, p, w, clicked):
    s = h @ phi.T / tau
    best = s.max(1).values
    best[[0, *clicked[:-1]]] = -math.inf
    item = int(best.argmax())
    k = int(s[item].argmax())
    return item, k, p[:, k] * w


# %% wrong explain: items are numbered with padding: row j of h is item j.
# item numbers shifted by one after padding is cut off
def explain(h, phi, tau, p, w, clicked):
    s = h[1:] @ phi.T / tau
    best = s.max(1).values
    best[[j - 1 for j in clicked]] = -math.inf
    item = int(best.argmax())
    k = int(s[item].argmax())
    return item, k, p[:, k] * w


# %% wrong explain: left out means minus infinity: a score of 0 may still be the best.
# left out items get 0
def explain(h, phi, tau, p, w, clicked):
    s = h @ phi.T / tau
    best = s.max(1).values
    best[[0, *clicked]] = 0
    item = int(best.argmax())
    k = int(s[item].argmax())
    return item, k, p[:, k] * w


# %% wrong explain: it looks as if you changed `w`, which you were given; make a new one.
def explain(h, phi, tau, p, w, clicked):
    s = h @ phi.T / tau
    best = s.max(1).values
    best[[0, *clicked]] = -math.inf
    item = int(best.argmax())
    k = int(s[item].argmax())
    w *= p[:, k]
    return item, k, w


# %% wrong explain: the highest score wins; the score, not the share of a softmax.
def explain(h, phi, tau, p, w, clicked):
    s = (h @ phi.T / tau)
    s[[0, *clicked]] = -math.inf
    share = s.softmax(0)
    item = int(share.max(1).values.argmax())
    k = int(share[item].argmax())
    return item, k, p[:, k] * w


# %% wrong explain: the shares of the WINNING intention count.
def explain(h, phi, tau, p, w, clicked):
    s = h @ phi.T / tau
    best = s.max(1).values
    best[[0, *clicked]] = -math.inf
    item = int(best.argmax())
    return item, int(s[item].argmax()), p.max(1).values * w


# %% wrong explain: the winner is the intention with the highest score for THE ITEM
# the winner is the intention of the largest contribution
def explain(h, phi, tau, p, w, clicked):
    best = (h @ phi.T).max(1).values
    best[[0, *clicked]] = -math.inf
    k = int((p * w[:, None]).max(0).values.argmax())
    return int(best.argmax()), k, p[:, k] * w
