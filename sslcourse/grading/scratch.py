"""Folders in the temporary directory that are removed after their owner, whatever became of it.

The owner holds a lock on its folder, which the system frees when it dies.
"""

import fcntl
import os
import shutil
import tempfile
from pathlib import Path

PREFIX = "sslcourse-box-"
_TRIES = 20


class Scratch:
    """A new folder that everybody may read; `close` removes it. Raises OSError where folders cannot be locked."""

    def __init__(self) -> None:
        sweep()
        for _ in range(_TRIES):
            self.path = Path(tempfile.mkdtemp(prefix=PREFIX))
            lock = _locked(self.path)
            if lock is not None:
                self._lock = lock
                self.path.chmod(0o755)
                return
            # Either somebody has taken it for a dead one's, between two lines, or nothing here can be locked (NFS).
            shutil.rmtree(self.path, ignore_errors=True)
        raise OSError(f"no folder in {tempfile.gettempdir()} can be locked; set TMPDIR to a folder on a local disk")

    def close(self) -> None:
        """Remove the folder with everything in it."""
        shutil.rmtree(self.path, ignore_errors=True)
        os.close(self._lock)


def sweep() -> None:
    """Remove the folders of this user's whose owners are dead."""
    for path in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        lock = _locked(path)
        if lock is not None:
            shutil.rmtree(path, ignore_errors=True)
            os.close(lock)


def _locked(path: Path) -> int | None:
    """A descriptor that holds the lock of a folder of this user's; None where it is gone, or somebody has its lock."""
    try:
        folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError:
        return None
    try:
        if os.fstat(folder).st_uid == os.geteuid():
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.path.samestat(os.fstat(folder), os.lstat(path)):
                return folder
    except OSError:
        pass
    os.close(folder)
    return None
