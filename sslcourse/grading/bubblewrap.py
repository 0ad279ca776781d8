"""The command line of bubblewrap: nothing of this machine but Python and its libraries, read-only."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent.parent
MASKED = ("sslcourse", "lightly")  # in site-packages these would hold the answers
SCRATCH = 64 * 2**20  # bytes that may be written in files, in each of FILE_SYSTEMS
FILE_SYSTEMS = ("tmp", "dev/shm")  # the only ones in the box that can be written; they are in memory
# Of /proc, what sets the whole machine. Root may write there even without any capability, whatever it is called inside.
SETTINGS = ("sys", "sysrq-trigger", "irq", "bus", "fs", "acpi", "scsi")


class NoSandbox(RuntimeError):
    """There is no box on this machine; the message says why and what to do."""


def command(mode: str, modules: Path, filter_fd: int | None) -> list[str]:
    """The words to put before a command line so that it runs in a box of level `mode`, as its first process.

    `modules` are at /box inside; `filter_fd` is a descriptor from which bubblewrap reads the filter of system calls.
    Without one the process may make namespaces: it is the server that forks boxes, and runs no student code.
    """
    program = shutil.which("bwrap")
    if program is None:
        raise NoSandbox("bubblewrap is not installed.")
    options = _options()
    argv = [program, "--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try"]
    argv += ["--die-with-parent", "--new-session", "--hostname", "box", "--cap-drop", "ALL"]
    # Process 1 cannot be signalled from inside; it is the server, which nobody inside may trace either, and no other.
    argv += ["--as-pid-1"]
    argv += ["--seccomp", str(filter_fd)] if filter_fd is not None else []
    # What the server needs to put the student under another user id, and to end it; and what a server that forks needs.
    rights = ["SETUID", "SETGID", "KILL"] if mode == "uid" else []
    rights += ["SYS_ADMIN", "SETPCAP"] if filter_fd is None else []
    argv += [word for right in rights for word in ("--cap-add", f"CAP_{right}")]
    if mode != "uid":
        argv += ["--unshare-user", "--uid", "65534", "--gid", "65534"]
        argv += ["--disable-userns"] if "--disable-userns" in options and filter_fd is not None else []
    argv += ["--ro-bind", "/usr", "/usr"]
    for name in ("lib", "lib32", "lib64", "bin", "sbin"):
        if os.path.islink(f"/{name}"):
            argv += ["--symlink", os.readlink(f"/{name}"), f"/{name}"]
        elif os.path.isdir(f"/{name}"):
            argv += ["--ro-bind", f"/{name}", f"/{name}"]
    argv += ["--dir", "/etc"]
    for optional in ("/etc/ld.so.cache", "/etc/alternatives", "/nix/store"):
        argv += ["--ro-bind-try", optional, optional]
    # In a user namespace whoever sees part of /proc only may not mount another; bubblewrap's own is covered in part.
    argv += ["--bind", "/proc", "/proc"] if mode != "uid" and filter_fd is None else ["--proc", "/proc"]
    argv += ["--dev", "/dev"]
    for name in SETTINGS if filter_fd is not None else ():
        if os.path.exists(f"/proc/{name}"):
            argv += ["--ro-bind", f"/proc/{name}", f"/proc/{name}"]
    bounded = ["--perms", "1777", "--size", str(SCRATCH)] if {"--size", "--perms"} <= options else []
    for name in FILE_SYSTEMS:
        argv += [*bounded, "--tmpfs", f"/{name}"]
    argv += ["--remount-ro", "/dev"]
    bound = _bound_directories()
    for directory in bound:
        for above in reversed(Path(directory).parents[:-1]):
            argv += ["--dir", str(above)]  # bubblewrap would make it for its owner alone
        argv += ["--ro-bind", directory, directory]
    for hidden in _hidden(bound):
        argv += ["--tmpfs", hidden, "--remount-ro", hidden]  # in a user namespace the student would own it
    return [*argv, "--ro-bind", str(modules), "/box", "--remount-ro", "/", "--chdir", "/tmp"]


def _checkout() -> Path | None:
    """Where this package is used in place, the folder in which solutions and tests lie beside it."""
    return _PACKAGE.parent if (_PACKAGE.parent / "pyproject.toml").exists() else None


@lru_cache
def interpreter() -> tuple[str, tuple[str, ...]]:
    """Python's executable, and the path on which it finds its libraries."""
    # Asked of a fresh interpreter: this one's path has been changed by whoever called.
    question = "import sys, json; print(json.dumps([sys._base_executable or sys.executable, sys.path]))"
    answer = subprocess.run([sys.executable, "-I", "-c", question], capture_output=True, text=True, check=True)
    executable, path = json.loads(answer.stdout)
    return os.path.realpath(executable), tuple(entry for entry in path if entry and Path(entry) != _checkout())


@lru_cache
def _bound_directories() -> tuple[str, ...]:
    executable, path = interpreter()
    base = sys.base_prefix
    wanted = {entry for entry in (base, *path) if os.path.exists(entry)} | {os.path.dirname(executable)}
    visible = ["/usr", *(f"/{name}" for name in ("lib", "lib64", "bin"))]
    kept: list[str] = []
    for entry in sorted(wanted, key=len):  # a directory before what lies in it
        if not any(entry == above or entry.startswith(above + "/") for above in [*visible, *kept]):
            kept.append(entry)
    if "/" in kept:
        raise NoSandbox("Python's prefix is /, which would put every file into the box.")
    return tuple(kept)


def is_in_scratch() -> bool:
    """Whether Python or a library of it lies where a box writes, as an environment below /tmp does."""
    return any(path.startswith(f"/{name}/") for path in _bound_directories() for name in FILE_SYSTEMS)


def _hidden(bound: Sequence[str]) -> list[str]:
    """Directories inside the bound ones that hold answers: installed copies, and this checkout where it lies in one."""
    hidden = [os.path.join(entry, name) for entry in interpreter()[1] for name in MASKED]
    hidden += [str(path) for path in (_checkout(), _PACKAGE) if path is not None]
    above = [*bound, "/usr"]
    # Not a directory that itself holds something bound, such as an environment inside the checkout: its siblings are
    # not bound.
    return [
        path
        for path in dict.fromkeys(hidden)
        if os.path.isdir(path)
        and any(path.startswith(entry + "/") for entry in above)
        and not any(entry.startswith(path + "/") for entry in bound)
    ]


@lru_cache
def _options() -> frozenset[str]:
    shown = subprocess.run([shutil.which("bwrap") or "bwrap", "--help"], capture_output=True, text=True, check=False)
    return frozenset(word for word in (shown.stdout + shown.stderr).split() if word.startswith("--"))
