"""The two pipes between the grader and a box: frames out and in, each with a deadline, nothing taken on trust."""

import json
import os
import select
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sslcourse.grading.box import LENGTH, frame_head
from sslcourse.grading.child import MAX_RESULT

_SEND_SECONDS = 30
_MAX_HEADER = 2**20


class Gone(Exception):
    """The box cannot go on; the text is the `ended` of the outcome."""


class Link:
    """The grader's ends of the pipes."""

    def __init__(self) -> None:
        self._request_end, self._requests = os.pipe()
        self._replies, self._reply_end = os.pipe()

    @contextmanager
    def box_ends(self) -> Iterator[tuple[int, int]]:
        """What the box is given; after the block its ends are the box's alone, so that their closing shows its end."""
        try:
            yield self._request_end, self._reply_end
        finally:
            os.close(self._request_end)
            os.close(self._reply_end)

    def close(self) -> None:
        """Close the grader's ends, too."""
        os.close(self._requests)
        os.close(self._replies)

    def send(self, header: dict[str, Any], content: bytes) -> None:
        """Send one frame. Raises Gone when the box has ended or does not read."""
        view = memoryview(frame_head(header, content) + content)
        os.set_blocking(self._requests, False)
        deadline = time.monotonic() + _SEND_SECONDS
        while view:
            _, writable, _ = select.select([], [self._requests], [], 0.2)
            if time.monotonic() > deadline:
                raise Gone("killed")
            if writable:
                try:
                    view = view[os.write(self._requests, view) :]
                except BlockingIOError:
                    pass
                except BrokenPipeError:
                    raise Gone("killed") from None

    def receive(self, deadline: float, meanwhile: Callable[[], None]) -> tuple[dict[str, Any], bytes]:
        """The next frame; `meanwhile` is called ten times a second and may raise. Raises Gone."""
        size = LENGTH.unpack(self._read(LENGTH.size, deadline, meanwhile))[0]
        if size > _MAX_HEADER:
            raise Gone("killed")  # not what a box says: something else has spoken for it
        try:
            header = json.loads(self._read(size, deadline, meanwhile))
            length = int(header["size"])
        except (ValueError, TypeError, KeyError, RecursionError):
            raise Gone("killed") from None
        if not 0 <= length <= MAX_RESULT + 1:
            raise Gone("killed")
        return header, self._read(length, deadline, meanwhile)

    def _read(self, size: int, deadline: float, meanwhile: Callable[[], None]) -> bytes:
        pieces = bytearray()
        while len(pieces) < size:
            readable, _, _ = select.select([self._replies], [], [], 0.1)
            if readable:
                piece = os.read(self._replies, min(size - len(pieces), 2**20))
                if not piece:
                    raise Gone("killed")
                pieces += piece
            elif time.monotonic() > deadline:
                raise Gone("timeout")
            else:
                meanwhile()
        return bytes(pieces)
