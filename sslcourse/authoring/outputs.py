"""Outputs of a committed notebook: removed for a comparison, kept when no code changed, made by running it."""

import copy
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import nbformat
from nbformat import NotebookNode

WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
CELL_SECONDS = 300


class ExecutionError(RuntimeError):
    """A cell of a notebook raised, or did not end in time."""


def text_of(notebook: NotebookNode) -> str:
    """The file's text: keys sorted, one trailing newline, so that equal notebooks are equal bytes."""
    return nbformat.writes(notebook, indent=1).rstrip("\n") + "\n"


def read_built(file: Path) -> NotebookNode | None:
    """A built notebook; None when the file is missing or no notebook."""
    try:
        notebook = nbformat.reads(file.read_text(encoding="utf-8"), as_version=4)
        text_of(without_outputs(notebook))
        return notebook
    except (OSError, ValueError, KeyError, AttributeError, TypeError):  # what nbformat makes of a damaged file
        return None


def without_outputs(notebook: NotebookNode) -> NotebookNode:
    """A copy with no outputs, execution counts or traces of a run."""
    bare = copy.deepcopy(notebook)
    bare.metadata.pop("widgets", None)
    for cell in bare.cells:
        cell.metadata.pop("execution", None)
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    return bare


def carry_outputs(built: NotebookNode, committed: NotebookNode | None) -> bool:
    """Copy the outputs of `committed` into `built` when its code is the same; False (and nothing done) when it is not.

    The setup cell is not compared: it changes with the repository's address, which changes no result.
    """
    if committed is None:
        return False
    code = [
        [
            (cell.id, None if "setup" in cell.metadata.get("tags", ()) else cell.source)
            for cell in one.cells
            if cell.cell_type == "code"
        ]
        for one in (built, committed)
    ]
    if code[0] != code[1]:
        return False
    by_id = {cell.id: cell for cell in committed.cells}
    for cell in built.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = by_id[cell.id].outputs, by_id[cell.id].execution_count
    return True


def execute(
    notebook: NotebookNode,
    folder: Path,
    *,
    scale: str = "smoke",
    seconds: int = CELL_SECONDS,
    on_cell: Callable[[], None] | None = None,
) -> NotebookNode:
    """A copy of `notebook` run top to bottom in `folder`, at `scale`, with a progress file of its own.

    `on_cell()` is called after each code cell.

    Raises ExecutionError with the cell's own message when a cell raises or takes more than `seconds`.
    """
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

    ran = without_outputs(notebook)
    with tempfile.TemporaryDirectory() as scratch:
        settings = {
            "SSLCOURSE_SCALE": scale,
            "SSLCOURSE_PROGRESS": str(Path(scratch) / "progress.json"),
            "TQDM_DISABLE": "1",
        }
        client = NotebookClient(
            ran,
            timeout=seconds,
            startup_timeout=300,
            iopub_timeout=120,  # by default outputs that come more than 4 seconds after a cell's end are dropped
            kernel_name="python3",
            resources={"metadata": {"path": str(folder)}},
            store_widget_state=False,
            extra_arguments=["--Application.log_level=40"],  # ipykernel warns of its own transport
        )
        if on_cell is not None:
            client.on_cell_executed = lambda **_: on_cell()
        try:
            client.execute(env={**os.environ, **settings})
        except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
            raise ExecutionError(str(error)) from error
    for cell in ran.cells:
        cell.metadata.pop("execution", None)
        if cell.cell_type == "code":
            cell.outputs = [_still(output) for output in cell.outputs if not _is_script(output)]
    ran.metadata["language_info"] = copy.deepcopy(
        notebook.metadata["language_info"]
    )  # the kernel writes its version there
    return ran


def _is_script(output: NotebookNode) -> bool:
    """Whether it only serves the widget above it."""
    return output.get("data", {}).get("text/html", "").startswith("<script>")


def _still(output: NotebookNode) -> NotebookNode:
    """A widget's view means nothing without its kernel: its still picture stays, or a sentence where it has none."""
    data = output.get("data", {})
    if data.pop(WIDGET_VIEW, None) and "text/html" not in data:
        data["text/plain"] = "[an interactive control: run the cell to use it]"
    return output
