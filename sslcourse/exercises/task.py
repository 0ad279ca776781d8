"""What a graded task is: the public half (`Task`) and the half that holds the answers (`Exercise`).

The two halves are separate objects in separate files because the public one travels into the grading box, where student
code runs, and the answers must not.
"""

import inspect
import os
from collections.abc import Callable, Mapping
from contextlib import nullcontext, redirect_stdout
from dataclasses import dataclass, field
from typing import Any

import torch

Tree = Any  # dict, list, tensor, int, float, bool, str or None, nested
TOLERANCES = {torch.float64: (1e-5, 1e-7), torch.float32: (1e-4, 1e-5)}


@dataclass(frozen=True)
class Case:
    """One situation an answer is tried in: worth `points`, at one dtype and one set of sizes.

    The answer is called on `draws` inputs, and must be right on all of them: with one input alone, a function that
    looks at nothing but the shapes could be right by chance. `name` says what the case tests.

    >>> Case("temperature 0.01 in float32", 1.0, {"n": 4}, torch.float32).draws
    2
    """

    name: str
    points: float
    sizes: Mapping[str, int | float] = field(default_factory=dict)
    dtype: torch.dtype = torch.float64
    draws: int = 2


@dataclass(frozen=True)
class Task:
    """The public half of an exercise: on which cases an answer is tried, and how it is observed.

    `draw_inputs(generator, case)` returns the arguments of the student's function by name, and whatever else
    `observe_one` needs, such as cotangents; everything random is drawn there. `observe_one(answer, inputs)` runs in the
    same way on the student's answer, the reference and every wrong answer and returns a tree that can be compared. What
    is asked is told in one place only: the docstring of the function in the lab's source, `solutions/NN_name.py`.
    """

    id: str
    function: str
    title: str
    cases: tuple[Case, ...]
    draw_inputs: Callable[[torch.Generator, Case], dict[str, Any]]
    observe_one: Callable[[Callable, dict[str, Any]], Tree]

    @property
    def points(self) -> float:
        """What the whole task is worth."""
        return sum(case.points for case in self.cases)

    def observe(self, answer: Callable, inputs: list[dict[str, Any]]) -> list[Tree]:
        """What `answer` does on each of the inputs of one case; nothing is tried after a call that failed.

        What it prints is shown for the first input only.
        """
        observed: list[Tree] = []
        with open(os.devnull, "w", encoding="utf-8") as nowhere:
            for drawn in inputs:
                with redirect_stdout(nowhere) if observed else nullcontext():
                    observed.append(self.observe_one(answer, drawn))
                if type(observed[-1]) is dict and "failure" in observed[-1]:
                    break
        return observed


@dataclass(frozen=True)
class Exercise:
    """A task with its answers: the reference, wrong ones, independently written right ones (`variants`), three hints.

    A wrong answer is a function named after the misconception; its docstring is the hint it deserves. `tolerances` maps
    a dtype to (relative, absolute) for the comparison of values: in float64 so wide that a small constant that guards a
    division, or a step in float32, always passes, instead of passing in some draws.
    """

    task: Task
    reference: Callable
    wrong: tuple[Callable, ...]
    variants: tuple[Callable, ...]
    hints: tuple[str, str, str]
    tolerances: Mapping[torch.dtype, tuple[float, float]] = field(default_factory=TOLERANCES.copy)


@dataclass(frozen=True)
class WrittenQuestion:
    """A question answered in prose: marked by a person against `rubric`, never counted automatically."""

    id: str
    question: str
    points: float
    rubric: tuple[str, ...]
    model_answer: str


def misconception_of(wrong: Callable) -> str:
    """The name of the misconception that a wrong answer stands for.

    >>> def keeps_the_diagonal(z1, z2): "Take the diagonal out."
    >>> misconception_of(keeps_the_diagonal), hint_of(keeps_the_diagonal)
    ('keeps the diagonal', 'Take the diagonal out.')
    """
    return wrong.__name__.strip("_").replace("_", " ")


def hint_of(wrong: Callable) -> str:
    """The hint that a wrong answer deserves: its docstring, in one line."""
    return " ".join((inspect.getdoc(wrong) or "").split())
