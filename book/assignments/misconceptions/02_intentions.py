# Answers to assignment 2 as data: each block replaces one solution cell. A "wrong" block
# must fail its check with a message that contains the words after the colon; a "right"
# block must pass. A line below the heading says what the wrong idea was.

# %% right cluster: a loop and exponentials
def cluster(z, prototypes):
    D = z.shape[1]
    rows = []
    for click in layer_norm(z):
        s = torch.stack([click @ c for c in layer_norm(prototypes)]) / D**0.5
        e = torch.exp(s - s.max())
        rows.append(e / e.sum())
    return torch.stack(rows)


# %% right cluster: torch's layer norm with its own epsilon
def cluster(z, prototypes):
    D = z.shape[-1]
    LN = lambda x: torch.nn.functional.layer_norm(x, (D,))
    return (LN(z) @ LN(prototypes).T / D**0.5).softmax(dim=-1)


# %% right cluster: torch's layer norm as a module
def cluster(z, prototypes):
    D = z.shape[-1]
    LN = torch.nn.LayerNorm(D, elementwise_affine=False)
    return (LN(z) @ LN(prototypes).T / D**0.5).softmax(dim=-1)


# %% right cluster: einsum, numpy at the end
def cluster(z, prototypes):
    s = torch.einsum("td,kd->tk", layer_norm(z), layer_norm(prototypes))
    return torch.softmax(s * z.size(1) ** -0.5, dim=1).numpy()


# %% right cluster: einops-like, F.normalize of centred vectors
def cluster(z, prototypes):
    F = torch.nn.functional
    a = F.normalize(z - z.mean(-1, keepdim=True), dim=-1)
    b = F.normalize(prototypes - prototypes.mean(-1, keepdim=True), dim=-1)
    return F.softmax(a @ b.mT * math.sqrt(z.shape[-1]), dim=-1)


# %% wrong cluster: yours sum over clicks
def cluster(z, prototypes):
    s = layer_norm(z) @ layer_norm(prototypes).T / math.sqrt(z.shape[1])
    return s.softmax(0)


# %% wrong cluster: divide by the root of D.
def cluster(z, prototypes):
    return (layer_norm(z) @ layer_norm(prototypes).T).softmax(1)


# %% wrong cluster: not by D
def cluster(z, prototypes):
    return (layer_norm(z) @ layer_norm(prototypes).T / z.shape[1]).softmax(1)


# %% wrong cluster: not the number of intentions
def cluster(z, prototypes):
    s = layer_norm(z) @ layer_norm(prototypes).T / math.sqrt(len(prototypes))
    return s.softmax(1)


# %% wrong cluster: yours are raw
def cluster(z, prototypes):
    return (z @ prototypes.T / math.sqrt(z.shape[1])).softmax(1)


# %% wrong cluster: the prototypes are normalised, too
def cluster(z, prototypes):
    return (layer_norm(z) @ prototypes.T / math.sqrt(z.shape[1])).softmax(1)


# %% wrong cluster: not along the clicks
def cluster(z, prototypes):
    a, b = layer_norm(z.T).T, layer_norm(prototypes.T).T
    return (a @ b.T / math.sqrt(z.shape[1])).softmax(1)


# %% wrong cluster: also subtracts the mean
def cluster(z, prototypes):
    a = z / z.norm(dim=1, keepdim=True)
    b = prototypes / prototypes.norm(dim=1, keepdim=True)
    return (a @ b.T * math.sqrt(z.shape[1])).softmax(1)


# %% wrong cluster: with D, not D - 1
def cluster(z, prototypes):
    LN = lambda x: (x - x.mean(-1, keepdim=True)) / x.std(-1, keepdim=True)
    return (LN(z) @ LN(prototypes).T / z.shape[1] ** 0.5).softmax(1)


# %% wrong cluster: one softmax is enough
def cluster(z, prototypes):
    s = layer_norm(z) @ layer_norm(prototypes).T / math.sqrt(z.shape[1])
    return s.softmax(1).softmax(1)


# %% wrong cluster: the answer is transposed
def cluster(z, prototypes):
    s = layer_norm(prototypes) @ layer_norm(z).T / math.sqrt(z.shape[1])
    return s.softmax(0)


# %% wrong cluster: LN normalises each vector by itself, not all of them together.
# layer norm over both axes
def cluster(z, prototypes):
    LN = lambda x: torch.nn.functional.layer_norm(x, x.shape)
    return (LN(z) @ LN(prototypes).T / math.sqrt(z.shape[1])).softmax(1)


# %% wrong cluster: divide by the root of D; yours multiplies.
# multiplied by the root of D
def cluster(z, prototypes):
    return (layer_norm(z) @ layer_norm(prototypes).T * math.sqrt(z.shape[1])).softmax(1)


# %% wrong cluster: a softmax over the intentions; yours is a sigmoid of each.
# a sigmoid instead of a softmax
def cluster(z, prototypes):
    return (layer_norm(z) @ layer_norm(prototypes).T / math.sqrt(z.shape[1])).sigmoid()


# %% wrong cluster: shares are soft; yours gives each click to one intention.
# the winner takes all
def cluster(z, prototypes):
    s = layer_norm(z) @ layer_norm(prototypes).T
    return torch.nn.functional.one_hot(s.argmax(1), len(prototypes)).to(z)


# %% wrong cluster: compare by dot products, not by distances.
# distances instead of products
def cluster(z, prototypes):
    a, b = layer_norm(z), layer_norm(prototypes)
    return (-torch.cdist(a, b) / math.sqrt(z.shape[1])).softmax(1)


