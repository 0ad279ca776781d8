"""The page that shows a finished run: figures of merit, curves, attention, kept tokens, reconstructions, neighbours, settings."""

from __future__ import annotations

import html
import math
import os
from collections.abc import Sequence
from pathlib import Path

import torch
from matplotlib.figure import Figure

from sslcourse.evaluation.collapse import spectrum
from sslcourse.evaluation.features import extract_features
from sslcourse.figures import picture_rows, plot_curves, plot_spectra, to_html
from sslcourse.files import write_atomically
from sslcourse.training.alarms import find_alarms
from sslcourse.training.experiment import Trained
from sslcourse.training.pictures import SHOWN, method_pictures, neighbour_rows, one_of_each
from sslcourse.training.recipes import Recipe, build_method

CHART = (4.2, 2.6)
# Terms of a loss that belong into one chart: title -> name in the log -> what the curve is called.
TERMS = {
    "Distillation": {"cls_loss": "class token", "patch_loss": "patches"},
    "Pixels": {"reconstruction_loss": "reconstruction"},
    "Attraction": {"global_loss": "global to global", "local_global_loss": "local to global"},
    "Between local crops": {"local_loss": "local crops"},
    "Affinity": {"affinity_loss": "the affinity's own"},
}
PICTURES = {
    "attention": "the brighter, the more the class token looks there in the last block",
    "kept patches": "the patches that the student gets; the grey ones are removed before its first block",
    "masked patches": "the student sees a mask token in the grey places",
    "reconstruction": "the decoder's pixels in the places that it is trained on",
}


def write_report(trained: Trained, recipe: Recipe, path: str | os.PathLike, command: str = "") -> Path:
    """Write the page of a finished run to `path`: one file of HTML that needs nothing else. Returns the path."""
    summary, rows = trained.summary, trained.rows
    method = type(trained.method).__name__
    title = f"{method} on {Path(recipe.data.name.removeprefix('folder:')).stem}"
    body = [
        f"<p class='kicker'>sslcourse train, scale {recipe.scale}, seed {recipe.fit.seed}</p><h1>{html.escape(title)}</h1>",
        cards(summary),
        alarm_section(trained, recipe),
        section("Is it learning?", LEARNING, learning_figures(rows, summary), kind="figures"),
        section(
            "What the loss is made of",
            LOSSES,
            loss_figures(rows, trained.method.prototypes),
            "figures",
        ),
        *picture_sections(trained, recipe),
        section("How fast", SPEED, speed_figures(rows), kind="figures"),
        settings_section(recipe, summary, command),
    ]
    style = Path(__file__).with_name("report.css").read_text(encoding="utf-8")
    page = (
        "<!doctype html><html lang='en'><meta charset='utf-8'><meta name='viewport' content='width=device-width'>"
        f"<title>{html.escape(title)}</title><style>{style}</style><main>{''.join(body)}"
        f"<footer>{html.escape(finished(summary))}</footer></main></html>\n"
    )
    path = Path(path)
    write_atomically(path, page)
    return path


LEARNING = (
    "kNN classifies held-out images by the labels of their nearest training images, in the features as they are. The loss of a "
    "method with a teacher moves with its temperatures and momentum, so look here first, not at the loss."
)
LOSSES = (
    "Each term by itself: a total that falls can hide a term that never moved. ln K is what a prediction that knows nothing pays "
    "with K prototypes."
)
SPEED = "Training only: evaluation and writing are not counted. data_wait is the share of the time that went into making views."
SPECTRUM = (
    "Singular values of the held-out images' features. A steep fall means that few directions are used; one value alone, that all "
    "images get the same features."
)


