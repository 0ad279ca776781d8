"""Device, precision and seeds: what is picked, what is refused, what can be relied on."""

import time

import pytest
import torch

from sslcourse.training import runtime


def test_auto_takes_the_accelerator_if_there_is_one(accelerator):
    assert runtime.pick_device().type == runtime.pick_device(accelerator.type).type == accelerator.type
    assert runtime.pick_device("cpu").type == "cpu"


def test_auto_takes_the_cpu_if_there_is_none():
    assert runtime.pick_device().type == "cpu"


@pytest.mark.parametrize("name", ["tpu", "gpu", ""])
def test_an_unknown_device_is_refused_with_the_ones_that_are_there(name):
    with pytest.raises(ValueError, match="choose one of: auto, .*cpu"):
        runtime.pick_device(name)


def test_cuda_is_refused_where_there_is_none():
    with pytest.raises(ValueError, match="cuda"):
        runtime.pick_device("cuda")


@pytest.mark.parametrize(
    "capability, expected", [((6, 0), "fp32"), ((7, 5), "fp16"), ((8, 0), "bf16"), ((9, 0), "bf16")]
)
def test_the_precision_on_cuda_follows_the_card(monkeypatch, capability, expected):
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda *_: True)  # as a T4 says, which emulates it
    assert runtime.pick_precision(torch.device("cuda")) == expected


@pytest.mark.parametrize("instructions, expected", [(True, "bf16"), (False, "fp32")])
def test_the_precision_on_a_processor_follows_its_instructions_alone(monkeypatch, instructions, expected):
    monkeypatch.setattr(runtime, "has_bf16_instructions", lambda: instructions)
    monkeypatch.setattr(time, "perf_counter", lambda: pytest.fail("a clock was read"))
    assert {runtime.pick_precision(torch.device("cpu")) for _ in range(20)} == {expected}


def test_fp16_is_refused_on_a_processor():
    with pytest.raises(ValueError, match="auto, fp32, bf16"):
        runtime.pick_precision(torch.device("cpu"), "fp16")


def test_only_fp16_gets_a_scaler_and_only_reduced_precision_an_autocast():
    layer, rows = torch.nn.Linear(4, 4), torch.ones(2, 4)
    for precision, expected in {"fp32": torch.float32, "bf16": torch.bfloat16}.items():
        made = runtime.make_runtime("cpu", precision)
        assert made.make_scaler() is None
        with made.autocast():
            assert layer(rows).dtype == expected


def test_generators_repeat_and_differ_by_seed_and_stream():
    def drawn(*key):
        return torch.rand(8, generator=runtime.make_generator(torch.device("cpu"), *key))

    assert torch.equal(drawn(3, 1), drawn(3, 1))
    assert not torch.equal(drawn(3, 1), drawn(3, 0)) and not torch.equal(drawn(3, 1), drawn(4, 1))


def test_a_generator_for_meta_lives_on_the_processor():
    assert runtime.make_generator(torch.device("meta"), 0).device.type == "cpu"


@pytest.mark.parametrize(
    ("limits", "expected"), [({}, (4, 16.0)), ({"cpu.max": "250000 100000", "memory.max": str(2**31)}, (2, 2.0))]
)
def test_a_containers_limits_count(monkeypatch, limits, expected):
    monkeypatch.setattr(runtime, "container_limit", lambda name: limits.get(name, "").split())
    monkeypatch.setattr(runtime.os, "sched_getaffinity", lambda pid: range(4), raising=False)
    monkeypatch.setattr(runtime.os, "sysconf", lambda name: {"SC_PAGE_SIZE": 4096}.get(name, 2**22))
    assert (runtime.available_cores(), runtime.memory_gib()) == expected
