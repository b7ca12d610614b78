# Answers to assignment 3 as data: each block replaces one solution cell. A "wrong" block
# must fail its check with a message that contains the words after the colon; a "right"
# block must pass. A line below the heading says what the wrong idea was.

# %% right scores: loops
def scores_and_winner(phi, targets, temperature):
    B, K, _ = phi.shape
    scores, winner = torch.zeros(B, K, B), []
    for b in range(B):
        for k in range(K):
            for j in range(B):
                scores[b, k, j] = (phi[b, k] * targets[j]).sum() / temperature
        winner.append(max(range(K), key=lambda k: float(scores[b, k, b])))
    return scores, winner


# %% right scores: numpy
def scores_and_winner(phi, targets, temperature):
    scores = phi.numpy() @ targets.numpy().T / temperature
    return [scores, np.diagonal(scores, axis1=0, axis2=2).argmax(0)]


# %% right scores: the own target by itself
def scores_and_winner(phi, targets, temperature):
    own = (phi * targets[:, None]).sum(2)
    table = (phi.flatten(0, 1) / temperature) @ targets.T
    return table.view(*phi.shape[:2], -1), own.sort(1, descending=True).indices[:, 0]


# %% right scores: winners as floating point numbers
def scores_and_winner(phi, targets, temperature):
    scores = torch.stack([pair @ (targets / temperature).T for pair in phi])
    return scores, scores.diagonal(dim1=0, dim2=2).max(0).indices.double()


# %% right scores: matmul with a transposed last axis
def scores_and_winner(phi, targets, temperature):
    s = torch.matmul(phi, targets.T.to(phi.dtype)).div(temperature)
    return [s, torch.stack([row[:, b].argmax() for b, row in enumerate(s)])]


# %% wrong scores: yours are not divided
def scores_and_winner(phi, targets, temperature):
    scores = phi @ targets.T
    own = torch.arange(len(phi))
    return scores, scores[own, :, own].argmax(1)


# %% wrong scores: yours are multiplied by it
def scores_and_winner(phi, targets, temperature):
    scores = phi @ targets.T * temperature
    own = torch.arange(len(phi))
    return scores, scores[own, :, own].argmax(1)


# %% wrong scores: not by sqrt(D)
def scores_and_winner(phi, targets, temperature):
    scores = phi @ targets.T / math.sqrt(phi.shape[2])
    own = torch.arange(len(phi))
    return scores, scores[own, :, own].argmax(1)


# %% wrong scores: yours swaps the pairs
def scores_and_winner(phi, targets, temperature):
    scores = torch.einsum("bkd,jd->jkb", phi, targets) / temperature
    own = torch.arange(len(phi))
    return scores, scores[own, :, own].argmax(1)


# %% wrong scores: the order of the places
def scores_and_winner(phi, targets, temperature):
    scores = torch.einsum("bkd,jd->bjk", phi, targets) / temperature
    own = torch.arange(len(phi))
    return scores, scores[own, own].argmax(1)


# %% wrong scores: yours has the own target only
def scores_and_winner(phi, targets, temperature):
    scores = torch.einsum("bkd,bd->bk", phi, targets) / temperature
    return scores, scores.argmax(1)


# %% wrong scores: these are cosines
def scores_and_winner(phi, targets, temperature):
    scores = F.normalize(phi, dim=2) @ F.normalize(targets, dim=1).T / temperature
    own = torch.arange(len(phi))
    return scores, scores[own, :, own].argmax(1)


# %% wrong scores: yours looks at all targets
def scores_and_winner(phi, targets, temperature):
    scores = phi @ targets.T / temperature
    return scores, scores.amax(2).argmax(1)


# %% wrong scores: yours takes target 0
def scores_and_winner(phi, targets, temperature):
    scores = phi @ targets.T / temperature
    return scores, scores[:, :, 0].argmax(1)


# %% wrong scores: yours takes the lowest
def scores_and_winner(phi, targets, temperature):
    scores = phi @ targets.T / temperature
    own = torch.arange(len(phi))
    return scores, scores[own, :, own].argmin(1)


# %% wrong scores: not its score
def scores_and_winner(phi, targets, temperature):
    scores = phi @ targets.T / temperature
    own = torch.arange(len(phi))
    return scores, scores[own, :, own].amax(1)


# %% wrong scores: not of a target
def scores_and_winner(phi, targets, temperature):
    scores = phi @ targets.T / temperature
    return scores, scores.amax(1).argmax(1)


# %% wrong scores: count the intentions from 0
def scores_and_winner(phi, targets, temperature):
    scores = phi @ targets.T / temperature
    own = torch.arange(len(phi))
    return scores, scores[own, :, own].argmax(1) + 1


# %% wrong scores: it looks as if you changed `phi`, which you were given; make a new one.
def scores_and_winner(phi, targets, temperature):
    phi /= temperature
    scores = phi @ targets.T
    own = torch.arange(len(phi))
    return scores, scores[own, :, own].argmax(1)


# %% wrong scores: return two things
def scores_and_winner(phi, targets, temperature):
    return phi @ targets.T / temperature


# %% wrong scores: the sign counts
def scores_and_winner(phi, targets, temperature):
    scores = phi @ targets.T / temperature
    own = torch.arange(len(phi))
    return scores, scores[own, :, own].abs().argmax(1)


# %% wrong scores: return the scores first
def scores_and_winner(phi, targets, temperature):
    scores = phi @ targets.T / temperature
    own = torch.arange(len(phi))
    return scores[own, :, own].argmax(1), scores


# %% wrong scores: a score is a product, not a distance.
# negative squared distances
def scores_and_winner(phi, targets, temperature):
    s = -((phi[:, :, None] - targets) ** 2).sum(-1) / temperature
    b = torch.arange(len(phi))
    return s, s[b, :, b].argmax(1)


# %% wrong scores: each pair has a winner of its own; yours has one for all.
# one winner for the whole batch
def scores_and_winner(phi, targets, temperature):
    s = phi @ targets.T / temperature
    b = torch.arange(len(phi))
    return s, s[b, :, b].sum(0).argmax().expand(len(phi))


# %% wrong scores: only the own target decides; yours adds up all targets.
# the winner has the largest sum over the targets
def scores_and_winner(phi, targets, temperature):
    s = phi @ targets.T / temperature
    return s, s.sum(2).argmax(1)


# %% wrong scores: divide by the temperature only; yours divides by sqrt(D) as well.
# divided by temperature times the root of D
def scores_and_winner(phi, targets, temperature):
    s = phi @ targets.T / (temperature * phi.shape[2] ** 0.5)
    b = torch.arange(len(phi))
    return s, s[b, :, b].argmax(1)


# %% wrong scores: the own target of pair b is number b; yours depends on the intention's number.
# the diagonal of (k, b') gives the winner
def scores_and_winner(phi, targets, temperature):
    s = phi @ targets.T / temperature
    return s, s.diagonal(dim1=1, dim2=2).argmax(1)


