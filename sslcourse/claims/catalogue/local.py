"""Claims 19 and 20: what local crops of one picture should do to each other."""

from sslcourse.claims.catalogue.arms import PLACES
from sslcourse.claims.catalogue.common import OWN_RATE, THREE_ERRORS, TWO_ERRORS, sized_arms
from sslcourse.claims.catalogue.own_rates import CROPS
from sslcourse.claims.claim import Claim, Contrast, Published

on_crops = sized_arms(PLACES, CROPS)


def logo(name: str, local: str, weight: float | None = None, **changes):
    """LoGo whose local crops do `local` to each other, with a weight."""
    weighted = {} if weight is None else {"local_weight": weight}
    return on_crops(name, "logo", local=local, **weighted, **changes)


NONE = logo("nothing", "none")
ATTRACT = {weight: logo(f"attract, {weight}", "attract", weight) for weight in (0.1, 1.0)}
APART = tuple(
    logo(f"{name}, {weight}", kind, weight)
    for name, kind in (("cosine", "repel"), ("learned", "learned"))
    for weight in (0.01, 0.1)
)
IOU = {"unit": "mean IoU", "why_least": "about half of what one more kind of loss is published to give (claim 1)"}
HELD_EQUAL = (
    "Encoder, global and local crops, the attraction of each crop to the global ones, pictures, their order, updates "
    "and first weights of what two arms share, by the seed."
    + OWN_RATE
    + " Between such runs of arms without negatives kNN differs by .1 and more, which makes that a guess."
)


def against_none(arm: str) -> dict[str, int]:
    """An arm, less that in which local crops do nothing to each other."""
    return {arm: 1, "nothing": -1}


REPULSION = Claim(
    id="local-crops-apart",
    number=19,
    sentence="Pushing local crops of a picture apart gives more distinct, more accurate local features.",
    question="Do patches draw the parts of objects better, and crops that share nothing differ more, when local crops "
    "of one picture repel each other?",
    deciding=2,
    beside="kNN: learned repulsion, .1 - none",
    arms=(NONE, ATTRACT[0.1], *APART),
    contrasts=(
        Contrast("parts: learned repulsion, .1 - none", against_none("learned, 0.1"), "parts", 0.02, **IOU),
        *(
            Contrast(
                f"cosine of crops that share nothing: {name} - none",
                against_none(arm),
                "crops.apart",
                least=0.05,
                direction="lower",
                unit="cosine, from 0 (other pictures) to 1",
                why_least="a twentieth of the scale",
            )
            for name, arm in (("learned repulsion, .1", "learned, 0.1"), ("cosine, .1", "cosine, 0.1"))
        ),
        Contrast("parts: learned repulsion, .01 - none", against_none("learned, 0.01"), "parts", 0.02, **IOU),
        Contrast("parts: cosine, .1 - none", against_none("cosine, 0.1"), "parts", 0.02, **IOU),
        Contrast("parts: cosine, .01 - none", against_none("cosine, 0.01"), "parts", 0.02, **IOU),
        Contrast("parts: attraction, .1 - none", against_none("attract, 0.1"), "parts", 0.02, "lower", **IOU),
        Contrast(
            "kNN of local crops: learned repulsion, .1 - none",
            against_none("learned, 0.1"),
            "crops.knn",
            least=0.03,
            why_least=TWO_ERRORS,
        ),
        Contrast("kNN: learned repulsion, .1 - none", against_none("learned, 0.1"), "knn", 0.03, why_least=TWO_ERRORS),
    ),
    published=(
        Published(
            "CIFAR-10, kNN: 87.67 %; a student's reproduction had 64.13 %. A number without the repulsion was not seen",
            "Zhang et al. 2022 (LoGo, arXiv 2203.17205), second-hand",
            supports=None,
        ),
    ),
    held_equal=HELD_EQUAL,
    could_be_wrong="The official code bounds the repulsion to 1.5 % of the main gradient; here two weights stand for "
    "that. Local crops overlap and mostly show the same object, so that repelling them fights the attraction of both "
    "to the global crop. Patches have no loss of their own: parts are a by-product.",
)

SHORTCUT = Claim(
    id="all-crops-together",
    number=20,
    sentence="Pulling all crops of a picture together leads to a trivial shortcut.",
    question="Are features worse, and do they keep fewer dimensions, when local crops also attract each other?",
    deciding=2,
    beside="kNN without negatives, predictor and stop-gradient instead: nothing - attraction, 1",
    arms=(
        NONE,
        *ATTRACT.values(),
        logo("nothing, no negatives", "none", similarity="cosine"),
        logo("attract, 1.0, no negatives", "attract", 1.0, similarity="cosine"),
    ),
    contrasts=(
        Contrast(
            "kNN: nothing - attraction, 1", {"nothing": 1, "attract, 1.0": -1}, "knn", 0.05, why_least=THREE_ERRORS
        ),
        Contrast(
            "effective rank of centred features: nothing - attraction, 1",
            {"nothing": 1, "attract, 1.0": -1},
            "log.centered_rank",
            least=2.0,
            unit="dimensions",
            why_least="two of the 31 that a batch of 32 pictures can have",
        ),
        Contrast(
            "kNN: nothing - attraction, .1", {"nothing": 1, "attract, 0.1": -1}, "knn", 0.05, why_least=THREE_ERRORS
        ),
        Contrast(
            "cosine of crops that share nothing: attraction, 1 - nothing",
            {"attract, 1.0": 1, "nothing": -1},
            "crops.apart",
            least=0.05,
            unit="cosine, from 0 (other pictures) to 1",
            why_least="a twentieth of the scale",
        ),
        Contrast(
            "kNN without negatives, predictor and stop-gradient instead: nothing - attraction, 1",
            {"nothing, no negatives": 1, "attract, 1.0, no negatives": -1},
            "knn",
            least=0.05,
            why_least=THREE_ERRORS,
        ),
    ),
    published=(
        Published(
            "n/a for local crops among themselves. Local to global attraction lowers BYOL from 71.4 to 64.8 % "
            "(ViT-S) and raises DINO, SwAV and MoCo-v2",
            "Caron et al. 2021 (DINO), appendix, multi-crop for other methods",
            supports=None,
        ),
    ),
    held_equal=HELD_EQUAL,
    could_be_wrong="Negatives forbid the trivial solution in three arms; two do without them. Attraction at weight 1 "
    "is as strong as all other attractions together.",
)

CLAIMS = (REPULSION, SHORTCUT)
