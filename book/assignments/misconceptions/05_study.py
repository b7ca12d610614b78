# Answers to assignment 5 as data: each block replaces one solution cell. A "wrong" block
# must fail its check with a message that contains the words after the colon; a "right"
# block must pass.
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
# %% wrong verdict: all seeds must have the same sign
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

# %% right smallest: of two
def smallest(user_spread, n_users, seed_spread, n_seeds):
    return max(2.8 * user_spread * n_users**-0.5, 2.8 * seed_spread * n_seeds**-0.5)
# %% right smallest: through variances
def smallest(user_spread, n_users, seed_spread, n_seeds):
    variances = np.array([user_spread**2 / n_users, seed_spread**2 / n_seeds])
    return np.sqrt(2.8**2 * variances.max())
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
# %% wrong smallest: with many users the seeds set the limit
def smallest(user_spread, n_users, seed_spread, n_seeds):
    return 2.8 * user_spread / n_users**0.5
