"""Watch a student's function at work: what it returns, which gradients it passes on, which arguments it changes.

This file goes into the grading box. It knows nothing of right answers: it turns whatever a call does into a tree of
dict, list, tensor, int, float, bool, str and None that another process can compare. Types are decided with
`type(x) is ...`, so that an object that lies about its class or its equality gets nowhere.
"""

from __future__ import annotations

import dis
import linecache
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch

from sslcourse.exercises.task import Tree

MAX_NUMEL = 2_000_000  # no exercise returns as much; an expanded tensor could claim terabytes
MAX_ITEMS = 10_000
MAX_DEPTH = 8
MAX_TEXT = 2_000

# Read from `type` itself: a metaclass may define properties of these names that lie or raise.
_NAME_OF = type.__dict__["__name__"].__get__
_MODULE_OF = type.__dict__["__module__"].__get__


class NotPlain(Exception):
    """A returned value is none of the plain types that an observation may hold."""

    def __init__(self, type_name: str, message: str):
        super().__init__(message)
        self.type_name = type_name


def observe_call(answer: Callable, inputs: dict[str, Tree], arguments: Sequence[str]) -> Tree:
    """Call `answer` with copies of the named inputs and return {"value": its result, "changed": [changed arguments]}.

    Arguments are passed by position, so a student may rename them. A call that fails gives {"failure": ...} instead
    (see `failure`).

    >>> observe_call(lambda x: x + 1, {"x": 2}, ["x"])
    {'value': 3, 'changed': []}
    """
    copies = {name: copy_tree(inputs[name]) for name in arguments}
    _, value, failed = _call(answer, list(copies.values()))
    if failed:
        return failed
    return {"value": value, "changed": _changed(inputs, copies)}


def observe_gradient(
    answer: Callable,
    inputs: dict[str, Tree],
    arguments: Sequence[str],
    differentiate: Sequence[str],
    cotangent: str = "cotangent",
) -> Tree:
    """As `observe_call`, and "gradient": {name: gradient} of <result, inputs[cotangent]> for `differentiate`.

    A gradient is None where the result does not depend on that input (or was detached from it), and
    {"failure": ...} where the backward pass itself failed. The arguments are not leaves of the graph, as embeddings in
    training are not, so changing one in place is seen as a change and not as an exception.

    >>> inputs = {"x": torch.tensor(3.0), "cotangent": torch.tensor(2.0)}
    >>> observe_gradient(lambda x: x * x, inputs, ["x"], ["x"])["gradient"]
    {'x': tensor(12.)}
    """
    leaves = {name: inputs[name].detach().clone().requires_grad_() for name in differentiate}
    with torch.enable_grad():
        copies = {name: leaves[name].clone() if name in leaves else copy_tree(inputs[name]) for name in arguments}
    result, value, failed = _call(answer, list(copies.values()))
    if failed:
        return failed
    gradient = _backward(result, leaves, inputs[cotangent])
    return {"value": value, "gradient": gradient, "changed": _changed(inputs, copies)}


def failure(kind: str, type_name: str, message: str, **where: Any) -> Tree:
    """What stands for a call without a result; `kind` is "exception", "not_attempted" or "type".

    `line` counts from the `def` line of `function`, which is 1; `source` is the text of that line. All three are None
    when unknown.

    >>> failure("type", "numpy.ndarray", "an ndarray came back")["failure"]["line"] is None
    True
    """
    place = {"line": None, "function": None, "source": None, **where}
    return {"failure": {"kind": kind, "type": type_name, "message": message[:MAX_TEXT], **place}}


def as_tree(value: Any, depth: int = 0) -> Tree:
    """Convert a returned value to a tree: tuples become lists, tensors are detached, copied to the CPU and contiguous.

    Raises NotPlain, naming the type, for anything else: array scalars, parameters, other subclasses, sparse tensors,
    too many or too large things.

    >>> as_tree((1.5, torch.ones(2)))
    [1.5, tensor([1., 1.])]
    """
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


