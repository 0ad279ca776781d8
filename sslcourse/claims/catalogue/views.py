"""Claims 17 and 18: what happens to SimCLR and BYOL when transformations are taken away, and why."""

from sslcourse.claims.catalogue.collapse import BYOL, SIMCLR, whole
from sslcourse.claims.catalogue.common import OWN_RATE, THREE_ERRORS
from sslcourse.claims.claim import Claim, Contrast, Published

NO_COLOUR = {"color": 0, "grayscale": 0}
REMOVED = {
    "no greyscale": {"grayscale": 0},
    "no colour": NO_COLOUR,
    "crop only": NO_COLOUR | {"flip": 0},
}
SIMCLR_NO_COLOUR = whole("SimCLR, no colour", "simclr", **NO_COLOUR)


def loses_more(what: str) -> dict[str, int]:
    """How much more SimCLR loses than BYOL."""
    return {"SimCLR": 1, f"SimCLR, {what}": -1, "BYOL": -1, f"BYOL, {what}": 1}


TRANSFORMATIONS = Claim(
    id="fewer-transformations",
    number=17,
    sentence="SimCLR suffers more than BYOL when transformations are removed.",
    question="Do SimCLR's features lose more than BYOL's when views differ by their crop alone?",
    beside="crops alone: BYOL - SimCLR",
    arms=(
        SIMCLR,
        BYOL,
        *(
            whole(f"{title}, {what}", kind, **changes)
            for title, kind in (("SimCLR", "simclr"), ("BYOL", "byol"))
            for what, changes in REMOVED.items()
        ),
    ),
    contrasts=(
        Contrast(
            "loss of SimCLR - loss of BYOL, from all transformations to crops alone",
            loses_more("crop only"),
            "knn",
            least=0.05,
            why_least="a third of the published difference of 14.5 points",
        ),
        Contrast(
            "loss of SimCLR - loss of BYOL, without colour (jitter and greyscale)",
            loses_more("no colour"),
            "knn",
            least=0.05,
            why_least=THREE_ERRORS,
        ),
        Contrast(
            "loss of SimCLR - loss of BYOL, without greyscale",
            loses_more("no greyscale"),
            "knn",
            least=0.05,
            why_least=THREE_ERRORS,
        ),
        Contrast(
            "loss of SimCLR, crops alone", {"SimCLR": 1, "SimCLR, crop only": -1}, "knn", 0.05, why_least=THREE_ERRORS
        ),
        Contrast("loss of BYOL, crops alone", {"BYOL": 1, "BYOL, crop only": -1}, "knn", 0.05, why_least=THREE_ERRORS),
        Contrast(
            "crops alone: BYOL - SimCLR",
            {"BYOL, crop only": 1, "SimCLR, crop only": -1},
            "knn",
            least=0.05,
            why_least=THREE_ERRORS,
        ),
    ),
    data=("objects", "cifar10-small"),
    published=(
        Published(
            "crops alone: BYOL falls from 72.5 to 59.4 %, SimCLR from 67.9 to 40.3 %",
            "Grill et al. 2020 (BYOL), table 17",
            supports=True,
        ),
        Published(
            "without colour: BYOL falls by 9.1 points, SimCLR by 22.2",
            "Grill et al. 2020 (BYOL), table 17",
            supports=True,
        ),
    ),
    held_equal="All settings but views, the same for both methods, and learning rates; encoder, updates, images a "
    "step, pictures and first weights of the encoder, by the seed." + OWN_RATE,
    could_be_wrong="Points of accuracy are counted, as in the paper's figure 3b. The method that stands higher has "
    "more to lose: on seed 0 SimCLR is .38 above the untrained encoder and BYOL .13. With crops alone both end below "
    "that encoder on the drawn objects, at every rate, where nothing is left to lose: most of the effect is SimCLR's "
    "higher start. The last contrast compares where they end. Colours tell drawn objects apart and no class, which "
    "makes this shortcut as strong as it can be. No arm has a blur, which the recipe for small pictures leaves out; "
    "the paper's full set has it.",
)

TOO_HARD = Claim(
    id="too-hard-or-too-easy",
    number=18,
    sentence="SimCLR suffers when colour transformations are removed, because the pair of views becomes too hard to "
    "find.",
    question="Without colour transformations, does SimCLR find the other view of a picture less often, or more often?",
    beside="kNN: hue drawn anew for each view - no colour transformation",
    arms=(
        SIMCLR,
        SIMCLR_NO_COLOUR,
        whole("SimCLR, hue alone", "simclr", color=1, brightness=0, contrast=0, saturation=0, hue=0.5, grayscale=0),
        whole("SimCLR, grey", "simclr", color=0, grayscale=1),
    ),
    contrasts=(
        Contrast(
            "contrastive accuracy without colour transformations - with",
            {"SimCLR, no colour": 1, "SimCLR": -1},
            "log.contrastive_accuracy",
            least=0.05,
            direction="lower",
            unit="contrastive accuracy",
            why_least="a twentieth of the views, about six of the 128 in a batch",
        ),
        Contrast(
            "kNN with colour transformations - without",
            {"SimCLR": 1, "SimCLR, no colour": -1},
            "knn",
            least=0.05,
            why_least=THREE_ERRORS,
        ),
        Contrast(
            "kNN: hue drawn anew for each view - no colour transformation",
            {"SimCLR, hue alone": 1, "SimCLR, no colour": -1},
            "knn",
            least=0.05,
            why_least=THREE_ERRORS,
        ),
        Contrast(
            "contrastive accuracy: hue drawn anew for each view - no colour transformation",
            {"SimCLR, hue alone": 1, "SimCLR, no colour": -1},
            "log.contrastive_accuracy",
            least=0.05,
            direction="lower",
            unit="contrastive accuracy",
            why_least="as above",
        ),
        Contrast(
            "kNN: grey views - no colour transformation",
            {"SimCLR, grey": 1, "SimCLR, no colour": -1},
            "knn",
            least=0.05,
            why_least=THREE_ERRORS,
        ),
        Contrast(
            "contrastive accuracy: grey views - no colour transformation",
            {"SimCLR, grey": 1, "SimCLR, no colour": -1},
            "log.contrastive_accuracy",
            least=0.05,
            direction="lower",
            unit="contrastive accuracy",
            why_least="as above",
        ),
    ),
    data=("objects", "cifar10-small"),
    published=(
        Published(
            "with one transformation alone the features are poor although the model finds the positive pairs almost "
            "perfectly; crops of one image share their colour histogram",
            "Chen et al. 2020 (SimCLR), section 3.1 and figures 5 and 6",
            supports=False,
        ),
        Published(
            "with crops alone the task can be mostly solved by colour histograms",
            "Grill et al. 2020 (BYOL), section 5",
            supports=False,
        ),
    ),
    held_equal="All settings but the colours of the views and the learning rates; pictures, their order and first "
    "weights, by the seed." + OWN_RATE,
    could_be_wrong="Each arm's contrastive accuracy is that of its own views, among 64 pictures, in training: it says "
    "how hard the task is for that network, at its rate, not for all: another rate, on another machine, moved it by "
    ".07 on the mean (grey views). Each drawn object has colours of its own, which no class has: the shortcut is as "
    "strong as it can be. Turning the hue also takes away what hue tells of a class, which is nothing in the drawn "
    "objects and something in photographs. After grey views kNN is asked of coloured pictures, which that arm has "
    "never seen.",
)

CLAIMS = (TRANSFORMATIONS, TOO_HARD)
