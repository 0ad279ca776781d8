"""A control group for each box, where this machine lets one be made (as root, or below a folder that is ours).

It gives each box the same share of the processor, however many processes it has; counts its processor time to the last
process; and bounds its memory of every kind, also the kernel's, and its processes. Where none can be made the box has
its own limits and what the grader sees from outside (`watch`). Both versions of the kernel's interface are known: see
cgroups(7).
"""

import itertools
import os
import signal
import time
from pathlib import Path

_NUMBERS = itertools.count(1)
_NAME = "sslcourse"
# By controller, the file that shows that a folder is a group in which it works: version 1, version 2.
_CONTROLLERS = {
    "cpu": ("cpu.shares", "cpu.weight"),
    "cpuacct": ("cpuacct.usage", "cpu.stat"),
    "memory": ("memory.limit_in_bytes", "memory.max"),
    "pids": ("pids.max", "pids.max"),
}
# Enters every group named before "--", as far as that works, and becomes what follows.
_ENTER = 'while [ "$1" != -- ]; do echo $$ > "$1/cgroup.procs"; shift; done 2>/dev/null; shift; exec "$@"'


class Group:
    """The control group of one box; where there is none, it does and says nothing."""

    def __init__(self, processes: int):
        name = f"{_NAME}-{os.getpid()}-{next(_NUMBERS)}"
        self._folders = {controller: found for controller in _CONTROLLERS if (found := _make(controller, name))}
        self._write("pids", "pids.max", processes)
        self._ooms = self._oom_kills()

    @property
    def controllers(self) -> frozenset[str]:
        """What the group limits or counts: a part of cpu, cpuacct, memory and pids."""
        return frozenset(self._folders)

    def words(self) -> list[str]:
        """The words to put before a command line so that it runs in this group."""
        folders = sorted({str(folder) for folder in self._folders.values()})
        return ["/bin/sh", "-c", _ENTER, "sh", *folders, "--"] if folders else []

    def enter(self, pid: int) -> None:
        """Put a process into the group, before it has any children."""
        for folder in set(self._folders.values()):
            try:
                (folder / "cgroup.procs").write_text(str(pid))
            except OSError:
                pass

    def limit_memory(self, size: int) -> None:
        """Let the kernel end a process of the group when all of them together take more than `size` bytes."""
        for file in ("memory.limit_in_bytes", "memory.memsw.limit_in_bytes", "memory.max"):
            self._write("memory", file, size)
        self._write("memory", "memory.swap.max", 0)

    def ran_out_of_memory(self) -> bool:
        """Whether a process was ended for want of memory since this was last asked."""
        before, self._ooms = self._ooms, self._oom_kills()
        return self._ooms > before

    def most_memory(self) -> int:
        """Bytes of memory of all kinds that the group had at most, 0 where nobody counts them."""
        found = self._read("memory", "memory.max_usage_in_bytes") or self._read("memory", "memory.peak")
        return int(found or 0)

    def cpu_seconds(self) -> float:
        """The processor seconds of all processes that ever were in the group, 0 where nobody counts them."""
        if nanoseconds := self._read("cpuacct", "cpuacct.usage"):
            return int(nanoseconds) / 1e9
        return (_value(self._read("cpuacct", "cpu.stat"), "usage_usec") or 0) / 1e6

    def close(self) -> None:
        """End what is left in the group and remove it."""
        for folder in set(self._folders.values()):
            for _ in range(200):
                try:
                    for pid in (folder / "cgroup.procs").read_text().split():
                        os.kill(int(pid), signal.SIGKILL)
                    folder.rmdir()
                    break
                except FileNotFoundError:
                    break
                except OSError:  # until what was killed is gone
                    time.sleep(0.005)
        self._folders = {}

    def _oom_kills(self) -> int:
        for file in ("memory.oom_control", "memory.events"):
            if (count := _value(self._read("memory", file), "oom_kill")) is not None:
                return count
        return 0

    def _read(self, controller: str, file: str) -> str:
        try:
            return (self._folders[controller] / file).read_text()
        except (OSError, KeyError):
            return ""

    def _write(self, controller: str, file: str, value: int) -> None:
        try:
            path = self._folders[controller] / file
            if path.exists():
                path.write_text(str(value))
        except (OSError, KeyError):
            pass


def _value(text: str, name: str) -> int | None:
    """The number beside `name` in lines of "name number"."""
    return next((int(words[1]) for words in map(str.split, text.splitlines()) if words[:1] == [name]), None)


def _make(controller: str, name: str) -> Path | None:
    """A new group with this controller: beside or below the one this process is in."""
    for parent in _parents(controller):
        folder = parent / name
        try:
            _sweep(parent)
            folder.mkdir(exist_ok=True)
        except OSError:
            continue
        if any((folder / file).exists() for file in _CONTROLLERS[controller]):
            return folder
        _remove(folder)
    return None


def _parents(controller: str) -> list[Path]:
    """Folders in which a group might be made. In version 2 a group that has processes has no groups below it."""
    mounts = [line.split() for line in _lines("/proc/self/mounts")]
    own = {names: path for _, names, path in (line.split(":", 2) for line in _lines("/proc/self/cgroup"))}
    found: list[Path] = []
    for _, mount, kind, options, *_ in mounts:
        if kind == "cgroup" and controller in options.split(","):
            paths = [path for names, path in own.items() if controller in names.split(",")]
        elif kind == "cgroup2":
            paths = [str(Path(path).parent) for names, path in own.items() if not names]
        else:
            continue
        found += [Path(mount, path.lstrip("/")) for path in [*paths, ""]]  # in a container the mount is the own group
    return list(dict.fromkeys(found))


def _lines(file: str) -> list[str]:
    try:
        return Path(file).read_text().splitlines()
    except OSError:
        return []


def _sweep(parent: Path) -> None:
    """Remove what graders have left that were killed."""
    for old in parent.glob(f"{_NAME}-*-*"):
        if not os.path.exists(f"/proc/{old.name.split('-')[1]}"):
            _remove(old)


def _remove(folder: Path) -> None:
    try:
        folder.rmdir()
    except OSError:
        pass
