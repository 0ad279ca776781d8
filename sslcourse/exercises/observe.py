"""Watch a student's function at work: what it returns, which gradients it passes on, which arguments it changes.

This file goes into the grading box. It knows nothing of right answers: it turns whatever a call does into a tree of
dict, list, tensor, int, float, bool, str and None that another process can compare.
"""

import dis
import inspect
import io
import linecache
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout, suppress
from functools import partial
from types import CodeType
from typing import Any

import torch
from torch.autograd import grad

from sslcourse.exercises.plain import MAX_TEXT, NotPlain, as_tree, copy_tree, same_bits, type_name
from sslcourse.exercises.task import Tree
from sslcourse.exercises.trace import first_broken, is_broken

MAX_PRINTED = 200  # characters of what an answer printed that are told


def calls(*arguments: str) -> Callable[[Callable, dict[str, Any]], Tree]:
    """How a `Task` observes a function that is called with these arguments and returns something.

    >>> calls("x")(lambda x: x + 1, {"x": 2})
    {'value': 3, 'after': {'x': 2}, 'changed': []}
    """
    return partial(observe_call, arguments=arguments)


def observe_call(answer: Callable, inputs: dict[str, Tree], arguments: Sequence[str]) -> Tree:
    """Call `answer` with copies of the named inputs and return {"value": its result, "after": ..., "changed": ...}.

    "after" holds the arguments as the call left them, by name, for another process to compare; "changed" names those
    that are not what they were, which is to be believed of the reference only. Arguments are passed by position, so a
    student may rename them. A call that fails gives {"failure": ...} instead (see `failure`). Where the result holds
    NaN or infinities, "origin" says in which operation they first arise.

    >>> observe_call(lambda x: x + 1, {"x": 2}, ["x"])
    {'value': 3, 'after': {'x': 2}, 'changed': []}
    """
    _, observed = _observe(answer, inputs, {name: copy_tree(inputs[name]) for name in arguments})
    return observed


def called_with(answer: Callable, arguments: list[Any]) -> tuple[Any, Tree]:
    """What a call with these arguments, such as networks, returns, and {"value": that as a tree} or a failure."""
    result, value, failed = _call(answer, arguments)
    return result, failed or {"value": value}


def observe_in_place(answer: Callable, arguments: list[Any], look: Callable[[], Tree]) -> Tree:
    """What `look()` sees after a call that is made for what it does to its arguments, whatever it returns.

    A failure if the call raises, or if the function has no code yet.

    >>> numbers = [1]
    >>> observe_in_place(lambda one: one.append(2), [numbers], lambda: {"numbers": list(numbers)})
    {'numbers': [1, 2]}
    """
    code = _code(answer)
    if code is not None and not code.co_names and not code.co_freevars:  # a docstring, `pass` or `...`: it uses nothing
        return failure("not_attempted", "NoneType", "the function has no code yet")
    return _call(answer, arguments, in_place=True)[2] or look()


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
    result, observed = _observe(answer, inputs, copies)
    if "failure" not in observed:
        cut_off = [name for name in leaves if name in copies and not copies[name].requires_grad]  # by `detach_()`
        observed["after"] |= dict.fromkeys(cut_off)
        observed["changed"] += [name for name in cut_off if name not in observed["changed"]]
        observed["gradient"] = _backward(result, leaves, inputs[cotangent])
    return observed


def _observe(answer: Callable, inputs: dict[str, Tree], copies: dict[str, Tree]) -> tuple[Any, Tree]:
    """What `answer` returns when it is called with the copies of its inputs, and the observation of that."""
    result, value, failed = _call(answer, list(copies.values()))
    if failed:
        return None, failed
    after = {name: _after(copy) for name, copy in copies.items()}
    changed = [name for name, tree in after.items() if tree is None or not same_bits(inputs[name], tree)]
    observed = {"value": value, "after": after, "changed": changed}
    if is_broken(value):
        observed["origin"] = _origin(answer, [copy_tree(inputs[name]) for name in copies])
    return result, observed


