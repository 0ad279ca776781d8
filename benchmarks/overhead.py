"""Images a second of `fit`, beside a bare loop that does the same arithmetic on the same batches and views.

Both start from the same weights, and must end with the same ones, bit for bit. What else `fit` does is in its time: log
rows with their diagnosis, alarms, stopwatch, schedules. Checkpoints, one in 200 steps, are timed separately.
"""

from __future__ import annotations

import copy
import tempfile
import time
from dataclasses import dataclass

import torch
from common import arguments, heading, race, show, write
from torch import nn

from sslcourse.data.augment import Augmentation
from sslcourse.data.imageset import ImageSet
from sslcourse.data.views import MultiCropSettings
from sslcourse.evaluation.throughput import wait
from sslcourse.methods.dino import DINO, DINOSettings
from sslcourse.methods.simclr import SimCLR, SimCLRSettings
from sslcourse.models import build_encoder
from sslcourse.models.convnet import ConvNet
from sslcourse.training.checkpoint import save_checkpoint
from sslcourse.training.fit import fit
from sslcourse.training.optimizer import make_optimizer
from sslcourse.training.runtime import make_generator, make_runtime
from sslcourse.training.state import ORDER, VIEWS, FitSettings, TrainingState


@dataclass(frozen=True)
class Case:
    """A method, and how long a timed run of it is (a log row in twenty steps, as by default)."""

    name: str
    method: nn.Module
    batch: int
    steps: int

    @property
    def settings(self) -> FitSettings:
        """As a run has them by default."""
        return FitSettings(steps=self.steps, batch_size=self.batch)


def make_cases(smoke: bool) -> list[Case]:
    """A step of a course recipe, and a much shorter one, on which what `fit` adds weighs more."""
    torch.manual_seed(0)
    crops = MultiCropSettings(local_crops=2)
    views = SimCLRSettings(augmentation=Augmentation(size=32))
    if smoke:
        return [Case("SimCLR, ConvNet, 32 px, batch 8", SimCLR(ConvNet(width=8), views), 8, 4)]
    return [
        Case(
            "DINO, vit_96x4_p8, 2 + 2 crops, batch 64", DINO(build_encoder("vit_96x4_p8"), DINOSettings(crops)), 64, 20
        ),
        Case("SimCLR, ConvNet, 32 px, batch 128", SimCLR(ConvNet(), views), 128, 40),
    ]


def bare_loop(method: nn.Module, image_set: ImageSet, settings: FitSettings) -> None:
    """The loop that one would write by hand for this method and these settings."""
    runtime = make_runtime(settings.device, settings.precision, settings.compile)
    device = runtime.device
    method = method.to(device).train()
    images = image_set.images.to(device)
    optimizer = make_optimizer(method, learning_rate=settings.learning_rate, weight_decay=settings.weight_decay)
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    order, views = make_generator(device, settings.seed, ORDER), make_generator(device, settings.seed, VIEWS)
    batches: list[torch.Tensor] = []
    for step in range(settings.steps):
        if not batches:
            batches = list(torch.randperm(len(images), generator=order, device=device).split(settings.batch_size))
        for group in optimizer.param_groups:
            group["lr"] = settings.learning_rate_at(step)
        if isinstance(method, DINO):
            method.begin_step(step, settings.steps)
        crops = method.draw_views(images[batches.pop(0)], views)
        with runtime.autocast():
            loss, _ = method(crops)
        loss.backward()
        del loss, crops  # the next views want their memory
        nn.utils.clip_grad_norm_(parameters, settings.clip_norm)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        if isinstance(method, DINO):
            method.end_step()


def compare(case: Case, rounds: int) -> dict[str, object]:
    """One row; `data_wait` is the share of its time that `fit` spent on views."""
    generator = torch.Generator().manual_seed(0)
    count = 8 * case.batch  # a whole number of batches
    images = torch.randint(0, 256, (count, 3, 64, 64), dtype=torch.uint8, generator=generator)
    image_set = ImageSet(images, torch.zeros(count, dtype=torch.int64), ("any",), "noise")
    made: dict[str, object] = {}

    def ours() -> int:
        made["ours"] = method = copy.deepcopy(case.method)
        made["rows"] = fit(method, image_set, case.settings, progress=False)
        wait()
        return case.steps * case.batch

    def theirs() -> int:
        made["theirs"] = method = copy.deepcopy(case.method)
        bare_loop(method, image_set, case.settings)
        wait()
        return case.steps * case.batch

    row = race(case.name, ours, theirs, rounds)
    pairs = zip(made["ours"].state_dict().values(), made["theirs"].state_dict().values(), strict=True)
    if not all(torch.equal(mine, other) for mine, other in pairs):
        raise SystemExit(f"{case.name}: the two sides end with other weights")
    return row | {
        "data_wait": made["rows"][-1]["data_wait"],
        "checkpoint_s": save(case, image_set),
    }


def save(case: Case, image_set: ImageSet) -> float:
    """Seconds that one checkpoint takes, the best of three."""
    run = TrainingState(copy.deepcopy(case.method), image_set, case.settings, make_runtime())
    run.step_once()
    seconds = []
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(3):
            start = time.perf_counter()
            save_checkpoint(folder, run.state_dict(), run.step)
            seconds.append(time.perf_counter() - start)
    return min(seconds)


def main() -> None:
    given = arguments(__doc__.splitlines()[0], smoke=True)
    torch.set_num_threads(min(torch.get_num_threads(), 2))
    heading("images a second", "fit", "bare")
    rows = []
    for case in make_cases(given.smoke):
        rows.append(row := show(compare(case, given.rounds), 1))
        share = row["checkpoint_s"] / (200 * case.batch / row["ours"] + row["checkpoint_s"])
        print(
            f"    data_wait {row['data_wait']:.1%}; a checkpoint takes {1000 * row['checkpoint_s']:.0f} ms, "
            f"{share:.2%} of the time at one in 200 steps"
        )
    write(given.json, rows)


if __name__ == "__main__":
    main()
