"""The state of one training run, and one step of it."""

from __future__ import annotations

import hashlib
import re
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn

from sslcourse.data.imageset import ImageSet
from sslcourse.training.meters import Stopwatch, Window
from sslcourse.training.optimizer import make_optimizer
from sslcourse.training.runtime import Runtime, make_generator
from sslcourse.training.sampling import BatchOrder
from sslcourse.training.schedules import warmup_cosine

ORDER, VIEWS = 0, 1  # the streams of a run's two generators


@dataclass(frozen=True)
class FitSettings:
    """How long and how to train.

    `warmup_steps=None` is a tenth of the steps; `clip_norm` bounds the gradient's norm (None: unbounded); "auto" lets
    the machine decide (see `pick_device`, `pick_precision`); `evaluate_every=0` evaluates at the end only.
    Raises ValueError on values that make no run.

    >>> FitSettings(steps=100, batch_size=64).warmup
    10
    """

    steps: int
    batch_size: int = 256
    learning_rate: float = 2e-3
    weight_decay: float = 1e-2
    warmup_steps: int | None = None
    clip_norm: float | None = 1.0
    seed: int = 0
    device: str = "auto"
    precision: str = "auto"
    compile: bool = False
    log_every: int = 20
    checkpoint_every: int = 200
    evaluate_every: int = 0

    def __post_init__(self) -> None:
        for name, least in {
            "steps": 1,
            "batch_size": 2,
            "log_every": 1,
            "checkpoint_every": 1,
            "evaluate_every": 0,
        }.items():
            if getattr(self, name) < least:
                raise ValueError(f"{name} must be at least {least}; got {getattr(self, name)}")
        if not self.learning_rate > 0 or self.weight_decay < 0:
            raise ValueError(
                f"learning_rate must be positive and weight_decay not negative; got {self.learning_rate}, {self.weight_decay}"
            )
        if self.clip_norm is not None and not self.clip_norm > 0:
            raise ValueError(f"clip_norm must be positive, or None for no clipping; got {self.clip_norm}")
        if not 0 <= self.warmup <= self.steps:
            raise ValueError(f"warmup_steps must lie in 0..{self.steps} (steps); got {self.warmup_steps}")

    @property
    def warmup(self) -> int:
        """The number of warm-up steps."""
        return self.steps // 10 if self.warmup_steps is None else self.warmup_steps

    def learning_rate_at(self, step: int) -> float:
        """The learning rate of step `step` (0-based)."""
        return warmup_cosine(step, self.steps, warmup_steps=self.warmup, peak=self.learning_rate)