def failure(kind: str, type_name: str, message: str, **where: Any) -> Tree:
    """What stands for a call without a result; `kind` is "exception", "not_attempted", "printed" or "type".

    `line` counts from the `def` line of `function`, which is 1; `source` is the text of that line. All three are None
    when unknown.

    >>> failure("type", "numpy.ndarray", "an ndarray came back")["failure"]["line"] is None
    True
    """
    place = {"line": None, "function": None, "source": None, **where}
    return {"failure": {"kind": kind, "type": type_name, "message": message[:MAX_TEXT], **place}}


def _call(answer: Callable, arguments: list[Any], in_place: bool = False) -> tuple[Any, Tree, Tree]:
    """Call once; return (raw result, result as a tree, failure), the last of them None when all went well."""
    if not callable(answer):
        name = type_name(answer)
        return None, None, failure("type", name, f"there is no function to call, but `{name}`")
    printed = _Printed(sys.stdout)
    try:
        with _own_torch_state(), redirect_stdout(printed):
            result = answer(*arguments)
            if in_place:
                return None, None, {}
            if result is None and printed.text.strip():
                return None, None, failure("printed", "NoneType", printed.text.strip())
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


class _Printed(io.TextIOBase):
    """Standard output that remembers the first of what was written to it and passes on what it can.

    Printing works whatever the student's cells did to the stream below: closed it, or put None in its place.
    """

    def __init__(self, stream: Any):
        self.stream, self.text = stream, ""

    def write(self, text: str) -> int:
        self.text += text[: MAX_PRINTED - len(self.text)]
        with suppress(OSError, ValueError, AttributeError):
            self.stream.write(text)
        return len(text)

    def flush(self) -> None:
        with suppress(OSError, ValueError, AttributeError):
            self.stream.flush()


def _origin(answer: Callable, arguments: list[Any]) -> str:
    """The operation in which NaN or infinities first arise when `answer` is called once more, unheard."""
    with _own_torch_state(), redirect_stdout(io.StringIO()):
        return first_broken(answer, arguments)


def _backward(result: Any, leaves: dict[str, torch.Tensor], cotangent: torch.Tensor) -> Tree:
    nothing = dict.fromkeys(leaves)
    if type(result) is not torch.Tensor or not result.requires_grad or result.shape != cotangent.shape:
        return nothing  # a wrong type or shape is seen in the value
    try:
        with _own_torch_state():
            seed = cotangent.to(result.dtype)
            gradients = grad(result, list(leaves.values()), seed, allow_unused=True)
            return dict(zip(leaves, map(as_tree, gradients)))
    except Exception as error:  # noqa: BLE001 (a student's own autograd function may raise anything)
        return failure("exception", type_name(error), _text(error))


def _after(argument: Any) -> Tree:
    """What a call left of an argument, None where that is no plain value any more."""
    try:
        return as_tree(argument)
    except NotPlain:
        return None


@contextmanager
def _own_torch_state() -> Iterator[None]:
    """Gradients on; whatever switches the answer turns are turned back."""
    default = torch.get_default_dtype()
    try:
        with torch.enable_grad():
            yield
    finally:
        torch.set_default_dtype(default)


def _code(answer: Callable) -> CodeType | None:
    """The code that the student wrote, below decorators such as `@torch.no_grad()`; None where there is none."""
    with suppress(Exception):  # a student's own callable may do anything when it is looked at
        code = getattr(inspect.unwrap(answer), "__code__", None)
        return code if type(code) is CodeType else None
    return None


def _exception(error: BaseException, answer: Callable) -> Tree:
    """Describe an exception by the innermost line that the student wrote."""
    frames = list(traceback.walk_tb(error.__traceback__))
    code = _code(answer)
    own = [(frame, line) for frame, line in frames if code is not None and frame.f_code.co_filename == code.co_filename]
    if isinstance(error, NotImplementedError) and _raised_here(error, code):
        return failure("not_attempted", type_name(error), _text(error))
    if not own:
        return failure("exception", type_name(error), _text(error))
    # A comprehension is a frame of its own before Python 3.12: the function around it says more.
    frame, line = next((item for item in own[::-1] if not item[0].f_code.co_name.startswith("<")), own[-1])
    source = linecache.getline(frame.f_code.co_filename, line).strip()[:200] or None
    counted = line - frame.f_code.co_firstlineno + 1
    place = {"line": counted, "function": frame.f_code.co_name, "source": source}
    return failure("exception", type_name(error), _text(error), **place)


def _raised_here(error: BaseException, code: CodeType | None) -> bool:
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
