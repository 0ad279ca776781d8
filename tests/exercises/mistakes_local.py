"""Mistakes that people make in Lab 3, and what they must be told: see `mistakes.py`."""

from __future__ import annotations

from itertools import combinations, permutations

import torch
import torch.nn.functional as F

MISTAKES: list[tuple[str, object, str | None]] = []


def mistake(exercise, told):
    def add(function):
        MISTAKES.append((f"local.{exercise}", function, told))
        return function

    return add


# ---- overlap


def common(a, b):
    """[n, 2], height and width of what both show"""
    end = torch.minimum(a[:, :2] + a[:, 2:], b[:, :2] + b[:, 2:])
    return (end - torch.maximum(a[:, :2], b[:, :2])).clamp(min=0)


@mistake("overlap", "expected dtype")
def counts_in_whole_numbers(a, b):
    return common(a, b).prod(1) // a[:, 2:].prod(1)


@mistake("overlap", "float32")
def counts_in_double(a, b):
    return common(a, b).prod(1).double() / a[:, 2:].prod(1)


@mistake("overlap", "= lets two gaps make an overlap")
def forgets_that_there_may_be_a_gap(a, b):
    top, left = torch.max(a[:, 0], b[:, 0]), torch.max(a[:, 1], b[:, 1])
    bottom, right = torch.min(a[:, 0] + a[:, 2], b[:, 0] + b[:, 2]), torch.min(a[:, 1] + a[:, 3], b[:, 1] + b[:, 3])
    return (bottom - top) * (right - left) / (a[:, 2] * a[:, 3])


@mistake("overlap", "= divides by the union")
def takes_the_jaccard_index(a, b):
    inside = common(a, b).prod(1).float()
    return inside / (a[:, 2] * a[:, 3] + b[:, 2] * b[:, 3] - inside)


@mistake("overlap", None)
def measures_the_height_only(a, b):
    return common(a, b)[:, 0] / a[:, 2]


@mistake("overlap", "expected dtype")
def counts_the_pixels(a, b):
    return common(a, b).prod(1)


@mistake("overlap", "one was not reduced")
def keeps_the_axes_apart(a, b):
    return common(a, b) / a[:, 2:]


@mistake("overlap", None)
def measures_the_upper_left_corner(a, b):
    return ((b[:, :2] - a[:, :2]).clamp(min=0) / a[:, 2:]).prod(1)


@mistake("overlap", "changes its argument a")
def turns_sizes_into_ends_in_place(a, b):
    sizes = a[:, 2:].prod(1)
    a[:, 2:] += a[:, :2]
    end = torch.minimum(a[:, 2:], b[:, :2] + b[:, 2:])
    return (end - torch.maximum(a[:, :2], b[:, :2])).clamp(min=0).prod(1) / sizes


# ---- pairs


def right(global_crops, local_crops):
    crops = global_crops + local_crops
    attracted = [(s, t) for s in range(crops) for t in range(global_crops) if s != t]
    return attracted, list(combinations(range(global_crops, crops), 2))


@mistake("pairs", "= swaps the two lists")
def returns_the_local_pairs_first(global_crops, local_crops):
    return right(global_crops, local_crops)[::-1]


@mistake("pairs", "list or tuple")
def returns_one_list(global_crops, local_crops):
    return right(global_crops, local_crops)[0]


@mistake("pairs", "list(...) makes a list of it")
def leaves_an_iterator(global_crops, local_crops):
    return right(global_crops, local_crops)[0], combinations(range(global_crops, global_crops + local_crops), 2)


@mistake("pairs", "= shows the teacher local crops")
def draws_all_to_all(global_crops, local_crops):
    crops = range(global_crops + local_crops)
    return [(s, t) for s in crops for t in crops if s != t], right(global_crops, local_crops)[1]


@mistake("pairs", "= takes local pairs in both orders")
def forgets_that_a_pair_has_no_order(global_crops, local_crops):
    parts = range(global_crops, global_crops + local_crops)
    return right(global_crops, local_crops)[0], [(i, j) for i in parts for j in parts if i != j]


@mistake("pairs", "= pairs a local crop with itself")
def keeps_parts_apart_from_themselves(global_crops, local_crops):
    parts = range(global_crops, global_crops + local_crops)
    return right(global_crops, local_crops)[0], [(i, j) for i in parts for j in parts if i <= j]


@mistake("pairs", "list(...) makes a list of it")
def collects_in_a_set(global_crops, local_crops):
    return tuple(map(set, right(global_crops, local_crops)))


@mistake("pairs", None)
def knows_two_global_and_two_local_crops(global_crops, local_crops):
    return right(2, 2)


# ---- local_to_global


def logits_of(student, teacher, temperature):
    return (
        torch.einsum("lid,gjd->lgij", F.normalize(student, dim=2), F.normalize(teacher.detach(), dim=2)) / temperature
    )


@mistake("local_to_global", "no gradient reaches student")
def is_all_under_no_grad(student, teacher, temperature):
    with torch.no_grad():
        return -logits_of(student, teacher, temperature).log_softmax(3).diagonal(dim1=2, dim2=3).mean()


@mistake("local_to_global", "keep it a tensor")
def returns_a_number(student, teacher, temperature):
    return -logits_of(student, teacher, temperature).log_softmax(3).diagonal(dim1=2, dim2=3).mean().item()


