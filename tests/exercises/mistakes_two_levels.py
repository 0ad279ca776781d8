"""Mistakes that people make in Lab 4, and what they must be told: see `mistakes.py`."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F

MISTAKES: list[tuple[str, object, str | None]] = []


def mistake(exercise, told):
    def add(function):
        MISTAKES.append((f"two_levels.{exercise}", function, told))
        return function

    return add


# ---- center


@mistake("center", "`exp` is where it begins")
def takes_plain_exponentials(logits, center, temperature):
    weights = ((logits - center) / temperature).exp()
    return weights / weights.sum(-1, keepdim=True)


@mistake("center", "a division is where it begins")
def takes_out_the_largest_logit_of_all(logits, center, temperature):
    scores = (logits - center) / temperature
    weights = (scores - scores.max()).exp()
    return weights / weights.sum(-1, keepdim=True)


@mistake("center", "the logarithm of what is expected")
def returns_logarithms(logits, center, temperature):
    return F.log_softmax((logits - center) / temperature, dim=-1)


@mistake("center", "one softmax too many")
def takes_the_softmax_twice(logits, center, temperature):
    return F.softmax(F.softmax((logits - center) / temperature, dim=-1), dim=-1)


@mistake("center", "changes its argument logits")
def centres_in_place(logits, center, temperature):
    logits -= center
    return (logits / temperature).softmax(-1)


@mistake("center", "= forgets the center")
def subtracts_the_mean_of_the_row(logits, center, temperature):
    return ((logits - logits.mean(-1, keepdim=True)) / temperature).softmax(-1)


@mistake("center", None)
def subtracts_the_mean_of_the_centre(logits, center, temperature):
    return ((logits + center.mean()) / temperature).log_softmax(-1) / 2


@mistake("center", "= takes the second dimension for the last")
def softens_over_dimension_one(logits, center, temperature):
    return F.softmax((logits - center) / temperature, 1)


# ---- sinkhorn


@mistake("sinkhorn", "= begins with the rows")
def softens_before_it_balances(logits, temperature, iterations):
    q = F.log_softmax(logits / temperature, dim=1)
    for _ in range(iterations):
        q = q.log_softmax(0).log_softmax(1)
    return q.exp()


@mistake("sinkhorn", "expected shape")
def hands_back_the_transpose(logits, temperature, iterations):
    q = (logits / temperature).T
    for _ in range(iterations):
        q = q.log_softmax(1).log_softmax(0)
    return q.exp()


@mistake("sinkhorn", "list or tuple")
def hands_back_a_list(logits, temperature, iterations):
    q = logits / temperature
    for _ in range(iterations):
        q = q.log_softmax(0).log_softmax(1)
    return q.exp().tolist()


@mistake("sinkhorn", "NaN or infinite")
def divides_plain_numbers(logits, temperature, iterations):
    q = torch.exp(logits / temperature)
    for _ in range(iterations):
        q = q / q.sum(0, keepdim=True)
        q = q / q.sum(1, keepdim=True)
    return q


@mistake("sinkhorn", "NaN or infinite")
def takes_out_the_largest_of_all(logits, temperature, iterations):
    q = torch.exp((logits - logits.max()) / temperature)
    for _ in range(iterations):
        q = q / q.sum(0, keepdim=True)
        q = q / q.sum(1, keepdim=True)
    return q


@mistake("sinkhorn", None)
def guards_with_a_small_number(logits, temperature, iterations):
    q = torch.exp((logits - logits.max()) / temperature)
    for _ in range(iterations):
        q = q / (q.sum(0, keepdim=True) + 1e-8)
        q = q / (q.sum(1, keepdim=True) + 1e-8)
    return q


@mistake("sinkhorn", "= shares out one in all")
def official_code_without_its_last_line(logits, temperature, iterations):
    n, k = logits.shape
    q = (logits - logits.max(0).values).div(temperature).exp()
    q = q / q.sum()
    for _ in range(iterations):
        q = q / q.sum(0, keepdim=True) / k
        q = q / q.sum(1, keepdim=True) / n
    return q


@mistake("sinkhorn", "= leaves columns that sum to one")
def takes_rows_for_prototypes(logits, temperature, iterations):
    q = (logits / temperature).T
    for _ in range(iterations):
        q = q.log_softmax(0).log_softmax(1)
    return q.T.exp()


@mistake("sinkhorn", "the logarithm of what is expected")
def stays_with_logarithms(logits, temperature, iterations):
    q = logits / temperature
    for _ in range(iterations):
        q = q.log_softmax(0).log_softmax(1)
    return q


# ---- cls


@mistake("cls", "no gradient reaches student")
def decides_under_no_grad(student, teacher):
    with torch.no_grad():
        log_p = student.log_softmax(-1)
        pairs = [-(t * s).sum(-1).mean() for i, t in enumerate(teacher) for j, s in enumerate(log_p) if i != j]
        return torch.stack(pairs).mean()


@mistake("cls", "keep it a tensor")
def returns_a_number(student, teacher):
    log_p = student.log_softmax(-1)
    pairs = [-(t * s).sum(-1).mean().item() for i, t in enumerate(teacher) for j, s in enumerate(log_p) if i != j]
    return sum(pairs) / len(pairs)


@mistake("cls", "right but for its sign")
def forgets_the_minus(student, teacher):
    log_p = student.log_softmax(-1)
    pairs = [(t.detach() * s).sum(-1).mean() for i, t in enumerate(teacher) for j, s in enumerate(log_p) if i != j]
    return torch.stack(pairs).mean()


@mistake("cls", None)
def subtracts_its_own_view_afterwards(student, teacher):
    log_p = student.log_softmax(-1)
    every = -torch.einsum("tnk,snk->", teacher.detach(), log_p)
    own = -torch.einsum("tnk,tnk->", teacher.detach(), log_p[: len(teacher)])
    return (every - own) / (len(teacher) * (len(student) - 1) * student.shape[1])


@mistake("cls", "= softens the teacher again")
def hands_probabilities_to_cross_entropy(student, teacher):
    pairs = []
    for i, t in enumerate(teacher):
        for j, s in enumerate(student):
            if i != j:
                pairs.append(F.cross_entropy(s, t.detach().softmax(-1)))
    return torch.stack(pairs).mean()


@mistake("cls", "= sums over the pairs")
def divides_by_nothing(student, teacher):
    total = 0
    for i in range(len(teacher)):
        for j in range(len(student)):
            if i != j:
                total = total + F.cross_entropy(student[j], teacher[i].detach())
    return total


@mistake("cls", None)
def adds_teachers_and_averages_over_crops(student, teacher):
    losses = []
    for j in range(len(student)):
        goals = [t.detach() for i, t in enumerate(teacher) if i != j]
        losses.append(torch.stack([F.cross_entropy(student[j], goal) for goal in goals]).mean())
    return torch.stack(losses).mean() * 1.01


@mistake("cls", None)
def guards_the_logarithm(student, teacher):
    p = student.softmax(-1) + 1e-8
    pairs = [-(t.detach() * s.log()).sum(-1).mean() for i, t in enumerate(teacher) for j, s in enumerate(p) if i != j]
    return torch.stack(pairs).mean()


def _log_of_shares(logits):
    """With the largest logit of all rows taken out, so that rows far below it vanish."""
    logits = logits - logits.max()
    return logits - logits.exp().sum(-1, keepdim=True).log()


@mistake("cls", "`log` is where it begins")
def takes_out_the_largest_logit_of_all_crops(student, teacher):
    log_p = _log_of_shares(student)
    pairs = [-(t.detach() * s).sum(-1).mean() for i, t in enumerate(teacher) for j, s in enumerate(log_p) if i != j]
    return torch.stack(pairs).mean()


@mistake("cls", "= measures the divergence")
def takes_kl_div(student, teacher):
    pairs = [
        F.kl_div(s.log_softmax(-1), t.detach(), reduction="batchmean")
        for i, t in enumerate(teacher)
        for j, s in enumerate(student)
        if i != j
    ]
    return torch.stack(pairs).mean()


# ---- patch


@mistake("patch", None)
def guards_the_logarithm_of_patches(student, teacher, mask):
    each = -(teacher.detach() * (student.softmax(-1) + 1e-8).log()).sum(-1)
    return ((each * mask).sum(1) / mask.sum(1).clamp(min=1)).mean()


@mistake("patch", "`log` is where it begins")
def takes_out_the_largest_logit_of_all_patches(student, teacher, mask):
    each = -(teacher.detach() * _log_of_shares(student)).sum(-1)
    return ((each * mask).sum(1) / mask.sum(1).clamp(min=1)).mean()


@mistake("patch", "a mean of no values is where it begins")
def takes_the_mean_of_no_patches(student, teacher, mask):
    each = [F.cross_entropy(one[where], goal[where]) for one, goal, where in zip(student, teacher.detach(), mask)]
    return torch.stack(each).mean()


@mistake("patch", "= forgets the softmax")
def takes_logits_for_logarithms(student, teacher, mask):
    each = -torch.einsum("nik,nik->ni", teacher.detach(), student)
    return ((each * mask).sum(1) / mask.sum(1).clamp(min=1)).mean()


@mistake("patch", "a division is where it begins")
def divides_by_no_patches(student, teacher, mask):
    each = -(teacher.detach() * student.log_softmax(-1)).sum(-1)
    return ((each * mask).sum(1) / mask.sum(1)).mean()


@mistake("patch", "= pools all images")
def selects_all_at_once(student, teacher, mask):
    return F.cross_entropy(student[mask], teacher.detach()[mask])


@mistake("patch", "no gradient reaches student")
def detaches_the_student(student, teacher, mask):
    each = -(teacher * student.detach().log_softmax(-1)).sum(-1)
    return ((each * mask).sum(1) / mask.sum(1).clamp(min=1)).mean()


@mistake("patch", "right but for its sign")
def forgets_the_minus_of_patches(student, teacher, mask):
    each = (teacher.detach() * student.log_softmax(-1)).sum(-1)
    return ((each * mask).sum(1) / mask.sum(1).clamp(min=1)).mean()


@mistake("patch", None)
def subtracts_the_visible_places(student, teacher, mask):
    each = -(teacher.detach() * student.log_softmax(-1)).sum(-1)
    return ((each.sum(1) - (each * ~mask).sum(1)) / mask.sum(1).clamp(min=1)).mean()


@mistake("patch", "not reduced to one number")
def returns_one_number_an_image(student, teacher, mask):
    each = -(teacher.detach() * student.log_softmax(-1)).sum(-1)
    return (each * mask).sum(1) / mask.sum(1).clamp(min=1)


@mistake("patch", "= takes every place")
def thinks_the_mask_is_for_later(student, teacher, mask):
    return F.cross_entropy(student.flatten(0, 1), teacher.detach().flatten(0, 1))


# ---- iou


@mistake("iou", "expected a Python float")
def returns_one_share_a_class(predicted, true, classes):
    numbers = torch.arange(classes)[:, None]
    mine, there = predicted.flatten() == numbers, true.flatten() == numbers
    return ((mine & there).sum(1) / (mine | there).sum(1).clamp(min=1)).double()


@mistake("iou", "not a number")
def divides_by_empty_unions(predicted, true, classes):
    shares = [((predicted == c) & (true == c)).sum() / ((predicted == c) | (true == c)).sum() for c in range(classes)]
    return float(torch.stack(shares).mean())


@mistake("iou", "100 times")
def returns_percent(predicted, true, classes):
    shares = []
    for c in range(classes):
        either = ((predicted == c) | (true == c)).sum().item()
        if either:
            shares.append(((predicted == c) & (true == c)).sum().item() / either)
    return 100 * sum(shares) / len(shares)


@mistake("iou", "= counts pixels")
def compares_the_maps(predicted, true, classes):
    return ((predicted - true) == 0).float().mean().item()


@mistake("iou", None)
def takes_the_union_of_all_classes(predicted, true, classes):
    both = [((predicted == c) & (true == c)).sum().item() for c in range(classes)]
    either = [((predicted == c) | (true == c)).sum().item() for c in range(classes)]
    return sum(both) / sum(either)


@mistake("iou", "= looks at predicted classes only")
def goes_through_what_is_predicted(predicted, true, classes):
    shares = []
    for c in predicted.unique():
        both, either = ((predicted == c) & (true == c)).sum(), ((predicted == c) | (true == c)).sum()
        shares.append((both / either).item())
    return sum(shares) / len(shares)


@mistake("iou", "= looks at true classes only")
def counts_classes_up_to_the_largest_true_one(predicted, true, classes):
    return _mean_of_shares(predicted, true, int(true.max()) + 1)


@mistake("iou", "= looks at predicted classes only")
def counts_classes_up_to_the_largest_predicted_one(predicted, true, classes):
    return _mean_of_shares(predicted, true, int(predicted.max()) + 1)


def _mean_of_shares(predicted, true, classes):
    both = [((predicted == c) & (true == c)).sum().item() for c in range(classes)]
    either = [((predicted == c) | (true == c)).sum().item() for c in range(classes)]
    shares = [one / other for one, other in zip(both, either) if other]
    return sum(shares) / len(shares)


@mistake("iou", "= averages over images")
def mean_of_the_means(predicted, true, classes):
    found = []
    for mine, there in zip(predicted, true):
        shares = []
        for c in set(mine.flatten().tolist()) | set(there.flatten().tolist()):
            shares.append(((mine == c) & (there == c)).sum().item() / ((mine == c) | (there == c)).sum().item())
        found.append(math.fsum(shares) / len(shares))
    return sum(found) / len(found)
