"""Mistakes that people make in Lab 1, and what they must be told.

`MISTAKES` holds (exercise, function, what is told). What is told is a listed misconception ("= keeps the diagonal"), a
piece of what the general layer says, or None where only the difference itself is described. `told` on each function.
"""

from __future__ import annotations

import math

import numpy as np
import torch
import torch.nn.functional as F

MISTAKES: list[tuple[str, object, str | None]] = []
INF = float("inf")


def mistake(exercise, told):
    def add(function):
        MISTAKES.append((f"contrastive.{exercise}", function, told))
        return function

    return add


def positions(n):
    return torch.arange(2 * n).roll(n)


def cosines(z1, z2):
    z = F.normalize(torch.cat([z1, z2]), dim=1)
    return z @ z.T


def crops(images, boxes):
    return [image[:, t : t + h, left : left + w] for image, (t, left, h, w) in zip(images, boxes.tolist())]


# ---- views


@mistake("views", "single element")
def slices_with_tensors_for_all_images(images, boxes, flips):
    t, left, h, w = boxes.T
    return images[:, :, t : t + h, left : left + w]


@mistake("views", "torch.stack(...) turns a list")
def returns_a_list(images, boxes, flips):
    return [view.flip(-1) if flip else view for view, flip in zip(crops(images, boxes), flips)]


@mistake("views", "= ignores the flips")
def does_not_keep_the_flipped_view(images, boxes, flips):
    views = crops(images, boxes)
    for view, flip in zip(views, flips):
        if flip:
            view.flip(-1)
    return torch.stack(views)


@mistake("views", "torch.stack makes a new")
def joins_with_cat(images, boxes, flips):
    return torch.cat([view.flip(-1) if flip else view for view, flip in zip(crops(images, boxes), flips)])


@mistake("views", "different sizes")
def forgets_the_channels(images, boxes, flips):
    views = [image[t : t + h, left : left + w] for image, (t, left, h, w) in zip(images, boxes.tolist())]
    return torch.stack([view.flip(-1) if flip else view for view, flip in zip(views, flips)])


@mistake("views", "different sizes")
def reads_the_box_as_corners(images, boxes, flips):
    views = [image[:, t:b, left:r] for image, (t, left, b, r) in zip(images, boxes.tolist())]
    return torch.stack([view.flip(-1) if flip else view for view, flip in zip(views, flips)])


@mistake("views", "changes its argument images")
def mirrors_the_callers_images(images, boxes, flips):
    images[flips] = images[flips].flip(-1)
    return torch.stack(crops(images, boxes))


@mistake("views", "`if`")
def asks_all_flips_at_once(images, boxes, flips):
    views = torch.stack(crops(images, boxes))
    if flips:
        views = views.flip(-1)
    return views


@mistake("views", None)
def flips_all(images, boxes, flips):
    return torch.stack(crops(images, boxes)).flip(-1)


@mistake("views", "float64, yours is float32")
def goes_through_floats(images, boxes, flips):
    return torch.stack([view.flip(-1) if flip else view for view, flip in zip(crops(images, boxes), flips)]).float()


@mistake("views", "stay in torch")
def goes_to_numpy(images, boxes, flips):
    views = [view.numpy()[..., ::-1] if flip else view.numpy() for view, flip in zip(crops(images, boxes), flips)]
    return np.stack(views)


@mistake("views", "`return`")
def prints_the_shape(images, boxes, flips):
    print(torch.stack(crops(images, boxes)).shape)


@mistake("views", "not attempted")
def leaves_the_dots(images, boxes, flips): ...


@mistake("views", "inside a loop")
def returns_in_the_loop(images, boxes, flips):
    for view, flip in zip(crops(images, boxes), flips):
        return (view.flip(-1) if flip else view)[None]


@mistake("views", "Torch has no negative steps")
def steps_backwards(images, boxes, flips):
    return torch.stack([view[..., ::-1] if flip else view for view, flip in zip(crops(images, boxes), flips)])


