"""The system calls that the box does without, as a filter for the kernel (seccomp) in the form bubblewrap takes.

Refused are new namespaces, in which student code would be root and could mount file systems; memory that outlives or
belongs to no process, which no limit on processes counts; looking into other processes; and interfaces of the kernel
that no exercise needs and that have often been its weak places. A refused call fails as on a kernel that lacks it
(ENOSYS), so that libraries fall back on something else. See seccomp(2) and the kernel's seccomp_filter.rst.
"""

import errno
import platform
import struct

# The numbers on x86-64 and on 64-bit ARM.
REFUSED = {
    "unshare": (272, 97),
    "setns": (308, 268),
    "clone3": (435, 435),  # its flags lie in memory, where a filter cannot look; glibc falls back on clone
    "memfd_create": (319, 279),
    "memfd_secret": (447, 447),
    "shmget": (29, 194),
    "semget": (64, 190),
    "msgget": (68, 186),
    "mq_open": (240, 180),
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "process_madvise": (440, 440),
    "pidfd_getfd": (438, 438),
    "kcmp": (312, 272),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "io_uring_setup": (425, 425),
}
CLONE = (56, 220)
NEW_NAMESPACE = 0x7E020080  # clone's flags CLONE_NEWTIME, -NS, -CGROUP, -UTS, -IPC, -USER, -PID and -NET
MACHINES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}  # the column above, and the kernel's AUDIT_ARCH
X32 = 0x40000000  # x86-64 numbers from here on are a second set of the same calls

_NUMBER, _ARCHITECTURE, _FIRST_ARGUMENT = 0, 4, 16  # where they lie in what a filter is given (struct seccomp_data)
_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06  # instructions of classic BPF
_ALLOW, _REFUSE, _KILL = 0x7FFF0000, 0x00050000 | errno.ENOSYS, 0x80000000


def program() -> bytes | None:
    """The filter for this machine's processor, or None where it is neither x86-64 nor 64-bit ARM."""
    if platform.machine() not in MACHINES:
        return None
    column, architecture = MACHINES[platform.machine()]
    # 32-bit programs have calls of their own, which this table does not know.
    lines = [_line(_LOAD, _ARCHITECTURE), _line(_EQUAL, architecture, 1, 0), _line(_RETURN, _KILL)]
    lines += [_line(_LOAD, _NUMBER), *_refuse(_AT_LEAST, X32)]
    for numbers in REFUSED.values():
        lines += _refuse(_EQUAL, numbers[column])
    lines += [_line(_EQUAL, CLONE[column], 1, 0), _line(_RETURN, _ALLOW)]
    lines += [_line(_LOAD, _FIRST_ARGUMENT), *_refuse(_ANY_BIT, NEW_NAMESPACE), _line(_RETURN, _ALLOW)]
    return b"".join(lines)


def _refuse(condition: int, value: int) -> list[bytes]:
    return [_line(condition, value, 0, 1), _line(_RETURN, _REFUSE)]


def _line(instruction: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    """One instruction (struct sock_filter): how many of the next to skip when a condition holds, and when not."""
    return struct.pack("=HBBI", instruction, if_true, if_false, value)
