"""Submissions that one fork server serves, one after the other: nothing of one is seen or changed by the next."""

import os
import signal
from pathlib import Path

import pytest
import toy_lab
from hostile.escaping import LIBC

from sslcourse.grading import bubblewrap, servers
from sslcourse.grading.answers import grade_answer
from sslcourse.grading.clock import family
from sslcourse.grading.host import Box, Limits
from sslcourse.grading.watch import memory_and_count

pytestmark = pytest.mark.slow
TOY = toy_lab.LAB
LIMITS = Limits(seconds=10.0, memory=300 * 2**20)
NAMESPACES = ("mnt", "pid", "net", "ipc", "uts")
# What the first leaves behind, and what the second must find for its answer to be right.
LEAVES = {
    "files": (
        "for d in ('/tmp', '/dev/shm', '.', '/var/tmp', '/run'):\n        try: open(d + '/left', 'w').write('seen')\n"
        "        except OSError: pass",
        "not any(os.path.exists(d + '/left') for d in ('/tmp', '/dev/shm', '.', '/var/tmp', '/run'))",
    ),
    "a module to import": (
        "open('/tmp/json.py', 'w').write('raise SystemExit')\n    open('sitecustomize.py', 'w').write('1 / 0')",
        "not os.listdir('/tmp') and not os.listdir('.')",
    ),
    "processes": (
        "fork(3, lambda: (os.setsid(), time.sleep(60)))",
        "[pid for pid in os.listdir('/proc') if pid.isdigit()] == ['1', str(os.getpid())]",
    ),
    "changed modules": (
        "torch.allclose = torch.Tensor.sum = sys.stowaway = os.stowaway = lambda *a, **k: 'seen'\n"
        "    import sslcourse.exercises.observe as o; o.stowaway = 1\n    os.environ['A'] = 'b'",
        "not hasattr(sys, 'stowaway') and float(torch.ones(2).sum()) == 2 and 'A' not in os.environ"
        " and not hasattr(sys.modules['sslcourse.exercises.observe'], 'stowaway')",
    ),
    "signals": (
        "signal.signal(signal.SIGUSR1, signal.SIG_IGN); signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR2])\n"
        "    for number in range(1, 65):\n        for to in (os.getppid(), 1, -1):\n"
        "            try: os.kill(to, number)\n            except OSError: pass",
        "signal.getsignal(signal.SIGUSR1) == signal.SIG_DFL and not signal.pthread_sigmask(signal.SIG_BLOCK, [])",
    ),
    "memory": (
        "import mmap; m = mmap.mmap(-1, 4096); m.write(b'stowaway'); torch.hoard = bytearray(b'stowaway' * 9999)",
        "not hasattr(torch, 'hoard') and not [m for m in open('/proc/self/maps') if m.split()[1][1::2] == 'ws']",
    ),
    "sockets": (
        "torch.kept = socket.socket(socket.AF_UNIX); torch.kept.bind(chr(0) + f'left{time.time()}')",
        "not [line for line in open('/proc/net/unix') if '@left' in line]",
    ),
    "a terminal": ("torch.kept = os.openpty()", "os.listdir('/dev/pts') == ['ptmx']"),
    "locks": (
        "import fcntl; torch.kept = open('/box/sslcourse/__init__.py'); fcntl.flock(torch.kept, fcntl.LOCK_SH)",
        "__import__('fcntl').flock(open('/box/sslcourse/__init__.py'), 6) is None",
    ),
    "limits and name": (
        "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64)); os.umask(0o777); os.nice(5)",
        f"os.umask(0o22) == 0o22 and os.nice(0) == {os.nice(0)} and __import__('resource').getrlimit(7)[0] == 128",
    ),
}


@pytest.fixture(scope="module")
def forked(level):
    """Begin a box that the fork server of this level serves, or skip."""

    def begin():
        box = Box(TOY.tasks_module, level, LIMITS, TOY.box_files)
        box.__enter__()
        return box

    servers.close_idle()  # of other tests in this process: with several, boxes would take turns at them
    box = begin()
    graded(box, toy_lab.RIGHT["toy.double"])
    is_forked = isinstance(box._server, servers.Forked)
    box.__exit__()
    if not is_forked:
        pytest.skip("no namespaces can be made inside the sandbox here")
    return begin


def graded(box, source):
    return grade_answer(TOY.exercises["toy.double"], toy_lab.submission(source), box, seed=1)


def server_of(box):
    return box._server._parent._process.pid


