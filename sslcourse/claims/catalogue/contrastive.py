"""Claims on negatives and positive pairs."""

from sslcourse.claims.claim import Arm, Claim, Contrast, Published

SIMCLR = Arm("SimCLR", "simclr")

NEGATIVES = Claim(
    id="simclr-negatives",
    number=14,
    sentence="Without negatives SimCLR collapses.",
    question="Do features become useless when SimCLR only pulls two views of a picture together?",
    arms=(SIMCLR, Arm("no negatives", "simclr", {"negatives": False})),
    contrasts=(
        Contrast(
            "kNN with negatives - without",
            {"SimCLR": 1, "no negatives": -1},
            "knn",
            least=0.05,
            why_least="a twentieth of the pictures: five standard errors of an accuracy on 1,000 of them",
        ),
        Contrast(
            "effective rank with negatives - without",
            {"SimCLR": 1, "no negatives": -1},
            "log.effective_rank",
            least=2.0,
            unit="dimensions",
        ),
    ),
    data=("objects", "cifar10-small"),
    published=(
        Published(
            "without a predictor, an EMA target and negatives, BYOL's ablation falls to 0.1 % top-1 on ImageNet",
            "Grill et al. 2020, table 5b",
            supports=True,
        ),
    ),
    held_equal="Recipe, encoder, views, updates, order of the pictures and first weights (by the seed).",
    could_be_wrong="Momentary collapse may need longer than these runs; the rank is that of the training views.",
)

CLAIMS = (NEGATIVES,)
