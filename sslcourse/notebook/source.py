"""A digest of a student's function that changes when the function does, so that a changed loss is a new run."""

import ast
import functools
import hashlib
import inspect
import textwrap
from collections.abc import Callable
from types import FunctionType
from typing import Any

PLAIN = (bool, int, float, str, bytes, tuple, type(None))


def digest_of(function: Callable | tuple) -> str:
    """8 hex digits for what a function, or each of several, computes: comments, spaces and docstrings change nothing.

    What they use of their own module counts, too: other functions, and plain values.

    >>> def double(x):
    ...     return 2 * x  # twice
    >>> before = digest_of(double)
    >>> def double(x):
    ...     return x + x
    >>> digest_of(double) == before
    False
    """
    return hashlib.sha256("\n".join(_parts(function, set())).encode()).hexdigest()[:8]


def _parts(thing: Any, seen: set[int]) -> list[str]:
    """The texts that stand for a function and for everything it uses."""
    if isinstance(thing, functools.partial):
        values = [repr(value) for value in (*thing.args, *sorted(thing.keywords.items()))]
        return [*_parts(thing.func, seen), *values]
    if isinstance(thing, tuple):
        return [text for item in thing for text in _parts(item, seen)]
    thing = inspect.unwrap(thing)
    if not isinstance(thing, FunctionType):
        return [repr(thing) if isinstance(thing, PLAIN) else f"{type(thing).__module__}.{type(thing).__qualname__}"]
    if id(thing) in seen:
        return []
    seen.add(id(thing))
    names = inspect.getclosurevars(thing)
    used = {**names.globals, **names.nonlocals}
    own = {
        name: value
        for name, value in sorted(used.items())
        if isinstance(value, PLAIN) or getattr(value, "__module__", None) == thing.__module__
    }
    values = [repr(thing.__defaults__), repr(thing.__kwdefaults__)]
    return [_text(thing), *values, *(text for name, value in own.items() for text in (name, *_parts(value, seen)))]


def _text(function: FunctionType) -> str:
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    except (OSError, TypeError, SyntaxError):  # no source, or a lambda in the middle of a line: its byte code
        return f"{function.__code__.co_code.hex()} {function.__code__.co_consts!r} {function.__code__.co_names!r}"
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and ast.get_docstring(node) is not None:
            node.body = node.body[1:] or [ast.Pass()]
    return ast.unparse(tree)
