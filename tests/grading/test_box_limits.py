"""Attacks on the box's limits and walls, as data: the answer's source, the status it deserves, words of the message.

All of them share one box; after each a right answer must still be graded as if alone.
"""

import os
import threading
from dataclasses import replace

import pytest
import toy_lab

from sslcourse.grading import cgroups
from sslcourse.grading.answers import grade_answer
from sslcourse.grading.host import Box, Limits

pytestmark = pytest.mark.slow
LIMITS = Limits(seconds=2.0, memory=300 * 2**20)

LIBC = """
import ctypes, os, signal, time
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

# Beyond the limit on memory, through what belongs to no process; and by many processes together.
MEMORY = {
    "memfd": ("keep = [os.memfd_create('a') for _ in range(40)]", "error", "not implemented"),
    "SysV segments": ("must(libc.shmget(0, 2**28, 0o1600))", "error", "not implemented"),
    "SysV semaphores": ("must(libc.semget(0, 30000, 0o1600))", "error", "not implemented"),
    "SysV messages": ("must(libc.msgget(0, 0o1600))", "error", "not implemented"),
    "/dev/shm": ("for i in range(9): open(f'/dev/shm/{i}', 'wb').write(bytes(2**23))", "error", "No space left"),
    "/tmp": ("for i in range(9): open(f'/tmp/{i}', 'wb').write(bytes(2**23))", "error", "No space left"),
    "shared by none": (
        "import mmap\n    def hoard():\n        m = mmap.mmap(-1, 2**28)\n        m.write(b'x' * 2**28)\n"
        "        time.sleep(30)\n    fork(12, hoard)\n    time.sleep(30)",
        "memory",
        "300 MiB",
    ),
    "socket buffers": (
        "import socket\n    pairs = [socket.socketpair() for _ in range(10_000)]",
        "error",
        "Too many open files",
    ),
}
# New namespaces, in which student code would be root.
NAMESPACES = {
    "unshare user": ("must(libc.unshare(0x10000000))", "error", "not implemented"),
    "unshare mount": ("must(libc.unshare(0x00020000))", "error", "not implemented"),
    "clone user": ("must(libc.syscall(CLONE, 0x10000011, 0, 0, 0, 0))", "error", "not implemented"),
    "clone3": ("must(libc.syscall(435, 0, 0))", "error", "not implemented"),
    "setns": ("must(libc.setns(os.open('/proc/self/ns/net', os.O_RDONLY), 0))", "error", "not implemented"),
    "mount": ("must(libc.mount(b't', b'/tmp', b'tmpfs', 0, b'size=8g'))", "error", "not permitted"),
}
# Other processes in the box: the server is process 1, and there is nobody else.
PROCESSES = {
    "ptrace": ("must(libc.ptrace(16, 1, 0, 0))", "error", "not implemented"),
    "ptrace a child": (
        "pid = os.fork()\n    if pid == 0: time.sleep(30)\n    must(libc.ptrace(16, pid, 0, 0))",
        "error",
        "not implemented",
    ),
    "/proc/1/mem": ("open('/proc/1/mem', 'rb')", "error", "Permission denied"),
    "/proc/1/environ": ("open('/proc/1/environ', 'rb').read()", "error", "Permission denied"),
    "/proc/1/fd": ("open('/proc/1/fd/1', 'wb')", "error", "Permission denied"),
    "process_vm_readv": ("must(libc.process_vm_readv(1, 0, 0, 0, 0, 0))", "error", "not implemented"),
    "pidfd_getfd": ("must(libc.syscall(438, os.pidfd_open(1), 3, 0))", "error", "not implemented"),
    "every signal to process 1": (
        "for number in range(65):\n        try: os.kill(1, number)\n        except OSError: pass\n    time.sleep(0.1)",
        "missing",
        "return",
    ),
}
# Time: of all processes together, waited for or not; and what only sleeps ends, too.
TIME = {
    "children that spin": (
        "def spin():\n        os.setsid()\n        while True: pass\n    fork(30, spin)\n    spin()",
    )
    + ("timeout", "2 seconds"),
    "children nobody waits for": (
        "signal.signal(signal.SIGCHLD, signal.SIG_IGN)\n    def spin():\n        end = time.process_time() + 0.3\n"
        "        while time.process_time() < end: pass\n    while True:\n        try: fork(2, spin)\n"
        "        except OSError: time.sleep(0.01)",
        "timeout",
        "",
    ),
    "children waited for": (
        "def spin():\n        end = time.process_time() + 0.2\n        while time.process_time() < end: pass\n"
        "    while True:\n        fork(1, spin)\n        os.wait()",
        "timeout",
        "2 seconds",
    ),
    "sleep": ("time.sleep(1000)", "timeout", "waited for something"),
    "a lock": ("import threading\n    threading.Event().wait()", "timeout", "waited for something"),
}
# Closed streams: a sentence, or nothing at all where the answer does not need them.
STREAMS = {
    "os.close(1)": ("os.close(1)\n    print('a')\n    return 2 * x", "error", "closed before"),
    "sys.stdout.close()": ("import sys\n    sys.stdout.close()\n    return 2 * x", "passed", ""),
    "sys.stdout = None": ("import sys\n    sys.stdout = None\n    return 2 * x", "passed", ""),
    "everything closed": ("os.closerange(0, 256)\n    return 2 * x", "error", "closed files that it had not opened"),
    "redirected": (
        "os.dup2(os.open('/tmp/o', os.O_CREAT | os.O_WRONLY), 1)\n    print('a')\n    return 2 * x",
        "passed",
        "",
    ),
}
BODIES = MEMORY | NAMESPACES | PROCESSES | TIME | STREAMS

# What is seen inside the student's process may be a lie: an argument changed in place, and every witness silenced.
CHANGES = "def double(x):\n    return x.mul_(2)"
LIES = {
    "torch.equal": "import torch\ntorch.equal = torch.Tensor.equal = torch.allclose = lambda *a, **k: True",
    "torch.Tensor.__eq__": "import torch\ntorch.Tensor.__eq__ = torch.Tensor.eq = lambda *a: torch.tensor(True)",
    "nan_to_num": "import torch\ntorch.nan_to_num = lambda *a, **k: torch.zeros(3)",
    "the observer's comparison": "import sslcourse.exercises.observe as o, sslcourse.exercises.plain as p\n"
    "o.same_bits = p.same_bits = lambda *a: True",
    "builtins": "import builtins\nbuiltins.all = lambda *a: True\nbuiltins.map = lambda *a: []",
    "the observer's originals": "import sys\ndef originals():\n    frame = sys._getframe()\n    while frame:\n"
    "        yield from (v for v in frame.f_locals.values() if type(v) is dict and 'cotangent' in v)\n"
    "        frame = frame.f_back",
}
DOUBLES_ORIGINALS = "def double(x):\n    for d in originals():\n        d['x'].mul_(2)\n    return x.mul_(2)"
# Wrong answers that silence who would see it.
WRONG = {
    "autograd.grad": "import torch\ntorch.autograd.grad = lambda *a, **k: [2 * a[2]]\n"
    "def double(x):\n    return x.detach()",
    "Tensor.detach": "import torch\ntorch.Tensor.detach = torch.detach = lambda t: 0 * t\ndef double(x):\n    return x",
    "wire.encode": "import sslcourse.grading.wire as w\nencode = w.encode\n"
    "w.encode = lambda tree: encode({**tree, 'tree': [{'value': 1.0, 'passed': True}]} if 'case' in tree else tree)\n"
    "def double(x):\n    return x",
    "dis and traceback": "import dis, traceback\ndis.opname = None\ntraceback.walk_tb = lambda *a: []\n"
    "def double(x):\n    raise NotImplementedError",
}


@pytest.fixture
def attack(grade):
    """As `grade`; afterwards a right answer is graded as if alone."""
    yield grade
    result = grade(toy_lab.RIGHT["toy.double"])
    assert (result.status, result.points) == ("passed", 2.0)


@pytest.mark.parametrize("name", BODIES)
def test_the_attack_is_stopped_and_told(attack, name):
    body, status, words = BODIES[name]
    result = attack(f"{LIBC}\ndef double(x):\n    {body}")
    said = " ".join([result.message, *(case.message for case in result.cases)])
    assert (result.status, result.points) == (status, 2.0 if status == "passed" else 0.0), said
    assert words in said


@pytest.mark.parametrize("name", LIES)
def test_a_change_in_place_cannot_be_denied(attack, name):
    result = attack(f"{LIES[name]}\n{DOUBLES_ORIGINALS if 'originals' in name else CHANGES}")
    assert (result.status, result.points) == ("failed", 0.0)
    if name != "builtins":
        assert "changes its argument x" in result.message


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_answer_stays_wrong(attack, name):
    assert attack(WRONG[name]).points == 0.0


def test_threads_are_not_taken_for_memory(grade):
    source = """
