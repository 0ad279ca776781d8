"""What a run's folder holds besides its log and checkpoints: a lock, a summary, TensorBoard's files."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from sslcourse.training import distributed


class FolderInUse(OSError):
    """Another process is training in this folder."""


@contextmanager
def alone_in(out: Path, wait: bool) -> Iterator[None]:
    """Hold the folder's lock, which the system frees when the process dies. Raises FolderInUse if it is taken."""
    if not distributed.is_first():
        yield
        return
    lock = FileLock(out / ".lock")
    try:
        lock.acquire(timeout=0)
    except NotImplementedError:
        print(f"{out} is on a file system without locks: do not start a second run there.")
    except Timeout:
        if not wait:
            raise FolderInUse(f"another process is training in {out}; wait for it, or choose another folder") from None
        print(f"Waiting for another process that is training in {out}.")
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def read_summary(out: Path) -> dict:
    """The figures in `summary.json` of a folder; empty if there is none, or (with a message) if it is unreadable."""
    path = out / "summary.json"
    try:
        summary = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(summary, dict):
            raise ValueError("it holds no object")
        return summary
    except FileNotFoundError:
        return {}
    except ValueError as error:
        print(f"{path} cannot be read and is made again ({error}).")
        return {}


@contextmanager
def tensorboard(folder: Path) -> Iterator[Callable[[dict], None]]:
    """A function that writes the numbers of a log row for TensorBoard; it does nothing if that is not installed."""
    writer = None

    def add(row: dict) -> None:
        nonlocal writer
        if writer is None:
            try:
                from torch.utils.tensorboard import SummaryWriter
            except ImportError:
                return
            # From this step on, what a killed run wrote after its checkpoint is dropped.
            writer = SummaryWriter(str(folder), purge_step=row["step"])
        for name, value in row.items():
            if isinstance(value, float):
                writer.add_scalar(name, value, row["step"])

    try:
        yield add
    finally:
        if writer is not None:
            writer.close()