# %% wrong cluster: shares sum to one; yours are exponentials, not divided by their sum.
# exp without a normalisation
def cluster(z, prototypes):
    return (layer_norm(z) @ layer_norm(prototypes).T / math.sqrt(z.shape[1])).exp()


# %% wrong cluster: the clicks are normalised, too.
def cluster(z, prototypes):
    return (z @ layer_norm(prototypes).T / math.sqrt(z.shape[1])).softmax(1)


# %% wrong cluster: shares are a softmax, not the dot products themselves.
def cluster(z, prototypes):
    return layer_norm(z) @ layer_norm(prototypes).T / math.sqrt(z.shape[1])


# %% wrong cluster: prototypes are compared one by one; what two of them get, in proportion, does not depend o
# prototypes are centred over the intentions
def cluster(z, prototypes):
    c = layer_norm(prototypes - prototypes.mean(0))
    return (layer_norm(z) @ c.T / math.sqrt(z.shape[1])).softmax(1)


# %% wrong cluster: the shares of a click are not negative and sum to one: a softmax over k.
# shares are divided by the largest
def cluster(z, prototypes):
    p = (layer_norm(z) @ layer_norm(prototypes).T / math.sqrt(z.shape[1])).softmax(1)
    return p / p.max(1, keepdim=True).values


# %% right weigh: a loop
def weigh(keys, queries, lengths):
    rows = torch.zeros(keys.shape[:2], dtype=keys.dtype)
    for b, n in enumerate(lengths.tolist()):
        s = keys[b, :n] @ queries[b, n - 1] / keys.shape[2] ** 0.5
        rows[b, :n] = torch.softmax(s, 0)
    return rows


# %% right weigh: exponentials and division
def weigh(keys, queries, lengths):
    B, T, D = keys.shape
    index = (lengths - 1).view(B, 1, 1).expand(B, 1, D)
    s = (keys * queries.gather(1, index)).sum(2) / math.sqrt(D)
    real = torch.arange(T)[None] < lengths[:, None]
    top = s.masked_fill(~real, -math.inf).max(1, keepdim=True).values
    e = torch.where(real, torch.exp(s - top), torch.zeros_like(s))
    return e / e.sum(1, keepdim=True)


# %% right weigh: the smallest number of the type
def weigh(keys, queries, lengths):
    q = queries.gather(1, (lengths - 1)[:, None, None].expand(-1, 1, keys.shape[2]))
    s = (keys * q).sum(-1) / keys.shape[-1] ** 0.5
    padding = torch.arange(keys.shape[1])[None] >= lengths[:, None]
    return torch.where(padding, torch.finfo(s.dtype).min, s).softmax(-1)


# %% wrong weigh: mask it before the softmax
def weigh(keys, queries, lengths):
    last = queries[torch.arange(len(keys)), lengths - 1]
    return (torch.einsum("btd,bd->bt", keys, last) / keys.shape[2] ** 0.5).softmax(1)


# %% wrong weigh: the rest must still sum to one
def weigh(keys, queries, lengths):
    last = queries[torch.arange(len(keys)), lengths - 1]
    w = (torch.einsum("btd,bd->bt", keys, last) / keys.shape[2] ** 0.5).softmax(1)
    return w * (torch.arange(keys.shape[1]) < lengths[:, None])


# %% wrong weigh: minus infinity, not 0
def weigh(keys, queries, lengths):
    last = queries[torch.arange(len(keys)), lengths - 1]
    s = torch.einsum("btd,bd->bt", keys, last) / keys.shape[2] ** 0.5
    return (s * (torch.arange(keys.shape[1]) < lengths[:, None])).softmax(1)


# %% wrong weigh: the last REAL click asks
def weigh(keys, queries, lengths):
    s = torch.einsum("btd,bd->bt", keys, queries[:, -1]) / keys.shape[2] ** 0.5
    padding = torch.arange(keys.shape[1]) >= lengths[:, None]
    return s.masked_fill(padding, -math.inf).softmax(1)


# %% wrong weigh: not the first
def weigh(keys, queries, lengths):
    s = torch.einsum("btd,bd->bt", keys, queries[:, 0]) / keys.shape[2] ** 0.5
    padding = torch.arange(keys.shape[1]) >= lengths[:, None]
    return s.masked_fill(padding, -math.inf).softmax(1)


# %% wrong weigh: each click asks for itself
def weigh(keys, queries, lengths):
    s = (keys * queries).sum(2) / keys.shape[2] ** 0.5
    padding = torch.arange(keys.shape[1]) >= lengths[:, None]
    return s.masked_fill(padding, -math.inf).softmax(1)


# %% wrong weigh: places count from 0
def weigh(keys, queries, lengths):
    last = queries[torch.arange(len(keys)), lengths.clamp(max=keys.shape[1] - 1)]
    s = torch.einsum("btd,bd->bt", keys, last) / keys.shape[2] ** 0.5
    padding = torch.arange(keys.shape[1]) >= lengths[:, None]
    return s.masked_fill(padding, -math.inf).softmax(1)


# %% wrong weigh: divide by the root of D.
def weigh(keys, queries, lengths):
    last = queries[torch.arange(len(keys)), lengths - 1]
    s = torch.einsum("btd,bd->bt", keys, last)
    padding = torch.arange(keys.shape[1]) >= lengths[:, None]
    return s.masked_fill(padding, -math.inf).softmax(1)


# %% wrong weigh: exp overflows
def weigh(keys, queries, lengths):
    last = queries[torch.arange(len(keys)), lengths - 1]
    s = torch.einsum("btd,bd->bt", keys, last) / keys.shape[2] ** 0.5
    e = torch.exp(s) * (torch.arange(keys.shape[1]) < lengths[:, None])
    return e / e.sum(1, keepdim=True)


