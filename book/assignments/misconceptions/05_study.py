# Answers to assignment 5 as data: each block replaces one solution cell. A "wrong" block
# must fail its check with a message that contains the words after the colon; a "right"
# block must pass. A line below the heading says what the wrong idea was.

# %% right paired: loops
def paired(a, b):
    S, N = len(a), len(a[0])
    d = [[b[s][u] - a[s][u] for u in range(N)] for s in range(S)]
    users = [sum(d[s][u] for s in range(S)) / S for u in range(N)]
    seeds = [sum(row) / N for row in d]

    def error(values):
        middle = sum(values) / len(values)
        spread = sum((v - middle) ** 2 for v in values) / (len(values) - 1)
        return (spread / len(values)) ** 0.5

    return sum(users) / N, error(users), error(seeds)


# %% right paired: torch, as a list
def paired(a, b):
    d = torch.as_tensor(np.array(b), dtype=torch.float64) - torch.as_tensor(np.array(a))
    users = d.mean(0).std() / d.shape[1] ** 0.5
    return [d.mean(), users, d.mean(1).std() / d.shape[0] ** 0.5]


# %% right paired: torch, correction said
def paired(a, b):
    d = torch.tensor(np.asarray(b, float) - np.asarray(a, float))
    e = lambda x: torch.std(x, correction=1) / x.numel() ** 0.5
    return np.array([float(d.mean()), float(e(d.mean(dim=0))), float(e(d.mean(dim=1)))])


# %% wrong paired: b minus a, not a minus b
def paired(a, b):
    d = np.asarray(a) - np.asarray(b)
    u, s = d.mean(0), d.mean(1)
    return d.mean(), u.std(ddof=1) / len(u) ** 0.5, s.std(ddof=1) / len(s) ** 0.5


# %% wrong paired: users and seeds are swapped
def paired(a, b):
    d = np.asarray(b) - np.asarray(a)
    u, s = d.mean(1), d.mean(0)
    return d.mean(), u.std(ddof=1) / len(u) ** 0.5, s.std(ddof=1) / len(s) ** 0.5


# %% wrong paired: divide by N - 1
def paired(a, b):
    d = np.asarray(b) - np.asarray(a)
    u, s = d.mean(0), d.mean(1)
    return d.mean(), u.std() / len(u) ** 0.5, s.std() / len(s) ** 0.5


# %% wrong paired: divide the standard deviation by the root of N
def paired(a, b):
    d = np.asarray(b) - np.asarray(a)
    return d.mean(), d.mean(0).std(ddof=1), d.mean(1).std(ddof=1)


# %% wrong paired: take differences first
def paired(a, b):
    a, b = np.asarray(a), np.asarray(b)
    S, N = a.shape
    users = ((a.mean(0).var(ddof=1) + b.mean(0).var(ddof=1)) / N) ** 0.5
    return (b - a).mean(), users, (b - a).mean(1).std(ddof=1) / S**0.5


# %% wrong paired: not independent draws
def paired(a, b):
    d = np.asarray(b) - np.asarray(a)
    error = d.std(ddof=1) / d.size**0.5
    return d.mean(), error, d.mean(1).std(ddof=1) / len(d) ** 0.5


# %% wrong paired: there are S seeds, not N
def paired(a, b):
    d = np.asarray(b) - np.asarray(a)
    n = d.shape[1] ** 0.5
    return d.mean(), d.mean(0).std(ddof=1) / n, d.mean(1).std(ddof=1) / n


# %% wrong paired: yours is a variance
def paired(a, b):
    d = np.asarray(b) - np.asarray(a)
    S, N = d.shape
    return d.mean(), d.mean(0).var(ddof=1) / N, d.mean(1).var(ddof=1) / S


# %% wrong paired: not a sum
def paired(a, b):
    d = np.asarray(b) - np.asarray(a)
    u, s = d.mean(0), d.mean(1)
    return d.sum(), u.std(ddof=1) / len(u) ** 0.5, s.std(ddof=1) / len(s) ** 0.5


