"""What a run measures of itself without making the device wait: metrics by the window, time by its parts."""

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from sslcourse.training.distributed import mean_over_processes


class NonFiniteLoss(RuntimeError):
    """The loss or its gradient became NaN or infinite; the message says where and what to try."""


class Window:
    """The metrics of the steps since the last log line, on the device until they are read.

    >>> window = Window()
    >>> window.add({"loss": torch.tensor(1.0)}); window.add({"loss": torch.tensor(3.0)})
    >>> window.means()
    {'loss': 2.0}
    """

    def __init__(self) -> None:
        self.names: list[str] = []
        self.values: list[list[float]] = []  # one row for each step that was read
        self.waiting: list[Tensor] = []  # steps whose metrics are still on the device

    def add(self, metrics: dict[str, Tensor]) -> None:
        """Take the scalars of one step; nothing is copied to the CPU."""
        self.names = list(metrics)
        with torch.no_grad():
            self.waiting.append(torch.stack([value.float() for value in metrics.values()]))

    def read(self) -> None:
        """Fetch the waiting metrics in one copy: the only moment at which the CPU waits for the device.

        In a group of processes these are the means over them, and all processes must read at the same steps.
        """
        if self.waiting:
            self.values += mean_over_processes(torch.stack(self.waiting)).tolist()
            self.waiting = []

    def first_non_finite(self, names: tuple[str, ...]) -> tuple[int, str, float] | None:
        """(index in the window, name, value) of the first NaN or infinity among the metrics called `names`."""
        for index, row in enumerate(self.values):
            for name, value in zip(self.names, row):
                if name in names and not math.isfinite(value):
                    return index, name, value
        return None

    def means(self) -> dict[str, float]:
        """Each metric's mean over its finite values, and `skipped_steps` if a gradient scaler skipped any.

        A scaler skips the steps whose gradient overflows in half precision.
        """
        self.read()
        means, skipped = {}, 0
        for name, column in zip(self.names, zip(*self.values)):
            finite = [value for value in column if math.isfinite(value)]
            skipped = max(skipped, len(column) - len(finite))
            if finite:
                means[name] = sum(finite) / len(finite)
        return means | ({"skipped_steps": skipped} if skipped else {})

    def clear(self) -> None:
        """Start a new window."""
        self.values, self.waiting = [], []

    def state_dict(self) -> dict:
        """The window as plain numbers."""
        self.read()
        return {"names": self.names, "values": self.values}

    def load_state_dict(self, state: dict) -> None:
        """Continue a window."""
        self.names, self.values, self.waiting = list(state["names"]), [list(row) for row in state["values"]], []


class Stopwatch:
    """Seconds of training since the last log line, and the share spent on views.

    On CUDA the views are timed by events, because the CPU runs ahead of the device. Views that a CUDA graph makes are
    not timed: their share is 0.
    """

    def __init__(self, device: torch.device) -> None:
        self.uses_events = device.type == "cuda"
        self.reset()

    def reset(self) -> None:
        """Start from zero."""
        self.steps = 0
        self.total = 0.0
        self.views = 0.0
        self.pairs: list[tuple] = []

    @contextmanager
    def training(self) -> Iterator[None]:
        """Time one training step."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.steps += 1
            self.total += time.perf_counter() - start

    @contextmanager
    def making_views(self) -> Iterator[None]:
        """Time sampling and augmentation."""
        if self.uses_events:
            pair = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
            pair[0].record()
            yield
            pair[1].record()
            self.pairs.append(pair)
        else:
            start = time.perf_counter()
            yield
            self.views += time.perf_counter() - start

    def read(self) -> tuple[float, float]:
        """(seconds, share spent on views); on CUDA, call it only after waiting for the device."""
        views = self.views + sum(first.elapsed_time(last) for first, last in self.pairs) / 1000
        return self.total, views / self.total if self.total else 0.0
