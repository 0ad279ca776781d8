"""How long an exercise may run: the processor time of all its processes counts, not the time on the wall alone.

So a submission does not lose its time to others that run beside it. Goes into the box.
"""

import os
import time
from collections.abc import Iterable

PATIENCE = 3  # an exercise may take this many times its processor time on the wall: what sleeps ends, too
LAST = 10  # the same with all the time in which other programs had the processor
_TICK = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100


class Clock:
    """The time of a process that is about to be forked: `seconds` of the processor, for it and all its descendants.

    Beside that, PATIENCE times `seconds` on the wall, not counting the time in which one of them was ready to run and
    other programs had the processor; LAST times `seconds` in any case.
    """

    def __init__(self, seconds: float):
        self.seconds, self.began = seconds, time.monotonic()
        self._before = self._last = cpu_seconds(os.getpid())
        self._lost, self._next = 0.0, 0.0
        self._waited, self._waited_of = 0.0, dict[int, float]()

    @property
    def cpu(self) -> float:
        """The processor seconds used when `is_over` last looked."""
        return self._last + self._lost - self._before

    def is_over(self) -> bool:
        """Whether the time is up; looked at ten times a second, however often it is asked."""
        now = time.monotonic()
        if now < self._next:
            return False
        self._next = now + 0.1
        members = family(os.getpid())
        used = sum(members.values())
        self._lost += max(0.0, self._last - used)  # a child that nobody waits for takes its time with it
        self._last = used
        self._waited += self._waited_since(members.keys() - {os.getpid()})
        wall = now - self.began
        return self.cpu > self.seconds or wall - self._waited > PATIENCE * self.seconds or wall > LAST * self.seconds

    def _waited_since(self, processes: Iterable[int]) -> float:
        """How long one of them has been waiting for the processor since the last look, at most."""
        before, self._waited_of = self._waited_of, {each: waited_for_processor(each) for each in processes}
        return max([0.0, *(waited - before.get(each, 0.0) for each, waited in self._waited_of.items())])


def family(root: int) -> dict[int, float]:
    """A process and all its descendants, by number: the processor seconds of each, and of children it waited for."""
    parents: dict[int, int] = {}
    seconds: dict[int, float] = {}
    for name in os.listdir("/proc") if os.path.isdir("/proc") else ():
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat", "rb") as stat:
                    fields = stat.read().rsplit(b")", 1)[1].split()
                parents[int(name)], seconds[int(name)] = int(fields[1]), sum(map(int, fields[11:15])) / _TICK
            except (OSError, IndexError, ValueError):
                pass
    found, grew = {root}, True
    while grew:
        more = {pid for pid, parent in parents.items() if parent in found} - found
        found |= more
        grew = bool(more)
    return {pid: seconds.get(pid, 0.0) for pid in found}


def cpu_seconds(root: int) -> float:
    """The processor seconds of a process and all its descendants, as far as somebody waited for those that ended."""
    return sum(family(root).values())


def waited_for_processor(pid: int) -> float:
    """The seconds in which a process was ready to run and had no processor; 0 where the kernel does not say."""
    try:
        with open(f"/proc/{pid}/schedstat", "rb") as times:
            return int(times.read().split()[1]) / 1e9
    except (OSError, IndexError, ValueError):
        return 0.0
