"""A lab of two exercises and a question, small enough to build in a millisecond."""

from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from sslcourse.exercises import Lab
from sslcourse.exercises.observe import calls
from sslcourse.exercises.task import Case, Exercise, Task, WrittenQuestion


def _draw(generator, case):
    return {"x": torch.randn(3, generator=generator, dtype=case.dtype)}


def double(x):
    twice_as_much_as_x = torch.add(x, x)
    return twice_as_much_as_x


def square(x):
    return x * x


def _exercise(name, function, points):
    task = Task(f"toy.{name}", function.__name__, name.title(), (Case("only", points),), _draw, calls("x"))
    return Exercise(task, function, (), (), ("one", "two", "three"))


EXERCISES = {
    exercise.task.id: exercise for exercise in (_exercise("double", double, 2.0), _exercise("square", square, 1.5))
}
WRITTEN = {"toy.why": WrittenQuestion("toy.why", "Why double?", 3, ("says why", "says how"), "Because two is more.")}


class ToyLab(Lab):
    """A lab whose parts are in this file."""

    tasks = {name: exercise.task for name, exercise in EXERCISES.items()}
    exercises = EXERCISES
    written = WRITTEN


LAB = ToyLab("toy", 7, "Toy lab", "toy")

SOURCE = '''\
# %% [markdown]
# # Toy lab
#
# An introduction.

# %% tags=["setup"]
import torch

from sslcourse.notebook import check, scale

print(scale())

# %% [markdown]
# ## Doubling
#
# $2x$, and a list:
#
# - one
#   - two

# %% tags=["predict"] id="toy.guess"
print("guess", dict(a="less", b="more"))

# %% tags=["exercise"] id="toy.double"
def double(x):
    """Twice x."""
    # Adding is enough.


# %% tags=["check", "nbval-check-output"] id="toy.double"
check("toy.double", double)

# %% tags=["experiment"]
print("an experiment")

# %% tags=["exercise"] id="toy.square"
def square(x):
    """x times x."""


# %% tags=["check"] id="toy.square"
check("toy.square", square)

# %% [markdown] tags=["answer"] id="toy.why"
# Think before you write.
'''


@pytest.fixture
def toy(tmp_path: Path) -> SimpleNamespace:
    """`write(text)` puts a source where it can be built; `lab` goes with it."""

    def write(text: str = SOURCE) -> Path:
        path = tmp_path / "solutions" / "07_toy.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    return SimpleNamespace(source=SOURCE, lab=LAB, write=write, folder=tmp_path)
