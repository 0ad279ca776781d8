"""How every file of the course is written: whole or not at all."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def write_atomically(path: str | os.PathLike, contents: bytes | str) -> None:
    """Write to a temporary name in the same folder, reach the disk, then take the final name. Text is written as UTF-8.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_atomically(Path(folder) / "a.txt", "whole")
    ...     [(path.name, path.read_text()) for path in Path(folder).iterdir()]
    [('a.txt', 'whole')]
    """
    with replacing(path) as temporary:
        # A name that a student chose may hold half of a character.
        temporary.write_bytes(contents.encode("utf-8", "replace") if isinstance(contents, str) else contents)


@contextmanager
def replacing(path: str | os.PathLike) -> Iterator[Path]:
    """A temporary path beside `path`, to be written inside the block; then it takes the name. After an error nothing is
    left.

    Unlike `tempfile`'s, the file gets the permissions that any new file gets, so that others may read a shared folder.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        yield temporary
        with open(temporary, "rb") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
