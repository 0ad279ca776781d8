"""Comparing: the first difference in the promised order, in words, and never an exception."""

from __future__ import annotations

import random

import pytest
import torch

from sslcourse.exercises.advice import explain_failure, shape_cause
from sslcourse.exercises.compare import ORDER, first_difference, same_observation
from sslcourse.exercises.explain import same_values

NAN, INF = float("nan"), float("inf")


def message(expected, observed, tolerance=(1e-7, 1e-9)):
    return first_difference({"value": expected}, {"value": observed}, tolerance).message


def kind(expected, observed):
    found = first_difference(expected, observed)
    return found and found.kind


def test_equal_trees_have_no_difference():
    tree = {
        "value": [1, 1.5, True, None, "a", torch.ones(2)],
        "gradient": {"x": torch.ones(1), "y": None},
        "after": {"x": torch.ones(1)},
        "changed": ["x"],
    }
    assert first_difference(tree, tree) is None


def test_the_order_of_the_kinds():
    tensor = torch.ones(2)
    expected = {"value": [1.0, tensor, tensor, 2.0], "gradient": {"x": tensor, "y": tensor}, "after": {"x": tensor}}
    worse = {"value": [5.0, tensor, tensor, 2.0], "gradient": {"x": tensor * 2, "y": tensor}, "after": {"x": tensor}}
    found = [kind(expected, worse)]
    worse["after"] = {"x": tensor * 2}
    found.append(kind(expected, worse))
    worse["gradient"]["y"] = None
    found.append(kind(expected, worse))
    worse["value"][2] = tensor.double()
    found.append(kind(expected, worse))
    worse["value"][1] = torch.ones(3)
    found.append(kind(expected, worse))
    worse["extra"] = 1
    found.append(kind(expected, worse))
    worse["value"][3] = "2"
    found.append(kind(expected, worse))
    assert found == ["value", "in-place change", "in-place change", "dtype", "shape", "keys", "type"]
    assert [ORDER.index(name) for name in found] == sorted((ORDER.index(name) for name in found), reverse=True)


def test_a_wrong_gradient_alone_is_a_gradient_value():
    expected = {"value": 1.0, "gradient": {"x": torch.ones(2)}, "changed": []}
    found = first_difference(expected, {**expected, "gradient": {"x": torch.ones(2) * 3}})
    assert found.kind == "gradient value"
    assert found.message.startswith("the gradient with respect to x: at position 0: expected 1, yours 3")


def test_arguments_must_be_left_alone_to_the_last_bit_unless_the_reference_changes_them():
    x, y = torch.ones(2), torch.ones(2)
    nearly = y + 1e-7
    assert not torch.equal(y, nearly)
    expected = {"value": 1.0, "after": {"x": x, "y": y}, "changed": []}
    observed = {"value": 1.0, "after": {"x": x, "y": nearly}, "changed": []}  # whatever it says of itself
    found = first_difference(expected, observed, (1e-4, 1e-5))
    assert found.kind == "in-place change" and "changes its argument y" in found.message
    assert first_difference({**expected, "changed": ["y"]}, observed, (1e-4, 1e-5)) is None
    unchanged = {**expected, "after": {"x": x, "y": y * 2}, "changed": ["y"]}
    assert "not changed as they should be" in first_difference(unchanged, expected).message


@pytest.mark.parametrize("forged", [None, 3, [], {}, {"x": None}, {"x": torch.ones(3)}, {"x": [torch.ones(2)]}])
def test_arguments_that_are_not_sent_back_are_not_unchanged(forged):
    expected = {"value": 1.0, "after": {"x": torch.ones(2)}, "changed": []}
    assert first_difference(expected, {"value": 1.0, "after": forged, "changed": []}).kind == "in-place change"
    assert first_difference(expected, {"value": 1.0, "changed": []}).kind == "in-place change"


def test_what_makes_no_difference_is_accepted():
    whole, single = torch.tensor([1, 2]), torch.tensor(0.5, requires_grad=True).detach()
    for expected, observed in (
        (1.0, 1),
        (0.5, single),
        (0.5, single.float()),
        (3, torch.tensor(3)),
        (2.0, torch.tensor(2)),
    ):
        assert kind(expected, observed) is None
    assert kind(whole, whole.to(torch.int32)) is None and kind(whole, whole.to(torch.uint8)) is None
    for expected, observed in (
        (1.0, True),
        (1, 1.5),
        (1.0, torch.ones(1)),
        (1.0, torch.tensor(True)),
        (torch.ones(1), 1.0),
    ):
        assert kind(expected, observed) == "type"
    assert kind(whole, whole.double()) == kind(whole, torch.tensor([True, True])) == "dtype"
    assert kind(0.5, torch.tensor(0.6)) == kind(whole, torch.tensor([1, 3], dtype=torch.int32)) == "value"


def test_numbers_are_told_from_tensors():
    assert ".item()" in message(1.0, torch.ones(1)) and "mean or a sum missing" in message(1.0, torch.ones(3))
    assert "no .item()" in message(torch.tensor(1.0), 1.0)
    assert "list or tuple of 2 values" in message([1.0, 2.0], torch.ones(2))
    assert "one by one" in message([1.0, 2.0], torch.ones(2)) and "2 values are asked for" in message([1.0, 2.0], 1.0)
    assert "torch.stack" in message(torch.ones(2, 3), [torch.ones(3), torch.ones(3)])
    assert "torch.tensor" in message(torch.ones(2), [1.0, 2.0])
    assert "a bool" in message(1, True)


