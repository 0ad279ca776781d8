"""What the operating system says of a box: how much memory it takes, how many processes it has."""

import os

from sslcourse.grading.bubblewrap import FILE_SYSTEMS
from sslcourse.grading.clock import family

_EMPTY_FILE = 1024  # bytes of the kernel's memory that a file in memory takes beside what is in it


def memory_and_count(root: int) -> tuple[int, int]:
    """Bytes of memory of a process and all its descendants, shared pages counted once, and how many they are.

    The files in memory that they can write belong to it; a page of those that is mapped as well counts twice.
    """
    pids = family(root)
    return sum(map(_share, pids)) + max(map(_files, pids)), len(pids)


def _share(pid: int) -> int:
    try:
        with open(f"/proc/{pid}/smaps_rollup", "rb") as rollup:
            for line in rollup:
                if line.startswith(b"Pss:"):
                    return int(line.split()[1]) * 1024
    except (OSError, ValueError):
        pass
    return 0


def _files(pid: int) -> int:
    size = 0
    try:
        for name in FILE_SYSTEMS:
            inside = f"/proc/{pid}/root/{name}"
            if os.stat(inside).st_dev != os.stat(f"/{name}").st_dev:
                found = os.statvfs(inside)
                size += (found.f_blocks - found.f_bfree) * found.f_frsize
                size += (found.f_files - found.f_ffree) * _EMPTY_FILE
    except OSError:
        pass
    return size


def process_limit(mode: str, wanted: int) -> int:
    """The value for RLIMIT_NPROC: counted per user id, so its meaning depends on whose the process is; 0 for none."""
    if mode in ("uid", "account"):
        return wanted
    if mode == "unsafe" or os.geteuid() == 0:  # root is never limited
        return 0
    release = tuple(int(part) for part in os.uname().release.split("-")[0].split(".")[:2])
    if release >= (5, 14):  # counted within the user namespace
        return wanted
    mine = 0
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            mine += len(os.listdir(f"/proc/{name}/task")) if os.stat(f"/proc/{name}").st_uid == os.getuid() else 0
        except OSError:
            pass
    return mine + wanted