# %% wrong scores: the number of the winner is wanted, not a row of 0s and a 1.
# winners as one-hot rows
def scores_and_winner(phi, targets, temperature):
    s = phi @ targets.T / temperature
    b = torch.arange(len(phi))
    return s, torch.nn.functional.one_hot(s[b, :, b].argmax(1), phi.shape[1])


# %% wrong scores: the scores of an intention come from its own summary only.
# phi is summed over k first
def scores_and_winner(phi, targets, temperature):
    s = (phi.sum(1) @ targets.T / temperature)[:, None].expand(-1, phi.shape[1], -1)
    b = torch.arange(len(phi))
    return s, s[b, :, b].argmax(1)


# %% right seq2item: a cross-entropy
def seq2item(phi, targets, temperature=None):
    B, K, D = phi.shape
    s = phi @ targets.T / (temperature or math.sqrt(D))
    own = torch.arange(B)
    winner = s[own, :, own].argmax(1)
    return F.cross_entropy(s.reshape(B, K * B), winner * B + own, reduction="none")


# %% right seq2item: a loop, and the largest score taken off
def seq2item(phi, targets, temperature=None):
    scale = phi.shape[2] ** 0.5 if temperature is None else temperature
    losses = []
    for b, summaries in enumerate(phi):
        s = summaries @ targets.T / scale
        top = s.max()
        losses.append(top + (s - top).exp().sum().log() - s[:, b].max())
    return torch.stack(losses)


# %% right seq2item: the smallest of K cross-entropies over all cells
def seq2item(phi, targets, temperature=None):
    if temperature is None:
        temperature = math.sqrt(targets.shape[1])
    s = torch.einsum("bkd,jd->bkj", phi, targets / temperature)
    share = s.flatten(1).log_softmax(1).view_as(s)
    return -share.diagonal(dim1=0, dim2=2).amax(0)


# %% right seq2item: with logaddexp, pair by pair
def seq2item(phi, targets, temperature=None):
    scale = math.sqrt(phi.shape[-1]) if temperature is None else temperature
    whole = torch.full((len(phi),), -math.inf, dtype=phi.dtype)
    for k in range(phi.shape[1]):
        for target in targets:
            whole = torch.logaddexp(whole, phi[:, k] @ target / scale)
    return whole - torch.amax((phi * targets[:, None]).sum(2) / scale, 1)


# %% right seq2item: with the answer to question 1
def seq2item(phi, targets, temperature=None):
    if temperature is None:
        temperature = math.sqrt(phi.shape[2])
    scores, winner = scores_and_winner(phi, targets, temperature)
    losses = torch.zeros(len(phi))
    for b in range(len(phi)):
        losses[b] = torch.logsumexp(scores[b].flatten(), 0) - scores[b, winner[b], b]
    return losses


# %% right seq2item: minus the largest of the log-softmax
def seq2item(phi, targets, temperature=None):
    tau = temperature or phi.shape[-1] ** 0.5
    logs = torch.log_softmax((phi @ targets.mT / tau).flatten(1), dim=1).view(len(phi), -1, len(phi))
    return -torch.stack([logs[b, :, b].max() for b in range(len(phi))])


# %% right seq2item: nested logsumexp
def seq2item(phi, targets, temperature=None):
    tau = math.sqrt(phi.size(2)) if temperature is None else temperature
    s = torch.einsum("bkd,cd->bck", phi, targets) / tau
    best = s.diagonal(dim1=0, dim2=1).max(0).values
    return s.logsumexp(2).logsumexp(1) - best


# %% wrong seq2item: yours adds all
def seq2item(phi, targets, temperature=None):
    s = phi @ targets.T / (temperature or math.sqrt(phi.shape[2]))
    own = torch.arange(len(phi))
    return s.flatten(1).logsumexp(1) - s[own, :, own].logsumexp(1)


# %% wrong seq2item: yours averages all
def seq2item(phi, targets, temperature=None):
    s = phi @ targets.T / (temperature or math.sqrt(phi.shape[2]))
    own = torch.arange(len(phi))
    top = s[own, :, own].logsumexp(1) - math.log(phi.shape[1])
    return s.flatten(1).logsumexp(1) - top


# %% wrong seq2item: yours averages the scores
def seq2item(phi, targets, temperature=None):
    s = phi @ targets.T / (temperature or math.sqrt(phi.shape[2]))
    own = torch.arange(len(phi))
    return s.flatten(1).logsumexp(1) - s[own, :, own].mean(1)


# %% wrong seq2item: the numerator is about the own target
def seq2item(phi, targets, temperature=None):
    s = (phi @ targets.T / (temperature or math.sqrt(phi.shape[2]))).flatten(1)
    return s.logsumexp(1) - s.amax(1)


# %% wrong seq2item: yours takes target 0 for all
def seq2item(phi, targets, temperature=None):
    s = phi @ targets.T / (temperature or math.sqrt(phi.shape[2]))
    return s.flatten(1).logsumexp(1) - s[:, :, 0].amax(1)


# %% wrong seq2item: yours holds the winning one only
def seq2item(phi, targets, temperature=None):
    s = phi @ targets.T / (temperature or math.sqrt(phi.shape[2]))
    own = torch.arange(len(phi))
    winner = s[own, :, own].argmax(1)
    return F.cross_entropy(s[own, winner], own, reduction="none")


# %% wrong seq2item: yours the best for each target
def seq2item(phi, targets, temperature=None):
    s = (phi @ targets.T / (temperature or math.sqrt(phi.shape[2]))).amax(1)
    return F.cross_entropy(s, torch.arange(len(phi)), reduction="none")


# %% wrong seq2item: yours leaves its score out
def seq2item(phi, targets, temperature=None):
    s = phi @ targets.T / (temperature or math.sqrt(phi.shape[2]))
    own = torch.arange(len(phi))
    best, winner = s[own, :, own].max(1)
    hidden = torch.zeros_like(s, dtype=torch.bool)
    hidden[own, winner, own] = True
    return s.masked_fill(hidden, -math.inf).flatten(1).logsumexp(1) - best


# %% wrong seq2item: yours leaves the target out
def seq2item(phi, targets, temperature=None):
    s = phi @ targets.T / (temperature or math.sqrt(phi.shape[2]))
    own = torch.arange(len(phi))
    hidden = torch.eye(len(phi)).bool()[:, None]
    rest = s.masked_fill(hidden, -math.inf).flatten(1).logsumexp(1)
    return rest - s[own, :, own].amax(1)


# %% wrong seq2item: yours holds the own one only
def seq2item(phi, targets, temperature=None):
    s = (phi * targets[:, None]).sum(2) / (temperature or math.sqrt(phi.shape[2]))
    return s.logsumexp(1) - s.amax(1)


# %% wrong seq2item: yours over the pasts
def seq2item(phi, targets, temperature=None):
    s = phi @ targets.T / (temperature or math.sqrt(phi.shape[2]))
    own = torch.arange(len(phi))
    return s.flatten(0, 1).logsumexp(0) - s[own, :, own].amax(1)


