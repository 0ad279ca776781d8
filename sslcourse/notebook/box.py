"""What `sslcourse.notebook` is inside the grading box: everything is there, and nothing of it does anything.

The box holds no answers and no training code, so nothing is imported here either.
"""

from __future__ import annotations

from typing import Any


def _nothing(*_arguments: Any, **_options: Any) -> None:
    """Do nothing, whatever is asked."""


start = check = hint = solution = predict = prediction_table = progress = show_card = _nothing


def mine_or_reference(identifier: str, function: Any, force: bool = False) -> Any:
    """The student's own function: there is no reference here."""
    return function


def scale(**values: Any) -> Any:
    """The smallest scale."""
    return values.get("smoke") if values else "smoke"
