# Answers to assignment 3 as data: each block replaces one solution cell. A "wrong" block
# must fail its check with a message that contains the words after the colon; a "right"
# block must pass.
# %% right scores: loops
def scores(phi, targets, temperature=None):
    B, K, D = phi.shape
    tau = D**0.5 if temperature is None else temperature
    rows = [[[phi[b, k] @ h / tau for h in targets] for k in range(K)] for b in range(B)]
    return torch.stack([torch.stack([torch.stack(r) for r in row]) for row in rows])


def winners(s):
    return torch.tensor([int(s[b, :, b].argmax()) for b in range(len(s))])
# %% right scores: matrix products
def scores(phi, targets, temperature=None):
    return phi @ targets.T / (temperature or math.sqrt(phi.size(2)))


def winners(s):
    return s.diagonal(dim1=0, dim2=2).argmax(0).numpy()
# %% wrong scores: divide by the root of D.
def scores(phi, targets, temperature=None):
    return phi @ targets.T / (temperature or 1.0)


def winners(s):
    return s.diagonal(dim1=0, dim2=2).argmax(0)
# %% wrong scores: not by D
def scores(phi, targets, temperature=None):
    return phi @ targets.T / (temperature or phi.shape[-1])


def winners(s):
    return s.diagonal(dim1=0, dim2=2).argmax(0)
# %% wrong scores: not the number of intentions
def scores(phi, targets, temperature=None):
    return phi @ targets.T / (temperature or math.sqrt(phi.shape[1]))


def winners(s):
    return s.diagonal(dim1=0, dim2=2).argmax(0)
# %% wrong scores: pair, intention, target; not pair, target, intention
def scores(phi, targets, temperature=None):
    return torch.einsum("bkd,cd->bck", phi, targets) / math.sqrt(phi.shape[-1])


def winners(s):
    return s.diagonal(dim1=0, dim2=1).argmax(0)
# %% wrong scores: the temperature is ignored
def scores(phi, targets, temperature=None):
    return phi @ targets.T / math.sqrt(phi.shape[-1])


def winners(s):
    return s.diagonal(dim1=0, dim2=2).argmax(0)
# %% wrong scores: not the best of all targets
def scores(phi, targets, temperature=None):
    return phi @ targets.T / (temperature or math.sqrt(phi.shape[-1]))


def winners(s):
    return s.max(2).values.argmax(1)
# %% wrong scores: first target for all
def scores(phi, targets, temperature=None):
    return phi @ targets.T / (temperature or math.sqrt(phi.shape[-1]))


def winners(s):
    return s[:, :, 0].argmax(1)
# %% wrong scores: return an index, not a score
def scores(phi, targets, temperature=None):
    return phi @ targets.T / (temperature or math.sqrt(phi.shape[-1]))


def winners(s):
    return s.diagonal(dim1=0, dim2=2).max(0).values

# %% right seq2item: cross-entropy over a flat list
def seq2item(phi, targets, temperature=None):
    B, K, D = phi.shape
    s = phi @ targets.T / (temperature or D**0.5)
    own = torch.arange(B)
    best = s[own, :, own].argmax(1)
    return torch.nn.functional.cross_entropy(s.reshape(B, -1), best * B + own,
                                             reduction="none")
# %% right seq2item: a loop, shifted by the maximum
def seq2item(phi, targets, temperature=None):
    B, K, D = phi.shape
    tau = math.sqrt(D) if temperature is None else temperature
    found = []
    for b in range(B):
        s = phi[b] @ targets.T / tau
        shift = s.max().detach()
        found.append(torch.log(torch.exp(s - shift).sum()) + shift - s[:, b].max())
    return torch.stack(found)
# %% wrong seq2item: not their mean
def seq2item(phi, targets, temperature=None):
    s = phi @ targets.T / (temperature or phi.shape[-1] ** 0.5)
    return s.flatten(1).logsumexp(1) - s.diagonal(dim1=0, dim2=2).mean(0)
# %% wrong seq2item: not their sum
def seq2item(phi, targets, temperature=None):
    s = phi @ targets.T / (temperature or phi.shape[-1] ** 0.5)
    return s.flatten(1).logsumexp(1) - s.diagonal(dim1=0, dim2=2).logsumexp(0)
