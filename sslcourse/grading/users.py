"""User ids for boxes: one that no account has and that no other box on this machine has, whichever process made it."""

import itertools
import socket

_IDS = range(61_200, 65_200)
_next = itertools.cycle(_IDS)  # the one used last is the last to be used again


class User:
    """An id that is nobody else's until `close`, or until this process has ended.

    The kernel counts processes, and more, by user id: two boxes with one would take them from each other.
    Raises OSError when all are in use.
    """

    def __init__(self) -> None:
        for self.id in itertools.islice(_next, len(_IDS)):
            # A name that belongs to no file; the system lets one socket of this machine have it, and frees it.
            self._claim = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            try:
                self._claim.bind(f"\0sslcourse-user-{self.id}")
                return
            except OSError:
                self._claim.close()
        raise OSError(f"all user ids from {_IDS[0]} to {_IDS[-1]} are used by boxes; end some of them")

    def close(self) -> None:
        """Give the id back, when nothing runs under it any more."""
        self._claim.close()
