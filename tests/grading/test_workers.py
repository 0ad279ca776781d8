"""Many things side by side: whatever happens to a process costs the thing it was busy with."""

import os
import signal

import pytest

from sslcourse.grading.workers import _in_processes, each_done


def square(number):
    if number < 0:
        raise ValueError("negative")
    if number == 13:
        os.kill(os.getpid(), signal.SIGKILL)
    return number * number


@pytest.mark.slow
def test_a_process_that_is_killed_costs_one_thing():
    done = dict(_in_processes(square, {1: 5, 2: 13, 3: -1, 4: 6, 5: 7}, 2))
    assert {number: done[number] for number in (1, 4, 5)} == {1: 25, 4: 36, 5: 49}
    assert isinstance(done[2], RuntimeError) and isinstance(done[3], ValueError)


def test_one_at_a_time_needs_no_process():
    here = dict(each_done(lambda number: square(number) + os.getpid(), {0: 2, 1: -1}, 1))
    assert here[0] == 4 + os.getpid() and isinstance(here[1], ValueError)