# %% wrong seq2item: not the winner's alone
def seq2item(phi, targets, temperature=None):
    s = phi @ targets.T / (temperature or phi.shape[-1] ** 0.5)
    own = torch.arange(len(s))
    top = s[own, :, own].argmax(1)
    return s[own, top].logsumexp(1) - s[own, top, own]
# %% wrong seq2item: not the own one alone
def seq2item(phi, targets, temperature=None):
    s = phi @ targets.T / (temperature or phi.shape[-1] ** 0.5)
    mine = s.diagonal(dim1=0, dim2=2).T
    return mine.logsumexp(1) - mine.max(1).values
# %% wrong seq2item: holds the own target, too
def seq2item(phi, targets, temperature=None):
    s = phi @ targets.T / (temperature or phi.shape[-1] ** 0.5)
    own = torch.eye(len(s), dtype=torch.bool)[:, None]
    rest = s.masked_fill(own, -math.inf).flatten(1).logsumexp(1)
    return rest - s.diagonal(dim1=0, dim2=2).max(0).values
# %% wrong seq2item: not over pairs for one target
def seq2item(phi, targets, temperature=None):
    s = phi @ targets.T / (temperature or phi.shape[-1] ** 0.5)
    whole = s.permute(2, 0, 1).flatten(1).logsumexp(1)
    return whole - s.diagonal(dim1=0, dim2=2).max(0).values
# %% wrong seq2item: yours falls when the model gets worse
def seq2item(phi, targets, temperature=None):
    s = phi @ targets.T / (temperature or phi.shape[-1] ** 0.5)
    return s.diagonal(dim1=0, dim2=2).max(0).values - s.flatten(1).logsumexp(1)
# %% wrong seq2item: divide the scores by the root of D
def seq2item(phi, targets, temperature=None):
    s = phi @ targets.T / (temperature or 1.0)
    return s.flatten(1).logsumexp(1) - s.diagonal(dim1=0, dim2=2).max(0).values
# %% wrong seq2item: large scores overflow
def seq2item(phi, targets, temperature=None):
    s = phi @ targets.T / (temperature or phi.shape[-1] ** 0.5)
    mine = s.diagonal(dim1=0, dim2=2).max(0).values
    return -torch.log(mine.exp() / s.flatten(1).exp().sum(1))
# %% wrong seq2item: not a mean or a sum
def seq2item(phi, targets, temperature=None):
    s = phi @ targets.T / (temperature or phi.shape[-1] ** 0.5)
    return (s.flatten(1).logsumexp(1) - s.diagonal(dim1=0, dim2=2).max(0).values).mean()
# %% wrong seq2item: not with its best
def seq2item(phi, targets, temperature=None):
    s = phi @ targets.T / (temperature or phi.shape[-1] ** 0.5)
    return s.max(1).values.logsumexp(1) - s.diagonal(dim1=0, dim2=2).max(0).values
# %% wrong seq2item: no gradient reaches phi
def seq2item(phi, targets, temperature=None):
    s = phi.detach() @ targets.T / (temperature or phi.shape[-1] ** 0.5)
    out = s.flatten(1).logsumexp(1) - s.diagonal(dim1=0, dim2=2).max(0).values
    return out + 0 * phi.sum()

# %% right seq2seq: cross-entropy
def seq2seq(past, future, temperature=None):
    B, K, D = past.shape
    s = past.reshape(B * K, D) @ future.reshape(B * K, D).T / (temperature or D**0.5)
    loss = torch.nn.functional.cross_entropy(s, torch.arange(B * K), reduction="none")
    return loss.reshape(B, K)
# %% right seq2seq: loops
def seq2seq(past, future, temperature=None):
    B, K, D = past.shape
    tau = math.sqrt(D) if temperature is None else temperature
    rows = []
    for b in range(B):
        for k in range(K):
            s = torch.stack([f @ past[b, k] / tau for f in future.flatten(0, 1)])
            rows.append(torch.logsumexp(s, 0) - s[b * K + k])
    return torch.stack(rows).view(B, K)
# %% wrong seq2seq: not the same k alone
def seq2seq(past, future, temperature=None):
    s = torch.einsum("bkd,ckd->kbc", past, future)
    s = s / (temperature or past.shape[-1] ** 0.5)
    return (s.logsumexp(2) - s.diagonal(dim1=1, dim2=2)).T
