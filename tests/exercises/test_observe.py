"""Observing: what a call does becomes a plain tree, whatever the call does."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import torch

from sslcourse.exercises.observe import observe_call, observe_gradient, observe_in_place
from sslcourse.exercises.plain import as_tree


def seen(answer, **inputs):
    return observe_call(answer, inputs, list(inputs))


def failure(answer, **inputs):
    tree = seen(answer, **inputs)
    assert set(tree) == {"failure"}
    return tree["failure"]


def test_values_keep_their_exact_types():
    tree = seen(lambda x: (1, 1.0, True, None, "a", torch.ones(2, dtype=torch.int64), {"k": [x]}), x=2)
    assert tree["changed"] == []
    types = [type(item) for item in tree["value"]]
    assert types == [int, float, bool, type(None), str, torch.Tensor, dict]


def test_tensors_are_detached_copies():
    source = torch.ones(3, 2, requires_grad=True)
    tensor = seen(lambda x: source.T, x=0)["value"]
    assert tensor.shape == (2, 3) and tensor.is_contiguous() and not tensor.requires_grad
    with torch.no_grad():
        source += 1
    assert tensor.eq(1).all()


def test_inputs_survive_and_changes_are_named():
    x, y = torch.zeros(2), [torch.zeros(2), {"a": torch.zeros(1)}]

    def meddles(x, y):
        y[1]["a"] += 1
        return x

    tree = seen(meddles, x=x, y=y)
    assert tree["changed"] == ["y"] and y[1]["a"].item() == 0
    assert tree["after"]["x"].eq(0).all() and tree["after"]["y"][1]["a"].item() == 1


@pytest.mark.parametrize("change", [lambda x: x.add_(1), lambda x: x.t_(), lambda x: x.resize_(1), lambda x: x.zero_()])
def test_every_kind_of_change_is_seen(change):
    def answer(x):
        change(x)
        return 1

    assert seen(answer, x=torch.arange(1.0, 7).reshape(2, 3))["changed"] == ["x"]


def test_nan_in_an_argument_is_no_change():
    assert seen(lambda x: 1, x=torch.tensor([float("nan")]))["changed"] == []


def nested_raise(x):
    def inner():
        return [][x]

    return inner()


def raises_on_third_line(x):
    y = x + 1
    return y.no_such_attribute


def test_exceptions_name_the_line_of_the_student():
    found = failure(raises_on_third_line, x=1)
    assert (found["kind"], found["type"], found["line"]) == ("exception", "AttributeError", 3)
    assert found["function"] == "raises_on_third_line" and found["source"] == "return y.no_such_attribute"
    found = failure(nested_raise, x=1)
    assert (found["function"], found["line"]) == ("inner", 2)
    found = failure(lambda x: torch.stack([x, torch.ones(3)]), x=torch.ones(2))
    assert found["type"] == "RuntimeError" and found["line"] == 1


def not_written(x):
    raise NotImplementedError("write me")


def test_not_attempted():
    for answer in (not_written, lambda x: None, lambda x: ...):
        assert failure(answer, x=1)["kind"] == "not_attempted"


def test_a_decorator_hides_neither_code_nor_its_absence():
    @torch.no_grad()
    def doubles(numbers):
        numbers.mul_(2)

    @torch.no_grad()
    def empty(numbers):
        """Nothing yet."""

    numbers = torch.ones(1)
    assert observe_in_place(doubles, [numbers], numbers.item) == 2
    assert observe_in_place(empty, [numbers], numbers.item)["failure"]["kind"] == "not_attempted"
    assert failure(torch.no_grad()(not_written), x=1)["kind"] == "not_attempted"
    found = failure(torch.no_grad()(raises_on_third_line), x=1)
    assert (found["line"], found["function"]) == (3, "raises_on_third_line")


def test_a_not_implemented_error_of_torch_is_an_exception():
    def answer(x):
        return torch.ops.aten.add.Tensor(x.to("meta"), 1).to("cpu")

    found = failure(answer, x=torch.ones(1))
    assert (found["kind"], found["type"]) == ("exception", "NotImplementedError")


def test_exits_and_strange_exceptions_stay_inside():
    class Odd(BaseException):
        def __str__(self):
            raise ValueError

    def odd(x):
        raise Odd

    def endless(x):
        return endless(x)

    assert failure(lambda x: sys.exit(3), x=1)["type"] == "SystemExit"
    assert failure(odd, x=1)["kind"] == "exception"
    assert failure(endless, x=1)["type"] == "RecursionError"
    with pytest.raises(KeyboardInterrupt):
        seen(lambda x: (_ for _ in ()).throw(KeyboardInterrupt), x=1)


def liar():
    class Meta(type):
        __name__ = property(lambda cls: 1 / 0)
        __module__ = property(lambda cls: 1 / 0)

    class Liar(metaclass=Meta):
        __class__ = torch.Tensor

        def __eq__(self, other):
            return True

        def __getattr__(self, name):
            raise SystemExit

    return Liar()


class Subclass(torch.Tensor):
    pass


REFUSED = {
    "liar": liar,
    "array": lambda: np.ones(2),
    "complex array scalar": lambda: np.complex128(1.0),
    "parameter": lambda: torch.nn.Parameter(torch.ones(1)),
    "subclass": lambda: torch.ones(1).as_subclass(Subclass),
    "sparse": lambda: torch.eye(2).to_sparse(),
    "meta": lambda: torch.ones(2, device="meta"),
    "huge": lambda: torch.ones(1).expand(10**12),
    "generator": lambda: (i for i in range(3)),
    "ellipsis inside": lambda: [...],
    "set": lambda: {1},
    "complex": lambda: 1j,
    "big int": lambda: 10**100,
    "long list": lambda: [0] * 10**5,
    "int keys": lambda: {1: 2},
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_types_are_named(name):
    found = failure(lambda x: REFUSED[name](), x=1)
    assert found["kind"] == "type" and type(found["type"]) is str and found["type"]
    assert failure(lambda x: (1.0, REFUSED[name]()), x=1)["kind"] == "type"


def test_a_list_that_holds_itself_is_refused():
    loop = []
    loop.append(loop)
    assert failure(lambda x: loop, x=1)["kind"] == "type"


def test_what_is_no_function_is_said():
    assert failure(5, x=1)["kind"] == "type"


def test_attributes_of_a_tensor_cannot_lie():
    tensor = torch.ones(2)
    tensor.detach = tensor.cpu = tensor.numel = lambda *_: torch.zeros(2)
    assert as_tree(tensor).eq(1).all()


def test_global_switches_are_turned_back():
    def switches(x):
        torch.set_grad_enabled(False)
        torch.set_default_dtype(torch.float64)
        return x

    seen(switches, x=1.0)
    assert torch.is_grad_enabled() and torch.get_default_dtype() == torch.float32


def gradient(answer, x, y, cotangent):
    inputs = {"x": x, "y": y, "cotangent": cotangent}
    return observe_gradient(answer, inputs, ["x", "y"], ["x", "y"])


def test_gradients_are_weighted_by_the_cotangent():
    x, y, c = torch.tensor([1.0, 2.0]), torch.tensor([3.0, 4.0]), torch.tensor([10.0, 100.0])
    tree = gradient(lambda x, y: x * y, x, y, c)
    torch.testing.assert_close(tree["gradient"], {"x": y * c, "y": x * c})
    assert tree["changed"] == [] and not x.requires_grad


def test_missing_gradients_are_none():
    one = torch.tensor(1.0)
    assert gradient(lambda x, y: x * y.detach(), one, one, one)["gradient"]["y"] is None
    assert gradient(lambda x, y: (x * y).detach(), one, one, one)["gradient"] == {"x": None, "y": None}
    assert gradient(lambda x, y: (x * y).item(), one, one, one)["gradient"] == {"x": None, "y": None}


def test_gradients_switched_off_outside_are_on_inside():
    one = torch.tensor(1.0)
    with torch.no_grad():
        assert gradient(lambda x, y: x * y, one, one, one)["gradient"]["x"].item() == 1


def test_changing_a_differentiated_argument_is_a_change_and_not_an_exception():
    def answer(x, y):
        x *= 2
        return x * y

    tree = gradient(answer, torch.tensor(1.0), torch.tensor(3.0), torch.tensor(1.0))
    assert tree["changed"] == ["x"] and tree["gradient"]["x"].item() == 6


def test_a_backward_pass_that_fails_is_told_apart():
    def answer(x, y):
        result = (x * y).sum()
        result.backward()
        return result

    one = torch.tensor(1.0)
    assert gradient(answer, one, one, one)["gradient"]["failure"]["type"] == "RuntimeError"


def test_numpys_numbers_are_plain_ones():
    tree = as_tree([np.float64(1.5), np.float32(0.5), np.int64(3), np.bool_(True)])
    assert tree == [1.5, 0.5, 3, True] and [type(item) for item in tree] == [float, float, int, bool]


def test_printed_text_is_told_only_when_nothing_is_returned(capsys):
    printed = observe_call(lambda x: print("a", x), {"x": 1}, ["x"])["failure"]
    assert (printed["kind"], printed["message"]) == ("printed", "a 1")
    assert observe_call(lambda x: print(x) or x, {"x": 1}, ["x"])["value"] == 1
    assert capsys.readouterr().out == "a 1\n1\n"
    assert len(observe_call(lambda x: print("a" * 10**6), {"x": 1}, ["x"])["failure"]["message"]) == 200


@pytest.mark.parametrize(
    ("answer", "origin"),
    [
        (lambda x: (x * x.log()).sum(), "log"),
        (lambda x: (1000 * x).exp().sum(), "exp"),
        (lambda x: (x / 0).sum(), "div"),
        (lambda x: (-x - 1).sqrt(), "sqrt"),
        (lambda x: (1000 * x).masked_fill(x > 0, -float("inf")).exp().log().sum(), "log"),
        (lambda x: (100 * x).masked_fill(x < 0.5, -float("inf")).exp().sum(), "exp"),
        (
            lambda x: torch.nn.functional.cross_entropy(x.masked_fill(x == 0, -float("inf")), torch.tensor(0)),
            "cross_entropy",
        ),
        (lambda x: float("nan"), ""),
    ],
)
def test_where_nan_begins(answer, origin):
    assert observe_call(answer, {"x": torch.tensor([0.0, 1.0, 2.0])}, ["x"])["origin"] == origin


def test_a_finite_result_has_no_origin():
    assert "origin" not in observe_call(
        lambda x: x.masked_fill(x > 0, -float("inf")).softmax(0), {"x": torch.eye(2)}, ["x"]
    )


def test_an_argument_that_was_cut_off_in_place_is_changed():
    inputs = {"x": torch.ones(2), "y": torch.ones(2), "cotangent": torch.tensor(1.0)}
    tree = observe_gradient(lambda x, y: (x * y.detach_()).sum(), inputs, ("x", "y"), ("x", "y"))
    assert tree["changed"] == ["y"] and tree["after"]["y"] is None
    tree = observe_gradient(lambda x, y: (x * y.detach()).sum(), inputs, ("x", "y"), ("x", "y"))
    assert tree["changed"] == [] and tree["gradient"]["y"] is None
