"""Claims 4 to 6: what removing patches does to accuracy, to training time and to inference time."""

from sslcourse.claims.catalogue import longer
from sslcourse.claims.catalogue.arms import CLS, LOW, LOW_PIXELS
from sslcourse.claims.catalogue.common import OTHER_CROPS, TWO_ERRORS
from sslcourse.claims.claim import Claim, Contrast, Published

# A step with half of the patches takes 1 / 1.14 of a whole one (claim 5, drawn objects; 1 / 1.26 by counted
# operations): 316 whole steps take as long as 360. With the six local crops of scale gpu, which lose nothing, and less
# of a stem it is 1 / 1.31 by counted operations (benchmarks/README.md), so far unmeasured there.
SHORT = {"smoke": {"steps": 4, "warmup_steps": 1}, "cpu": {"steps": 316}, "gpu": {"steps": 7600}}
SAME_TIME = longer.longer(
    "CLS, as long", sizes={scale: longer.LONGER.get(scale, {}) | short for scale, short in SHORT.items()}
)

ACCURACY = Claim(
    id="removal-accuracy",
    number=4,
    sentence="Removing the patches that get little attention raises accuracy, because noise goes.",
    question="Does a network that is trained without the half of the patches that its teacher looks at least know "
    "more?",
    beside="low attention removed - nothing removed, equal time",
    arms=(longer.CLS, longer.LOW, longer.RANDOM, longer.HIGH, SAME_TIME),
    contrasts=(
        Contrast(
            "low attention removed - nothing removed, equal steps",
            {"low removed": 1, "CLS": -1},
            "knn",
            least=0.03,
            why_least=TWO_ERRORS,
        ),
        Contrast(
            "low attention removed - nothing removed, equal time",
            {"low removed": 1, "CLS, as long": -1},
            "knn",
            least=0.03,
            why_least=TWO_ERRORS,
        ),
        Contrast("low - random", {"low removed": 1, "random removed": -1}, "knn", 0.03, why_least=TWO_ERRORS),
        Contrast("low - high", {"low removed": 1, "high removed": -1}, "knn", 0.03, why_least=TWO_ERRORS),
        Contrast(
            "random patches removed - nothing removed",
            {"random removed": 1, "CLS": -1},
            "knn",
            least=0.03,
            direction="lower",
            why_least=TWO_ERRORS,
        ),
    ),
    data=("objects", "cifar10-small"),
    published=(
        Published(
            "73.7 with low attention masked, 73.1 without a mask, 63.2 with a random one (masked, not removed)",
            "Li et al. 2021 (MST), its ablation, second-hand",
            supports=True,
        ),
        Published(
            "DeiT-S 79.8 %: with 70 % of the tokens kept 79.5 %, with 50 % 78.5 % (supervised, removed in the network)",
            "Liang et al. 2022 (EViT), README of its code, table for DeiT-S",
            supports=False,
        ),
        Published(
            "masking the attended patches gives iBOT 49.7 % kNN, random ones 47.8 % (20 % of ImageNet)",
            "Kakogeorgiou et al. 2022 (AttMask), README of its code; the second number second-hand",
            supports=False,
        ),
    ),
    held_equal="Encoder, crops, loss, pictures, their order, updates and first weights, by the seed; half of the "
    "patches of the student's global crops, chosen by the teacher's attention, after a fifth of random removal in "
    "each arm that removes. Each arm has the best of four learning rates by its own kNN (seed 0, drawn objects). "
    "Photographs are enlarged to 48 pixels." + OTHER_CROPS,
    could_be_wrong="Accuracy is that of the teacher on whole pictures, which the student never saw whole. If attention "
    "does not find the object (claim 3), low attention is not background. One keep rate, one half. Equal time is by "
    "the mean ratio of claim 5, which depends on the machine.",
)

