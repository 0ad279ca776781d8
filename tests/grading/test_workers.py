"""Many things side by side: whatever happens to a process costs the thing it was busy with."""

import os
import signal
import sys
import time

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


@pytest.mark.slow
def test_a_cluster_of_this_machine_is_closed_to_others_on_it():
    """Whoever can speak to a scheduler can have anything run as the grader."""
    pytest.importorskip("distributed")
    pytest.importorskip("cryptography")
    assert dict(each_done(scheduler_address, {1: 0}, 1))[1].startswith("tls://")


@pytest.mark.slow
def test_a_cluster_does_what_is_to_be_done_alone_alone():
    pytest.importorskip("distributed")
    client = {"n_workers": 2, "threads_per_worker": 1, "processes": False, "dashboard_address": None}
    begun.clear()
    dict(_on_cluster(busy, {number: number for number in range(6)}, client, one_by_one=True))
    assert max(begun) == 1, "what is to be graded alone is"


def scheduler_address(_):
    from distributed import get_worker

    return get_worker().scheduler.address


begun: list[int] = []
_now: list[int] = []


def busy(number):
    _now.append(number)
    begun.append(len(_now))
    time.sleep(0.05)
    _now.remove(number)


def test_a_cluster_needs_dask(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(ImportError, match="pip install 'sslcourse"):
        dict(each_done(square, {1: 2}, 0, "tcp://127.0.0.1:1"))
