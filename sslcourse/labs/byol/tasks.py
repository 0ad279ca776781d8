"""Lab 2, learning without negatives: on which cases answers are tried, and how they are observed (no answers here).

Networks do not travel: inputs hold their weights and buffers by name, `network` builds them where the answer is called,
and what comes out are weights, buffers, outputs and gradients.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from sslcourse.exercises.inputs import (
    draw_cotangent,
    integer,
    integers,
    nice_pairs,
    normal,
    related_pairs,
    signs,
    uniform,
)
from sslcourse.exercises.observe import called_with, calls, failure, observe_gradient, observe_in_place
from sslcourse.exercises.plain import as_tree, copy_tree, type_name
from sslcourse.exercises.task import Case, Task, Tree

F64, F32 = torch.float64, torch.float32

State = dict[str, Tensor]


class Rows(nn.Module):
    """Adds to every row of a batch its share of other rows: a layer whose outputs depend on chosen inputs."""

    def __init__(self, mix: Tensor):
        super().__init__()
        self.register_buffer("mix", mix.clone())

    def forward(self, z: Tensor) -> Tensor:
        return self.get_buffer("mix") @ z


def network(state: State, learns: bool = True) -> nn.Sequential:
    """Linear, perhaps a norm or a mixture of rows, tanh, Linear: with the weights and buffers in `state`."""
    width, inputs = state["0.weight"].shape
    between: nn.Module = nn.BatchNorm1d(width) if "1.running_mean" in state else nn.Identity()
    if "1.mix" in state:
        between = Rows(state["1.mix"])
    layers = nn.Sequential(nn.Linear(inputs, width), between, nn.Tanh(), nn.Linear(width, len(state["3.weight"])))
    layers.to(state["0.weight"].dtype).load_state_dict(state)
    return layers.requires_grad_(learns)


def tensors_of(module: nn.Module) -> State:
    """The weights and buffers themselves that a network holds, by name."""
    return {**dict(module.named_parameters()), **dict(module.named_buffers())}


def _values(tensors: Mapping[str, Tensor]) -> State:
    return {name: as_tree(tensor.detach()) for name, tensor in tensors.items()}


def draw_state(generator: torch.Generator, case: Case, inputs: int, width: int, outputs: int) -> State:
    """Weights of a network; `norm`: with BatchNorm's buffers and count; `whole`: small whole numbers."""

    def numbers(*shape: int) -> Tensor:
        if case.sizes.get("whole"):
            return torch.tensor(integers(generator, -9, 9, torch.Size(shape).numel())).reshape(shape).to(F64)
        return normal(generator, *shape)

    state = {"0.weight": numbers(width, inputs), "0.bias": numbers(width)}
    if case.sizes.get("norm"):
        state |= {"1.weight": 1 + 0.3 * numbers(width), "1.bias": numbers(width), "1.running_mean": numbers(width)}
        state["1.running_var"] = uniform(generator, 0.5, 3, width)
    state |= {"3.weight": numbers(outputs, width), "3.bias": numbers(outputs)}
    state = {name: tensor.to(case.dtype) for name, tensor in state.items()}
    if case.sizes.get("norm"):
        state["1.num_batches_tracked"] = torch.tensor(integer(generator, 10, 9999))
    return state


def draw_pairs(generator: torch.Generator, case: Case) -> dict[str, Any]:
    """Predictions p, targets z, a cotangent; rows of NICE_ROWS when the case says `whole`."""
    n, d = int(case.sizes["n"]), int(case.sizes.get("d", 2))
    pairs = nice_pairs(generator, n) if case.sizes.get("whole") else related_pairs(generator, n, d)
    p, z = pairs.to(case.dtype)
    return {"p": p, "z": z, "cotangent": draw_cotangent(generator).to(case.dtype)}


def draw_update(generator: torch.Generator, case: Case) -> dict[str, Any]:
    """Two networks of one form, a momentum, and what the student's next step adds to it."""
    sizes = 3, int(case.sizes["width"]), 2
    teacher, student = (draw_state(generator, case, *sizes) for _ in range(2))
    momentum = integer(generator, 55, 95) / 100 if not case.sizes.get("whole") else integer(generator, 6, 9) / 10
    step = uniform(generator, 1, 2, 1)[0].to(case.dtype)
    return {"teacher": teacher, "student": student, "momentum": momentum, "step": step}


