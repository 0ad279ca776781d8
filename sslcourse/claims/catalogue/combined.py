"""Claims 10 to 13: class token and patches distilled, patches removed, pixels reconstructed: all and each left out."""

from sslcourse.claims.catalogue.common import OTHER_CROPS, TWO_ERRORS
from sslcourse.claims.catalogue.longer import CLS, LOW, LOW_PIXELS, VISIBLE, longer
from sslcourse.claims.claim import Claim, Contrast, Published

# Three switches: patches distilled (where the student sees them), low attention removed, pixels reconstructed.
ALL_THREE = longer("all three", "low", "kept", "removed")
NO_PATCHES, NO_PIXELS = LOW_PIXELS, longer("patches, removal", "low", "kept")
NO_REMOVAL = longer("patches, pixels", patches="kept", pixels="all")
PIXELS = longer("CLS, pixels", pixels="all")
CELLS = (CLS, VISIBLE, LOW, PIXELS, NO_PIXELS, NO_REMOVAL, NO_PATCHES, ALL_THREE)
PARTS = {
    "patches": (VISIBLE, NO_PIXELS, NO_REMOVAL, ALL_THREE),
    "removal": (LOW, NO_PIXELS, NO_PATCHES, ALL_THREE),
    "pixels": (PIXELS, NO_REMOVAL, NO_PATCHES, ALL_THREE),
}


def effect_of(part: str) -> dict[str, float]:
    """The mean of the four arms with a part, less that of the four without."""
    return {arm.name: 0.25 if arm in PARTS[part] else -0.25 for arm in CELLS}


def without(arm) -> dict[str, float]:
    """All three, less the arm without one of them."""
    return {ALL_THREE.name: 1, arm.name: -1}


HELD_EQUAL = (
    "Encoder, crops, pictures, their order, updates and first weights of what two arms share, by the seed; all eight "
    "combinations of the three parts. Where nothing is removed all patches are reconstructed. Each arm has the best of "
    "its learning rates by its own kNN, of those at which its decoder painted (seed 0); all decoders are alike and "
    "learn at one rate. The weights of the losses are those of the recipe, chosen with all three."
) + OTHER_CROPS
COULD_BE_WRONG = (
    "The class token is distilled in every arm. Reconstructing all patches, where none is removed, is an easier task "
    "than the removed ones. Equal steps are not equal time: claim 5 has the times. A learning rate rests on one run: "
    "at the chosen one another seed's decoder may hardly paint. "
)

TOGETHER = Claim(
    id="all-three",
    number=10,
    sentence="Distilled patches, removal and reconstruction are best together.",
    question="Does the whole method know more of a picture's class than with any one of its three parts left out?",
    deciding=3,
    beside="all three - none of them",
    arms=CELLS,
    contrasts=(
        Contrast("all three - without patches", without(NO_PATCHES), "knn", 0.03, why_least=TWO_ERRORS),
        Contrast("all three - without removal", without(NO_REMOVAL), "knn", 0.03, why_least=TWO_ERRORS),
        Contrast("all three - without pixels", without(NO_PIXELS), "knn", 0.03, why_least=TWO_ERRORS),
        Contrast("all three - none of them", {"all three": 1, "CLS": -1}, "knn", 0.03, why_least=TWO_ERRORS),
        Contrast("patches, mean over the other parts", effect_of("patches"), "knn", 0.03, why_least=TWO_ERRORS),
        Contrast("removal, mean over the other parts", effect_of("removal"), "knn", 0.03, why_least=TWO_ERRORS),
        Contrast("pixels, mean over the other parts", effect_of("pixels"), "knn", 0.03, why_least=TWO_ERRORS),
        Contrast("none of them - the same untrained", {"CLS": 1, "CLS@start": -1}, "knn", 0.03, why_least=TWO_ERRORS),
    ),
    published=(
        Published(
            "two parts: kNN 69.1 % with class token and masked patches, 67.9 % with the class token alone",
            "Zhou et al. 2022 (iBOT), table 9",
            supports=None,
        ),
    ),
    held_equal=HELD_EQUAL,
    could_be_wrong=COULD_BE_WRONG + "The weights of the losses were chosen for the whole method, which favours it.",
)