# %% wrong paired: return three numbers
def paired(a, b):
    d = np.asarray(b) - np.asarray(a)
    return d.mean(), d.mean(0).std(ddof=1) / d.shape[1] ** 0.5


# %% wrong paired: is a `return` missing
def paired(a, b):
    print(np.mean(np.asarray(b) - np.asarray(a)))


# %% wrong paired: losses count against b; yours takes absolute values.
# absolute gains
def paired(a, b):
    d = np.abs(np.asarray(b, float) - np.asarray(a, float))
    u, s = d.mean(0), d.mean(1)
    return d.mean(), u.std(ddof=1) / len(u) ** 0.5, s.std(ddof=1) / len(s) ** 0.5


# %% wrong paired: a difference, not a share of a.
# relative gain
def paired(a, b):
    a, b = np.asarray(a, float), np.asarray(b, float)
    d = b - a
    u, s = d.mean(0), d.mean(1)
    return d.mean() / a.mean(), u.std(ddof=1) / len(u) ** 0.5, s.std(ddof=1) / len(s) ** 0.5


# %% wrong paired: average each user's gain over the seeds first, not the errors afterwards.
# the error over users is averaged over the seeds
def paired(a, b):
    d = np.asarray(b, float) - np.asarray(a, float)
    users = (d.std(1, ddof=1) / d.shape[1] ** 0.5).mean()
    return d.mean(), users, d.mean(1).std(ddof=1) / len(d) ** 0.5


# %% wrong paired: one standard error, not 1.96 of them.
# 1.96 times the error
def paired(a, b):
    d = np.asarray(b, float) - np.asarray(a, float)
    u, s = d.mean(0), d.mean(1)
    return d.mean(), 1.96 * u.std(ddof=1) / len(u) ** 0.5, 1.96 * s.std(ddof=1) / len(s) ** 0.5


# %% wrong paired: differences first: the gains of the seeds vary, not b alone.
# the error over seeds is that of b alone
def paired(a, b):
    a, b = np.asarray(a, float), np.asarray(b, float)
    u, s = (b - a).mean(0), b.mean(1)
    return (b - a).mean(), u.std(ddof=1) / len(u) ** 0.5, s.std(ddof=1) / len(s) ** 0.5


# %% wrong paired: a mean, not a median.
# the median gain
def paired(a, b):
    d = np.asarray(b, float) - np.asarray(a, float)
    u, s = d.mean(0), d.mean(1)
    return np.median(d), u.std(ddof=1) / len(u) ** 0.5, s.std(ddof=1) / len(s) ** 0.5


# %% wrong paired: averages of 0 and 2: their deviation is the root of 2, by the root of 2: an error of 1
# deviations are divided by N, not by the root of N
def paired(a, b):
    d = np.asarray(b, float) - np.asarray(a, float)
    u, s = d.mean(0), d.mean(1)
    return d.mean(), u.std(ddof=1) / len(u), s.std(ddof=1) / len(s)


# %% right verdict: plain Python
def verdict(gains, users):
    n = len(gains)
    if n <= 2:
        return "too few seeds"
    mean = sum(gains) / n
    seeds = (sum((g - mean) ** 2 for g in gains) / (n - 1) / n) ** 0.5
    far = mean > 2 * users and mean > 2 * seeds
    deep = mean < -2 * users and mean < -2 * seeds
    if far and min(gains) > 0:
        return "more"
    if deep and max(gains) < 0:
        return "less"
    return "not told apart"


# %% right verdict: by signs
def verdict(gains, users):
    gains = torch.as_tensor(gains, dtype=torch.float64)
    if gains.numel() < 3:
        return "too few seeds"
    limit = 2 * max(float(users), float(gains.std() / gains.numel() ** 0.5))
    signs = set(gains.sign().tolist())
    if len(signs) > 1 or abs(gains.mean()) <= limit:
        return "not told apart"
    return {1.0: "more", -1.0: "less", 0.0: "not told apart"}[signs.pop()]


