"""What a lab's notebook is made of besides its source: the tasks and the written questions of `sslcourse.exercises`."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass

from sslcourse.exercises import LABS
from sslcourse.exercises.task import Exercise, Task, WrittenQuestion


@dataclass(frozen=True)
class Tables:
    """The graded parts of one lab, by id and in the order of the notebook."""

    tasks: Mapping[str, Task]
    exercises: Mapping[str, Exercise]
    written: Mapping[str, WrittenQuestion]

    def parameters(self, identifier: str) -> list[str]:
        """The parameter names of the reference: the signature that the notebook must show."""
        return list(inspect.signature(self.exercises[identifier].reference).parameters)


def read_tables(lab: str) -> Tables:
    """The tables of the lab called `lab`.

    Raises ValueError when `sslcourse.exercises` has no such lab.
    """
    if lab not in LABS:
        raise ValueError(f"there is no lab {lab!r} in sslcourse.exercises.LABS; there are {', '.join(LABS)}")
    info = LABS[lab]
    return Tables(info.tasks, info.exercises, info.written)
