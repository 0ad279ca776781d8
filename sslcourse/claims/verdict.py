"""What pairs say of a claim: supported, contradicted, undecided, or depends on scale. Pure functions of numbers.

With six pairs the exact test can only reject when all six point the same way (p = .031), and of 64 claims that are
plain noise two would. The bootstrap interval is too narrow for so few pairs, so that it never decides alone.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sslcourse.claims.claim import Claim, Contrast
from sslcourse.claims.rows import counting, effects
from sslcourse.evaluation.statistics import MOST_PAIRS, PairedEffect, bca_interval, sign_flip_p_value, smallest_p_value

PAIRS = 6  # fewer cannot give p < .05
LEVEL = 0.05
SUPPORTED, CONTRADICTED, UNDECIDED = "supported", "contradicted", "undecided"
OPPOSITE = {SUPPORTED: CONTRADICTED, CONTRADICTED: SUPPORTED}
DEPENDS, UNMEASURED = "depends on scale", "not yet measured"
WEAKEST_FIRST = (UNMEASURED, CONTRADICTED, UNDECIDED, SUPPORTED)
# What was found where a claim is contradicted, in a few words and in a sentence: four different things.
REVERSED, REVERSED_LITTLE = "the opposite was found", "the opposite, too small to count"
TOO_LITTLE, NONE_THAT_COUNTS = "an effect too small to count", "no effect that counts"
CONTRADICTIONS = {
    REVERSED: "the effect points the other way, on the mean by at least as much as counts ({least:g}), and is not 0",
    REVERSED_LITTLE: "the effect points the other way and is not 0, but on the mean by less than counts ({least:g})",
    TOO_LITTLE: "there is an effect, but it is smaller than the smallest that counts ({least:g})",
    NONE_THAT_COUNTS: "an effect that counts ({least:g} or more) is ruled out; that there is none at all is not shown",
}


@dataclass(frozen=True)
class Finding:
    """What was found for one contrast on one set of pictures: `word`, why, and the numbers it rests on.

    `figures` has the figure of each term for each seed, `device` where they were measured, `half` the mean effect half
    way through the same runs, where the learning rate is still high. `unpaired` are seeds with runs, but no pair: one
    is not made yet or failed, gave no figure, or is of other versions or pictures.
    """

    contrast: Contrast
    data: str
    word: str
    why: str
    device: str = ""
    figures: Mapping[int, Mapping[str, float]] | None = None
    effect: PairedEffect | None = None
    half: float | None = None
    unpaired: tuple[int, ...] = ()

    @property
    def differences(self) -> list[float]:
        """The effect of each pair, in the order of the seeds."""
        return [self.contrast.effect(each) for each in (self.figures or {}).values()]

    @property
    def contradiction(self) -> str:
        """What was found instead, in a few words, where the word is "contradicted"; else ""."""
        if self.word != CONTRADICTED or self.contrast.direction == "same" or not self.figures:
            return ""
        sign = -1 if self.contrast.direction == "lower" else 1
        return contradiction([sign * each for each in self.differences], self.contrast.least)

    @property
    def words(self) -> str:
        """The word and, where it is "contradicted", what was found instead."""
        return ": ".join(filter(None, (self.word, self.contradiction)))

    @property
    def strength(self) -> float:
        """How far the mean effect goes the way the claim says, in units of the smallest that counts; 0 before there are
        pairs enough."""
        if self.effect is None or self.word == UNMEASURED:
            return 0.0
        mean, least = self.effect.mean, self.contrast.least
        return {"higher": mean, "lower": -mean, "same": least - abs(mean)}[self.contrast.direction] / least

    @property
    def tested(self) -> tuple[float, float]:
        """The value that the word rests on a test against, and the p of that: 0 where the mean is large enough to
        count, else the smallest effect that counts (where the claim says "the same", the nearer of two)."""
        mean, least = math.fsum(self.differences) / len(self.differences), self.contrast.least
        sign = {"higher": 1.0, "lower": -1.0, "same": math.copysign(1.0, mean)}[self.contrast.direction]
        value = 0.0 if sign * mean >= least else sign * least
        return value, sign_flip_p_value([each - value for each in self.differences])

    @property
    def sign_changes(self) -> bool:
        """Whether the effect pointed the other way half way: then the runs may be too short to tell.

        Not where neither of the two counts: the sign of next to nothing says nothing.
        """
        if self.effect is None or self.half is None or self.half * self.effect.mean >= 0:
            return False
        return max(abs(self.half), abs(self.effect.mean)) >= self.contrast.least


def decide(differences: Sequence[float], direction: str, least: float) -> tuple[str, str]:
    """The verdict on pairs' effects, and why, in words.

    "higher": supported if the mean is at least `least` and differs from 0, contradicted if it is below `least` and
    differs from it, for then an effect that counts is excluded. "lower" is its mirror image. "same": supported if
    effects of `least` either way are excluded, contradicted if the mean is at least that large and differs from 0. A
    mean differs from a value where the exact sign-flip test of the pairs' differences to it has p < .05 and the
    interval leaves it out.

    >>> decide([0.3, 0.2, 0.4, 0.3, 0.2, 0.4], "higher", least=0.05)[0]
    'supported'
    """
    if len(differences) < PAIRS:
        return UNMEASURED, f"{len(differences)} of {PAIRS} pairs"
    if direction == "lower":
        return decide([-each for each in differences], "higher", least)
    mean = math.fsum(differences) / len(differences)
    counts = f"the smallest effect that counts ({least:g})"
    may_be_0 = f"on the mean at least {counts}, but it may be 0"
    if direction == "higher":
        if mean >= least:
            return (SUPPORTED, f"at least {counts}, and not 0") if differs(differences, 0) else (UNDECIDED, may_be_0)
        if differs(differences, least):
            return CONTRADICTED, CONTRADICTIONS[contradiction(differences, least)].format(least=least)
        return UNDECIDED, f"may or may not reach {counts}"
    if abs(mean) >= least:
        return (CONTRADICTED, f"at least {counts}, and not 0") if differs(differences, 0) else (UNDECIDED, may_be_0)
    if differs(differences, least) and differs(differences, -least):
        return SUPPORTED, f"smaller than {counts}, either way"
    return UNDECIDED, f"may or may not reach {counts}"


def contradiction(differences: Sequence[float], least: float) -> str:
    """Which of `CONTRADICTIONS` it is, for effects of which the claim says "higher" and of which `least` is ruled out.

    >>> contradiction([-0.3, -0.2, -0.4, -0.3, -0.2, -0.4], least=0.05)
    'the opposite was found'
    """
    mean = math.fsum(differences) / len(differences)
    if not differs(differences, 0):
        return NONE_THAT_COUNTS
    if mean > 0:
        return TOO_LITTLE
    return REVERSED if mean <= -least else REVERSED_LITTLE


def differs(differences: Sequence[float], value: float) -> bool:
    """Whether the mean differs from a value by the exact test and by the interval."""
    shifted = [each - value for each in differences]
    low, high = bca_interval(shifted)
    return sign_flip_p_value(shifted) < LEVEL and not low <= 0 <= high


def devices_of(claim: Claim, data: str, scale: str, rows: Sequence[dict]) -> list[str]:
    """The devices with runs of a claim that count, first the one that it is judged by.

    That is the one with most pairs of what decides, then of all, and of several the one with the newest run. Pairs are
    never made across devices, nor is a claim judged by one contrast here and another there.
    """
    found = [effects(claim, contrast, data, scale, rows) for contrast in claim.contrasts]
    newest = {row["device"]: place for place, row in enumerate(counted(claim, data, scale, rows))}

    def rank(device: str) -> tuple[int, int, int]:
        pairs = [len(each.get(device, ())) for each in found]
        return min(pairs[: claim.deciding]), sum(pairs), newest[device]

    return sorted(newest, key=rank, reverse=True)


def judging_device(claim: Claim, data: str, scale: str, rows: Sequence[dict]) -> str:
    """The device that a claim is judged by on a set of pictures; "" before there are runs."""
    return next(iter(devices_of(claim, data, scale, rows)), "")


def counted(claim: Claim, data: str, scale: str, rows: Iterable[dict]) -> list[dict]:
    """The runs on a set of pictures that count for the claim as it is now, oldest first."""
    found = [row for row in counting(claim, scale, rows).values() if row["data"] == data]
    return sorted(found, key=lambda row: row["finished"])


def find(claim: Claim, contrast: Contrast, data: str, scale: str, rows: Sequence[dict], device: str) -> Finding:
    """The finding for a contrast, from the rows of the ledger that count on a device ("" for none).

    Beyond 20 pairs the exact test takes the first 20 seeds.
    """
    found = effects(claim, contrast, data, scale, rows)
    begun = {row["seed"] for row in counted(claim, data, scale, rows) if row["device"] == device}
    unpaired = tuple(sorted(begun.difference(found.get(device, ()))))
    if device not in found:
        return Finding(contrast, data, UNMEASURED, f"0 of {PAIRS} pairs", device, unpaired=unpaired)
    figures = dict(list(found[device].items())[:MOST_PAIRS])
    differences = [contrast.effect(each) for each in figures.values()]
    at_half_already = any(at == "half" for _, at in contrast.terms.values())
    halves = {} if at_half_already else effects(claim, contrast, data, scale, rows, "half").get(device, {})
    at_half = [contrast.effect(halves[seed]) for seed in figures if seed in halves]
    half = math.fsum(at_half) / len(at_half) if at_half else None
    word, why = decide(differences, contrast.direction, contrast.least)
    if (pairs := len(found[device])) > MOST_PAIRS:
        why += f"; the first {MOST_PAIRS} of {pairs} pairs count"
    return Finding(contrast, data, word, why, device, figures, summed_up(differences), half, unpaired)


def find_all(claim: Claim, sets: Iterable[str], scale: str, rows: Sequence[dict]) -> list[Finding]:
    """The finding for every contrast on each set of pictures, on the device that the claim is judged by there."""
    found = []
    for data in sets:
        device = judging_device(claim, data, scale, rows)
        found += [find(claim, contrast, data, scale, rows, device) for contrast in claim.contrasts]
    return found


def find_elsewhere(claim: Claim, sets: Iterable[str], scale: str, rows: Sequence[dict]) -> list[Finding]:
    """What decides on each of the other devices with runs of the claim, for each set of pictures."""
    return [
        decisive(claim, [find(claim, each, data, scale, rows, device) for each in claim.contrasts], data)
        for data in sets
        for device in devices_of(claim, data, scale, rows)[1:]
    ]


def summed_up(differences: Sequence[float]) -> PairedEffect | None:
    """Mean, interval and p value of effects; None for a single one."""
    pairs = len(differences)
    if pairs < 2:
        return None
    low, high = bca_interval(differences)
    mean = math.fsum(differences) / pairs
    return PairedEffect(pairs, mean, low, high, sign_flip_p_value(differences), smallest_p_value(pairs))


def decisive(claim: Claim, findings: Sequence[Finding], data: str) -> Finding:
    """The finding that decides the claim on a set of pictures: of those for its `deciding` contrasts the weakest.

    Of several with one word it is that whose mean effect goes least far the way the claim says.
    """
    candidates = [finding for finding in findings if finding.data == data and is_deciding(claim, finding.contrast)]
    return min(candidates, key=lambda finding: (WEAKEST_FIRST.index(finding.word), finding.strength))


def is_deciding(claim: Claim, contrast: Contrast) -> bool:
    """Whether a contrast is one of those that decide."""
    return any(contrast is each for each in claim.contrasts[: claim.deciding])


def torn(claim: Claim, findings: Sequence[Finding]) -> list[str]:
    """In words, for each set of pictures the seeds with runs of which what decides has no pair."""
    seeds: dict[str, set[int]] = {}
    for finding in findings:
        if is_deciding(claim, finding.contrast) and finding.unpaired:
            seeds.setdefault(finding.data, set()).update(finding.unpaired)
    why = "a run is not made yet, failed, gave no figure, or is of other versions or pictures"
    return [f"{data}: no pair of seeds {', '.join(map(str, sorted(each)))} ({why})" for data, each in seeds.items()]


def judge(claim: Claim, findings: Sequence[Finding], elsewhere: Sequence[Finding] = ()) -> tuple[str, str]:
    """The verdict on a claim, and why: by what decides, on the first set of pictures found and then on the others.

    Undecided where another set says the opposite, or another device (`elsewhere`); "depends on scale" where what was
    published at large scale does.
    """
    first, *others = [decisive(claim, findings, data) for data in dict.fromkeys(each.data for each in findings)]
    measured = [other for other in others if other.word != UNMEASURED]
    also = ["half way through the runs the effect pointed the other way"] * first.sign_changes + torn(claim, findings)
    also += [f"{other.data}: {other.word}" for other in measured]
    if first.word not in OPPOSITE:
        return first.word, "; ".join([first.why, *also])
    if any(other.word == OPPOSITE[first.word] for other in measured):
        return UNDECIDED, "; ".join([f"sets of pictures disagree: {first.data}: {first.word}", *also])
    against = [other.device for other in elsewhere if other.data == first.data and other.word == OPPOSITE[first.word]]
    if against:
        return UNDECIDED, "; ".join(
            [f"{first.word} on {first.device}, and the opposite on {', '.join(against)}", *also]
        )
    published = {each.supports for each in claim.published} - {None}
    if published == {first.word == CONTRADICTED}:
        return DEPENDS, "; ".join([f"{first.word} here ({first.why}), and the opposite is published", *also])
    return first.word, "; ".join([first.why, *also])
