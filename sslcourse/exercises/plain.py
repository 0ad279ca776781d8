"""Turn whatever a student's function returns into a tree of plain values. Goes into the grading box.

Types are decided with `type(x) is ...`, so that an object that lies about its class or its equality gets nowhere.
"""

from typing import Any

import numpy as np
import torch

from sslcourse.exercises.task import Tree

MAX_NUMEL = 2_000_000  # no exercise returns as much; an expanded tensor could claim terabytes
MAX_ITEMS = 10_000
MAX_DEPTH = 8
MAX_TEXT = 2_000
NUMPY_NUMBERS = frozenset(np.dtype(code).type for code in "?bhilqBHILQefd")

# Read from `type` itself: a metaclass may define properties of these names that lie or raise.
_NAME_OF = type.__dict__["__name__"].__get__
_MODULE_OF = type.__dict__["__module__"].__get__


class NotPlain(Exception):
    """A returned value is none of the plain types that an observation may hold."""

    def __init__(self, type_name: str, message: str):
        super().__init__(message)
        self.type_name = type_name


def as_tree(value: Any, depth: int = 0) -> Tree:
    """Convert a returned value to a tree: lists for tuples, plain numbers for NumPy's, plain tensors on the CPU.

    Raises NotPlain, naming the type, for anything else: arrays, parameters, other subclasses, sparse tensors, too many
    or too large things.

    >>> as_tree((1.5, torch.ones(2)))
    [1.5, tensor([1., 1.])]
    """
    kind = type(value)
    if kind in NUMPY_NUMBERS:
        value = value.item()
        kind = type(value)
    if depth > MAX_DEPTH:
        raise NotPlain(type_name(value), f"the result is nested more than {MAX_DEPTH} deep")
    if value is None or kind is bool or kind is float:
        return value
    if kind is int:
        if value.bit_length() > 63:
            raise NotPlain("int", "the result holds a whole number of more than 63 bits")
        return value
    if kind is str:
        return value[:MAX_TEXT]
    if kind is torch.Tensor:
        return _plain_tensor(value)
    if kind in (tuple, list, dict) and len(value) > MAX_ITEMS:
        raise NotPlain(type_name(value), f"the result holds {len(value)} things, more than {MAX_ITEMS}")
    if kind is tuple or kind is list:
        return [as_tree(item, depth + 1) for item in value]
    if kind is dict and all(type(key) is str for key in value):
        return {key: as_tree(item, depth + 1) for key, item in value.items()}
    raise NotPlain(type_name(value), f"the result holds `{type_name(value)}`")


def copy_tree(tree: Tree) -> Tree:
    """Copy a tree so deeply that nothing done to the copy can be seen in the original."""
    if isinstance(tree, torch.Tensor):
        return tree.detach().clone()
    if isinstance(tree, dict):
        return {key: copy_tree(item) for key, item in tree.items()}
    if isinstance(tree, list):
        return [copy_tree(item) for item in tree]
    return tree


def same_bits(first: Tree, second: Tree) -> bool:
    """Whether two trees are the same to the last bit.

    >>> same_bits([torch.tensor(0.0)], [torch.tensor(0.0)]), same_bits(1, 1.0), same_bits({}, {"x": None})
    (True, False, False)
    """
    if type(first) is not type(second):
        return False
    if type(first) is torch.Tensor:
        return first.shape == second.shape and first.dtype == second.dtype and _bytes(first) == _bytes(second)
    if type(first) is dict:
        return first.keys() == second.keys() and all(same_bits(first[key], second[key]) for key in first)
    if type(first) is list:
        return len(first) == len(second) and all(map(same_bits, first, second))
    return first == second or (first != first and second != second)


def _bytes(tensor: torch.Tensor) -> bytes:
    flat = tensor.detach().resolve_conj().resolve_neg().contiguous().reshape(-1)
    return flat.view(torch.uint8).numpy().tobytes() if flat.numel() else b""


def type_name(value: Any) -> str:
    """Name the true type of a value, with its module unless that is `builtins`.

    >>> type_name(1.5), type_name(torch.nn.Parameter(torch.ones(1)))
    ('float', 'torch.nn.parameter.Parameter')
    """
    kind = type(value)
    try:
        name, module = _NAME_OF(kind), _MODULE_OF(kind)
    except Exception:  # noqa: BLE001 (a hostile class may raise anything)
        return "object"
    return name if type(module) is not str or module in ("builtins", "__main__") else f"{module}.{name}"


def _plain_tensor(value: torch.Tensor) -> torch.Tensor:
    value = torch.detach(value)  # a new object, without attributes that somebody set on the old one
    if value.layout != torch.strided or value.is_nested or value.is_quantized or value.is_meta:
        raise NotPlain("torch.Tensor", f"the result holds a tensor that is not plain and dense ({value.layout})")
    if value.numel() > MAX_NUMEL:
        raise NotPlain("torch.Tensor", f"the result holds a tensor of {value.numel()} numbers, more than {MAX_NUMEL}")
    plain = value.cpu().resolve_conj().resolve_neg()
    return torch.empty(plain.shape, dtype=plain.dtype).copy_(plain)
