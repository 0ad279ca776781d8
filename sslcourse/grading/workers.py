"""Do the same for many things side by side: in this process, in processes of this machine, or on a Dask cluster.

Whatever happens to a process costs the thing that it was busy with, and no other.
"""

import importlib.util
import multiprocessing
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from typing import Any

from sslcourse.cluster import on_cluster

AHEAD = 2  # things that a worker of a cluster has before it asks for more


def each_done(
    task: Callable,
    things: Mapping[int, Any],
    count: int,
    cluster: str = "",
    pack: Callable | None = None,
    *,
    one_by_one: bool = False,
) -> Iterator[tuple[int, Any]]:
    """Yield (number, `task(thing)`) for each of `things` as it is done, or in its place the exception that it raised.

    They are done in `count` processes, or with 0 in this one, each after the other. `cluster` is the address of a Dask
    scheduler, whose workers do them instead, each thing packed for the journey by `pack`; with `one_by_one` one at a
    time. Where Dask is installed, it runs the processes of this machine, too.
    Raises ImportError without it, ValueError for workers with several threads.
    """
    if not things:
        return iter(())
    if cluster:
        return _on_cluster(task, things, {"address": cluster}, pack, one_by_one)
    if count == 0:
        return ((number, _tried(task, thing)) for number, thing in things.items())
    if importlib.util.find_spec("distributed") and importlib.util.find_spec("cryptography"):
        # Whoever can speak to a scheduler can run what they like on its workers: others on this machine must not.
        secret = {"security": True, "dashboard_address": None}
        return _on_cluster(task, things, {"n_workers": count, "threads_per_worker": 1} | secret)
    return _in_processes(task, things, count)


def _tried(task: Callable, thing: Any) -> Any:
    try:
        return task(thing)
    except Exception as error:  # noqa: BLE001 (one thing costs no other)
        return error


def _in_processes(task: Callable, things: Mapping[int, Any], count: int) -> Iterator[tuple[int, Any]]:
    """In `count` processes, each in a pool of its own: when one dies, it is known what it was busy with."""
    context = multiprocessing.get_context("spawn")  # fresh ones: nothing of this one's threads
    waiting, running = iter(things.items()), {}
    pools = [ProcessPoolExecutor(1, context, initializer=_end_with_parent) for _ in range(count)]

    def go_on(place: int) -> None:
        for number, thing in waiting:
            running[pools[place].submit(task, thing)] = place, number
            return

    try:
        for place in range(count):
            go_on(place)
        while running:
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                place, number = running.pop(future)
                if isinstance(future.exception(), BrokenProcessPool):
                    pools[place] = ProcessPoolExecutor(1, context, initializer=_end_with_parent)
                go_on(place)
                yield number, _result(future)
    finally:
        for pool in pools:
            pool.shutdown(wait=False, cancel_futures=True)


def _result(future: Future) -> Any:
    error = future.exception()
    if isinstance(error, BrokenProcessPool):
        return RuntimeError("the process that graded it was killed")
    return future.result() if error is None else error


def _end_with_parent() -> None:
    """End this process when the one that started it is gone, killed perhaps."""
    parent = multiprocessing.parent_process()
    assert parent is not None

    def watch() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _on_cluster(
    task: Callable,
    things: Mapping[int, Any],
    options: dict,
    pack: Callable | None = None,
    one_by_one: bool = False,
) -> Iterator[tuple[int, Any]]:
    """On the workers of a Dask cluster, a few things ahead; `options` are those of Dask's Client."""
    packed = ((number, pack(thing) if pack else thing) for number, thing in things.items())
    return on_cluster(task, packed, options, lambda workers: 1 if one_by_one else AHEAD * workers)
