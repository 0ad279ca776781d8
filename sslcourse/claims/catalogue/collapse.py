"""Claims 14 to 16: what keeps SimCLR and BYOL from collapse, and what their batches are for."""

from sslcourse.claims.catalogue import own_rates
from sslcourse.claims.catalogue.common import OWN_RATE, THREE_ERRORS, TWO_ERRORS, WHOLE, sized_arms, untrained
from sslcourse.claims.claim import Claim, Contrast, Published

whole = sized_arms(WHOLE, own_rates.VIEWS)
SIMCLR = whole("SimCLR", "simclr")
NO_NEGATIVES = whole("no negatives", "simclr", negatives=False)

NEGATIVES = Claim(
    id="simclr-negatives",
    number=14,
    sentence="Without negatives SimCLR collapses.",
    question="Does SimCLR map all pictures to one point when it only pulls the two views of a picture together?",
    beside="kNN untrained - without negatives",
    arms=(SIMCLR, NO_NEGATIVES, untrained("simclr")),
    contrasts=(
        Contrast(
            "cosine of two pictures' projections, without negatives - with",
            {"no negatives": 1, "SimCLR": -1},
            "log.negative_cosine",
            least=0.5,
            unit="cosine",
            why_least="half of the way from pictures that have nothing in common (0) to one point (1)",
        ),
        Contrast(
            "kNN with negatives - without", {"SimCLR": 1, "no negatives": -1}, "knn", least=0.05, why_least=THREE_ERRORS
        ),
        Contrast(
            "kNN untrained - without negatives",
            {"untrained": 1, "no negatives": -1},
            "knn",
            0.05,
            why_least=THREE_ERRORS,
        ),
        Contrast(
            "effective rank of centred features, with negatives - without",
            {"SimCLR": 1, "no negatives": -1},
            "log.centered_rank",
            least=2.0,
            unit="dimensions",
            why_least="two of the 63 dimensions that a batch can have",
        ),
    ),
    data=("objects", "cifar10-small"),
    published=(
        Published(
            "0.1 % ImageNet top-1, which is chance, with one network, no predictor and no negatives; 69.4 % with them",
            "Grill et al. 2020 (BYOL), tables 5b and 19",
            supports=True,
        ),
        Published(
            "67.7 % without negatives, by a predictor and a stop-gradient: SimCLR's loss needs them, not the idea",
            "Chen and He 2021 (SimSiam), table 1",
            supports=None,
        ),
    ),
    held_equal="All settings but the negatives; first weights, pictures, their order and views, by the seed."
    + OWN_RATE,
    could_be_wrong="The cosine is that of projections in training, where batch statistics in the head keep pictures "
    "apart; features before the head may collapse less, which kNN and the rank show. With seed 0 "
    "kNN ended below the untrained network's at each of five rates without negatives (.115 to .183).",
)

BYOL = whole("BYOL", "byol")
# Neither projector nor predictor sees other images.
ALONE = {"head_norm": "group", "output_norm": "none"}

on_target = sized_arms(WHOLE, own_rates.TARGET)

