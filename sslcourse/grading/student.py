"""In the box, in the process of one exercise: run the student's cells and observe the answer."""

from __future__ import annotations

import os
from typing import Any


def observe(task: Any, message: bytes, result: int) -> None:
    """Run the cells, then observe each case and send its tree to the descriptor `result` as soon as it is known."""
    from sslcourse.exercises.observe import failure, type_name
    from sslcourse.grading import wire

    received = wire.decode(message)
    shell = _shell()
    write_all(result, wire.encode({"cell": _run_cells(shell, received["helpers"], received["answer"], task.function)}))
    if task.function not in shell.user_ns:
        return
    answer = shell.user_ns[task.function]
    for case, inputs in received["inputs"].items():
        try:
            encoded = wire.encode({"case": case, "tree": task.observe(answer, inputs)})
        except wire.UnlistedType as error:
            encoded = wire.encode({"case": case, "tree": failure("type", str(error), f"the result holds a {error}")})
        except BaseException as error:  # noqa: BLE001 (whatever student code raises)
            encoded = wire.encode({"case": case, "tree": failure("exception", type_name(error), str(error))})
        write_all(result, encoded)


def _run_cells(shell: Any, helpers: list[str], answer: str, function: str) -> dict[str, Any]:
    """Run helpers and answer in one namespace; a helper that fails is named, for it may not matter."""
    failed = []
    for source in helpers:
        if error := _error(shell.run_cell(source, store_history=False)):
            failed.append(f"{source.splitlines()[0][:200]} -> {error['type']}: {error['message']}"[:500])
    shell.user_ns.pop(function, None)
    error = _error(shell.run_cell(answer, store_history=False))
    return {"error": error, "defined": function in shell.user_ns, "failed_helpers": failed[:20]}


def _shell() -> Any:
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets.config import Config

    config = Config()
    config.HistoryManager.enabled = False  # it would start a thread and write a file
    shell = InteractiveShell.instance(config=config)
    for method in ("showtraceback", "showsyntaxerror"):  # errors are reported by value instead
        setattr(shell, method, lambda *arguments, **options: None)
    return shell


def _error(outcome: Any) -> dict[str, Any] | None:
    error = outcome.error_before_exec or outcome.error_in_exec
    if error is None:
        return None
    line = error.lineno if isinstance(error, SyntaxError) else None
    trace = error.__traceback__
    while trace is not None:
        if "ipython-input" in trace.tb_frame.f_code.co_filename or "ipykernel" in trace.tb_frame.f_code.co_filename:
            line = trace.tb_lineno
        trace = trace.tb_next
    try:
        text = error.msg if isinstance(error, SyntaxError) else str(error)
    except Exception:  # noqa: BLE001 (a hostile class may raise anything)
        text = ""
    return {"type": type(error).__name__, "message": str(text)[:500], "line": line}


def write_all(descriptor: int, content: bytes) -> None:
    """Write all of it, in as many pieces as it takes."""
    view = memoryview(content)
    while view:
        view = view[os.write(descriptor, view) :]