@mistake("local_to_global", "len(student) times")
def adds_over_the_local_crops(student, teacher, temperature):
    losses = -logits_of(student, teacher, temperature).log_softmax(3).diagonal(dim1=2, dim2=3).mean((1, 2))
    return losses.sum()


@mistake("local_to_global", "expected shape ()")
def returns_a_loss_for_each_pair(student, teacher, temperature):
    return -logits_of(student, teacher, temperature).log_softmax(3).diagonal(dim1=2, dim2=3).mean(2)


@mistake("local_to_global", "sign")
def forgets_the_minus(student, teacher, temperature):
    return logits_of(student, teacher, temperature).log_softmax(3).diagonal(dim1=2, dim2=3).mean()


@mistake("local_to_global", "= leaves its own picture out")
def leaves_the_own_picture_out_of_the_candidates(student, teacher, temperature):
    logits = logits_of(student, teacher, temperature)
    own = torch.eye(student.shape[1], dtype=torch.bool)
    others = logits.masked_fill(own, float("-inf")).logsumexp(3)
    return (others - logits.diagonal(dim1=2, dim2=3)).mean()


@mistake("local_to_global", None)
def takes_minus_the_cosine(student, teacher, temperature):
    return -logits_of(student, teacher, 1.0).diagonal(dim1=2, dim2=3).mean()


@mistake("local_to_global", "= lets the whole find its part")
def takes_the_softmax_along_the_crops(student, teacher, temperature):
    return -logits_of(student, teacher, temperature).log_softmax(2).diagonal(dim1=2, dim2=3).mean()


@mistake("local_to_global", "changes its argument teacher")
def cuts_the_callers_teacher_off(student, teacher, temperature):
    return -logits_of(student, teacher.detach_(), temperature).log_softmax(3).diagonal(dim1=2, dim2=3).mean()


@mistake("local_to_global", "= normalises along the pictures")
def normalises_without_saying_along_what(student, teacher, temperature):
    queries, keys = F.normalize(student), F.normalize(teacher.detach())
    losses = [F.cross_entropy(q @ k.T / temperature, torch.arange(len(q))) for q in queries for k in keys]
    return sum(losses) / len(losses)


@mistake("local_to_global", "= takes the softmax twice")
def gives_cross_entropy_probabilities(student, teacher, temperature):
    chances = logits_of(student, teacher, temperature).softmax(3).flatten(0, 2)
    return F.cross_entropy(chances, torch.arange(student.shape[1]).repeat(len(student) * len(teacher)))


# ---- repulsion


@mistake("repulsion", "no gradient reaches crops")
def looks_without_learning(crops):
    with torch.no_grad():
        return torch.stack([F.cosine_similarity(*pair, dim=1) for pair in combinations(crops, 2)]).mean()


@mistake("repulsion", "= adds the pairs up")
def adds_the_pairs(crops):
    return sum(F.cosine_similarity(*pair, dim=1).mean() for pair in combinations(crops, 2))


@mistake("repulsion", "expected shape ()")
def returns_one_number_a_pair(crops):
    return torch.stack([F.cosine_similarity(*pair, dim=1).mean() for pair in combinations(crops, 2)])


@mistake("repulsion", "keep it a tensor")
def returns_a_float(crops):
    return torch.stack([F.cosine_similarity(*pair, dim=1) for pair in combinations(crops, 2)]).mean().item()


@mistake("repulsion", "1 minus what is expected")
def returns_the_distance(crops):
    return 1 - torch.stack([F.cosine_similarity(*pair, dim=1) for pair in combinations(crops, 2)]).mean()


@mistake("repulsion", "half of what is expected")
def detaches_one_side_of_every_order(crops):
    pairs = permutations(crops, 2)
    return torch.stack([F.cosine_similarity(a.detach(), b, dim=1) for a, b in pairs]).mean()


@mistake("repulsion", None)
def compares_along_the_pictures(crops):
    return torch.stack([F.cosine_similarity(*pair, dim=0).mean() for pair in combinations(crops, 2)]).mean()


@mistake("repulsion", "= stops at a right angle")
def stops_at_a_right_angle(crops):
    cosines = torch.stack([F.cosine_similarity(*pair, dim=1) for pair in combinations(crops, 2)])
    return cosines.clamp(min=0).mean()


# ---- bound


@mistake("bound", "NaN")
def forgets_the_squares(first, second):
    return first * second - torch.sqrt((1 - first) * (second - 1))


@mistake("bound", "= puts both on one side")
def subtracts_the_angles(first, second):
    return torch.cos(torch.arccos(first) - torch.arccos(second))


@mistake("bound", "= forgets the sines")
def multiplies(first, second):
    return torch.einsum("n,n->n", first, second)


@mistake("bound", "= returns the angle")
def returns_an_angle(first, second):
    return torch.arccos(first) + torch.arccos(second)


@mistake("bound", "= stops at a half turn")
def takes_opposite_for_the_furthest(first, second):
    smallest = first * second - ((1 - first**2) * (1 - second**2)).sqrt()
    return torch.where(first + second < 0, -torch.ones_like(first), smallest)


@mistake("bound", None)
def takes_the_first_cosine_twice(first, second):
    return 2 * first**2 - 1


@mistake("bound", "right but for its sign")
def subtracts_the_wrong_way_round(first, second):
    return ((1 - first**2) * (1 - second**2)).sqrt() - first * second


@mistake("bound", None)
def takes_the_worst_of_all(first, second):
    return (first * second - ((1 - first**2) * (1 - second**2)).sqrt()).min().expand_as(first)
