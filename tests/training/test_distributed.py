"""Two processes through `fit`: equal weights, files from the first alone, exact resume; and what needs no process."""

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
from torch import nn

from sslcourse.training import distributed

pytestmark = pytest.mark.slow

GLOO = pytest.mark.skipif(not dist.is_available() or not dist.is_gloo_available(), reason="this torch has no gloo")

# One process that imports once and forks the two of each run of a plan, before it has computed anything itself.
# `kill_at`: the first of them dies there, as at a power cut, and the other is ended, as torchrun does.
SCRIPT = textwrap.dedent(
    """
    import json, os, signal, socket, sys
    import torch
    sys.path.insert(0, sys.argv[1])
    from conftest import make_textures
    from toy_methods import ToyDistillation
    from sslcourse.training import FitSettings, fit
    from sslcourse.training.distributed import process_group, rank

    def train(out, results, kill_at):
        torch.set_num_threads(1)
        with process_group("cpu"):
            torch.manual_seed(rank())  # the processes start apart: the first one's weights must win
            method, logged = ToyDistillation(), []

            def on_log(row):
                logged.append(row["step"])
                if row["step"] == kill_at:
                    os.kill(os.getpid(), signal.SIGKILL)

            def evaluate(method):
                assert rank() == 0
                return {"score": 0.5}

            settings = FitSettings(
                steps=8, batch_size=16, log_every=2, checkpoint_every=3, device="cpu", precision="fp32"
            )
            rows = fit(method, make_textures(48), settings, out=out, evaluate=evaluate, on_log=on_log)
            drawn = [call[1] for call in method.called if call[0] == "views"]
            weights = method.state_dict()
            torch.save({"weights": weights, "rows": rows, "logged": logged, "drawn": drawn}, f"{results}/{rank()}.pt")

    for run in json.loads(sys.argv[2]):
        os.makedirs(run["results"], exist_ok=True)
        held = socket.socket()  # a free port, chosen by the system; nobody else is given it while this is open
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.bind(("127.0.0.1", 0))
        port = str(held.getsockname()[1])
        children = []
        for number in range(2):
            children.append(os.fork())
            if children[-1] == 0:
                os.dup2(os.open(f"{run['results']}/{number}.err", os.O_CREAT | os.O_WRONLY), 2)
                os.environ |= {"RANK": str(number), "LOCAL_RANK": str(number), "WORLD_SIZE": "2"}
                os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
                code = 1
                try:
                    train(**run)
                    code = 0
                except BaseException as problem:
                    print(repr(problem), file=sys.stderr)
                sys.stderr.flush()
                os._exit(code)
        ended = [os.waitpid(children[0], 0)[1]]
        if ended[0]:
            os.kill(children[1], signal.SIGKILL)
        ended.append(os.waitpid(children[1], 0)[1])
        held.close()
        print("ended:", [os.waitstatus_to_exitcode(status) for status in ended], flush=True)
    """
)


