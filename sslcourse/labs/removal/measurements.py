"""What Lab 5 measures: queries and keys of a network, features of some patches only, and seconds."""

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from statistics import median
from typing import Any

import torch
from torch import Tensor

from sslcourse.data.imageset import ImageSet
from sslcourse.evaluation.features import evaluating, home_of
from sslcourse.evaluation.knn import knn_accuracy
from sslcourse.evaluation.throughput import wait
from sslcourse.models.encoder import TokenEncoder
from sslcourse.training.images import NEIGHBOURS, RunImages
from sslcourse.training.recipes import Recipe, build_method
from sslcourse.training.runtime import make_runtime, pick_device
from sslcourse.training.state import TrainingState

BATCH = 256
TURNS = 3  # how often what is compared takes turns at the clock


def queries_and_keys(encoder: TokenEncoder, images: Tensor) -> tuple[Tensor, Tensor]:
    """Queries and keys `B,H,1+N,d` of the last block, on the CPU, for images float `B,3,H,W`."""
    last: Any = encoder.vit.blocks[-1]
    seen: list[Tensor] = []
    watch = last.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    try:
        with evaluating(encoder):
            encoder(images.to(home_of(encoder)))
            qkv = last.attn.qkv(last.norm1(seen[0]))  # B,1+N,3D
            q, k, _ = qkv.unflatten(2, (3, last.attn.num_heads, -1)).permute(2, 0, 3, 1, 4)
            return last.attn.q_norm(q).float().cpu(), last.attn.k_norm(k).float().cpu()
    finally:
        watch.remove()


def kept_features(encoder: TokenEncoder, images: ImageSet, keep_indices: Tensor) -> Tensor:
    """The class tokens `N,D`, on the CPU, of pictures of which the network gets the patches `N,K` only."""
    home, parts = home_of(encoder), []
    with evaluating(encoder):
        for start in range(0, len(images), BATCH):
            some = slice(start, start + BATCH)
            parts.append(encoder(images.batch(some).to(home), keep_indices[some].to(home.device)).cls.float().cpu())
    return torch.cat(parts)


def knn_of_features(features: tuple[Tensor, Tensor], parts: tuple[ImageSet, ImageSet]) -> float:
    """kNN accuracy of features of held-out pictures among those of a bank; `parts` are both, bank first."""
    bank, held_out = (part.labels.cpu() for part in parts)
    classes = len(parts[0].classes)
    return knn_accuracy(features[0], bank, features[1], held_out, k=min(NEIGHBOURS, len(bank)), num_classes=classes)


def new_run(recipe: Recipe, images: RunImages) -> TrainingState:
    """A run of a recipe in the middle of its course, where removal is no longer random and prototypes move."""
    loop = replace(recipe.fit, steps=1000)
    run = TrainingState(build_method(recipe), images.train, loop, make_runtime(pick_device().type, "fp32"))
    run.step = 500
    return run


def with_keep_rate(recipe: Recipe, keep_rate: float) -> Recipe:
    """The recipe with low attention removed at another rate; at 1 nothing is."""
    removal = replace(recipe.method.removal, policy="low" if keep_rate < 1 else "none", keep_rate=keep_rate)
    return replace(recipe, method=replace(recipe.method, removal=removal))


def in_turns(fair_time: Callable, steps: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Seconds of each step by the reader's `fair_time`: the median of `TURNS` looks, between which they take turns."""
    given = (rounds, 1, time.perf_counter, wait)  # by position, as in the check: readers may rename their arguments
    seconds: dict[str, list[float]] = {name: [] for name in steps}
    for turn in range(TURNS):
        for name in list(steps) if turn % 2 == 0 else reversed(list(steps)):
            seconds[name].append(float(fair_time(steps[name], *given)))
    return {name: median(own) for name, own in seconds.items()}


def features_once(encoder: Any, batch: Tensor) -> None:
    """One batch of features, to be timed."""
    with evaluating(encoder):
        encoder.features(batch)
