"""The page that shows a finished run: a verdict and what it rests on, curves, pictures, neighbours, settings."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from matplotlib.figure import Figure

from sslcourse.evaluation.collapse import spectrum
from sslcourse.evaluation.features import extract_features
from sslcourse.figures import picture_rows, plot_curves, plot_spectra, to_html, undrawable_names
from sslcourse.files import write_atomically
from sslcourse.pages import render
from sslcourse.settings import setting_lines
from sslcourse.training.alarms import find_alarms
from sslcourse.training.experiment import Trained
from sslcourse.training.pictures import SHOWN, method_pictures, neighbour_rows, one_of_each
from sslcourse.training.recipes import Recipe, build_method
from sslcourse.training.verdict import evidence, judge

CHART = (3.7, 2.4)


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
            Section("How fast", SPEED, draw(SPEED_CHARTS, rows, {})),
        ],
        settings=dict(line.split("=", 1) for line in setting_lines(recipe, fixed=("kind", "scale"))),
        command=command,
        to_html=to_html,
    )
    write_atomically(path, page)
    return Path(path)


def cards(summary: dict) -> Iterator[tuple[str, str]]:
    """The run's figures of merit, to be shown large: (figure, what it is)."""
    if summary.get("knn") is not None:
        compared = f"untrained {summary['knn_untrained']:.1%}, chance {summary['chance']:.1%}"
        yield f"{summary['knn']:.1%}", f"kNN accuracy ({compared})"
    if summary.get("attention_recall") is not None:
        yield f"{summary['attention_recall']:.0%}", "of the object lies in the half most attended to (blindly 50%)"
    yield f"{summary['loss']:.3f}", "loss at the end"
    if errors := summary.get("reconstruction_errors"):
        share = f"{errors['predicted'] / errors['image_mean']:.0%}"
        yield share, "of the error of painting patches in the image's mean colour is left by the decoder"
    yield f"{summary['steps']:,}", "steps"
    yield minutes(summary["seconds"]), "of training"
    yield f"{summary['images_per_second']:,.0f}", "images a second"
    yield f"{summary['parameters'] / 1e6:.2f} M", "trained parameters"


def learning_figures(rows: list[dict], summary: dict) -> list[Figure]:
    """kNN, and the meters of collapse."""
    levels = {}
    if "channel_std_healthy" in rows[-1]:
        levels["evenly spread"] = rows[-1]["channel_std_healthy"]
    if "knn" in rows[-1]:
        levels["untrained"] = summary["knn_untrained"]
        rows = [{"step": 0, "knn": summary["knn_untrained"]}, *rows]
    return draw(LEARNING_CHARTS, rows, levels)


def loss_figures(rows: list[dict], prototypes: int | None) -> list[Figure]:
    """The total, its terms, and the teacher's entropy."""
    if all(abs(row.get("cls_loss", math.inf) - row["loss"]) < 1e-6 for row in rows):  # it is the whole loss
        rows = [{name: value for name, value in row.items() if name != "cls_loss"} for row in rows]
    has_terms = "cls_loss" in rows[-1] or "patch_loss" in rows[-1]
    total = Chart("Loss", "loss", {"loss": "total"}, level="" if has_terms else "ln K")
    return draw((total, *LOSS_CHARTS), rows, {"ln K": math.log(prototypes)} if prototypes else {})


def draw(charts: Sequence[Chart], rows: list[dict], levels: dict[str, float]) -> list[Figure]:
    """The charts whose figures are in the log, each with its level if that is known."""
    figures = []
    for chart in charts:
        found = {}
        for name, label in chart.curves.items():
            if measured := [row for row in rows if name in row]:
                found[label] = [row["step"] for row in measured], [row[name] for row in measured]
        if found:
            level = {name: value for name, value in levels.items() if name == chart.level}
            figures.append(plot_curves(found, levels=level, title=chart.title, y_label=chart.y_label, size=CHART))
    return figures


def picture_sections(trained: Trained, recipe: Recipe) -> list[Section]:
    """Attention, kept tokens and reconstructions; neighbours; the spectrum beside the untrained encoder's."""
    held_out, encoder = trained.images.held_out, trained.method.representation
    rows = method_pictures(trained.method, encoder, held_out.batch(one_of_each(held_out.labels, SHOWN)))
    text = " ".join(f"{name[0].upper()}{name[1:]}: {PICTURES[name]}." for name in rows if name in PICTURES)
    if "reconstruction" in rows and trained.method.settings.normalize_targets:
        text += " Each of its patches is shown with the true mean and contrast, which nothing predicts."
    found = "Held-out images and the training images nearest to them"
    found += "; a broken frame marks another class." if trained.images.labelled else ", by their features alone."
    if undrawn := undrawable_names(held_out.classes):
        found += f" No font on this machine has every name: {undrawn}."
    untrained = build_method(recipe).representation.to(next(encoder.parameters()).device)
    spectra = {
        name: spectrum(torch.nn.functional.normalize(extract_features(module, held_out), dim=1))
        for name, module in {"trained": encoder, "untrained": untrained}.items()
    }
    return [
        Section("What it sees", f"Held-out images. {text}", [picture_rows(rows)] if len(rows) > 1 else [], "wide"),
        Section("What it finds alike", found, [neighbour_rows(encoder, trained.images.bank, held_out)], "wide"),
        Section("How many directions it uses", SPECTRUM, [plot_spectra(spectra, size=(6.4, 3.0))]),
    ]


def minutes(seconds: float) -> str:
    """A duration in words short enough for a card.

    >>> minutes(42.4), minutes(600), minutes(9000)
    ('42 s', '10 min', '2.5 h')
    """
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"
