"""Many runs at once, each in its own process. The same call resumes them."""

import math
import multiprocessing as mp
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import NamedTuple

import torch
from tqdm.auto import tqdm

from sslcourse.training.checkpoint import load_checkpoint
from sslcourse.training.experiment import Experiment, is_finished, run
from sslcourse.training.folder import read_summary
from sslcourse.training.meters import NonFiniteLoss
from sslcourse.training.runtime import available_cores, pick_device


class Outcome(NamedTuple):
    """How an experiment ended: the figures of its summary and the rows of its log, or the reason why it failed."""

    experiment: Experiment
    summary: dict
    rows: list[dict]
    error: str = ""


@dataclass
class Job:
    """An experiment and the process that runs it; `done` counts its steps, `error` says why it failed."""

    experiment: Experiment
    done: int
    process: mp.process.BaseProcess | None = None  # until it is started
    error: str = ""


def run_all(
    experiments: Sequence[Experiment],
    root: str | os.PathLike,
    *,
    workers: int | None = None,
    download: bool = False,
    progress: bool = True,
) -> list[Outcome]:
    """Run experiments, `workers` at a time, each in a process of its own with one CPU thread.

    Returns an outcome for each experiment, in their order. Equal experiments run once, and finished runs under `root`
    are read back. A run that fails or is killed does not stop the others; its error is printed at the end. After a kill
    or Ctrl-C the same call continues. `workers` defaults to the number of cores, or to 1 on a GPU. Functions in the
    experiments must be defined in a module, because they are sent to other processes.
    """
    different = {experiment.key: experiment for experiment in experiments}
    found, jobs = {}, []
    for key, experiment in different.items():
        found[key], done = look_up(experiment, root)
        if found[key] is None:
            jobs.append(Job(experiment, done))
    if workers is None:
        workers = available_cores() if pick_device().type == "cpu" else 1
    steps = sum(job.experiment.recipe.fit.steps - job.done for job in jobs)
    with tqdm(total=steps, unit="step", smoothing=0, disable=not (progress and jobs)) as bar:
        with closing(run_jobs(jobs, root, max(1, workers), download, bar)) as outcomes:
            for outcome in outcomes:
                found[outcome.experiment.key] = outcome
                count = sum(each is not None for each in found.values())
                bar.set_description(f"{count} of {len(found)} runs")
    for outcome in found.values():
        if outcome.error:
            print(f"{outcome.experiment.name} failed: {outcome.error}")
    return [found[experiment.key]._replace(experiment=experiment) for experiment in experiments]


def look_up(experiment: Experiment, root: str | os.PathLike) -> tuple[Outcome | None, int]:
    """The outcome of a run under `root`, None if it is not finished, and the step of its last checkpoint."""
    folder = Path(root) / experiment.name
    summary, state = read_summary(folder), load_checkpoint(folder)
    finished = is_finished(experiment, summary, state)
    return Outcome(experiment, summary, state["history"]) if finished else None, state["step"] if state else 0


def run_jobs(
    jobs: Sequence[Job],
    root: str | os.PathLike,
    workers: int,
    download: bool,
    bar: tqdm,
    task: Callable[..., object] = run,
    until: float = math.inf,
) -> Iterator[Outcome]:
    """Yield outcomes as runs end, and move `bar` on. Closing the iterator stops all processes.

    `task(experiment, root, ...)` is called in place of `run`, with its options. No job is started after `until`, a
    time of `time.monotonic()`.
    """
    context = mp.get_context("spawn")  # a fresh process: nothing of this one's threads and generators
    waiting = list(jobs)[::-1]
    running: dict[Connection, Job] = {}
    try:
        while waiting or running:
            if time.monotonic() >= until:
                waiting.clear()
            while waiting and len(running) < workers:
                job = waiting.pop()
                connection, theirs = context.Pipe()
                job.process = context.Process(
                    target=work, args=(theirs, task, job.experiment, root, download), daemon=True
                )
                running[connection] = job
                job.process.start()
                theirs.close()
            for connection in wait(list(running)) if running else ():
                job = running[connection]
                try:
                    message = connection.recv()
                except (EOFError, ConnectionResetError):
                    del running[connection]
                    bar.total -= job.experiment.recipe.fit.steps - job.done  # a failed run takes no more steps
                    yield outcome_of(job, root, whole=task is run)
                    continue
                if isinstance(message, str):
                    job.error = message
                else:
                    bar.update(message - job.done)
                    job.done = message
    finally:
        for job in running.values():
            if job.process.is_alive():
                job.process.terminate()  # checkpoints are written whole or not at all
                job.process.join()


def outcome_of(job: Job, root: str | os.PathLike, whole: bool) -> Outcome:
    """The outcome of a job whose process has closed its connection; `whole`: all is done when its run is finished."""
    job.process.join()
    if job.error:
        return Outcome(job.experiment, {}, [], job.error)
    status = job.process.exitcode
    found = look_up(job.experiment, root)[0]
    if status == 0 and not whole:  # the task may have had nothing to train
        return found or Outcome(job.experiment, {}, [])
    if found is not None and whole:
        return found
    return Outcome(job.experiment, {}, [], f"its process ended with status {status}")


def end_with_caller() -> None:
    """End this process when the one that started it has ended, however that happened."""
    wait([mp.parent_process().sentinel])
    os._exit(1)  # checkpoints are written whole or not at all


def work(
    connection: Connection,
    task: Callable[..., object],
    experiment: Experiment,
    root: str | os.PathLike,
    download: bool,
) -> None:
    """Call `task` for one experiment; send the step of every log row, and a text if it fails.

    Ends when the caller is gone.
    """
    torch.set_num_threads(1)
    threading.Thread(target=end_with_caller, daemon=True).start()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that open files are closed
    try:
        options = {"progress": False, "download": download, "wait": True}
        task(experiment, root, on_log=lambda row: connection.send(row["step"]), **options)
    except (BrokenPipeError, KeyboardInterrupt):
        sys.exit(1)
    except (NonFiniteLoss, OSError, ValueError) as error:
        connection.send(f"{type(error).__name__}: {error}")
    except Exception:  # noqa: BLE001 (a mistake in one run must not stop the others, and is reported whole)
        connection.send(traceback.format_exc())
