"""The grader's side of one box: start it, ask it for observations, watch its memory and clock, replace a dead one."""

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from sslcourse.exercises.task import Task
from sslcourse.grading import bubblewrap, servers, wire
from sslcourse.grading.cgroups import Group
from sslcourse.grading.clock import LAST
from sslcourse.grading.link import Gone, Link
from sslcourse.grading.servers import BoxError, Forked, Started
from sslcourse.grading.users import User
from sslcourse.grading.watch import memory_and_count, process_limit

_GRACE = 5.0  # seconds after which a box that has not answered in time is taken for dead
_OWN_PROCESSES = 8  # beside the student's: bubblewrap, the server, and some that are about to be gone


@dataclass(frozen=True)
class Limits:
    """What one exercise may use: seconds of processor time, bytes of memory and of one file, processes.

    On the wall an exercise may take several times as long, and longer where others have the processor: see `clock`.
    """

    seconds: float = 20.0
    memory: int = 1024 * 2**20
    file_size: int = 16 * 2**20
    processes: int = 32


@dataclass
class Outcome:
    """What one exercise's run gave.

    `ended` is exited, timeout, killed (the whole box was gone), memory, processes or flood; `exit` the child's exit
    status (negative: a signal); `seconds` were spent on the wall and `cpu` of the processor. `cell` and `observations`
    are untrusted: they are whatever the student's process sent.
    """

    ended: str
    exit: int | None = None
    seconds: float = 0.0
    cpu: float = 0.0
    output: str = ""
    cell: dict[str, Any] | None = None
    observations: dict[str, Any] = field(default_factory=dict)
    is_malformed: bool = False


class Box:
    """One box for one submission; use it in a `with` statement.

    `tasks_module` holds TASKS inside the box; `extra` are files to put there beside the package's own (path inside ->
    source), as far as they are in that module's folder. Boxes with the same `extra` are quick to make after another.
    `most_memory` is what any box of this process took at most, in bytes.
    """

    most_memory = 0

    def __init__(
        self,
        tasks_module: str,
        level: str,
        limits: Limits | None = None,
        extra: dict[str, Path] | None = None,
    ):
        self.tasks_module, self.level, self.limits, self.extra = tasks_module, level, limits or Limits(), extra or {}
        self.starts = 0
        self._failure: BoxError | None = None
        self._server: Started | Forked | None = None
        self._link: Link | None = None
        self._user: User | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._stop()

    def observe(self, task: Task, cells: list, inputs: dict[str, Any]) -> Outcome:
        """Run `cells` (see `student.run_cells`) in a process of their own; observe `task` on the inputs of each case.

        Never raises for anything student code does; raises BoxError when no box can be started.
        """
        if self._server is None or self._server.has_ended():
            self._stop()
            self._start()
        assert self._link is not None
        message = wire.encode({"inputs": inputs})
        request = {"task": task.id, "cells": cells, "seconds": self.limits.seconds, "memory": self.limits.memory}
        began = time.monotonic()
        self._cpu_before = self._group.cpu_seconds()
        try:
            self._link.send(request, message)
            header, result = self._link.receive(began + LAST * self.limits.seconds + _GRACE, self._police)
        except Gone as gone:
            ended = "memory" if self._group.ran_out_of_memory() else str(gone)
            used = self._cpu_used()
            self._stop()
            return Outcome(ended, seconds=time.monotonic() - began, cpu=used)
        outcome = _outcome(header, result, task)
        if self._group.ran_out_of_memory():
            outcome.ended = "memory"
        return outcome

    def _start(self) -> None:
        if self._failure is not None:  # it never ran; waiting for each exercise again helps nobody
            raise self._failure
        self.starts += 1
        self._link, self._group = Link(), Group(self.limits.processes + _OWN_PROCESSES)
        self._user = User() if self.level in ("uid", "account") else None
        settings = {
            "tasks_module": self.tasks_module,
            "user": self._user.id if self._user else 0,
            "processes": process_limit(self.level, self.limits.processes),
            "file_size": self.limits.file_size,
        }
        try:
            with self._link.box_ends() as ends:
                self._server = servers.begin(self.level, self.extra, settings, ends, self._group)
            self._link.receive(time.monotonic() + servers.START_SECONDS, lambda: None)
        except (BoxError, Gone) as error:
            said = self._server.said() if self._server else ""
            self._stop()
            failure = BoxError(f"the box did not start ({error}): {said or 'it said nothing'}")
            self._failure = failure if self.starts == 1 else None
            raise failure from None
        # The usual memory twice: pages that a child shares with the server become its own as it touches them.
        files = len(bubblewrap.FILE_SYSTEMS) * bubblewrap.SCRATCH
        self._most_memory = 2 * self._server.usual_memory() + self.limits.memory + files
        self._group.limit_memory(self._most_memory)

    def _stop(self) -> None:
        if self._server is not None:
            self._server.stop()
            self._server = None
        if self._link is not None:
            self._link.close()
            Box.most_memory = max(Box.most_memory, self._group.most_memory())
            self._group.close()
            self._link = None
        if self._user is not None:
            self._user.close()
            self._user = None

    def _police(self) -> None:
        # The limits inside bind one process each; here all of them together are counted.
        assert self._server is not None
        memory, count = memory_and_count(self._server.pid)
        Box.most_memory = max(Box.most_memory, memory)
        if memory > self._most_memory or self._group.ran_out_of_memory():
            raise Gone("memory")
        if count > self.limits.processes + _OWN_PROCESSES:
            raise Gone("processes")
        # With the time of processes that were gone before the clock inside could see them.
        if self._cpu_used() > self.limits.seconds + _GRACE:
            raise Gone("timeout")

    def _cpu_used(self) -> float:
        """The processor seconds since the last request, 0 where nobody counts them."""
        return self._group.cpu_seconds() - self._cpu_before


def _outcome(header: dict[str, Any], result: bytes, task: Task) -> Outcome:
    messages, is_malformed = wire.read_stream(result, most=1 + len(task.cases))
    ended = header.get("ended")
    outcome = Outcome(
        ended if ended in ("exited", "timeout", "flood") else "killed",
        exit=header["exit"] if type(header.get("exit")) is int else None,
        seconds=float(header.get("seconds") or 0.0),
        cpu=float(header.get("cpu") or 0.0),
        output=str(header.get("output") or "")[:8000],
        # A process that was stopped in the middle of a message has not sent nonsense.
        is_malformed=is_malformed and ended == "exited",
    )
    names = {case.name for case in task.cases}
    for message in messages:
        if not isinstance(message, dict):
            outcome.is_malformed = True
        elif isinstance(message.get("cell"), dict) and outcome.cell is None:
            outcome.cell = message["cell"]
        elif message.get("case") in names and message["case"] not in outcome.observations:
            outcome.observations[message["case"]] = message.get("tree")
        else:
            outcome.is_malformed = True
    return outcome