# %% wrong weigh: not merely small
def weigh(keys, queries, lengths):
    last = queries[torch.arange(len(keys)), lengths - 1]
    s = torch.einsum("btd,bd->bt", keys, last) / keys.shape[2] ** 0.5
    padding = torch.arange(keys.shape[1]) >= lengths[:, None]
    return s.masked_fill(padding, -30.0).softmax(1)


# %% wrong weigh: not over the batch
def weigh(keys, queries, lengths):
    last = queries[torch.arange(len(keys)), lengths - 1]
    s = torch.einsum("btd,bd->bt", keys, last) / keys.shape[2] ** 0.5
    padding = torch.arange(keys.shape[1]) >= lengths[:, None]
    return s.masked_fill(padding, -math.inf).softmax(0)


# %% wrong weigh: the last click asks, not the mean of all.
# the mean of the queries asks
def weigh(keys, queries, lengths):
    mask = torch.arange(keys.shape[1]) < lengths[:, None]
    q = (queries * mask[..., None]).sum(1) / lengths[:, None]
    s = torch.einsum("btd,bd->bt", keys, q) / math.sqrt(keys.shape[2])
    return s.masked_fill(~mask, -math.inf).softmax(1)


# %% wrong weigh: places count from 0: place n is the first place of padding.
# one place of padding gets in
def weigh(keys, queries, lengths):
    q = queries[torch.arange(len(keys)), lengths - 1]
    s = torch.einsum("btd,bd->bt", keys, q) / math.sqrt(keys.shape[2])
    return s.masked_fill(torch.arange(keys.shape[1]) > lengths[:, None], -math.inf).softmax(1)


# %% wrong weigh: padding gets exactly
# minus 1000 instead of minus infinity
def weigh(keys, queries, lengths):
    q = queries[torch.arange(len(keys)), lengths - 1]
    s = torch.einsum("btd,bd->bt", keys, q) / math.sqrt(keys.shape[2])
    return s.masked_fill(torch.arange(keys.shape[1]) >= lengths[:, None], -1000.0).softmax(1)


# %% wrong weigh: padding gets exactly
# minus 1000 is added at padding
def weigh(keys, queries, lengths):
    q = queries[torch.arange(len(keys)), lengths - 1]
    s = torch.einsum("btd,bd->bt", keys, q) / math.sqrt(keys.shape[2])
    return (s - 1000.0 * (torch.arange(keys.shape[1]) >= lengths[:, None])).softmax(1)


# %% wrong weigh: a softmax, not the scores divided by their sum.
# shares, no softmax
def weigh(keys, queries, lengths):
    q = queries[torch.arange(len(keys)), lengths - 1]
    s = torch.einsum("btd,bd->bt", keys, q) / math.sqrt(keys.shape[2])
    s = s * (torch.arange(keys.shape[1]) < lengths[:, None])
    return s / s.sum(1, keepdim=True)


# %% wrong weigh: a masked score is minus infinity, not 0 (nor a key of 0): exp(0) is 1.
# the keys are masked, not the scores
def weigh(keys, queries, lengths):
    mask = torch.arange(keys.shape[1]) < lengths[:, None]
    q = queries[torch.arange(len(keys)), lengths - 1]
    return (torch.einsum("btd,bd->bt", keys * mask[..., None], q) / keys.shape[2] ** 0.5).softmax(1)


# %% wrong weigh: padding stands at the right; yours masks the left.
# the first place is masked instead of the padding
def weigh(keys, queries, lengths):
    q = queries[torch.arange(len(keys)), lengths - 1]
    T = keys.shape[1]
    s = torch.einsum("btd,bd->bt", keys, q) / math.sqrt(keys.shape[2])
    return s.masked_fill(torch.arange(T) < T - lengths[:, None], -math.inf).softmax(1)


# %% wrong weigh: the last click weighs itself, too.
def weigh(keys, queries, lengths):
    q = queries[torch.arange(len(keys)), lengths - 1]
    s = torch.einsum("btd,bd->bt", keys, q) / math.sqrt(keys.shape[2])
    n = (lengths - 1).clamp(min=1)
    return s.masked_fill(torch.arange(keys.shape[1]) >= n[:, None], -math.inf).softmax(1)


# %% wrong weigh: divide by the root of D, not by D.
def weigh(keys, queries, lengths):
    q = queries[torch.arange(len(keys)), lengths - 1]
    s = torch.einsum("btd,bd->bt", keys, q) / keys.shape[2]
    return s.masked_fill(torch.arange(keys.shape[1]) >= lengths[:, None], -math.inf).softmax(1)


# %% wrong weigh: padding gets exactly
def weigh(keys, queries, lengths):
    B, T, D = keys.shape
    q = queries[torch.arange(B), lengths - 1]
    w = (torch.einsum("btd,bd->bt", keys, q) / math.sqrt(D)).softmax(1)
    w = w * (torch.arange(T) < lengths[:, None])
    return w / w.sum(1, keepdim=True)


# %% wrong weigh: padding gets exactly
def weigh(keys, queries, lengths):
    q = queries[torch.arange(len(keys)), lengths - 1]
    s = (keys * q[:, None]).sum(2) / math.sqrt(keys.shape[2])
    e = torch.exp(s - s.amax(1, keepdim=True)) * (torch.arange(keys.shape[1]) < lengths[:, None])
    return e / e.sum(1, keepdim=True)


# %% wrong weigh: scores are products divided by the root of D; yours are 1.41 times that.
# divided by the root of T
def weigh(keys, queries, lengths):
    q = queries[torch.arange(len(keys)), lengths - 1]
    s = torch.einsum("btd,bd->bt", keys, q) / math.sqrt(keys.shape[1])
    return s.masked_fill(torch.arange(keys.shape[1]) >= lengths[:, None], -math.inf).softmax(1)


