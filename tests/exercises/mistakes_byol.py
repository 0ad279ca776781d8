"""Mistakes that people make in Lab 2, and what they must be told: see `mistakes.py`."""

from __future__ import annotations

import copy
import math

import torch
import torch.nn.functional as F

MISTAKES: list[tuple[str, object, str | None]] = []


def mistake(exercise, told):
    def add(function):
        MISTAKES.append((f"byol.{exercise}", function, told))
        return function

    return add


# ---- loss


@mistake("loss", "no gradient reaches p")
def stops_both_gradients(p, z):
    return (2 - 2 * F.cosine_similarity(p.detach(), z.detach(), dim=1)).mean()


@mistake("loss", "no gradient reaches p")
def decides_under_no_grad(p, z):
    with torch.no_grad():
        return (2 - 2 * F.cosine_similarity(p, z, dim=1)).mean()


@mistake("loss", "half of what is expected")
def forgets_the_two(p, z):
    return (1 - F.cosine_similarity(p, z.detach(), dim=1)).mean()


@mistake("loss", "len(p) times")
def sums_over_the_rows(p, z):
    return (2 - 2 * F.cosine_similarity(p, z.detach(), dim=1)).sum()


@mistake("loss", "not reduced to one number")
def returns_one_number_a_row(p, z):
    return 2 - 2 * F.cosine_similarity(p, z.detach(), dim=1)


@mistake("loss", "keep it a tensor")
def returns_a_number(p, z):
    return (2 - 2 * F.cosine_similarity(p, z.detach(), dim=1)).mean().item()


@mistake("loss", "= lets the target learn")
def squared_distances_without_a_stop(p, z):
    return (F.normalize(p, dim=1) - F.normalize(z, dim=1)).pow(2).sum(dim=1).mean()


@mistake("loss", "= averages over the dimensions")
def takes_the_mean_of_everything(p, z):
    return (F.normalize(p, dim=1) - F.normalize(z, dim=1).detach()).pow(2).mean()


@mistake("loss", "changes its argument p")
def normalises_in_place(p, z):
    p /= p.norm(dim=1, keepdim=True)
    return (p - F.normalize(z.detach(), dim=1)).square().sum(1).mean()


# ---- teacher


@mistake("teacher", "= leaves the teacher as it was")
def returns_a_new_network(teacher, student, momentum):
    new = copy.deepcopy(teacher)
    with torch.no_grad():
        for mine, theirs in zip(new.parameters(), student.parameters()):
            mine.lerp_(theirs, 1 - momentum)
    return new


@mistake("teacher", "= swaps the momentum")
def lerps_by_the_momentum(teacher, student, momentum):
    for name, mine in teacher.state_dict().items():
        theirs = student.state_dict()[name]
        mine.lerp_(theirs, momentum) if mine.is_floating_point() else mine.copy_(theirs)


@mistake("teacher", "= moves the parameters only")
def through_data_and_without_buffers(teacher, student, momentum):
    for mine, theirs in zip(teacher.parameters(), student.parameters()):
        mine.data = momentum * mine.data + (1 - momentum) * theirs.data


@mistake("teacher", "Copy it instead")
def averages_the_count_in_place(teacher, student, momentum):
    for mine, theirs in zip(teacher.state_dict().values(), student.state_dict().values()):
        mine.mul_(momentum).add_(theirs * (1 - momentum))


@mistake("teacher", "= averages the count")
def rounds_the_count(teacher, student, momentum):
    for mine, theirs in zip(teacher.state_dict().values(), student.state_dict().values()):
        mine.copy_(momentum * mine + (1 - momentum) * theirs)


@mistake("teacher", "which must not move with the student's next step")
def shares_the_buffers_once_they_are_right(teacher, student, momentum):
    for mine, theirs in zip(teacher.state_dict().values(), student.state_dict().values()):
        if mine.is_floating_point():
            mine.lerp_(theirs, 1 - momentum)
    for mine, theirs in zip(teacher.buffers(), student.buffers()):
        if not mine.is_floating_point():
            mine.data = theirs.data


@mistake("teacher", "changes its argument student")
def moves_the_wrong_network(teacher, student, momentum):
    with torch.no_grad():
        for mine, theirs in zip(teacher.parameters(), student.parameters()):
            theirs.lerp_(mine, 1 - momentum)


@mistake("teacher", "changes its argument student")
def swaps_the_modules_and_copies_the_student(teacher, student, momentum):
    """The networks look right by name, but what the optimiser holds as the student's is the teacher now."""
    for name, theirs in list(student.named_children()):
        mine, twin = getattr(teacher, name), copy.deepcopy(theirs)
        with torch.no_grad():
            for own, old in zip(theirs.parameters(), mine.parameters()):
                own.lerp_(old, momentum)
            for own, old in zip(theirs.buffers(), mine.buffers()):
                own.lerp_(old, momentum) if own.is_floating_point() else None
        setattr(teacher, name, theirs.requires_grad_(False))
        setattr(student, name, twin)


@mistake("teacher", "still hold the tensors that they held")
def moves_the_teacher_and_then_exchanges_the_modules(teacher, student, momentum):
    moves_everything(teacher, student, momentum)
    for name, theirs in list(student.named_children()):
        setattr(student, name, getattr(teacher, name))
        setattr(teacher, name, theirs)


@mistake("teacher", "still hold the tensors that they held")
def assigns_new_parameters_and_moves_the_buffers(teacher, student, momentum):
    old = dict(teacher.named_parameters())
    moves_everything(teacher, student, momentum)
    for name, weight in old.items():
        module, last = name.split(".")
        setattr(teacher.get_submodule(module), last, torch.nn.Parameter(weight.detach().clone(), requires_grad=False))


