"""In the box: what a copy of the fork server does to be alone, before any student code runs in it.

The server stays where bubblewrap put it: without network, on a read-only file system, with the right to make
namespaces. A copy that is to serve one submission makes its own (processes, mounts, network, IPC, host name), with
empty folders to write in and a /proc of its own, and gives that right up. See unshare(2), mount(2), capabilities(7) and
seccomp(2).
"""

import ctypes
import os
import struct

KEPT = {"uid": (5, 6, 7), "userns": ()}  # CAP_KILL, -SETGID and -SETUID: to put the student under another user id

_NEW_NAMESPACES = 0x00020000 | 0x04000000 | 0x08000000 | 0x20000000 | 0x40000000  # mounts, host name, IPC, pids, net
_READ_ONLY, _NO_SUID, _NO_DEVICES, _NO_PROGRAMS = 1, 2, 4, 8  # flags of mount
_REMOUNT, _BIND, _ALL_BELOW, _PRIVATE = 32, 4096, 16384, 1 << 18
_SET_SECCOMP, _DROP_FROM_BOUND, _NO_NEW_RIGHTS, _AMBIENT = 22, 24, 38, 47  # options of prctl
_FILTER, _CLEAR_ALL = 2, 4
_VERSION_3 = 0x20080522  # of capset

_libc = ctypes.CDLL(None, use_errno=True)


def fork_apart() -> int:
    """Fork into new namespaces: 0 in the child, which is process 1 there; in its parent, which only waits, its id.

    Raises OSError where this process may not make them.
    """
    os.setsid()  # also a signal to a process group must reach nobody else
    _must(_libc.unshare(_NEW_NAMESPACES))
    return os.fork()


def close_behind(settings: dict) -> None:
    """Give process 1 of new namespaces files of its own, and take all rights from it that serving does not need.

    Of the settings: `scratch` are the folders to write in, with their sizes; `hidden` folders of which nothing is to be
    seen; `read_only` what may not be changed below /proc; `seccomp` the filter of system calls, in hexadecimal.
    """
    quiet = _NO_SUID | _NO_DEVICES
    _mount("none", "/", "", _ALL_BELOW | _PRIVATE)  # nothing from here on is seen by the server
    for folder, size in settings["scratch"].items():
        _mount("tmpfs", folder, "tmpfs", quiet, f"size={size},mode=1777")
    for folder in settings["hidden"]:
        _mount("tmpfs", folder, "tmpfs", quiet | _READ_ONLY, "mode=755")
    _mount("devpts", "/dev/pts", "devpts", _NO_SUID | _NO_PROGRAMS, "newinstance,ptmxmode=0666,mode=620")
    _mount("proc", "/proc", "proc", quiet | _NO_PROGRAMS)
    for path in filter(os.path.exists, settings["read_only"]):
        _mount(path, path, "", _BIND | _ALL_BELOW)
        _mount("none", path, "", _REMOUNT | _BIND | _READ_ONLY | quiet | _NO_PROGRAMS)
    os.chdir("/tmp")  # the folder of before is the server's
    _keep_only(KEPT[settings["level"]])
    _refuse_calls(bytes.fromhex(settings["seccomp"]))


def _mount(source: str, target: str, kind: str, flags: int, options: str = "") -> None:
    words = [word.encode() for word in (source, target, kind)]
    _must(_libc.mount(*words, ctypes.c_ulong(flags), options.encode()), target)


def _keep_only(capabilities: tuple[int, ...]) -> None:
    _prctl(_AMBIENT, _CLEAR_ALL)
    with open("/proc/sys/kernel/cap_last_cap") as file:
        last = int(file.read())
    for number in range(last + 1):
        if number not in capabilities:
            _prctl(_DROP_FROM_BOUND, number)
    bits = sum(1 << number for number in capabilities)  # effective, permitted, inheritable; then of those above 31
    _must(_libc.capset(struct.pack("=Ii", _VERSION_3, 0), struct.pack("=6I", bits, bits, 0, 0, 0, 0)))


def _refuse_calls(program: bytes) -> None:
    _prctl(_NO_NEW_RIGHTS, 1)
    kept = ctypes.create_string_buffer(program, len(program))
    told = struct.pack("@HP", len(program) // 8, ctypes.addressof(kept))
    address = ctypes.create_string_buffer(told, len(told))
    _prctl(_SET_SECCOMP, _FILTER, ctypes.addressof(address))


def _prctl(option: int, *arguments: int) -> None:
    padded = (*arguments, 0, 0, 0, 0)[:4]
    _must(_libc.prctl(option, *map(ctypes.c_ulong, padded)))


def _must(result: int, about: str = "") -> None:
    if result == -1:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), about or None)
