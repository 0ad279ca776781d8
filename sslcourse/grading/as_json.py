"""Dataclasses as JSON and back, by their annotations: what passes between the grader and the process that reads."""

import types
import typing
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any


def to_plain(value: Any) -> Any:
    """Dataclasses, tuples and sets as dicts and lists; what JSON knows stays as it is.

    >>> to_plain((1, frozenset({"a"})))
    [1, ['a']]
    """
    if is_dataclass(value):
        return {field.name: to_plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, dict):
        return {str(key): to_plain(each) for key, each in value.items()}
    if isinstance(value, set | frozenset):
        return sorted(value)
    return [to_plain(each) for each in value] if isinstance(value, list | tuple) else value


def from_plain(kind: Any, value: Any) -> Any:
    """The value of type `kind` that `to_plain` made plain. Raises TypeError where it is of another form.

    >>> from_plain(dict[int, tuple[str, ...]], {"1": ["a", "b"]})
    {1: ('a', 'b')}
    """
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if origin in (types.UnionType, typing.Union):  # X | None
        return None if value is None else from_plain(next(each for each in inner if each is not types.NoneType), value)
    if is_dataclass(kind) and isinstance(kind, type):
        hints = typing.get_type_hints(kind)
        return kind(**{name: from_plain(hints[name], each) for name, each in value.items()})
    if origin in (dict, Mapping):
        return {from_plain(inner[0], key): from_plain(inner[1], each) for key, each in value.items()}
    if origin is tuple and inner[-1] is not Ellipsis:
        return tuple(from_plain(each, part) for each, part in zip(inner, value, strict=True))
    if origin in (list, tuple, set, frozenset):
        return origin(from_plain(inner[0], each) for each in value)
    if kind is int and type(value) is str:  # a key: JSON has none but text
        return int(value)
    if kind is not Any and not isinstance(value, (int, float) if kind is float else kind):
        raise TypeError(f"{type(value).__name__} where {kind.__name__} was expected")
    return value