# %% wrong seq2item: yours does not divide
def seq2item(phi, targets, temperature=1.0):
    s = phi @ targets.T / (temperature or 1.0)
    own = torch.arange(len(phi))
    return s.flatten(1).logsumexp(1) - s[own, :, own].amax(1)


# %% wrong seq2item: yours divides by D
def seq2item(phi, targets, temperature=None):
    s = phi @ targets.T / (temperature or phi.shape[2])
    own = torch.arange(len(phi))
    return s.flatten(1).logsumexp(1) - s[own, :, own].amax(1)


# %% wrong seq2item: D is the last axis
def seq2item(phi, targets, temperature=None):
    s = phi @ targets.T / (temperature or math.sqrt(phi.shape[1]))
    own = torch.arange(len(phi))
    return s.flatten(1).logsumexp(1) - s[own, :, own].amax(1)


# %% wrong seq2item: `temperature` has no effect
def seq2item(phi, targets, temperature=None):
    s = phi @ targets.T / math.sqrt(phi.shape[2])
    own = torch.arange(len(phi))
    return s.flatten(1).logsumexp(1) - s[own, :, own].amax(1)


# %% wrong seq2item: yours is their mean
def seq2item(phi, targets, temperature=None):
    s = phi @ targets.T / (temperature or math.sqrt(phi.shape[2]))
    own = torch.arange(len(phi))
    return (s.flatten(1).logsumexp(1) - s[own, :, own].amax(1)).mean()


# %% wrong seq2item: MINUS the logarithm
def seq2item(phi, targets, temperature=None):
    s = phi @ targets.T / (temperature or math.sqrt(phi.shape[2]))
    own = torch.arange(len(phi))
    return s[own, :, own].amax(1) - s.flatten(1).logsumexp(1)


# %% wrong seq2item: yours has one for each intention
def seq2item(phi, targets, temperature=None):
    s = phi @ targets.T / (temperature or math.sqrt(phi.shape[2]))
    own = torch.arange(len(phi))
    return s.flatten(1).logsumexp(1, keepdim=True) - s[own, :, own]


# %% wrong seq2item: cell (k, b) is number k * B + b
def seq2item(phi, targets, temperature=None):
    B, K, D = phi.shape
    s = phi @ targets.T / (temperature or math.sqrt(D))
    own = torch.arange(B)
    winner = s[own, :, own].argmax(1)
    return F.cross_entropy(s.flatten(1), own * K + winner, reduction="none")


# %% wrong seq2item: large scores overflow
def seq2item(phi, targets, temperature=None):
    e = (phi @ targets.T / (temperature or math.sqrt(phi.shape[2]))).exp()
    own = torch.arange(len(phi))
    return -(e[own, :, own].amax(1) / e.sum((1, 2))).log()


# %% wrong seq2item: subtract the largest score of the row
def seq2item(phi, targets, temperature=None):
    s = phi @ targets.T / (temperature or math.sqrt(phi.shape[2]))
    e = (s - s.max()).exp()  # the largest of all rows
    own = torch.arange(len(phi))
    return -(e[own, :, own].amax(1) / e.sum((1, 2))).log()


# %% wrong seq2item: do not clip the scores
def seq2item(phi, targets, temperature=None):
    s = phi @ targets.T / (temperature or math.sqrt(phi.shape[2]))
    e = s.clamp(-60, 60).exp()
    own = torch.arange(len(phi))
    return -(e[own, :, own].amax(1) / e.sum((1, 2))).log()


# %% wrong seq2item: no gradient comes back
def seq2item(phi, targets, temperature=None):
    s = (phi @ targets.T).detach().numpy() / (temperature or math.sqrt(phi.shape[2]))
    best = np.diagonal(s, axis1=0, axis2=2).max(0)
    return torch.from_numpy(np.logaddexp.reduce(s.reshape(len(s), -1), 1) - best)


# %% wrong seq2item: a part of the fraction is detached
def seq2item(phi, targets, temperature=None):
    s = phi @ targets.T / (temperature or math.sqrt(phi.shape[2]))
    own = torch.arange(len(phi))
    return s.detach().flatten(1).logsumexp(1) - s[own, :, own].amax(1)


# %% wrong seq2item: yours takes the largest cell
def seq2item(phi, targets, temperature=None):
    s = phi @ targets.T / (temperature or math.sqrt(phi.shape[2]))
    own = torch.arange(len(phi))
    return s.amax((1, 2)) - s[own, :, own].amax(1)


# %% wrong seq2item: yours only under the winner
def seq2item(phi, targets, temperature=None):
    s = phi @ targets.T / (temperature or math.sqrt(phi.shape[2]))
    own = torch.arange(len(phi))
    best = s[own, :, own].amax(1)
    others = s.masked_fill(torch.eye(len(phi)).bool()[:, None], -math.inf)
    return torch.logaddexp(others.flatten(1).logsumexp(1), best) - best


# %% wrong seq2item: the denominator holds all K intentions; yours averages the losses of single intentions.
# the loss of each intention, averaged over k
def seq2item(phi, targets, temperature=None):
    s = phi @ targets.T / (phi.shape[2] ** 0.5 if temperature is None else temperature)
    b = torch.arange(len(phi))
    return (s.logsumexp(2) - s[b, :, b]).mean(1)


# %% wrong seq2item: the denominator holds all K intentions; yours holds the winning one only.
# each intention has a denominator of its own, the best is kept
def seq2item(phi, targets, temperature=None):
    s = phi @ targets.T / (phi.shape[2] ** 0.5 if temperature is None else temperature)
    b = torch.arange(len(phi))
    return (s.logsumexp(2) - s[b, :, b]).min(1).values


# %% wrong seq2item: the denominator holds all B targets; yours compares with the best rival only.
# a pairwise loss against the best rival
def seq2item(phi, targets, temperature=None):
    s = phi @ targets.T / (phi.shape[2] ** 0.5 if temperature is None else temperature)
    m = s.amax(1)
    b = torch.arange(len(phi))
    rival = m.masked_fill(torch.eye(len(phi)).bool(), -math.inf).amax(1)
    return -torch.nn.functional.logsigmoid(m[b, b] - rival)


# %% wrong seq2item: seq
# the largest score of the batch is subtracted, not of the row
def seq2item(phi, targets, temperature=None):
    s = phi @ targets.T / (phi.shape[2] ** 0.5 if temperature is None else temperature)
    b = torch.arange(len(phi))
    e = (s - s.max()).exp()
    return e.sum((1, 2)).log() - (s - s.max())[b, :, b].amax(1)


# %% wrong seq2item: seq
# scores are clamped to 50
def seq2item(phi, targets, temperature=None):
    s = phi @ targets.T / (phi.shape[2] ** 0.5 if temperature is None else temperature)
    s = s.clamp(-50, 50)
    b = torch.arange(len(phi))
    return s.flatten(1).logsumexp(1) - s[b, :, b].amax(1)


