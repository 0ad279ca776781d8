"""Lab 7, exercise `flips`: the exact p value of the sign-flip test."""

import itertools

import torch

HINTS = (
    "If neither arm were better, each difference could as well have had the other sign. There are 2^n ways to "
    "choose the signs, and the one that was seen is among them.",
    "p = (number of choices of signs whose |sum| is at least the |sum| that was seen) / 2^n. Far from 0 on either "
    "side counts, and sums that differ by rounding alone are equal.",
    "Begin with `sums = torch.zeros(1)` and, for each difference d, `sums = torch.cat([sums + d, sums - d])`: "
    "after n of them these are all 2^n, the first with no sign flipped. Count `sums.abs() >= sums[0].abs() - "
    "1e-6`.",
)


def sign_flip_p(differences):
    sums = torch.zeros(1, dtype=differences.dtype)
    for d in differences:
        sums = torch.cat([sums + d, sums - d])
    seen = sums[0].abs()  # no sign flipped
    return (sums.abs() >= seen - 1e-6).double().mean().item()


def by_a_matrix_of_signs(differences):
    n = len(differences)
    signs = 1 - 2 * ((torch.arange(2**n)[:, None] >> torch.arange(n)) & 1)
    means = (signs.to(differences.dtype) @ differences).abs() / n
    return float((means > differences.mean().abs() - 1e-6 / n).sum()) / 2**n


def by_itertools(differences):
    values = differences.tolist()
    seen, count = abs(sum(values)), 0
    for signs in itertools.product((1, -1), repeat=len(values)):
        flipped = abs(sum(sign * value for sign, value in zip(signs, values)))
        count += round(flipped - seen, 6) >= 0
    return count / 2 ** len(values)


def _sums(differences):
    sums = torch.zeros(1, dtype=differences.dtype)
    for d in differences:
        sums = torch.cat([sums + d, sums - d])
    return sums


def _share(which):
    return which.double().mean().item()


def looks_to_one_side(differences):
    """You count the sums that are at least as *large*: one side only. An effect the other way would have surprised as
    much: compare the absolute values."""
    sums = _sums(differences)
    return _share(sums >= sums[0] - 1e-6)


def takes_one_tail(differences):
    """You count only the side on which the sum that was seen lies. Which side that would be was not known before, so
    both count: compare the absolute values."""
    sums = _sums(differences)
    return _share(sums >= sums[0] - 1e-6 if sums[0] > 0 else sums <= sums[0] + 1e-6)


def halves_the_share(differences):
    """Your p is half of the right one. Sums on either side count, since nobody knew before on which side the one that
    was seen would lie, and of 2^n choices the share is asked for."""
    return sign_flip_p(differences) / 2


def wants_it_farther(differences):
    """You count what is *farther* from 0 than what was seen. As far counts, too: the signs as they are, and all of them
    turned, are always among them, so that p is never 0."""
    sums = _sums(differences).abs()
    return _share(sums > sums[0] + 1e-6)


def leaves_the_signs_as_they_are_out(differences):
    """You leave out the choice that flips nothing. It is one of the 2^n: had neither arm been better, it could have
    come out just as well."""
    sums = _sums(differences).abs()
    return _share(sums[1:] >= sums[0] - 1e-6)


def adds_one(differences):
    """You add one to the count and to the number of choices. That is right for signs drawn by lot, where the ones that
    were seen may not come up; among all 2^n they are there already."""
    sums = _sums(differences).abs()
    return ((sums >= sums[0] - 1e-6).sum().item() + 1) / (len(sums) + 1)


def counts_the_signs_alone(differences):
    """That is the sign test: it counts how many differences are positive. The sum also says how *large* they are:
    compare sums of the differences themselves."""
    signs = _sums(torch.sign(differences)).abs()
    return _share(signs >= signs[0] - 1e-6)


def flips_one_at_a_time(differences):
    """You flip one difference at a time. Each keeps its sign or not by itself: there are 2^n choices, not n."""
    sums = torch.cat([differences.sum()[None], differences.sum() - 2 * differences]).abs()
    return _share(sums >= sums[0] - 1e-6)


def compares_the_largest(differences):
    """You compare with the largest sum there is. Compare with the one that was *seen*, of the differences as they
    are."""
    sums = _sums(differences).abs()
    return _share(sums >= sums.max() - 1e-6)


def takes_every_digit(differences):
    """Sums that are equal on paper differ in their last digit here: 0.1 + 0.2 is not 0.3 for a computer. Count a sum
    that falls short by less than 1e-6, too."""
    sums = _sums(differences).abs()
    return _share(sums >= sums[0])


def returns_the_share_that_is_nearer(differences):
    """You return the share of choices that are *nearer* to 0: 1 - p. A small p is to mean that chance rarely goes so
    far."""
    return 1 - sign_flip_p(differences)
