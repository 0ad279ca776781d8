"""Marks do not depend on the draw: no wrong answer and no function of the shapes is right by chance."""

from __future__ import annotations

import importlib.util
import inspect
from pathlib import Path

import pytest
import torch

from sslcourse.exercises import LABS
from sslcourse.exercises.compare import first_difference
from sslcourse.exercises.judge import attempt, case_inputs, tolerance_of
from sslcourse.exercises.plain import as_tree, copy_tree

EXERCISES = {id: exercise for lab in LABS.values() for id, exercise in lab.exercises.items()}
FEW, MANY = range(20), range(1000)

_spec = importlib.util.spec_from_file_location("exercise_mistakes", Path(__file__).with_name("mistakes.py"))
_module = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_module)
MISTAKES = _module.MISTAKES


def value_of(exercise, answer, drawn):
    """What an answer of ours returns on one input, without its gradients."""
    return as_tree(answer(*(copy_tree(drawn[name]) for name in inspect.signature(exercise.reference).parameters)))


def expectations(exercise, case, seed):
    """(inputs, the value that is expected) for every input of a case, one after the other as they are asked for."""
    for drawn in case_inputs(exercise.task, case, seed):
        yield drawn, {"value": value_of(exercise, exercise.reference, drawn)}


def wins_everything(exercise, answers, seed, beaten_by):
    """Which of the answers are right in every case; the case that an answer was wrong in last time is tried first."""
    expected, left = {case.name: list(expectations(exercise, case, seed)) for case in exercise.task.cases}, []
    for answer in answers:
        for case in sorted(exercise.task.cases, key=lambda case: case.name != beaten_by.get(answer)):
            if not all(is_right(exercise, case, answer, drawn, value) for drawn, value in expected[case.name]):
                beaten_by[answer] = case.name
                break
        else:
            left.append(answer)
    return left


def is_right(exercise, case, answer, drawn, expected):
    """Whether an answer is right on one input; its gradients and the rest are looked at only if its result is right."""
    tolerance = tolerance_of(exercise, case)
    if answer in exercise.wrong and first_difference(expected, {"value": value_of(exercise, answer, drawn)}, tolerance):
        return False
    observed = (exercise.task.observe_one(one, drawn) for one in (exercise.reference, answer))
    return first_difference(*observed, tolerance) is None


def shapes(drawn):
    return tuple((name, tuple(value.shape)) for name, value in drawn.items() if isinstance(value, torch.Tensor))


def tells_apart(exercise, case, seed):
    """Whether two inputs of one shape want different results, so that no function of the shapes alone is right."""
    seen: dict = {}
    for drawn, expected in expectations(exercise, case, seed):
        other = seen.setdefault(shapes(drawn), expected)
        relative, absolute = tolerance_of(exercise, case)
        if first_difference(other, expected, (2 * relative, 2 * absolute)):
            return True
    return False


def wrong_answers_lose(id, answers, seeds):
    exercise, lucky, beaten_by = EXERCISES[id], {}, {}
    for seed in seeds:
        for answer in wins_everything(exercise, answers, seed, beaten_by):
            lucky.setdefault(answer.__name__, []).append(seed)
    assert not {name: draws for name, draws in lucky.items() if len(draws) > len(seeds) // 1000}


def shapes_earn_nothing(id, seeds):
    """A constant is a function of the shapes, too; so are the right values of another draw."""
    exercise = EXERCISES[id]
    lucky = [
        (seed, case.name) for seed in seeds for case in exercise.task.cases if not tells_apart(exercise, case, seed)
    ]
    assert len(lucky) <= len(seeds) // 1000, lucky


@pytest.mark.parametrize("id", EXERCISES)
def test_wrong_answers_lose_points(id):
    wrong_answers_lose(id, [*EXERCISES[id].wrong, *(function for other, function, _ in MISTAKES if other == id)], FEW)


@pytest.mark.parametrize("id", EXERCISES)
def test_functions_of_the_shapes_earn_nothing(id):
    shapes_earn_nothing(id, FEW)


@pytest.mark.slow
@pytest.mark.parametrize("id", EXERCISES)
def test_wrong_answers_lose_points_in_999_of_1000_draws(id):
    wrong_answers_lose(id, EXERCISES[id].wrong, MANY)


@pytest.mark.slow
@pytest.mark.parametrize("id", EXERCISES)
def test_functions_of_the_shapes_earn_nothing_in_999_of_1000_draws(id):
    shapes_earn_nothing(id, MANY)


def test_constants_and_values_of_another_draw_earn_nothing():
    """The same, seen through the judge."""
    for id, exercise in EXERCISES.items():
        case = exercise.task.cases[0]
        _, other = next(expectations(exercise, case, 99))
        for value in (0.0, 1.0, -1.0, float("nan"), torch.tensor(0.0), torch.tensor(1.0), other["value"]):
            assert attempt(exercise, lambda *_, value=value: value, 0).points == 0, id
