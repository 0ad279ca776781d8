"""Do the same for many things on the workers of a Dask cluster (the extra `cluster`)."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

Name = TypeVar("Name")


def connected(options: dict[str, Any]) -> Any:
    """A client of the cluster. Raises ImportError without Dask, ValueError where it cannot connect."""
    try:
        from distributed import Client
    except ImportError as error:
        raise ImportError("--cluster needs Dask; install it with: pip install 'sslcourse[cluster]'") from error
    try:
        return Client(**options)
    except TypeError as error:  # so Dask says that keys for TLS are missing
        raise ValueError(f"Dask cannot connect to {options.get('address')}: {error}") from None


def on_every_worker(task: Callable[..., Any], argument: Any, options: dict[str, Any]) -> list[Any]:
    """What `task(argument)` returns on each worker that the cluster has now. Raises as `connected`."""
    with connected(options) as client:
        return list(client.run(task, argument).values())


def on_cluster(
    task: Callable[[Any], Any],
    things: Iterable[tuple[Name, Any]],
    options: dict[str, Any],
    ahead: Callable[[int], int] = lambda workers: workers,
) -> Iterator[tuple[Name, Any]]:
    """Yield (name, `task(thing)`) for each of `things` as it is done, or in its place the exception that it raised.

    A thing is taken from `things`, and sent, when one before it is done; `ahead` says of a number of workers how many
    are under way at a time. `options` are those of Dask's Client. Raises as `connected`, and ValueError for workers
    with several threads: random numbers and limits are a process's.
    """
    with connected(options) as client:
        from distributed import as_completed

        threads = list(client.nthreads().values())
        if not threads or max(threads) > 1:
            raise ValueError(f"workers need one thread each (dask worker --nthreads 1); they have {threads}")
        waiting, names = iter(things), {}

        def submit_next() -> list:
            for name, thing in waiting:
                future = client.submit(task, thing, pure=False)
                names[future.key] = name
                return [future]
            return []

        futures = as_completed([future for _ in range(ahead(len(threads))) for future in submit_next()])
        for future in futures:
            yield names.pop(future.key), future.result() if future.status == "finished" else future.exception()
            futures.update(submit_next())
