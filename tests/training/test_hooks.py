"""The hooks of the loop: schedules before the views, the teacher after the step, groups with own rates, compiling."""

from dataclasses import replace

import pytest
import torch
import torch._dynamo
from torch import nn
from toy_methods import Around, Crops, Mean, ToyDistillation

from sslcourse.methods import Method
from sslcourse.training import FitSettings, fit
from sslcourse.training.optimizer import make_optimizer, parameter_groups, set_rates
from sslcourse.training.runtime import Runtime, make_runtime, pick_compile
from sslcourse.training.state import TrainingState

SETTINGS = FitSettings(steps=4, batch_size=8, log_every=2, device="cpu", precision="fp32")


def toy(seed=0, **options):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return ToyDistillation(**options)


def test_the_hooks_are_called_in_order_and_once_a_step(textures):
    method = toy()
    fit(method, textures(32), SETTINGS, progress=False)
    expected = [call for step in range(4) for call in (("begin", step), ("views", 8), ("end", None))]
    assert method.called == expected


def test_end_step_sees_the_stepped_weights(textures):
    method = toy()
    run = TrainingState(method, textures(32), SETTINGS, make_runtime("cpu", "fp32"))
    before = [parameter.clone() for parameter in method.teacher.parameters()]
    run.step_once()
    for old, teacher, student in zip(before, method.teacher.parameters(), method.student.parameters()):
        torch.testing.assert_close(teacher, old.lerp(student, 0.1))


def test_views_may_be_a_named_tuple(textures):
    views = TrainingState(toy(), textures(32), SETTINGS, make_runtime("meta", "fp32")).step_once()
    assert isinstance(views, Crops) and views.small.shape == (2, 8, 3, 8, 8) and views.large.device.type == "meta"


def test_a_resumed_run_keeps_centre_teacher_and_schedule(textures, tmp_path):
    def train(out, stop):
        method = toy()

        def on_log(row):
            if row["step"] == stop:
                raise KeyboardInterrupt

        try:
            fit(
                method,
                textures(32),
                replace(SETTINGS, steps=8, checkpoint_every=3),
                out=out,
                on_log=on_log,
                progress=False,
            )
        except KeyboardInterrupt:
            return train(out, stop=None)
        return method.state_dict()

    undisturbed, resumed = train(tmp_path / "a", stop=None), train(tmp_path / "b", stop=6)
    assert undisturbed["centre"].abs().sum() > 0
    assert all(torch.equal(undisturbed[name], resumed[name]) for name in undisturbed)


class WithGroups(Method):
    def __init__(self, groups):
        super().__init__()
        self.encoder, self.predictor = Mean(4), nn.Linear(4, 4)
        self.optimizer_groups = lambda: groups(self)


def test_groups_of_a_method_are_apart_and_the_rest_is_grouped_as_ever():
    method = WithGroups(lambda m: [{"params": m.predictor.parameters(), "lr_scale": 10.0, "constant_lr": True}])
    optimizer = make_optimizer(method, learning_rate=1.0, weight_decay=0.1)
    set_rates(optimizer, scheduled=0.25, peak=1.0, weight_decay=0.2)
    seen = [(len(g["params"]), g["lr"], g["weight_decay"]) for g in optimizer.param_groups]
    assert seen == [(1, 10.0, 0.2), (1, 10.0, 0.0), (2, 0.25, 0.2), (2, 0.25, 0.0)]


def test_a_weight_decay_of_ones_own_does_not_follow_the_schedule():
    method = WithGroups(lambda m: [{"params": list(m.predictor.parameters()), "weight_decay": 0.0}])
    optimizer = make_optimizer(method, learning_rate=1.0, weight_decay=0.1)
    set_rates(optimizer, scheduled=0.5, peak=1.0, weight_decay=0.4)
    assert [(len(g["params"]), g["lr"], g["weight_decay"]) for g in optimizer.param_groups] == [
        (2, 0.5, 0.0), (2, 0.5, 0.4), (2, 0.5, 0.0)
    ]  # fmt: skip