# %% wrong seq2item: the denominator is a sum; yours is a mean over the cells.
# the mean over the cells instead of the sum
def seq2item(phi, targets, temperature=None):
    s = phi @ targets.T / (phi.shape[2] ** 0.5 if temperature is None else temperature)
    b = torch.arange(len(phi))
    return s.flatten(1).logsumexp(1) - math.log(s[0].numel()) - s[b, :, b].amax(1)


# %% wrong seq2item: seq
# phi is scaled in place
def seq2item(phi, targets, temperature=None):
    phi /= phi.shape[2] ** 0.5 if temperature is None else temperature
    s = phi @ targets.T
    b = torch.arange(len(phi))
    return s.flatten(1).logsumexp(1) - s[b, :, b].amax(1)


# %% wrong seq2item: the numerator holds the best intention only; yours averages all.
# a soft maximum over k, logsumexp minus ln K
def seq2item(phi, targets, temperature=None):
    s = phi @ targets.T / (phi.shape[2] ** 0.5 if temperature is None else temperature)
    b = torch.arange(len(phi))
    best = s[b, :, b].logsumexp(1) - math.log(s.shape[1])
    return s.flatten(1).logsumexp(1) - best


# %% wrong seq2item: every target of the batch stands below, equal ones too.
def seq2item(phi, targets, temperature=None):
    s = phi @ targets.T / (phi.shape[2] ** 0.5 if temperature is None else temperature)
    same = (targets[:, None] == targets[None]).all(2) & ~torch.eye(len(phi)).bool()
    own = torch.arange(len(phi))
    best = s[own, :, own].amax(1)
    return s.masked_fill(same[:, None], -math.inf).flatten(1).logsumexp(1) - best


# %% wrong seq2item: seq
def seq2item(phi, targets, temperature=None):
    B, K, D = phi.shape
    s = phi @ targets.T / (math.sqrt(D) if temperature is None else temperature)
    share = s.flatten(1).softmax(1).view(B, K, B)
    own = torch.arange(B)
    return -torch.log(share[own, :, own].amax(1) + 1e-9)


# %% wrong seq2item: if all B * K = 6 scores are equal, the loss is ln 6 = 1.7918, not 2.5850: which cells are
# base-2 logarithm
def seq2item(phi, targets, temperature=None):
    s = phi @ targets.T / (phi.shape[2] ** 0.5 if temperature is None else temperature)
    b = torch.arange(len(phi))
    return (s.flatten(1).logsumexp(1) - s[b, :, b].amax(1)) / math.log(2)


# %% wrong seq2item: above stands the best score of the own target, below the sum over all.
# the best intention over all targets answers
def seq2item(phi, targets, temperature=None):
    s = phi @ targets.T / (phi.shape[2] ** 0.5 if temperature is None else temperature)
    b = torch.arange(len(phi))
    k = s.amax(2).argmax(1)
    return s.flatten(1).logsumexp(1) - s[b, k, b]


# %% right seq2seq: a cross-entropy
def seq2seq(past, future, temperature=None):
    B, K, D = past.shape
    s = past.flatten(0, 1) @ future.flatten(0, 1).T / (temperature or math.sqrt(D))
    return F.cross_entropy(s, torch.arange(B * K), reduction="none").view(B, K)


# %% right seq2seq: loops
def seq2seq(past, future, temperature=None):
    B, K, D = past.shape
    scale = math.sqrt(D) if temperature is None else temperature
    rows = []
    for b in range(B):
        for k in range(K):
            s = torch.stack([v @ past[b, k] for pair in future for v in pair]) / scale
            rows.append(torch.logsumexp(s, 0) - s[b * K + k])
    return torch.stack(rows).reshape(B, K)


# %% right seq2seq: four places, and the own score by itself
def seq2seq(past, future, temperature=None):
    scale = past.shape[2] ** 0.5 if temperature is None else temperature
    s = torch.einsum("bkd,cmd->bkcm", past / scale, future)
    return s.logsumexp((2, 3)) - (past * future).sum(2) / scale


# %% right seq2seq: intention by intention
def seq2seq(past, future, temperature=None):
    scale = past.shape[2] ** 0.5 if temperature is None else temperature
    columns = []
    for k in range(past.shape[1]):
        s = past[:, k] @ future.transpose(1, 2) / scale  # (B', B, K)
        s = s.permute(1, 2, 0)  # (past, intention, future)
        columns.append(-s.flatten(1).log_softmax(1).view_as(s)[:, k].diagonal())
    return torch.stack(columns, 1)


# %% right seq2seq: log_softmax over both places
def seq2seq(past, future, temperature=None):
    tau = past.shape[2] ** 0.5 if temperature is None else temperature
    B, K, _ = past.shape
    s = torch.tensordot(past, future, dims=([2], [2])) / tau
    logs = s.flatten(2).log_softmax(-1).view(B, K, B, K)
    return -torch.stack([torch.stack([logs[b, k, b, k] for k in range(K)]) for b in range(B)])


# %% wrong seq2seq: yours only the same k
def seq2seq(past, future, temperature=None):
    s = torch.einsum("bkd,ckd->bkc", past, future)
    s = s / (temperature or math.sqrt(past.shape[2]))
    own = torch.arange(len(past))
    return s.logsumexp(2) - s[own, :, own]


# %% wrong seq2seq: yours only the own pair
def seq2seq(past, future, temperature=None):
    s = past @ future.transpose(1, 2) / (temperature or math.sqrt(past.shape[2]))
    return s.logsumexp(2) - s.diagonal(dim1=1, dim2=2)


# %% wrong seq2seq: yours runs over the pasts
def seq2seq(past, future, temperature=None):
    B, K, D = past.shape
    s = past.flatten(0, 1) @ future.flatten(0, 1).T / (temperature or math.sqrt(D))
    return (s.logsumexp(0) - s.diagonal()).view(B, K)


# %% wrong seq2seq: yours averages both directions
def seq2seq(past, future, temperature=None):
    B, K, D = past.shape
    s = past.flatten(0, 1) @ future.flatten(0, 1).T / (temperature or math.sqrt(D))
    i = torch.arange(B * K)
    both = [F.cross_entropy(x, i, reduction="none") for x in (s, s.T)]
    return (sum(both) / 2).view(B, K)


# %% wrong seq2seq: yours compares pasts with pasts
def seq2seq(past, future, temperature=None):
    B, K, D = past.shape
    scale = temperature or math.sqrt(D)
    a = past.flatten(0, 1)
    own = (past * future).sum(2).flatten() / scale
    s = torch.diagonal_scatter(a @ a.T / scale, own)
    return (s.logsumexp(1) - own).view(B, K)