@mistake("views", "reversed along the last dimension")
def flips_the_others(images, boxes, flips):
    return torch.stack([view if flip else view.flip(-1) for view, flip in zip(crops(images, boxes), flips)])


@mistake("views", None)
def takes_one_channel(images, boxes, flips):
    return torch.stack([view.flip(-1) if flip else view for view, flip in zip(crops(images, boxes), flips)])[:, :1]


@mistake("views", "return one tensor only")
def returns_both(images, boxes, flips):
    views = torch.stack(crops(images, boxes))
    return views, views.flip(-1)


# ---- positives


@mistake("positives", "= never takes n off")
def adds_n(n):
    return torch.arange(2 * n) + n


@mistake("positives", "torch.tensor(...) turns numbers into a tensor")
def makes_a_list(n):
    return [*range(n, 2 * n), *range(n)]


@mistake("positives", "= points at itself")
def joins_in_the_wrong_order(n):
    return torch.cat([torch.arange(n), torch.arange(n, 2 * n)])


@mistake("positives", "= gives the number of the image")
def takes_the_remainder_by_n(n):
    return (torch.arange(2 * n) + n) % n


@mistake("positives", "expected shape")
def writes_n_as_two(n):
    return torch.tensor([2, 3, 0, 1])


@mistake("positives", "`return`")
def prints_the_positions(n):
    print(positions(n))


@mistake("positives", "= reverses the list")
def counts_down(n):
    return torch.arange(2 * n - 1, -1, -1)


@mistake("positives", "right but for the order")
def is_one_off(n):
    return (torch.arange(2 * n) + n - 1) % (2 * n)


@mistake("positives", "half as many")
def answers_for_the_first_views(n):
    return torch.arange(n, 2 * n)


@mistake("positives", "whole numbers")
def makes_floats(n):
    return positions(n).float()


@mistake("positives", "stay in torch")
def makes_an_array(n):
    return np.roll(np.arange(2 * n), n)


@mistake("positives", "left over")
def makes_a_column(n):
    return positions(n)[:, None]


@mistake("positives", "bool")
def makes_a_mask(n):
    return torch.eye(2 * n).bool().roll(n, 1)[0]


@mistake("positives", "what is expected plus 1")
def counts_from_one(n):
    return positions(n) + 1


@mistake("positives", "= pairs neighbours")
def changes_the_last_bit(n):
    return torch.arange(2 * n) ^ 1


@mistake("positives", None)
def subtracts_n(n):
    return torch.arange(2 * n) - n


@mistake("positives", "holds `range`")
def returns_a_range(n):
    return range(n, 2 * n)


# ---- similarity


@mistake("similarity", "one too many was reduced")
def compares_row_by_row(z1, z2):
    z = torch.cat([z1, z2])
    return F.cosine_similarity(z, z)


@mistake("similarity", "= compares the two views only")
def compares_views(z1, z2):
    return F.cosine_similarity(z1[:, None], z2[None], dim=2)


@mistake("similarity", "= joins along the features")
def joins_columns(z1, z2):
    z = torch.cat([z1, z2], 1)
    return F.cosine_similarity(z[:, None], z[None], dim=2)


@mistake("similarity", "= divides by the norm of the whole matrix")
def has_one_norm(z1, z2):
    z = torch.cat([z1, z2])
    return z @ z.T / (z * z).sum()


@mistake("similarity", "= interleaves the views")
def lists_pairs(z1, z2):
    z = torch.stack([z1, z2], 1).reshape(-1, z1.shape[1])
    return cosines(z, z[:0])


@mistake("similarity", "= makes the entries sum to one")
def takes_the_sum_for_the_length(z1, z2):
    z = torch.cat([z1, z2])
    z = z / z.abs().sum(1, keepdim=True)
    return z @ z.T


@mistake("similarity", "right but for its sign")
def is_a_distance(z1, z2):
    return -cosines(z1, z2)


@mistake("similarity", "1 minus what is expected")
def is_a_cosine_distance(z1, z2):
    return 1 - cosines(z1, z2)


