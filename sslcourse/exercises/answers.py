"""Read a lab's answers: plain functions, in a module for each task."""

import inspect
from collections.abc import Mapping
from importlib import import_module

from sslcourse.exercises.task import TOLERANCES, Exercise, Task


def read_answers(package: str, tasks: Mapping[str, Task]) -> dict[str, Exercise]:
    """The exercises of a lab by id; the task `lab.name` is answered in the module `name` of `package`.

    The reference is the function that the task asks for. Of the others, one with a docstring is a wrong answer and that
    is its hint; one without is another right answer; one whose name starts with "_" is a helper. HINTS are the three
    hints, and TOLERANCES stands there where the usual ones do not serve.
    """
    exercises = {}
    for id, task in tasks.items():
        module = import_module(f"{package}.{id.rpartition('.')[2]}")
        found = (item for name, item in vars(module).items() if inspect.isfunction(item) and not name.startswith("_"))
        others = [item for item in found if item.__module__ == module.__name__ and item.__name__ != task.function]
        exercises[id] = Exercise(
            task,
            reference=getattr(module, task.function),
            wrong=tuple(item for item in others if item.__doc__),
            variants=tuple(item for item in others if not item.__doc__),
            hints=module.HINTS,
            tolerances=getattr(module, "TOLERANCES", TOLERANCES),
        )
    return exercises
