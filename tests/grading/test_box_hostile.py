"""What hostile or unlucky students hand in costs its own exercise and nothing else (see `hostile` for the rest).

All of these share one box; after each of them a right answer must still be graded as if alone.
"""

import pytest
import toy_lab

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def the_next_answer_is_graded_as_if_alone(grade):
    yield
    result = grade(toy_lab.RIGHT["toy.double"])
    assert (result.status, result.points) == ("passed", 2.0)


def test_cases_before_the_loop_keep_their_points(grade):
    result = grade("def double(x):\n    while len(x) > 3:\n        pass\n    return 2 * x")
    assert (result.status, result.points) == ("timeout", 1.0)


def test_os_exit_in_the_cell_is_killed(grade):
    assert grade("import os\ntwo = os._exit(0)\ndef double(x):\n    return two * x").status == "killed"


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


FORGED = """
import io, json, os, struct, sys, torch
import sslcourse.grading.wire as wire
passed = {"status": "passed", "points": 2, "value": torch.zeros(3, dtype=torch.float64), "gradient": {}, "changed": []}
messages = [wire.encode({"cell": {"error": None, "failed_helpers": []}})]
messages += [wire.encode({"case": name, "tree": passed}) for name in ("by hand", "random")]
header = json.dumps({"ended": "exited", "exit": 0, "seconds": 0.1, "output": "", "size": 0}).encode()
frame = struct.pack("<I", len(header)) + header
"""


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
    allowed |= {f"sslcourse.grading.{name}" for name in ("box", "child", "clock", "namespaces", "wire")}
    allowed |= {"sslcourse.grading.standins", "sslcourse.grading.student"}
    assert named <= allowed, named - allowed