# %% wrong weigh: only the query of the last real click counts; yours changes with other queries.
# the query of the click before the last asks
def weigh(keys, queries, lengths):
    q = queries[torch.arange(len(keys)), (lengths - 2).clamp(min=0)]
    s = torch.einsum("btd,bd->bt", keys, q) / math.sqrt(keys.shape[2])
    return s.masked_fill(torch.arange(keys.shape[1]) >= lengths[:, None], -math.inf).softmax(1)


# %% right summarise: loops
def summarise(z, p, w, beta_past, beta_future, role):
    beta = {"past": beta_past, "future": beta_future}[role]
    rows = []
    for k in range(len(beta)):
        total = beta[k].clone()
        for i in range(len(z)):
            total = total + p[i, k] * w[i] * z[i]
        rows.append(total)
    return layer_norm(torch.stack(rows))


# %% right summarise: torch's layer norm with its own epsilon
def summarise(z, p, w, beta_past, beta_future, role):
    beta = {"past": beta_past, "future": beta_future}[role]
    total = beta + torch.einsum("ik,i,id->kd", p, w, z)
    return torch.nn.functional.layer_norm(total, total.shape[-1:])


# %% right summarise: torch's layer norm as a module
def summarise(z, p, w, beta_past, beta_future, role):
    beta = {"past": beta_past, "future": beta_future}[role]
    norm = torch.nn.LayerNorm(z.shape[-1], elementwise_affine=False)
    return norm(beta + torch.einsum("ik,i,id->kd", p, w, z))


# %% right summarise: weigh the clicks first
def summarise(z, p, w, beta_past, beta_future, role):
    weighed = z * w.unsqueeze(1)
    total = torch.einsum("ik,id->kd", p, weighed)
    return layer_norm(total + (beta_future if role == "future" else beta_past))


# %% right summarise: a stack of intentions
def summarise(z, p, w, beta_past, beta_future, role):
    beta = beta_future if role == "future" else beta_past
    return torch.stack([layer_norm(b + (w * p[:, k]) @ z) for k, b in enumerate(beta)])


# %% wrong summarise: yours are swapped
def summarise(z, p, w, beta_past, beta_future, role):
    beta = beta_future if role == "past" else beta_past
    return layer_norm(beta + (p * w[:, None]).T @ z)


# %% wrong summarise: clicks are added up and the bias once; yours averages the clicks, or adds the bias for eac
def summarise(z, p, w, beta_past, beta_future, role):
    beta = beta_past if role == "past" else beta_future
    return layer_norm(beta + (p * w[:, None]).T @ z / len(z))


# %% wrong summarise: not after it
def summarise(z, p, w, beta_past, beta_future, role):
    beta = beta_past if role == "past" else beta_future
    return layer_norm((p * w[:, None]).T @ z) + beta


# %% wrong summarise: the bias is missing
def summarise(z, p, w, beta_past, beta_future, role):
    return layer_norm((p * w[:, None]).T @ z)


# %% wrong summarise: the weight w of each click is missing
def summarise(z, p, w, beta_past, beta_future, role):
    beta = beta_past if role == "past" else beta_future
    return layer_norm(beta + p.T @ z)


# %% wrong summarise: the share p of each click is missing
def summarise(z, p, w, beta_past, beta_future, role):
    beta = beta_past if role == "past" else beta_future
    return layer_norm(beta + w @ z)


# %% wrong summarise: with D, not D - 1
def summarise(z, p, w, beta_past, beta_future, role):
    beta = beta_past if role == "past" else beta_future
    LN = lambda x: (x - x.mean(-1, keepdim=True)) / x.std(-1, keepdim=True)
    return LN(beta + (p * w[:, None]).T @ z)


# %% wrong summarise: the layer norm is missing
def summarise(z, p, w, beta_past, beta_future, role):
    beta = beta_past if role == "past" else beta_future
    return beta + (p * w[:, None]).T @ z


# %% wrong summarise: not along the intentions
def summarise(z, p, w, beta_past, beta_future, role):
    beta = beta_past if role == "past" else beta_future
    return layer_norm((beta + (p * w[:, None]).T @ z).T).T


# %% wrong summarise: yours took that of pasts
def summarise(z, p, w, beta_past, beta_future, role):
    return layer_norm(beta_past + (p * w[:, None]).T @ z)


# %% wrong summarise: it looks as if you changed `z`, which you were given; make a new one.
# z is changed in place
def summarise(z, p, w, beta_past, beta_future, role):
    beta = beta_past if role == "past" else beta_future
    z *= w[:, None]
    return layer_norm(beta + p.T @ z)


# %% wrong summarise: p and w are used as they are; yours makes them sum to one once more.
# p * w is normalised again
def summarise(z, p, w, beta_past, beta_future, role):
    beta = beta_past if role == "past" else beta_future
    q = p * w[:, None]
    return layer_norm(beta + (q / q.sum(0)).T @ z)


# %% wrong summarise: clicks are added up and the bias once; yours averages the clicks, or adds the bias for eac
# the bias is added once for each click
def summarise(z, p, w, beta_past, beta_future, role):
    beta = beta_past if role == "past" else beta_future
    return layer_norm(len(z) * beta + (p * w[:, None]).T @ z)


# %% wrong summarise: LN normalises each summary by itself, not all of them together.
# layer norm over both axes
def summarise(z, p, w, beta_past, beta_future, role):
    beta = beta_past if role == "past" else beta_future
    total = beta + (p * w[:, None]).T @ z
    return torch.nn.functional.layer_norm(total, total.shape)