def _call(answer: Callable, arguments: list[Any]) -> tuple[Any, Tree, Tree]:
    """Call once; return (raw result, result as a tree, failure), the last of them None when all went well."""
    if not callable(answer):
        return (
            None,
            None,
            failure("type", type_name(answer), f"there is no function to call, but `{type_name(answer)}`"),
        )
    try:
        with _own_torch_state():
            result = answer(*arguments)
            if result is None or result is Ellipsis:
                said = "None" if result is None else "..."
                return None, None, failure("not_attempted", type_name(result), f"the function returned {said}")
            return result, as_tree(result), None
    except NotPlain as error:
        return None, None, failure("type", error.type_name, str(error))
    except KeyboardInterrupt:  # the student at the stop button
        raise
    except BaseException as error:  # noqa: BLE001 (exit() in an answer must end neither notebook nor grader)
        return None, None, _exception(error, answer)


def _backward(result: Any, leaves: dict[str, torch.Tensor], cotangent: torch.Tensor) -> Tree:
    nothing = dict.fromkeys(leaves)
    if type(result) is not torch.Tensor or not result.requires_grad or result.shape != cotangent.shape:
        return nothing  # a wrong type or shape is seen in the value
    try:
        with _own_torch_state():
            seed = cotangent.to(result.dtype)
            gradients = torch.autograd.grad(result, list(leaves.values()), seed, allow_unused=True)
            return dict(zip(leaves, map(as_tree, gradients)))
    except Exception as error:  # noqa: BLE001 (a student's own autograd function may raise anything)
        return failure("exception", type_name(error), _text(error))


def _changed(inputs: dict[str, Tree], copies: dict[str, Any]) -> list[str]:
    return [name for name, copy in copies.items() if not _same(inputs[name], copy)]


def _same(before: Tree, after: Any) -> bool:
    """Whether an argument is still what it was, to the last bit."""
    if type(before) is not type(after):
        return False
    if type(before) is torch.Tensor:
        if before.shape != after.shape or before.dtype != after.dtype:
            return False
        return torch.equal(torch.nan_to_num(before), torch.nan_to_num(torch.detach(after)))
    if type(before) is dict:
        return before.keys() == after.keys() and all(_same(before[key], after[key]) for key in before)
    if type(before) is list:
        return len(before) == len(after) and all(map(_same, before, after))
    return before == after


def _plain_tensor(value: torch.Tensor) -> torch.Tensor:
    value = torch.detach(value)  # a new object, without attributes that somebody set on the old one
    if value.layout != torch.strided or value.is_nested or value.is_quantized or value.is_meta:
        raise NotPlain("torch.Tensor", f"the result holds a tensor that is not plain and dense ({value.layout})")
    if value.numel() > MAX_NUMEL:
        raise NotPlain("torch.Tensor", f"the result holds a tensor of {value.numel()} numbers, more than {MAX_NUMEL}")
    plain = value.cpu().resolve_conj().resolve_neg()
    return torch.empty(plain.shape, dtype=plain.dtype).copy_(plain)


@contextmanager
def _own_torch_state() -> Iterator[None]:
    """Gradients on; whatever switches the answer turns are turned back."""
    default = torch.get_default_dtype()
    try:
        with torch.enable_grad():
            yield
    finally:
        torch.set_default_dtype(default)


def _exception(error: BaseException, answer: Callable) -> Tree:
    """Describe an exception by the innermost line that the student wrote."""
    frames = list(traceback.walk_tb(error.__traceback__))
    code = getattr(answer, "__code__", None)
    own = [(frame, line) for frame, line in frames if code is not None and frame.f_code.co_filename == code.co_filename]
    if isinstance(error, NotImplementedError) and _raised_here(error, code):
        return failure("not_attempted", type_name(error), _text(error))
    if not own:
        return failure("exception", type_name(error), _text(error))
    frame, line = own[-1]
    source = linecache.getline(frame.f_code.co_filename, line).strip()[:200] or None
    counted = line - frame.f_code.co_firstlineno + 1
    place = {"line": counted, "function": frame.f_code.co_name, "source": source}
    return failure("exception", type_name(error), _text(error), **place)


def _raised_here(error: BaseException, code: Any) -> bool:
    """Whether a `raise` of the student's own file made this exception (torch raises NotImplementedError too)."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None or code is None:
        return True
    raised = trace.tb_frame.f_code
    return raised.co_filename == code.co_filename and dis.opname[raised.co_code[trace.tb_lasti]] == "RAISE_VARARGS"


def _text(error: BaseException) -> str:
    try:
        return str(error)[:MAX_TEXT]
    except Exception:  # noqa: BLE001 (so may its text)
        return "(the exception has no readable text)"