class Runs:
    """An undisturbed run, and one that was killed at step 4 and started again: what each process held at the end."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        plan = [("undisturbed", "a", 0), ("killed", "b", 4), ("resumed", "b", 0)]
        runs = [
            {"out": str(folder / out), "results": str(folder / name), "kill_at": kill_at} for name, out, kill_at in plan
        ]
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT, str(Path(__file__).parent), json.dumps(runs)],
            capture_output=True,
            text=True,
            timeout=500,
            env={key: value for key, value in os.environ.items() if key != "TQDM_DISABLE"},
        )
        said = done.stdout + done.stderr + "".join(self.shown(name, rank) for name, _, _ in plan for rank in range(2))
        ended = [json.loads(line) for line in done.stdout.split("ended: ")[1:]]
        # The second of the killed run may find its partner gone before it is ended itself.
        assert ended[0] == ended[2] == [0, 0] and ended[1][0] == -9 and ended[1][1] != 0, said

    def of(self, name: str) -> list[dict]:
        return [torch.load(self.folder / name / f"{rank}.pt", weights_only=True) for rank in range(2)]

    def shown(self, name: str, rank: int) -> str:
        return (self.folder / name / f"{rank}.err").read_text()


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    if not dist.is_available() or not dist.is_gloo_available():
        pytest.skip("this torch has no gloo")
    return Runs(tmp_path_factory.mktemp("two"))


def test_the_processes_hold_equal_weights_and_rows(runs):
    first, second = runs.of("undisturbed")
    assert all(torch.equal(first["weights"][name], second["weights"][name]) for name in first["weights"])
    assert first["rows"] == second["rows"] and [row["step"] for row in first["rows"]] == [2, 4, 6, 8]
    assert first["rows"][-1]["score"] == 0.5


def test_each_process_takes_half_of_the_batch(runs):
    assert all(result["drawn"] == [8] * 8 for result in runs.of("undisturbed"))


def test_only_the_first_process_writes_and_shows(runs):
    first, second = runs.of("undisturbed")
    lines = (runs.folder / "a" / "log.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == first["rows"] and first["logged"] == [2, 4, 6, 8]
    assert sorted(path.name.split("-")[1] for path in (runs.folder / "a").glob("checkpoint-*.pt")) == [
        "00000006",
        "00000008",
    ]
    assert (
        "8/8" in runs.shown("undisturbed", 0) and "8/8" not in runs.shown("undisturbed", 1) and second["logged"] == []
    )


def test_killed_and_resumed_by_both_is_bit_identical(runs):
    assert runs.of("resumed")[0]["logged"] == [4, 6, 8]  # from the checkpoint of step 3
    for before, after in zip(runs.of("undisturbed"), runs.of("resumed")):
        assert all(torch.equal(before["weights"][name], after["weights"][name]) for name in before["weights"])


def test_without_processes_nothing_happens(textures):
    with distributed.process_group("cpu"):
        assert not dist.is_initialized()
    batch = torch.arange(6)
    assert torch.equal(distributed.own_slice(batch), batch)
    assert distributed.from_all({"a": 1}) == [{"a": 1}] and distributed.from_first("x") == "x"
    method = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
    assert distributed.parallel(method) is method
    assert type(distributed.prepare(method, torch.device("cuda"))[1]) is nn.BatchNorm1d


def test_on_cuda_every_batch_norm_becomes_synchronised(monkeypatch):
    monkeypatch.setattr(distributed, "world_size", lambda: 2)
    method = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4)))
    parameters, buffers = list(method.parameters()), dict(method.named_buffers())
    assert distributed.prepare(method, torch.device("cpu")) is method and type(method[1]) is nn.BatchNorm2d
    converted = distributed.prepare(method, torch.device("cuda"))
    assert converted is method  # in place: who holds the method holds the converted one
    assert isinstance(method[1], nn.SyncBatchNorm) and isinstance(method[2][1], nn.SyncBatchNorm)
    assert all(old is new for old, new in zip(parameters, method.parameters(), strict=True))
    assert all(torch.equal(buffers[name], buffer) for name, buffer in method.named_buffers())


@pytest.mark.parametrize("batch_size", [15, 2])
def test_a_batch_that_cannot_be_dealt_is_refused(monkeypatch, batch_size):
    monkeypatch.setattr(distributed, "world_size", lambda: 2)
    with pytest.raises(ValueError, match="multiple of 2, at least 4"):
        distributed.check_batch_size(batch_size)


def test_the_slices_of_all_processes_make_the_batch(monkeypatch):
    monkeypatch.setattr(distributed, "world_size", lambda: 3)
    slices = []
    for rank in range(3):
        monkeypatch.setattr(distributed, "rank", lambda rank=rank: rank)
        slices.append(distributed.own_slice(torch.arange(12)))
    assert torch.cat(slices).tolist() == list(range(12)) and {len(part) for part in slices} == {4}
