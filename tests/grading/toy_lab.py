"""The toy lab's answers, and notebooks to hand in."""

import importlib.util
import json
import sys
from pathlib import Path

from sslcourse.exercises.task import Exercise, Misconception, WrittenQuestion
from sslcourse.grading.run import Lab

TASKS_FILE = Path(__file__).with_name("toy_tasks.py")
_spec = importlib.util.spec_from_file_location("toy_tasks", TASKS_FILE)
toy_tasks = importlib.util.module_from_spec(_spec)
sys.modules["toy_tasks"] = toy_tasks
_spec.loader.exec_module(toy_tasks)
TASKS = toy_tasks.TASKS

RIGHT = {
    "toy.double": "def double(x):\n    return 2 * x",
    "toy.shift": "def shift(x):\n    return x + 1",
    "toy.total": "def total(x):\n    return float(x.sum())",
}
STUB = "def double(x):\n    raise NotImplementedError"
QUESTION = WrittenQuestion(
    "toy.why", "Why is doubling linear?", 2.0, ("Names additivity.", "Names scaling."), "Because."
)


def _exercise(id, reference, wrong, hint):
    misconceptions = (Misconception("wrong", wrong, hint),)
    return Exercise(TASKS[id], reference, misconceptions, (), ("one", "two", "three"))


LAB = Lab(
    "toy",
    "Toys",
    "toy_tasks",
    {
        "toy.double": _exercise("toy.double", lambda x: 2 * x, lambda x: x, "You gave `x` back as it came."),
        "toy.shift": _exercise("toy.shift", lambda x: x + 1, lambda x: x - 1, "You went down instead of up."),
        "toy.total": _exercise("toy.total", lambda x: float(x.sum()), lambda x: float(x.mean()), "That is the mean."),
    },
    {QUESTION.id: QUESTION},
    {"toy_tasks.py": TASKS_FILE},
)


def code(source, id=None):
    return _cell("code", source, id) | {"outputs": [], "execution_count": None}


def text(source, id=None):
    return _cell("markdown", source, id)


def _cell(kind, source, id):
    metadata = {"nbgrader": {"grade_id": id.replace(".", "-"), "schema_version": 3}} if id else {}
    return {"cell_type": kind, "source": source, "metadata": metadata}


def notebook(*cells):
    return json.dumps({"cells": list(cells), "metadata": {}, "nbformat": 4, "nbformat_minor": 5})


def cells_of(answers):
    """The cells of a notebook that answers as `answers` says and is right elsewhere."""
    setup = code(
        "import torch\nimport torch.nn.functional as F\nfrom sslcourse.notebook import check, start\nstart('toy')"
    )
    written = text("Because 2(a + b) = 2a + 2b.", QUESTION.id)
    return [setup, *(code(source, id) for id, source in (RIGHT | answers).items()), written]