from concurrent.futures import ThreadPoolExecutor
def double(x):
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda i: (x @ x) * i, range(64)))
    return 2 * x
"""
    result = grade(source)
    assert result.status == "passed", result.message


SPINS = f"{LIBC}\ndef spin():\n    os.setsid()\n    while True: pass\ndef double(x):\n    fork(30, spin)\n    spin()"
HONEST = """
import time
def double(x):
    end = time.process_time() + 0.2  # in each of four calls
    while time.process_time() < end: pass
    return 2 * x
"""


@pytest.mark.parametrize("groups", [True, False], ids=["control groups", "none"])
def test_a_neighbour_that_spins_costs_nobody_a_mark(level, monkeypatch, groups):
    if not groups:
        monkeypatch.setattr(cgroups, "_parents", lambda controller: [])
    elif not cgroups._make("cpu", "sslcourse-0-0"):
        pytest.skip("no control groups can be made here")
    exercise = toy_lab.LAB.exercises["toy.double"]
    boxes = [Box(toy_lab.LAB.tasks_module, level, LIMITS, toy_lab.LAB.box_files) for _ in range(2)]
    with boxes[0] as hostile, boxes[1] as honest:
        for box in boxes:
            assert grade_answer(exercise, toy_lab.submission(toy_lab.RIGHT["toy.double"]), box, seed=1).points == 2.0
        seen = []
        spinner = threading.Thread(
            target=lambda: seen.append(grade_answer(exercise, toy_lab.submission(SPINS), hostile, seed=1))
        )
        spinner.start()
        result = grade_answer(exercise, toy_lab.submission(HONEST), honest, seed=1)
        spinner.join()
    assert (result.status, result.points) == ("passed", 2.0)
    assert seen[0].status == "timeout"


def test_nothing_of_a_box_is_left(level):
    with Box(toy_lab.LAB.tasks_module, level, replace(LIMITS, seconds=0.5), toy_lab.LAB.box_files) as box:
        source = f"{LIBC}\ndef double(x):\n    fork(3, lambda: time.sleep(30))\n    return 2 * x"
        exercise = toy_lab.LAB.exercises["toy.double"]
        assert grade_answer(exercise, toy_lab.submission(source), box, seed=1).points == 2.0
        folders = set(box._group._folders.values())
        server = box._process.pid
        assert all(folder.exists() for folder in folders)
    assert not any(folder.exists() for folder in folders)
    assert not os.path.exists(f"/proc/{server}")
