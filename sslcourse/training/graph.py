"""A whole training step as one CUDA graph: recorded once for each phase of a run, then repeated with one call.

A step launches hundreds of small kernels, and their launches take the host longer than the kernels take a fast GPU. A
graph launches all of them at once: views, teacher, student, losses, backward, clipping, optimiser and running means.
What changes from step to step is written into tensors that the recorded kernels read: the numbers of the images, the
learning rates, the method's schedules. What decides which kernels there are is the method's `phase`: each has a graph.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from sslcourse.kept import held
from sslcourse.methods.method import Views
from sslcourse.training import distributed
from sslcourse.training.optimizer import capturable, keep_rates_on
from sslcourse.training.state import TrainingState, say

FIRST_STEPS = 3  # of a phase, taken one kernel at a time: libraries and the optimiser make what they keep in them


def stepper(run: TrainingState) -> Callable[[], Views]:
    """How to take a step of this run: recorded and repeated if the settings and the run allow it, else as it is.

    A run on CUDA, or one that asked for graphs, is told in a sentence why it has none.
    """
    reason = why_not(run)
    if reason is None:
        return GraphedSteps(run)
    on_cuda = run.runtime.device.type == "cuda"
    if run.settings.graph is True or (run.settings.graph == "auto" and on_cuda):
        say(f"Steps are not recorded as CUDA graphs, but launched kernel by kernel: {reason}.")
    return run.step_once


def why_not(run: TrainingState) -> str | None:
    """Why the steps of this run cannot be recorded, in words; None if they can."""
    if run.settings.graph is False:
        return "graph=False"
    if run.runtime.device.type != "cuda":
        return f"the run is on {run.runtime.device.type}"
    if distributed.world_size() > 1:
        return "several processes train together"
    return unrecordable(run)


def unrecordable(run: TrainingState) -> str | None:
    """What in a step's settings would be frozen or lost in a recording, whatever the device; None if nothing is."""
    if run.scaler is not None:
        return "fp16 scales its gradients by what it finds in them; bf16 and fp32 are recorded"
    if run.method.scheduled is None:
        return f"{type(run.method).__name__} does not say what in its steps depends on Python (Method.scheduled)"
    if run.settings.final_weight_decay not in (None, run.settings.weight_decay):
        return "the weight decay changes, and the fused optimiser takes it as a number (final_weight_decay=None)"
    return None


class RecordableSteps:
    """The steps of a run, in two halves: `prepare`, by the host, and `compute`, the same operators throughout a phase.

    Everything that `compute` reads and that changes is in tensors that stay where they are: the numbers of the batch's
    images, the optimiser's learning rates, and the method's `scheduled` numbers.
    """

    def __init__(self, run: TrainingState) -> None:
        self.run, device = run, run.runtime.device
        keep_rates_on(run.optimizer, device)
        count = run.settings.batch_size // distributed.world_size()
        self.batch = torch.zeros(count, dtype=torch.int64, device=device)
        self.numbers: dict[str, float] = {}
        self.scheduled = {name: torch.zeros((), device=device) for name in run.method.scheduled or ()}

    def prepare(self) -> None:
        """Let the schedules and the order of the images take a step."""
        run = self.run
        run.begin_step()
        run.set_rates()
        self.batch.copy_(run.next_batch())
        for name, value in self.scheduled.items():
            self.numbers[name] = getattr(run.method, name)
            value.fill_(self.numbers[name])
            setattr(run.method, name, value)

    def compute(self) -> tuple[Views, dict[str, Tensor]]:
        """Views and metrics of a whole step."""
        views = self.run.make_views(self.batch)
        return views, self.run.learn(views)

    def finish(self, metrics: dict[str, Tensor]) -> None:
        """Keep a copy of the metrics, which the next step may overwrite, and count the step."""
        for name, value in self.numbers.items():
            setattr(self.run.method, name, value)
        self.run.window.add(metrics)
        self.run.step += 1


class GraphedSteps(RecordableSteps):
    """Calling it takes a step of a run on CUDA: the first of a phase kernel by kernel, the others as a graph.

    The first steps count like all others, so a run that is resumed takes the same ones. If a step cannot be recorded,
    the run goes on kernel by kernel, and says so.
    """

    def __init__(self, run: TrainingState) -> None:
        super().__init__(run)
        self.stream = torch.cuda.Stream(run.runtime.device)
        self.phase: tuple | None = None
        self.taken = 0  # steps of the phase
        self.graph: torch.cuda.CUDAGraph | None = None
        self.made: tuple[Views, dict[str, Tensor]] | None = None  # what each repetition writes anew
        self.constants: list = []  # what it reads besides the run, and may be forgotten elsewhere
        self.records = True

    def __call__(self) -> Views:
        """Take a step; returns its views."""
        self.prepare()
        if self.run.method.phase != self.phase:
            self.phase, self.taken, self.graph, self.made = self.run.method.phase, 0, None, None
        if self.records and self.graph is None and self.taken >= FIRST_STEPS:
            self.record()
        self.taken += 1
        if self.graph is None:
            views, metrics = self.on_the_side()
        else:
            self.graph.replay()
            views, metrics = self.made
        self.finish(metrics)
        return views

    def on_the_side(self) -> tuple[Views, dict[str, Tensor]]:
        """A step kernel by kernel, on a stream of its own, as has to come before a recording."""
        current = torch.cuda.current_stream(self.stream.device)
        self.stream.wait_stream(current)
        with torch.cuda.stream(self.stream):
            made = self.compute()
        current.wait_stream(self.stream)
        return made

    def record(self) -> None:
        """Record a step without taking it."""
        graph, current = torch.cuda.CUDAGraph(), torch.cuda.current_stream(self.stream.device)
        generators = [self.run.generators["views"], torch.cuda.default_generators[self.stream.device.index]]
        spare = [generator.clone_state() for generator in generators]
        graph.register_generator_state(generators[0])
        try:
            # In memory of its own: that of the phase before is free by now.
            with held() as self.constants, capturable(self.run.optimizer), torch.cuda.graph(graph, stream=self.stream):
                self.made = self.compute()
            self.graph = graph
        except RuntimeError as error:
            # A recording that fails leaves its stream the current one, and the generators as if it still went on.
            torch.cuda.set_stream(current)
            torch.cuda.synchronize(self.stream.device)
            for generator, state in zip(generators, spare, strict=True):
                generator.graphsafe_set_state(state)
            self.run.optimizer.zero_grad(set_to_none=True)
            self.records, self.made = False, None
            first = str(error).strip().splitlines()[0]
            say(f"This step cannot be recorded as a CUDA graph ({first}): the run goes on kernel by kernel.")