# %% wrong seq2seq: yours leaves it out
def seq2seq(past, future, temperature=None):
    B, K, D = past.shape
    s = past.flatten(0, 1) @ future.flatten(0, 1).T / (temperature or math.sqrt(D))
    rest = s.masked_fill(torch.eye(B * K).bool(), -math.inf)
    return (rest.logsumexp(1) - s.diagonal()).view(B, K)


# %% wrong seq2seq: under other intentions is a negative
def seq2seq(past, future, temperature=None):
    s = torch.einsum("bkd,cmd->bkcm", past, future)
    s = s / (temperature or math.sqrt(past.shape[2]))
    B, K = s.shape[:2]
    same = torch.eye(B).bool()[:, None, :, None] & ~torch.eye(K).bool()[None, :, None]
    own = (past * future).sum(2) / (temperature or math.sqrt(past.shape[2]))
    return s.masked_fill(same, -math.inf).logsumexp((2, 3)) - own


# %% wrong seq2seq: no maximum here
def seq2seq(past, future, temperature=None):
    s = torch.einsum("bkd,cmd->bkcm", past, future)
    s = s / (temperature or math.sqrt(past.shape[2]))
    own = torch.arange(len(past))
    return s.logsumexp((2, 3)) - s[own, :, own].amax(2)


# %% wrong seq2seq: yours adds all of the own future
def seq2seq(past, future, temperature=None):
    s = torch.einsum("bkd,cmd->bkcm", past, future)
    s = s / (temperature or math.sqrt(past.shape[2]))
    own = torch.arange(len(past))
    return s.logsumexp((2, 3)) - s[own, :, own].logsumexp(2)


# %% wrong seq2seq: yours mixes up pairs and intentions
def seq2seq(past, future, temperature=None):
    B, K, D = past.shape
    futures = future.transpose(0, 1).flatten(0, 1)  # intention by intention
    s = past.flatten(0, 1) @ futures.T / (temperature or math.sqrt(D))
    return F.cross_entropy(s, torch.arange(B * K), reduction="none").view(B, K)


# %% wrong seq2seq: yours is filled the other way
def seq2seq(past, future, temperature=None):
    B, K, D = past.shape
    a, c = (x.transpose(0, 1).flatten(0, 1) for x in (past, future))
    s = a @ c.T / (temperature or math.sqrt(D))
    return F.cross_entropy(s, torch.arange(B * K), reduction="none").view(B, K)


# %% wrong seq2seq: products, not cosines
def seq2seq(past, future, temperature=None):
    B, K, D = past.shape
    a, c = (F.normalize(x, dim=2).flatten(0, 1) for x in (past, future))
    s = a @ c.T / (temperature or 1.0)
    return F.cross_entropy(s, torch.arange(B * K), reduction="none").view(B, K)


# %% wrong seq2seq: yours does not divide
def seq2seq(past, future, temperature=None):
    B, K, D = past.shape
    s = past.flatten(0, 1) @ future.flatten(0, 1).T / (temperature or 1)
    return F.cross_entropy(s, torch.arange(B * K), reduction="none").view(B, K)


# %% wrong seq2seq: yours divides by both
def seq2seq(past, future, temperature=None):
    B, K, D = past.shape
    s = past.flatten(0, 1) @ future.flatten(0, 1).T / math.sqrt(D) / (temperature or 1)
    return F.cross_entropy(s, torch.arange(B * K), reduction="none").view(B, K)


# %% wrong seq2seq: MINUS the logarithm
def seq2seq(past, future, temperature=None):
    B, K, D = past.shape
    s = past.flatten(0, 1) @ future.flatten(0, 1).T / (temperature or math.sqrt(D))
    return s.log_softmax(1).diagonal().view(B, K)


# %% wrong seq2seq: yours is a mean over k
def seq2seq(past, future, temperature=None):
    B, K, D = past.shape
    s = past.flatten(0, 1) @ future.flatten(0, 1).T / (temperature or math.sqrt(D))
    return -s.log_softmax(1).diagonal().view(B, K).mean(1)


# %% wrong seq2seq: yours is one mean
def seq2seq(past, future, temperature=None):
    B, K, D = past.shape
    s = past.flatten(0, 1) @ future.flatten(0, 1).T / (temperature or math.sqrt(D))
    return F.cross_entropy(s, torch.arange(B * K))


# %% wrong seq2seq: yours is flat
def seq2seq(past, future, temperature=None):
    B, K, D = past.shape
    s = past.flatten(0, 1) @ future.flatten(0, 1).T / (temperature or math.sqrt(D))
    return F.cross_entropy(s, torch.arange(B * K), reduction="none")


# %% wrong seq2seq: large scores overflow
def seq2seq(past, future, temperature=None):
    B, K, D = past.shape
    s = past.flatten(0, 1) @ future.flatten(0, 1).T / (temperature or math.sqrt(D))
    return -(s.exp().diagonal() / s.exp().sum(1)).log().view(B, K)


# %% wrong seq2seq: no gradient reaches `future`
def seq2seq(past, future, temperature=None):
    B, K, D = past.shape
    s = past.flatten(0, 1) @ future.detach().flatten(0, 1).T
    s = s / (temperature or math.sqrt(D))
    return F.cross_entropy(s, torch.arange(B * K), reduction="none").view(B, K)


# %% wrong seq2seq: no gradient comes back
def seq2seq(past, future, temperature=None):
    B, K, D = past.shape
    with torch.no_grad():
        s = past.flatten(0, 1) @ future.flatten(0, 1).T / (temperature or math.sqrt(D))
        return F.cross_entropy(s, torch.arange(B * K), reduction="none").view(B, K)


# %% wrong seq2seq: others under the same k
def seq2seq(past, future, temperature=None):
    s = torch.einsum("bkd,cmd->bkcm", past, future)
    s = s / (temperature or math.sqrt(past.shape[2]))
    B, K = s.shape[:2]
    pair = torch.eye(B).bool()[:, None, :, None]
    intention = torch.eye(K).bool()[None, :, None, :]
    own = (past * future).sum(2) / (temperature or math.sqrt(past.shape[2]))
    return s.masked_fill(~(pair | intention), -math.inf).logsumexp((2, 3)) - own


# %% wrong seq2seq: the gradient with respect to
def seq2seq(past, future, temperature=None):
    B, K, D = past.shape
    scale = temperature or math.sqrt(D)
    a, c = past.flatten(0, 1), future.flatten(0, 1)
    own = (a * c).sum(1) / scale
    s = a @ c.detach().T / scale  # futures learn as targets, not as negatives
    return (s.logsumexp(1) - own).view(B, K)


# %% wrong seq2seq: one denominator, over the futures; yours adds both directions.
# both directions are added
def seq2seq(past, future, temperature=None):
    B, K, D = past.shape
    s = past.flatten(0, 1) @ future.flatten(0, 1).T / (D**0.5 if temperature is None else temperature)
    return (s.logsumexp(1) + s.logsumexp(0) - 2 * s.diagonal()).view(B, K)


