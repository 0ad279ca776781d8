"""The process inside the box: it imports torch, computes nothing, and forks a child for each exercise asked for.

The child runs the student's cells and observes the answer (`student`); whatever it writes to its pipe is passed on
unread, for only the grader outside compares. Where it can, a process that has imported torch is kept, and a copy of it
serves each submission, in namespaces of its own (`namespaces`). This file, `child`, `clock`, `namespaces`, `student`,
`standins` and `wire` are all of the grader that is inside.

Frames in both directions are an unsigned 32-bit length, that many bytes of JSON, and as many raw bytes as its "size"
says.
"""

import importlib
import json
import os
import socket
import struct
import sys
import traceback
from functools import partial

from sslcourse.grading import child, namespaces
from sslcourse.grading.student import observe, write_all

LENGTH = struct.Struct("<I")
# What children would import each for itself; the first backward pass imports the last.
IMPORTED = (
    "sslcourse.exercises.observe",
    "sslcourse.grading.wire",
    "IPython.core.interactiveshell",
    "torch.fx.experimental.symbolic_shapes",
)


def serve() -> None:
    """Serve one submission, or, where there is a `control` in the settings of argv, a copy for each. Never returns."""
    settings = json.loads(sys.argv[1])
    _forget_other_copies()
    child.prepare()
    import torch

    torch.set_num_threads(1)
    for module in IMPORTED:  # once, here, so that no child has to
        try:
            importlib.import_module(module)
        except ImportError:
            pass
    if settings["control"] is None:
        _answer(settings, settings["requests"], settings["replies"])
    else:
        _fork_for_each(socket.socket(fileno=settings["control"]), settings)


def _fork_for_each(control: socket.socket, settings: dict) -> None:
    """Say whether namespaces can be made, then fork a server of its own for each submission, one at a time.

    The tasks are imported after the fork: a submission sees those of its own lab only. A message on `control` holds its
    settings and the two ends of its pipes. The copy says "begun", its parent "over" when nothing of it is left. This
    process runs no student code and reads nothing that student code has written.
    """
    control.send(b"forks" if _tried(settings) else b"")
    while True:
        message, ends, _, _ = socket.recv_fds(control, 2**16, 2)
        if not message:
            os._exit(0)  # the grader has gone
        if os.fork() == 0:
            _serve_apart(settings | json.loads(message), ends, control)
        for end in ends:
            os.close(end)
        os.wait()
        control.send(b"over")


def _serve_apart(settings: dict, ends: list[int], control: socket.socket | None) -> None:
    """In the copy: go into namespaces of one's own and serve there; without `control`, only try to. Never returns."""
    try:
        if namespaces.fork_apart() != 0:
            os.closerange(3, child.HIGHEST)  # whoever waits for the pipes' end is not to wait for this process
            os._exit(os.waitstatus_to_exitcode(os.wait()[1]) != 0)
        namespaces.close_behind(settings)
        child.prepare()
        if control is None:
            os._exit(0)
        control.send(b"begun")  # from outside it is seen who says so
        control.close()
        _answer(settings, *ends)
    except BaseException:  # noqa: BLE001 (the server's own code must not go on here)
        if control is not None:
            traceback.print_exc()
    finally:
        os._exit(1)


def _tried(settings: dict) -> bool:
    if os.fork() == 0:
        _serve_apart(settings, [], None)
    return os.wait()[1] == 0


def _answer(settings: dict, requests: int, replies: int) -> None:
    """Answer requests of one submission until they end. Never returns."""
    tasks = importlib.import_module(settings["tasks_module"]).TASKS
    _send(replies, {"ready": True}, b"")
    while True:
        head = _read_exactly(requests, LENGTH.size)
        request = json.loads(_read_exactly(requests, LENGTH.unpack(head)[0]))
        message = _read_exactly(requests, request["size"])
        watched = partial(observe, tasks[request["task"]], request["cells"], request["seconds"], message)
        outcome, result = child.run(watched, request, settings)
        _send(replies, outcome, result)


def _forget_other_copies() -> None:
    # An editable installation leaves a finder that would bring the whole package back; matters only without a sandbox.
    sys.meta_path[:] = [finder for finder in sys.meta_path if "__editable__" not in getattr(finder, "__module__", "")]


def frame_head(header: dict, content: bytes) -> bytes:
    """What goes before `content` in a frame."""
    text = json.dumps(header | {"size": len(content)}).encode()
    return LENGTH.pack(len(text)) + text


def _send(descriptor: int, header: dict, content: bytes) -> None:
    write_all(descriptor, frame_head(header, content))
    write_all(descriptor, content)


def _read_exactly(descriptor: int, size: int) -> bytes:
    pieces = bytearray()
    while len(pieces) < size:
        piece = os.read(descriptor, min(size - len(pieces), 2**20))
        if not piece:
            os._exit(0)  # the grader has gone
        pieces += piece
    return bytes(pieces)
