"""What hostile or unlucky students hand in: each costs its own exercise and nothing else.

All of these share one box; after each of them a right answer must still be graded as if alone.
"""

import os
import socket

import pytest
import toy_lab

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def the_next_answer_is_graded_as_if_alone(grade):
    yield
    result = grade(toy_lab.RIGHT["toy.double"])
    assert (result.status, result.points) == ("passed", 2.0)


LOOP = "def double(x):\n    while True:\n        pass"
STUBBORN_LOOP = """
import signal
for number in range(1, 32):
    try:
        signal.signal(number, signal.SIG_IGN)
    except (OSError, ValueError):
        pass
def double(x):
    while True:
        try:
            while True:
                pass
        except BaseException:
            pass
"""


@pytest.mark.parametrize("source", [LOOP, STUBBORN_LOOP], ids=["plain", "swallowing everything"])
def test_an_infinite_loop_runs_out_of_time(grade, source):
    result = grade(source)
    assert (result.status, result.points) == ("timeout", 0.0)
    assert "2 seconds" in result.message


def test_cases_before_the_loop_keep_their_points(grade):
    result = grade("def double(x):\n    while len(x) > 3:\n        pass\n    return 2 * x")
    assert (result.status, result.points) == ("timeout", 1.0)


def test_exit_is_an_error(grade):
    result = grade("import sys\ndef double(x):\n    sys.exit(0)")
    assert (result.status, result.points) == ("error", 0.0)


def test_os_exit_is_killed(grade):
    result = grade("import os\ndef double(x):\n    os._exit(0)")
    assert (result.status, result.points) == ("killed", 0.0)
    assert "os._exit" in result.message


def test_os_exit_in_the_cell_is_killed(grade):
    assert grade("import os\ntwo = os._exit(0)\ndef double(x):\n    return two * x").status == "killed"


def test_a_signal_to_itself_is_killed(grade):
    result = grade("import os, signal\ndef double(x):\n    os.kill(os.getpid(), signal.SIGKILL)")
    assert (result.status, result.points) == ("killed", 0.0)
    assert "SIGKILL" in result.message


def test_a_crash_in_a_library_is_killed(grade):
    result = grade("import ctypes\ndef double(x):\n    return ctypes.string_at(0)")
    assert result.status == "killed"
    assert "SIGSEGV" in result.message


def test_killing_the_parent_helps_nobody(grade, box):
    before = box.starts
    result = grade("import os, signal\ndef double(x):\n    os.kill(os.getppid(), signal.SIGKILL)\n    return 2 * x")
    if box.level == "uid":  # another user's process: not permitted, so the answer raised
        assert result.status == "error"
        assert "PermissionError" in result.message
        assert box.starts == before
    else:
        assert result.status in ("killed", "passed")
    assert result.points == 0.0 or result.status == "passed"


def test_killing_everything_in_sight_kills_only_itself(grade):
    result = grade("import os, signal\ndef double(x):\n    os.kill(-1, signal.SIGKILL)\n    return x")
    assert result.points == 0.0
    assert result.status in ("killed", "error", "failed")


def test_stopping_the_parent_does_not_hang_the_grader(grade):
    result = grade("import os, signal\ndef double(x):\n    os.kill(os.getppid(), signal.SIGSTOP)\n    return x")
    assert result.points == 0.0


def test_a_fork_bomb_is_bounded(grade):
    # Bounded here too, so that a broken box costs this machine 200 processes and not its life.
    source = """
import os, time
def double(x):
    for _ in range(200):
        try:
            if os.fork() == 0:
                time.sleep(30)
                os._exit(0)
        except OSError:
            return torch.tensor(float("nan"))
    return 2 * x
"""
    result = grade(source, helpers=["import torch"])
    assert result.points == 0.0
    assert result.status in ("failed", "killed", "error", "timeout")  # forking that often is slow, too


def test_a_daemon_left_behind_dies(grade):
    source = (
        "import os, time\ndef double(x):\n    if os.fork() == 0:\n        os.setsid()\n        time.sleep(987.5)\n     "
        "   os._exit(0)\n    return 2 * x"
    )
    assert grade(source).status == "passed"
    source = (
        "import os\ndef double(x):\n    others = [p for p in os.listdir('/proc') if p.isdigit()]\n    return 2 * x /"
        " (len(others) <= 3)"
    )
    assert grade(source).status == "passed"  # init, the server, itself


