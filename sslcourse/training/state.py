"""The state of one training run, and one step of it."""

import hashlib
import re
from typing import Any

import torch
from torch import Tensor, nn

from sslcourse.data.imageset import ImageSet
from sslcourse.methods.method import Method, Views
from sslcourse.settings import lasting
from sslcourse.training import distributed
from sslcourse.training.meters import Stopwatch, Window
from sslcourse.training.optimizer import keep_rates_as_numbers, make_optimizer, set_rates
from sslcourse.training.runtime import Runtime, make_generator
from sslcourse.training.sampling import BatchOrder
from sslcourse.training.settings import FitSettings

__all__ = ["FitSettings", "TrainingState", "Views", "describe_run"]

MAY_CHANGE = ("device", "checkpoint_every", "graph")  # settings of the loop that do not change what a run gives
ORDER, VIEWS = 0, 1  # the streams of a run's two generators; further processes draw their views from streams 2, 3, ...


class TrainingState:
    """Everything that changes while a method trains, to be saved and restored together.

    All images are on the run's device, as uint8, and nothing in `step_once` waits for the device. In a group, all
    processes draw the same order of images; each takes its slice of every batch and draws its own views.
    """

    def __init__(self, method: Method, image_set: ImageSet, settings: FitSettings, runtime: Runtime) -> None:
        distributed.check_batch_size(settings.batch_size)
        self.method = method = distributed.prepare(method.to(runtime.device), runtime.device).train()
        self.settings = settings
        self.runtime = runtime
        self.forward = distributed.parallel(runtime.compiled(method))
        self.images = image_set.images.to(runtime.device)
        self.labels = image_set.labels.to(runtime.device) if method.needs_labels else None
        self.optimizer = make_optimizer(
            method, learning_rate=settings.learning_rate, weight_decay=settings.weight_decay
        )
        self.parameters = [parameter for group in self.optimizer.param_groups for parameter in group["params"]]
        self.scaler = runtime.make_scaler()
        self.generators = {
            "order": make_generator(runtime.device, settings.seed, ORDER),
            "views": make_generator(runtime.device, settings.seed, VIEWS + distributed.rank()),
        }
        self.order = BatchOrder(len(self.images), settings.batch_size, self.generators["order"], runtime.device)
        self.step = 0
        self.seconds = 0.0
        self.history: list[dict] = []
        self.window = Window()
        self.stopwatch = Stopwatch(runtime.device)

    def draw_views(self) -> Views:
        """The views of the next batch."""
        self.begin_step()
        return self.make_views(self.next_batch())

    def update(self, views: Views) -> dict[str, Tensor]:
        """One optimiser step on `views`; returns the metrics, on the device."""
        self.set_rates()
        metrics = self.learn(views)
        self.step += 1
        return metrics

    def begin_step(self) -> None:
        """Let the method set what depends on the step."""
        self.method.begin_step(self.step, self.settings.steps)

    def set_rates(self) -> None:
        """Give the optimiser its learning rates and weight decays of this step."""
        set_rates(
            self.optimizer,
            scheduled=self.settings.learning_rate_at(self.step),
            peak=self.settings.learning_rate,
            weight_decay=self.settings.weight_decay_at(self.step),
        )

    def next_batch(self) -> Tensor:
        """int64: the numbers of this process's images of the next batch."""
        return distributed.own_slice(self.order.next())

    def make_views(self, batch: Tensor) -> Views:
        """The views of the images `batch`."""
        labels = {} if self.labels is None else {"labels": self.labels[batch]}
        return self.method.draw_views(self.images[batch], self.generators["views"], **labels)

    def learn(self, views: Views) -> dict[str, Tensor]:
        """What a step does on the device once views, rates and schedules are there."""
        with self.runtime.autocast():
            loss, metrics = self.forward(views)
        # Not autograd.grad, though it has fewer operators: two of its gradients may be one tensor, which clipping in
        # place would scale twice. `backward` gives each parameter memory of its own.
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
        self.method.end_step()
        return {"loss": loss.detach(), **metrics, "gradient_norm": norm}

    def step_once(self) -> Views:
        """Draw views and update on them; the metrics go into the window. Returns the views."""
        with self.stopwatch.making_views():
            views = self.draw_views()
        self.window.add(self.update(views))
        return views

    def state_dict(self) -> dict[str, Any]:
        """The whole state, in types that `torch.load(weights_only=True)` reads; all processes must call it."""
        return {
            "method": self.method.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "scaler": self.scaler.state_dict() if self.scaler else {},
            "device": self.runtime.device.type,
            "precision": self.runtime.precision,
            "threads": torch.get_num_threads(),
            "generators": distributed.from_all(self.generator_states()),  # one entry a process
            "order": self.order.state_dict(),
            "step": self.step,
            "seconds": self.seconds + self.stopwatch.total,
            "window": self.window.state_dict(),
            "history": self.history,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from `state`, bit for bit; prints a warning if the device, processes or threads differ."""
        self.method.load_state_dict(state["method"])
        self.optimizer.load_state_dict(state["optimizer"])
        keep_rates_as_numbers(self.optimizer)
        self.step, self.seconds = state["step"], state["seconds"]
        self.order.load_state_dict(state["order"])
        self.window.load_state_dict(state["window"])
        self.history = list(state["history"])
        if self.scaler and state["scaler"]:
            self.scaler.load_state_dict(state["scaler"])
        there = f"{len(state['generators'])} process(es) on {state['device']}"
        here = f"{distributed.world_size()} process(es) on {self.runtime.device.type}"
        if there == here:
            self.set_generator_states(state["generators"][distributed.rank()])
        else:
            # A generator's state means nothing on another kind of device: begin new streams, seeded by the step.
            for name, stream in {"order": ORDER, "views": VIEWS + distributed.rank()}.items():
                self.generators[name].manual_seed((self.settings.seed * 1_000_003 + self.step) * 1009 + stream)
            say(f"This run was {there} and continues as {here}: its random numbers differ from here on.")
        if state["threads"] != torch.get_num_threads():
            threads = f"{state['threads']} threads, now {torch.get_num_threads()}"
            say(f"This run used {threads}: sums may differ in their last bits.")

    def generator_states(self) -> dict[str, Tensor]:
        """The states of the run's generators, and of torch's global ones, which dropout uses."""
        states = {name: generator.get_state() for name, generator in self.generators.items()}
        states["global cpu"] = torch.get_rng_state()
        if self.runtime.device.type == "cuda":
            states["global cuda"] = torch.cuda.get_rng_state(self.runtime.device)
        return states

    def set_generator_states(self, states: dict[str, Tensor]) -> None:
        """Restore every generator to its state in `generator_states`."""
        for name, generator in self.generators.items():
            generator.set_state(states[name])
        torch.set_rng_state(states["global cpu"])
        if self.runtime.device.type == "cuda":
            torch.cuda.set_rng_state(states["global cuda"], self.runtime.device)


def describe_run(method: Method, settings: FitSettings) -> dict[str, Any]:
    """What must not change when a run is resumed, besides its images: settings, method, shapes of its weights."""
    described = {name: value for name, value in lasting(settings).items() if name not in MAY_CHANGE}
    printed = re.sub(r"0x[0-9a-f]+", "", repr(method))  # addresses differ between processes
    shapes = {name: tuple(tensor.shape) for name, tensor in method.state_dict().items()}
    described["method"] = method.extra_repr() or type(method).__name__
    described["architecture"] = hashlib.sha256(f"{printed}{shapes}".encode()).hexdigest()[:12]
    return described


def fingerprint(images: ImageSet) -> str:
    """The name and shape of a set, and a hash of about 1,000 of its images."""
    sample = images.images[:: max(1, len(images) // 1000)].cpu().contiguous()
    return f"{images.name}, {tuple(images.images.shape)}, {hashlib.sha256(sample.numpy()).hexdigest()[:12]}"


def say(text: str) -> None:
    """Print, once for all processes."""
    if distributed.is_first():
        print(text)