# %% wrong summarise: one bias only, that of the role; yours adds both.
# both biases are added
def summarise(z, p, w, beta_past, beta_future, role):
    return layer_norm(beta_past + beta_future + (p * w[:, None]).T @ z)


# %% wrong summarise: one layer norm, of the sum and the bias together.
# layer norm of the sum and of the bias apart
def summarise(z, p, w, beta_past, beta_future, role):
    beta = beta_past if role == "past" else beta_future
    return layer_norm(beta) + layer_norm((p * w[:, None]).T @ z)


# %% wrong summarise: p are shares already; no softmax of them.
# w times the softmax of p
def summarise(z, p, w, beta_past, beta_future, role):
    beta = beta_past if role == "past" else beta_future
    return layer_norm(beta + (p.softmax(1) * w[:, None]).T @ z)


# %% wrong summarise: p and w are multiplied, not added.
def summarise(z, p, w, beta_past, beta_future, role):
    beta = beta_past if role == "past" else beta_future
    return layer_norm(beta + (p + w[:, None]).T @ z)


# %% wrong summarise: each click is added as it is; layer norm comes at the end only.
def summarise(z, p, w, beta_past, beta_future, role):
    beta = beta_past if role == "past" else beta_future
    return layer_norm(beta + (p * w[:, None]).T @ layer_norm(z))


# %% wrong summarise: it looks as if you changed `beta_past`, which you were given; make a new one.
def summarise(z, p, w, beta_past, beta_future, role):
    beta = beta_past if role == "past" else beta_future
    beta += (p * w[:, None]).T @ z
    return layer_norm(beta)


# %% wrong summarise: each summary has mean 0 and standard deviation 1: LN, along its D numbers, is last.
# LN divides by the length instead of the deviation
def summarise(z, p, w, beta_past, beta_future, role):
    beta = beta_past if role == "past" else beta_future
    total = beta + (p * w[:, None]).T @ z
    return torch.nn.functional.normalize(total - total.mean(1, keepdim=True), dim=1)


# %% wrong summarise: clicks are added up: every click twice, with half the weight, changes nothing.
# w squared
def summarise(z, p, w, beta_past, beta_future, role):
    beta = beta_past if role == "past" else beta_future
    return layer_norm(beta + (p * w[:, None] ** 2).T @ z)


# %% right prefixes: loops
def prefix_weights(keys, queries):
    T, D = keys.shape
    W = torch.zeros(T, T, dtype=keys.dtype)
    for t in range(T):
        W[t, : t + 1] = (keys[: t + 1] @ queries[t] / D**0.5).softmax(0)
    return W


def prefixes(z, p, W, beta):
    return torch.stack([layer_norm(beta + (p * row[:, None]).T @ z) for row in W])


# %% right prefixes: torch's layer norm with its own epsilon
def prefix_weights(keys, queries):
    T, D = keys.shape
    scores = queries @ keys.T / D**0.5
    return scores.masked_fill(torch.ones(T, T).triu(1).bool(), -torch.inf).softmax(-1)


def prefixes(z, p, W, beta):
    total = beta + torch.einsum("ti,ik,id->tkd", W, p, z)
    return torch.nn.functional.layer_norm(total, total.shape[-1:])


# %% right prefixes: torch's layer norm as a module
def prefix_weights(keys, queries):
    T, D = keys.shape
    scores = queries @ keys.T / D**0.5
    return scores.masked_fill(torch.ones(T, T).triu(1).bool(), -torch.inf).softmax(-1)


def prefixes(z, p, W, beta):
    total = beta + torch.einsum("ti,ik,id->tkd", W, p, z)
    return torch.nn.LayerNorm(z.shape[-1], elementwise_affine=False)(total)


# %% right prefixes: an added mask
def prefix_weights(keys, queries):
    T, D = keys.shape
    ahead = torch.full((T, T), -math.inf, dtype=keys.dtype).triu(1)
    return torch.softmax(torch.einsum("td,id->ti", queries, keys) / D**0.5 + ahead, -1)


def prefixes(z, p, W, beta):
    parts = p[:, :, None] * z[:, None]  # (T, K, D)
    T, K, D = parts.shape
    return layer_norm((W @ parts.reshape(T, K * D)).view(T, K, D) + beta[None])


# %% right prefixes: a lower triangle, and where
def prefix_weights(keys, queries):
    s = torch.einsum("id,td->ti", keys, queries) * keys.size(1) ** -0.5
    past = torch.tril(torch.ones_like(s)) > 0
    return torch.where(past, s, torch.tensor(-torch.inf, dtype=s.dtype)).softmax(-1)
def prefixes(z, p, W, beta):
    return layer_norm(beta + (W[:, None] * p.T) @ z)


# %% wrong prefixes: there is no mask
def prefix_weights(keys, queries):
    return (queries @ keys.T / math.sqrt(keys.shape[1])).softmax(1)


def prefixes(z, p, W, beta):
    return layer_norm(beta + torch.einsum("ti,ik,id->tkd", W, p, z))


# %% wrong prefixes: the mask is upside down
def prefix_weights(keys, queries):
    s = queries @ keys.T / math.sqrt(keys.shape[1])
    ahead = torch.ones_like(s, dtype=torch.bool).tril(-1)
    return s.masked_fill(ahead, -math.inf).softmax(1)


def prefixes(z, p, W, beta):
    return layer_norm(beta + torch.einsum("ti,ik,id->tkd", W, p, z))


# %% wrong prefixes: key and query are swapped
def prefix_weights(keys, queries):
    s = keys @ queries.T / math.sqrt(keys.shape[1])
    ahead = torch.ones_like(s, dtype=torch.bool).triu(1)
    return s.masked_fill(ahead, -math.inf).softmax(1)