# %% right verdict: both signs through one function
def verdict(gains, users):
    if len(gains) < 3:
        return "too few seeds"
    import statistics
    seeds = statistics.stdev(gains) / len(gains) ** 0.5
    for word, sign in (("more", 1), ("less", -1)):
        g = [sign * x for x in gains]
        if min(g) > 0 and statistics.mean(g) > 2 * users and statistics.mean(g) > 2 * seeds:
            return word
    return "not told apart"


# %% wrong verdict: two seeds are too few
def verdict(gains, users):
    gains = np.asarray(gains, dtype=float)
    if len(gains) < 2:
        return "too few seeds"
    limit = 2 * max(users, gains.std(ddof=1) / len(gains) ** 0.5)
    if gains.min() > 0 and gains.mean() > limit:
        return "more"
    return "less" if gains.max() < 0 and -gains.mean() > limit else "not told apart"


# %% wrong verdict: the error over users counts
def verdict(gains, users):
    gains = np.asarray(gains, dtype=float)
    if len(gains) < 3:
        return "too few seeds"
    limit = 2 * gains.std(ddof=1) / len(gains) ** 0.5
    if gains.min() > 0 and gains.mean() > limit:
        return "more"
    return "less" if gains.max() < 0 and -gains.mean() > limit else "not told apart"


# %% wrong verdict: the error over seeds counts
def verdict(gains, users):
    gains = np.asarray(gains, dtype=float)
    if len(gains) < 3:
        return "too few seeds"
    if gains.min() > 0 and gains.mean() > 2 * users:
        return "more"
    return "less" if gains.max() < 0 and -gains.mean() > 2 * users else "not told apart"


# %% wrong verdict: ALL seeds must have the same sign, not only most of them, or the mean.
def verdict(gains, users):
    gains = np.asarray(gains, dtype=float)
    if len(gains) < 3:
        return "too few seeds"
    limit = 2 * max(users, gains.std(ddof=1) / len(gains) ** 0.5)
    if abs(gains.mean()) > limit:
        return "more" if gains.mean() > 0 else "less"
    return "not told apart"


# %% wrong verdict: the same below zero is an answer
def verdict(gains, users):
    gains = np.asarray(gains, dtype=float)
    if len(gains) < 3:
        return "too few seeds"
    limit = 2 * max(users, gains.std(ddof=1) / len(gains) ** 0.5)
    return "more" if gains.min() > 0 and gains.mean() > limit else "not told apart"


# %% wrong verdict: exactly twice the error
def verdict(gains, users):
    gains = np.asarray(gains, dtype=float)
    if len(gains) < 3:
        return "too few seeds"
    limit = 2 * max(users, gains.std(ddof=1) / len(gains) ** 0.5) - 1e-12
    if gains.min() > 0 and gains.mean() >= limit:
        return "more"
    return "less" if gains.max() < 0 and -gains.mean() >= limit else "not told apart"


# %% wrong verdict: a gain of zero is not above zero
def verdict(gains, users):
    gains = np.asarray(gains, dtype=float)
    if len(gains) < 3:
        return "too few seeds"
    limit = 2 * max(users, gains.std(ddof=1) / len(gains) ** 0.5)
    if gains.min() >= 0 and gains.mean() > limit:
        return "more"
    return "less" if gains.max() <= 0 and -gains.mean() > limit else "not told apart"


# %% wrong verdict: divided by the root of S
def verdict(gains, users):
    gains = np.asarray(gains, dtype=float)
    if len(gains) < 3:
        return "too few seeds"
    limit = 2 * max(users, gains.std(ddof=1))
    if gains.min() > 0 and gains.mean() > limit:
        return "more"
    return "less" if gains.max() < 0 and -gains.mean() > limit else "not told apart"


