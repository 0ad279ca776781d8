"""One recipe from start to end: images, training with kNN on the way, and what is left in the run's folder."""

from __future__ import annotations

import dataclasses
import json
import os
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import timm
import torch
from torch import nn

from sslcourse.data.datasets import load
from sslcourse.data.imageset import ImageSet
from sslcourse.data.splits import pick
from sslcourse.evaluation.attention import attention_recall
from sslcourse.evaluation.features import evaluate_knn, evaluating, extract_features
from sslcourse.evaluation.knn import knn_accuracy
from sslcourse.evaluation.linear import linear_probe
from sslcourse.files import write_atomically
from sslcourse.methods.method import Method
from sslcourse.models.encoder import TokenEncoder
from sslcourse.training import distributed
from sslcourse.training.fit import fit
from sslcourse.training.recipes import DataSettings, Recipe, build_method
from sslcourse.training.runtime import pick_device

NEIGHBOURS = 20


class Images(NamedTuple):
    """The images of a run: those it trains on, the labelled ones among them for kNN, and held-out ones to classify."""

    train: ImageSet
    bank: ImageSet
    held_out: ImageSet


class Trained(NamedTuple):
    """What training a recipe gives: the method, the rows of its log, the figures of its summary, its images."""

    method: Method
    rows: list[dict]
    summary: dict
    images: Images


def train_recipe(
    recipe: Recipe,
    out: str | os.PathLike,
    *,
    progress: bool = True,
    download: bool = False,
    images: Images | None = None,
    on_log: Callable[[dict], None] | None = None,
) -> Trained:
    """Train a recipe in the folder `out`, which then holds `log.jsonl`, checkpoints, `summary.json` and TensorBoard's files
    where that is installed; the same call continues a run that was stopped.

    Rows at `evaluate_every` and the last hold `knn`, the accuracy on held-out images by the method's representation.
    Raises SettingsChanged, NonFiniteLoss, OSError where `out` cannot be written, and what `load` raises.
    """
    method = build_method(recipe).to(pick_device(recipe.fit.device))
    Path(out).mkdir(parents=True, exist_ok=True)  # where it cannot be, that is said before minutes of work
    if images is None:
        with distributed.first_goes_first():
            images = load_images(recipe.data, download=download, progress=progress)

    def knn(method: Method) -> dict[str, float]:
        k = min(NEIGHBOURS, len(images.bank))
        return {"knn": evaluate_knn(method.representation, images.bank, images.held_out, k=k)}

    done = finished_summary(Path(out), recipe)
    untrained = probe(method.representation, images) if distributed.is_first() and done is None else {}
    board = Board(Path(out) / "tensorboard")

    def log(row: dict) -> None:
        board.add(row)
        if on_log is not None:
            on_log(row)

    try:
        rows = fit(method, images.train, recipe.fit, out=out, evaluate=knn, on_log=log, progress=progress)
    finally:
        board.close()
    summary = done or {}
    if distributed.is_first() and done is None:
        summary = summarise(recipe, method, rows, images, untrained)
        write_atomically(Path(out) / "summary.json", (json.dumps(summary, indent=1) + "\n").encode())
    return Trained(method, rows, summary, images)


