"""Claim 3: what the class token looks at."""

from sslcourse.claims.catalogue.longer import CLS, SUPERVISED
from sslcourse.claims.claim import Claim, Contrast, Published

JACCARD = {"unit": "Jaccard index", "why_least": "a fifth of the published 24 points to an untrained network"}

OBJECTS = Claim(
    id="attention-marks-objects",
    number=3,
    sentence="The attention of the class token marks the object; what gets little of it is background.",
    question="Does attention learned without labels cover the object better than chance, than a simple rule, and than "
    "before training?",
    deciding=3,
    beside="without labels - with labels",
    arms=(CLS, SUPERVISED),
    contrasts=(
        Contrast("attention - the same on random patches", {"CLS": 1}, "attention.over_random", 0.05, **JACCARD),
        Contrast(
            "attention - the same dealt by contrast of colours", {"CLS": 1}, "attention.over_contrast", 0.05, **JACCARD
        ),
        Contrast("trained - untrained", {"CLS": 1, "CLS@start": -1}, "attention.jaccard", 0.05, **JACCARD),
        Contrast("trained - half trained", {"CLS": 1, "CLS@half": -1}, "attention.jaccard", 0.05, **JACCARD),
        Contrast("without labels - with labels", {"CLS": 1, "supervised": -1}, "attention.jaccard", 0.05, **JACCARD),
        Contrast(
            "best head, without labels - with labels",
            {"CLS": 1, "supervised": -1},
            "attention.best_jaccard",
            0.05,
            **JACCARD,
        ),
        Contrast(
            "share of the object in the half that gets most attention - in a random half",
            {"CLS": 1},
            "attention.recall_over_random",
            0.05,
            unit="share of the object",
            why_least="a tenth of what a random half has",
        ),
    ),
    data=("objects", "cifar10-small"),
    published=(
        Published(
            "Jaccard index of the best head, ViT-S/16, VOC12: DINO 45.9, untrained 22.0",
            "Caron et al. 2021 (DINO), figure 4",
            supports=True,
        ),
        Published(
            "supervised 27.3; MoCo-v2 46.3, BYOL 47.8, so that no part of DINO's own is needed",
            "Caron et al. 2021 (DINO), figure 4 and appendix D",
            supports=None,
        ),
        Published(
            "in large networks tokens of the background attract attention",
            "Darcet et al. 2024 (arXiv 2309.16588), abstract",
            supports=None,
        ),
    ),
    held_equal="Encoder, crops, pictures, their order, updates and first weights, by the seed. Each arm has the best "
    "of four learning rates by its own kNN (seed 0, drawn objects). Encoders trained on photographs of CIFAR-10, "
    "enlarged to 48 pixels, are tested on objects of COCO.",
    could_be_wrong="Two blocks and two heads of a small ViT; 36 patches, so that no attention can follow an outline. "
    "Attention to what surrounds the object tells it from the background as well, with the opposite sign: such runs "
    "count against the claim. How many patches hold 60 % of the attention differs between encoders, and the Jaccard "
    "index with it; random patches and the rule of colours are given the encoder's own numbers. Drawn objects are "
    "brighter than their background, which the rule of colours uses. Measured is the teacher, a running mean, of the "
    "supervised arm the network itself.",
)

CLAIMS = (OBJECTS,)