# %% wrong seq2seq: the scores are products; yours normalises the futures.
# only the futures are normalised
def seq2seq(past, future, temperature=None):
    B, K, D = past.shape
    future = torch.nn.functional.normalize(future, dim=-1)
    s = past.flatten(0, 1) @ future.flatten(0, 1).T / (D**0.5 if temperature is None else temperature)
    return (s.logsumexp(1) - s.diagonal()).view(B, K)


# %% wrong seq2seq: seq
# the numerator is detached
def seq2seq(past, future, temperature=None):
    B, K, D = past.shape
    s = past.flatten(0, 1) @ future.flatten(0, 1).T / (D**0.5 if temperature is None else temperature)
    return (s.logsumexp(1) - s.diagonal().detach()).view(B, K)


# %% wrong seq2seq: seq
# log of softmax plus epsilon
def seq2seq(past, future, temperature=None):
    B, K, D = past.shape
    s = past.flatten(0, 1) @ future.flatten(0, 1).T / (D**0.5 if temperature is None else temperature)
    return -(s.softmax(1).diagonal() + 1e-9).log().view(B, K)


# %% wrong seq2seq: seq
# the largest score of all is subtracted
def seq2seq(past, future, temperature=None):
    B, K, D = past.shape
    s = past.flatten(0, 1) @ future.flatten(0, 1).T / (D**0.5 if temperature is None else temperature)
    s = s - s.max()
    return (s.exp().sum(1).log() - s.diagonal()).view(B, K)


# %% wrong seq2seq: every future of the batch stands below, equal ones too.
# equal futures do not count as negatives
def seq2seq(past, future, temperature=None):
    B, K, D = past.shape
    f = future.flatten(0, 1)
    s = past.flatten(0, 1) @ f.T / (D**0.5 if temperature is None else temperature)
    own = s.diagonal()
    same = (f[:, None] == f[None]).all(2) & ~torch.eye(B * K).bool()
    return (s.masked_fill(same, -math.inf).logsumexp(1) - own).view(B, K)


# %% wrong seq2seq: the denominator holds every future by itself; yours averages those of a pair.
# the summaries of a pair are averaged first
def seq2seq(past, future, temperature=None):
    B, K, D = past.shape
    s = past.flatten(0, 1) @ future.mean(1).T / (D**0.5 if temperature is None else temperature)
    return torch.nn.functional.cross_entropy(s, torch.arange(B).repeat_interleave(K), reduction="none").view(B, K)


# %% wrong seq2seq: seq
def seq2seq(past, future, temperature=None):
    B, K, D = past.shape
    s = past.flatten(0, 1) @ future.flatten(0, 1).T
    s = s / (math.sqrt(D) if temperature is None else temperature)
    return -s.softmax(1).diagonal().log().view(B, K)


# %% wrong seq2seq: if all scores are equal, the loss is ln(B * K) = 1.7918, not 2.0794: which futures are cou
# the own pair's other intentions are counted twice
def seq2seq(past, future, temperature=None):
    B, K, D = past.shape
    s = past.flatten(0, 1) @ future.flatten(0, 1).T / (D**0.5 if temperature is None else temperature)
    own = torch.einsum("bkd,bmd->bkm", past, future).flatten(0, 1) / (D**0.5 if temperature is None else temperature)
    return (torch.cat([s, own], 1).logsumexp(1) - s.diagonal()).view(B, K)


# %% right confident: a loop
def confident(losses, keep):
    m = math.ceil(keep * losses.numel() - 1e-9)
    smallest = sorted(losses.flatten().tolist())[:m]
    return [[bool(smallest) and x <= smallest[-1] for x in row]
            for row in losses.tolist()]


# %% right confident: numpy
def confident(losses, keep):
    values = losses.detach().numpy()
    m = int(np.ceil(keep * values.size - 1e-9))
    return values <= (np.partition(values, m - 1, axis=None)[m - 1] if m else -np.inf)


# %% right confident: fewer than m are smaller
def confident(losses, keep):
    flat = losses.detach().flatten()
    smaller = (flat[None, :] < flat[:, None]).sum(1)
    return (smaller < keep * len(flat) - 1e-9).view(losses.shape)


# %% right confident: topk, in numbers
def confident(losses, keep):
    m = math.ceil(keep * losses.numel() - 1e-9)
    if m < 1:
        return torch.zeros(losses.shape)
    border = losses.flatten().topk(m, largest=False).values.max()
    return (losses <= border).float()


# %% right confident: the whole-number rank in numpy, no threshold
def confident(losses, keep):
    x = losses.detach().numpy().ravel()
    place = np.searchsorted(np.sort(x), x, side="left")  # how many are smaller
    return (place < math.ceil(keep * x.size - 1e-9)).reshape(losses.shape)


# %% right confident: kthvalue
def confident(losses, keep):
    m = math.ceil(keep * losses.numel() - 1e-9)
    flat = losses.detach().reshape(-1)
    tau = flat.kthvalue(m).values if m else -math.inf
    return torch.le(losses.detach(), tau)


# %% wrong confident: yours keeps the largest
def confident(losses, keep):
    m = math.ceil(keep * losses.numel() - 1e-9)
    if m == 0:
        return torch.zeros_like(losses).bool()
    return losses >= losses.flatten().topk(m).values.min()


# %% wrong confident: yours leaves out that share
def confident(losses, keep):
    m = math.ceil((1 - keep) * losses.numel() - 1e-9)
    if m == 0:
        return torch.zeros_like(losses).bool()
    return losses <= losses.flatten().kthvalue(m).values


# %% wrong confident: yours marks those that are left out
def confident(losses, keep):
    m = math.ceil(keep * losses.numel() - 1e-9)
    if m == 0:
        return torch.ones_like(losses).bool()
    return losses > losses.flatten().kthvalue(m).values


# %% wrong confident: yours has `<` for `<=`
def confident(losses, keep):
    m = math.ceil(keep * losses.numel() - 1e-9)
    if m == 0:
        return torch.zeros_like(losses).bool()
    return losses < losses.flatten().kthvalue(m).values


# %% wrong confident: is at place m - 1
def confident(losses, keep):
    m = math.ceil(keep * losses.numel() - 1e-9)
    ordered = losses.flatten().sort().values
    return losses <= ordered[min(m, len(ordered) - 1)]


# %% wrong confident: yours counts pairs
def confident(losses, keep):
    m = math.ceil(keep * len(losses) - 1e-9)
    if m == 0:
        return torch.zeros_like(losses).bool()
    return losses <= losses.flatten().kthvalue(m).values


# %% wrong confident: yours chooses within each pair
def confident(losses, keep):
    m = math.ceil(keep * losses.shape[1] - 1e-9)
    if m == 0:
        return torch.zeros_like(losses).bool()
    return losses <= losses.kthvalue(m, dim=1, keepdim=True).values


# %% wrong confident: yours chooses within each intention
def confident(losses, keep):
    m = math.ceil(keep * losses.shape[0] - 1e-9)
    if m == 0:
        return torch.zeros_like(losses).bool()
    return losses <= losses.kthvalue(m, dim=0, keepdim=True).values