def observe_update(answer: Callable, inputs: dict[str, Any]) -> Tree:
    """Both networks after the call, the teacher again after the student's next step, and whether it can learn.

    What is looked at are the tensors that the two held before the call: an optimiser holds these and no others.
    """
    teacher, student = network(inputs["teacher"], learns=False), network(inputs["student"])
    mine, theirs = tensors_of(teacher), tensors_of(student)

    def look() -> Tree:
        kept = _still_holds(teacher, mine) and _still_holds(student, theirs)
        return {
            "whether teacher and student still hold the tensors that they held": kept,
            "whether the student is still in training": student.training,
            "whether all weights of the student still learn": all(one.requires_grad for one in student.parameters()),
            "whether the teacher learns": any(tensor.requires_grad for tensor in mine.values()),
            "teacher": _values(mine),
            "after": {"student": _values(theirs)},
            "changed": [],
        }

    observed = observe_in_place(answer, [teacher, student, inputs["momentum"]], look)
    if "failure" in observed:
        return observed
    whole = torch.stack([tensor.sum() for tensor in mine.values() if tensor.is_floating_point()]).sum()
    observed["gradient"] = {"the student": _gradient(whole, theirs)}
    with torch.no_grad():
        for tensor in theirs.values():
            tensor.add_(inputs["step"].to(tensor.dtype))
    return observed | {"the teacher (which must not move with the student's next step)": _values(mine)}


def _still_holds(module: nn.Module, tensors: State) -> bool:
    now = tensors_of(module)
    return now.keys() == tensors.keys() and all(now[name] is tensor for name, tensor in tensors.items())


def _gradient(result: Tensor, weights: State, cotangent: Tensor | None = None) -> Tree:
    """The gradient of a result for all weights in one row; None where it reaches none of them."""
    learning = [weight for weight in weights.values() if weight.requires_grad]
    if not result.requires_grad or not learning:
        return None
    try:
        found = torch.autograd.grad(result, learning, cotangent, retain_graph=True, allow_unused=True)
    except Exception as error:  # noqa: BLE001 (a graph of the student's making may raise anything)
        return failure("exception", type_name(error), str(error))
    if all(gradient is None for gradient in found):
        return None
    rows = [torch.zeros_like(weight) if one is None else one for one, weight in zip(found, learning)]
    return as_tree(torch.cat([row.flatten() for row in rows]))


