"""The page that shows a finished run: a verdict and what it rests on, curves, pictures, neighbours, settings."""

import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import torch
import torch.nn.functional as F
from matplotlib.figure import Figure
from torch import Tensor, nn

from sslcourse import figures
from sslcourse.data.imageset import ImageSet
from sslcourse.evaluation.collapse import spectrum
from sslcourse.evaluation.features import evaluating, extract_features
from sslcourse.files import write_atomically
from sslcourse.methods.method import Method
from sslcourse.models.encoder import TokenEncoder
from sslcourse.pages import render
from sslcourse.settings import setting_lines
from sslcourse.training.alarms import find_alarms
from sslcourse.training.experiment import Trained
from sslcourse.training.images import few
from sslcourse.training.recipes import Recipe, build_method
from sslcourse.training.verdict import cards, evidence, judge

CHART = (3.7, 2.4)  # inches
SHOWN = 10  # images in a row of pictures


class Chart(NamedTuple):
    """A chart of the log: `curves` maps names in the log to labels; `level` names a horizontal line."""

    title: str
    y_label: str
    curves: dict[str, str]
    level: str = ""


RANKS = {"effective_rank": "features", "centered_rank": "their differences", "projection_rank": "projections"}
LEARNING_CHARTS = (
    Chart("kNN accuracy", "accuracy", {"knn": "kNN"}, "untrained"),
    Chart("Spread of the features", "channel std", {"channel_std": "channel std"}, "evenly spread"),
    Chart("Effective rank", "directions", RANKS),
    Chart("Cosine of two views", "cosine", {"positive_cosine": "same image", "negative_cosine": "other images"}),
)
ENTROPIES = {"teacher_entropy": "class token", "patch_teacher_entropy": "patches"}
LOSS_CHARTS = (
    Chart("Distillation", "loss", {"cls_loss": "class token", "patch_loss": "patches"}, "ln K"),
    Chart("Pixels", "loss", {"reconstruction_loss": "reconstruction"}),
    Chart("Attraction", "loss", {"global_loss": "global to global", "local_global_loss": "local to global"}),
    Chart("Between local crops", "loss", {"local_loss": "local crops"}),
    Chart("Affinity", "loss", {"affinity_loss": "the affinity's own"}),
    Chart("Entropy of the targets", "nats", ENTROPIES, "ln K"),
    Chart("Prototypes in use", "prototypes", {"used_prototypes": "used"}),
    Chart("Entropy of the attention", "nats", {"attention_entropy": "attention"}),
)
SPEED_CHARTS = (
    Chart("Speed", "images a second", {"images_per_second": "images a second"}),
    Chart("Time that views took", "share of the step", {"data_wait": "data_wait"}),
)
PICTURES = {
    "attention": "the brighter, the more the class token looks there in the last block",
    "kept patches": "the patches that the student gets; the grey ones are removed before its first block",
    "masked patches": "the student sees a mask token in the grey places",
    "reconstruction": "the decoder's pixels in the places that it is trained on",
}
LEARNING = (
    "kNN classifies held-out images by the labels of their nearest training images, in the features as they are. "
    "The loss of a method with a teacher moves with its temperatures and momentum, so look here first, not at the loss."
)
UNLABELLED = "Without labels there is no kNN accuracy. The meters below show collapse, not how good the features are."
LOSSES = (
    "Each term by itself: a total that falls can hide a term that never moved. ln K is the loss of a "
    "uniform prediction over K prototypes."
)
SPEED = "Training only, without evaluation and writing. data_wait is the share of the time that went into making views."
SPECTRUM = (
    "Singular values of the held-out images' features. A steep fall means that few directions are used; one value "
    "alone, that all images get the same features."
)


class Section(NamedTuple):
    """A heading, what to look for, and figures; `width` is "wide" for figures that scroll on a narrow screen."""

    title: str
    text: str
    figures: list[Figure]
    width: str = ""


def write_report(trained: Trained, recipe: Recipe, path: str | os.PathLike, command: str = "") -> Path:
    """Write the page of a finished run to `path`: one file of HTML that needs nothing else. Returns the path."""
    summary, rows = trained.summary, trained.rows
    alarms = find_alarms(rows, trained.method, recipe.fit)
    learning = LEARNING if "knn" in rows[-1] else UNLABELLED
    page = render(
        "report.html",
        title=f"{type(trained.method).__name__} on {Path(recipe.data.name.removeprefix('folder:')).stem}",
        recipe=recipe,
        summary=summary,
        cards=list(cards(summary)),
        alarms=alarms,
        past=summary["alarms_on_the_way"],
        verdict=judge(trained, recipe, alarms),
        evidence=list(evidence(trained)),
        sections=[
            Section("Is it learning?", learning, learning_figures(rows, summary)),
            Section("What the loss is made of", LOSSES, loss_figures(rows, trained.method.prototypes)),
            *picture_sections(trained, recipe),
            Section("How fast", SPEED, draw_charts(SPEED_CHARTS, rows, {})),
        ],
        settings=dict(line.split("=", 1) for line in setting_lines(recipe, fixed=("kind", "scale"))),
        command=command,
        to_html=figures.to_html,
    )
    write_atomically(path, page)
    return Path(path)