def zygote_of(box):
    """The fork server itself: below bubblewrap, and begun before the process that waits for the box."""
    above = set(family(server_of(box))) - set(family(box._server.pid)) - {server_of(box)}
    return min(above, key=lambda pid: int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[19]))


def threads(pid):
    return len(os.listdir(f"/proc/{pid}/task"))


@pytest.mark.parametrize("name", LEAVES)
def test_nothing_is_left_for_the_next(forked, name):
    does, is_clean = LEAVES[name]
    first = forked()
    result = graded(first, f"{LIBC}\ndef double(x):\n    {does}\n    return 2 * x")
    assert result.points == 2.0 or name in ("signals", "changed modules", "limits and name"), result.message
    parent, pid = server_of(first), first._server.pid
    first.__exit__()
    assert not os.path.exists(f"/proc/{pid}")
    second = forked()
    try:
        assert graded(second, f"{LIBC}\ndef double(x):\n    return 2 * x / bool({is_clean})").points == 2.0
        assert server_of(second) == parent and second._server.pid != pid
    finally:
        second.__exit__()


def test_a_box_has_namespaces_and_rights_of_its_own(forked, level):
    box = forked()
    try:
        double = "def double(x):\n    raise ValueError([s for s in open('/proc/self/status') if s.startswith('Cap')])"
        told = graded(box, double).cases[0].message.replace("\\t", "")
        for right in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
            kept = 0b11100000 if level == "uid" and right == "CapBnd" else 0
            assert f"{right}:{kept:016x}" in told
        above = {pid: spaces(pid) for pid in ("self", zygote_of(box))}
        for there in above.values():
            assert not set(spaces(box._server.pid).values()) & set(there.values())
    finally:
        box.__exit__()


def spaces(pid):
    return {name: os.readlink(f"/proc/{pid}/ns/{name}") for name in NAMESPACES}


def test_the_fork_server_stays_as_it_was(forked):
    def state(box):
        pid = zygote_of(box)
        files = sorted(os.readlink(f"/proc/{pid}/fd/{number}") for number in os.listdir(f"/proc/{pid}/fd"))
        return files, Path(f"/proc/{pid}/mountinfo").read_text(), threads(pid)

    states = []
    for body in ("return 2 * x", "os.kill(os.getpid(), 9)", "while True: fork(9, lambda: time.sleep(9))"):
        box = forked()
        graded(box, f"{LIBC}\ndef double(x):\n    {body}")
        graded(box, toy_lab.RIGHT["toy.double"])  # whatever became of it, there is a server again
        states.append(state(box))
        box.__exit__()
    assert states[0] == states[1] == states[2]
    assert states[0][2] == 1, "a thread does not survive a fork"


def test_a_fork_server_that_is_killed_costs_nobody_a_mark(forked):
    box = forked()
    assert graded(box, toy_lab.RIGHT["toy.double"]).points == 2.0
    os.kill(server_of(box), signal.SIGKILL)
    while not box._server.has_ended():
        pass
    assert graded(box, toy_lab.RIGHT["toy.double"]).points == 2.0
    box.__exit__()


def test_empty_files_take_memory_too(forked):
    box = forked()
    try:
        graded(box, toy_lab.RIGHT["toy.double"])
        before = memory_and_count(box._server.pid)[0]
        graded(box, "import os\ndef double(x):\n    for n in range(9000): os.mknod(f'/tmp/{n}')\n    return 2 * x")
        assert memory_and_count(box._server.pid)[0] > before + 9000 * 1000
    finally:
        box.__exit__()


def test_a_lab_does_not_see_the_tasks_of_another(level, tmp_path):
    other = {"other/__init__.py": tmp_path / "a.py", "other/tasks.py": tmp_path / "a.py"}
    (tmp_path / "a.py").write_text("TASKS = {}\n")
    with Box(TOY.tasks_module, level, LIMITS, TOY.box_files | other) as box:
        look = "import os\ndef double(x):\n    return 2 * x / (os.listdir('/box/other') == [])"
        assert graded(box, look).points == 2.0


def test_an_environment_below_tmp_is_not_covered(level, monkeypatch):
    monkeypatch.setattr(bubblewrap, "_bound_directories", lambda: ("/opt/python", "/tmp/env/lib"))
    assert bubblewrap.is_in_scratch()
    monkeypatch.undo()
    monkeypatch.setattr(bubblewrap, "is_in_scratch", lambda: True)
    with Box(TOY.tasks_module, level, LIMITS, TOY.box_files) as box:
        assert graded(box, toy_lab.RIGHT["toy.double"]).points == 2.0
        assert isinstance(box._server, servers.Started)