def draw_schedule(generator: torch.Generator, case: Case) -> dict[str, Any]:
    """A step of a run, and the momentum it begins with; `part`: so many quarters of the way."""
    steps = integer(generator, int(case.sizes["low"]), int(case.sizes["high"]))
    step = integer(generator, steps // 5, steps - 1 - steps // 5)
    if "part" in case.sizes:
        steps = 4 * steps
        step = int(case.sizes["part"]) * steps // 4
    return {"step": step, "steps": steps, "base": integer(generator, 50, 95) / 100}


def draw_networks(generator: torch.Generator, case: Case) -> dict[str, Any]:
    """Weights of predictor, online and target network, two views of n images, a cotangent."""
    n, d, out = (int(case.sizes[name]) for name in ("n", "d", "out"))
    sizes = {"predictor": (out, 5, out), "online": (d, 6, out), "target": (d, 6, out)}
    states = {name: draw_state(generator, case, *size) for name, size in sizes.items()}
    image = normal(generator, n, d)
    views = torch.stack([image + 0.5 * normal(generator, n, d) for _ in range(2)])
    return {**states, "views": views.to(case.dtype), "cotangent": draw_cotangent(generator).to(case.dtype)}


def observe_networks(answer: Callable, inputs: dict[str, Any]) -> Tree:
    """The loss, its gradients for the weights of the three networks, and what the call leaves of networks and views.

    The target's weights could learn.
    """
    networks = {name: network(inputs[name]) for name in ("predictor", "online", "target")}
    held = {name: tensors_of(module) for name, module in networks.items()}
    views = copy_tree(inputs["views"])
    result, observed = called_with(answer, [*networks.values(), views])
    if "failure" in observed:
        return observed
    observed |= {"after": {"views": views, **{name: _values(held[name]) for name in held}}, "changed": []}
    if type(result) is not Tensor or result.dim():
        return observed | {"gradient": dict.fromkeys(networks)}
    return observed | {"gradient": {name: _gradient(result, held[name], inputs["cotangent"]) for name in networks}}


def draw_head(generator: torch.Generator, case: Case) -> dict[str, Any]:
    """A head's weights, a batch of n rows and a step; with BatchNorm, or a mixture of some rows, where it says so."""
    n, d = int(case.sizes["n"]), int(case.sizes["d"])
    state = draw_state(generator, case, d, 6, 3)
    if case.sizes.get("mix"):
        chosen = torch.rand(n, n, generator=generator) < 0.4
        chosen.fill_diagonal_(True)
        state["1.mix"] = torch.where(chosen, uniform(generator, 0.3, 1, n, n), 0.0).to(case.dtype)
    z, step = normal(generator, n, d), uniform(generator, 0.3, 1, d) * signs(generator, d)
    return {"head": state, "z": z.to(case.dtype), "step": step.to(case.dtype)}


def observe_head(answer: Callable, inputs: dict[str, Any]) -> Tree:
    """What the answer returns, and what it leaves of z, step and the head's weights."""
    head = network(inputs["head"])
    weights = dict(head.named_parameters())  # the running statistics move with every call
    given = {name: copy_tree(inputs[name]) for name in ("z", "step")}
    _, observed = called_with(answer, [head, *given.values()])
    if "failure" in observed:
        return observed
    return observed | {"after": {**given, "head": _values(weights) | {"training": head.training}}, "changed": []}


LOSS = Task(
    "byol.loss",
    "regression_loss",
    "The loss, and where its gradient stops",
    (
        Case("three pairs of whole numbers", 0.5, {"n": 3, "whole": 1}),
        Case("rows of different lengths", 1.0, {"n": 5, "d": 6}),
        Case("more rows than dimensions, in float32", 0.5, {"n": 7, "d": 4}, F32),
    ),
    draw_pairs,
    partial(observe_gradient, arguments=("p", "z"), differentiate=("p", "z")),
)
TEACHER = Task(
    "byol.teacher",
    "update_ema",
    "A teacher that follows",
    (
        Case("weights that are whole numbers", 1.0, {"width": 2, "whole": 1}),
        Case("a network with BatchNorm", 1.0, {"width": 4, "norm": 1}),
        Case("a wider one, in float32", 1.0, {"width": 7, "norm": 1}, F32),
    ),
    draw_update,
    observe_update,
)
MOMENTUM = Task(
    "byol.momentum",
    "momentum_at",
    "The momentum on its way to 1",
    (
        Case("the first step", 0.25, {"low": 2, "high": 50, "part": 0}, draws=4),
        Case("half way", 0.25, {"low": 2, "high": 50, "part": 2}, draws=4),
        Case("any step of a run", 0.5, {"low": 10, "high": 400}, draws=6),
    ),
    draw_schedule,
    calls("step", "steps", "base"),
)
SYMMETRISED = Task(
    "byol.symmetrised",
    "symmetrised",
    "Each view predicts the other",
    (
        Case("two images", 1.0, {"n": 2, "d": 3, "out": 3}),
        Case("six images", 1.0, {"n": 6, "d": 5, "out": 4}),
        Case("five images in float32", 1.0, {"n": 5, "d": 4, "out": 6}, F32),
    ),
    draw_networks,
    observe_networks,
)
INFLUENCE = Task(
    "byol.influence",
    "influence",
    "Who moves when another does",
    (
        Case("a head without normalisation", 0.5, {"n": 3, "d": 2}),
        Case("a head that mixes some rows", 0.5, {"n": 5, "d": 4, "mix": 1}),
        Case("BatchNorm, in training", 0.5, {"n": 4, "d": 3, "norm": 1}),
        Case("BatchNorm, in training, in float32", 0.5, {"n": 6, "d": 4, "norm": 1}, F32),
    ),
    draw_head,
    observe_head,
)

TASKS: dict[str, Task] = {task.id: task for task in (LOSS, TEACHER, MOMENTUM, SYMMETRISED, INFLUENCE)}
