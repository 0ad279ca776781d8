"""In the box: the process of one exercise, from the server's side. Forked, limited, listened to, ended.

Only standard modules here: what a child needs of torch is imported before the fork, and computes nothing there.
"""

import ctypes
import os
import resource
import selectors
import signal
import sys
import time
from collections.abc import Callable
from typing import Any

from sslcourse.grading.clock import Clock, family

MAX_RESULT = 96 * 2**20  # bytes one child may send
MAX_OUTPUT = 4_000  # characters of what it printed that are kept
MAX_OPEN = 128  # open files of one process; a socket or a pipe holds memory of the kernel's
HIGHEST = 4096  # no descriptor of the server is as high
CLOSED = 77  # exit status of a child that could not send what it saw
SHARE = 4  # an address space may be so many times as large as memory: libraries and threads reserve what they never use

_SET_DUMPABLE, _SET_CHILD_SUBREAPER = 4, 36  # options of prctl


def prepare() -> None:
    """Make this process the one that nobody else may trace or interrupt and that inherits what its children leave."""
    libc = ctypes.CDLL(None)
    if sys.platform.startswith("linux"):
        libc.prctl(_SET_DUMPABLE, 0, 0, 0, 0)
        libc.prctl(_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def run(observe: Callable[[int], None], request: dict, settings: dict) -> tuple[dict[str, Any], bytes]:
    """Fork, have the child call `observe` with the descriptor for results, and return how it ended and what it sent."""
    result_end, result_start = os.pipe()
    output_end, output_start = os.pipe()
    clock = Clock(request["seconds"])
    child = os.fork()
    if child == 0:
        status = 0
        try:
            _become_student(result_start, output_start, request, settings)
            observe(result_start)
            sys.stdout.flush()
        except (OSError, ValueError):  # student code may close every descriptor and every stream
            status = CLOSED
        finally:
            os._exit(status)
    os.close(result_start)
    os.close(output_start)
    ended, result, output = _listen(child, result_end, output_end, clock)
    status = _end_all(child)
    os.close(result_end)
    os.close(output_end)
    outcome = {
        "ended": ended,
        "exit": os.waitstatus_to_exitcode(status) if ended == "exited" else None,
        "seconds": time.monotonic() - clock.began,
        "cpu": clock.cpu,
        "output": output.decode("utf-8", "replace")[:MAX_OUTPUT],
    }
    return outcome, bytes(result)


def _become_student(result: int, output: int, request: dict, settings: dict) -> None:
    """In the child: no input, bounded output, no other descriptor, limits, and no way back to the server's rights."""
    os.setsid()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    _first_to_go()
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.closerange(3, result)
    os.closerange(result + 1, HIGHEST)
    for kind, value in _limits(request, settings):
        hard = resource.getrlimit(kind)[1]
        value = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(kind, (value, value))
    if settings["user"]:
        os.setgroups([])
        os.setresgid(settings["user"], settings["user"], settings["user"])
        os.setresuid(settings["user"], settings["user"], settings["user"])  # gives up every capability
    for stream in ("stdout", "stderr"):
        setattr(sys, stream, os.fdopen(os.dup(1), "w", encoding="utf-8", errors="replace", buffering=1))


def _first_to_go() -> None:
    # Where the kernel runs out of memory, in the box's group or at all, it is to end this process and not the server.
    try:
        with open("/proc/self/oom_score_adj", "w") as score:
            score.write("1000")
    except OSError:
        pass


def _limits(request: dict, settings: dict) -> list[tuple[int, int]]:
    """Resource limits of one process, as (kind, value)."""
    limits = [
        (resource.RLIMIT_CPU, int(request["seconds"]) + 5),
        (resource.RLIMIT_FSIZE, settings["file_size"]),
        (resource.RLIMIT_NOFILE, MAX_OPEN),
        (resource.RLIMIT_CORE, 0),
    ]
    try:
        with open("/proc/self/statm") as statm:
            pages = [int(count) for count in statm.read().split()]
        page = resource.getpagesize()
        # What can be written counts (the sixth number), not what is only reserved or mapped from a library's file.
        limits.append((resource.RLIMIT_DATA, pages[5] * page + request["memory"]))
        limits.append((resource.RLIMIT_AS, pages[0] * page + SHARE * request["memory"]))
    except OSError:
        pass
    if settings["processes"]:
        limits.append((resource.RLIMIT_NPROC, settings["processes"]))
    return limits


def _listen(child: int, result_end: int, output_end: int, clock: Clock) -> tuple[str, bytearray, bytearray]:
    """Drain both pipes until the child exits, time is up or too much came; say which."""
    result, output = bytearray(), bytearray()
    selector = selectors.DefaultSelector()
    for descriptor in (result_end, output_end):
        os.set_blocking(descriptor, False)
        selector.register(descriptor, selectors.EVENT_READ)
    ended = None
    while ended is None:
        if _has_exited(child):
            ended = "exited"
        elif clock.is_over():
            ended = "timeout"
        elif len(result) > MAX_RESULT:
            ended = "flood"
        for key, _ in selector.select(0 if ended else 0.02):
            kept, limit = (result, MAX_RESULT + 1) if key.fd == result_end else (output, 4 * MAX_OUTPUT)
            # After the exit, what the pipe still holds; a process left behind may go on writing, so not for ever.
            if not _drain(key.fd, kept, limit, pieces=32 if ended == "exited" else 1):
                selector.unregister(key.fd)
        if not selector.get_map():  # both pipes closed: nothing to wait for but the exit
            time.sleep(0.002)
    selector.close()
    return ended, result, output


def _drain(descriptor: int, kept: bytearray, limit: int, pieces: int) -> bool:
    """Read what is there, keep no more than `limit` of it; False at the end of the file."""
    for _ in range(pieces):
        try:
            piece = os.read(descriptor, 2**16)
        except BlockingIOError:
            return True
        if not piece:
            return False
        kept += piece[: max(0, limit - len(kept))]
    return True


def _has_exited(child: int) -> bool:
    """Whether the child has ended; what it has left to us and has ended, too, is buried on the way."""
    # WNOWAIT leaves the zombie, so that its number stays its own until everything else is killed.
    while (found := os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)) is not None:
        if found.si_pid == child:
            return True
        os.waitpid(found.si_pid, 0)
    return False


def _end_all(child: int) -> int:
    """Kill the child and whatever it left behind, wait until all of it is gone, and return the child's status."""
    status = 0
    while True:
        if os.getpid() == 1:  # everything in the box but this process, at one stroke
            _kill(os.kill, -1)
        else:
            _kill(os.killpg, child)
            for pid in family(os.getpid()).keys() - {os.getpid()}:
                _kill(os.kill, pid)
        try:
            pid, found = os.waitpid(-1, 0)
        except ChildProcessError:
            return status
        status = found if pid == child else status


def _kill(how: Callable[[int, int], None], target: int) -> None:
    try:
        how(target, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        pass
