"""Many answers to one exercise, judged on the same inputs: what the reference and wrong answers give is seen once."""

import os
from collections.abc import Callable
from dataclasses import replace

from sslcourse.exercises.judge import Verdict, case_inputs, judge
from sslcourse.exercises.task import Exercise

# `make draws` tries every exercise on ten times as many draws as `make test`.
IS_LONG = os.environ.get("SSLCOURSE_LONG") == "1"


class Judging:
    """`verdict(answer)` is what `attempt(exercise, answer, seed)` says, for many answers and one seed at less cost."""

    def __init__(self, exercise: Exercise, seed: int):
        self.inputs = {case.name: case_inputs(exercise.task, case, seed) for case in exercise.task.cases}
        self.exercise = replace(exercise, task=replace(exercise.task, observe_one=self._observe_one))
        self._answers = (exercise.reference, *exercise.wrong)
        self._really_observe, self._seen = exercise.task.observe_one, {}

    def verdict(self, answer: Callable) -> Verdict:
        observations = {name: self.exercise.task.observe(answer, drawn) for name, drawn in self.inputs.items()}
        return judge(self.exercise, observations, self.inputs)

    def _observe_one(self, answer, drawn):
        if answer not in self._answers:
            return self._really_observe(answer, drawn)
        key = answer, tuple(map(id, drawn.values()))  # the inputs are kept, so an id stays theirs
        if key not in self._seen:
            self._seen[key] = self._really_observe(answer, drawn)
        return self._seen[key]
