"""The claims themselves: arms that differ in what the claim varies and in nothing else, and runs that can start."""

import math
from itertools import combinations

import pytest

from sslcourse.claims.catalogue import CLAIMS
from sslcourse.claims.measures import MEASURES
from sslcourse.claims.rates import tried
from sslcourse.settings import lasting
from sslcourse.training.experiment import rehearse


def trained(claim):
    return [arm for arm in claim.arms if arm.name != "untrained"]


NORM = {"method.head_norm", "method.output_norm"}
COLOUR = {f"method.augmentation.{name}" for name in ("color", "grayscale")}
REMOVAL, PIXELS, PATCHES = "method.removal.policy", "method.reconstruction", "method.patch_loss"
JITTER = {f"method.augmentation.{name}" for name in ("brightness", "contrast", "saturation", "hue")}
# What the arms of one method may differ in.
VARIED = {
    "patches-give-detail": {REMOVAL, PATCHES, "method.cls"},
    "strides-lose-detail": {PATCHES},
    "attention-marks-objects": set(),
    "removal-accuracy": {REMOVAL, *(f"fit.{name}" for name in ("steps", "evaluate_every", "checkpoint_every"))},
    "removal-training-speed": {PIXELS},
    "removal-inference-speed": set(),
    "reconstruction-occlusion": {REMOVAL, PIXELS},
    "reconstruction-corruption": {REMOVAL, PIXELS},
    "regular-scenes": {REMOVAL, PIXELS},
    "all-three": {REMOVAL, PATCHES, PIXELS},
    "without-removal": {REMOVAL, PIXELS},
    "without-patches": {REMOVAL, PATCHES, PIXELS},
    "without-reconstruction": {REMOVAL, PATCHES, PIXELS},
    "local-crops-apart": {"method.local", "method.local_weight"},
    "all-crops-together": {"method.local", "method.local_weight", "method.similarity"},
    "simclr-negatives": {"method.negatives"},
    "byol-target": NORM
    | {f"method.{name}" for name in ("momentum", "predictor", "stop_gradient", "predictor_lr_scale")},
    "batch-size": NORM | {"method.micro_batch"},
    "fewer-transformations": COLOUR | {"method.augmentation.flip"},
    "too-hard-or-too-easy": COLOUR | JITTER,
}
# Claims whose arms may have a learning rate each at scale cpu: the best for it, see test_rates.py.
OWN_RATES = {claim.id for claim in CLAIMS.values() if all(tried(arm, claim.data[0], "cpu") for arm in trained(claim))}
# Figures of one arm that are differences already.
DIFFERENCES = {f"attention.{name}" for name in ("over_random", "over_contrast", "recall_over_random")} | {
    f"{speed}_speed.{name}"
    for speed, names in (("training", ("removal", "plain")), ("inference", ("teacher", "in_network")))
    for each in names
    for name in (each, f"predicted_{each}")
}  # fmt: skip
DIFFERENCES |= {"inference_speed.in_network_knn", "pixels.clutter_over_regular"}
# Of the untrained arm, besides.
UNTRAINED = {f"fit.{name}" for name in ("steps", "warmup_steps", "learning_rate", "evaluate_every", "checkpoint_every")}


def leaves(tree, prefix=""):
    """The fields of a recipe as `path: value`."""
    found = {}
    for name, value in tree.items():
        inner = leaves(value, f"{prefix}{name}.") if isinstance(value, dict) else {prefix + name: value}
        found |= inner
    return found


def differing(first, second):
    ours, theirs = (leaves(lasting(experiment.recipe)) for experiment in (first, second))
    return {path for path in ours.keys() | theirs.keys() if ours.get(path) != theirs.get(path)}


@pytest.mark.parametrize("scale", ["cpu", "gpu"])
@pytest.mark.parametrize("claim", CLAIMS.values(), ids=CLAIMS)
def test_arms_of_one_method_differ_in_what_the_claim_varies_and_in_nothing_else(claim, scale):
    seen = set()
    for data in claim.data:
        runs = claim.experiments(data, scale, seed=1)
        for (name, first), (other, second) in combinations(runs.items(), 2):
            if first.recipe.kind == second.recipe.kind:
                found = differing(first, second)
                told_apart = found or first.variant != second.variant
                assert told_apart or scale == "gpu", f"{name} and {other} are one run"
                seen |= found - (UNTRAINED if "untrained" in (name, other) else set())
        if claim.id in OWN_RATES:
            seen -= {"fit.learning_rate"}
        seen = {path for path in seen if not path.startswith("method.decoder_")}  # see the next test
    # The recipe for GPUs may already have what an arm sets.
    assert seen == VARIED[claim.id] or (scale == "gpu" and seen < VARIED[claim.id])


@pytest.mark.parametrize("claim", CLAIMS.values(), ids=CLAIMS)
def test_arms_with_a_decoder_have_the_same_one_at_the_same_rate(claim):
    decoders = set()
    for run in claim.experiments(claim.data[0], "cpu", seed=1).values():
        method, rate = run.recipe.method, run.recipe.fit.learning_rate
        if getattr(method, "decodes", False):
            size = method.decoder_dim, method.decoder_depth, method.decoder_heads
            decoders.add((*size, round(rate * method.decoder_lr_scale, 9)))
    assert len(decoders) <= 1


@pytest.mark.parametrize("scale", ["cpu", "gpu"])
@pytest.mark.parametrize("claim", CLAIMS.values(), ids=CLAIMS)
def test_arms_of_two_methods_share_encoder_pictures_and_loop(claim, scale):
    for data in claim.data:
        named = claim.experiments(data, scale, 1).items()
        runs = [run.recipe for name, run in named if name not in ("untrained", "CLS, as long")]
        encoders = {run.encoder.name for run in runs}
        assert len(encoders) == 1 or claim.id == "strides-lose-detail"
        assert len({(run.data, run.fit.batch_size, run.fit.weight_decay) for run in runs}) == 1
        assert len({run.fit.learning_rate for run in runs}) == 1 or claim.id in OWN_RATES
        if scale == "cpu":
            assert len({run.fit.steps for run in runs}) == 1


@pytest.mark.parametrize("claim", CLAIMS.values(), ids=CLAIMS)
def test_contrasts_are_differences_of_known_figures_with_a_reason_for_their_size(claim):
    names = [contrast.name for contrast in claim.contrasts]
    assert len(set(names)) == len(names)
    for contrast in claim.contrasts:
        total, differences = sum(contrast.weights.values()), contrast.measure in DIFFERENCES
        assert math.isclose(total, 1 if differences else 0, abs_tol=1e-9) and contrast.why_least
        assert contrast.measure.split(".")[0] in MEASURES.keys() | {"log"}
    used = {arm for contrast in claim.contrasts for arm in contrast.weights}
    used = {name.partition("@")[0] for name in used}
    assert used == {arm.name for arm in claim.arms}, "an arm that no contrast needs is trained for nothing"


@pytest.mark.parametrize("claim", CLAIMS.values(), ids=CLAIMS)
def test_published_numbers_name_their_table(claim):
    assert claim.published or "No published number" in claim.could_be_wrong
    for published in claim.published:
        assert any(char.isdigit() for char in published.source)


@pytest.mark.slow
def test_every_run_takes_a_step():
    """On device meta, which computes nothing: settings that do not fit are refused now, not in an hour."""
    runs = {run.key: run for claim in CLAIMS.values() for run in claim.experiments(claim.data[0], "cpu", 1).values()}
    for run in runs.values():
        rehearse(run.build(run.recipe), run.recipe)
