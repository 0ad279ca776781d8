"""Stands in for `sslcourse.notebook` inside the box: every name is there and does nothing.

The real package may hold hints and solutions; a graded cell only needs `check(...)` and its like to be callable.
"""

CHECKED: dict = {}  # task id -> the function that the notebook had checked last: that one is observed


def check(identifier, function):
    """Remember what was to be checked."""
    CHECKED[identifier] = function


def mine_or_reference(identifier, function, force=False):
    """The student's own function: there is no reference here."""
    return function


def scale(**values):
    """The smallest scale."""
    return values.get("smoke") if values else "smoke"


def _nothing(*arguments, **options):
    return None


hint = predict = prediction_table = progress = show_card = solution = start = _nothing


def __getattr__(name):
    if name.startswith(("__", "pytest")):  # what Python itself and a test collector ask of any module
        raise AttributeError(name)
    return _nothing