@pytest.mark.parametrize(
    "body",
    ["return torch.zeros(2**33)", "hoard = []\n    while True:\n        hoard.append('x' * 10**6)"],
    ids=["one tensor", "a growing list"],
)
def test_a_memory_hog_is_told_so(grade, body):
    result = grade(f"import torch\ndef double(x):\n    {body}")
    assert (result.status, result.points) == ("memory", 0.0)
    assert "300 MiB" in result.message


def test_a_memory_hog_of_many_processes_is_stopped(grade):
    source = """
import os, time
def double(x):
    for _ in range(6):
        if os.fork() == 0:
            hoard = bytearray(150 * 2**20)
            for i in range(0, len(hoard), 4096):
                hoard[i] = 1
            time.sleep(30)
    time.sleep(30)
"""
    result = grade(source)
    assert result.status in ("memory", "timeout")
    assert result.points == 0.0


def test_twenty_megabytes_of_output_cost_nothing(grade):
    result = grade("def double(x):\n    for _ in range(10_000):\n        print('y' * 1000)\n    return 2 * x")
    assert (result.status, result.points) == ("passed", 2.0)
    assert len(result.output) <= 4_000


def test_a_full_disk_is_not_possible(grade):
    source = """
def double(x):
    written = 0
    for i in range(40):
        with open(f"/tmp/{i}", "wb") as file:
            written += file.write(b"x" * 10**7)
    return 2 * x
"""
    result = grade(source)
    assert (result.status, result.points) == ("error", 0.0)


EQUAL_TO_ALL = """
import torch
class Same(torch.Tensor):
    def __eq__(self, other):
        return True
class Always:
    shape = (3,)
    dtype = torch.float64
    __class__ = torch.Tensor
    def __eq__(self, other):
        return True
    def __getattr__(self, name):
        return self
    def __call__(self, *a, **k):
        return self
"""


@pytest.mark.parametrize("value", ["Always()", "x.as_subclass(Same)"])
def test_an_object_that_equals_everything_equals_nothing(grade, value):
    result = grade(f"{EQUAL_TO_ALL}\ndef double(x):\n    return {value}")
    assert (result.status, result.points) == ("failed", 0.0)


def test_patched_torch_comparisons_change_nothing(grade):
    source = """
import torch
yes = lambda *a, **k: True
torch.allclose = torch.equal = torch.isclose = torch.Tensor.allclose = torch.Tensor.equal = yes
torch.testing.assert_close = lambda *a, **k: None
torch.Tensor.__eq__ = yes
def double(x):
    return x * 0
"""
    assert grade(source).points == 0.0


def test_patching_the_graders_own_modules_changes_nothing(grade):
    source = """
import sys
import sslcourse.exercises.observe as observe, sslcourse.grading.wire as wire, toy.tasks
for task in toy.tasks.TASKS.values():
    object.__setattr__(task, "observe", lambda answer, inputs: {"value": inputs["x"], "status": "passed", "points": 2})
observe.observe_gradient = lambda *a, **k: {"passed": True}
def double(x):
    return x
"""
    assert grade(source).points == 0.0


FORGED = """
import io, json, os, struct, sys, torch
import sslcourse.grading.wire as wire
passed = {"status": "passed", "points": 2, "value": torch.zeros(3, dtype=torch.float64), "gradient": {}, "changed": []}
messages = [wire.encode({"cell": {"error": None, "failed_helpers": []}})]
messages += [wire.encode({"case": name, "tree": passed}) for name in ("by hand", "random")]
header = json.dumps({"ended": "exited", "exit": 0, "seconds": 0.1, "output": "", "size": 0}).encode()
frame = struct.pack("<I", len(header)) + header
"""


def test_forged_scores_printed_are_only_print(grade):
    source = (
        "import json\ndef double(x):\n    print(json.dumps({'score': 100, 'status': 'passed'}), 'All tests passed')\n  "
        "  return x"
    )
    result = grade(source)
    assert (result.status, result.points) == ("failed", 0.0)