@mistake("similarity", "changes its arguments z1, z2")
def normalises_in_place(z1, z2):
    z1 /= z1.norm(dim=1, keepdim=True)
    z2 /= z2.norm(dim=1, keepdim=True)
    z = torch.cat([z1, z2])
    return z @ z.T


@mistake("similarity", "the values are right, but expected dtype float64, yours is float32")
def allocates_float32(z1, z2):
    z, out = torch.cat([z1, z2]), torch.zeros(2 * len(z1), 2 * len(z1))
    for i in range(len(z)):
        for j in range(len(z)):
            out[i, j] = z[i] @ z[j] / (z[i].norm() * z[j].norm())
    return out


@mistake("similarity", "shapes of two tensors do not fit")
def divides_rows_by_a_flat_norm(z1, z2):
    z = torch.cat([z1, z2])
    z = z / z.norm(dim=1)[:, None, None][: len(z1), 0].T
    return z @ z.T


@mistake("similarity", None)
def is_an_angle(z1, z2):
    return cosines(z1, z2).clamp(-1, 1).acos()


@mistake("similarity", "is not defined")
def uses_an_unknown_name(z1, z2):
    return normalize(torch.cat([z1, z2]))  # noqa: F821


@mistake("similarity", None)
def multiplies_the_features(z1, z2):
    z = F.normalize(torch.cat([z1, z2]), dim=1)
    return z.T @ z


@mistake("similarity", None)
def multiplies_each_element(z1, z2):
    return F.normalize(torch.cat([z1, z2]), dim=1).square()


@mistake("similarity", None)
def divides_one_side_only(z1, z2):
    z = torch.cat([z1, z2])
    return F.normalize(z, dim=1) @ z.T


@mistake("similarity", None)
def subtracts_the_mean_first(z1, z2):
    return torch.corrcoef(torch.cat([z1, z2]))


@mistake("similarity", "one softmax too many")
def ends_in_a_softmax(z1, z2):
    return cosines(z1, z2).softmax(1)


@mistake("similarity", "right but for the order")
def puts_z2_first(z1, z2):
    return cosines(z2, z1)


@mistake("similarity", "Give torch.cat and torch.stack one list")
def joins_without_a_list(z1, z2):
    return torch.cat(z1, z2)


# ---- nt_xent


def logits_of(z1, z2, t, fill=-INF):
    s = cosines(z1, z2) / t
    return s.masked_fill(torch.eye(len(s), dtype=torch.bool), fill)


@mistake("nt_xent", "= counts the positive twice")
def puts_the_positive_in_front(z1, z2, temperature):
    s, n = logits_of(z1, z2, temperature, -9e15), len(z1)
    p = torch.cat([s.diagonal(n), s.diagonal(-n)])[:, None]
    return F.cross_entropy(torch.cat([p, s], 1), torch.zeros(2 * n, dtype=torch.long))


@mistake("nt_xent", "`exp` is where it begins")
def takes_exponentials(z1, z2, temperature):
    e = (cosines(z1, z2) / temperature).exp() * (1 - torch.eye(2 * len(z1), dtype=z1.dtype))
    return -(e[torch.arange(len(e)), positions(len(z1))] / e.sum(1)).log().mean()


@mistake("nt_xent", "= takes the softmax twice")
def gives_probabilities(z1, z2, temperature):
    return F.cross_entropy(F.softmax(logits_of(z1, z2, temperature), dim=-1), positions(len(z1)))


@mistake("nt_xent", None)
def writes_the_temperature_down(z1, z2, temperature):
    return F.cross_entropy(logits_of(z1, z2, 0.5), positions(len(z1)))


@mistake("nt_xent", "`cross_entropy` is where it begins")
def labels_the_view_itself(z1, z2, temperature):
    return F.cross_entropy(logits_of(z1, z2, temperature), torch.arange(2 * len(z1)))


@mistake("nt_xent", None)
def masks_with_minus_one(z1, z2, temperature):
    return F.cross_entropy(cosines(z1, z2).fill_diagonal_(-1) / temperature, positions(len(z1)))


@mistake("nt_xent", "not reduced to one number")
def does_not_reduce(z1, z2, temperature):
    return F.cross_entropy(logits_of(z1, z2, temperature), positions(len(z1)), reduction="none")


