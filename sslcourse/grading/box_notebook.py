"""Stands in for `sslcourse.notebook` inside the box: every name is there and does nothing.

The real package may hold hints and solutions; a graded cell only needs `check(...)` and its like to be callable.
"""


def mine_or_reference(identifier, answer, force=False):
    """The student's own function: there is no reference here."""
    return answer


def __getattr__(name):
    if name.startswith(("__", "pytest")):  # what Python itself and a test collector ask of any module
        raise AttributeError(name)
    return _nothing


def _nothing(*arguments, **options):
    return None
