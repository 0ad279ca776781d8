"""Mistakes that people make in Lab 7, and what they must be told: see `mistakes.py`."""

from __future__ import annotations

import itertools
import statistics

import torch

MISTAKES: list[tuple[str, object, str | None]] = []


def mistake(exercise, told):
    def add(function):
        MISTAKES.append((f"together.{exercise}", function, told))
        return function

    return add


def all_sums(differences):
    signs = torch.tensor(list(itertools.product((1.0, -1.0), repeat=len(differences))), dtype=differences.dtype)
    return signs @ differences


# ---- loss


@mistake("loss", "0 times NaN is NaN")
def multiplies_by_the_switches(cls_loss, patch_losses, pixel_errors, removed, switches, weights):
    kept = ~removed if switches["removal"] else torch.ones_like(removed)
    painted = removed if switches["removal"] else kept
    patches = weights["patches"] * patch_losses[kept].mean()
    pixels = weights["pixels"] * pixel_errors[painted].mean()
    return cls_loss + switches["patches"] * patches + switches["pixels"] * pixels


@mistake("loss", "0 times NaN is NaN")
def multiplies_by_the_mask(cls_loss, patch_losses, pixel_errors, removed, switches, weights):
    loss = cls_loss
    kept = (~removed if switches["removal"] else torch.ones_like(removed)).to(cls_loss.dtype)
    if switches["patches"]:
        loss = loss + weights["patches"] * (patch_losses * kept).sum() / kept.sum()
    if switches["pixels"]:
        painted = 1 - kept if switches["removal"] else kept
        loss = loss + weights["pixels"] * (pixel_errors * painted).sum() / painted.sum()
    return loss


@mistake("loss", "no gradient reaches")
def takes_the_numbers_out(cls_loss, patch_losses, pixel_errors, removed, switches, weights):
    loss = cls_loss
    if switches["patches"]:
        loss = loss + weights["patches"] * patch_losses.nanmean().item()
    if switches["pixels"]:
        loss = loss + weights["pixels"] * pixel_errors[removed | (not switches["removal"])].mean().item()
    return loss


@mistake("loss", "changes its argument cls_loss")
def adds_in_place(cls_loss, patch_losses, pixel_errors, removed, switches, weights):
    loss = cls_loss
    if switches["patches"]:
        loss += weights["patches"] * patch_losses.nanmean()
    if switches["pixels"]:
        loss += weights["pixels"] * pixel_errors[removed | (not switches["removal"])].mean()
    return loss


@mistake("loss", "= forgets the weights")
def adds_them_up_plainly(cls_loss, patch_losses, pixel_errors, removed, switches, weights):
    loss = cls_loss
    if switches["patches"]:
        loss = loss + patch_losses.nanmean()
    if switches["pixels"]:
        loss = loss + (pixel_errors[removed] if switches["removal"] else pixel_errors).mean()
    return loss


@mistake("loss", None)
def forgets_the_class_token(cls_loss, patch_losses, pixel_errors, removed, switches, weights):
    loss = 0 * cls_loss
    if switches["patches"]:
        loss = loss + weights["patches"] * patch_losses.nanmean()
    if switches["pixels"]:
        loss = loss + weights["pixels"] * (pixel_errors[removed] if switches["removal"] else pixel_errors).mean()
    return loss


@mistake("loss", "= paints nothing where nothing is removed")
def asks_for_both_switches(cls_loss, patch_losses, pixel_errors, removed, switches, weights):
    loss = cls_loss
    if switches["patches"]:
        loss = loss + weights["patches"] * patch_losses.nanmean()
    if switches["pixels"] and switches["removal"]:
        loss = loss + weights["pixels"] * pixel_errors[removed].mean()
    return loss


@mistake("loss", "= adds up the whole batch")
def takes_sums(cls_loss, patch_losses, pixel_errors, removed, switches, weights):
    loss = cls_loss
    if switches["patches"]:
        loss = loss + weights["patches"] * patch_losses.nansum()
    if switches["pixels"]:
        loss = loss + weights["pixels"] * (pixel_errors[removed] if switches["removal"] else pixel_errors).sum()
    return loss


# ---- interval


@mistake("interval", "= divides by the number of pairs")
def takes_the_spread_by_hand(a, b, t):
    d = (a - b)[~(a - b).isnan()]
    spread = ((d - d.mean()) ** 2).mean().sqrt()
    reach = t * spread / len(d) ** 0.5
    return torch.stack([d.mean() - reach, d.mean() + reach])


@mistake("interval", "NaN")
def keeps_pairs_that_are_not_complete(a, b, t):
    d = a - b
    reach = t * d.std() / len(d) ** 0.5
    return torch.stack([d.mean() - reach, d.mean() + reach])


@mistake("interval", "= forgets the pairs")
def adds_the_variances_of_the_arms(a, b, t):
    there = ~(a.isnan() | b.isnan())
    a, b = a[there], b[there]
    error = (a.var() / len(a) + b.var() / len(b)).sqrt()
    middle = a.mean() - b.mean()
    return middle + t * error * torch.tensor([-1.0, 1.0], dtype=a.dtype)


@mistake("interval", "torch.tensor(...) turns numbers")
def returns_two_numbers(a, b, t):
    d = [x - y for x, y in zip(a.tolist(), b.tolist()) if x == x and y == y]
    reach = t * statistics.stdev(d) / len(d) ** 0.5
    return statistics.fmean(d) - reach, statistics.fmean(d) + reach


@mistake("interval", "reversed along the last dimension")
def returns_the_high_end_first(a, b, t):
    d = (a - b)[~(a - b).isnan()]
    reach = t * d.std() / len(d) ** 0.5
    return torch.stack([d.mean() + reach, d.mean() - reach])