# %% wrong confident: it is not the threshold
def confident(losses, keep):
    return losses <= keep


# %% wrong confident: not a share of the largest loss
def confident(losses, keep):
    return losses <= keep * losses.max()


# %% wrong confident: return the mask, not the losses
def confident(losses, keep):
    losses = losses.detach()
    m = math.ceil(keep * losses.numel() - 1e-9)
    if m == 0:
        return torch.zeros_like(losses)
    return losses * (losses <= losses.flatten().kthvalue(m).values)


# %% wrong confident: ties at the threshold are all kept
def confident(losses, keep):
    m = math.ceil(keep * losses.numel() - 1e-9)
    mask = torch.zeros(losses.numel(), dtype=torch.bool)
    mask[losses.flatten().argsort()[:m]] = True
    return mask.view(losses.shape)


# %% wrong confident: yours rounds down
def confident(losses, keep):
    m = int(keep * losses.numel())
    if m == 0:
        return torch.zeros_like(losses).bool()
    return losses <= losses.flatten().kthvalue(m).values


# %% wrong confident: yours is a quantile
def confident(losses, keep):
    if keep == 0:
        return torch.zeros_like(losses).bool()
    return losses <= torch.quantile(losses.detach(), keep)


# %% wrong confident: quantile between two losses
def confident(losses, keep):
    if keep == 0:
        return torch.zeros_like(losses).bool()
    return losses <= torch.quantile(losses.detach(), keep, interpolation="lower")


# %% wrong confident: a quantile may lie elsewhere
def confident(losses, keep):
    if keep == 0:
        return torch.zeros_like(losses).bool()
    return losses <= torch.quantile(losses.detach(), keep, interpolation="higher")


# %% wrong confident: subtract 1e-9, then round up
def confident(losses, keep):
    m = math.ceil(keep * losses.numel())
    if m == 0:
        return torch.zeros_like(losses).bool()
    return losses <= losses.flatten().kthvalue(m).values


# %% wrong confident: yours keeps one
def confident(losses, keep):
    m = max(1, math.ceil(keep * losses.numel() - 1e-9))
    return losses <= losses.flatten().kthvalue(m).values


# %% wrong confident: yours keeps everything
def confident(losses, keep):
    m = math.ceil(keep * losses.numel() - 1e-9)  # 0: place -1 is the largest
    return losses <= losses.flatten().sort().values[m - 1]


# %% wrong confident: a gradient flows through the threshold
def confident(losses, keep):
    m = math.ceil(keep * losses.numel() - 1e-9)
    if m == 0:
        return torch.zeros_like(losses)
    border = losses.flatten().kthvalue(m).values
    return torch.sigmoid(1000 * (border + 1e-3 - losses))


# %% wrong confident: it looks as if you changed `losses`, which you were given; make a new one.
def confident(losses, keep):
    m = math.ceil(keep * losses.numel() - 1e-9)
    if m == 0:
        return torch.zeros_like(losses).bool()
    border = losses.detach().flatten().kthvalue(m).values
    values = losses.detach()  # shares its memory with the losses
    values[values > border] = math.inf
    return values <= border


# %% wrong confident: m is rounded up
def confident(losses, keep):
    m = round(keep * losses.numel())
    if m == 0:
        return torch.zeros_like(losses).bool()
    return losses <= losses.flatten().kthvalue(m).values


# %% wrong confident: m is rounded up; yours rounds to the nearest.
# m is rounded to the nearest
def confident(losses, keep):
    m = round(keep * losses.numel())
    if m == 0:
        return torch.zeros_like(losses, dtype=torch.bool)
    return losses.detach() <= losses.detach().flatten().sort().values[m - 1]


# %% wrong confident: round lambda * B * K, not lambda * B.
# lambda B is rounded, then times K
def confident(losses, keep):
    m = math.ceil(keep * len(losses) - 1e-9) * losses.shape[1]
    if m == 0:
        return torch.zeros_like(losses, dtype=torch.bool)
    return losses.detach() <= losses.detach().flatten().sort().values[m - 1]


# %% wrong confident: B * K losses are counted; yours counts B * B.
# B times B losses are counted
def confident(losses, keep):
    m = min(math.ceil(keep * len(losses) ** 2 - 1e-9), losses.numel())
    if m == 0:
        return torch.zeros_like(losses, dtype=torch.bool)
    return losses.detach() <= losses.detach().flatten().sort().values[m - 1]


# %% wrong confident: lambda counts losses; it is not a multiple of their mean.
# the threshold is 2 lambda times the mean loss
def confident(losses, keep):
    return losses.detach() <= 2 * keep * losses.detach().mean()


# %% wrong confident: all B * K losses compete with one another; yours chooses pairs by their mean.
# pairs are chosen by their mean loss
def confident(losses, keep):
    mean = losses.detach().mean(1)
    m = math.ceil(keep * len(mean) - 1e-9)
    if m == 0:
        return torch.zeros_like(losses, dtype=torch.bool)
    return (mean <= mean.sort().values[m - 1])[:, None].expand_as(losses)


# %% wrong confident: ties at the threshold are all kept; yours keeps exactly m.
# exactly m, by argsort
def confident(losses, keep):
    m = math.ceil(keep * losses.numel() - 1e-9)
    mask = torch.zeros(losses.numel(), dtype=torch.bool)
    mask[losses.detach().flatten().argsort(stable=True)[:m]] = True
    return mask.view_as(losses)


# %% wrong confident: m is rounded up; yours always adds one.
# one too many is always kept (floor plus one)
def confident(losses, keep):
    if keep == 0:
        return torch.zeros_like(losses, dtype=torch.bool)
    m = min(int(keep * losses.numel() + 1e-9) + 1, losses.numel())
    return losses.detach() <= losses.detach().flatten().sort().values[m - 1]


# %% wrong confident: m counts losses; equal ones count each.
# distinct values are counted
def confident(losses, keep):
    m = math.ceil(keep * losses.numel() - 1e-9)
    if m == 0:
        return torch.zeros_like(losses, dtype=torch.bool)
    values = losses.detach().unique()
    return losses.detach() <= values[min(m, len(values)) - 1]


# %% wrong confident: The smallest of all B * K losses stay.
# the median of each row decides
def confident(losses, keep):
    return losses.detach() <= losses.detach().quantile(keep, dim=1, keepdim=True)


# %% right total: torch.where
def total(item_losses, future_losses, kept, weight):
    second = torch.where(kept, future_losses, torch.zeros_like(future_losses))
    return item_losses.mean() + weight * second.sum(1).mean()


# %% right total: a loop
def total(item_losses, future_losses, kept, weight):
    B, K = kept.shape
    loss = 0.0
    for b in range(B):
        loss = loss + item_losses[b] / B
        for k in range(K):
            if kept[b, k]:
                loss = loss + weight * future_losses[b, k] / B
    return loss


