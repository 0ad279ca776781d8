"""Nested settings changed by `name=value`: find the field, read the value as its type, say what is allowed."""

import dataclasses
import difflib
import operator
import types
import typing
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar

Settings = TypeVar("Settings")
WORDS = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}


class UnknownSetting(ValueError):
    """There is no setting of this `name`: those spelled like it (`near`) are listed, or else all that are `known`."""

    def __init__(self, name: str, near: list[str], known: typing.Iterable[str]) -> None:
        hint = f"; nearest: {', '.join(near)}" if near else f". There are {', '.join(known)}"
        super().__init__(f"there is no setting {name!r}{hint}")
        self.name, self.near = name, near


def assign(settings: Settings, values: Mapping[str, Any], fixed: tuple[str, ...] = ()) -> Settings:
    """A copy of a dataclass of dataclasses with some fields changed, all at once.

    A name is a dotted path or its end, if only one path ends like that ("steps" for "fit.steps"). The name of a group
    with a field `name` means that field ("encoder" for "encoder.name"). Text is read as the type of its field: numbers,
    true or false, none, and "0.2,1" for pairs. A group that is None is made from its defaults when a field of it is
    set. The fields in `fixed` cannot be changed. Raises ValueError for a name of several fields (and lists them) and a
    value that is not allowed; and UnknownSetting, which is one, for an unknown name.

    >>> from sslcourse.data.views import MultiCropSettings
    >>> changed = assign(MultiCropSettings(), {"local_crops": "6", "local_crop.scale": "0.05,0.3"})
    >>> changed.local_crops, changed.local_crop.scale
    (6, (0.05, 0.3))
    """
    known = {path: kind for path, kind in field_paths(settings).items() if path not in fixed}
    unset = field_paths(settings, unset=True)
    changes: dict[str, Any] = {}
    for name, value in values.items():
        path = find_path(name, known, unset)
        if path in changes:
            raise ValueError(f"{path} is set twice")
        changes[path] = read_value(value, (known | unset)[path], path) if isinstance(value, str) else value
    return _rebuilt(settings, changes)


def parse_changes(texts: typing.Iterable[str]) -> dict[str, str]:
    """The values of `--set` by name. Raises ValueError for a text without "=" and for a name given twice.

    >>> parse_changes(["steps=500", "scale=0.2,1"])
    {'steps': '500', 'scale': '0.2,1'}
    """
    changes: dict[str, str] = {}
    for text in texts:
        name, sign, value = text.partition("=")
        if not sign or not name.strip():
            raise ValueError(f"--set takes NAME=VALUE, for instance --set steps=500; got {text!r}")
        if name.strip() in changes:
            raise ValueError(f"--set {name.strip()} is given twice")
        changes[name.strip()] = value
    return changes


def field_paths(settings: Any, prefix: str = "", unset: bool = False) -> dict[str, Any]:
    """The dotted path of every field, with its type; dataclasses are replaced by their fields.

    With `unset`, instead, the fields of the groups that are None.

    >>> from sslcourse.data.views import MultiCropSettings
    >>> [path for path in field_paths(MultiCropSettings()) if "size" in path]
    ['global_crop.size', 'local_crop.size']
    """
    hints = typing.get_type_hints(type(settings))
    paths: dict[str, Any] = {}
    for field in fields(settings):
        value, path = getattr(settings, field.name), prefix + field.name
        if is_dataclass(value):
            paths |= field_paths(value, f"{path}.", unset)
        elif not unset:
            paths[path] = hints[field.name]
        elif value is None and (group := _group_of(settings, field.name)):
            paths |= field_paths(group(), f"{path}.")
    return paths


def setting_lines(settings: Any, fixed: tuple[str, ...] = ()) -> list[str]:
    """`path=value` of every field, as `assign` takes it.

    >>> from sslcourse.data.views import MultiCropSettings
    >>> [line for line in setting_lines(MultiCropSettings()) if ".scale" in line]
    ['global_crop.scale=0.4,1.0', 'local_crop.scale=0.05,0.4']
    """
    values = {path: operator.attrgetter(path)(settings) for path in field_paths(settings) if path not in fixed}
    return [
        f"{path}={','.join(map(str, value)) if isinstance(value, tuple) else value}" for path, value in values.items()
    ]


def find_path(name: str, known: Mapping[str, Any], unset: Mapping[str, Any]) -> str:
    """The one path among `known`, or else among `unset`, that `name` means; ValueError lists what there is."""
    if name in known:
        return name
    ends = [path for path in unset if "." in name and f".{path}".endswith(f".{name}")]
    ends = ends or [path for path in known if path.endswith(f".{name}")]
    ends = ends or [path for path in known if path == f"{name}.name"]
    if len(ends) == 1:
        return ends[0]
    if ends:
        raise ValueError(f"{name!r} may mean {', '.join(ends)}: write more of it, for instance {ends[0]}=...")
    last: dict[str, list[str]] = {}
    for path in known:
        last.setdefault(path.split(".")[-1], []).append(path)
    near = difflib.get_close_matches(name, known if "." in name else last, n=4, cutoff=0.5)
    near = list(dict.fromkeys(path for word in near for path in last.get(word, [word])))[:6]
    raise UnknownSetting(name, near, last)


