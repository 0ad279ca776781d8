"""Claims 1 and 2: which losses, and which networks, keep local detail."""

from sslcourse.claims.catalogue.arms import CONVOLUTIONAL, build_dilated
from sslcourse.claims.catalogue.common import OTHER_CROPS, TWO_ERRORS, sized_arms
from sslcourse.claims.catalogue.longer import CLS, MASKED, RANDOM, RATES, STEPS, VISIBLE, longer
from sslcourse.claims.claim import Claim, Contrast, Published

IOU = {"unit": "mean IoU", "why_least": "half of the published 3.8 points between iBOT and DINO"}
KEPT, GONE, BOTH = (
    longer(f"random removed, CLS + {patches} patches", "random", patches) for patches in ("kept", "removed", "both")
)

PATCHES = Claim(
    id="patches-give-detail",
    number=1,
    sentence="Distilling the class token gives global semantics; distilling patches as well adds local detail.",
    question="Is the class known better with the class token's loss, and are objects drawn better with one on patches?",
    deciding=2,
    beside="segmentation of objects: masked patches distilled - class token alone",
    arms=(CLS, longer("patches alone", patches="masked", cls=False), VISIBLE, MASKED, RANDOM, KEPT, GONE, BOTH),
    contrasts=(
        Contrast(
            "segmentation of objects: visible patches distilled - class token alone",
            {"CLS + visible patches": 1, "CLS": -1},
            "segmentation.object",
            least=0.02,
            **IOU,
        ),
        Contrast(
            "kNN: class token alone - patches alone",
            {"CLS": 1, "patches alone": -1},
            "knn",
            least=0.05,
            why_least="three standard errors of an accuracy; published are 58 points",
        ),
        Contrast(
            "segmentation of objects: masked patches distilled - class token alone",
            {"CLS + masked patches": 1, "CLS": -1},
            "segmentation.object",
            least=0.02,
            **IOU,
        ),
        Contrast(
            "segmentation of objects: masked - visible",
            {"CLS + masked patches": 1, "CLS + visible patches": -1},
            "segmentation.object",
            least=0.02,
            **IOU,
        ),
        Contrast(
            "kNN: masked patches distilled - class token alone",
            {"CLS + masked patches": 1, "CLS": -1},
            "knn",
            least=0.03,
            why_least=TWO_ERRORS,
        ),
        *(
            Contrast(
                f"segmentation of objects, half removed at random: {patches} patches distilled - none",
                {f"random removed, CLS + {patches} patches": 1, "random removed": -1},
                "segmentation.object",
                least=0.02,
                **IOU,
            )
            for patches in ("kept", "removed", "both")
        ),
    ),
    data=("objects", "cifar10-small"),
    published=(
        Published(
            "ADE20K, linear head on frozen patches: 38.3 with masked patches distilled (iBOT), 34.5 without (DINO)",
            "Zhou et al. 2022 (iBOT), ADE20K, ViT-B",
            supports=None,  # the patches that decide are visible
        ),
        Published(
            "kNN 67.9 % without; 67.1 % with visible patches distilled, 69.1 % with masked ones",
            "Zhou et al. 2022 (iBOT), table 9 and appendix E",
            supports=None,  # of the class, and segmentation decides
        ),
        Published("kNN 9.5 % with masked patches alone", "Zhou et al. 2022 (iBOT), table 9", supports=None),
    ),
    held_equal="Encoder, crops, pictures, their order, updates and first weights of what two arms share, by the "
    "seed; one weight of the patches' loss, .25, from the recipe. Each arm has the best of its learning "
    "rates by its own kNN (seed 0). Patches alone get no local crops, which have only "
    "the class token to learn; its global crops are others than every other arm's from the second step on. "
    "Photographs of CIFAR-10 are enlarged to 48 pixels; the objects of COCO are drawn." + OTHER_CROPS,
    could_be_wrong="36 patches of 8 pixels hold no fine outline; the probe reads them interpolated to 12 x 12 places. "
    "The class token of patches alone has no loss. Removed patches are predicted through a decoder of two blocks. A "
    "third of the patches is masked in every picture; iBOT masks half of the pictures. The .02 that count are half of "
    "a difference between many classes, at .35; here are two, at .72 before training.",
)