SPEED = Claim(
    id="without-removal",
    number=11,
    sentence="Without removal the combined method loses its speed.",
    question="How much slower is a step of the whole method when nothing is removed?",
    beside="kNN with removal - without",
    arms=(ALL_THREE, NO_REMOVAL),
    contrasts=(
        Contrast(
            "steps a second with removal / without, less 1",
            {"all three": 1},
            "training_speed.removal",
            least=0.1,
            unit="speed-up less 1",
            why_least="a tenth: less is not worth an option",
        ),
        Contrast(
            "the same by counted operations",
            {"all three": 1},
            "training_speed.predicted_removal",
            least=0.1,
            unit="speed-up less 1",
            why_least="as above",
        ),
        Contrast(
            "steps a second with removal and reconstruction / with neither, less 1",
            {"all three": 1},
            "training_speed.plain",
            least=0.1,
            unit="speed-up less 1",
            why_least="as above",
        ),
        Contrast("kNN with removal - without", without(NO_REMOVAL), "knn", 0.03, "same", why_least=TWO_ERRORS),
    ),
    published=(
        Published(
            "2.8 times, with three quarters removed at random, no teacher and no distilled patches, against mask "
            "tokens in their place (ViT-L)",
            "He et al. 2022 (MAE), table 2",
            supports=None,
        ),
    ),
    held_equal=HELD_EQUAL + " Steps are timed in turns in one process, while no other run of the command goes.",
    could_be_wrong="A pair is one process on one machine, not a training run. Steps are in float32 and without a CUDA "
    "graph, at scale gpu too. The teacher sees all patches either way.",
)

DETAIL = Claim(
    id="without-patches",
    number=12,
    sentence="Without distilled patches the combined method loses local detail.",
    question="Do patches of the whole method know less of where the object is when their loss is left out?",
    beside="segmentation of objects: distilled patches, mean over the other parts",
    arms=CELLS,
    contrasts=(
        Contrast(
            "segmentation of objects: all three - without distilled patches",
            without(NO_PATCHES),
            "segmentation.object",
            least=0.02,
            unit="mean IoU",
            why_least="half of the published 3.8 points",
        ),
        Contrast(
            "segmentation of objects: distilled patches, mean over the other parts",
            effect_of("patches"),
            "segmentation.object",
            least=0.02,
            unit="mean IoU",
            why_least="as above",
        ),
        Contrast(
            "segmentation of parts: distilled patches, mean over the other parts",
            effect_of("patches"),
            "parts",
            least=0.02,
            unit="mean IoU",
            why_least="as above",
        ),
        Contrast(
            "segmentation of objects: pixels, mean over the other parts",
            effect_of("pixels"),
            "segmentation.object",
            least=0.02,
            unit="mean IoU",
            why_least="as above",
        ),
    ),
    published=(
        Published(
            "ADE20K, linear head on frozen patches: 38.3 with masked patches distilled (iBOT), 34.5 without (DINO)",
            "Zhou et al. 2022 (iBOT), ADE20K, ViT-B",
            supports=None,  # the patches that decide are visible
        ),
        Published(
            "kNN 67.1 % with visible patches distilled, 67.9 % without: here they are the visible ones",
            "Zhou et al. 2022 (iBOT), appendix E",
            supports=None,  # of the class, and segmentation decides
        ),
    ),
    held_equal=HELD_EQUAL,
    could_be_wrong=COULD_BE_WRONG
    + "The patches that the student sees are distilled, as the homework says; claim 1 has "
    "the other ways.",
)

ROBUSTNESS = Claim(
    id="without-reconstruction",
    number=13,
    sentence="Without reconstruction the combined method loses robustness.",
    question="Does the whole method keep less of its accuracy in half-hidden pictures without reconstruction? (Noise "
    "and low resolution stand beside it.)",
    beside="noise and low resolution: pixels, mean over the other parts",
    arms=CELLS,
    contrasts=(
        Contrast(
            "share of accuracy left with random patches hidden: all three - without pixels",
            without(NO_PIXELS),
            "occlusion.random",
            least=0.05,
            unit="share of what is known of clean pictures",
            why_least="a twentieth of what is known of clean pictures",
        ),
        Contrast(
            "random patches hidden: pixels, mean over the other parts",
            effect_of("pixels"),
            "occlusion.random",
            least=0.05,
            unit="share of what is known of clean pictures",
            why_least="as above",
        ),
        Contrast(
            "object hidden: pixels, mean over the other parts",
            effect_of("pixels"),
            "occlusion.salient",
            least=0.05,
            unit="share of what is known of clean pictures",
            why_least="as above",
        ),
        Contrast(
            "noise and low resolution: pixels, mean over the other parts",
            effect_of("pixels"),
            "corruptions.both",
            least=0.05,
            unit="share of what is known of clean pictures",
            why_least="as above",
        ),
    ),
    published=(
        Published(
            "salient patches hidden: iBOT 65.9 %, DINO 64.7 %, clean 77.9 and 77.0 %: distilled patches, no pixels",
            "Zhou et al. 2022 (iBOT), table 8",
            supports=None,
        ),
    ),
    held_equal=HELD_EQUAL + " The damage is the same for every arm and seed.",
    could_be_wrong=COULD_BE_WRONG + "Shares are of the clean accuracy above chance: an arm with less of that has the "
    "larger error.",
)

CLAIMS = (TOGETHER, SPEED, DETAIL, ROBUSTNESS)
