"""The box's limits leave room for honest code and its neighbours, and of a box nothing is left."""

import os
import subprocess
import sys
import threading
from dataclasses import replace

import pytest
import toy_lab
from hostile.escaping import LIBC

from sslcourse.grading import cgroups
from sslcourse.grading.answers import grade_answer
from sslcourse.grading.host import Box, Limits

pytestmark = pytest.mark.slow
LIMITS = Limits(seconds=2.0, memory=300 * 2**20)


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


def test_shared_memory_counts_even_where_each_process_has_its_own(level):
    source = f"""{LIBC}
import mmap
def hoard():
    held = mmap.mmap(-1, 2**27)
    for page in range(0, 2**27, 4096): held[page] = 1
    time.sleep(60)
def double(x):
    fork(12, hoard)
    time.sleep(60)
"""
    limits = replace(LIMITS, seconds=60.0)  # so that memory is what runs out, on a slow machine, too
    with Box(toy_lab.LAB.tasks_module, level, limits, toy_lab.LAB.box_files) as box:
        result = grade_answer(toy_lab.LAB.exercises["toy.double"], toy_lab.submission(source), box, seed=1)
    assert (result.status, result.points) == ("memory", 0.0), result.message
    assert "300 MiB" in result.message


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


SLEEPS = """
import sys, time
from sslcourse.grading import student
share = float(sys.argv[1])
student.waited_for_processor = lambda pid: share * time.monotonic()
cells = [[0, "import time; time.sleep(2)", [0, 1]]]
print(student.run_cells(cells, {}, seconds=1.0))  # a statement may take half a second, or three times that on the wall
"""


@pytest.mark.parametrize("share", [0.0, 0.9])
def test_a_statement_is_stopped_by_the_wall_but_not_for_the_time_it_waited_for_the_processor(share):
    command = [sys.executable, "-c", SLEEPS, str(share)]
    found = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert ("took too long" in found) == (share == 0.0)


def test_nothing_of_a_box_is_left(level):
    with Box(toy_lab.LAB.tasks_module, level, LIMITS, toy_lab.LAB.box_files) as box:
        source = f"{LIBC}\ndef double(x):\n    fork(3, lambda: time.sleep(30))\n    return 2 * x"
        exercise = toy_lab.LAB.exercises["toy.double"]
        assert grade_answer(exercise, toy_lab.submission(source), box, seed=1).points == 2.0
        folders = set(box._group._folders.values())
        server = box._server.pid
        assert all(folder.exists() for folder in folders)
    assert not any(folder.exists() for folder in folders)
    assert not os.path.exists(f"/proc/{server}")
