"""Many things side by side: whatever happens to a process costs the thing it was busy with."""

import os
import signal
import sys

import pytest

from sslcourse.grading.workers import _in_processes, _on_cluster, each_done


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


def test_no_process_is_needed():
    here = dict(each_done(lambda number: square(number) + os.getpid(), {0: 2, 1: -1}, 0))
    assert here[0] == 4 + os.getpid() and isinstance(here[1], ValueError)


@pytest.mark.slow
def test_a_cluster_does_the_same():
    pytest.importorskip("distributed")
    options = {"n_workers": 1, "threads_per_worker": 1, "processes": False, "dashboard_address": None}
    done = dict(_on_cluster(square, {1: "2", 2: "-1", 3: "4"}, options, pack=int))
    assert (done[1], done[3]) == (4, 16) and isinstance(done[2], ValueError)


def test_a_cluster_needs_dask(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(ImportError, match="pip install 'sslcourse"):
        dict(each_done(square, {1: 2}, 0, "tcp://127.0.0.1:1"))
