"""The grader's side of one box: start it, ask it for observations, watch its memory and clock, replace a dead one."""

from __future__ import annotations

import itertools
import json
import os
import select
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from sslcourse.exercises.task import Task
from sslcourse.grading import sandbox, wire
from sslcourse.grading.box import LENGTH, MAX_RESULT
from sslcourse.grading.watch import memory_and_count, pid_namespace, process_limit

# User ids that no account has, one a box, so that the limit on processes counts those of one submission only.
_USERS = itertools.cycle(range(61_200, 65_200))
_START_SECONDS = 120  # importing torch from a cold disk
_GRACE = 5.0  # seconds after which a box that has not answered in time is taken for dead


class BoxError(RuntimeError):
    """The box did not start; the message holds what it said."""


@dataclass(frozen=True)
class Limits:
    """What one exercise may use: seconds of wall time, bytes of memory and of one file, processes."""

    seconds: float = 20.0
    memory: int = 1024 * 2**20
    file_size: int = 16 * 2**20
    processes: int = 32


@dataclass
class Outcome:
    """What one exercise's run gave.

    `ended` is exited, timeout, killed (the whole box was gone), memory, processes or flood; `exit` the child's exit
    status (negative: a signal). `cell` and `observations` are untrusted: they are whatever the student's process sent.
    """

    ended: str
    exit: int | None = None
    seconds: float = 0.0
    output: str = ""
    cell: dict[str, Any] | None = None
    observations: dict[str, Any] = field(default_factory=dict)
    is_malformed: bool = False