def read_value(text: str, kind: Any, path: str) -> Any:
    """`text` as a value of the type `kind`.

    >>> read_value("none", float | None, "clip_norm"), read_value("1e-3", float, "rate"), read_value("on", bool, "cls")
    (None, 0.001, True)
    """
    choices = typing.get_args(kind) if isinstance(kind, types.UnionType) else (kind,)
    choices = sorted(choices, key=lambda choice: choice is not type(None))  # "none" is also a word
    for choice in choices:
        try:
            return _read(text.strip(), choice)
        except ValueError:
            continue
    wanted = " or ".join(_words(choice) for choice in choices)
    raise ValueError(f"{path} is {wanted}; got {text!r}")


def later(default: Any) -> Any:
    """A field that joins its dataclass after runs were kept; at `default` it must do what was done before it existed.

    While it has its default it is left out of what tells runs apart (`lasting`), so that older runs remain valid.
    """
    return dataclasses.field(default=default, metadata={"later": True})


def lasting(settings: Any) -> dict[str, Any]:
    """A dataclass of dataclasses as a dict, without fields added `later` that have their default.

    >>> from dataclasses import make_dataclass
    >>> Loop = make_dataclass("Loop", [("steps", int), ("clip", float, later(1.0))])
    >>> lasting(Loop(3)), lasting(Loop(3, 0.5))
    ({'steps': 3}, {'steps': 3, 'clip': 0.5})
    """
    return {name: lasting(value) if is_dataclass(value) else value for name, value in _lasting_fields(settings)}


def lasting_text(settings: Any) -> str:
    """The dataclass as Python shows it, without the same fields."""
    inner = (
        f"{name}={lasting_text(value) if is_dataclass(value) else repr(value)}"
        for name, value in _lasting_fields(settings)
    )
    return f"{type(settings).__qualname__}({', '.join(inner)})"


def _lasting_fields(settings: Any) -> Iterator[tuple[str, Any]]:
    for each in fields(settings):
        value = getattr(settings, each.name)
        if not (each.metadata.get("later") and value == each.default):
            yield each.name, value


def check_fields(settings: Any, rule: str, allowed: Callable[[Any], bool], *names: str) -> None:
    """Raise ValueError, "NAME RULE; got VALUE", for the first of the fields `names` whose value is not `allowed`.

    >>> from sslcourse.data.views import MultiCropSettings
    >>> check_fields(MultiCropSettings(), "must be even", lambda count: count % 2 == 0, "global_crops", "local_crops")
    """
    for name in names:
        if not allowed(value := getattr(settings, name)):
            raise ValueError(f"{name} {rule}; got {value}")


def nearest(what: str, given: str, allowed: typing.Iterable[str]) -> str:
    """`given` if it is allowed; otherwise raises ValueError with the nearest name and all that are.

    >>> nearest("method", "dyno", ["simclr", "dino"])
    Traceback (most recent call last):
    ValueError: there is no method 'dyno'; did you mean 'dino'? There are simclr, dino
    """
    names = list(allowed)
    if given in names:
        return given
    near = difflib.get_close_matches(given.lower(), names, n=1, cutoff=0.4)
    guess = f"did you mean {near[0]!r}? There" if near else "there"
    raise ValueError(f"there is no {what} {given!r}; {guess} are {', '.join(names)}")


def check_shares(settings: object, *names: str) -> None:
    """Raise ValueError when one of these attributes is not from 0 to 1."""
    check_fields(settings, "must lie in 0..1", lambda share: 0 <= share <= 1, *names)


def _read(text: str, kind: Any) -> Any:
    if kind is type(None) and text.lower() == "none":
        return None
    if kind is bool and text.lower() in WORDS:
        return WORDS[text.lower()]
    if typing.get_origin(kind) is tuple:
        parts = text.strip("()[] ").split(",")
        return tuple(_read(part.strip(), each) for part, each in zip(parts, typing.get_args(kind), strict=True))
    if kind in (int, float, str):
        return kind(text)
    raise ValueError


def _words(kind: Any) -> str:
    if typing.get_origin(kind) is tuple:
        return f"{len(typing.get_args(kind))} numbers with commas between them"
    names = {int: "a whole number", float: "a number", bool: "true or false", str: "a word", type(None): "none"}
    return names.get(kind, "set field by field")


def _rebuilt(settings: Any, changes: Mapping[str, Any]) -> Any:
    """`settings` with changes by path; the deepest dataclasses first, each made once."""
    groups: dict[str, dict[str, Any]] = {}
    own: dict[str, Any] = {}
    for path, value in changes.items():
        head, _, rest = path.partition(".")
        if rest:
            groups.setdefault(head, {})[rest] = value
        else:
            own[head] = value
    for head, inner in groups.items():
        group = getattr(settings, head)
        own[head] = _rebuilt(_group_of(settings, head)() if group is None else group, inner)
    return replace(settings, **own) if own else settings


def _group_of(settings: Any, name: str) -> type | None:
    """The dataclass that the field `name` may hold besides None; None for other fields."""
    choices = typing.get_args(typing.get_type_hints(type(settings))[name])
    return next((choice for choice in choices if is_dataclass(choice)), None)