@pytest.mark.parametrize(
    "groups",
    [
        lambda m: [{"params": list(m.predictor.parameters()), "lr": 1.0}],
        lambda m: [{"lr_scale": 1.0}],
        lambda m: [{"params": [m.predictor.weight, m.predictor.weight]}],
        lambda m: [{"params": [nn.Parameter(torch.zeros(2))]}],
    ],
    ids=["key", "no params", "twice", "foreign"],
)
def test_groups_that_make_no_sense_are_refused(groups):
    with pytest.raises(ValueError, match="optimizer_groups"):
        parameter_groups(WithGroups(groups), 0.1)


def test_frozen_parameters_of_a_group_are_left_out():
    method = WithGroups(lambda m: [{"params": list(m.predictor.parameters()), "lr_scale": 3.0}])
    method.predictor.weight.requires_grad_(False)
    groups = parameter_groups(method, 0.1)
    assert [(len(group["params"]), group["lr_scale"]) for group in groups] == [(1, 3.0), (2, 1.0), (2, 1.0)]


def test_the_weight_decay_follows_its_cosine_in_the_run(textures):
    settings = replace(SETTINGS, weight_decay=0.04, final_weight_decay=0.4)
    run = TrainingState(toy(), textures(32), settings, make_runtime("cpu", "fp32"))
    seen = []
    for _ in range(4):
        run.step_once()
        seen.append(run.optimizer.param_groups[0]["weight_decay"])
    assert seen[0] == pytest.approx(0.04) and seen[2] == pytest.approx(0.22) and seen == sorted(seen)
    assert all(group["weight_decay"] == 0.0 for group in run.optimizer.param_groups if not group["follows_decay"])


def counting_compile(monkeypatch):
    """nn.Module.compile with a backend that compiles nothing and lists the input shapes that it was asked for."""
    shapes = []

    def backend(graph, inputs):
        images = [
            tensor
            for tensor in inputs
            if isinstance(tensor, torch.Tensor) and tensor.ndim == 4 and tensor.shape[1] == 3
        ]
        shapes.append(tuple(images[-1].shape))
        return graph.forward

    compile = nn.Module.compile
    monkeypatch.setattr(nn.Module, "compile", lambda self, **options: compile(self, backend=backend, **options))
    torch._dynamo.reset()
    return shapes


def test_named_submodules_are_compiled_once_for_each_size(textures, monkeypatch):
    shapes = counting_compile(monkeypatch)
    plain, compiled = toy(), toy()
    evaluations = []

    def evaluate(method):
        evaluations.append(method.student(torch.zeros(5, 3, 16, 16)).shape)  # a shape of its own: must not be compiled
        return {"one": 1.0}

    settings = replace(SETTINGS, evaluate_every=2)
    expected = fit(plain, textures(32), settings, progress=False)
    rows = fit(compiled, textures(32), replace(settings, compile=True), evaluate=evaluate, progress=False)
    assert sorted(shapes) == [(16, 3, 8, 8), (16, 3, 16, 16)] and len(evaluations) == 2
    assert rows[-1]["loss"] == pytest.approx(expected[-1]["loss"], rel=1e-5)
    compiled.student(torch.zeros(3, 3, 8, 8))
    assert len(shapes) == 2  # given back as it was


def test_a_method_that_names_no_part_is_compiled_whole(monkeypatch):
    seen = []
    monkeypatch.setattr(torch, "compile", lambda module: seen.append(module) or module)
    method = Around(nn.Linear(2, 2))
    assert Runtime(torch.device("cpu"), "fp32", True).compiled(method) is method and seen == [method]


def test_auto_compiles_long_runs_on_cuda_only(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: object())
    assert pick_compile(torch.device("cuda"), "auto", 5000)
    assert not pick_compile(torch.device("cuda"), "auto", 50) and not pick_compile(torch.device("cpu"), "auto", 5000)
    assert pick_compile(torch.device("cpu"), True, 1) and not pick_compile(torch.device("cuda"), False, 5000)
    with pytest.raises(ValueError, match="compile"):
        replace(SETTINGS, compile="yes")