@pytest.mark.parametrize("payload", ["b''.join(messages)", "frame", "b'garbage' * 100"])
def test_forged_bytes_written_to_every_descriptor_earn_nothing(grade, payload):
    source = f"""{FORGED}
def double(x):
    for number in range(256):
        try:
            os.write(number, {payload})
        except OSError:
            pass
    os._exit(0)
"""
    result = grade(source)
    assert result.points == 0.0
    assert result.status in ("failed", "error", "killed")


def test_a_forged_answer_to_another_exercise_goes_nowhere(grade):
    source = f"""{FORGED}
def double(x):
    for pid in os.listdir("/proc"):
        for number in range(64):
            try:
                with open(f"/proc/{{pid}}/fd/{{number}}", "wb", 0) as file:
                    file.write(frame)
            except OSError:
                pass
    return x
"""
    result = grade(source)
    assert result.points == 0.0
    assert grade("def shift(x):\n    return x", "toy.shift").points == 0.0


def test_an_endless_message_is_cut_off(grade):
    source = """
import os
def double(x):
    for number in range(3, 64):
        try:
            while True:
                os.write(number, b"x" * 2**20)
        except OSError:
            pass
"""
    result = grade(source)
    assert result.points == 0.0
    assert result.status in ("killed", "timeout", "error")


@pytest.mark.parametrize(
    "module",
    [
        "sslcourse.losses.contrastive",
        "sslcourse.labs.contrastive.answers",
        "sslcourse.grading.run",
        "sslcourse.methods",
    ],
)
def test_the_packages_own_answers_are_not_there(grade, module):
    result = grade(f"def double(x):\n    import {module}\n    return 2 * x")
    assert (result.status, result.points) == ("error", 0.0)
    assert "not there where answers are graded" in result.message


def test_nothing_but_the_listed_modules_is_importable(grade, box):
    source = """
import pkgutil, sslcourse
found = sorted(module.name for module in pkgutil.walk_packages(sslcourse.__path__, "sslcourse."))
def double(x):
    raise ValueError(" ".join(found))
"""
    message = grade(source).cases[0].message
    named = {word.strip(".`'\",") for word in message.split() if word.startswith("sslcourse.")}
    assert named
    assert "sslcourse.exercises.observe" in named
    allowed = {"sslcourse.exercises", "sslcourse.grading", "sslcourse.notebook", "sslcourse.labs"}
    allowed |= {f"sslcourse.exercises.{name}" for name in ("catalogue", "task", "inputs", "observe", "plain", "trace")}
    allowed |= {f"sslcourse.grading.{name}" for name in ("box", "child", "clock", "standins", "student", "wire")}
    assert named <= allowed, named - allowed


def test_files_outside_are_not_there(grade, tmp_path):
    secret = tmp_path / "gradebook.csv"
    secret.write_text("marks")
    paths = [
        str(secret),
        str(__file__),
        toy_lab.__file__,
        "/etc/passwd",
        "/etc/shadow",
        os.path.expanduser("~/.bashrc"),
    ]
    source = f"""
def double(x):
    for path in {paths!r}:
        try:
            open(path).read()
        except OSError:
            continue
        return x
    return 2 * x
"""
    assert grade(source).status == "passed"


def test_nothing_outside_can_be_written(grade, tmp_path):
    tmp_path.chmod(0o777)
    result = grade(f"def double(x):\n    open({str(tmp_path / 'new')!r}, 'w').write('x')\n    return 2 * x")
    assert result.status == "error"
    assert not list(tmp_path.iterdir())


def test_libraries_cannot_be_changed(grade):
    source = "import torch\ndef double(x):\n    open(torch.__file__, 'a').write('#')\n    return 2 * x"
    result = grade(source)
    assert (result.status, result.points) == ("error", 0.0)


def test_there_is_no_network(grade):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        result = grade(
            f"import socket\ndef double(x):\n    socket.create_connection(('127.0.0.1', {port}), 1)\n    return 2 * x"
        )
    assert (result.status, result.points) == ("error", 0.0)


def test_the_environment_of_the_grader_is_not_passed_on(grade, monkeypatch):
    monkeypatch.setenv("SSLCOURSE_SECRET", "42")
    result = grade("import os\ndef double(x):\n    return 2 * x / ('SSLCOURSE_SECRET' not in os.environ)")
    assert result.status == "passed"


def test_no_input_is_waited_for(grade):
    result = grade("def double(x):\n    input()\n    return 2 * x")
    assert result.status == "passed"