@mistake("nt_xent", "float64, yours is float32")
def works_in_float32(z1, z2, temperature):
    return F.cross_entropy(logits_of(z1.float(), z2.float(), temperature), positions(len(z1)))


@mistake("nt_xent", "2 * len(z1) times what is expected")
def sums(z1, z2, temperature):
    return F.cross_entropy(logits_of(z1, z2, temperature), positions(len(z1)), reduction="sum")


@mistake("nt_xent", "twice what is expected")
def adds_both_directions(z1, z2, temperature):
    return F.cross_entropy(logits_of(z1, z2, temperature), positions(len(z1)), reduction="sum") / len(z1)


@mistake("nt_xent", "right but for its sign")
def forgets_the_minus(z1, z2, temperature):
    return F.log_softmax(logits_of(z1, z2, temperature), 1)[torch.arange(2 * len(z1)), positions(len(z1))].mean()


@mistake("nt_xent", "keep it a tensor")
def returns_a_number(z1, z2, temperature):
    return F.cross_entropy(logits_of(z1, z2, temperature), positions(len(z1))).item()


@mistake("nt_xent", "no gradient reaches z2")
def stops_the_gradient(z1, z2, temperature):
    return F.cross_entropy(logits_of(z1, z2.detach(), temperature), positions(len(z1)))


@mistake("nt_xent", "no gradient reaches z1")
def computes_without_gradients(z1, z2, temperature):
    with torch.no_grad():
        return F.cross_entropy(logits_of(z1, z2, temperature), positions(len(z1)))


@mistake("nt_xent", None)
def takes_first_views_as_anchors(z1, z2, temperature):
    return F.cross_entropy(logits_of(z1, z2, temperature)[: len(z1)], positions(len(z1))[: len(z1)])


@mistake("nt_xent", "= multiplies by the temperature")
def multiplies_by_the_temperature(z1, z2, temperature):
    return F.cross_entropy(logits_of(z1, z2, 1 / temperature), positions(len(z1)))


@mistake("nt_xent", "= normalises the columns")
def normalises_along_the_batch(z1, z2, temperature):
    z = F.normalize(torch.cat([z1, z2]), dim=0)
    s = (z @ z.T / temperature).fill_diagonal_(-INF)
    return F.cross_entropy(s, positions(len(z1)))


@mistake("nt_xent", "calls itself without end")
def calls_itself(z1, z2, temperature):
    return calls_itself(z1, z2, temperature)


@mistake("nt_xent", "positional argument")
def has_no_temperature(z1, z2):
    return F.cross_entropy(logits_of(z1, z2, 0.5), positions(len(z1)))


@mistake("nt_xent", "what is expected divided by")
def divides_once_more(z1, z2, temperature):
    return F.cross_entropy(logits_of(z1, z2, temperature), positions(len(z1))) / (2 * len(z1))


@mistake("nt_xent", "NaN or infinite")
def takes_the_log_of_a_mask(z1, z2, temperature):
    share = logits_of(z1, z2, temperature).softmax(1)
    return -(share.log() * F.one_hot(positions(len(z1)))).sum(1).mean()


@mistake("nt_xent", "= ignores the temperature")
def divides_before_it_normalises(z1, z2, temperature):
    return F.cross_entropy(logits_of(z1 / temperature, z2 / temperature, 1.0), positions(len(z1)))


@mistake("nt_xent", None)
def divides_by_the_temperature_twice(z1, z2, temperature):
    return F.cross_entropy(logits_of(z1, z2, temperature**2), positions(len(z1)))


@mistake("nt_xent", "+inf and NaN spoil the whole row")
def masks_with_plus_infinity(z1, z2, temperature):
    return F.cross_entropy(logits_of(z1, z2, temperature, INF), positions(len(z1)))


@mistake("nt_xent", "a division is where it begins")
def subtracts_the_largest_possible_cosine(z1, z2, temperature):
    weights = (cosines(z1, z2) / temperature - 1 / temperature).exp().masked_fill(torch.eye(2 * len(z1)).bool(), 0)
    return -(weights.diagonal(len(z1)).repeat(2) / weights.sum(1)).log().mean()