TARGET = Claim(
    id="byol-target",
    number=15,
    sentence="BYOL does not collapse, mainly because its target network is a running mean (EMA) of the online one.",
    question="Does BYOL lose more without its running mean, or without its predictor?",
    beside="kNN without the predictor - without the EMA, whose predictor learns no faster than the rest",
    arms=(
        on_target("BYOL", "byol"),
        on_target("no EMA", "byol", momentum=0),
        on_target("no predictor", "byol", predictor=False),
        on_target("no EMA, no predictor", "byol", momentum=0, predictor=False),
        on_target("no EMA, no stop-gradient", "byol", momentum=0, stop_gradient=False),
        on_target("attraction alone", "byol", momentum=0, stop_gradient=False, predictor=False),
        on_target("BYOL, GroupNorm", "byol", **ALONE),
        on_target("no EMA, GroupNorm", "byol", momentum=0, **ALONE),
        on_target("no predictor, GroupNorm", "byol", predictor=False, **ALONE),
        on_target("BYOL, slow predictor", "byol", predictor_lr_scale=1),
        on_target("no EMA, slow predictor", "byol", momentum=0, predictor_lr_scale=1),
        untrained("byol"),
    ),
    contrasts=(
        Contrast(
            "kNN without the predictor - without the EMA",
            {"no predictor": 1, "no EMA": -1},
            "knn",
            least=0.05,
            why_least=THREE_ERRORS,
        ),
        Contrast("kNN BYOL - without the EMA", {"BYOL": 1, "no EMA": -1}, "knn", 0.05, why_least=THREE_ERRORS),
        Contrast(
            "kNN BYOL - without the predictor", {"BYOL": 1, "no predictor": -1}, "knn", 0.05, why_least=THREE_ERRORS
        ),
        Contrast("kNN BYOL - untrained", {"BYOL": 1, "untrained": -1}, "knn", 0.05, why_least=THREE_ERRORS),
        Contrast(
            "kNN without the predictor - without the EMA, GroupNorm in the heads",
            {"no predictor, GroupNorm": 1, "no EMA, GroupNorm": -1},
            "knn",
            least=0.05,
            why_least=THREE_ERRORS,
        ),
        Contrast(
            "kNN without the predictor - without the EMA, whose predictor learns no faster than the rest",
            {"no predictor": 1, "no EMA, slow predictor": -1},
            "knn",
            least=0.05,
            why_least=THREE_ERRORS,
        ),
        Contrast(
            "kNN BYOL - without the EMA, both with a predictor that learns no faster than the rest",
            {"BYOL, slow predictor": 1, "no EMA, slow predictor": -1},
            "knn",
            least=0.05,
            why_least=THREE_ERRORS,
        ),
        Contrast(
            "kNN without the EMA: with the stop-gradient - without",
            {"no EMA": 1, "no EMA, no stop-gradient": -1},
            "knn",
            least=0.05,
            why_least=THREE_ERRORS,
        ),
        Contrast(
            "kNN without the EMA: with the predictor - without",
            {"no EMA": 1, "no EMA, no predictor": -1},
            "knn",
            least=0.05,
            why_least=THREE_ERRORS,
        ),
        Contrast(
            "kNN BYOL - attraction alone", {"BYOL": 1, "attraction alone": -1}, "knn", 0.05, why_least=THREE_ERRORS
        ),
        Contrast(
            "kNN with BatchNorm in the heads - with GroupNorm",
            {"BYOL": 1, "BYOL, GroupNorm": -1},
            "knn",
            least=0.05,
            why_least=THREE_ERRORS,
        ),
        Contrast(
            "effective rank of centred features, without the predictor - without the EMA",
            {"no predictor": 1, "no EMA": -1},
            "log.centered_rank",
            least=2.0,
            unit="dimensions",
            why_least="two of 64 dimensions: collapse may be partial",
        ),
    ),
    data=("objects", "cifar10-small"),
    published=(
        Published(
            "ImageNet top-1 72.5 %; with the EMA and no predictor 0.2 %, with the predictor and no EMA 5.5 %",
            "Grill et al. 2020 (BYOL), tables 5b and 19",
            supports=False,
        ),
        Published(
            "67.7 % without an EMA, with predictor and stop-gradient; without either of these 0.1 %",
            "Chen and He 2021 (SimSiam), table 1 and figure 2",
            supports=False,
        ),
        Published(
            "66.5 % without an EMA when the predictor learns faster",
            "Grill et al. 2020 (BYOL), section 5 and appendix I",
            supports=False,
        ),
        Published(
            "ViT-S: 71.4 %; without the predictor 0.1 %", "Caron et al. 2021 (DINO), appendix, table 5", supports=False
        ),
        Published(
            "73.2 % without batch statistics against 74.3 % with them",
            "Richemond et al. 2020, abstract",
            supports=None,
        ),
    ),
    held_equal="All settings but those in an arm's name and the learning rate; first weights of what two arms share, "
    "pictures, their order and views, by the seed. Each arm has the learning rate with the highest kNN on the mean of "
    "three runs with spent seeds on the drawn objects.",
    could_be_wrong="The recipe's predictor learns ten times faster than the rest, which is known to replace the EMA; "
    "two arms have a slow one, and the verdict is on the fast one. The running mean that is taken away is a short "
    "one, .9: in the paper's table 5a .99 is 4 points better. Its projections are batch-normalised, which forbids one "
    "point for all pictures; three arms have GroupNorm instead. With it projections became one point while the "
    "encoder stood still: kNN near that of the untrained network may hide a collapse. An arm that collapses at high "
    "rates gets a low one, and so less training in as many steps: three have the lowest that was tried, .00025, at "
    "which a collapse may only come later. Runs of one arm differ by up to .3 where it may collapse, so that three "
    "runs choose a rate badly, too; they are three because rates chosen by one each (72 runs of seeds 1 to 6 were "
    "known then, and the claim contradicted) had left arms worse than at one rate for all. Small networks collapse "
    "more easily (arXiv 2209.15007).",
    tried_with=(0, 7, 8),
)

