"""A card of measurements: numbers, each with the range in which new runs lie where there is one."""

from collections.abc import Sequence
from typing import Any

from sslcourse.notebook.card import Table, show_card
from sslcourse.notebook.findings import ends

NAMES = {
    "probe_loss": "loss on held-out pictures",
    "knn": "kNN accuracy (k = 20)",
    "contrastive_accuracy": "contrastive accuracy",
    "accuracy": "accuracy of the classifier",
    "effective_rank": "effective rank of the features",
    "centered_rank": "effective rank around the mean",
    "object_attention": "attention on the object",
    "channel_std": "channel standard deviation",
    "projection_rank": "effective rank of the projections",
    "teacher_distance": "distance of the teacher's weights",
    "object_recall": "share of the object in the attended half",
    "attention_entropy": "entropy of the attention",
    "removed_error": "error of removed patches",
    "kept_error": "error of kept patches",
    "positive_cosine": "cosine of positive pairs",
    "negative_cosine": "cosine of negative pairs",
    "global_cosine": "cosine of two global crops",
    "local_global_cosine": "cosine of a local and a global crop",
    "local_cosine": "cosine of two local crops",
    "other_cosine": "cosine of local crops of two pictures",
    "whole_in_six": "local crops with their picture in the first six",
    "part_knn": "kNN accuracy of local crops",
    "apart": "similarity, no pixel in common",
    "near": "similarity, nearly the same pixels",
}
FINE = {"channel_std": 3, "teacher_distance": 4}  # decimals of meters that are small by nature


def show_numbers(title: str, headings: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Show rows of (name, value, ...) under the headings of their values.

    A value is a number, a pair of a number and the range of new runs (or None), words, or None for an empty place.

    >>> show_numbers("After training", ["mine", "chance"], [["knn", (0.46, (0.44, 0.48)), 0.07]])
    • After training
                             mine               chance
      kNN accuracy (k = 20)  0.46 [0.44, 0.48]  0.07
      In brackets: where 95 % of new runs lie.
    >>> show_numbers("A number that is nearly 0 has no sign", [""], [["cosine", -0.001]])
    • A number that is nearly 0 has no sign
      cosine  0.00
    """
    lines = [
        [NAMES.get(str(name), str(name)), *(_format(value, FINE.get(name, 2)) for value in values)]
        for name, *values in rows
    ]
    ranges = any(isinstance(value, tuple) and value[1] for row in rows for value in row)
    notes = ["In brackets: where 95 % of new runs lie."] if ranges else []
    show_card(title, Table(["", *headings], lines), *notes)


def _format(value: Any, digits: int) -> str:
    if isinstance(value, tuple):
        number, span = value
        range_of_runs = f" [{', '.join(ends(span, digits))}]" if span else ""
        return f"{number:z.{digits}f}{range_of_runs}"
    return value or "" if isinstance(value, str | None) else f"{value:z.{digits}f}"