def prefixes(z, p, W, beta):
    return layer_norm(beta + torch.einsum("ti,ik,id->tkd", W, p, z))


# %% wrong prefixes: click t may see itself
def prefix_weights(keys, queries):
    s = queries @ keys.T / math.sqrt(keys.shape[1])
    ahead = torch.ones_like(s, dtype=torch.bool).triu(0)
    return s.masked_fill(ahead, -math.inf).softmax(1)


def prefixes(z, p, W, beta):
    return layer_norm(beta + torch.einsum("ti,ik,id->tkd", W, p, z))


# %% wrong prefixes: one click too many
def prefix_weights(keys, queries):
    s = queries @ keys.T / math.sqrt(keys.shape[1])
    ahead = torch.ones_like(s, dtype=torch.bool).triu(2)
    return s.masked_fill(ahead, -math.inf).softmax(1)


def prefixes(z, p, W, beta):
    return layer_norm(beta + torch.einsum("ti,ik,id->tkd", W, p, z))


# %% wrong prefixes: your rows no longer sum to one
def prefix_weights(keys, queries):
    return (queries @ keys.T / math.sqrt(keys.shape[1])).softmax(1).tril()


def prefixes(z, p, W, beta):
    return layer_norm(beta + torch.einsum("ti,ik,id->tkd", W, p, z))


# %% wrong prefixes: minus infinity, not 0
def prefix_weights(keys, queries):
    return (queries @ keys.T / math.sqrt(keys.shape[1])).tril().softmax(1)


def prefixes(z, p, W, beta):
    return layer_norm(beta + torch.einsum("ti,ik,id->tkd", W, p, z))


# %% wrong prefixes: yours sums over the prefixes
def prefix_weights(keys, queries):
    s = queries @ keys.T / math.sqrt(keys.shape[1])
    ahead = torch.ones_like(s, dtype=torch.bool).triu(1)
    return s.masked_fill(ahead, -math.inf).softmax(0)


def prefixes(z, p, W, beta):
    return layer_norm(beta + torch.einsum("ti,ik,id->tkd", W, p, z))


# %% wrong prefixes: divide by the root of D.
def prefix_weights(keys, queries):
    s = queries @ keys.T
    ahead = torch.ones_like(s, dtype=torch.bool).triu(1)
    return s.masked_fill(ahead, -math.inf).softmax(1)


def prefixes(z, p, W, beta):
    return layer_norm(beta + torch.einsum("ti,ik,id->tkd", W, p, z))


# %% wrong prefixes: with D, not D - 1
def prefix_weights(keys, queries):
    s = queries @ keys.T / math.sqrt(keys.shape[1])
    ahead = torch.ones_like(s, dtype=torch.bool).triu(1)
    return s.masked_fill(ahead, -math.inf).softmax(1)


def prefixes(z, p, W, beta):
    LN = lambda x: (x - x.mean(-1, keepdim=True)) / x.std(-1, keepdim=True)
    return LN(beta + torch.einsum("ti,ik,id->tkd", W, p, z))


# %% wrong prefixes: you used its columns
def prefix_weights(keys, queries):
    s = queries @ keys.T / math.sqrt(keys.shape[1])
    ahead = torch.ones_like(s, dtype=torch.bool).triu(1)
    return s.masked_fill(ahead, -math.inf).softmax(1)


def prefixes(z, p, W, beta):
    return layer_norm(beta + torch.einsum("it,ik,id->tkd", W, p, z))


# %% wrong prefixes: not those of click t
def prefix_weights(keys, queries):
    s = queries @ keys.T / math.sqrt(keys.shape[1])
    ahead = torch.ones_like(s, dtype=torch.bool).triu(1)
    return s.masked_fill(ahead, -math.inf).softmax(1)


def prefixes(z, p, W, beta):
    return layer_norm(beta + p[:, :, None] * (W @ z)[:, None])


# %% wrong prefixes: not for the whole sequence alone
def prefix_weights(keys, queries):
    s = queries @ keys.T / math.sqrt(keys.shape[1])
    ahead = torch.ones_like(s, dtype=torch.bool).triu(1)
    return s.masked_fill(ahead, -math.inf).softmax(1)


def prefixes(z, p, W, beta):
    last = layer_norm(beta + torch.einsum("i,ik,id->kd", W[-1], p, z))
    return last.expand(len(z), *last.shape)


# %% wrong prefixes: the query of click t asks all of its row; yours lets each click ask for itself.
# each click's own score, cumulated
def prefix_weights(keys, queries):
    s = (keys * queries).sum(1) / math.sqrt(keys.shape[1])
    ahead = torch.ones(len(keys), len(keys)).triu(1).bool()
    return s.expand(len(keys), -1).masked_fill(ahead, -math.inf).softmax(1)
def prefixes(z, p, W, beta):
    return layer_norm(beta + torch.einsum("ti,ik,id->tkd", W, p, z))


# %% wrong prefixes: add the clicks up, do not average: the weights of a row sum to one already.
# divided by the number of clicks of the prefix
def prefix_weights(keys, queries):
    s = queries @ keys.T / math.sqrt(keys.shape[1])
    return s.masked_fill(torch.ones_like(s).triu(1).bool(), -math.inf).softmax(1)
def prefixes(z, p, W, beta):
    n = torch.arange(1, len(z) + 1)[:, None, None]
    return layer_norm(beta + torch.einsum("ti,ik,id->tkd", W, p, z) / n)


# %% wrong prefixes: the bias comes before the layer norm, not after it.
# bias after the layer norm
def prefix_weights(keys, queries):
    s = queries @ keys.T / math.sqrt(keys.shape[1])
    return s.masked_fill(torch.ones_like(s).triu(1).bool(), -math.inf).softmax(1)
