# Answers to assignment 4 as data: each block replaces one solution cell. A "wrong" block
# must fail its check with a message that contains the words after the colon; a "right"
# block must pass.
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
# %% wrong agreement: full agreement, not nan
def agreement(truth, found):
    a, b = (np.unique(x, return_inverse=True)[1] for x in (truth, found))
    j = np.histogram2d(a, b, bins=(a.max() + 1, b.max() + 1))[0] / len(a)
    e = lambda x: -(x[x > 0] * np.log(x[x > 0])).sum()
    norm = (e(j.sum(1)) + e(j.sum(0))) / 2
    with np.errstate(all="ignore"):
        return np.float64(2 * norm - e(j)) / norm, j.max(0).sum()

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
# %% wrong explain: you changed h
def explain(h, phi, tau, p, w, clicked):
    h[[0, *clicked]] = 0
    s = h @ phi.T / tau
    item = int(s.max(1).values.argmax())
    k = int(s[item].argmax())
    return item, k, p[:, k] * w
