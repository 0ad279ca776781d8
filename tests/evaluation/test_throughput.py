"""Throughput: the order of turns, ratios of pairs, what is waited for, and counted operations against the formulas."""

import math

import pytest
import torch
from harness import Colours

from sslcourse.evaluation import throughput as measured
from sslcourse.evaluation.throughput import counted_flops, inference_throughput, throughput, turns
from sslcourse.models import ConvNet, PrunedEncoder, build_encoder
from sslcourse.pruning.cost import ViTShape, encoder_flops, pruned_encoder_flops


class Clock:
    """A clock that moves only when a step takes its time; each round of a step may take another."""

    def __init__(self, monkeypatch):
        self.now, self.log = 0.0, []
        monkeypatch.setattr(measured.time, "perf_counter", lambda: self.now)

    def step(self, name, seconds):
        seconds = iter(seconds)

        def run():
            self.log.append(name)
            self.now += next(seconds)

        return run


def test_steps_take_turns_and_warm_up_is_not_counted(monkeypatch):
    clock = Clock(monkeypatch)
    steps = {"a": clock.step("a", [9, 9, 1, 2, 3]), "b": clock.step("b", [9, 9, 4, 5, 6])}
    assert turns(steps, rounds=3) == {"a": [1, 2, 3], "b": [4, 5, 6]}
    assert "".join(clock.log) == "abbaabbaab"


def test_ratios_are_of_pairs_and_stand_beside_the_prediction(monkeypatch):
    clock = Clock(monkeypatch)  # a machine that gets slower: each round's pair still agrees
    steps = {"whole": clock.step("whole", [9, 9, 1, 2, 8]), "half": clock.step("half", [9, 9, 0.5, 1, 2])}
    first, second = throughput(steps, images=10, flops={"whole": 6.0, "half": 2.0}, rounds=3)
    assert first == {"name": "whole", "images_per_second": 5.0, "speed_up": 1.0, "lowest": 1.0, "highest": 1.0} | {
        "predicted": 1.0,
        "measured_to_predicted": 1.0,
    }
    assert second["images_per_second"] == 10.0 and second["predicted"] == 3.0
    assert (second["speed_up"], second["lowest"], second["highest"]) == (2.0, 2.0, 4.0)
    assert second["measured_to_predicted"] == pytest.approx(2 / 3)


def test_the_device_has_finished_at_each_look_at_the_clock(accelerator, monkeypatch):
    clock, waited = Clock(monkeypatch), []
    monkeypatch.setattr(torch.accelerator, "synchronize", lambda device=None: waited.append(clock.now))
    throughput({"a": clock.step("a", [1.0] * 3)}, images=1, rounds=1, device=accelerator)
    assert waited == [0, 1, 1, 2, 2, 3]
    throughput({"a": clock.step("a", [1.0] * 3)}, images=1, rounds=1, device="cpu")
    assert len(waited) == 6


@pytest.mark.parametrize("grad", [False, True])
def test_counted_operations_are_those_of_the_formulas(grad):
    vit, images = ViTShape(64, 96, 4, prefix=3, patch_values=192), torch.rand(2, 3, 64, 64)
    encoder = build_encoder("vit_96x4_p8", 64, reg_tokens=2)
    with torch.set_grad_enabled(grad):
        assert counted_flops(lambda: encoder.features(images)) == 2 * encoder_flops(vit)
        for fuse in (True, False):
            pruned = PrunedEncoder(encoder, (1, 3), 0.5, fuse=fuse)
            formula = pruned_encoder_flops(vit, layers=(1, 3), keep_rate=0.5, fuse=fuse)
            assert counted_flops(lambda pruned=pruned: pruned.features(images)) == 2 * formula
    backward = counted_flops(lambda: encoder.features(images).square().sum().backward())
    assert backward == pytest.approx(3 * 2 * encoder_flops(vit), rel=0.02)  # no gradient of the images


def test_inference_of_any_encoders(accelerator):
    encoders = {"small": ConvNet(4, 3), "large": ConvNet(8, 3)}
    for encoder in encoders.values():
        encoder.to(accelerator)
    small, large = inference_throughput(encoders, torch.rand(2, 3, 16, 24), rounds=1)
    channels = {"small": [3, 4, 8, 16], "large": [3, 8, 16, 32]}
    products = {
        name: sum(places * into * out for places, into, out in zip((16 * 24, 8 * 12, 4 * 6), widths, widths[1:]))
        for name, widths in channels.items()
    }
    assert large["predicted"] == pytest.approx(products["small"] / products["large"]) and small["speed_up"] == 1
    assert all(encoder.training for encoder in encoders.values())
    encoders["large"].cpu()
    with pytest.raises(ValueError, match="the encoders must be on one device; got "):
        inference_throughput(encoders, torch.rand(2, 3, 16, 24))


def test_an_encoder_that_multiplies_nothing_has_no_prediction():
    colours, images = Colours(), torch.rand(2, 3, 8, 8)
    rows = inference_throughput({"net": ConvNet(4, 2), "none": colours}, images, rounds=1)
    assert math.isnan(rows[1]["predicted"]) and math.isnan(rows[1]["measured_to_predicted"])
    assert rows[1]["images_per_second"] > 0


def test_refusals():
    step = {"a": lambda: None}
    for given in (({}, 1), (step, 0)):
        with pytest.raises(ValueError, match="at least 1 step, 1 image and 1 round are needed; got"):
            throughput(*given)
    with pytest.raises(ValueError, match="flops must name the steps a; got b"):
        throughput(step, 1, flops={"b": 1.0})
