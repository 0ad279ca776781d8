"""The process that serves one submission: a copy of one that has imported torch, or else one started for it alone.

Importing torch takes longer than all the rest. So a fork server is kept (`box`); each copy of it has namespaces, files,
a user id and a control group of its own, and nothing of the submissions before it was ever in the server. Where a
process in the sandbox may not make namespaces, each submission has a sandbox started for it.
"""

import atexit
import json
import os
import select
import signal
import socket
import struct
import subprocess
import tempfile
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sslcourse.grading import bubblewrap, sandbox, seccomp
from sslcourse.grading.cgroups import Group
from sslcourse.grading.scratch import Scratch
from sslcourse.grading.watch import memory_and_count

START_SECONDS = 120  # importing torch from a cold disk
_END_SECONDS = 20  # until a box that was killed is gone
_CODE = "from sslcourse.grading.box import serve; serve()"
_CREDENTIALS = struct.Struct("3i")  # struct ucred: the id of the process, the user, the group
_MOST_IDLE = 2  # fork servers that nobody uses at the moment: tests have several, a run has one


Files = Mapping[str, Path]  # what is in the sandbox beside the package's own: the path inside -> the source


class BoxError(RuntimeError):
    """The box did not start; the message holds what it said."""


class Started:
    """A server started for one submission, in a sandbox of its own."""

    def __init__(self, level: str, extra: Files, settings: dict[str, Any], ends: Sequence[int], group: Group):
        settings = settings | {"control": None, "requests": ends[0], "replies": ends[1]}
        self._process = _Process(level, extra, settings, ends, group.words(), forks=False)
        self.pid, self.said = self._process.pid, self._process.said

    def usual_memory(self) -> int:
        """Bytes that it takes before any student code runs."""
        return memory_and_count(self.pid)[0]

    def has_ended(self) -> bool:
        """Whether it is gone."""
        return self._process.has_ended()

    def stop(self) -> None:
        """End it and everything in it."""
        self._process.stop()


class Forked:
    """A server that is a copy of a fork server."""

    def __init__(self, parent: "ForkServer", settings: dict[str, Any], ends: Sequence[int], group: Group):
        self._parent, self.said = parent, parent.said
        self.pid = parent.fork(settings, ends)
        group.enter(self.pid)  # before it has read anything, let alone begun a process
        try:
            self._handle = os.pidfd_open(self.pid)
        except ProcessLookupError:
            raise BoxError("it ended at once") from None

    def usual_memory(self) -> int:
        """Bytes that it takes before any student code runs."""
        return self._parent.usual_memory

    def has_ended(self) -> bool:
        """Whether it is gone."""
        return bool(select.select([self._handle], [], [], 0)[0])

    def stop(self) -> None:
        """End it and everything in it, and give the fork server back."""
        try:
            signal.pidfd_send_signal(self._handle, signal.SIGKILL)
        except ProcessLookupError:
            pass
        os.close(self._handle)
        _give_back(self._parent)


class ForkServer:
    """A process in a sandbox that has imported torch and runs no student code. `key` says what it can serve."""

    def __init__(self, level: str, extra: Files):
        self.key = level, tuple(sorted(extra.items()))
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._control.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        self._control.settimeout(START_SECONDS)
        settings = {
            "control": theirs.fileno(),
            "level": level,
            "hidden": [],
            "scratch": {f"/{name}": bubblewrap.SCRATCH for name in bubblewrap.FILE_SYSTEMS},
            "read_only": [f"/proc/{name}" for name in bubblewrap.SETTINGS],
            "seccomp": (seccomp.program() or b"").hex(),
        }
        with theirs:
            self._process = _Process(level, extra, settings, [theirs.fileno()], (), forks=True)
        self.said = self._process.said
        try:
            self.can_fork = self._control.recv(64) == b"forks"
        except OSError:
            self.can_fork = False
        self.usual_memory = memory_and_count(self._process.pid)[0]

    def fork(self, settings: dict[str, Any], ends: Sequence[int]) -> int:
        """Have a copy serve at the two `ends`; returns its process id. Raises BoxError."""
        try:
            socket.send_fds(self._control, [json.dumps(settings).encode()], list(ends))
            message, ancillary, _, _ = self._control.recvmsg(64, socket.CMSG_SPACE(_CREDENTIALS.size))
        except OSError as error:
            raise BoxError(f"the fork server is gone ({error})") from None
        if message != b"begun":
            raise BoxError("it ended while it was made")
        return next(_CREDENTIALS.unpack(data)[0] for _, kind, data in ancillary if kind == socket.SCM_CREDENTIALS)

    def is_free(self) -> bool:
        """Wait until nothing of the last copy is left; False where that does not come to pass."""
        self._control.settimeout(_END_SECONDS)
        try:
            return self._control.recv(64) == b"over"
        except OSError:
            return False
        finally:
            self._control.settimeout(START_SECONDS)

    def close(self) -> None:
        """End it, and with it every copy."""
        self._control.close()
        self._process.stop()