TRAINING = Claim(
    id="removal-training-speed",
    number=5,
    sentence="Removing the patches that get little attention makes training faster.",
    question="How much faster is a training step when the student gets half of the patches?",
    beside="half removed and reconstructed / neither, less 1",
    arms=(LOW, LOW_PIXELS),
    contrasts=(
        Contrast(
            "steps a second with half removed / with none, less 1",
            {"low removed": 1},
            "training_speed.removal",
            least=0.1,
            unit="speed-up less 1",
            why_least="a tenth: less is not worth an option",
        ),
        Contrast(
            "half removed / none, by counted operations, less 1",
            {"low removed": 1},
            "training_speed.predicted_removal",
            least=0.1,
            unit="speed-up less 1",
            why_least="as above",
        ),
        Contrast(
            "half removed and reconstructed / neither, less 1",
            {"low removed, reconstructed": 1},
            "training_speed.plain",
            least=0.1,
            unit="speed-up less 1",
            why_least="as above",
        ),
        Contrast(
            "half removed and reconstructed / neither, by counted operations, less 1",
            {"low removed, reconstructed": 1},
            "training_speed.predicted_plain",
            least=0.1,
            unit="speed-up less 1",
            why_least="as above",
        ),
    ),
    data=("objects", "cifar10-small"),
    published=(
        Published(
            "2.8 times, with three quarters removed at random, no teacher, against mask tokens in their place (ViT-L)",
            "He et al. 2022 (MAE), table 2",
            supports=None,
        ),
    ),
    held_equal="The same encoder, batch, crops and optimiser; the steps take turns in one process, forwards and "
    "backwards, and each pair is a median of 15 rounds, while no other run of the command goes.",
    could_be_wrong="A pair is one process on one machine, not a training run: seeds say how clocks vary. Steps are in "
    "float32 and without a CUDA graph, at scale gpu too. A teacher that sees everything, local crops that lose nothing "
    "and a stem that removal does not shorten bound the gain; all three weigh more in small networks.",
)

INFERENCE = Claim(
    id="removal-inference-speed",
    number=6,
    sentence="Removing the patches that get little of a teacher's attention makes inference faster.",
    question="How much faster are features when half of the patches go, by a teacher's choice or inside the network?",
    beside="kNN with half fused in the first block - without",
    arms=(CLS,),
    contrasts=(
        Contrast(
            "chosen by a teacher that looks first: pictures a second / those of the plain encoder, less 1",
            {"CLS": 1},
            "inference_speed.teacher",
            least=0.1,
            unit="speed-up less 1",
            why_least="a tenth: less is not worth an option",
        ),
        Contrast(
            "chosen by a teacher, by counted operations, less 1",
            {"CLS": 1},
            "inference_speed.predicted_teacher",
            least=0.1,
            unit="speed-up less 1",
            why_least="as above",
        ),
        Contrast(
            "fused in the first block by its own attention: pictures a second / those of the plain encoder, less 1",
            {"CLS": 1},
            "inference_speed.in_network",
            least=0.1,
            unit="speed-up less 1",
            why_least="as above",
        ),
        Contrast(
            "fused in the first block, by counted operations, less 1",
            {"CLS": 1},
            "inference_speed.predicted_in_network",
            least=0.1,
            unit="speed-up less 1",
            why_least="as above",
        ),
        Contrast(
            "kNN with half fused in the first block - without",
            {"CLS": 1},
            "inference_speed.in_network_knn",
            least=0.03,
            direction="same",
            why_least=TWO_ERRORS,
        ),
    ),
    data=("objects", "cifar10-small"),
    published=(
        Published(
            "in the network: 50 % more images a second for 0.3 % of accuracy",
            "Liang et al. 2022 (EViT), abstract",
            supports=None,
        ),
    ),
    held_equal="The same weights and pictures; the encoders take turns in one process, forwards and backwards, and "
    "each pair is a median of 30 rounds, while no other run of the command goes. In the network the half that gets "
    "least attention is fused into one patch, as EViT does.",
    could_be_wrong="A pair is one process on one machine: seeds say how clocks vary. The published number is of the "
    "other way, in the network: of the teacher's there is none. The stem, which removal does not shorten, "
    "is three tenths of this encoder's operations.",
)

CLAIMS = (ACCURACY, TRAINING, INFERENCE)