class Box:
    """One box for one submission; use it in a `with` statement.

    `tasks_module` holds TASKS inside the box; `extra` are files to put there beside the package's own (path inside ->
    source).
    """

    def __init__(
        self,
        tasks_module: str,
        level: str,
        limits: Limits | None = None,
        extra: dict[str, Path] | None = None,
    ):
        self.tasks_module, self.level, self.limits, self.extra = tasks_module, level, limits or Limits(), extra
        self.starts = 0
        self._failure: BoxError | None = None
        self._process: subprocess.Popen | None = None
        self._folder: Path | None = None

    def __enter__(self) -> Self:
        self._folder = Path(tempfile.mkdtemp(prefix="sslcourse-box-"))
        try:
            modules, home = self._folder / "modules", self._folder / "home"
            self._folder.chmod(0o755)
            modules.mkdir()
            home.mkdir()
            sandbox.filtered_copy(modules, self.extra)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *exception: object) -> None:
        self._stop()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    def observe(self, task: Task, answer: str, helpers: Iterable[str], inputs: dict[str, Any]) -> Outcome:
        """Run `helpers` and `answer` in a process of their own and observe `task` on the inputs of each case.

        Never raises for anything student code does; raises BoxError when no box can be started.
        """
        if self._process is None or self._process.poll() is not None:
            self._start()
        message = wire.encode({"helpers": list(helpers), "answer": answer, "inputs": inputs})
        limits = {"seconds": self.limits.seconds, "memory": self.limits.memory}
        request = {"task": task.id, **limits, "size": len(message)}
        began = time.monotonic()
        try:
            self._send(request, message)
            header, result = self._receive(began + self.limits.seconds + _GRACE)
            return _outcome(header, result, task)
        except _Gone as gone:
            self._stop()
            return Outcome(str(gone), seconds=time.monotonic() - began)

    def _start(self) -> None:
        if self._failure is not None:  # it never ran; waiting for each exercise again helps nobody
            raise self._failure
        assert self._folder is not None, "use Box in a with statement"
        self._stop()
        self.starts += 1
        request_end, self._requests = os.pipe()
        self._replies, reply_end = os.pipe()
        settings = {
            "requests": request_end,
            "replies": reply_end,
            "tasks_module": self.tasks_module,
            "outer_namespace": None if self.level == "unsafe" else pid_namespace(),
            "user": next(_USERS) if self.level == "uid" else 0,
            "processes": process_limit(self.level, self.limits.processes),
            "file_size": self.limits.file_size,
        }
        code = "from sslcourse.grading.box import serve; serve()"
        argv = sandbox.command(self.level, code, self._folder / "modules", [json.dumps(settings)])
        home = str(self._folder / "home") if self.level == "unsafe" else "/tmp"
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 (read when the box does not start)
        try:
            self._process = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=self._errors,
                env=sandbox.environment(home),
                pass_fds=(request_end, reply_end),
                start_new_session=True,
                cwd=self._folder,
            )
        finally:
            os.close(request_end)
            os.close(reply_end)
        self._usual_memory = float("inf")
        try:
            self._receive(time.monotonic() + _START_SECONDS)
        except _Gone as gone:
            self._stop()
            self._errors.seek(0)
            said = self._errors.read()[-2000:].decode("utf-8", "replace").strip() or "it said nothing"
            failure = BoxError(f"the box did not start ({gone}): {said}")
            self._failure = failure if self.starts == 1 else None
            raise failure from None
        self._usual_memory = memory_and_count(self._process.pid)[0]

    def _stop(self) -> None:
        if self._process is None:
            return
        # bubblewrap's own death ends everything in its namespace.
        try:
            os.killpg(self._process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self._process.wait()
        os.close(self._requests)
        os.close(self._replies)
        self._process = None

    def _send(self, header: dict[str, Any], content: bytes) -> None:
        assert self._process is not None
        text = json.dumps(header).encode()
        view = memoryview(LENGTH.pack(len(text)) + text + content)
        os.set_blocking(self._requests, False)
        deadline = time.monotonic() + 30
        while view:
            _, writable, _ = select.select([], [self._requests], [], 0.2)
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise _Gone("killed")
            if writable:
                try:
                    view = view[os.write(self._requests, view) :]
                except BlockingIOError:
                    pass
                except BrokenPipeError:
                    raise _Gone("killed") from None

    def _receive(self, deadline: float) -> tuple[dict[str, Any], bytes]:
        size = LENGTH.unpack(self._read(LENGTH.size, deadline))[0]
        if size > 2**20:
            raise _Gone("killed")  # not what a box says: something else has spoken for it
        try:
            header = json.loads(self._read(size, deadline))
            length = int(header["size"])
        except (ValueError, TypeError, KeyError, RecursionError):
            raise _Gone("killed") from None
        if not 0 <= length <= MAX_RESULT + 1:
            raise _Gone("killed")
        return header, self._read(length, deadline)

    def _read(self, size: int, deadline: float) -> bytes:
        pieces = bytearray()
        while len(pieces) < size:
            readable, _, _ = select.select([self._replies], [], [], 0.1)
            if readable:
                piece = os.read(self._replies, min(size - len(pieces), 2**20))
                if not piece:
                    raise _Gone("killed")
                pieces += piece
            elif time.monotonic() > deadline:
                raise _Gone("timeout")
            else:
                self._police()
        return bytes(pieces)

    def _police(self) -> None:
        # The limits inside bind one process each; here all of them together are counted.
        assert self._process is not None
        memory, count = memory_and_count(self._process.pid)
        # The usual memory twice: pages that a child shares with the server become its own as it touches them.
        if memory > 2 * self._usual_memory + 1.25 * self.limits.memory + sandbox.SCRATCH:
            raise _Gone("memory")
        if count > self.limits.processes + 8:
            raise _Gone("processes")


class _Gone(Exception):
    """The box cannot go on; the text is the `ended` of the outcome."""


def _outcome(header: dict[str, Any], result: bytes, task: Task) -> Outcome:
    messages, is_malformed = wire.read_stream(result)
    ended = header.get("ended")
    outcome = Outcome(
        ended if ended in ("exited", "timeout", "flood") else "killed",
        exit=header["exit"] if type(header.get("exit")) is int else None,
        seconds=float(header.get("seconds") or 0.0),
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