class Run:
    """Everything that changes while a method trains, as one thing that can be saved and restored.

    The images lie whole, as uint8, on the run's device. Nothing in `step_once` waits for the device.
    """

    def __init__(self, method: nn.Module, image_set: ImageSet, settings: FitSettings, runtime: Runtime) -> None:
        self.method = method.to(runtime.device).train()
        self.settings = settings
        self.runtime = runtime
        self.forward = runtime.compiled(method)
        self.images = image_set.images.to(runtime.device)
        self.optimizer = make_optimizer(
            method, learning_rate=settings.learning_rate, weight_decay=settings.weight_decay
        )
        self.parameters = [parameter for group in self.optimizer.param_groups for parameter in group["params"]]
        self.scaler = runtime.make_scaler()
        self.generators = {
            "order": make_generator(runtime.device, settings.seed, ORDER),
            "views": make_generator(runtime.device, settings.seed, VIEWS),
        }
        self.order = BatchOrder(len(self.images), settings.batch_size, self.generators["order"], runtime.device)
        self.step = 0
        self.seconds = 0.0
        self.history: list[dict] = []
        self.window = Window()
        self.stopwatch = Stopwatch(runtime.device)

    def draw_views(self) -> Tensor:
        """The views of the next batch."""
        return self.method.draw_views(self.images[self.order.next()], self.generators["views"])

    def update(self, views: Tensor) -> dict[str, Tensor]:
        """One optimiser step on `views`; returns the metrics, on the device."""
        for group in self.optimizer.param_groups:
            group["lr"] = self.settings.learning_rate_at(self.step)
        with self.runtime.autocast():
            loss, metrics = self.forward(views)
        (self.scaler.scale(loss) if self.scaler else loss).backward()
        if self.scaler:
            self.scaler.unscale_(self.optimizer)
        # An infinite bound clips nothing, and the norm is measured all the same.
        norm = nn.utils.clip_grad_norm_(self.parameters, self.settings.clip_norm or float("inf"))
        if self.scaler:
            self.scaler.step(self.optimizer)
            self.scaler.update()
        else:
            self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self.step += 1
        return {"loss": loss.detach(), **metrics, "gradient_norm": norm}

    def step_once(self) -> Tensor:
        """Draw views and update on them; the metrics go into the window. Returns the views."""
        with self.stopwatch.making_views():
            views = self.draw_views()
        self.window.add(self.update(views))
        return views

    def state_dict(self) -> dict[str, Any]:
        """The whole state in types that `torch.load(weights_only=True)` reads."""
        return {
            "method": self.method.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "scaler": self.scaler.state_dict() if self.scaler else {},
            "device": self.runtime.device.type,
            "precision": self.runtime.precision,
            "threads": torch.get_num_threads(),
            "generators": {name: generator.get_state() for name, generator in self.generators.items()},
            "global_generators": global_generator_states(self.runtime.device),
            "order": self.order.state_dict(),
            "step": self.step,
            "seconds": self.seconds + self.stopwatch.total,
            "window": self.window.state_dict(),
            "history": self.history,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from `state`; on another kind of device, or with other threads, not bit for bit, which is said."""
        self.method.load_state_dict(state["method"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.step, self.seconds = state["step"], state["seconds"]
        self.order.load_state_dict(state["order"])
        self.window.load_state_dict(state["window"])
        self.history = list(state["history"])
        if self.scaler and state["scaler"]:
            self.scaler.load_state_dict(state["scaler"])
        if state["device"] == self.runtime.device.type:
            for name, generator in self.generators.items():
                generator.set_state(state["generators"][name])
            restore_global_generators(state["global_generators"], self.runtime.device)
        else:
            # A generator's state means nothing on another kind of device: new streams, told apart by the step.
            for stream, generator in enumerate(self.generators.values()):
                generator.manual_seed((self.settings.seed * 1_000_003 + self.step) * 2 + stream)
            print(
                f"This run was on {state['device']} and continues on {self.runtime.device.type}: its random numbers differ from here on."
            )
        if state["threads"] != torch.get_num_threads():
            print(
                f"This run used {state['threads']} threads, now {torch.get_num_threads()}: sums may differ in their last bits."
            )


def describe_run(method: nn.Module, image_set: ImageSet, settings: FitSettings) -> dict[str, Any]:
    """What must be the same when a run is resumed: settings, method (as printed, and its shapes), images."""
    described = {name: value for name, value in asdict(settings).items() if name not in ("device", "checkpoint_every")}
    sample = image_set.images[:: max(1, len(image_set) // 1000)].cpu().contiguous()
    printed = re.sub(r"0x[0-9a-f]+", "", repr(method))  # addresses differ between processes
    shapes = {name: tuple(tensor.shape) for name, tensor in method.state_dict().items()}
    described["method"] = method.extra_repr() if hasattr(method, "settings") else type(method).__name__
    described["architecture"] = hashlib.sha256(f"{printed}{shapes}".encode()).hexdigest()[:12]
    described["images"] = (
        f"{image_set.name}, {tuple(image_set.images.shape)}, {hashlib.sha256(sample.numpy()).hexdigest()[:12]}"
    )
    return described


def global_generator_states(device: torch.device) -> dict[str, Tensor]:
    """The states of torch's global generators, from which dropout draws."""
    states = {"cpu": torch.get_rng_state()}
    if device.type == "cuda":
        states["cuda"] = torch.cuda.get_rng_state(device)
    return states


def restore_global_generators(states: dict[str, Tensor], device: torch.device) -> None:
    """Undo what was drawn since `global_generator_states`."""
    torch.set_rng_state(states["cpu"])
    if device.type == "cuda" and "cuda" in states:
        torch.cuda.set_rng_state(states["cuda"], device)
