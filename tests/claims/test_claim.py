"""The form of a claim: runs shared by key, what makes rows stale, what is refused."""

from dataclasses import replace

import pytest

from sslcourse.claims.catalogue import CLAIMS
from sslcourse.claims.claim import SIZES, Arm, Claim, Contrast
from sslcourse.training.experiment import Experiment
from sslcourse.training.recipes import METHODS, find_recipe

CLAIM = CLAIMS["simclr-negatives"]


def test_every_claim_can_be_run_at_every_scale_and_says_what_a_reader_needs():
    for claim in CLAIMS.values():
        for scale in SIZES:
            for data in claim.data:
                claim.experiments(data, scale, seed=1)
            claim.fingerprint(scale)
        assert claim.sentence and claim.question and claim.held_equal and claim.could_be_wrong, claim.id
        assert claim.beside, f"{claim.id}: which contrast limits the verdict most?"
    numbers = [claim.number for claim in CLAIMS.values()]
    assert numbers == sorted(set(numbers))


def test_what_decides_changes_the_fingerprint_and_what_explains_does_not():
    first, *others = CLAIM.contrasts
    before = CLAIM.fingerprint("smoke")
    decides = (
        {"contrasts": (replace(first, least=first.least * 2), *others)},
        {"contrasts": (replace(first, direction="same"), *others)},
        {"arms": (Arm("SimCLR", "simclr", {"temperature": 0.5}), *CLAIM.arms[1:])},
        {"data": CLAIM.data[:1]},
        {"sentence": "SimCLR collapses."},
    )
    assert all(replace(CLAIM, **change).fingerprint("smoke") != before for change in decides)
    explains = {"could_be_wrong": "much", "held_equal": "little", "question": "?", "beside": CLAIM.contrasts[-1].name}
    assert replace(CLAIM, **explains).fingerprint("smoke") == before


def test_equal_runs_are_shared_and_seeds_and_pictures_are_not():
    arm, again = CLAIM.arms[0], replace(CLAIM.arms[0], name="another name")
    key = arm.experiment("objects", "smoke", 1).key
    assert again.experiment("objects", "smoke", 1, device="cpu").key == key
    assert arm.experiment("objects", "smoke", 2).key != key
    assert arm.experiment("cifar10-small", "smoke", 1).key != key
    assert replace(arm, data="cifar10-small").experiment("objects", "smoke", 1).key != key


def test_the_more_special_place_wins():
    at = {"smoke": {"temperature": 0.2}, "smoke/objects": {"temperature": 0.4}}
    arm = Arm("SimCLR", "simclr", {"temperature": 0.1}, at=at)
    found = {
        place: arm.experiment(*place, seed=1).recipe.method.temperature
        for place in [("objects", "smoke"), ("cifar10-small", "smoke"), ("objects", "cpu")]
    }
    assert list(found.values()) == [0.4, 0.2, 0.1]


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="multiple of 4"):
        Arm("SimCLR", "simclr", {"steps": 10}).experiment("objects", "smoke", 1)
    with pytest.raises(ValueError, match="no arm of claim"):
        replace(CLAIM, contrasts=(Contrast("a", {"SimCLRR": 1}, "knn", 0.1),))
    with pytest.raises(ValueError, match="positive"):
        Contrast("a", {"SimCLR": 1}, "knn", least=0)
    with pytest.raises(ValueError, match="does not decide"):  # what decides already stands there
        replace(CLAIM, beside=CLAIM.contrasts[0].name)
    with pytest.raises(ValueError, match="two arms"):
        Claim("x", 1, "s", "q", (CLAIM.arms[0],) * 2, CLAIM.contrasts)


def test_kept_runs_keep_their_keys():
    # A setting that you add must be `later(default)`, see sslcourse/settings.py; for a changed recipe, mend the table.
    keys = {kind: Experiment(find_recipe(kind, scale="smoke")).key[:6] for kind in METHODS}
    assert keys == {
        "simclr": "488448",
        "byol": "b92724",
        "dino": "363c01",
        "ibot": "4b93f3",
        "logo": "1eeade",
        "combined": "04efff",
    }