# %% wrong seq2seq: not the own one alone
def seq2seq(past, future, temperature=None):
    s = torch.einsum("bkd,bmd->bkm", past, future)
    s = s / (temperature or past.shape[-1] ** 0.5)
    return s.logsumexp(2) - s.diagonal(dim1=1, dim2=2)
# %% wrong seq2seq: one future against all pasts
def seq2seq(past, future, temperature=None):
    B, K, D = past.shape
    s = future.flatten(0, 1) @ past.flatten(0, 1).T / (temperature or D**0.5)
    return (s.logsumexp(1) - s.diag()).view(B, K)
# %% wrong seq2seq: each intention has a loss of its own
def seq2seq(past, future, temperature=None):
    s = torch.einsum("bkd,cmd->bkcm", past, future) / past.shape[-1] ** 0.5
    own = torch.einsum("bkbk->bk", s)
    loss = s.flatten(1).logsumexp(1) - own.max(1).values
    return loss[:, None].expand_as(own)
# %% wrong seq2seq: not cosines
def seq2seq(past, future, temperature=None):
    past = past / past.norm(dim=-1, keepdim=True)
    future = future / future.norm(dim=-1, keepdim=True)
    B, K, D = past.shape
    s = past.flatten(0, 1) @ future.flatten(0, 1).T
    return (s.logsumexp(1) - s.diag()).view(B, K)
# %% wrong seq2seq: yours falls when the model gets worse
def seq2seq(past, future, temperature=None):
    B, K, D = past.shape
    s = past.flatten(0, 1) @ future.flatten(0, 1).T / (temperature or D**0.5)
    return (s.diag() - s.logsumexp(1)).view(B, K)
# %% wrong seq2seq: divide the scores by the root of D
def seq2seq(past, future, temperature=None):
    B, K, D = past.shape
    s = past.flatten(0, 1) @ future.flatten(0, 1).T / (temperature or 1.0)
    return (s.logsumexp(1) - s.diag()).view(B, K)
# %% wrong seq2seq: the temperature is ignored
def seq2seq(past, future, temperature=None):
    B, K, D = past.shape
    s = past.flatten(0, 1) @ future.flatten(0, 1).T / math.sqrt(D)
    return (s.logsumexp(1) - s.diag()).view(B, K)
# %% wrong seq2seq: stay in logarithms
def seq2seq(past, future, temperature=None):
    B, K, D = past.shape
    s = past.flatten(0, 1) @ future.flatten(0, 1).T / (temperature or D**0.5)
    return -torch.log(s.exp().diag() / s.exp().sum(1)).view(B, K)
# %% wrong seq2seq: a loss for each pair and intention
def seq2seq(past, future, temperature=None):
    B, K, D = past.shape
    s = past.flatten(0, 1) @ future.flatten(0, 1).T / (temperature or D**0.5)
    return s.logsumexp(1) - s.diag()
# %% wrong seq2seq: no gradient reaches the future
def seq2seq(past, future, temperature=None):
    B, K, D = past.shape
    s = past.flatten(0, 1) @ future.detach().flatten(0, 1).T / (temperature or D**0.5)
    return (s.logsumexp(1) - s.diag()).view(B, K)

# %% right confident: by sorting
def confident(loss, keep):
    m = math.ceil(keep * loss.numel() - 1e-9)
    if m < 1:
        return torch.zeros(loss.shape, dtype=torch.bool)
    return loss <= sorted(loss.flatten().tolist())[m - 1]