# The strided network and the ViT both know 6 x 6 places, the dilated one 12 x 12; all are probed on 12 x 12.
LONGER = CONVOLUTIONAL | {"cpu": CONVOLUTIONAL["cpu"] | {"steps": STEPS}}

convolutional = sized_arms(LONGER, RATES)
STRIDED = convolutional("strided CNN", "dino")
DILATED = convolutional("dilated CNN", "dino", build=build_dilated, variant="halvings 2")

CONVOLUTIONS = Claim(
    id="strides-lose-detail",
    number=2,
    sentence="Convolutional networks with pooling and strides lose spatial detail that learning on patches keeps.",
    question="Do the places of a strided network draw objects worse than those of a dilated one, and does training add "
    "less to them than to a ViT's patches?",
    deciding=2,
    beside="segmentation of objects: ViT with masked patches distilled - strided CNN",
    arms=(STRIDED, DILATED, CLS, MASKED),
    contrasts=(
        Contrast(
            "segmentation of objects: dilated CNN - strided CNN",
            {"dilated CNN": 1, "strided CNN": -1},
            "segmentation.object",
            least=0.02,
            **IOU,
        ),
        Contrast(
            "what training adds to segmentation of objects: ViT with masked patches distilled - strided CNN",
            {"CLS + masked patches": 1, "CLS + masked patches@start": -1, "strided CNN": -1, "strided CNN@start": 1},
            "segmentation.object",
            least=0.02,
            **IOU,
        ),
        Contrast(
            "segmentation of objects: ViT with masked patches distilled - strided CNN",
            {"CLS + masked patches": 1, "strided CNN": -1},
            "segmentation.object",
            least=0.02,
            **IOU,
        ),
        Contrast(
            "segmentation of objects, ViT: masked patches distilled - class token alone",
            {"CLS + masked patches": 1, "CLS": -1},
            "segmentation.object",
            least=0.02,
            **IOU,
        ),
        Contrast(
            "segmentation of objects: ViT, class token alone - strided CNN",
            {"CLS": 1, "strided CNN": -1},
            "segmentation.object",
            least=0.02,
            **IOU,
        ),
        Contrast(
            "boundary F: ViT with masked patches distilled - strided CNN",
            {"CLS + masked patches": 1, "strided CNN": -1},
            "segmentation.boundary",
            least=0.02,
            unit="F score",
            why_least="as much as for the IoU, without a published number",
        ),
        Contrast(
            "kNN: ViT, class token alone - strided CNN",
            {"CLS": 1, "strided CNN": -1},
            "knn",
            least=0.03,
            why_least=TWO_ERRORS,
        ),
    ),
    published=(
        Published(
            "objects found in VOC07 in DINO's features, no loss on patches: ViT-S/16 61.9 %, ResNet-50 36.8 %",
            "Simeoni et al. 2021 (LOST), CorLoc",
            supports=None,
        ),
    ),
    held_equal="130,000 weights in the ViT and 98,000 in the CNNs; DINO's loss, crops, pictures, their order and "
    "updates; the grid of the probe. Each arm has the best of its learning rates by its own kNN (seed 0). Strided and "
    "dilated network have the same first weights, by the seed." + OTHER_CROPS,
    could_be_wrong="ViT and CNN differ in more than strides, also before training, which the second contrast "
    "takes away: only dilated - strided is of strides, and of the rate (.002 and .004); the dilated network costs "
    "twice as many operations. The probe reads 64 channels of the ViT and 128 of the CNNs. The ViT's own patches are "
    "made by three convolutions with strides. Batch normalisation in the CNNs sees global and local crops apart.",
)

CLAIMS = (PATCHES, CONVOLUTIONS)