# %% wrong verdict: not one of the four answers
def verdict(gains, users):
    return np.mean(gains) > 2 * users if len(gains) > 2 else "too few seeds"


# %% wrong verdict: each error by itself; yours adds them.
# the sum of both errors
def verdict(gains, users):
    g = np.asarray(gains, float)
    if len(g) < 3:
        return "too few seeds"
    limit = 2 * (users + g.std(ddof=1) / len(g) ** 0.5)
    if (g > 0).all() and g.mean() > limit:
        return "more"
    return "less" if (g < 0).all() and g.mean() < -limit else "not told apart"


# %% wrong verdict: each error by itself; yours adds their squares.
# the root of the squared errors
def verdict(gains, users):
    g = np.asarray(gains, float)
    if len(g) < 3:
        return "too few seeds"
    limit = 2 * math.hypot(users, g.std(ddof=1) / len(g) ** 0.5)
    if (g > 0).all() and g.mean() > limit:
        return "more"
    return "less" if (g < 0).all() and g.mean() < -limit else "not told apart"


# %% wrong verdict: the mean must be beyond twice EACH error; for yours one is enough.
# one of the two errors is enough
def verdict(gains, users):
    g = np.asarray(gains, float)
    if len(g) < 3:
        return "too few seeds"
    limit = 2 * min(users, g.std(ddof=1) / len(g) ** 0.5)
    if (g > 0).all() and g.mean() > limit:
        return "more"
    return "less" if (g < 0).all() and g.mean() < -limit else "not told apart"


# %% wrong verdict: ALL seeds must have the same sign, not only most of them, or the mean.
# most seeds are enough
def verdict(gains, users):
    g = np.asarray(gains, float)
    if len(g) < 3:
        return "too few seeds"
    limit = 2 * max(users, g.std(ddof=1) / len(g) ** 0.5)
    if (g > 0).mean() > 0.5 and g.mean() > limit:
        return "more"
    return "less" if (g < 0).mean() > 0.5 and g.mean() < -limit else "not told apart"


# %% wrong verdict: twice the error, not once.
# once the error, not twice
def verdict(gains, users):
    g = np.asarray(gains, float)
    if len(g) < 3:
        return "too few seeds"
    limit = max(users, g.std(ddof=1) / len(g) ** 0.5)
    if (g > 0).all() and g.mean() > limit:
        return "more"
    return "less" if (g < 0).all() and g.mean() < -limit else "not told apart"


# %% wrong verdict: the error over seeds has S - 1 in its denominator (ddof=1).
# ddof 0
def verdict(gains, users):
    g = np.asarray(gains, float)
    if len(g) < 3:
        return "too few seeds"
    limit = 2 * max(users, g.std() / len(g) ** 0.5)
    if (g > 0).all() and g.mean() > limit:
        return "more"
    return "less" if (g < 0).all() and g.mean() < -limit else "not told apart"


# %% wrong verdict: three seeds are enough.
# three seeds are too few
def verdict(gains, users):
    g = np.asarray(gains, float)
    if len(g) <= 3:
        return "too few seeds"
    limit = 2 * max(users, g.std(ddof=1) / len(g) ** 0.5)
    if (g > 0).all() and g.mean() > limit:
        return "more"
    return "less" if (g < 0).all() and g.mean() < -limit else "not told apart"


# %% wrong verdict: above zero is "more", below is "less"; yours are swapped.
# more and less are swapped
def verdict(gains, users):
    g = np.asarray(gains, float)
    if len(g) < 3:
        return "too few seeds"
    limit = 2 * max(users, g.std(ddof=1) / len(g) ** 0.5)
    if (g > 0).all() and g.mean() > limit:
        return "less"
    return "more" if (g < 0).all() and g.mean() < -limit else "not told apart"