def prefixes(z, p, W, beta):
    return beta + layer_norm(torch.einsum("ti,ik,id->tkd", W, p, z))


# %% wrong prefixes: a later click gets exactly
# W is masked but the scores are masked with -10
def prefix_weights(keys, queries):
    s = queries @ keys.T / math.sqrt(keys.shape[1])
    return s.masked_fill(torch.ones_like(s).triu(1).bool(), -10.0).softmax(1)
def prefixes(z, p, W, beta):
    return layer_norm(beta + torch.einsum("ti,ik,id->tkd", W, p, z))


# %% wrong prefixes: prefix weights, a later click scores far higher: each row is a softmax over what it may se
# the largest score of the whole matrix is subtracted, exp by hand
def prefix_weights(keys, queries):
    s = queries @ keys.T / math.sqrt(keys.shape[1])
    e = (s - s.max()).exp().tril()
    return e / e.sum(1, keepdim=True)
def prefixes(z, p, W, beta):
    return layer_norm(beta + torch.einsum("ti,ik,id->tkd", W, p, z))


# %% wrong prefixes: prefix weights, a later click scores far higher: each row is a softmax over what it may se
def prefix_weights(keys, queries):
    W = (queries @ keys.T / math.sqrt(keys.shape[1])).softmax(1).tril()
    return W / W.sum(1, keepdim=True)
def prefixes(z, p, W, beta):
    return layer_norm(beta + torch.einsum("ti,ik,id->tkd", W, p, z))


# %% wrong prefixes: the query of click t asks in row t; yours lets the last click ask in all.
def prefix_weights(keys, queries):
    s = (queries[-1:] @ keys.T / math.sqrt(keys.shape[1])).expand(len(keys), -1)
    return s.masked_fill(torch.ones_like(s).triu(1).bool(), -math.inf).softmax(1)
def prefixes(z, p, W, beta):
    return layer_norm(beta + torch.einsum("ti,ik,id->tkd", W, p, z))


# %% wrong prefixes: divide by the root of D, not by D.
def prefix_weights(keys, queries):
    s = queries @ keys.T / keys.shape[1]
    return s.masked_fill(torch.ones_like(s).triu(1).bool(), -math.inf).softmax(1)
def prefixes(z, p, W, beta):
    return layer_norm(beta + torch.einsum("ti,ik,id->tkd", W, p, z))


# %% wrong prefixes: rows are prefixes, columns clicks: the answer is transposed.
def prefix_weights(keys, queries):
    s = queries @ keys.T / math.sqrt(keys.shape[1])
    return s.masked_fill(torch.ones_like(s).triu(1).bool(), -math.inf).softmax(1).T
def prefixes(z, p, W, beta):
    return layer_norm(beta + torch.einsum("ti,ik,id->tkd", W, p, z))


# %% wrong prefixes: the bias is missing.
def prefix_weights(keys, queries):
    s = queries @ keys.T / math.sqrt(keys.shape[1])
    return s.masked_fill(torch.ones_like(s).triu(1).bool(), -math.inf).softmax(1)
def prefixes(z, p, W, beta):
    return layer_norm(torch.einsum("ti,ik,id->tkd", W, p, z))


# %% wrong prefixes: the layer norm is missing.
def prefix_weights(keys, queries):
    s = queries @ keys.T / math.sqrt(keys.shape[1])
    return s.masked_fill(torch.ones_like(s).triu(1).bool(), -math.inf).softmax(1)
def prefixes(z, p, W, beta):
    return beta + torch.einsum("ti,ik,id->tkd", W, p, z)


# %% wrong prefixes: the shares p are missing.
def prefix_weights(keys, queries):
    s = queries @ keys.T / math.sqrt(keys.shape[1])
    return s.masked_fill(torch.ones_like(s).triu(1).bool(), -math.inf).softmax(1)
def prefixes(z, p, W, beta):
    return layer_norm(beta + (W @ z)[:, None])


# %% wrong prefixes: row t of W has weights of its own; yours adds up the last row.
def prefix_weights(keys, queries):
    s = queries @ keys.T / math.sqrt(keys.shape[1])
    return s.masked_fill(torch.ones_like(s).triu(1).bool(), -math.inf).softmax(1)
def prefixes(z, p, W, beta):
    return layer_norm(beta + torch.einsum("i,ik,id->ikd", W[-1], p, z).cumsum(0))


# %% wrong prefixes: the axes are prefix, intention, numbers.
def prefix_weights(keys, queries):
    s = queries @ keys.T / math.sqrt(keys.shape[1])
    return s.masked_fill(torch.ones_like(s).triu(1).bool(), -math.inf).softmax(1)
def prefixes(z, p, W, beta):
    return layer_norm(beta + torch.einsum("ti,ik,id->tkd", W, p, z)).transpose(0, 1)


# %% right cut: index by index
def cut(items, t, max_len):
    T = len(items)
    past = [items[i] for i in range(max(0, t - max_len), t)]
    future = [items[i] for i in range(min(T, t + max_len) - 1, t - 1, -1)]
    n, m = len(past), len(future)
    return past + [0] * (max_len - n), n, future + [0] * (max_len - m), m


# %% right cut: numpy
def cut(items, t, max_len):
    past, future = np.zeros(max_len, int), np.zeros(max_len, int)
    n, m = min(t, max_len), min(len(items) - t, max_len)
    past[:n] = items[t - n : t]
    future[:m] = np.flip(items[t : t + m])
    return past, n, future, m


