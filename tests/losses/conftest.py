"""Two processes of one program for the tests of losses."""

import pytest
from harness import run_two_processes


@pytest.fixture(scope="session")
def two_processes(tmp_path_factory):
    """`run(worker, data) -> [out of process 0, out of process 1]`: two gloo processes execute the source `worker`."""
    return lambda worker, data: run_two_processes(worker, tmp_path_factory.mktemp("processes"), data)