class _Process:
    """Python in a sandbox, with a folder for the modules that it may import."""

    def __init__(
        self, level: str, extra: Files, settings: dict, ends: Sequence[int], before: Sequence[str], *, forks: bool
    ):
        self._scratch = Scratch()
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 (read when the box does not start)
        try:
            modules, home = self._scratch.path / "modules", self._scratch.path / "home"
            modules.mkdir()
            home.mkdir()
            home.chmod(0o1777)  # the student may have another user id
            sandbox.filtered_copy(modules, dict(extra))
            self._process = sandbox.start(
                level,
                _CODE,
                modules,
                [json.dumps(settings)],
                before=before,
                pass_fds=ends,
                forks=forks,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=self._errors,
                env=sandbox.environment(str(home) if level in sandbox.NO_BOX else "/tmp"),
                start_new_session=True,
                cwd=self._scratch.path,
            )
        except BaseException:
            self._scratch.close()
            raise
        self.pid = self._process.pid

    def said(self) -> str:
        """The last of what it wrote to its standard error."""
        self._errors.seek(0)
        return self._errors.read()[-2000:].decode("utf-8", "replace").strip()

    def has_ended(self) -> bool:
        """Whether it is gone."""
        return self._process.poll() is not None

    def stop(self) -> None:
        """End it; bubblewrap's own death ends everything in its namespace."""
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self._process.wait()
        self._errors.close()
        self._scratch.close()


_idle: list[ForkServer] = []
_lock = threading.Lock()
_cannot_fork = set(sandbox.NO_BOX)  # levels


def begin(level: str, extra: Files, settings: dict[str, Any], ends: Sequence[int], group: Group) -> Started | Forked:
    """A server for one submission, which answers at `ends` (a `link`) and is in the control group. Raises BoxError.

    Of the files in `extra` it sees those in the folder of the settings' `tasks_module`.
    """
    own = Path(*settings["tasks_module"].split(".")[:-1])
    hidden = sorted({str("/box" / Path(inside).parent) for inside in extra if Path(inside).parent != own})
    settings = settings | {"hidden": hidden}
    while level not in _cannot_fork and not bubblewrap.is_in_scratch():  # a copy would cover it with an empty folder
        parent, is_new = _lent(level, extra)
        if not parent.can_fork:
            _cannot_fork.add(level)
            parent.close()
            break
        try:
            return Forked(parent, settings, ends, group)
        except BoxError as error:
            said = parent.said()
            parent.close()
            if is_new:
                raise BoxError(f"{error}: {said}") from None
    return Started(
        level, {inside: extra[inside] for inside in extra if Path(inside).parent == own}, settings, ends, group
    )


def _lent(level: str, extra: Files) -> tuple[ForkServer, bool]:
    """A fork server that nobody else has, and whether it is a new one."""
    key = level, tuple(sorted(extra.items()))
    with _lock:
        for server in _idle:
            if server.key == key:
                _idle.remove(server)
                return server, False
    return ForkServer(level, extra), True


def _give_back(server: ForkServer) -> None:
    if not server.is_free():
        server.close()
        return
    with _lock:
        _idle.append(server)
        surplus = _idle[:-_MOST_IDLE]
        del _idle[:-_MOST_IDLE]
    for old in surplus:
        old.close()


@atexit.register
def close_idle() -> None:
    """End the fork servers that nobody uses."""
    with _lock:
        servers = list(_idle)
        _idle.clear()
    for server in servers:
        server.close()
