"""A lab of two exercises and a question, small enough to build in a millisecond."""

from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from sslcourse.authoring.tables import Tables
from sslcourse.exercises.observe import observe_call
from sslcourse.exercises.task import Case, Exercise, Misconception, Task, WrittenQuestion


def _draw(generator, case):
    return {"x": torch.randn(3, generator=generator, dtype=case.dtype)}


def _observe(answer, inputs):
    return observe_call(answer, inputs, ["x"])


def double(x):
    return x + x


def square(x):
    return x * x


def _exercise(name, function, points):
    task = Task(f"toy.{name}", function.__name__, name.title(), (Case("only", points),), _draw, _observe)
    return Exercise(task, function, (Misconception("same", lambda x: x, "Do something."),), (), ("one", "two", "three"))


EXERCISES = {
    exercise.task.id: exercise for exercise in (_exercise("double", double, 2.0), _exercise("square", square, 1.5))
}
WRITTEN = {"toy.why": WrittenQuestion("toy.why", "Why double?", 3, ("says why", "says how"), "Because two is more.")}
TABLES = Tables({name: exercise.task for name, exercise in EXERCISES.items()}, EXERCISES, WRITTEN)

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
print("guess", dict(choice="b", a="less", b="more"))

# %% tags=["exercise"] id="toy.double"
def double(x):
    """Twice x."""
    # Adding is enough.
    ### BEGIN SOLUTION
    twice_as_much_as_x = torch.add(x, x)
    return twice_as_much_as_x
    ### END SOLUTION


# %% tags=["check", "nbval-check-output"] id="toy.double"
check("toy.double", double)

# %% tags=["experiment"]
print("an experiment")

# %% tags=["exercise"] id="toy.square"
def square(x):
    """x times x."""
    ### BEGIN SOLUTION
    return x * x
    ### END SOLUTION


# %% tags=["check"] id="toy.square"
check("toy.square", square)

# %% [markdown] tags=["answer"] id="toy.why"
# Think before you write.
'''


@pytest.fixture
def toy(tmp_path: Path) -> SimpleNamespace:
    """`write(text)` puts a source where it can be built; `tables` go with it."""

    def write(text: str = SOURCE) -> Path:
        path = tmp_path / "solutions" / "07_toy.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    return SimpleNamespace(source=SOURCE, tables=TABLES, write=write, folder=tmp_path)