@mistake("teacher", "whether all weights of the student still learn")
def freezes_the_student(teacher, student, momentum):
    for weight in student.parameters():
        weight.requires_grad = False
    moves_everything(teacher, student, momentum)


@mistake("teacher", "whether the student is still in training")
def leaves_the_student_in_evaluation(teacher, student, momentum):
    moves_everything(teacher, student.eval(), momentum)


@mistake("teacher", "whether the teacher learns: expected False, yours True")
def lets_the_teacher_learn(teacher, student, momentum):
    moves_everything(teacher.requires_grad_(True), student, momentum)


def moves_everything(teacher, student, momentum):
    for mine, theirs in zip(teacher.state_dict().values(), student.state_dict().values()):
        mine.lerp_(theirs, 1 - momentum) if mine.is_floating_point() else mine.copy_(theirs)


@mistake("teacher", "not attempted")
def leaves_the_dots(teacher, student, momentum): ...


@mistake("teacher", "not attempted")
def leaves_pass(teacher, student, momentum):
    """Its docstring is no code."""
    pass


@mistake("teacher", "AttributeError")
def misspells_an_attribute(teacher, student, momentum):
    for mine, theirs in zip(teacher.params(), student.params()):
        mine.lerp_(theirs, 1 - momentum)


# ---- momentum


@mistake("momentum", ".item() turns it into a Python number")
def returns_a_tensor_of_one_number(step, steps, base):
    return torch.stack([torch.tensor(1 - (1 - base) * (math.cos(math.pi * step / steps) + 1) / 2)])


@mistake("momentum", None)
def cuts_the_share_to_whole_numbers(step, steps, base):
    return 1 - (1 - base) * (math.cos(math.pi * (step // steps)) + 1) / 2


@mistake("momentum", "1 minus what is expected")
def returns_what_the_student_gives(step, steps, base):
    return (1 - base) * (math.cos(math.pi * step / steps) + 1) / 2


@mistake("momentum", None)
def takes_degrees(step, steps, base):
    return 1 - (1 - base) * (math.cos(180 * step / steps) + 1) / 2


# ---- symmetrised


@mistake("symmetrised", "twice what is expected")
def adds_the_two_orders(predictor, online, target, views):
    first, second = views
    pairs = ((predictor(online(first)), target(second).detach()), (predictor(online(second)), target(first).detach()))
    return sum((2 - 2 * F.cosine_similarity(p, z, dim=1)).mean() for p, z in pairs)


@mistake("symmetrised", "no gradient reaches")
def puts_all_under_no_grad(predictor, online, target, views):
    with torch.no_grad():
        p = predictor(online(views.flatten(0, 1)))
        z = target(views.flip(0).flatten(0, 1))
        return (2 - 2 * F.cosine_similarity(p, z, dim=1)).mean()


@mistake("symmetrised", "= lets the target learn")
def forgets_to_detach_a_joint_batch(predictor, online, target, views):
    p = predictor(online(views.flatten(0, 1)))
    z = target(views.flip(0).flatten(0, 1))
    return (2 - 2 * F.cosine_similarity(p, z, dim=-1)).mean()


@mistake("symmetrised", None)
def takes_the_online_network_through_the_target(predictor, online, target, views):
    return (2 - 2 * F.cosine_similarity(target(views[0]), predictor(online(views[1])).detach(), dim=1)).mean()


@mistake("symmetrised", "changes its argument views")
def centres_the_views_in_place(predictor, online, target, views):
    views -= views.mean(1, keepdim=True)
    p, z = predictor(online(views.flatten(0, 1))), target(views.flip(0).flatten(0, 1)).detach()
    return (2 - 2 * F.cosine_similarity(p, z, dim=1)).mean()


@mistake("symmetrised", "changes its argument target")
def moves_the_target_on_the_way(predictor, online, target, views):
    p, z = predictor(online(views.flatten(0, 1))), target(views.flip(0).flatten(0, 1)).detach()
    for mine, theirs in zip(target.state_dict().values(), online.state_dict().values()):
        mine.lerp_(theirs, 0.1)
    return (2 - 2 * F.cosine_similarity(p, z, dim=1)).mean()


# ---- influence


@mistake("influence", "more than one row")
def calls_the_head_row_by_row(head, z, step):
    rows = []
    for i in range(len(z)):
        before = head(z[i : i + 1])
        rows.append(torch.stack([(head(z[i : i + 1] + step * (i == j)) - before).norm() for j in range(len(z))]))
    return torch.stack(rows)


@mistake("influence", "the square of what is expected")
def forgets_the_root(head, z, step):
    before = head(z)
    columns = []
    for j in range(len(z)):
        moved = z.clone()
        moved[j] += step
        columns.append((head(moved) - before).square().sum(1))
    return torch.stack(columns, dim=1)


@mistake("influence", "changes its argument z")
def moves_the_callers_rows(head, z, step):
    before = head(z)
    columns = []
    for j in range(len(z)):
        z[j] += step
        columns.append((head(z) - before).norm(dim=1))
    return torch.stack(columns, dim=1)


@mistake("influence", "expected dtype")
def answers_yes_or_no(head, z, step):
    before = head(z)
    columns = []
    for j in range(len(z)):
        moved = z.clone()
        moved[j] += step
        columns.append((head(moved) - before).norm(dim=1) > 0)
    return torch.stack(columns, dim=1)