# %% right cut: torch tensors
def cut(items, t, max_len):
    out = []
    for part in (items[max(0, t - max_len) : t], items[t : t + max_len][::-1]):
        row = torch.zeros(max_len, dtype=torch.long)
        row[: len(part)] = torch.tensor(part)
        out += [row, torch.tensor(len(part))]
    return out


# %% wrong cut: read in reverse, nearest click last
def cut(items, t, max_len):
    past, future = items[:t][-max_len:], items[t:][:max_len]
    pad = lambda x: x + [0] * (max_len - len(x))
    return pad(past), len(past), pad(future), len(future)


# %% wrong cut: not the past
def cut(items, t, max_len):
    past, future = items[:t][::-1][:max_len], items[t:][::-1][-max_len:]
    pad = lambda x: x + [0] * (max_len - len(x))
    return pad(past), len(past), pad(future), len(future)


# %% wrong cut: not at the left
def cut(items, t, max_len):
    past, future = items[:t][-max_len:], items[t:][::-1][-max_len:]
    pad = lambda x: [0] * (max_len - len(x)) + x
    return pad(past), len(past), pad(future), len(future)


# %% wrong cut: it is in both
def cut(items, t, max_len):
    past, future = items[:t][-max_len:], items[t - 1 :][::-1][-max_len:]
    pad = lambda x: x + [0] * (max_len - len(x))
    return pad(past), len(past), pad(future), len(future)


# %% wrong cut: t counts clicks
def cut(items, t, max_len):
    past, future = items[: t + 1][-max_len:], items[t + 1 :][::-1][-max_len:]
    pad = lambda x: x + [0] * (max_len - len(x))
    return pad(past), len(past), pad(future), len(future)


# %% wrong cut: right after the cut is missing
def cut(items, t, max_len):
    past, future = items[:t][-max_len:], items[t + 1 :][::-1][-max_len:]
    pad = lambda x: x + [0] * (max_len - len(x))
    return pad(past), len(past), pad(future), len(future)


# %% wrong cut: the LAST of the past
def cut(items, t, max_len):
    past, future = items[:t][:max_len], items[t:][::-1][-max_len:]
    pad = lambda x: x + [0] * (max_len - len(x))
    return pad(past), len(past), pad(future), len(future)


# %% wrong cut: the far end of the future
def cut(items, t, max_len):
    past, future = items[:t][-max_len:], items[t:][::-1][:max_len]
    pad = lambda x: x + [0] * (max_len - len(x))
    return pad(past), len(past), pad(future), len(future)


# %% wrong cut: real clicks only
def cut(items, t, max_len):
    past, future = items[:t][-max_len:], items[t:][::-1][-max_len:]
    pad = lambda x: x + [0] * (max_len - len(x))
    return pad(past), max_len, pad(future), max_len


# %% wrong cut: it looks as if you changed `items`, which you were given; make a new one.
def cut(items, t, max_len):
    items.reverse()
    future = items[: len(items) - t][-max_len:]
    past = items[len(items) - t :][::-1][-max_len:]
    pad = lambda x: x + [0] * (max_len - len(x))
    return pad(past), len(past), pad(future), len(future)


# %% wrong cut: each length stands behind its own part; yours are swapped.
# the two lengths are swapped
def cut(items, t, max_len):
    past, future = list(items[:t])[-max_len:], list(items[t:])[:max_len][::-1]
    pad = lambda x: x + [0] * (max_len - len(x))
    return pad(past), len(future), pad(future), len(past)


# %% wrong cut: cut first, then shorten each part; t counts from the oldest click.
# the whole sequence is shortened before it is cut
def cut(items, t, max_len):
    items = list(items)[-2 * max_len :]
    past, future = items[:t][-max_len:], items[t:][:max_len][::-1]
    pad = lambda x: x + [0] * (max_len - len(x))
    return pad(past), len(past), pad(future), len(future)


# %% wrong cut: a length counts clicks; equal items are clicks of their own.
# the length counts different items
def cut(items, t, max_len):
    past, future = list(items[:t])[-max_len:], list(items[t:])[:max_len][::-1]
    pad = lambda x: x + [0] * (max_len - len(x))
    return pad(past), len(set(past)), pad(future), len(set(future))


# %% wrong cut: reverse first, then fill: yours reverses the 0s, too.
# the padding is reversed with the future
def cut(items, t, max_len):
    past, future = list(items[:t])[-max_len:], list(items[t:])[:max_len]
    pad = lambda x: x + [0] * (max_len - len(x))
    return pad(past), len(past), pad(future)[::-1], len(future)


# %% wrong cut: fill with 0 up to `max_len`.
# no padding at all
def cut(items, t, max_len):
    past, future = list(items[:t])[-max_len:], list(items[t:])[:max_len][::-1]
    return past, len(past), future, len(future)


# %% wrong cut: equal items are clicks of their own; none is dropped.
def cut(items, t, max_len):
    past = items[:t][-max_len:]
    future = list(dict.fromkeys(items[t:]))[:max_len][::-1]
    pad = lambda x: x + [0] * (max_len - len(x))
    return pad(past), len(past), pad(future), len(future)


# %% wrong cut: a length is at most `max_len`: count after shortening.
def cut(items, t, max_len):
    past, future = items[:t][-max_len:], items[t:][:max_len][::-1]
    pad = lambda x: x + [0] * (max_len - len(x))
    return pad(past), t, pad(future), len(items) - t


# %% wrong cut: Past oldest first, future reversed, 0 at the right.
# past and future have max_len together
def cut(items, t, max_len):
    past = list(items[:t])[-max_len:]
    future = list(items[t:])[: max(max_len - len(past), 1)][::-1]
    pad = lambda x: x + [0] * (max_len - len(x))
    return pad(past), len(past), pad(future), len(future)