def finished_summary(out: Path, recipe: Recipe) -> dict | None:
    """The summary of a run of this recipe that ended in the folder `out`: it says where and when that was. Else None."""
    try:
        summary = json.loads((out / "summary.json").read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None
    same = summary.get("recipe") == json.loads(json.dumps(dataclasses.asdict(recipe)))
    return summary if same and summary.get("steps") == recipe.fit.steps else None


def load_images(data: DataSettings, *, download: bool = False, progress: bool = False) -> Images:
    """The images that the settings name; fewer where a set does not have as many."""
    if data.name == "objects":
        train = load(
            "objects", "train", size=data.size, count=4000 if data.count is None else data.count, progress=progress
        )
        held_out = load("objects", "val", size=data.size, count=data.held_out, progress=progress)
    else:
        train = few(load(data.name, "train", size=data.size, download=download), data.count)
        held_out = few(load(data.name, "val", size=data.size, download=download), data.held_out)
    return Images(train, few(train, data.bank), held_out)


def few(images: ImageSet, count: int | None) -> ImageSet:
    """`count` of the images, as even over the classes as they allow; all of them where there are no more.

    >>> labels = torch.arange(10) % 2
    >>> few(ImageSet(torch.zeros(10, 3, 4, 4, dtype=torch.uint8), labels, ("a", "b"), "toy"), 4).labels.bincount().tolist()
    [2, 2]
    """
    if count is None or count >= len(images):
        return images
    keys = [str(index) for index in range(len(images))]
    return images.subset(torch.tensor(pick(images.labels.tolist(), keys, count), dtype=torch.int64))


def probe(encoder: nn.Module, images: Images) -> dict[str, float]:
    """What the encoder's frozen features are worth, in [0, 1]: `knn` and `linear_probe`, from the bank to held-out images."""
    bank, held_out = (extract_features(encoder, part) for part in (images.bank, images.held_out))
    labelled = (bank, images.bank.labels.cpu(), held_out, images.held_out.labels.cpu())
    classes = len(images.bank.classes)
    return {
        "knn": knn_accuracy(*labelled, k=min(NEIGHBOURS, len(bank)), num_classes=classes),
        "linear_probe": linear_probe(*labelled, num_classes=classes).accuracy,
    }


def summarise(recipe: Recipe, method: Method, rows: list[dict], images: Images, untrained: dict[str, float]) -> dict:
    """The figures of a finished run, as `summary.json` has them; `untrained` are those of `probe` before it."""
    last = rows[-1]
    measured = [(row["step"], row["knn"]) for row in rows if "knn" in row]
    summary = {
        "method": recipe.kind,
        "data": recipe.data.name,
        "scale": recipe.scale,
        "seed": recipe.fit.seed,
        "steps": last["step"],
        "seconds": round(last["seconds"], 1),
        "images_per_second": round(statistics.median(row["images_per_second"] for row in rows), 1),
        "loss": last["loss"],
        "knn_best": max(accuracy for _, accuracy in measured),
        "knn_untrained": untrained["knn"],
        "knn_curve": measured,
        "linear_probe_untrained": untrained["linear_probe"],
        "chance": 1 / len(images.train.classes),
    }
    return summary | {
        **figures_of(method, images),
        "alarms": last.get("alarms", []),
        "alarms_on_the_way": sorted({name for row in rows for name in row.get("alarms", ())}),
        "parameters": sum(parameter.numel() for parameter in method.parameters() if parameter.requires_grad),
        "processes": distributed.world_size(),
        "precision": last["precision"],
        "threads": torch.get_num_threads(),
        "device": next(method.parameters()).device.type,
        "versions": {"python": platform.python_version(), "torch": torch.__version__, "timm": timm.__version__},
        "finished": time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime()) + " UTC",
        "recipe": dataclasses.asdict(recipe),
    }


def figures_of(method: Method, images: Images) -> dict[str, Any]:
    """All that is measured of a trained method: `knn`, `linear_probe`, and `attention_recall` and `reconstruction_errors`
    where it has them."""
    encoder = method.representation
    figures = probe(encoder, images)
    if (recall := object_recall(encoder, images.held_out)) is not None:
        figures["attention_recall"] = recall
    if (errors := reconstruction_errors(method, images.held_out)) is not None:
        figures["reconstruction_errors"] = errors
    return figures


def object_recall(encoder: nn.Module, images: ImageSet, count: int = 256) -> float | None:
    """The share of the objects' area among the half of the patches that the class token attends to most; blindly, 0.5.

    None without patch tokens or object masks.
    """
    if not isinstance(encoder, TokenEncoder) or "mask" not in images.extras:
        return None
    some = torch.arange(min(count, len(images)))
    device = next(encoder.parameters()).device
    with evaluating(encoder):
        scores = encoder(images.batch(some).to(device), attention=True).attention
    masks = images.extras["mask"][some].to(device)
    return float(attention_recall(scores, masks, keep=scores.shape[1] // 2))


def reconstruction_errors(method: Method, images: ImageSet, count: int = 256) -> dict[str, float] | None:
    """The decoder's mean squared error on held-out images beside two rules'; None for a method that reconstructs nothing."""
    device = next(method.parameters()).device
    some = images.batch(torch.arange(min(count, len(images)))).to(device)
    return method.reconstruction_errors(some, torch.Generator(device=device).manual_seed(0))


class Board:
    """TensorBoard's files of a run, where TensorBoard is installed; otherwise nothing."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.writer = folder, None

    def add(self, row: dict) -> None:
        """Write the numbers of one log row; those of a killed run beyond its checkpoint are dropped."""
        if self.writer is None:
            try:
                from torch.utils.tensorboard import SummaryWriter
            except ImportError:
                return
            self.writer = SummaryWriter(str(self.folder), purge_step=row["step"])
        for name, value in row.items():
            if isinstance(value, float):
                self.writer.add_scalar(name, value, row["step"])

    def close(self) -> None:
        """Finish the files."""
        if self.writer is not None:
            self.writer.close()
