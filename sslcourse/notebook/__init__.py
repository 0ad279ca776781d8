"""What a cell of a lab calls. Inside the grading box (SSLCOURSE_BOX=1) the same names do nothing."""

import os

if os.environ.get("SSLCOURSE_BOX") == "1":
    from sslcourse.notebook.box import (
        check,
        hint,
        mine_or_reference,
        predict,
        prediction_table,
        progress,
        scale,
        show_card,
        solution,
        start,
    )
else:
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