def cards(summary: dict) -> str:
    """The run's figures of merit, large."""
    shown = [
        (
            f"{summary['knn']:.1%}",
            f"kNN accuracy (untrained {summary['knn_untrained']:.1%}, chance {summary['chance']:.1%})",
        ),
        (f"{summary['loss']:.3f}", "loss at the end"),
        (f"{summary['steps']:,}", "steps"),
        (minutes(summary["seconds"]), "of training"),
        (f"{summary['images_per_second']:,.0f}", "images a second"),
        (f"{summary['parameters'] / 1e6:.2f} M", "trained parameters"),
    ]
    if "attention_recall" in summary:
        recall = summary["attention_recall"]
        shown.insert(1, (f"{recall:.0%}", "of the object lies in the half most attended to (blindly 50%)"))
    if "reconstruction_errors" in summary:
        errors = summary["reconstruction_errors"]
        share = f"{errors['predicted'] / errors['image_mean']:.0%}"
        shown.insert(-4, (share, "of the error of painting patches in the image's mean colour is left by the decoder"))
    return f"<div class='cards'>{''.join(f'<div class=card><b>{big}</b><span>{small}</span></div>' for big, small in shown)}</div>"


def alarm_section(trained: Trained, recipe: Recipe) -> str:
    """What the alarms say of the log, also when they say nothing."""
    found = find_alarms(trained.rows, trained.method, recipe.fit)
    if found:
        return "".join(
            f"<section class='alarm'><h2>Alarm: {html.escape(alarm.name)}</h2><p>{html.escape(alarm.message)}</p></section>"
            for alarm in found
        )
    past = trained.summary["alarms_on_the_way"]
    text = "No alarm stands: the features have not collapsed and the loss moves."
    if past:
        text = f"No alarm stands at the end. On the way there was: {', '.join(past)}."
    return f"<section class='fine'>{html.escape(text)}</section>"


def section(title: str, text: str, figures: Sequence[Figure], kind: str = "wide") -> str:
    """A box with a heading, what to look for, and figures; nothing without figures."""
    if not figures:
        return ""
    pictures = "".join(f"<div>{to_html(figure, dpi=130)}</div>" for figure in figures)
    return f"<section><h2>{html.escape(title)}</h2><p class='quiet'>{html.escape(text)}</p><div class='{kind}'>{pictures}</div></section>"


def learning_figures(rows: list[dict], summary: dict) -> list[Figure]:
    """kNN, and the meters of collapse."""
    measured = [{"step": 0, "knn": summary["knn_untrained"]}, *(row for row in rows if "knn" in row)]
    levels = {"untrained": summary["knn_untrained"]}
    figures = [curve(measured, {"knn": "kNN"}, title="kNN accuracy", levels=levels)]
    if healthy := rows[-1].get("channel_std_healthy"):
        figures.append(
            curve(
                rows, {"channel_std": "channel std"}, title="Spread of the features", levels={"evenly spread": healthy}
            )
        )
    ranks = {"effective_rank": "features", "centered_rank": "their differences", "projection_rank": "projections"}
    figures.append(curve(rows, ranks, title="Effective rank"))
    cosines = {"positive_cosine": "same image", "negative_cosine": "other images"}
    figures.append(curve(rows, cosines, title="Cosine of two views"))
    return [figure for figure in figures if figure is not None]


def loss_figures(rows: list[dict], prototypes: int | None) -> list[Figure]:
    """The total, its terms, and the teacher's entropy."""
    levels = {"ln K": math.log(prototypes)} if prototypes else {}
    last = rows[-1]
    charts = {title: {name: shown for name, shown in names.items() if name in last} for title, names in TERMS.items()}
    if all(abs(row.get("cls_loss", math.inf) - row["loss"]) < 1e-6 for row in rows):
        charts["Distillation"].pop("cls_loss", None)  # it is the whole loss
    distils = bool(charts["Distillation"])
    figures = [curve(rows, {"loss": "total"}, title="Loss", levels=levels if not distils else {})]
    for title, names in charts.items():
        figures.append(curve(rows, names, title=title, levels=levels if title == "Distillation" else {}))
    entropies = {"teacher_entropy": "class token", "patch_teacher_entropy": "patches"}
    figures.append(curve(rows, entropies, title="Entropy of the targets (nats)", levels=levels))
    figures.append(curve(rows, {"used_prototypes": "used"}, title="Prototypes in use"))
    figures.append(curve(rows, {"attention_entropy": "attention"}, title="Entropy of the attention (nats)"))
    return [figure for figure in figures if figure is not None]