@pytest.mark.parametrize(
    ("expected", "observed", "cause"),
    [
        ((2, 3), (3, 2), "transposed?"),
        ((2, 3, 4), (3, 2, 4), "another order"),
        ((), (4,), "not reduced"),
        ((), (1,), "left over"),
        ((5, 3), (1, 3), "inside a loop"),
        ((4,), (4, 1), "left over"),
        ((4, 1), (4,), "is missing"),
        ((8, 8), (4, 4), "only one of the two views"),
        ((8,), (4,), "only one of the two views"),
        ((4, 4), (8, 8), "twice"),
        ((8, 3), (4, 6), "wrong dimension"),
        ((2, 3, 5, 5), (6, 5, 5), "torch.stack makes a new"),
        ((4, 4), (4,), "one too many was reduced"),
        ((4,), (4, 4), "one was not reduced"),
        ((4, 4), (5, 7), ""),
    ],
)
def test_wrong_shapes_have_a_likely_cause(expected, observed, cause):
    said = shape_cause(torch.ones(expected), torch.ones(observed))
    assert cause in said and bool(cause) == bool(said)


def test_where_and_how_much():
    expected = torch.zeros(3, 2).double()
    observed = expected.clone()
    observed[2, 0] = 1.0
    expected[2, 0] = 0.36787944
    assert message(expected, observed).startswith("your result: row 2, column 0: expected 0.36788, yours 1")
    assert "1 of 6 values differ, the largest difference is 0.6321" in message(expected, observed)
    assert "at [0, 1, 0]" in message(torch.zeros(1, 2, 1), torch.tensor([[[0.0], [1.0]]]))
    assert "expected 1.00001, yours 1.000012" not in message(1.0, 1.000001)
    assert message(1.0, 1.000001) == "your result: expected 1, yours 1.000001"


def test_broken_values_are_counted():
    matrix = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    assert "1 of your 4 values is NaN" in message(matrix, torch.tensor([[1.0, 2.0], [NAN, 4.0]]))
    assert "NaN" in message(1.0, NAN)


def test_tolerance_is_relative_to_the_whole_tensor():
    big = torch.tensor([1000.0, 0.001], dtype=torch.float64)
    nudged = big + torch.tensor([0.0, 5e-5], dtype=torch.float64)
    assert same_values(big, nudged, (1e-7, 0.0)) and not same_values(big, nudged, (1e-8, 0.0))
    assert same_values(torch.tensor([NAN, INF]), torch.tensor([NAN, INF]), (0, 0))
    assert not same_values(torch.tensor([INF]), torch.tensor([-INF]), (1, 1))
    assert not same_values(torch.tensor([2**62]), torch.tensor([2**62 + 1]), (1e-3, 1.0))
    assert same_values(torch.ones(0), torch.ones(0), (0, 0))


def test_python_floats_are_compared_in_double_precision():
    assert not same_values(1.0, 1.0 + 1e-9, (1e-10, 0.0)) and same_values(1.0, 1.0 + 1e-11, (1e-10, 0.0))
    assert same_values(1e308, 1e308, (0, 0)) and not same_values(1e308, INF, (1.0, 0.0))


def test_failures_are_compared_without_their_lines():
    tree = {"failure": {"kind": "exception", "type": "KeyError", "message": "1", "line": 2, "source": "a"}}
    other = {"failure": {**tree["failure"], "line": 9, "source": "b"}}
    assert same_observation(tree, other, (0, 0))
    assert not same_observation(tree, {"failure": {**tree["failure"], "message": "2"}}, (0, 0))
    assert kind({"value": 1}, tree) == "failure"


@pytest.mark.parametrize(
    "strange", [{}, {"kind": 3}, {"kind": "exception", "message": [1], "line": "x"}, {"kind": "type"}]
)
def test_strange_failures_are_explained(strange):
    assert isinstance(explain_failure(strange), str)


DTYPES = [torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.complex64, torch.bool, torch.uint8]
DTYPES += [torch.int8, torch.int64, torch.uint16, torch.uint64, torch.float8_e4m3fn]
KEYS = ["value", "gradient", "after", "changed", "failure", "kind", "x", ""]


def random_tree(draw: random.Random, depth: int = 0):
    pick = draw.randrange(12 if depth < 4 else 9)
    if pick >= 9:
        size = draw.randrange(4)
        if pick == 9:
            return [random_tree(draw, depth + 1) for _ in range(size)]
        return {draw.choice(KEYS): random_tree(draw, depth + 1) for _ in range(size)}
    if pick >= 6:
        shape = [draw.randrange(4) for _ in range(draw.randrange(4))]
        values = torch.rand(shape, generator=torch.Generator().manual_seed(draw.randrange(9))) * 4 - 1
        values = values / draw.choice([0.0, 1.0, 1e-30])
        return torch.nan_to_num(values).abs().clamp(max=100).to(draw.choice(DTYPES)) if pick == 6 else values
    return [None, True, draw.randrange(-9, 9), draw.choice([NAN, INF, -0.0, 1.5, 1e308]), "text", 2**62][pick]


@pytest.mark.parametrize("seed", range(20))
def test_no_tree_makes_the_comparison_raise(seed):
    draw = random.Random(seed)
    for _ in range(100):
        expected, observed = random_tree(draw), random_tree(draw)
        for one, other in ((expected, observed), ({"value": expected}, {"value": observed}), (expected, expected)):
            found = first_difference(one, other)
            assert found is None or (found.kind in ORDER and isinstance(found.message, str))
        assert first_difference(expected, expected) is None


def test_a_whole_number_that_the_expected_dtype_cannot_hold_is_no_other_number():
    expected = torch.tensor([1, 255], dtype=torch.uint8)
    assert first_difference({"value": expected}, {"value": torch.tensor([1, 255])}) is None
    assert first_difference({"value": expected}, {"value": torch.tensor([257, -1])}) is not None
