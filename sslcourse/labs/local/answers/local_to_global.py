"""Lab 3, exercise `local_to_global`: each local crop finds its picture among the teacher's global crops."""

import torch
import torch.nn.functional as F

HINTS = (
    "Take one local and one global crop first: n rows each, row i of both from picture i. It is a classification with "
    "n candidates: which of the teacher's n rows is of my picture? Which side must not learn from it?",
    "l = - mean over i of log( exp(cos(s_i, t_i) / temperature) / sum over j of exp(cos(s_i, t_j) / temperature) ); "
    "then the mean of l over all pairs of a local and a global crop. t is a constant.",
    "`logits = F.normalize(s, dim=1) @ F.normalize(t.detach(), dim=1).T / temperature` is n x n; "
    "`F.cross_entropy(logits, torch.arange(n))` is l; collect it over `for s in student` and `for t in teacher`, and "
    "return the mean.",
)


def local_to_global(student, teacher, temperature):
    losses = []
    for queries in F.normalize(student, dim=-1):
        for keys in F.normalize(teacher.detach(), dim=-1):
            logits = queries @ keys.T / temperature  # n,n: row i, the cosines of crop i with every picture
            losses.append(F.cross_entropy(logits, torch.arange(len(logits), device=logits.device)))
    return torch.stack(losses).mean()


def in_one_product(student, teacher, temperature):
    queries, keys = student / student.norm(dim=2, keepdim=True), teacher / teacher.norm(dim=2, keepdim=True)
    logits = torch.einsum("lid,gjd->lgij", queries, keys.detach()) / temperature
    return -logits.log_softmax(3).diagonal(dim1=2, dim2=3).mean()


def by_logsumexp(student, teacher, temperature):
    with torch.no_grad():
        keys = F.normalize(teacher, dim=-1)[None, :, None]  # 1,G,1,n,d
    cosines = F.cosine_similarity(student[:, None, :, None], keys, dim=-1) / temperature  # L,G,n,n
    right = torch.eye(student.shape[1], dtype=torch.bool)
    return torch.logsumexp(cosines, dim=-1).mean() - cosines[:, :, right].mean()


def _loss(queries, keys, temperature):
    """Cross-entropy of queries and keys `...,n,d` as they are."""
    logits = queries @ keys.mT / temperature
    return -logits.log_softmax(-1).diagonal(dim1=-2, dim2=-1).mean()


def _unit(x):
    return F.normalize(x, dim=-1)


def lets_the_teacher_learn(student, teacher, temperature):
    """The value is right, but a gradient reaches the teacher. It says what is to be found and does not come to meet the
    student: `teacher.detach()`."""
    return _loss(_unit(student)[:, None], _unit(teacher), temperature)


def stops_at_the_student(student, teacher, temperature):
    """The gradient stops on the wrong side: the student's local crops learn, and the teacher stands still. Detach the
    teacher, not the student."""
    return _loss(_unit(student.detach())[:, None], _unit(teacher), temperature)


def does_not_normalise(student, teacher, temperature):
    """These are plain dot products. Only directions count: scale every row of both to length 1 first."""
    return _loss(student[:, None], teacher.detach(), temperature)


def multiplies_by_the_temperature(student, teacher, temperature):
    """You multiply by the temperature. Cosines are *divided* by it: a small temperature makes the choice sharp."""
    return _loss(_unit(student)[:, None], _unit(teacher).detach(), 1 / temperature)


def lets_the_whole_find_its_part(student, teacher, temperature):
    """The softmax runs over the local crops: each whole looks for its part. It is the other way round: the local crop
    asks, and the candidates are the teacher's n rows. The softmax runs over those."""
    return _loss(_unit(teacher).detach(), _unit(student)[:, None], temperature)


def averages_the_global_crops(student, teacher, temperature):
    """You average the teacher's global crops and compare with the mean. Each pair of a local and a global crop has a
    loss of its own, and the mean is over those."""
    return _loss(_unit(student), _unit(_unit(teacher).detach().mean(0)), temperature)


def takes_all_global_crops_as_candidates(student, teacher, temperature):
    """Your candidates are the rows of all global crops together, so that the *other* global crop of the same picture
    counts as a wrong answer. Give each global crop a softmax of its own, over n candidates."""
    logits = _unit(student).flatten(0, 1) @ _unit(teacher).detach().flatten(0, 1).T / temperature  # Ln,Gn
    logs = logits.log_softmax(1).unflatten(1, teacher.shape[:2]).unflatten(0, student.shape[:2])  # L,n,G,n
    return -logs.diagonal(dim1=1, dim2=3).mean()


def forgets_the_temperature(student, teacher, temperature):
    """You do not use the temperature: the cosines are to be divided by it before the softmax."""
    return _loss(_unit(student)[:, None], _unit(teacher).detach(), 1.0)


def normalises_along_the_pictures(student, teacher, temperature):
    """You scale along dimension 1 (what `F.normalize` does if not told): that is the pictures. An embedding is a row of
    d numbers, the last dimension: `dim=-1`."""
    return _loss(F.normalize(student, dim=1)[:, None], F.normalize(teacher.detach(), dim=1), temperature)


def leaves_its_own_picture_out(student, teacher, temperature):
    """Your denominator leaves out the crop's own picture. The sum runs over all n candidates, the right one as well: so
    the loss is never below 0."""
    logits = _unit(student)[:, None] @ _unit(teacher).detach().mT / temperature  # L,G,n,n
    own = torch.eye(student.shape[1], dtype=torch.bool)
    return (logits.masked_fill(own, float("-inf")).logsumexp(3) - logits.diagonal(dim1=2, dim2=3)).mean()


def takes_the_softmax_twice(student, teacher, temperature):
    """You take a softmax, and `F.cross_entropy` takes another one of what you give it. Give it the cosines divided by
    the temperature."""
    logits = _unit(student)[:, None] @ _unit(teacher).detach().mT / temperature
    return -logits.softmax(3).log_softmax(3).diagonal(dim1=2, dim2=3).mean()


def adds_the_pairs_up(student, teacher, temperature):
    """You add the losses of all pairs of a local and a global crop. Their mean is asked for: it does not grow with the
    number of crops."""
    return local_to_global(student, teacher, temperature) * len(student) * len(teacher)


def pairs_crops_in_order(student, teacher, temperature):
    """You compare the first local crop with the first global one, the second with the second, and so on. Every local
    crop is compared with every global one: L x G pairs."""
    losses = [local_to_global(one[None], other[None], temperature) for one, other in zip(student, teacher)]
    return torch.stack(losses).mean()