# %% wrong verdict: the MEAN must be beyond twice the errors, not every seed.
# the smallest gain must be beyond twice the errors
def verdict(gains, users):
    g = np.asarray(gains, float)
    if len(g) < 3:
        return "too few seeds"
    limit = 2 * max(users, g.std(ddof=1) / len(g) ** 0.5)
    if g.min() > limit:
        return "more"
    return "less" if g.max() < -limit else "not told apart"


# %% right smallest: of two
def smallest(user_spread, n_users, seed_spread, n_seeds):
    return max(2.8 * user_spread * n_users**-0.5, 2.8 * seed_spread * n_seeds**-0.5)


# %% right smallest: through variances
def smallest(user_spread, n_users, seed_spread, n_seeds):
    variances = np.array([user_spread**2 / n_users, seed_spread**2 / n_seeds])
    return np.sqrt(2.8**2 * variances.max())


# %% right smallest: an array
def smallest(user_spread, n_users, seed_spread, n_seeds):
    errors = np.divide([user_spread, seed_spread], np.sqrt([n_users, n_seeds]))
    return 2.8 * errors.max()


# %% wrong smallest: by the root of their number
def smallest(user_spread, n_users, seed_spread, n_seeds):
    return 2.8 * max(user_spread / n_users, seed_spread / n_seeds)


# %% wrong smallest: not the smaller one
def smallest(user_spread, n_users, seed_spread, n_seeds):
    return 2.8 * min(user_spread / n_users**0.5, seed_spread / n_seeds**0.5)


# %% wrong smallest: yours adds them
def smallest(user_spread, n_users, seed_spread, n_seeds):
    return 2.8 * (user_spread / n_users**0.5 + seed_spread / n_seeds**0.5)


# %% wrong smallest: 2.8 standard errors, not one
def smallest(user_spread, n_users, seed_spread, n_seeds):
    return max(user_spread / n_users**0.5, seed_spread / n_seeds**0.5)


# %% wrong smallest: not two
def smallest(user_spread, n_users, seed_spread, n_seeds):
    return 2 * max(user_spread / n_users**0.5, seed_spread / n_seeds**0.5)


# %% wrong smallest: seeds count as well: with many users they set the limit.
def smallest(user_spread, n_users, seed_spread, n_seeds):
    return 2.8 * user_spread / n_users**0.5


# %% wrong smallest: the larger error sets the limit; yours adds their squares.
# the root of the squared errors
def smallest(user_spread, n_users, seed_spread, n_seeds):
    return 2.8 * math.hypot(user_spread / n_users**0.5, seed_spread / n_seeds**0.5)


# %% wrong smallest: seeds are divided by the root of their own number.
# seeds are divided by seeds times users
def smallest(user_spread, n_users, seed_spread, n_seeds):
    return 2.8 * max(user_spread / n_users**0.5, seed_spread / (n_seeds * n_users) ** 0.5)


# %% wrong smallest: the root of N itself, not of N - 1: the spreads are given.
# N - 1 in the root
def smallest(user_spread, n_users, seed_spread, n_seeds):
    return 2.8 * max(user_spread / (n_users - 1) ** 0.5, seed_spread / (n_seeds - 1) ** 0.5)


# %% wrong smallest: 2.8 standard errors, not 1.96.
# 1.96 instead of 2.8
def smallest(user_spread, n_users, seed_spread, n_seeds):
    return 1.96 * max(user_spread / n_users**0.5, seed_spread / n_seeds**0.5)


# %% wrong smallest: the larger ERROR sets the limit, not that of the larger spread.
# the larger spread, whatever its error
def smallest(user_spread, n_users, seed_spread, n_seeds):
    if user_spread > seed_spread:
        return 2.8 * user_spread / n_users**0.5
    return 2.8 * seed_spread / n_seeds**0.5


# %% wrong smallest: the number of seeds has no say in the error over users.
# spreads are added before the roots
def smallest(user_spread, n_users, seed_spread, n_seeds):
    return 2.8 * (user_spread + seed_spread) / min(n_users, n_seeds) ** 0.5