@mistake("interval", None)
def returns_the_range_of_the_differences(a, b, t):
    d = (a - b)[~(a - b).isnan()]
    return torch.stack([d.min(), d.max()])


@mistake("interval", "= compares two groups")
def drops_missing_runs_arm_by_arm(a, b, t):
    a, b = a[~a.isnan()], b[~b.isnan()]
    reach = t * (a.var() / len(a) + b.var() / len(b)) ** 0.5
    return torch.stack([a.mean() - b.mean() - reach, a.mean() - b.mean() + reach])


# ---- flips


@mistake("flips", "= looks to one side")
def counts_sums_that_are_as_large(differences):
    return (all_sums(differences) >= differences.sum() - 1e-6).double().mean().item()


@mistake("flips", "= wants it farther")
def counts_sums_beyond_it(differences):
    return (all_sums(differences).abs() > differences.sum().abs() + 1e-6).double().mean().item()


@mistake("flips", "= leaves the signs as they are out")
def begins_with_the_first_flip(differences):
    return (all_sums(differences)[1:].abs() >= differences.sum().abs() - 1e-6).double().mean().item()


@mistake("flips", "is 1 for every input")
def shuffles_in_place_of_flipping(differences):
    means = torch.stack([differences[torch.randperm(len(differences))].mean() for _ in range(50)])
    return (means.abs() >= differences.mean().abs() - 1e-6).double().mean().item()


@mistake("flips", "= takes one tail")
def takes_the_side_that_was_seen(differences):
    sums = all_sums(differences) * (-1 if differences.sum() < 0 else 1)
    return (sums >= sums[0] - 1e-6).double().mean().item()


@mistake("flips", "= halves the share")
def divides_once_too_often(differences):
    return (all_sums(differences).abs() >= differences.sum().abs() - 1e-6).double().mean().item() / 2


@mistake("flips", "is a mean or a sum missing")
def returns_all_of_them(differences):
    return (all_sums(differences).abs() >= differences.sum().abs() - 1e-6).double()


@mistake("flips", None)
def doubles_the_smaller_tail(differences):  # more than 1 where the sum is 0
    sums = all_sums(differences)
    tails = (sums >= sums[0] - 1e-6, sums <= sums[0] + 1e-6)
    return 2 * min(tail.double().mean().item() for tail in tails)


# ---- verdict


@mistake("verdict", "= takes either direction")
def by_absolute_values(interval, smallest_effect):
    low, high = interval
    if low * high > 0 and interval.mean().abs() >= smallest_effect:
        return "supported"
    return "contradicted" if high < smallest_effect else "undecided"


@mistake("verdict", None)
def asks_for_equivalence(interval, smallest_effect):  # an effect far the other way is called undecided
    low, high = interval.tolist()
    if low > 0 and (low + high) / 2 >= smallest_effect:
        return "supported"
    return "contradicted" if -smallest_effect < low and high < smallest_effect else "undecided"


@mistake("verdict", "= rules out by the middle")
def by_the_middle_alone(interval, smallest_effect):
    if interval.mean() >= smallest_effect and interval[0] > 0:
        return "supported"
    return "contradicted" if interval.mean() < smallest_effect else "undecided"


@mistake("verdict", "= is content with an effect")
def supports_what_is_significant(interval, smallest_effect):
    low, high = interval
    if low > 0:
        return "supported"
    if high < smallest_effect:
        return "contradicted"
    return "undecided"


@mistake("verdict", "= wants the whole interval to count")
def compares_the_low_end(interval, smallest_effect):
    if interval[0] >= smallest_effect:
        return "supported"
    return "contradicted" if interval[1] < smallest_effect else "undecided"


@mistake("verdict", None)
def says_the_same_of_everything(interval, smallest_effect):
    return "undecided"


@mistake("verdict", None)
def says_it_with_a_capital(interval, smallest_effect):
    low, high = interval.tolist()
    if low > 0 and (low + high) / 2 >= smallest_effect:
        return "Supported"
    return "Contradicted" if high < smallest_effect else "Undecided"


@mistake("verdict", "the return statement is missing")
def forgets_the_last_line(interval, smallest_effect):
    low, high = interval.tolist()
    if low > 0 and (low + high) / 2 >= smallest_effect:
        return "supported"
    if high < smallest_effect:
        return "contradicted"


@mistake("verdict", "`return`")
def prints_it(interval, smallest_effect):
    print("undecided" if interval[0] <= 0 else "supported")


# ---- factorial


def main_effects(table):
    return [(table.select(i, 1) - table.select(i, 0)).mean() for i in range(table.ndim)]


@mistake("factorial", "= leaves the interactions out")
def fills_the_diagonal_only(table):
    return torch.diag(torch.stack(main_effects(table)))


@mistake("factorial", "expected shape")
def returns_main_effects(table):
    return torch.stack(main_effects(table))


@mistake("factorial", "= divides by all cells")
def averages_with_signs(table):
    k = table.ndim
    cells = torch.cartesian_prod(*[torch.tensor([-1.0, 1.0], dtype=table.dtype)] * k)
    effects = torch.zeros(k, k, dtype=table.dtype)
    for i in range(k):
        for j in range(k):
            sign = cells[:, i] if i == j else cells[:, i] * cells[:, j]
            effects[i, j] = (sign * table.flatten()).mean()
    return effects


@mistake("factorial", "right but for its sign")
def is_without_minus_with(table):
    return -averages_with_signs(table) * 2


@mistake("factorial", "= forgets the half")
def takes_the_difference_of_differences(table):
    effects = 4 * averages_with_signs(table)
    return effects - torch.diag(effects.diag()) / 2


@mistake("factorial", "= fills one triangle")
def fills_the_upper_half(table):
    return (2 * averages_with_signs(table)).triu()
