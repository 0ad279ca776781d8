"""In the box, in the process of one exercise: run the student's statements and observe the answer."""

from __future__ import annotations
import __future__

import ast
import asyncio
import inspect
import linecache
import os
import signal
import sys
import time
import types
from collections.abc import Iterator
from typing import Any

from sslcourse.grading import standins
from sslcourse.grading.clock import PATIENCE, waited_for_processor

RECURSION = 3_000  # calls, as in a notebook where jedi, which completes names, sets it (before its release 0.20)
MAX_FAILED = 20  # statements that are told of
CELL = "<cell {}>"  # the name of the file that a cell is to Python


class TookTooLong(BaseException):
    """A statement of the notebook was stopped, so that the answer can still be observed."""


def observe(task: Any, cells: list, seconds: float, message: bytes, result: int) -> None:
    """Run the cells, then observe each case of `task` and send its tree to the descriptor `result` as soon as it is
    known. For `cells` see `run_cells`; running them may take half of `seconds`.
    """
    from sslcourse.exercises.observe import failure, type_name
    from sslcourse.grading import wire

    inputs = wire.decode(message)["inputs"]
    namespace = _namespace()
    _same_luck()
    failed = run_cells(cells, namespace, seconds / 2)
    checked = getattr(sys.modules.get("sslcourse.notebook"), "CHECKED", {})
    is_defined = task.id in checked or task.function in namespace
    write_all(result, wire.encode({"cell": {"defined": is_defined, "failed": failed[:MAX_FAILED]}}))
    if not is_defined:
        return
    answer = checked[task.id] if task.id in checked else namespace[task.function]
    standins.Absent.is_strict = True
    for case, drawn in inputs.items():
        _same_luck()
        try:
            encoded = wire.encode({"case": case, "tree": task.observe(answer, drawn)})
        except wire.UnlistedType as error:
            encoded = wire.encode({"case": case, "tree": failure("type", str(error), f"the result holds a {error}")})
        except BaseException as error:  # noqa: BLE001 (whatever student code raises)
            encoded = wire.encode({"case": case, "tree": failure("exception", type_name(error), str(error))})
        write_all(result, encoded)


def _same_luck() -> None:
    """What student code draws at random is the same whenever it is graded."""
    import random

    import numpy as np
    import torch

    random.seed(0)
    np.random.seed(0)  # noqa: NPY002 (what students call)
    torch.manual_seed(0)


def run_cells(cells: list, namespace: dict[str, Any], seconds: float) -> list[dict[str, Any]]:
    """Run cells, each [number, Python source, indices of the statements to run]; return what failed.

    A statement that fails costs only itself. One that lacks a name is tried again after the others, for cells are not
    always run in their order. One that takes more than half of the time that is left is stopped.
    """
    waiting = list(_statements(cells))
    failed: list[dict[str, Any]] = []
    clock = _Clock(seconds)
    flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    while waiting:
        lacking = []
        for cell, node in waiting:
            clock.start()
            try:
                flags |= _run(cell, node, namespace, flags)
            except NameError as error:
                lacking.append((cell, node, error))
            except BaseException as error:  # noqa: BLE001 (whatever student code raises)
                failed.append(_told(cell, node, error))
            finally:
                clock.stop()
        if len(lacking) == len(waiting):
            return failed + [_told(*one) for one in lacking]
        waiting = [(cell, node) for cell, node, _ in lacking]
    return failed


class _Clock:
    """Stops what takes more than half of the processor time that is left, or PATIENCE times that on the wall.

    The time in which it was ready to run and other programs had the processor does not count on the wall.
    """

    def __init__(self, seconds: float):
        self.seconds, self.cpu, self.wall = seconds, time.process_time(), _wall()
        self._until = 0.0
        signal.signal(signal.SIGPROF, _stop)
        signal.signal(signal.SIGALRM, self._look)

    def start(self) -> None:
        now = _wall()
        spent = max(time.process_time() - self.cpu, (now - self.wall) / PATIENCE)
        allowed = max(0.001, (self.seconds - spent) / 2)
        self._until = now + allowed * PATIENCE
        signal.setitimer(signal.ITIMER_PROF, allowed)
        signal.setitimer(signal.ITIMER_REAL, allowed * PATIENCE)

    def stop(self) -> None:
        for timer in (signal.ITIMER_PROF, signal.ITIMER_REAL):
            signal.setitimer(timer, 0)

    def _look(self, *_: Any) -> None:
        left = self._until - _wall()
        if left <= 0.001:
            _stop()
        signal.setitimer(signal.ITIMER_REAL, left)  # it was kept waiting for so long


def _wall() -> float:
    """Seconds on the wall, without those in which this process waited for the processor."""
    return time.monotonic() - waited_for_processor(os.getpid())


def write_all(descriptor: int, content: bytes) -> None:
    """Write all of it, in as many pieces as it takes."""
    view = memoryview(content)
    while view:
        view = view[os.write(descriptor, view) :]


def _namespace() -> dict[str, Any]:
    """What a notebook's cells run in: a module __main__, as in a kernel."""
    main = sys.modules["__main__"] = types.ModuleType("__main__")
    sys.setrecursionlimit(RECURSION)
    sys.path.insert(0, os.getcwd())  # what %%writefile wrote can be imported
    standins.set_up(vars(main))
    return vars(main)


def _statements(cells: list) -> Iterator[tuple[int, ast.stmt]]:
    for number, source, wanted in cells:
        lines = [line + "\n" for line in source.splitlines()]
        linecache.cache[CELL.format(number)] = (len(source), None, lines, CELL.format(number))  # for tracebacks
        body = ast.parse(source).body
        for index in wanted:
            yield number, body[index]


def _run(cell: int, node: ast.stmt, namespace: dict[str, Any], flags: int) -> int:
    """Run one statement; return the flags of the __future__ imports in it. Raises whatever it raises."""
    code = compile(ast.Module([node], []), CELL.format(cell), "exec", flags=flags, dont_inherit=True)
    try:
        pending = eval(code, namespace)
        if inspect.iscoroutine(pending):
            asyncio.run(pending)
    except ImportError:
        if not isinstance(node, ast.Import | ast.ImportFrom):
            raise
        _import_each(node, namespace)
        raise
    features = (getattr(__future__, name).compiler_flag for name in __future__.all_feature_names)
    return sum(feature for feature in features if code.co_flags & feature)


def _import_each(node: ast.Import | ast.ImportFrom, namespace: dict[str, Any]) -> None:
    """Import the names of a line one by one, so that one that is not there does not cost the rest."""
    for alias in node.names:
        one = (
            ast.ImportFrom(node.module, [alias], node.level)
            if isinstance(node, ast.ImportFrom)
            else ast.Import([alias])
        )
        try:
            exec(compile(ast.unparse(one), "<import>", "exec"), namespace)
        except ImportError as error:
            namespace[alias.asname or alias.name.split(".")[0]] = standins.Absent(error)


def _stop(*_: Any) -> None:
    raise TookTooLong("it took too long and was stopped")


def _told(cell: int, node: ast.stmt, error: BaseException) -> dict[str, Any]:
    """What is told of a statement that failed, as plain data."""
    line, trace = node.lineno, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == CELL.format(cell):
            line = trace.tb_lineno
        trace = trace.tb_next
    try:
        text = str(error)
    except Exception:  # noqa: BLE001 (a hostile class may raise anything)
        text = ""
    return {
        "cell": cell,
        "line": line,
        "source": linecache.getline(CELL.format(cell), line).strip()[:200],
        "type": type(error).__name__,
        "message": text[:500],
        "defines": getattr(node, "name", None),
    }