# %% right total: filled with zeros, one value in a list
def total(item_losses, future_losses, kept, weight):
    per_pair = item_losses + weight * future_losses.masked_fill(~kept, 0).sum(-1)
    return per_pair.mean(0, keepdim=True)


# %% right total: a running sum over the chosen losses
def total(item_losses, future_losses, kept, weight):
    chosen = torch.masked_select(future_losses, kept)
    return (sum(item_losses) + weight * sum(chosen)) / item_losses.shape[0]


# %% right total: masked_select and means
def total(item_losses, future_losses, kept, weight):
    second = torch.masked_select(future_losses, kept).sum() / item_losses.numel()
    return item_losses.mean() + weight * second


# %% wrong total: by B, not by the number kept
def total(item_losses, future_losses, kept, weight):
    return item_losses.mean() + weight * future_losses[kept].mean()


# %% wrong total: not by B * K
def total(item_losses, future_losses, kept, weight):
    second = torch.where(kept, future_losses, 0.0)
    return item_losses.mean() + weight * second.mean()


# %% wrong total: divide the second sum by B, too
def total(item_losses, future_losses, kept, weight):
    return item_losses.mean() + weight * future_losses[kept].sum()


# %% wrong total: divide the first sum by B, too
def total(item_losses, future_losses, kept, weight):
    return item_losses.sum() + weight * future_losses[kept].sum() / len(kept)


# %% wrong total: yours divides neither
def total(item_losses, future_losses, kept, weight):
    return item_losses.sum() + weight * future_losses[kept].sum()


# %% wrong total: yours divides by K
def total(item_losses, future_losses, kept, weight):
    both = item_losses.sum() + weight * future_losses[kept].sum()
    return both / future_losses.shape[1]


# %% wrong total: do not average within each pair
def total(item_losses, future_losses, kept, weight):
    second = torch.where(kept, future_losses, 0.0).sum(1) / kept.sum(1).clamp(min=1)
    return (item_losses + weight * second).mean()


# %% wrong total: yours is on the first
def total(item_losses, future_losses, kept, weight):
    return (weight * item_losses.sum() + future_losses[kept].sum()) / len(kept)


# %% wrong total: yours is on both
def total(item_losses, future_losses, kept, weight):
    return weight * (item_losses.sum() + future_losses[kept].sum()) / len(kept)


# %% wrong total: yours has none
def total(item_losses, future_losses, kept, weight):
    return (item_losses.sum() + future_losses[kept].sum()) / len(kept)


# %% wrong total: mixes with 1 - weight
def total(item_losses, future_losses, kept, weight):
    second = future_losses[kept].sum()
    return ((1 - weight) * item_losses.sum() + weight * second) / len(kept)


# %% wrong total: yours adds all of them
def total(item_losses, future_losses, kept, weight):
    return item_losses.mean() + weight * future_losses.sum(1).mean()


# %% wrong total: yours adds those left out
def total(item_losses, future_losses, kept, weight):
    return item_losses.mean() + weight * future_losses[~kept].sum() / len(kept)


# %% wrong total: yours is one for each pair
def total(item_losses, future_losses, kept, weight):
    return item_losses + weight * torch.where(kept, future_losses, 0.0).sum(1)


# %% wrong total: 0 times infinity
def total(item_losses, future_losses, kept, weight):
    second = (future_losses * kept).sum()
    return (item_losses.sum() + weight * second) / len(kept)


# %% wrong total: yours is detached
def total(item_losses, future_losses, kept, weight):
    return item_losses.mean().item() + weight * future_losses[kept].sum().item() / len(
        kept
    )


# %% wrong total: no gradient reaches the seq2seq losses
def total(item_losses, future_losses, kept, weight):
    chosen = future_losses.detach()[kept]
    return item_losses.mean() + weight * chosen.sum() / len(kept)


# %% wrong total: it looks as if you changed `future_losses`, which you were given; make a new one.
def total(item_losses, future_losses, kept, weight):
    future_losses.detach()[~kept] = 0.0
    return item_losses.mean() + weight * future_losses.sum() / len(kept)


# %% wrong total: yours counts those with a kept triple
def total(item_losses, future_losses, kept, weight):
    pairs = kept.any(1).sum().clamp(min=1)
    return item_losses.mean() + weight * future_losses[kept].sum() / pairs


# %% wrong total: not a number: the mean of nothing
def total(item_losses, future_losses, kept, weight):
    chosen = future_losses[kept]
    share = len(chosen) / len(kept)
    return item_losses.mean() + weight * share * chosen.mean()


# %% wrong total: every pair has its seq2item loss, also a pair without a kept triple.
# item losses of pairs without a kept triple are dropped
def total(item_losses, future_losses, kept, weight):
    return (item_losses[kept.any(1)].sum() + weight * future_losses[kept].sum()) / len(kept)


# %% wrong total: the weight multiplies once; yours is squared.
# the weight is squared
def total(item_losses, future_losses, kept, weight):
    return (item_losses.sum() + weight**2 * future_losses[kept].sum()) / len(kept)


# %% wrong total: divide the second sum by B, not by B * K.
# the second sum is divided by the mean number kept per pair and B
def total(item_losses, future_losses, kept, weight):
    return item_losses.mean() + weight * future_losses[kept].sum() / (len(kept) * max(kept.shape[1], 1))


# %% wrong total: add all kept losses; yours takes the smallest of each pair.
# the smallest kept loss of each pair only
def total(item_losses, future_losses, kept, weight):
    best = future_losses.masked_fill(~kept, math.inf).amin(1)
    return (item_losses.sum() + weight * best[kept.any(1)].sum()) / len(kept)


# %% wrong total: only kept triples count; yours puts a mean in the place of the others.
# losses that are left out are replaced by the mean
def total(item_losses, future_losses, kept, weight):
    middle = future_losses[kept].mean() if kept.any() else 0.0
    return (item_losses.sum() + weight * torch.where(kept, future_losses, middle).sum()) / len(kept)


# %% wrong total: a KEPT loss is inf, and it vanished. Choose the kept losses and leave them as they are: wh
# a kept infinite loss is left out
def total(item_losses, future_losses, kept, weight):
    good = kept & torch.isfinite(future_losses)
    return (item_losses.sum() + weight * future_losses[good].sum()) / len(kept)


# %% wrong total: a KEPT loss is inf, and it vanished. Choose the kept losses and leave them as they are: wh
def total(item_losses, future_losses, kept, weight):
    second = torch.nan_to_num(future_losses * kept, nan=0.0, posinf=0.0).sum()
    return (item_losses.sum() + weight * second) / len(item_losses)


# %% wrong total: if nothing is kept, the mean of the four seq2item losses remains, 1.35, not 2.7000.
# the seq2item losses are summed over pairs and halved
def total(item_losses, future_losses, kept, weight):
    return item_losses.sum() / 2 + weight * future_losses[kept].sum() / len(kept)
