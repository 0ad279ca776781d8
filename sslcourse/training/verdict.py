"""A finished run in figures and sentences: its figures of merit, the verdict, and what the verdict rests on."""

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from sslcourse.training.alarms import Alarm, settled_rows
from sslcourse.training.experiment import Trained
from sslcourse.training.recipes import Recipe, find_recipe


class Verdict(NamedTuple):
    """The head of the report: `status` "passed", "failed" or "" (no verdict), a title and a sentence or two."""

    status: str
    title: str
    text: str


def judge(trained: Trained, recipe: Recipe, alarms: Sequence[Alarm]) -> Verdict:
    """No verdict after few steps or without labels; "passed" if no alarm stands and kNN rose by more than chance."""
    summary, steps = trained.summary, recipe.fit.steps
    scale = "cpu" if recipe.scale == "smoke" else recipe.scale
    full = find_recipe(recipe.kind, scale=scale).fit.steps
    if alarms:
        return Verdict("failed", "An alarm stands", "The log shows a failure that has a name; see above what to try.")
    if recipe.scale == "smoke" or steps < full / 10 or not settled_rows(trained.rows, recipe.fit):
        text = (
            f"{steps:,} steps show that every part works, from the images to this page. They cannot show whether the "
            "method learns or collapses: few directions in use, or a kNN accuracy like the untrained encoder's, are "
            f"usual so early. Scale {scale} takes {full:,} steps."
        )
        return Verdict("", "Too short for a verdict", text)
    if summary.get("knn") is None:
        text = (
            "The images have no labels, so there is no kNN accuracy and no linear probe. The meters show no collapse."
        )
        return Verdict("", "No alarm stands; how good the features are was not measured", text)
    gain, noise = summary["knn"] - summary["knn_untrained"], knn_noise(trained)
    if gain <= noise:
        changed = f"kNN accuracy changed by {gain:+.1%}; a change of up to {noise:.1%} can be chance."
        text = f"{changed} Train for more steps, or compare the settings with the method's recipe."
        return Verdict("failed", "No alarm stands, but the features are no better than untrained ones", text)
    text = f"kNN accuracy rose by {gain:.1%}; up to {noise:.1%} could be chance. No alarm stands."
    return Verdict("passed", "The features became better", text)


def knn_noise(trained: Trained) -> float:
    """Two standard errors of the difference between the two kNN accuracies on the held-out images."""
    shares = (trained.summary["knn"], trained.summary["knn_untrained"])
    return 2 * math.sqrt(sum(share * (1 - share) for share in shares) / len(trained.images.held_out))


def cards(summary: dict) -> Iterator[tuple[str, str]]:
    """The run's figures of merit, to be shown large: (figure, what it is)."""
    if summary.get("knn") is not None:
        yield f"{summary['knn']:.1%}", f"kNN accuracy ({knn_levels(summary)})"
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


def knn_levels(summary: dict) -> str:
    """What a kNN accuracy is compared with."""
    return f"untrained {summary['knn_untrained']:.1%}, chance {summary['chance']:.1%}"


def evidence(trained: Trained) -> Iterator[tuple[str, str, str]]:
    """The evidence for the verdict: (what was measured, its value at the end, what to compare it with)."""
    summary, first, last = trained.summary, trained.rows[0], trained.rows[-1]
    start = f"at step {first['step']}"
    if summary.get("knn") is None:
        yield "kNN accuracy on held-out images", "not measured", "the images have no labels"
    else:
        yield "kNN accuracy on held-out images", f"{summary['knn']:.1%}", knn_levels(summary)
    yield "loss", f"{last['loss']:.3f}", f"{first['loss']:.3f} {start}"
    for name, what in (("effective_rank", "of the features"), ("centered_rank", "of their differences")):
        if name in first and name in last:
            yield f"effective rank {what}", f"{last[name]:.1f}", f"{first[name]:.1f} {start}; 1 is a single direction"
    if "channel_std_healthy" in last:
        healthy = f"{last['channel_std_healthy']:.3g} when spread evenly"
        yield "channel standard deviation", f"{last['channel_std']:.3g}", healthy


def minutes(seconds: float) -> str:
    """A duration in words short enough for a card.

    >>> minutes(42.4), minutes(600), minutes(9000)
    ('42 s', '10 min', '2.5 h')
    """
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"
