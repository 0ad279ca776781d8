"""What a graded task is: the public half (`Task`) and the half that holds the answers (`Exercise`).

The two halves are separate objects in separate files because the public one travels into the grading box, where student
code runs, and the answers must not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch

Tree = Any  # dict, list, tensor, int, float, bool, str or None, nested


@dataclass(frozen=True)
class Case:
    """One situation an answer is tried in: worth `points`, at one dtype and one set of sizes.

    >>> Case("by hand", 1.0, sizes={"n": 2}).dtype
    torch.float64
    """

    name: str
    points: float
    sizes: Mapping[str, int | float] = field(default_factory=dict)
    dtype: torch.dtype = torch.float64


@dataclass(frozen=True)
class Task:
    """The public half of an exercise: what is asked, on which cases, and how an answer is observed.

    `draw_inputs(generator, case)` returns the arguments of the student's function by name (and whatever else `observe`
    needs, such as cotangents) as a tree; everything random is drawn there. `observe(answer, inputs)` runs in the same
    way on the student's answer, the reference and every misconception and returns a tree that can be compared.
    `statement` is the text a student reads: what the function gets and returns, with a tiny example.
    """

    id: str
    function: str
    title: str
    cases: tuple[Case, ...]
    draw_inputs: Callable[[torch.Generator, Case], dict[str, Any]]
    observe: Callable[[Callable, dict[str, Any]], Tree]
    signature: str = ""
    statement: str = ""

    @property
    def points(self) -> float:
        """What the whole task is worth."""
        return sum(case.points for case in self.cases)


@dataclass(frozen=True)
class Misconception:
    """A wrong answer that students really write, and the hint it deserves."""

    name: str
    answer: Callable
    hint: str


@dataclass(frozen=True)
class Exercise:
    """A task with its reference, known wrong answers, independently written right ones and three hints.

    `tolerances` maps a dtype to (relative, absolute) for the comparison of values.
    """

    task: Task
    reference: Callable
    misconceptions: tuple[Misconception, ...]
    variants: tuple[Callable, ...]
    hints: tuple[str, str, str]
    tolerances: Mapping[torch.dtype, tuple[float, float]] = field(
        default_factory=lambda: {torch.float64: (1e-7, 1e-9), torch.float32: (1e-4, 1e-5)}
    )


@dataclass(frozen=True)
class WrittenQuestion:
    """A question answered in prose: marked by a person against `rubric`, never counted automatically."""

    id: str
    question: str
    points: float
    rubric: tuple[str, ...]
    model_answer: str
