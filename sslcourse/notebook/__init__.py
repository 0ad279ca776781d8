"""What a cell of a lab calls. In the grading box, `grading/box_notebook.py` stands here in its place."""

from sslcourse.notebook.card import show_card
from sslcourse.notebook.checks import check, mine_or_reference
from sslcourse.notebook.hints import hint, solution
from sslcourse.notebook.predictions import predict, prediction_table
from sslcourse.notebook.scales import scale
from sslcourse.notebook.stages import progress
from sslcourse.notebook.starting import start

__all__ = [
    "check",
    "hint",
    "mine_or_reference",
    "predict",
    "prediction_table",
    "progress",
    "scale",
    "show_card",
    "solution",
    "start",
]
