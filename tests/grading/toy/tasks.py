"""Three toy tasks. Goes into the box."""

import torch

from sslcourse.exercises.observe import calls, observe_gradient
from sslcourse.exercises.task import Case, Task


def draw_vector(generator, case):
    n = case.sizes["n"]
    return {name: torch.randn(n, generator=generator, dtype=case.dtype) for name in ("x", "cotangent")}


def observe_with_gradient(answer, inputs):
    return observe_gradient(answer, inputs, ["x"], ["x"])


CASES = (Case("by hand", 1.0, {"n": 3}), Case("random", 1.0, {"n": 50}))
TASKS = {
    "toy.double": Task("toy.double", "double", "Double a vector", CASES, draw_vector, observe_with_gradient),
    "toy.shift": Task("toy.shift", "shift", "Add one", CASES, draw_vector, observe_with_gradient),
    "toy.total": Task("toy.total", "total", "Sum a vector", CASES, draw_vector, calls("x")),
}