# So many images share negatives and batch statistics; every step averages over 256 images, as in BYOL's table 16.
large_batches = sized_arms(
    {"smoke": WHOLE["smoke"] | {"count": 256}, "cpu": WHOLE["cpu"] | {"steps": 160}}, own_rates.BATCHES
)


def fall(first: str, second: str, large: str, small: str) -> dict[str, int]:
    """How much more the first method falls than the second from large to small micro-batches."""
    return {f"{first}{large}": 1, f"{first}{small}": -1, f"{second}{large}": -1, f"{second}{small}": 1}


BATCH = Claim(
    id="batch-size",
    number=16,
    sentence="BYOL hardly depends on the batch size, and SimCLR does.",
    question="From 256 images down to 16 that see each other, does SimCLR lose more than BYOL?",
    beside="fall of BYOL, from 256 to 16",
    arms=tuple(
        large_batches(f"{title} {size}{name}", kind, batch_size=256, micro_batch=size, **norm)
        for title, kind, alone in (("SimCLR", "simclr", {"head_norm": "group"}), ("BYOL", "byol", ALONE))
        for name, norm, sizes in (("", {}, (256, 64, 16)), (", GroupNorm", alone, (256, 16)))
        for size in sizes
    ),
    contrasts=(
        Contrast(
            "fall of SimCLR - fall of BYOL, from 256 to 16",
            fall("SimCLR ", "BYOL ", "256", "16"),
            "knn",
            least=0.03,
            why_least="BYOL's table 16 has 2.9 points between the two falls from 4096 to 256",
        ),
        Contrast(
            "fall of SimCLR, from 256 to 16", {"SimCLR 256": 1, "SimCLR 16": -1}, "knn", 0.03, why_least=TWO_ERRORS
        ),
        Contrast(
            "fall of BYOL, from 256 to 16", {"BYOL 256": 1, "BYOL 16": -1}, "knn", 0.03, "same", why_least=TWO_ERRORS
        ),
        Contrast(
            "fall of SimCLR, from 256 to 64", {"SimCLR 256": 1, "SimCLR 64": -1}, "knn", 0.03, why_least=TWO_ERRORS
        ),
        Contrast(
            "fall of BYOL, from 256 to 64", {"BYOL 256": 1, "BYOL 64": -1}, "knn", 0.03, "same", why_least=TWO_ERRORS
        ),
        Contrast(
            "fall of SimCLR - fall of BYOL, from 256 to 16, GroupNorm in the heads",
            fall("SimCLR ", "BYOL ", "256, GroupNorm", "16, GroupNorm"),
            "knn",
            least=0.03,
            why_least=TWO_ERRORS,
        ),
        Contrast(
            "fall of BYOL, from 256 to 16, GroupNorm: nothing in it sees the batch",
            {"BYOL 256, GroupNorm": 1, "BYOL 16, GroupNorm": -1},
            "knn",
            least=0.03,
            direction="same",
            why_least="but for rounding it is 0 by construction",
        ),
    ),
    published=(
        Published(
            "from batch 4096 to 256 BYOL falls from 72.5 to 71.8 %, SimCLR from 67.9 to 64.3 %",
            "Grill et al. 2020 (BYOL), table 16",
            supports=True,
        ),
        Published(
            "from 4096 to 64 BYOL falls by 12.8 points to 59.7 %, SimCLR by 8.7 to 59.2 %",
            "Grill et al. 2020 (BYOL), table 16",
            supports=False,
        ),
        Published(
            "SimSiam 66.1 % at batch 64 and 68.1 % at 256, each with its own rate",
            "Chen and He 2021 (SimSiam), table 2",
            supports=None,
        ),
    ),
    held_equal="256 images and one update a step; only how many of them share negatives and batch statistics differs, "
    "and the learning rate. Nothing in the encoder sees the batch." + OWN_RATE,
    could_be_wrong="The verdict is on which of the two falls more; that BYOL hardly falls is a contrast of its own. "
    "With GroupNorm in its heads BYOL learns next to nothing (see the quarters), so that it has nothing to lose there. "
    "What a user meets who lowers the batch size, fewer images a step, is left out on "
    "purpose. 16 is a hard test for batch statistics; above 256 the published curves are nearly flat. Which method "
    "stands higher to begin with differs, and so does how far it can fall.",
)

CLAIMS = (NEGATIVES, TARGET, BATCH)
