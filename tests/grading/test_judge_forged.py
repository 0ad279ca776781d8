"""Whatever a student's process sends as its observation is judged without an exception, and earns nothing."""

import random

import pytest
import torch
from judging import Judging

from sslcourse.exercises import find
from sslcourse.exercises.judge import judge
from sslcourse.grading.host import Outcome, _outcome
from sslcourse.grading.wire import decode, encode

LEAVES = [
    None, True, 0, -1, 2**200, 1.5, float("nan"), float("inf"), "", "failure", "passed", [], {}, (), [[]],
    {"value": None},
    torch.zeros(0), torch.tensor(True), torch.zeros(3, dtype=torch.bfloat16), torch.zeros(2, dtype=torch.complex64),
    torch.full((2, 2), float("nan"), dtype=torch.float64), torch.zeros((1,) * 12),
    torch.zeros(4, 4, dtype=torch.float64),
]  # fmt: skip
KEYS = [
    "value",
    "gradient",
    "changed",
    "failure",
    "kind",
    "type",
    "message",
    "line",
    "function",
    "source",
    "z1",
    "x",
    "",
]


def tree(chance, depth=0):
    choice = chance.random()
    if depth > 3 or choice < 0.4:
        return chance.choice(LEAVES)
    if choice < 0.85:
        return {key: tree(chance, depth + 1) for key in chance.sample(KEYS, chance.randint(0, 5))}
    return [tree(chance, depth + 1) for _ in range(chance.randint(0, 3))]


@pytest.mark.parametrize("id", ["contrastive.nt_xent", "contrastive.views", "contrastive.geometry"])
def test_random_trees_earn_nothing_and_break_nothing(id):
    judging, chance = Judging(find(id), 3), random.Random(1)
    exercise, inputs = judging.exercise, judging.inputs
    for _ in range(150):
        observations = {name: decode(encode(tree(chance))) for name in inputs}
        verdict = judge(exercise, observations, inputs)
        assert verdict.points == 0.0
        assert isinstance(verdict.message, str)


def test_replies_that_no_box_would_send_are_taken_for_a_dead_box():
    task = find("contrastive.views").task
    for header in ({}, {"ended": "passed"}, {"ended": ["exited"]}, {"ended": "exited", "exit": "0", "output": None}):
        outcome = _outcome(header | {"size": 0}, b"", task)
        assert isinstance(outcome, Outcome)
        assert outcome.observations == {}


def test_an_answer_given_twice_is_malformed_and_the_first_counts():
    task = find("contrastive.views").task
    name = task.cases[0].name
    stream = encode({"case": name, "tree": 1}) + encode({"case": name, "tree": 2}) + encode({"case": "none", "tree": 3})
    outcome = _outcome({"ended": "exited", "exit": 0}, stream, task)
    assert outcome.observations == {name: 1}
    assert outcome.is_malformed
