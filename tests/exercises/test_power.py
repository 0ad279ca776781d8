"""The checks have power: wrong answers fail with their own hint, right ones pass, slips of the hand are caught."""

from __future__ import annotations

import importlib.util
import itertools
import warnings
from pathlib import Path

import pytest
import torch

from sslcourse.exercises import LABS
from sslcourse.exercises.compare import first_difference, same_observation
from sslcourse.exercises.judge import attempt, draw, tolerance_of

EXERCISES = {id: exercise for lab in LABS.values() for id, exercise in lab.exercises.items()}
SEEDS = 200  # right answers must pass on all of them: rounding may never cost a mark

_path = Path(__file__).with_name("mutants.py")
_spec = importlib.util.spec_from_file_location("exercise_mutants", _path)
_module = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_module)
mutants = _module.mutants

LAST = "equivalent: of a matrix, dimension -1 is dimension 1"
DEFAULT = "equivalent: F.normalize works along dim=1 unless told otherwise"
MODULO = "equivalent: modulo 2n, adding n and taking n off are the same"
SYMMETRIC = "equivalent: the similarity matrix is symmetric, and so are the entries taken out"
SAME_LENGTH = "equivalent: z1 and z2 have the same number of rows"
SAME_SIZE = "equivalent: |x - y| is |y - x|"
EXACT = "equivalent: a share of 4, 6 or 8 views differs by less than 1e-7 in float32"

SWAPPED = "(F.normalize(z1, dim=1), F.normalize(z2, dim=1)) -> (F.normalize(z2, dim=1), F.normalize(z1, dim=1))"

# Every mutant that passes its check, and why that is no hole.
SURVIVORS: dict[str, dict[str, str]] = {
    "contrastive.views": {
        "boxes.tolist() -> boxes": "equivalent: a whole number in a tensor slices as a plain one does",
        "flips.tolist() -> flips": "equivalent: a bool in a tensor decides as a plain one does",
    },
    "contrastive.positives": {"torch.arange(2 * n) + n -> torch.arange(2 * n) - n": MODULO},
    "contrastive.similarity": {
        "F.normalize(torch.cat([z1, z2]), dim=1) -> F.normalize(torch.cat([z1, z2]))": DEFAULT,
        "1 -> -1": LAST,
    },
    "contrastive.nt_xent": {
        "F.normalize(torch.cat([z1, z2]), dim=1) -> F.normalize(torch.cat([z1, z2]))": DEFAULT,
        "torch.arange(len(z)) + len(z1) -> torch.arange(len(z)) - len(z1)": MODULO,
        "1 -> -1": LAST,
        "z1 -> z2 (2)": SAME_LENGTH,
    },
    "contrastive.geometry": {
        SWAPPED: SAME_SIZE,
        "F.normalize(z1, dim=1) -> F.normalize(z1)": DEFAULT,
        "F.normalize(z2, dim=1) -> F.normalize(z2)": DEFAULT,
        "1 -> -1": LAST,
        "1 -> -1 (2)": LAST,
        "1 -> -1 (3)": LAST,
        "x - y -> y - x": SAME_SIZE,
    },
    "contrastive.collapse": {},
    "contrastive.shortcut": {
        "F.normalize(torch.cat([z1, z2]), dim=1) -> F.normalize(torch.cat([z1, z2]))": DEFAULT,
        "view + len(z1) -> view - len(z1)": MODULO,
        "(view, positive) -> (positive, view)": SYMMETRIC,
        "(view, positive) -> (positive, view) (2)": SYMMETRIC,
        "1 -> -1": LAST,
        "z1 -> z2 (2)": SAME_LENGTH,
        "1 -> 0 (2)": SYMMETRIC,
        "1 -> -1 (2)": LAST,
        "(of_positive > best_other).double() -> (of_positive > best_other).float()": EXACT,
    },
}


def drawn(exercise, seed):
    return {case.name: draw(exercise.task, case, seed) for case in exercise.task.cases}


def observations(exercise, answer, inputs):
    return {case.name: exercise.task.observe(answer, inputs[case.name]) for case in exercise.task.cases}


