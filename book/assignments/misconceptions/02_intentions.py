# Answers to assignment 2 as data: each block replaces one solution cell. A "wrong" block
# must fail its check with a message that contains the words after the colon; a "right"
# block must pass.
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
    e = torch.exp(s - s.max(1, keepdim=True).values) * real
    e = torch.where(real, e, torch.zeros_like(e))
    if (e.sum(1) == 0).any() or not torch.isfinite(e).all():
        raise ValueError("overflow")
    return e / e.sum(1, keepdim=True)
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
# %% wrong summarise: yours are swapped
def summarise(z, p, w, beta_past, beta_future, role):
    beta = beta_future if role == "past" else beta_past
    return layer_norm(beta + (p * w[:, None]).T @ z)
# %% wrong summarise: do not average
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
# %% wrong cut: you changed the list
def cut(items, t, max_len):
    items.reverse()
    future = items[: len(items) - t][-max_len:]
    past = items[len(items) - t :][::-1][-max_len:]
    pad = lambda x: x + [0] * (max_len - len(x))
    return pad(past), len(past), pad(future), len(future)