@mistake("nt_xent", "the result does not depend on it")
def forgets_the_second_view(z1, z2, temperature):
    return F.cross_entropy(logits_of(z1, z1, temperature), positions(len(z1)))


@mistake("nt_xent", "left over")
def returns_one_in_a_list(z1, z2, temperature):
    return F.cross_entropy(logits_of(z1, z2, temperature), positions(len(z1)))[None]


@mistake("nt_xent", "return one tensor only")
def returns_the_accuracy_too(z1, z2, temperature):
    logits = logits_of(z1, z2, temperature)
    return F.cross_entropy(logits, positions(len(z1))), (logits.argmax(1) == positions(len(z1))).double().mean()


@mistake("nt_xent", "then call it")
def makes_a_loss_of_tensors(z1, z2, temperature):
    return torch.nn.CrossEntropyLoss(logits_of(z1, z2, temperature), positions(len(z1)))


@mistake("nt_xent", "unless two arguments are exchanged")
def exchanges_logits_and_labels(z1, z2, temperature):
    return F.cross_entropy(positions(len(z1)), logits_of(z1, z2, temperature))


@mistake("nt_xent", "NumPy cannot pass gradients on")
def leaves_for_numpy(z1, z2, temperature):
    return z1.numpy() @ z2.numpy().T


@mistake("nt_xent", None)
def learns_nothing_through_the_negatives(z1, z2, temperature):
    z = F.normalize(torch.cat([z1, z2]), dim=1)
    return F.cross_entropy((z @ z.detach().T / temperature).fill_diagonal_(-INF), positions(len(z1)))


# ---- geometry


def sphere(z1, z2):
    return F.normalize(z1, dim=1), F.normalize(z2, dim=1)


def spread(points):
    return torch.pdist(points).pow(2).mul(-2).exp().mean().log().item()


@mistake("geometry", "= measures each view by itself")
def averages_two_uniformities(z1, z2):
    x, y = sphere(z1, z2)
    return (x - y).pow(2).sum(1).mean().item(), (spread(x) + spread(y)) / 2


@mistake("geometry", "len(z1) times what is expected")
def sums_the_alignment(z1, z2):
    x, y = sphere(z1, z2)
    return (x - y).pow(2).sum().item(), spread(torch.cat([x, y]))


@mistake("geometry", "divided by z1.shape[1]")
def averages_over_the_features(z1, z2):
    x, y = sphere(z1, z2)
    return F.mse_loss(x, y).item(), spread(torch.cat([x, y]))


@mistake("geometry", "= does not normalise")
def forgets_the_sphere(z1, z2):
    return ((z1 - z2) ** 2).sum(1).mean().item(), spread(torch.cat([z1, z2]))


@mistake("geometry", None)
def takes_absolute_values(z1, z2):
    x, y = sphere(z1, z2)
    return (x - y).abs().sum(1).mean().item(), spread(torch.cat([x, y]))


@mistake("geometry", "2 values are asked for")
def returns_the_alignment_only(z1, z2):
    x, y = sphere(z1, z2)
    return (x - y).pow(2).sum(1).mean().item()


@mistake("geometry", "exponential of what is expected")
def forgets_the_logarithm(z1, z2):
    x, y = sphere(z1, z2)
    return (x - y).pow(2).sum(1).mean().item(), math.exp(spread(torch.cat([x, y])))


@mistake("geometry", "right but for its sign")
def turns_the_sign(z1, z2):
    x, y = sphere(z1, z2)
    return (x - y).pow(2).sum(1).mean().item(), -spread(torch.cat([x, y]))


@mistake("geometry", "one by one")
def stacks_both(z1, z2):
    x, y = sphere(z1, z2)
    return torch.tensor([(x - y).pow(2).sum(1).mean().item(), spread(torch.cat([x, y]))])


