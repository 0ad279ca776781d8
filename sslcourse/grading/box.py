"""The process inside the box: it imports torch, computes nothing, and forks a child for each exercise asked for.

The child runs the student's cells and observes the answer (`student`); whatever it writes to its pipe is passed on
unread, for only the grader outside compares. This file, `student` and `wire` are all of the grader that is inside.

Frames in both directions are an unsigned 32-bit length, that many bytes of JSON, and as many raw bytes as its "size"
says.
"""

from __future__ import annotations

import ctypes
import importlib
import json
import os
import resource
import selectors
import signal
import struct
import sys
import time

from sslcourse.grading.student import observe, write_all

LENGTH = struct.Struct("<I")
MAX_RESULT = 96 * 2**20  # bytes one child may send
MAX_OUTPUT = 4_000  # characters of what it printed that are kept
NOT_DUMPABLE = 4  # prctl option: nobody without capabilities may trace this process or read its memory


def serve() -> None:
    """Answer requests from the descriptors named in argv until they close. Never returns."""
    settings = json.loads(sys.argv[1])
    requests, replies = settings["requests"], settings["replies"]
    _forget_other_copies()
    ctypes.CDLL(None).prctl(NOT_DUMPABLE, 0, 0, 0, 0)
    import torch

    torch.set_num_threads(1)
    for module in ("IPython.core.interactiveshell", "torch.fx.experimental.symbolic_shapes"):
        try:  # imported once, here, so that no child has to; the second is what the first backward pass imports
            importlib.import_module(module)
        except ImportError:
            pass
    tasks = importlib.import_module(settings["tasks_module"]).TASKS
    # Signals go to everything in a namespace of our own, never to everything on the machine.
    alone = settings["outer_namespace"] not in (None, os.readlink("/proc/self/ns/pid"))
    _send(replies, {"ready": True, "size": 0}, b"")
    while True:
        head = _read_exactly(requests, LENGTH.size)
        request = json.loads(_read_exactly(requests, LENGTH.unpack(head)[0]))
        message = _read_exactly(requests, request["size"])
        outcome, result = _run_child(tasks, request, message, settings, alone)
        _send(replies, outcome | {"size": len(result)}, result)


def _forget_other_copies() -> None:
    # An editable installation leaves a finder that would bring the whole package back; matters only without a sandbox.
    sys.meta_path[:] = [finder for finder in sys.meta_path if "__editable__" not in getattr(finder, "__module__", "")]


def _run_child(tasks: dict, request: dict, message: bytes, settings: dict, alone: bool) -> tuple[dict, bytes]:
    result_end, result_start = os.pipe()
    output_end, output_start = os.pipe()
    began = time.monotonic()
    child = os.fork()
    if child == 0:
        try:
            _become_student(result_start, output_start, request, settings)
            observe(tasks[request["task"]], message, result_start)
            sys.stdout.flush()
        finally:
            os._exit(0)
    os.close(result_start)
    os.close(output_start)
    ended, result, output = _watch(child, result_end, output_end, began + request["seconds"])
    if alone:
        _kill(-1)  # whatever the child left behind
        _wait_until_alone()
    else:
        _kill(child, group=True)
        _kill(child)
    status = os.waitpid(child, 0)[1]
    os.close(result_end)
    os.close(output_end)
    outcome = {
        "ended": ended,
        "exit": os.waitstatus_to_exitcode(status) if ended == "exited" else None,
        "seconds": time.monotonic() - began,
        "output": output.decode("utf-8", "replace")[:MAX_OUTPUT],
    }
    return outcome, bytes(result)


def _watch(child: int, result_end: int, output_end: int, deadline: float) -> tuple[str, bytearray, bytearray]:
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
        elif time.monotonic() > deadline:
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


def _become_student(result: int, output: int, request: dict, settings: dict) -> None:
    """In the child: no input, bounded output, no other descriptor, limits, and no way back to the server's rights."""
    os.setsid()
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.closerange(3, result)
    os.closerange(result + 1, 4096)
    with open("/proc/self/statm") as statm:
        space = int(statm.read().split()[0]) * resource.getpagesize() + request["memory"]
    _limit(resource.RLIMIT_AS, space)
    _limit(resource.RLIMIT_CPU, int(request["seconds"]) + 5)
    _limit(resource.RLIMIT_FSIZE, settings["file_size"])
    _limit(resource.RLIMIT_CORE, 0)
    if settings["processes"]:
        _limit(resource.RLIMIT_NPROC, settings["processes"])
    if settings["user"]:
        os.setgroups([])
        os.setresgid(settings["user"], settings["user"], settings["user"])
        os.setresuid(settings["user"], settings["user"], settings["user"])  # gives up every capability
    for stream in ("stdout", "stderr"):
        setattr(sys, stream, os.fdopen(os.dup(1), "w", encoding="utf-8", errors="replace", buffering=1))


def _limit(kind: int, value: int) -> None:
    hard = resource.getrlimit(kind)[1]
    value = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(kind, (value, value))


def _has_exited(child: int) -> bool:
    # WNOWAIT leaves the zombie, so that its number stays its own until everything else is killed.
    return os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _kill(target: int, group: bool = False) -> None:
    try:
        os.killpg(target, signal.SIGKILL) if group else os.kill(target, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        pass


def _wait_until_alone() -> None:
    # Killed processes count against the limit until they are gone; zombies of the init process go by themselves.
    for _ in range(200):
        if sum(name.isdigit() for name in os.listdir("/proc")) <= 3:  # init, this process, the child not yet reaped
            return
        time.sleep(0.005)


def _send(descriptor: int, header: dict, content: bytes) -> None:
    text = json.dumps(header).encode()
    write_all(descriptor, LENGTH.pack(len(text)) + text)
    write_all(descriptor, content)


def _read_exactly(descriptor: int, size: int) -> bytes:
    pieces = bytearray()
    while len(pieces) < size:
        piece = os.read(descriptor, min(size - len(pieces), 2**20))
        if not piece:
            os._exit(0)  # the grader has gone
        pieces += piece
    return bytes(pieces)
