"""The process inside the box: it imports torch, computes nothing, and forks a child for each exercise asked for.

The child runs the student's cells and observes the answer (`student`); whatever it writes to its pipe is passed on
unread, for only the grader outside compares. This file, `child`, `clock`, `student`, `standins` and `wire` are all of
the grader that is inside.

Frames in both directions are an unsigned 32-bit length, that many bytes of JSON, and as many raw bytes as its "size"
says.
"""

import importlib
import json
import os
import struct
import sys
from functools import partial

from sslcourse.grading import child
from sslcourse.grading.student import observe, write_all

LENGTH = struct.Struct("<I")


def serve() -> None:
    """Answer requests from the descriptors named in argv until they close. Never returns."""
    settings = json.loads(sys.argv[1])
    requests, replies = settings["requests"], settings["replies"]
    _forget_other_copies()
    child.prepare()
    import torch

    torch.set_num_threads(1)
    for module in ("IPython.core.interactiveshell", "torch.fx.experimental.symbolic_shapes"):
        try:  # imported once, here, so that no child has to; the second is what the first backward pass imports
            importlib.import_module(module)
        except ImportError:
            pass
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
