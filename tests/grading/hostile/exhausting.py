"""What takes more than its share. name: (body of double, the statuses it may have, words of what is said).

The limits are the runner's: 300 MiB, and one second of the processor for TIME, five for all others. `fork` and `libc`
are escaping.LIBC's.
"""

ERROR, KILLED, MEMORY, TIMEOUT, PASSED = ("error",), ("killed",), ("memory",), ("timeout",), ("passed",)
IGNORE_SIGNALS = (
    "for number in range(1, 32):\n        try: signal.signal(number, signal.SIG_IGN)\n"
    "        except (OSError, ValueError): pass\n    "
)
HOARD = "hoard = bytearray(2**27)\n        for i in range(0, len(hoard), 4096): hoard[i] = 1\n        time.sleep(30)"

TIME = {
    "a loop": ("while True: pass", TIMEOUT, "1 second"),
    "a loop that swallows everything": (
        IGNORE_SIGNALS + "while True:\n        try:\n            while True: pass\n        except BaseException: pass",
        TIMEOUT,
        "1 second",
    ),
    "a loop in C": ("sum(range(10**12))", TIMEOUT, "1 second"),
    "a pattern": ("import re\n    re.match('(a*)*b', 'a' * 50)", TIMEOUT, "1 second"),
    "a number": ("9 ** 9 ** 9", TIMEOUT + MEMORY, ""),
    "a matrix": ("a = torch.rand(3000, 3000)\n    while True: a = a @ a / a.norm()", TIMEOUT, "1 second"),
    "children that spin": (
        "def spin():\n        os.setsid()\n        while True: pass\n    fork(30, spin)\n    spin()",
        TIMEOUT,
        "1 second",
    ),
    "children nobody waits for": (
        "signal.signal(signal.SIGCHLD, signal.SIG_IGN)\n    def spin():\n        end = time.process_time() + 0.3\n"
        "        while time.process_time() < end: pass\n    while True:\n        try: fork(2, spin)\n"
        "        except OSError: time.sleep(0.01)",
        TIMEOUT,
        "",
    ),
    "children waited for": (
        "def spin():\n        end = time.process_time() + 0.2\n        while time.process_time() < end: pass\n"
        "    while True:\n        fork(1, spin)\n        os.wait()",
        TIMEOUT,
        "1 second",
    ),
    "sleep": ("time.sleep(1000)", TIMEOUT, "waited for something"),
    "a lock": ("import threading\n    threading.Event().wait()", TIMEOUT, "waited for something"),
    "it stops itself": ("os.kill(os.getpid(), signal.SIGSTOP)", TIMEOUT, "waited for something"),
    "the last in every queue": (
        "os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))\n    while True: pass",
        TIMEOUT,
        "",
    ),
    "clocks that stand still": (
        "time.monotonic = time.time = time.process_time = lambda: 0.0\n    while True: pass",
        TIMEOUT,
        "1 second",
    ),
}
MEMORY_CASES = {
    "one tensor": ("return torch.zeros(2**33)", MEMORY, "300 MiB"),
    "a list that grows": ("hoard = []\n    while True: hoard.append('x' * 10**6)", MEMORY, "300 MiB"),
    "a recursion": ("def down(): return down()\n    return down()", ERROR, "RecursionError"),
    "a recursion without a limit": (
        "sys.setrecursionlimit(10**9)\n    down = lambda: down()\n    down()",
        ("killed", "memory", "error", "timeout"),
        "",
    ),
    "memfd": ("keep = [os.memfd_create('a') for _ in range(40)]", ERROR, "not implemented"),
    "SysV segments": ("must(libc.shmget(0, 2**28, 0o1600))", ERROR, "not implemented"),
    "SysV semaphores": ("must(libc.semget(0, 30000, 0o1600))", ERROR, "not implemented"),
    "SysV messages": ("must(libc.msgget(0, 0o1600))", ERROR, "not implemented"),
    "POSIX messages": ("must(libc.mq_open(b'/a', 0o102, 0o600, 0))", ERROR, "not implemented"),
    "/dev/shm": ("for i in range(9): open(f'/dev/shm/{i}', 'wb').write(bytes(2**23))", ERROR, "No space left"),
    "/tmp": ("for i in range(9): open(f'/tmp/{i}', 'wb').write(bytes(2**23))", ERROR, "No space left"),
    "a file of no blocks": ("open('/tmp/a', 'wb').truncate(2**40)", ERROR + ("killed",), ""),
    "a million files": (
        "for i in range(10**6): open(f'/tmp/{i}', 'w').close()",
        ("error", "timeout", "memory"),
        "",
    ),
    "several processes": (
        f"def hoard():\n        {HOARD}\n    fork(6, hoard)\n    time.sleep(30)",
        MEMORY + TIMEOUT,
        "",
    ),
    "shared by none": (  # each of the 12 sleeps, so time may run out first; test_box_limits has more of it
        "import mmap\n    def hoard():\n        m = mmap.mmap(-1, 2**28)\n        m.write(b'x' * 2**28)\n"
        "        time.sleep(30)\n    fork(12, hoard)\n    time.sleep(30)",
        MEMORY + TIMEOUT,
        "",
    ),
    "socket buffers": ("pairs = [socket.socketpair() for _ in range(10_000)]", ERROR, "Too many open files"),
    "pipes": ("keep = [os.pipe() for _ in range(10_000)]", ERROR, "Too many open files"),
    "output": ("for _ in range(10_000): print('y' * 1000)\n    return 2 * x", PASSED, ""),
    "messages without end": (
        "for number in range(3, 64):\n        try:\n            while True: os.write(number, b'x' * 2**20)\n"
        "        except OSError: pass",
        ("killed", "timeout", "error"),
        "",
    ),
}
PROCESSES = {
    "forks": (
        "for _ in range(200):\n        if os.fork() == 0:\n            time.sleep(30)\n    return 2 * x",
        ("error", "killed", "timeout"),
        "",
    ),
    "threads": (
        "import threading\n    for _ in range(200): threading.Thread(target=time.sleep, args=(30,)).start()",
        ("error", "killed", "timeout"),
        "",
    ),
    "a daemon": ("fork(1, lambda: (os.setsid(), time.sleep(987)))\n    return 2 * x", PASSED, ""),
    "a daemon of a daemon": (
        "fork(1, lambda: (os.setsid(), fork(1, lambda: (os.setsid(), time.sleep(987)))))\n    return 2 * x",
        PASSED,
        "",
    ),
    "threads that stay": (
        "import threading\n    threading.Thread(target=time.sleep, args=(60,)).start()\n    return 2 * x",
        PASSED,
        "",
    ),
}
ENDS = {
    "sys.exit": ("sys.exit(0)", ERROR, "SystemExit"),
    "os._exit": ("os._exit(0)", KILLED, "os._exit"),
    "os.abort": ("os.abort()", KILLED, "SIGABRT"),
    "a signal to itself": ("os.kill(os.getpid(), signal.SIGKILL)", KILLED, "SIGKILL"),
    "a crash": ("return ctypes.string_at(0)", KILLED, "SIGSEGV"),
    "another program": ("os.execv('/bin/true', ['true'])", ("killed", "missing", "error"), ""),
    "an interrupt": ("raise KeyboardInterrupt", ("killed", "error"), ""),
    "os.close(1)": ("os.close(1)\n    print('a')\n    return 2 * x", ERROR, "closed before"),
    "sys.stdout.close()": ("sys.stdout.close()\n    return 2 * x", PASSED, ""),
    "sys.stdout = None": ("sys.stdout = None\n    return 2 * x", PASSED, ""),
    "everything closed": ("os.closerange(0, 256)\n    return 2 * x", ERROR, "closed files that it had not opened"),
    "redirected": (
        "os.dup2(os.open('/tmp/o', os.O_CREAT | os.O_WRONLY), 1)\n    print('a')\n    return 2 * x",
        PASSED,
        "",
    ),
    "input": ("input()\n    return 2 * x", PASSED, ""),
    "breakpoint": ("breakpoint()\n    return 2 * x", PASSED, ""),
}
BODIES = {f"{kind}: {name}": case for kind, table in {
    "time": TIME, "memory": MEMORY_CASES, "processes": PROCESSES, "ends": ENDS,
}.items() for name, case in table.items()}  # fmt: skip