def passes(exercise, answer, seed):
    inputs = drawn(exercise, seed)
    return all(
        first_difference(
            exercise.task.observe(exercise.reference, inputs[case.name]),
            exercise.task.observe(answer, inputs[case.name]),
            tolerance_of(exercise, case),
        )
        is None
        for case in exercise.task.cases
    )


@pytest.mark.parametrize("id", EXERCISES)
def test_there_is_enough_of_everything(id):
    exercise = EXERCISES[id]
    assert len(exercise.misconceptions) >= 4
    assert len(exercise.variants) >= 2
    assert len(exercise.hints) == 3 and all(len(hint) > 40 for hint in exercise.hints)
    hints = [known.hint for known in exercise.misconceptions]
    assert len(set(hints)) == len(hints) and all(len(hint) > 40 for hint in hints)
    assert len({known.name for known in exercise.misconceptions}) == len(hints)
    assert exercise.task.cases[0].dtype == torch.float64


def test_points_are_those_of_the_lab():
    points = {
        id.split(".")[1]: exercise.task.points for id, exercise in EXERCISES.items() if id.startswith("contrastive.")
    }
    assert points == {
        "views": 2,
        "positives": 1,
        "similarity": 2,
        "nt_xent": 4,
        "geometry": 2,
        "collapse": 2,
        "shortcut": 1,
    }


@pytest.mark.parametrize("id", EXERCISES)
def test_every_misconception_fails_with_its_own_hint(id):
    exercise = EXERCISES[id]
    for known, seed in itertools.product(exercise.misconceptions, range(3)):
        verdict = attempt(exercise, known.answer, seed)
        assert verdict.points < verdict.max_points
        assert (verdict.misconception, verdict.hint) == (known.name, known.hint), (
            f"{known.name}, seed {seed}: {verdict.message}"
        )
        assert verdict.message == known.hint


@pytest.mark.parametrize("id", EXERCISES)
def test_misconceptions_differ_pairwise(id):
    exercise = EXERCISES[id]
    for seed in range(4):
        inputs = drawn(exercise, seed)
        seen = {known.name: observations(exercise, known.answer, inputs) for known in exercise.misconceptions}
        for (one, first), (other, second) in itertools.combinations(seen.items(), 2):
            same = [
                same_observation(first[c.name], second[c.name], tolerance_of(exercise, c)) for c in exercise.task.cases
            ]
            assert not all(same), f"seed {seed}: {one} looks like {other}"


@pytest.mark.slow
@pytest.mark.parametrize("id", EXERCISES)
def test_right_answers_always_pass(id):
    exercise = EXERCISES[id]
    for answer, seed in itertools.product((exercise.reference, *exercise.variants), range(SEEDS)):
        assert passes(exercise, answer, seed), (
            f"{answer.__name__}, seed {seed}: {attempt(exercise, answer, seed).message}"
        )


@pytest.mark.parametrize("id", EXERCISES)
def test_mutants_of_the_reference_are_caught(id):
    exercise = EXERCISES[id]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made = dict(mutants(exercise.reference))
        survivors = {
            name for name, mutant in made.items() if passes(exercise, mutant, 0) and passes(exercise, mutant, 1)
        }
    explained = SURVIVORS[id]
    assert survivors - set(explained) == set(), "these mutants pass and nobody says why"
    assert set(explained) - survivors == set(), "these mutants are listed as passing and do not"
    equivalent = {name for name, reason in explained.items() if reason.startswith("equivalent: ")}
    caught = len(made) - len(survivors)
    assert len(made) >= 15 and caught >= 0.95 * (len(made) - len(equivalent))


def test_mutants_are_different_programs():
    def f(x, y):
        return x - 2 * y if x > 1 else y

    changed = dict(mutants(f))
    assert {"x > 1 -> x >= 1", "x - 2 * y -> x + 2 * y", "2 -> 3", "x - 2 * y -> 2 * y - x"} <= set(changed)
    assert changed["2 -> 3"](5, 1) == 2 and f(5, 1) == 3
    assert changed["return x - 2 * y if x > 1 else y -> (nothing)"](5, 1) is None
