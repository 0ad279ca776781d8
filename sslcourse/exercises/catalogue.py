"""The labs there are, found by their folders, and their exercises by id.

Nothing that holds an answer is imported before it is asked for: in the grading box those files do not exist. What may
go there is listed in BOX_FILES and `Lab.box_files`; everything else stays outside.
"""

from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from sslcourse.exercises.task import Exercise, Task, WrittenQuestion

# The files of this package that student code may be run beside, besides the lab's and the grader's own.
BOX_FILES: tuple[str, ...] = (
    *(f"exercises/{name}.py" for name in ("__init__", "catalogue", "task", "inputs", "observe", "plain", "trace")),
    "labs/__init__.py",
)


@dataclass(frozen=True)
class Lab:
    """A lab: a package of `tasks` (public), `answers` and written.md; its `__init__` holds NUMBER and TITLE.

    >>> LABS["contrastive"].title
    'Contrastive learning'
    """

    name: str
    number: int
    title: str
    package: str

    @property
    def tasks_module(self) -> str:
        """The module of the tasks, which the grading box imports."""
        return f"{self.package}.tasks"

    @property
    def tasks(self) -> dict[str, Task]:
        """The lab's tasks by id, in the lab's order (imports no answers)."""
        return import_module(self.tasks_module).TASKS

    @property
    def exercises(self) -> dict[str, Exercise]:
        """The lab's exercises by id, answers included."""
        return import_module(f"{self.package}.answers").EXERCISES

    @property
    def written(self) -> dict[str, WrittenQuestion]:
        """The lab's written questions by id, model answers included."""
        from sslcourse.exercises.written import read_written

        file = _folder(self.package) / "written.md"
        return read_written(file, self.name) if file.exists() else {}

    @property
    def lessons(self) -> dict[str, tuple[str, str]]:
        """What the lab's findings mean: prediction -> (what the measurement usually supports, what that shows).

        >>> LABS["contrastive"].lessons["contrastive.mystery"][0]
        'c'
        """
        from sslcourse.exercises.written import read_lessons

        return read_lessons(_folder(self.package) / "lessons.md")

    @property
    def points(self) -> float:
        """What the lab's tasks are worth together, written questions not counted."""
        return sum(task.points for task in self.tasks.values())

    @property
    def box_files(self) -> dict[str, Path]:
        """The lab's files that go into the grading box: their path there, and where they are here."""
        inside = Path(*self.package.split("."))
        return {str(inside / name): _folder(self.package) / name for name in ("__init__.py", "tasks.py")}


def read_lab(package: str) -> Lab:
    """The lab in the importable package of that name, for example "sslcourse.labs.contrastive"."""
    module = import_module(package)
    return Lab(package.rpartition(".")[2], module.NUMBER, module.TITLE, package)


def _folder(package: str) -> Path:
    return Path(str(import_module(package).__file__)).parent


def _find_labs() -> dict[str, Lab]:
    folders = [file.parent.name for file in (Path(__file__).parents[1] / "labs").glob("*/tasks.py")]
    labs = sorted((read_lab(f"sslcourse.labs.{name}") for name in folders), key=lambda lab: lab.number)
    return {lab.name: lab for lab in labs}


LABS: dict[str, Lab] = _find_labs()


def find_task(id: str) -> Task:
    """The task of that id; raises KeyError, which names the ids there are.

    >>> find_task("contrastive.nt_xent").function
    'nt_xent'
    """
    return _pick(_lab_of(id).tasks, id)


def find(id: str) -> Exercise:
    """The exercise of that id, with reference, wrong answers and hints; raises KeyError, which names the ids there are.

    >>> find("contrastive.positives").reference(2)
    tensor([2, 3, 0, 1])
    """
    return _pick(_lab_of(id).exercises, id)


def find_written(id: str) -> WrittenQuestion:
    """The written question of that id; raises KeyError, which names the ids there are.

    >>> find_written("contrastive.why_negatives").points
    4.0
    """
    return _pick(_lab_of(id).written, id)


def _lab_of(id: str) -> Lab:
    return _pick(LABS, str(id).split(".")[0], wanted=id)


def _pick(table: dict, key: str, wanted: str | None = None):
    if key not in table:
        raise KeyError(f"there is no exercise {wanted or key!r}; choose from {', '.join(table)}")
    return table[key]
