"""Marks do not depend on the draw: no wrong answer and no function of the shapes is right by chance."""

from __future__ import annotations

import functools
import importlib.util
from pathlib import Path

import pytest
import torch
from judging import IS_LONG, Judging

from sslcourse.exercises import LABS
from sslcourse.exercises.compare import same_observation
from sslcourse.exercises.judge import case_inputs, tolerance_of

EXERCISES = {id: exercise for lab in LABS.values() for id, exercise in lab.exercises.items()}
FEW, SOME, MANY = range(5), range(5, 20), range(1000) if IS_LONG else range(20, 100)

MISTAKES = []
for _path in sorted(Path(__file__).parent.glob("mistakes*.py")):  # a file a lab
    _spec = importlib.util.spec_from_file_location(f"exercise_{_path.stem}", _path)
    _module = importlib.util.module_from_spec(_spec)
    _spec.loader.exec_module(_module)
    MISTAKES += _module.MISTAKES


def expectations(exercise, case, seed):
    """Every input of a case, and a function that gives what is expected there (computed once, and if asked for)."""
    for drawn in case_inputs(exercise.task, case, seed):
        yield drawn, functools.cache(functools.partial(exercise.task.observe_one, exercise.reference, drawn))


def is_right(exercise, case, answer, drawn, expected):
    """Whether an answer is right on one input."""
    return same_observation(expected, exercise.task.observe_one(answer, drawn), tolerance_of(exercise, case))


def wins_everything(exercise, answer, expected, beaten_by):
    """Whether an answer is right in every case; the case that it was wrong in last time is tried first."""
    for case in sorted(exercise.task.cases, key=lambda case: case.name != beaten_by.get(answer)):
        if not all(is_right(exercise, case, answer, drawn, right()) for drawn, right in expected[case.name]):
            beaten_by[answer] = case.name
            return False
    return True


def shapes(drawn):
    return [(name, value.shape) for name, value in sorted(drawn.items()) if isinstance(value, torch.Tensor)]


def tells_apart(exercise, case, expected):
    """Whether two inputs of one shape want different results, so that no function of the shapes alone is right.

    Such a function passes no gradient on, so where one is asked for there is nothing to tell apart.
    """
    seen: list = []
    relative, absolute = tolerance_of(exercise, case)
    for drawn, right in expected:
        one = {key: tree for key, tree in right().items() if key not in ("after", "changed")}
        other = next((tree for known, tree in seen if known == shapes(drawn)), one)
        if not same_observation(other, one, (2 * relative, 2 * absolute)):
            return True
        seen.append((shapes(drawn), one))
    return any(gradient is not None for gradient in expected[0][1]().get("gradient", {}).values())


def judge_draws(id, answers, seeds):
    """No wrong answer is right, and no function of the shapes alone (a constant is one, too), but in 1 of 1,000."""
    exercise, lucky, beaten_by = EXERCISES[id], {}, {}
    for seed in seeds:
        expected = {case.name: list(expectations(exercise, case, seed)) for case in exercise.task.cases}
        won = [answer.__name__ for answer in answers if wins_everything(exercise, answer, expected, beaten_by)]
        won += [case.name for case in exercise.task.cases if not tells_apart(exercise, case, expected[case.name])]
        for name in won:
            lucky.setdefault(name, []).append(seed)
    assert not {name: draws for name, draws in lucky.items() if len(draws) > len(seeds) // 1000}


@pytest.mark.parametrize("seeds", [FEW, pytest.param(SOME, marks=pytest.mark.slow)], ids=len)
@pytest.mark.parametrize("id", EXERCISES)
def test_wrong_answers_and_functions_of_the_shapes_lose_points(id, seeds):
    judge_draws(id, [*EXERCISES[id].wrong, *(function for other, function, _ in MISTAKES if other == id)], seeds)


@pytest.mark.slow
@pytest.mark.parametrize("id", EXERCISES)
def test_they_lose_points_in_999_of_1000_draws(id):
    """Here in each of 100, twenty of which are those above; with `make draws` in 999 of 1,000."""
    judge_draws(id, EXERCISES[id].wrong, MANY)


def test_constants_and_values_of_another_draw_earn_nothing():
    """The same, seen through the judge."""
    for id, exercise in EXERCISES.items():
        judging = Judging(exercise, 0)
        other = exercise.task.observe_one(exercise.reference, case_inputs(exercise.task, exercise.task.cases[0], 99)[0])
        for value in (0.0, 1.0, -1.0, float("nan"), torch.tensor(0.0), torch.tensor(1.0), other.get("value")):
            assert judging.verdict(lambda *_, value=value: value).points == 0, id
