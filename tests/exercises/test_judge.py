"""Judging: points by cases, the right message, and never an exception whatever was observed."""

from __future__ import annotations

import importlib.util
import random
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from judging import Judging

from sslcourse.exercises import find
from sslcourse.exercises.judge import attempt, case_inputs, judge, show_inputs

_spec = importlib.util.spec_from_file_location("exercise_trees", Path(__file__).with_name("test_compare.py"))
_module = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_module)
random_tree = _module.random_tree

EXERCISE = find("contrastive.nt_xent")


def observe_all(exercise, answer, seed=0):
    inputs = {case.name: case_inputs(exercise.task, case, seed) for case in exercise.task.cases}
    return {name: exercise.task.observe(answer, drawn) for name, drawn in inputs.items()}, inputs


def test_drawing_depends_on_seed_task_and_case_only():
    task = EXERCISE.task
    torch.manual_seed(1)
    first = case_inputs(task, task.cases[1], 5)[0]
    torch.manual_seed(2)
    again, other = (case_inputs(task, task.cases[1], seed)[0] for seed in (5, 6))
    assert torch.equal(first["z1"], again["z1"]) and not torch.equal(first["z1"], other["z1"])
    assert case_inputs(task, task.cases[1], 2**62)[0]["z1"].shape == first["z1"].shape


def test_a_right_answer_takes_all():
    verdict = attempt(EXERCISE, EXERCISE.reference)
    assert (verdict.status, verdict.points, verdict.hint) == ("passed", 4, None)
    assert all(case.passed for case in verdict.cases) and verdict.message == "All 4 cases are right: 4 of 4 points."


def exponentials_by_hand(z1, z2, temperature):
    z = F.normalize(torch.cat([z1, z2]), dim=1)
    weights = (z @ z.T / temperature).exp() * (1 - torch.eye(len(z), dtype=z.dtype))
    return -(weights.diagonal(len(z1)).repeat(2) / weights.sum(dim=1)).log().mean()


def test_points_are_counted_by_case():
    verdict = attempt(EXERCISE, exponentials_by_hand)
    assert (verdict.status, verdict.points) == ("failed", 3)
    assert [case.points for case in verdict.cases] == [1, 1, 1, 0]
    assert "`exp` is where it begins" in verdict.hint and "in 2 of 8 inputs" in verdict.hint


def test_an_unknown_mistake_reads_what_differs_first():
    verdict = attempt(EXERCISE, lambda z1, z2, t: EXERCISE.reference(z1, z2, t) + z1.sum().sin())
    assert verdict.status == "failed" and verdict.hint is None
    assert verdict.message.startswith("Case “two images, whole numbers, temperature 0.5”: your result: expected ")
    assert "z1 = [[" in verdict.message and "temperature = 0.5" in verdict.message


def test_nan_does_not_hide_a_known_mistake():
    def overflows_and_keeps_the_diagonal(z1, z2, temperature):
        z = F.normalize(torch.cat([z1, z2]), dim=1)
        weights = (z @ z.T / temperature).exp()
        return -(weights.diagonal(len(z1)).repeat(2) / weights.sum(dim=1)).log().mean()

    assert attempt(EXERCISE, overflows_and_keeps_the_diagonal).misconception == "keeps the diagonal"


def test_a_listed_mistake_that_does_not_show_everywhere_is_another():
    def no_temperature_and_more(z1, z2, temperature):
        loss = EXERCISE.reference(z1, z2, 1.0)
        return loss if temperature > 0.05 else loss + 1

    assert attempt(EXERCISE, no_temperature_and_more).misconception is None


def test_what_is_printed_and_not_returned_is_said(capsys):
    verdict = attempt(find("contrastive.positives"), lambda n: print(torch.arange(2 * n).roll(n)))
    assert verdict.status == "failed" and verdict.points == 0
    assert "printed “tensor([" in verdict.message and "`return`" in verdict.message
    assert capsys.readouterr().out.count("tensor") == 2  # once for each case


def test_exceptions_and_unwritten_answers_have_their_status():
    def raises(z1, z2, temperature):
        return z1 @ z2.T / nowhere  # noqa: F821

    verdict = attempt(EXERCISE, raises)
    assert verdict.status == "error" and "NameError in line 2 of `raises`" in verdict.message
    verdict = attempt(EXERCISE, lambda z1, z2, temperature: None)
    assert verdict.status == "missing" and verdict.points == 0 and "return" in verdict.message


def test_cases_without_an_observation_are_missing_and_the_rest_counts():
    observations, inputs = observe_all(EXERCISE, EXERCISE.reference)
    del observations["six images in float32"]
    verdict = judge(EXERCISE, observations, inputs)
    assert (verdict.points, verdict.status) == (3, "failed")
    assert judge(EXERCISE, {}, inputs).status == "missing"


def test_a_forged_verdict_is_no_observation():
    _, inputs = observe_all(EXERCISE, EXERCISE.reference)
    forged = {name: {"points": 4, "status": "passed", "value": "passed"} for name in inputs}
    assert judge(EXERCISE, forged, inputs).points == 0


@pytest.mark.parametrize("id", ["contrastive.positives", "contrastive.geometry", "contrastive.similarity"])
def test_no_observation_makes_judging_raise(id):
    judging = Judging(find(id), 0)  # the reference is observed once
    exercise, inputs = judging.exercise, judging.inputs
    right = {name: exercise.task.observe(exercise.reference, drawn) for name, drawn in inputs.items()}
    trees = random.Random(1)
    for strange in (None, 3, [], {EXERCISE.task.cases[0].name: 3}):
        assert judge(exercise, strange, inputs).points == 0
    for _ in range(100):
        observations = {name: random_tree(trees) for name in right}
        assert judge(exercise, observations, inputs).points == 0
        name = trees.choice(list(right))
        value = {
            "value": random_tree(trees),
            "changed": trees.choice([[], random_tree(trees)]),
            "origin": random_tree(trees),
        }
        verdict = judge(exercise, {**right, name: [*right[name][1:], value]}, inputs)
        assert 0 <= verdict.points <= verdict.max_points and isinstance(verdict.message, str)


def test_inputs_are_shown_when_few():
    assert show_inputs({"n": 3}) == "n = 3"
    assert show_inputs({"a": torch.tensor([True]), "b": torch.tensor([1.5, 2.0])}) == "a = [True], b = [1.5, 2]"
    assert show_inputs({"a": torch.ones(100)}) == ""
