"""Verdicts: cases by hand, how often noise is taken for an effect, and what is said of several sets of pictures."""

from dataclasses import replace

import numpy as np
import pytest

from sslcourse.claims.claim import Arm, Claim, Contrast, Published
from sslcourse.claims.verdict import (
    CONTRADICTED,
    DEPENDS,
    SUPPORTED,
    UNDECIDED,
    UNMEASURED,
    Finding,
    decide,
    decisive,
    judge,
    summed_up,
)

CLEAR = [0.30, 0.20, 0.40, 0.30, 0.20, 0.35]
NOISE = [0.30, -0.20, 0.40, -0.30, 0.20, 0.1]
TINY = [0.011, 0.009, 0.012, 0.010, 0.008, 0.011]
ONE_AGAINST = [0.30, 0.20, 0.40, 0.30, -0.01, 0.35]  # p = 4/64


def negative(values):
    return [-value for value in values]


@pytest.mark.parametrize(
    ("differences", "direction", "word"),
    [
        (CLEAR, "higher", SUPPORTED),
        (CLEAR, "lower", CONTRADICTED),
        (negative(CLEAR), "higher", CONTRADICTED),
        (negative(CLEAR), "lower", SUPPORTED),
        (CLEAR, "same", CONTRADICTED),
        (negative(CLEAR), "same", CONTRADICTED),
        (NOISE, "higher", UNDECIDED),
        (NOISE, "lower", UNDECIDED),
        (NOISE, "same", UNDECIDED),
        (TINY, "higher", CONTRADICTED),  # there is an effect, and it is too small to count
        (TINY, "same", SUPPORTED),
        (ONE_AGAINST, "higher", UNDECIDED),
        (CLEAR[:5], "higher", UNMEASURED),
        ([], "same", UNMEASURED),
        ([0.0] * 6, "same", SUPPORTED),
        ([0.0] * 6, "higher", CONTRADICTED),
        ([0.05] * 6, "higher", SUPPORTED),  # just the smallest effect that counts
    ],
)
def test_by_hand(differences, direction, word):
    assert decide(differences, direction, least=0.05)[0] == word


def test_five_pairs_are_counted():
    assert decide(CLEAR[:5], "higher", 0.05) == (UNMEASURED, "5 of 6 pairs")


def test_noise_is_rarely_taken_for_an_effect():
    draws = np.random.default_rng(0).normal(0, 0.1, (1000, 6))
    words = [decide(list(draw), "higher", least=0.05)[0] for draw in draws if min(draw) > 0 or max(draw) < 0]
    # Only when all six agree in sign can the test reject: about 2 in 64, half of them in favour.
    assert 0.005 < words.count(SUPPORTED) / 1000 < 0.03
    others = [decide(list(draw), "higher", least=0.05)[0] for draw in draws[:60] if min(draw) < 0 < max(draw)]
    assert SUPPORTED not in others


CLAIM = Claim(
    "c", 1, "A is better.", "?", (Arm("a", "simclr"), Arm("b", "simclr")),
    (Contrast("a - b", {"a": 1, "b": -1}, "log.knn", least=0.05),), data=("objects", "cifar10-small"),
)  # fmt: skip


def findings(*words):
    return [Finding(CLAIM.contrasts[0], data, word, "why") for data, word in zip(CLAIM.data, words, strict=True)]


@pytest.mark.parametrize(
    ("published", "words", "verdict"),
    [
        ((), (SUPPORTED, UNMEASURED), SUPPORTED),
        ((), (SUPPORTED, UNDECIDED), SUPPORTED),
        ((), (SUPPORTED, CONTRADICTED), UNDECIDED),
        ((False,), (SUPPORTED, SUPPORTED), DEPENDS),
        ((True,), (CONTRADICTED, UNMEASURED), DEPENDS),
        ((True, False), (CONTRADICTED, UNMEASURED), CONTRADICTED),
        ((None, True), (SUPPORTED, UNMEASURED), SUPPORTED),
        ((False,), (UNDECIDED, UNDECIDED), UNDECIDED),
        ((False,), (UNMEASURED, SUPPORTED), UNMEASURED),
    ],
)
def test_of_several_sets_and_of_what_was_published(published, words, verdict):
    claim = replace(CLAIM, published=tuple(Published("t", "s", supports) for supports in published))
    word, why = judge(claim, findings(*words))
    assert word == verdict and "why" in why or verdict == UNDECIDED
    assert words[1] == UNMEASURED or f"cifar10-small: {words[1]}" in why


@pytest.mark.parametrize("weak", [UNMEASURED, CONTRADICTED, UNDECIDED, SUPPORTED])
def test_a_claim_of_two_contrasts_is_as_good_as_the_weaker(weak):
    contrasts = tuple(replace(CLAIM.contrasts[0], name=name) for name in ("first", "second", "third"))
    claim = replace(CLAIM, contrasts=contrasts, deciding=2, data=("objects",))
    for words in ((SUPPORTED, weak, CONTRADICTED), (weak, SUPPORTED, CONTRADICTED)):
        found = [Finding(each, "objects", word, word) for each, word in zip(contrasts, words, strict=True)]
        assert judge(claim, found) == (weak, weak)
    assert claim.fingerprint("smoke") != replace(claim, deciding=1).fingerprint("smoke")
    with pytest.raises(ValueError, match="a contrast that decides"):
        replace(claim, deciding=4)


@pytest.mark.parametrize(
    ("differences", "direction", "instead", "against"),
    [
        (negative(CLEAR), "higher", "the opposite was found", 0.05),
        (CLEAR, "lower", "the opposite was found", -0.05),
        (negative(TINY), "higher", "the opposite, too small to count", 0.05),
        (TINY, "higher", "an effect too small to count", 0.05),
        ([0.01, -0.01, 0.02, -0.02, 0.01, 0.0], "higher", "no effect that counts", 0.05),
        (CLEAR, "higher", "", 0.0),
        (NOISE, "higher", "", 0.0),
        (negative(TINY), "same", "", -0.05),
    ],
)
def test_what_was_found_instead_and_what_was_tested(differences, direction, instead, against):
    contrast = replace(CLAIM.contrasts[0], direction=direction)
    word, why = decide(differences, direction, 0.05)
    figures = {seed: {"a": each, "b": 0.0} for seed, each in enumerate(differences)}
    found = Finding(contrast, "objects", word, why, figures=figures, effect=summed_up(differences))
    assert found.contradiction == instead and found.words == (f"{word}: {instead}" if instead else word)
    value, p_value = found.tested
    assert value == against and (p_value < 0.05) == (word != UNDECIDED)


def test_of_findings_with_one_word_the_least_favourable_decides():
    contrasts = tuple(replace(CLAIM.contrasts[0], name=name) for name in ("first", "second"))
    claim = replace(CLAIM, contrasts=contrasts, deciding=2, data=("objects",))
    effects = (summed_up(NOISE), summed_up(negative(NOISE)))
    found = [Finding(each, "objects", UNDECIDED, "why", effect=effect) for each, effect in zip(contrasts, effects)]
    assert decisive(claim, found, "objects").contrast.name == "second"
    few = [replace(each, word=UNMEASURED) for each in found]
    assert decisive(claim, few, "objects").contrast.name == "first"
