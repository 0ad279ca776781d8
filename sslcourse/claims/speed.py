"""Measures of what removing patches saves: steps of training, and inference, timed in turns in one process."""

import copy
from dataclasses import replace

import torch

from sslcourse.data.imageset import ImageSet
from sslcourse.evaluation.features import evaluate_knn
from sslcourse.evaluation.throughput import counted_flops, inference_throughput, throughput
from sslcourse.methods.combined import Combined
from sslcourse.methods.combined_settings import CombinedSettings
from sslcourse.methods.method import Method
from sslcourse.methods.removal import Removal
from sslcourse.models.encoder import TokenEncoder
from sslcourse.models.evit import PrunedEncoder
from sslcourse.pruning.select import keep_count, select
from sslcourse.training.images import NEIGHBOURS, RunImages, few
from sslcourse.training.runtime import make_runtime
from sslcourse.training.settings import FitSettings
from sslcourse.training.state import TrainingState

BATCH = 64
BATCH_ON_GPU = 256  # that of the recipes: fewer images leave a card waiting for its host, whatever is removed
ROUNDS = 15
LAYERS = (0,)  # the blocks in which the network itself fuses half of the patches into one


def training_speed(method: Combined, images: RunImages, rounds: int = ROUNDS) -> dict[str, float]:
    """How much faster a step of the arm's settings is, less 1: whole steps with views, teacher and optimiser.

    `removal`: than the same step without removal (reconstructing all patches where it reconstructed the removed ones);
    `plain`: than one without removal and reconstruction; each also as `predicted_...` by counted operations.
    """
    settings = method.settings
    own = replace(settings, removal=replace(settings.removal, removal_warmup=0.0), keep_levels=1)
    pixels = "all" if settings.reconstruction != "off" else "off"
    others = {"own": own} | {
        name: replace(own, removal=Removal("none"), reconstruction=kind)
        for name, kind in (("removal", pixels), ("plain", "off"))
    }
    runs = {name: new_run(method.encoder, each, images) for name, each in others.items()}
    steps = {name: run.step_once for name, run in runs.items()}
    flops = {name: counted_flops(step) for name, step in steps.items()}
    found = {}
    for row in throughput(steps, runs["own"].settings.batch_size, flops=flops, rounds=rounds)[1:]:
        # The rows say how much faster these are than the arm's own step.
        found |= {row["name"]: 1 / row["speed_up"] - 1, f"predicted_{row['name']}": 1 / row["predicted"] - 1}
    return found


def new_run(encoder: TokenEncoder, settings: CombinedSettings, images: RunImages) -> TrainingState:
    """A run that begins with a copy of the encoder; past the steps in which prototypes stand still."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        method = Combined(copy.deepcopy(encoder), settings)
    device = next(encoder.parameters()).device
    fit = FitSettings(1000, batch_of(device, images.train))
    run = TrainingState(method, images.train, fit, make_runtime(device.type, "fp32"))
    run.step = 500
    return run


def batch_of(device: torch.device, images: ImageSet) -> int:
    """How many images a step or a forward pass is timed with."""
    return min(BATCH if device.type == "cpu" else BATCH_ON_GPU, len(images))


def inference_speed(method: Method, images: RunImages) -> dict[str, float]:
    """How much faster features are, less 1, when half of the patches go: chosen in the network, or by a teacher.

    `in_network`: fused into one in the first block, by its own attention. `teacher`: the encoder as its own teacher
    first looks at the whole picture. `predicted_...` by counted operations; `in_network_knn` is kNN accuracy with the
    patches fused, less that without.
    """
    encoder = method.representation
    device = next(encoder.parameters()).device
    batch = few(images.held_out, batch_of(device, images.held_out)).batch(slice(None)).to(device)
    pruned, guided = PrunedEncoder(encoder, LAYERS, 0.5), GuidedEncoder(encoder, 0.5)
    rows = inference_throughput({"plain": encoder, "in_network": pruned, "teacher": guided}, batch, rounds=2 * ROUNDS)
    found = {}
    for row in rows[1:]:
        found |= {row["name"]: row["speed_up"] - 1, f"predicted_{row['name']}": row["predicted"] - 1}
    k = min(NEIGHBOURS, len(images.bank))
    with_all, with_half = (evaluate_knn(each, images.bank, images.held_out, k) for each in (encoder, pruned))
    return found | {"in_network_knn": with_half - with_all}


class GuidedEncoder(torch.nn.Module):
    """Features of the patches that a teacher attends to most; the encoder is its own teacher."""

    def __init__(self, encoder: TokenEncoder, keep_rate: float) -> None:
        super().__init__()
        self.encoder, self.keep = encoder, keep_count(encoder.num_patches, keep_rate)

    def features(self, images: torch.Tensor) -> torch.Tensor:
        """Images `B,3,H,W` in [0, 1] -> the class token `B,D`, after a first look at all patches."""
        scores = self.encoder(images, attention=True).attention
        return self.encoder(images, select(scores, self.keep, "low")).cls