def learning_figures(rows: list[dict], summary: dict) -> list[Figure]:
    """kNN, and the meters of collapse."""
    levels = {}
    if "channel_std_healthy" in rows[-1]:
        levels["evenly spread"] = rows[-1]["channel_std_healthy"]
    if "knn" in rows[-1]:
        levels["untrained"] = summary["knn_untrained"]
        rows = [{"step": 0, "knn": summary["knn_untrained"]}, *rows]
    return draw_charts(LEARNING_CHARTS, rows, levels)


def loss_figures(rows: list[dict], prototypes: int | None) -> list[Figure]:
    """The total, its terms, and the teacher's entropy."""
    if all(abs(row.get("cls_loss", math.inf) - row["loss"]) < 1e-6 for row in rows):  # it is the whole loss
        rows = [{name: value for name, value in row.items() if name != "cls_loss"} for row in rows]
    has_terms = "cls_loss" in rows[-1] or "patch_loss" in rows[-1]
    total = Chart("Loss", "loss", {"loss": "total"}, level="" if has_terms else "ln K")
    return draw_charts((total, *LOSS_CHARTS), rows, {"ln K": math.log(prototypes)} if prototypes else {})


def draw_charts(charts: Sequence[Chart], rows: list[dict], levels: dict[str, float]) -> list[Figure]:
    """The charts whose figures are in the log, each with its level if that is known."""
    drawn = []
    for chart in charts:
        found = {}
        for name, label in chart.curves.items():
            if measured := [row for row in rows if name in row]:
                found[label] = [row["step"] for row in measured], [row[name] for row in measured]
        if found:
            level = {name: value for name, value in levels.items() if name == chart.level}
            drawn.append(figures.plot_curves(found, levels=level, title=chart.title, y_label=chart.y_label, size=CHART))
    return drawn


def picture_sections(trained: Trained, recipe: Recipe) -> list[Section]:
    """Attention, kept tokens and reconstructions; neighbours; the spectrum beside the untrained encoder's."""
    held_out, encoder = trained.images.held_out, trained.method.representation
    rows = method_pictures(trained.method, encoder, few(held_out, SHOWN).batch(slice(None)))
    text = " ".join(f"{name[0].upper()}{name[1:]}: {PICTURES[name]}." for name in rows if name in PICTURES)
    if "reconstruction" in rows and trained.method.settings.normalize_targets:
        text += " Each of its patches is shown with the true mean and contrast, which nothing predicts."
    found = "Held-out images and the training images nearest to them"
    found += "; a broken frame marks another class." if trained.images.labelled else ", by their features alone."
    if undrawn := figures.undrawable_names(held_out.classes):
        found += f" No font on this machine has every name: {undrawn}."
    untrained = build_method(recipe).representation.to(next(encoder.parameters()).device)
    spectra = {
        name: spectrum(F.normalize(extract_features(module, held_out), dim=1))
        for name, module in {"trained": encoder, "untrained": untrained}.items()
    }
    return [
        Section(
            "What it sees", f"Held-out images. {text}", [figures.picture_rows(rows)] if len(rows) > 1 else [], "wide"
        ),
        Section("What it finds alike", found, [neighbour_rows(encoder, trained.images.bank, held_out)], "wide"),
        Section("How many directions it uses", SPECTRUM, [figures.plot_spectra(spectra, size=(6.4, 3.0))]),
    ]


def method_pictures(method: Method, encoder: nn.Module, images: Tensor) -> dict[str, Tensor]:
    """Rows of pictures `B,3,H,W`: the images, the class token's attention, and the method's own previews."""
    device = next(encoder.parameters()).device
    images = images.to(device)
    rows = {"image": images}
    if isinstance(encoder, TokenEncoder):
        with evaluating(encoder):
            scores = encoder(images, attention=True).attention
        rows["attention"] = figures.heat(images, scores, encoder.grid_of(images))
    rows |= method.preview(images, torch.Generator(device=device).manual_seed(0))
    return {name: pictures.cpu() for name, pictures in rows.items()}


def neighbour_rows(
    encoder: nn.Module, bank: ImageSet, queries: ImageSet, *, count: int = 8, neighbours: int = 7
) -> Figure:
    """`count` images of `queries`, if possible of different classes, each beside its nearest images of `bank`.

    Without classes the right neighbours are not marked.
    """
    asked = few(queries, count)
    found = F.normalize(extract_features(encoder, asked), dim=1) @ F.normalize(extract_features(encoder, bank), dim=1).T
    nearest = found.topk(min(neighbours, len(bank)), dim=1).indices.to(bank.labels.device)  # count,neighbours
    names = same = None
    if bank.labelled and queries.labelled:
        shown = figures.drawable_names(queries.classes)
        names = [shown[label] for label in asked.labels]
        same = bank.labels[nearest].cpu() == asked.labels.cpu()[:, None]
    return figures.plot_neighbours(asked.images, bank.images[nearest], names, same)
