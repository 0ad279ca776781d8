"""Run in Colab's environment: execute a notebook, then move its first slider as a front end does, by a message.

`python colab_run.py NOTEBOOK` prints one line of JSON: versions, cells run, and how many widgets changed.
"""

from __future__ import annotations

import json
import sys

import nbformat
from nbclient import NotebookClient

# What every picture and every line of text of a widget holds, as the kernel has it.
PROBE = """
import hashlib, ipywidgets
def _held(widget):
    value = widget.value if isinstance(widget.value, bytes) else str(widget.value).encode()
    return hashlib.sha256(value).hexdigest()
shown = (ipywidgets.Image, ipywidgets.HTML)
print({id: _held(one) for id, one in ipywidgets.Widget.widgets.items() if isinstance(one, shown)})
"""
VERSIONS = """
import importlib.metadata as m
names = ("ipython", "ipykernel", "ipywidgets", "jupyter_client", "traitlets", "torch", "numpy")
print({name: m.version(name) for name in names})
"""


def main(file: str) -> None:
    """Execute `file`, move the slider that was made first, print what changed."""
    notebook = nbformat.read(file, as_version=4)
    ran = sum(cell.cell_type == "code" for cell in notebook.cells)
    # Outputs may come long after a cell's end on a busy machine: after 4 seconds, by default, they would be left out.
    patience = {"timeout": 600, "startup_timeout": 300, "iopub_timeout": 120}
    client = NotebookClient(notebook, kernel_name="python3", **patience)
    with client.setup_kernel():
        for index, cell in enumerate(notebook.cells):
            client.execute_cell(cell, index)
        versions = ask(client, VERSIONS)
        before = ask(client, PROBE)
        identifier, state = next(
            (identifier, state)
            for identifier, state in client.widget_state.items()
            if state.get("_model_name", "").endswith("SliderModel")
        )
        moved = state["max"] if state["value"] != state["max"] else state["min"]
        content = {"comm_id": identifier, "data": {"method": "update", "state": {"value": moved}, "buffer_paths": []}}
        client.kc.session.send(client.kc.shell_channel.socket, "comm_msg", content)
        after = ask(client, PROBE)  # the kernel takes messages in turn: the control's comes first
    changed = sum(before[name] != after.get(name) for name in before)
    print(
        json.dumps(
            {
                "versions": versions,
                "cells": ran,
                "slider": state["description"],
                "from": state["value"],
                "to": moved,
                "held": len(before),
                "changed": changed,
            }
        )
    )


def ask(client: NotebookClient, code: str) -> dict:
    """Execute `code`, which prints a dict, in the notebook's kernel."""
    cell = nbformat.v4.new_code_cell(code)
    client.nb.cells.append(cell)
    client.execute_cell(cell, len(client.nb.cells) - 1)
    printed = "".join(output.text for output in cell.outputs if output.get("name") == "stdout")  # it may come in pieces
    return json.loads(printed.replace("'", '"'))


if __name__ == "__main__":
    main(*sys.argv[1:])