@mistake("geometry", "in the opposite order")
def exchanges_both(z1, z2):
    x, y = sphere(z1, z2)
    return spread(torch.cat([x, y])), (x - y).pow(2).sum(1).mean().item()


@mistake("geometry", None)
def measures_the_first_view(z1, z2):
    x, y = sphere(z1, z2)
    return (x - y).pow(2).sum(1).mean().item(), spread(x)


@mistake("geometry", "= takes the mean of the log")
def takes_the_mean_too_early(z1, z2):
    x, y = sphere(z1, z2)
    return (x - y).pow(2).sum(1).mean().item(), torch.pdist(torch.cat([x, y])).pow(2).mean().mul(-2).exp().log().item()


@mistake("geometry", "half of what is expected")
def takes_the_cosine_distance(z1, z2):
    return 1 - F.cosine_similarity(z1, z2).mean().item(), spread(torch.cat(sphere(z1, z2)))


@mistake("geometry", "expected 2 values, yours has 3")
def returns_three(z1, z2):
    return 1.0, 2.0, 3.0


# ---- collapse


def shares(features):
    s = torch.linalg.svdvals(features)
    return s / s.sum()


@mistake("collapse", "= takes eigenvalues of the covariance")
def takes_the_covariance(features):
    e = torch.linalg.eigvalsh(torch.cov(features.T)).clamp_min(0)
    p = e / e.sum()
    return float(torch.exp(-(p * (p + 1e-12).log()).sum()))


@mistake("collapse", "several things at once")
def takes_all_of_svd(features):
    s = torch.linalg.svd(features)
    return float((s / s.sum()).sum())


@mistake("collapse", "= takes the logarithm of the singular values")
def logs_sigma(features):
    s = torch.linalg.svdvals(features)
    p = s / s.sum()
    return float(torch.exp(-(p[p > 0] * s[p > 0].log()).sum()))


@mistake("collapse", "= divides by the largest")
def divides_by_the_maximum(features):
    s = torch.linalg.svdvals(features)
    p = s[s > 0] / s.max()
    return float(torch.exp(-(p * p.log()).sum()))


@mistake("collapse", "`log` is where it begins")
def forgets_zero_times_infinity(features):
    p = shares(features)
    return torch.exp(-(p * p.log()).sum()).item()


@mistake("collapse", "square matrices only")
def takes_eigenvalues(features):
    return torch.linalg.eigvals(features).abs().sum().item()


@mistake("collapse", None)
def averages_the_entropy(features):
    p = shares(features)
    return float(torch.exp(torch.special.entr(p[p > 0]).mean()))


@mistake("collapse", "= counts the singular values")
def counts_large_ones(features):
    s = torch.linalg.svdvals(features)
    return float((s > 0.01 * s.max()).sum())


@mistake("collapse", "= returns the entropy")
def forgets_the_exponential(features):
    return torch.special.entr(shares(features)).sum().item()


@mistake("collapse", "1 divided by what is expected")
def forgets_a_minus(features):
    return torch.special.entr(shares(features)).sum().neg().exp().item()


@mistake("collapse", None)
def takes_bits(features):
    p = shares(features)
    return float(torch.exp(torch.special.entr(p).sum() / math.log(2)))


@mistake("collapse", None)
def takes_a_softmax(features):
    return float(torch.special.entr(torch.linalg.svdvals(features).softmax(0)).sum().exp())


@mistake("collapse", "is 2 for every input")
def returns_a_constant(features):
    return 2.0


@mistake("collapse", "a mean where a sum is asked for?")
def divides_by_the_dimensions(features):
    return float(torch.special.entr(shares(features)).sum().exp()) / features.shape[1]


@mistake("collapse", None)
def counts_the_participation(features):
    return float(1 / shares(features).square().sum())


# ---- shortcut


def parts(z1, z2):
    s, n = cosines(z1, z2), len(z1)
    i = torch.arange(2 * n)
    return s, i, positions(n), n


def others(s, i, p, fill=-INF):
    s = s.clone()
    s[i, i] = s[i, p] = fill
    return s.amax(1)


