"""What the operating system says of a box: how much memory it takes, how many processes it has."""

from __future__ import annotations

import os


def pid_namespace() -> str | None:
    """The name of this process's pid namespace, or None where there are none."""
    try:
        return os.readlink("/proc/self/ns/pid")
    except OSError:
        return None


def process_limit(mode: str, wanted: int) -> int:
    """The value for RLIMIT_NPROC: counted per user id, so its meaning depends on whose the process is; 0 for none."""
    if mode == "uid":
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


def memory_and_count(root: int) -> tuple[int, int]:
    """Bytes of memory of a process and all its descendants, shared pages counted once, and how many they are."""
    parents: dict[int, int] = {}
    for name in os.listdir("/proc") if os.path.isdir("/proc") else ():
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat", "rb") as stat:
                    parents[int(name)] = int(stat.read().rsplit(b")", 1)[1].split()[1])
            except (OSError, IndexError, ValueError):
                pass
    family, grew = {root}, True
    while grew:
        found = {pid for pid, parent in parents.items() if parent in family} - family
        family |= found
        grew = bool(found)
    return sum(_share(pid) for pid in family), len(family)


def _share(pid: int) -> int:
    try:
        with open(f"/proc/{pid}/smaps_rollup", "rb") as rollup:
            for line in rollup:
                if line.startswith(b"Pss:"):
                    return int(line.split()[1]) * 1024
    except (OSError, ValueError):
        pass
    return 0