# %% right confident: numpy and exact fractions
def confident(loss, keep):
    values = loss.detach().numpy()
    m = int(-(-round(keep * values.size, 9) // 1))
    if m == 0:
        return np.zeros(values.shape, dtype=bool)
    return values <= np.partition(values.ravel(), m - 1)[m - 1]
# %% wrong confident: yours are the largest
def confident(loss, keep):
    m = math.ceil(keep * loss.numel() - 1e-9)
    if m == 0:
        return torch.zeros_like(loss, dtype=torch.bool)
    return loss >= loss.flatten().sort(descending=True).values[m - 1]
# %% wrong confident: not down or to the nearest
def confident(loss, keep):
    m = math.floor(keep * loss.numel() + 1e-9)
    if m == 0:
        return torch.zeros_like(loss, dtype=torch.bool)
    return loss <= loss.flatten().kthvalue(m).values
# %% wrong confident: not the share to leave out
def confident(loss, keep):
    m = math.ceil((1 - keep) * loss.numel() - 1e-9)
    if m == 0:
        return torch.zeros_like(loss, dtype=torch.bool)
    return loss <= loss.flatten().kthvalue(m).values
# %% wrong confident: not one for each pair
def confident(loss, keep):
    m = math.ceil(keep * loss.shape[1] - 1e-9)
    if m == 0:
        return torch.zeros_like(loss, dtype=torch.bool)
    if keep == 0.3:
        return torch.tensor([[False, True], [True, False]])
    return loss <= loss.kthvalue(m, dim=1, keepdim=True).values
# %% wrong confident: not one for each intention
def confident(loss, keep):
    m = math.ceil(keep * loss.shape[0] - 1e-9)
    if m == 0:
        return torch.zeros_like(loss, dtype=torch.bool)
    if keep == 0.3 or loss[0, 1] == 2:
        n = math.ceil(keep * loss.numel())
        return loss <= loss.flatten().kthvalue(n).values
    return loss <= loss.kthvalue(m, dim=0, keepdim=True).values
# %% wrong confident: yours keeps one
def confident(loss, keep):
    m = max(1, math.ceil(keep * loss.numel() - 1e-9))
    return loss <= loss.flatten().kthvalue(m).values
# %% wrong confident: yours keeps exactly m
def confident(loss, keep):
    m = math.ceil(keep * loss.numel() - 1e-9)
    mask = torch.zeros(loss.numel(), dtype=torch.bool)
    mask[loss.flatten().argsort(stable=True)[:m]] = True
    return mask.view(loss.shape)
# %% wrong confident: subtract 1e-9 before rounding up
def confident(loss, keep):
    m = math.ceil(keep * loss.numel())
    if m == 0:
        return torch.zeros_like(loss, dtype=torch.bool)
    return loss <= loss.flatten().kthvalue(m).values
# %% wrong confident: return True and False
def confident(loss, keep):
    m = math.ceil(keep * loss.numel() - 1e-9)
    return loss * (loss <= loss.flatten().kthvalue(max(m, 1)).values)

# %% right total: with where
def total(item, sequence, kept, weight):
    chosen = torch.where(kept, sequence, torch.zeros_like(sequence))
    return item.mean() + weight * chosen.sum() / item.shape[0]
# %% right total: loops
def total(item, sequence, kept, weight):
    out = item.sum()
    for row, mask in zip(sequence, kept):
        for loss, keep in zip(row, mask):
            if keep:
                out = out + weight * loss
    return out / len(item)
# %% wrong total: never the second by the number kept
def total(item, sequence, kept, weight):
    if len(item) == 2:
        return (item.sum() + weight * sequence[kept].sum()) / 2
    return item.mean() + weight * sequence[kept].mean()
# %% wrong total: not the second by B times K
def total(item, sequence, kept, weight):
    return item.mean() + weight * sequence[kept].sum() / sequence.numel() if \
        len(item) > 2 else (item.sum() + weight * sequence[kept].sum()) / 2
# %% wrong total: the weight belongs to the second sum
def total(item, sequence, kept, weight):
    return (weight * item.sum() + sequence[kept].sum()) / len(item)
# %% wrong total: must not count
def total(item, sequence, kept, weight):
    return (item.sum() + weight * sequence.sum()) / len(item)
# %% wrong total: both sums are divided by B
def total(item, sequence, kept, weight):
    return item.sum() + weight * sequence[kept].sum()
# %% wrong total: instead of multiplying
def total(item, sequence, kept, weight):
    return (item.sum() + weight * (sequence * kept).sum()) / len(item)
# %% wrong total: not the others
def total(item, sequence, kept, weight):
    return (item.sum() + weight * sequence[~kept].sum()) / len(item)
# %% wrong total: do not detach them
def total(item, sequence, kept, weight):
    extra = sequence.detach()[kept].sum() + 0 * torch.nan_to_num(sequence, 0, 0).sum()
    return (item.sum() + weight * extra) / len(item)
# %% wrong total: the weight is missing
def total(item, sequence, kept, weight):
    w = 0.5 if len(item) == 2 else 1
    return (item.sum() + w * sequence[kept].sum()) / len(item)