def speed_figures(rows: list[dict]) -> list[Figure]:
    """Images a second, and what making views took."""
    figures = [curve(rows, {"images_per_second": "images a second"}, title="Images a second")]
    figures.append(curve(rows, {"data_wait": "data_wait"}, title="Share of the time that views took"))
    return [figure for figure in figures if figure is not None]


def curve(
    rows: list[dict], names: dict[str, str], *, title: str, levels: dict[str, float] | None = None
) -> Figure | None:
    """The curves of those figures that the log has; None where it has none."""
    curves = {
        shown: ([row["step"] for row in rows if name in row], [row[name] for row in rows if name in row])
        for name, shown in names.items()
        if any(name in row for row in rows)
    }
    return plot_curves(curves, levels=levels, title=title, size=CHART) if curves else None


def picture_sections(trained: Trained, recipe: Recipe) -> list[str]:
    """Attention, kept tokens and reconstructions; neighbours; the spectrum beside the untrained encoder's."""
    held_out, encoder = trained.images.held_out, trained.method.representation
    chosen = held_out.batch(one_of_each(held_out.labels, SHOWN))
    rows = method_pictures(trained.method, encoder, chosen)
    text = " ".join(f"{name[0].upper()}{name[1:]}: {PICTURES[name]}." for name in rows if name in PICTURES)
    if "reconstruction" in rows and trained.method.settings.normalize_targets:
        text += " Each of its patches is shown with the true mean and contrast, which nothing predicts."
    looks = section("What it sees", f"Held-out images. {text}", [picture_rows(rows)]) if len(rows) > 1 else ""
    alike = neighbour_rows(encoder, trained.images.bank, held_out)
    untrained = build_method(recipe).representation.to(next(encoder.parameters()).device)
    spectra = {
        name: spectrum(torch.nn.functional.normalize(extract_features(module, held_out), dim=1))
        for name, module in {"trained": encoder, "untrained": untrained}.items()
    }
    found = "Held-out images and the training images nearest to them; a broken frame marks another class."
    return [
        looks,
        section("What it finds alike", found, [alike]),
        section("How many directions it uses", SPECTRUM, [plot_spectra(spectra, size=(6.4, 3.0))], kind="half"),
    ]


def settings_section(recipe: Recipe, summary: dict, command: str) -> str:
    """Everything needed to do it again."""
    lines = "".join(
        f"<tr><td>{html.escape(path)}</td><td>{html.escape(str(value))}</td></tr>"
        for path, value in flat({key: summary["recipe"][key] for key in ("encoder", "data", "method", "fit")}).items()
    )
    again = f"<pre>{html.escape(command)}</pre>" if command else ""
    return f"<section><h2>To do it again</h2>{again}<details><summary>All settings</summary><table>{lines}</table></details></section>"


def flat(tree: dict, prefix: str = "") -> dict:
    """Nested dicts as one, with dotted names.

    >>> flat({"fit": {"steps": 3}})
    {'fit.steps': 3}
    """
    result: dict = {}
    for key, value in tree.items():
        result |= flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {prefix + key: value}
    return result


def minutes(seconds: float) -> str:
    """A duration in words short enough for a card.

    >>> minutes(42.4), minutes(600), minutes(9000)
    ('42 s', '10 min', '2.5 h')
    """
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


def finished(summary: dict) -> str:
    """When and where."""
    versions = ", ".join(f"{name} {version}" for name, version in summary["versions"].items())
    return f"Finished {summary['finished']} on {summary['device']} ({summary['processes']} process(es) of {summary['threads']} threads); {versions}."
