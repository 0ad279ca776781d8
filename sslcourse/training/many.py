"""Many runs at once, each in a process of its own: one line of progress, failures told at the end, resumed by the same call."""

from __future__ import annotations

import multiprocessing as mp
import os
import signal
import sys
import traceback
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any, NamedTuple

import torch
from tqdm.auto import tqdm

from sslcourse.training.checkpoint import load_checkpoint
from sslcourse.training.experiment import Experiment, is_finished, read_summary, run
from sslcourse.training.meters import NonFiniteLoss
from sslcourse.training.runtime import available_cores, pick_device


class Outcome(NamedTuple):
    """What became of an experiment: the figures of its summary and the rows of its log, or the reason why it failed."""

    experiment: Experiment
    summary: dict
    rows: list[dict]
    error: str = ""


def run_all(
    experiments: Sequence[Experiment],
    root: str | os.PathLike,
    *,
    workers: int | None = None,
    download: bool = False,
    progress: bool = True,
) -> list[Outcome]:
    """Run experiments in `workers` processes, on a processor with one thread each; what is finished under `root` is read back.

    Returns an outcome for each experiment, in their order; equal experiments are run once. A run that fails, or whose process
    is killed, stops no other, and is printed at the end. After a kill or Ctrl-C the same call continues. `workers` is by
    default the number of cores, on a GPU 1. Where experiments hold functions, these must be those of a module.
    """
    different = {experiment.key: experiment for experiment in experiments}
    found = {key: kept(experiment, root) for key, experiment in different.items()}
    missing = [experiment for key, experiment in different.items() if found[key] is None]
    if workers is None:
        workers = available_cores() if pick_device().type == "cpu" else 1
    steps = sum(experiment.recipe.fit.steps for experiment in missing)
    with tqdm(total=steps, unit="step", smoothing=0, disable=not (progress and missing)) as bar:
        with closing(Workers(missing, root, workers, download).outcomes(bar)) as ended:
            for outcome in ended:
                found[outcome.experiment.key] = outcome
                count = sum(each is not None for each in found.values())
                bar.set_description(f"{count} of {len(found)} runs")
    outcomes = [found[experiment.key]._replace(experiment=experiment) for experiment in experiments]
    failed = {outcome.experiment.name: outcome.error for outcome in outcomes if outcome.error}
    for name, error in failed.items():
        print(f"{name} failed: {error}")
    return outcomes


def kept(experiment: Experiment, root: str | os.PathLike) -> Outcome | None:
    """What the finished run of an experiment left under `root`, without its weights; None where it is not finished."""
    folder = Path(root) / experiment.name
    summary, state = read_summary(folder), load_checkpoint(folder)
    return Outcome(experiment, summary, state["history"]) if is_finished(experiment, summary, state) else None


class Workers:
    """The processes that carry out experiments, at most `count` at a time; each takes one after the other."""

    def __init__(self, experiments: Sequence[Experiment], root: str | os.PathLike, count: int, download: bool) -> None:
        self.waiting = list(experiments)[::-1]
        self.root, self.count, self.download = root, max(1, count), download
        self.processes: dict[Connection, mp.process.BaseProcess] = {}
        self.running: dict[Connection, Experiment] = {}

    def outcomes(self, bar: tqdm) -> Iterator[Outcome]:
        """The outcomes as they come; `bar` is moved on by the steps taken. At the end, also an early one, all are stopped."""
        taken: Counter[Connection] = Counter()
        try:
            for _ in range(min(self.count, len(self.waiting))):
                self.start()
            while self.running:
                for connection in wait(list(self.running)):
                    experiment, message = self.running[connection], received(connection)
                    if isinstance(message, int):
                        taken[connection] += message
                        bar.update(message)
                        continue
                    bar.total -= experiment.recipe.fit.steps - taken.pop(
                        connection, 0
                    )  # resumed or failed: never taken
                    if message is None:  # killed, or out of memory
                        del self.running[connection]
                        message = f"its process ended with status {self.stop(connection)}"
                        if self.waiting:
                            self.start()
                    elif self.waiting:
                        self.give(connection)
                    else:
                        del self.running[connection]
                    yield kept(experiment, self.root) or Outcome(experiment, {}, [], message or "it left no summary")
        finally:
            for connection in list(self.processes):
                self.stop(connection)

    def start(self) -> None:
        """Begin a process, which knows nothing of this one's threads and generators, and give it its first experiment."""
        context = mp.get_context("spawn")
        ours, theirs = context.Pipe()
        self.processes[ours] = process = context.Process(
            target=work, args=(theirs, self.root, self.download), daemon=True
        )
        process.start()
        theirs.close()
        self.give(ours)

    def give(self, connection: Connection) -> None:
        """The next experiment to a process that has none."""
        self.running[connection] = self.waiting.pop()
        connection.send(self.running[connection])

    def stop(self, connection: Connection) -> int | None:
        """End a process, also one that trains (checkpoints are written whole or not at all); returns its exit status."""
        process = self.processes.pop(connection)
        connection.close()
        if connection in self.running:
            process.terminate()
        process.join()
        return process.exitcode


def work(connection: Connection, root: str | os.PathLike, download: bool) -> None:
    """Run the experiments that the connection gives, until it is closed; answers steps as they are done, then a text.

    The text is empty, or says why the experiment failed.
    """
    torch.set_num_threads(1)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # what is open is closed
    while (experiment := received(connection)) is not None:
        try:
            steps = Steps(connection, experiment.recipe.fit.log_every)
            run(experiment, root, on_log=steps, progress=False, download=download, wait=True)
            answer = ""
        except (NonFiniteLoss, OSError, ValueError) as error:
            answer = f"{type(error).__name__}: {error}"
        except KeyboardInterrupt:
            return
        except Exception:  # noqa: BLE001 (a mistake in one run must not stop the others, and is reported whole)
            answer = traceback.format_exc()
        connection.send(answer)


class Steps:
    """Tells through a connection how many steps each row of the log took; ends a run whose caller was killed."""

    def __init__(self, connection: Connection, every: int) -> None:
        self.every = every
        self.connection, self.caller, self.done = connection, os.getppid(), None

    def __call__(self, row: dict) -> None:
        if os.getppid() != self.caller:
            raise SystemExit
        before = self.done if self.done is not None else max(0, row["step"] - self.every)
        self.connection.send(row["step"] - before)
        self.done = row["step"]


def received(connection: Connection) -> Any:
    """What comes next through a connection; None when its other end is closed."""
    try:
        return connection.recv()
    except (EOFError, ConnectionResetError):
        return None
