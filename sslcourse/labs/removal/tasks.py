"""Lab 5, removing tokens: on which cases answers are tried, and how they are observed (no answers here).

What `fair_time` measures is a machine that is made up: its clock and its device are two numbers, so that the right
answer is known to the last digit and no other program on the real machine can spoil it.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch

from sslcourse.exercises.inputs import integer, normal, shuffled, signs, uniform
from sslcourse.exercises.observe import called_with, calls, observe_gradient
from sslcourse.exercises.task import Case, Task, Tree

F64, F32 = torch.float64, torch.float32
CALLS = 32  # of which a machine knows how long they take: more than any case asks for


class Machine:
    """A made-up computer: `work` gives its device something to do and returns at once, as a GPU's launches do.

    `seconds` are what the device needs for one call after the other, `launch` what giving it the work takes; the clock
    begins at `now`, and the device is still busy for `busy` seconds with what somebody gave it before. `timed` has the
    numbers of those calls of `work` that lie alone between two looks at the clock, both while the device was idle.
    """

    def __init__(self, seconds: list[float], launch: float, now: float, busy: float):
        self.seconds, self.launch, self.now, self.free = seconds, launch, now, now + busy
        self.calls, self.looked = 0, False
        self.timed: set[int] = set()
        self.calls_at_look: int | None = None  # at the last look while the device was idle

    def work(self) -> None:
        self.now += self.launch
        self.free = max(self.free, self.now) + self.seconds[min(self.calls, len(self.seconds) - 1)]
        self.calls += 1

    def clock(self) -> float:
        self.looked = True
        if self.now >= self.free:
            if self.calls_at_look == self.calls - 1:
                self.timed.add(self.calls_at_look)
            self.calls_at_look = self.calls
        return self.now

    def synchronise(self) -> None:
        self.now = max(self.now, self.free)


def draw_heads(generator: torch.Generator, case: Case) -> dict[str, Any]:
    """Queries and keys of B pictures and H heads, 1 + N tokens each of width d.

    `whole`: small whole numbers; `shift`: so much is added to every logit of the class token, which changes no softmax.
    """
    b, h, n, d = (int(case.sizes[name]) for name in ("b", "h", "n", "d"))
    q, k = normal(generator, b, h, 1 + n, d), normal(generator, b, h, 1 + n, d)
    if case.sizes.get("whole"):
        q, k = ((2 * each).round().clamp(-3, 3) for each in (q, k))
    elif "shift" in case.sizes:
        first = q[:, :, :1]  # B,H,1,d
        k = k + case.sizes["shift"] * d**0.5 * first / first.square().sum(-1, keepdim=True)
    return {"q": q.to(case.dtype), "k": k.to(case.dtype)}


def draw_scores(generator: torch.Generator, case: Case) -> dict[str, Any]:
    """Scores of N patches in B pictures, no two of a picture alike, and how many stay."""
    b, n = int(case.sizes["b"]), int(case.sizes["n"])
    ranks = torch.stack([shuffled(generator, n) for _ in range(b)])
    scores = (ranks + uniform(generator, 0.1, 0.9, b, n)) / n - case.sizes.get("below", 0)
    return {"scores": scores.to(case.dtype), "keep": int(case.sizes["keep"])}


def draw_tokens(generator: torch.Generator, case: Case) -> dict[str, Any]:
    """Tokens of B pictures, numbers of K patches in any order, a cotangent; `again`: one patch stands twice."""
    b, n, d, k = (int(case.sizes[name]) for name in ("b", "n", "d", "k"))
    indices = torch.stack([shuffled(generator, n)[:k] for _ in range(b)])
    if case.sizes.get("again"):
        indices[:, -1] = indices[:, 0]
    tokens, cotangent = normal(generator, b, n, d), normal(generator, b, k, d)
    return {"tokens": tokens.to(case.dtype), "indices": indices, "cotangent": cotangent.to(case.dtype)}


def draw_step(generator: torch.Generator, case: Case) -> dict[str, Any]:
    """The sizes of a training step: patches of an image and how many stay, width, local crops and their patches."""
    side = integer(generator, int(case.sizes["low"]), int(case.sizes["high"]))
    patches = side * side
    local = 0 if case.sizes.get("alone") else integer(generator, 1, 8)
    return {
        "keep": integer(generator, patches // 5, 4 * patches // 5),
        "patches": patches,
        "dim": 8 * integer(generator, int(case.sizes["narrow"]), int(case.sizes["wide"])),
        "local_crops": local,
        "local_patches": integer(generator, 2, side // 2 + 1) ** 2,
    }


def draw_machine(generator: torch.Generator, case: Case) -> dict[str, Any]:
    """How a machine is made: seconds of each call, the clock's first reading, how long the device is busy at first.

    The first calls take longer (a warm-up), all of them differ a little, and one of several rounds is disturbed.
    It is not the first: that one is long if the clock starts too soon, and the median would hide it behind the other.
    """
    warm_up, rounds = int(case.sizes["warm_up"]), int(case.sizes["rounds"])
    seconds = uniform(generator, 1, 3, 1) * uniform(generator, 0.9, 1.1, CALLS)
    seconds[:warm_up] *= uniform(generator, 2, 5, warm_up)
    if rounds > 2:
        seconds[warm_up + integer(generator, 1, rounds - 1)] *= 4 + signs(generator, 1)[0].item()
    return {
        "work": seconds,
        "rounds": rounds,
        "warm_up": warm_up,
        "clock": float(uniform(generator, 1, 40, 1)),
        "synchronise": float(uniform(generator, 1, 9, 1)),
        "launch": float(uniform(generator, 0.01, 0.2, 1)),
    }


def observe_time(answer: Callable, inputs: dict[str, Any]) -> Tree:
    """How often `work` was called, whether the machine's own clock was read, the seconds, and whether each was timed.

    The answer gets functions, since a method names its machine (`__self__`), and it must have timed every round itself:
    to look up what the machine knows is not enough.
    """
    machine = Machine(inputs["work"].tolist(), inputs["launch"], inputs["clock"], inputs["synchronise"])
    numbers = [inputs["rounds"], inputs["warm_up"]]
    given = [lambda: machine.work(), *numbers, lambda: machine.clock(), lambda: machine.synchronise()]
    _, observed = called_with(answer, given)
    if "failure" in observed:
        return observed
    rounds = set(range(inputs["warm_up"], inputs["warm_up"] + inputs["rounds"]))
    return {
        "calls of `work`": machine.calls,
        "whether you read `clock`": machine.looked,
        **observed,
        "whether each round lies between two looks at `clock` while the device is idle": rounds <= machine.timed,
    }


ATTENTION = Task(
    "removal.attention",
    "cls_attention",
    "How much the class token looks at each patch",
    (
        Case("one head, whole numbers", 1.0, {"b": 1, "h": 1, "n": 3, "d": 4, "whole": 1}),
        Case("two pictures, three heads", 1.0, {"b": 2, "h": 3, "n": 5, "d": 6}),
        Case("logits around 100, in float32", 1.0, {"b": 3, "h": 2, "n": 7, "d": 5, "shift": 100}, F32),
    ),
    draw_heads,
    calls("q", "k"),
)
KEEP = Task(
    "removal.keep",
    "keep_highest",
    "Which patches stay",
    (
        Case("five patches of one picture, two stay", 0.5, {"b": 1, "n": 5, "keep": 2}, draws=5),
        Case("three pictures", 1.0, {"b": 3, "n": 9, "keep": 5}),
        Case("scores below zero, in float32", 0.5, {"b": 4, "n": 7, "keep": 3, "below": 2}, F32),
    ),
    draw_scores,
    calls("scores", "keep"),
)
GATHER = Task(
    "removal.gather",
    "gather",
    "The tokens that stay",
    (
        Case("one picture", 0.5, {"b": 1, "n": 4, "d": 2, "k": 3}),
        Case("three pictures, any order", 1.0, {"b": 3, "n": 7, "d": 5, "k": 4}),
        Case("a patch that stands twice, in float32", 0.5, {"b": 2, "n": 6, "d": 3, "k": 5, "again": 1}, F32),
    ),
    draw_tokens,
    partial(observe_gradient, arguments=("tokens", "indices"), differentiate=("tokens",)),
)
SPEED = Task(
    "removal.speed",
    "speed_up",
    "What a step saves, by counting",
    (
        Case("two global crops alone", 1.0, {"low": 4, "high": 12, "narrow": 4, "wide": 16, "alone": 1}),
        Case("with local crops", 1.0, {"low": 6, "high": 14, "narrow": 6, "wide": 48}),
        Case("so many patches that attention is most of it", 1.0, {"low": 20, "high": 30, "narrow": 1, "wide": 3}),
    ),
    draw_step,
    calls("keep", "patches", "dim", "local_crops", "local_patches"),
)
TIME = Task(
    "removal.time",
    "fair_time",
    "A fair look at the clock",
    (
        Case("one round", 1.0, {"rounds": 1, "warm_up": 1}),
        Case("five rounds, one of them disturbed", 1.0, {"rounds": 5, "warm_up": 2}),
        Case("an even number of rounds", 1.0, {"rounds": 4, "warm_up": 3}, draws=4),
    ),
    draw_machine,
    observe_time,
)

TASKS: dict[str, Task] = {task.id: task for task in (ATTENTION, KEEP, GATHER, SPEED, TIME)}
