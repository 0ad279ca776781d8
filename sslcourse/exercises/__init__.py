"""The graded tasks of every lab: `find_task` gives what is asked, `find` also the answers.

Nothing that holds an answer is imported before `find` asks for it: in the grading box those files do not exist. What
may go there is listed in BOX_FILES; everything else stays outside.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module

from sslcourse.exercises.task import Exercise, Task, WrittenQuestion


@dataclass(frozen=True)
class LabInfo:
    """A lab: `sslcourse/labs/NAME/tasks.py` holds its TASKS, `answers/` beside it its EXERCISES and WRITTEN questions.

    >>> LABS["contrastive"].title
    'Contrastive learning'
    """

    name: str
    number: int
    title: str

    @property
    def tasks(self) -> dict[str, Task]:
        """The lab's tasks by id, in the lab's order (imports no answers)."""
        return import_module(f"sslcourse.labs.{self.name}.tasks").TASKS

    @property
    def exercises(self) -> dict[str, Exercise]:
        """The lab's exercises by id, answers included."""
        return import_module(f"sslcourse.labs.{self.name}.answers").EXERCISES

    @property
    def written(self) -> dict[str, WrittenQuestion]:
        """The lab's written questions by id, model answers included."""
        return import_module(f"sslcourse.labs.{self.name}.answers").WRITTEN

    @property
    def points(self) -> float:
        """What the lab's tasks are worth together, written questions not counted."""
        return sum(task.points for task in self.tasks.values())


LABS: dict[str, LabInfo] = {"contrastive": LabInfo("contrastive", 1, "Contrastive learning")}

# The files of the package that student code may be run beside, besides the grader's own.
BOX_FILES: tuple[str, ...] = (
    *(f"exercises/{name}.py" for name in ("__init__", "task", "observe")),
    "labs/__init__.py",
    *(f"labs/{name}/{file}.py" for name in LABS for file in ("__init__", "tasks")),
)


def find_task(id: str) -> Task:
    """The task of that id; a KeyError names the ids there are.

    >>> find_task("contrastive.nt_xent").function
    'nt_xent'
    """
    return _pick(_lab_of(id).tasks, id)


def find(id: str) -> Exercise:
    """The exercise of that id, with reference, misconceptions and hints; a KeyError names the ids there are.

    >>> find("contrastive.positives").reference(2)
    tensor([2, 3, 0, 1])
    """
    return _pick(_lab_of(id).exercises, id)


def find_written(id: str) -> WrittenQuestion:
    """The written question of that id; a KeyError names the ids there are.

    >>> find_written("contrastive.why_negatives").points
    4
    """
    return _pick(_lab_of(id).written, id)


def _lab_of(id: str) -> LabInfo:
    return _pick(LABS, str(id).split(".")[0], wanted=id)


def _pick(table: dict, key: str, wanted: str | None = None):
    if key not in table:
        raise KeyError(f"there is no exercise {wanted or key!r}; choose from {', '.join(table)}")
    return table[key]
