"""The toy lab, and notebooks to hand in."""

import io
import json
import sys
import zipfile
from pathlib import Path

from sslcourse.exercises import read_lab
from sslcourse.grading.cells import Cell
from sslcourse.grading.intake import find_answers

sys.path.insert(0, str(Path(__file__).parent))
LAB = read_lab("toy")
TASKS = LAB.tasks
FUNCTIONS = {id: task.function for id, task in TASKS.items()}
QUESTION = LAB.written["toy.why"]

RIGHT = {
    "toy.double": "def double(x):\n    return 2 * x",
    "toy.shift": "def shift(x):\n    return x + 1",
    "toy.total": "def total(x):\n    return float(x.sum())",
}
STUB = "def double(x):\n    raise NotImplementedError"


def code(source, id=None):
    return _cell("code", source, id) | {"outputs": [], "execution_count": None}


def text(source, id=None):
    return _cell("markdown", source, id)


def _cell(kind, source, id):
    metadata = {"nbgrader": {"grade_id": id.replace(".", "-"), "schema_version": 3}} if id else {}
    return {"cell_type": kind, "source": source, "metadata": metadata}


def notebook(*cells):
    return json.dumps({"cells": list(cells), "metadata": {}, "nbformat": 4, "nbformat_minor": 5})


def zipped(**files):
    """The bytes of a zip of these files."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return packed.getvalue()


def submission(*sources):
    """What the grader takes from these code cells."""
    return find_answers([Cell(number, "code", source) for number, source in enumerate(sources, 1)], FUNCTIONS)


def cells_of(answers):
    """The cells of a notebook that answers as `answers` says and is right elsewhere."""
    setup = code(
        "import torch\nimport torch.nn.functional as F\nfrom sslcourse.notebook import check, start\nstart('toy')"
    )
    written = text("Because 2(a + b) = 2a + 2b.", QUESTION.id)
    return [setup, *(code(source, id) for id, source in (RIGHT | answers).items()), written]
