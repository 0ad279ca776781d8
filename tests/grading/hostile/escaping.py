"""Attempts to get out of the box. name: (body of double, the statuses it may have, words of what is said).

The body ends without `return` where the attempt must raise; what is left out of the box is not there at all.
"""

REFUSED = "not implemented"
ERROR, PASSED = ("error",), ("passed",)
LIBC = """
import ctypes, os, signal, socket, subprocess, sys, time
import torch
libc = ctypes.CDLL(None, use_errno=True)
CLONE = 56 if os.uname().machine == "x86_64" else 220
def must(result):
    if result == -1:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result
def fork(times, work):
    for _ in range(times):
        if os.fork() == 0:
            work()
            os._exit(0)
"""

NAMESPACES = {
    "unshare user": ("must(libc.unshare(0x10000000))", ERROR, REFUSED),
    "unshare mount": ("must(libc.unshare(0x00020000))", ERROR, REFUSED),
    "unshare network": ("must(libc.unshare(0x40000000))", ERROR, REFUSED),
    "clone user": ("must(libc.syscall(CLONE, 0x10000011, 0, 0, 0, 0))", ERROR, REFUSED),
    "clone3": ("must(libc.syscall(435, 0, 0))", ERROR, REFUSED),
    "setns": ("must(libc.setns(os.open('/proc/self/ns/net', os.O_RDONLY), 0))", ERROR, REFUSED),
    "mount": ("must(libc.mount(b't', b'/tmp', b'tmpfs', 0, b'size=8g'))", ERROR, "not permitted"),
    "umount": ("must(libc.umount2(b'/proc', 2))", ERROR, "not permitted"),
    "chroot": ("os.chroot('/tmp')", ERROR, "not permitted"),
    "pivot_root": ("must(libc.syscall(155 if CLONE == 56 else 41, b'/tmp', b'/tmp'))", ERROR, "not permitted"),
}
RIGHTS = {
    "root": ("os.setuid(0)\n    os.listdir('/root')", ERROR, ""),
    "no capability": (
        "status = open('/proc/self/status').read()\n    return 2 * x / ('CapEff:\\t0000000000000000' in status)",
        PASSED,
        "",
    ),
    "a device": ("os.mknod('/tmp/mem', 0o20666, os.makedev(1, 1))", ERROR, "not permitted"),
    "the clock": ("time.clock_settime(0, time.time())", ERROR, "not permitted"),
    "the host's name": ("socket.sethostname('a')", ERROR, "not permitted"),
    "su": ("subprocess.run(['/bin/su', '-c', 'id'], check=True)", ERROR, ""),
    "priority": ("os.nice(-5)", ERROR, ""),
    "bpf": ("must(libc.syscall(321 if CLONE == 56 else 280, 0, 0, 0))", ERROR, REFUSED),
    "a key of the kernel": (
        "must(libc.syscall(248 if CLONE == 56 else 217, b'user', b'a', b'b', 1, -3))",
        ERROR,
        REFUSED,
    ),
    "io_uring": ("must(libc.syscall(425, 8, 0))", ERROR, REFUSED),
    "userfaultfd": ("must(libc.syscall(323 if CLONE == 56 else 282, 0))", ERROR, REFUSED),
    "perf": ("must(libc.syscall(298 if CLONE == 56 else 241, 0, 0, -1, -1, 0))", ERROR, REFUSED),
}
PROCESSES = {
    "ptrace": ("must(libc.ptrace(16, 1, 0, 0))", ERROR, REFUSED),
    "ptrace a child": (
        "pid = os.fork()\n    if pid == 0: time.sleep(30)\n    must(libc.ptrace(16, pid, 0, 0))",
        ERROR,
        REFUSED,
    ),
    "/proc/1/mem": ("open('/proc/1/mem', 'rb')", ERROR, "Permission denied"),
    "/proc/1/environ": ("open('/proc/1/environ', 'rb').read()", ERROR, "Permission denied"),
    "/proc/1/fd": ("open('/proc/1/fd/1', 'wb')", ERROR, "Permission denied"),
    "/proc/1/root": ("os.listdir('/proc/1/root')", ERROR, "Permission denied"),
    "process_vm_readv": ("must(libc.process_vm_readv(1, 0, 0, 0, 0, 0))", ERROR, REFUSED),
    "pidfd_getfd": ("must(libc.syscall(438, os.pidfd_open(1), 3, 0))", ERROR, REFUSED),
    "nobody else is there": (
        "others = [pid for pid in os.listdir('/proc') if pid.isdigit()]\n    return 2 * x / (len(others) == 2)",
        PASSED,
        "",
    ),
    "every signal to process 1": (
        "for number in range(65):\n        try: os.kill(1, number)\n        except OSError: pass\n    time.sleep(0.1)",
        ("missing",),
        "return",
    ),
    "a signal to everything": ("os.kill(-1, signal.SIGKILL)\n    return x", ("killed", "error", "failed"), ""),
    "the server is stopped": ("os.kill(os.getppid(), signal.SIGSTOP)\n    return x", ("error", "failed"), ""),
}
FILES = {
    "files outside": (
        "for path in SECRETS:\n        try: open(path).read()\n        except OSError: continue\n        return x\n"
        "    return 2 * x",
        PASSED,
        "",
    ),
    "folders outside": (
        "found = [d for d in ('/root', '/home', '/mnt', '/media', '/srv', '/var', '/sys', '/boot', '/run', '/work')\n"
        "             if os.path.isdir(d) and any(os.path.isfile(os.path.join(d, f)) for f in os.listdir(d))]\n"
        "    return 2 * x / (found == [])",
        PASSED,
        "",
    ),
    "a link to a file outside": ("os.symlink(SECRETS[0], '/tmp/l')\n    open('/tmp/l')", ERROR, "No such file"),
    "the disk itself": ("open('/dev/sda', 'rb')", ERROR, "No such file"),
    "the memory of the machine": ("open('/dev/mem', 'rb')", ERROR, "No such file"),
    "a terminal": ("open('/dev/tty', 'w')", ERROR, ""),
    "writing outside": ("open(os.path.dirname(SECRETS[0]) + '/new', 'w')", ERROR, ""),
    "writing into a library": ("open(torch.__file__, 'a')", ERROR, ""),
    "writing anywhere else": (
        "def is_written(folder):\n        try: open(folder + '/left', 'w')\n        except OSError: return False\n"
        "        return True\n    mounts = {line.split()[4] for line in open('/proc/self/mountinfo')}\n"
        "    return 2 * x / (list(filter(is_written, mounts - {'/tmp', '/dev/shm'})) == [])",
        PASSED,
        "",
    ),
    "writing into the course": ("open('/box/sslcourse/grading/wire.py', 'a')", ERROR, ""),
    "writing over Python": ("os.replace('/usr/bin/env', '/tmp/env')", ERROR, ""),
    "a setting of the kernel": ("open('/proc/sys/kernel/core_pattern', 'w')", ERROR, ""),
    "sysrq": ("open('/proc/sysrq-trigger', 'w')", ERROR, ""),
    "a program left in /tmp is no server": (
        "open('/tmp/json.py', 'w').write('raise SystemExit')\n    open('/tmp/torch.py', 'w').write('1 / 0')\n"
        "    return 2 * x",
        PASSED,
        "",
    ),
    "the environment of the grader": ("return 2 * x / ('SSLCOURSE_SECRET' not in os.environ)", PASSED, ""),
    "the answers": ("import sslcourse.labs.contrastive.answers\n    return 2 * x", ERROR, "not there where"),
    "the losses": ("import sslcourse.losses\n    return 2 * x", ERROR, "not there where"),
    "the grader": ("import sslcourse.grading.run\n    return 2 * x", ERROR, "not there where"),
    "the toy's answers": ("import toy.answers\n    return 2 * x", ERROR, "not there where"),
}
NETWORK = {
    "TCP to this machine": ("socket.create_connection(('127.0.0.1', PORT), 1)", ERROR, ""),
    "TCP outside": ("socket.create_connection(('1.1.1.1', 53), 1)", ERROR, ""),
    "UDP": ("socket.socket(2, 2).sendto(b'x', ('1.1.1.1', 53))", ERROR, "unreachable"),
    "a name": ("socket.getaddrinfo('example.org', 80)", ERROR, ""),
    "a raw socket": ("socket.socket(2, 3, 1)", ERROR, "not permitted"),
    "an abstract socket": ("socket.socket(1).connect(NAME)", ERROR, "refused"),
    "another interface": ("return 2 * x / ([name for _, name in socket.if_nameindex()] == ['lo'])", PASSED, ""),
}
BODIES = {f"{kind}: {name}": case for kind, table in {
    "namespaces": NAMESPACES, "rights": RIGHTS, "processes": PROCESSES, "files": FILES, "network": NETWORK,
}.items() for name, case in table.items()}  # fmt: skip