@mistake("shortcut", "2 * len(z1) times what is expected")
def counts(z1, z2):
    s, i, p, n = parts(z1, z2)
    return float((s[i, p] > others(s, i, p)).sum())


@mistake("shortcut", "twice what is expected")
def divides_by_n(z1, z2):
    s, i, p, n = parts(z1, z2)
    return float((s[i, p] > others(s, i, p)).sum()) / n


@mistake("shortcut", "100 times what is expected")
def is_in_percent(z1, z2):
    s, i, p, n = parts(z1, z2)
    return 100 * float((s[i, p] > others(s, i, p)).double().mean())


@mistake("shortcut", "is 0 for every input")
def reads_after_masking(z1, z2):
    s, i, p, n = parts(z1, z2)
    s[i, i] = s[i, p] = -1
    return (s[i, p] > s.amax(1)).double().mean().item()


@mistake("shortcut", "is 0 for every input")
def leaves_the_positive_in(z1, z2):
    s, i, p, n = parts(z1, z2)
    return (s[i, p] > s.fill_diagonal_(-INF).amax(1)).double().mean().item()


@mistake("shortcut", None)
def masks_with_zero(z1, z2):
    s, i, p, n = parts(z1, z2)
    return (s[i, p] > others(s, i, p, 0.0)).double().mean().item()


@mistake("shortcut", "= normalises the columns")
def normalises_features(z1, z2):
    z = torch.cat([z1, z2])
    z = z / z.norm(dim=0, keepdim=True)
    s, (_, i, p, _) = z @ z.T, parts(z1, z2)
    return (s[i, p] > others(s, i, p)).double().mean().item()


@mistake("shortcut", "one plain True or False")
def compares_values_and_indices(z1, z2):
    s, i, p, n = parts(z1, z2)
    return (s.fill_diagonal_(-INF).max(dim=1) == p).float().mean().item()


@mistake("shortcut", None)
def lets_the_view_find_itself(z1, z2):
    s, i, p, n = parts(z1, z2)
    return (s.argmax(1) == p).double().mean().item()


@mistake("shortcut", None)
def asks_for_more_than_the_mean(z1, z2):
    s, i, p, n = parts(z1, z2)
    return (s[i, p] > s.mean(1)).double().mean().item()


@mistake("shortcut", "1 minus what is expected")
def counts_what_is_not_found(z1, z2):
    s, i, p, n = parts(z1, z2)
    return (s[i, p] <= others(s, i, p)).double().mean().item()


@mistake("shortcut", None)
def knows_the_sizes_only(z1, z2):
    return {2: 0.75, 3: 1 / 3}.get(len(z1), 0.25)


@mistake("shortcut", "mean or a sum missing")
def returns_one_for_each_view(z1, z2):
    s, i, p, n = parts(z1, z2)
    return (s[i, p] > others(s, i, p)).double()


@mistake("shortcut", None)
def is_never_strict_in_pairs(z1, z2):
    s, i, p, n = parts(z1, z2)
    return float((s[i[:n], p[:n]] > others(s, i, p)[:n]).sum() + (s[i[n:], p[n:]] >= others(s, i, p)[n:]).sum()) / (
        2 * n
    )


@mistake("shortcut", "floating-point numbers")
def takes_the_mean_of_booleans(z1, z2):
    s, i, p, n = parts(z1, z2)
    return (s[i, p] > others(s, i, p)).mean().item()


@mistake("shortcut", "= counts ties as found")
def asks_for_the_maximum(z1, z2):
    s, i, p, n = parts(z1, z2)
    return (s[i, p] == s.fill_diagonal_(-INF).amax(1)).double().mean().item()


@mistake("shortcut", "= lets argmax decide ties")
def looks_down_the_columns(z1, z2):
    s, i, p, n = parts(z1, z2)
    return (s.fill_diagonal_(-INF).argmax(0) == p).double().mean().item()


@mistake("shortcut", None)
def takes_the_nearest_point(z1, z2):
    z = torch.cat([z1, z2])
    return (torch.cdist(z, z).fill_diagonal_(INF).argmin(1) == positions(len(z1))).double().mean().item()
