"""What holds for every method: it trains, its teacher follows and gets nothing else, its state is all of it, one
device.
"""

import copy
import math

import pytest
import torch
import torch._dynamo.testing
from harness import OneDevice
from small_methods import (
    CONVOLUTIONAL,
    VARIANTS,
    double,
    draw,
    images,
    make,
    train,
    trained,
)

from sslcourse.models.ema import is_aliased
from sslcourse.training.runtime import targets_of

pytestmark = pytest.mark.slow


def listed(views):
    return [views] if isinstance(views, torch.Tensor) else list(views)


NAMES = [*VARIANTS, *CONVOLUTIONAL]


# What takes seconds is done for every kind of step once, not for every variant.
ON_META = [
    "simclr",
    "byol with negatives",
    "dino",
    "dino centering",
    "ibot centering",
    "logo",
    "logo repel",
    "combined",
]
ON_META += ["combined masked", "combined patches"]
COMPILED = ["byol", "ibot centering", "logo", "combined masked", "dino convnet"]
TAUGHT = ["byol", "dino", "ibot centering", "logo removal", "combined masked", "dino cnn of frozen statistics"]
STATEFUL = ["simclr", "byol", "dino centering", "ibot centering", "logo", "combined centering", "combined mae"]
STATEFUL += ["dino cnn of frozen statistics", "byol convnet"]


@pytest.fixture(params=NAMES)
def method(request):
    return make(request.param)


def test_it_trains_with_a_gradient_for_every_trainable_parameter_and_none_for_the_teacher(method):
    moved = dict.fromkeys(trained(method), False)
    pairs = method.teacher_pairs()
    assert not any(is_aliased(teacher, student) for teacher, _ in pairs for _, student in pairs)

    def look(method, loss, metrics):
        assert loss.ndim == 0 and loss.dtype == torch.float32 and loss.isfinite()
        assert metrics and all(value.ndim == 0 and not value.requires_grad for value in metrics.values())
        assert all(value.isfinite() for value in metrics.values())
        for teacher, _ in pairs:  # nothing flows into it, and no optimiser takes it
            assert all(not each.requires_grad and each.grad is None for each in teacher.parameters())
        for name, parameter in trained(method).items():
            assert parameter.grad is not None, f"{name} takes no part in the loss: several processes would wait for it"
            assert parameter.grad.isfinite().all(), name
            moved[name] |= bool(parameter.grad.any())

    train(method, steps=3, each=look)
    assert all(moved.values()), [name for name, once in moved.items() if not once]


def test_views_repeat_with_the_generator_and_forward_draws_nothing(method):
    first, second, other = draw(method, seed=1), draw(method, seed=1), draw(method, seed=2)
    for one, same, another in zip(listed(first), listed(second), listed(other), strict=True):
        assert torch.equal(one, same)
        assert one.numel() == 0 or not torch.equal(one, another)
        assert one.shape[1] == 8, "[views, batch, ...]"
    torch.manual_seed(0)
    state = torch.get_rng_state()
    loss, _ = copy.deepcopy(method)(first)
    assert torch.equal(state, torch.get_rng_state())
    assert torch.equal(loss, method(first)[0])


@pytest.mark.parametrize("name", TAUGHT)
def test_the_teacher_is_the_running_mean_of_the_students_that_were(name):
    taught = make(name).double()
    expected = [
        {name: p.detach().clone() for name, p in teacher.named_parameters()} for teacher, _ in taught.teacher_pairs()
    ]
    momenta = []
    optimizer = torch.optim.SGD(trained(taught).values(), lr=0.1)
    for step in range(4):
        taught.begin_step(step, 4)
        loss, _ = taught(double(draw(taught, seed=step)))
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        taught.end_step()
        momenta.append(taught.momentum)
        for mean, (_, student) in zip(expected, taught.teacher_pairs(), strict=True):
            for name, parameter in student.named_parameters():
                mean[name] = taught.momentum * mean[name] + (1 - taught.momentum) * parameter.detach()
    base = (taught.settings.distillation if hasattr(taught.settings, "distillation") else taught.settings).momentum
    assert momenta == pytest.approx([1 - (1 - base) * (math.cos(math.pi * step / 4) + 1) / 2 for step in range(4)])
    for mean, (teacher, student) in zip(expected, taught.teacher_pairs(), strict=True):
        for name, parameter in teacher.named_parameters():
            torch.testing.assert_close(parameter, mean[name], rtol=1e-12, atol=1e-14)
        moved = [not torch.equal(p, q) for p, q in zip(teacher.parameters(), student.parameters(), strict=True)]
        assert any(moved)


@pytest.mark.parametrize("name", STATEFUL)
def test_the_state_dict_is_the_whole_state(name):
    method, twin = make(name), make(name, seed=5)
    train(method, steps=2)
    twin.load_state_dict(copy.deepcopy(method.state_dict()))
    assert torch.equal(train(method, steps=2, first=2), train(twin, steps=2, first=2))
    for key, value in method.state_dict().items():
        assert torch.equal(value, twin.state_dict()[key]), key


def test_diagnose_changes_nothing(method):
    assert type(method.settings).__name__ in repr(method)
    views = draw(method)
    before = copy.deepcopy(method.state_dict())
    meters = method.diagnose(views)
    assert method.training and {"effective_rank", "channel_std_healthy"} <= set(meters)
    assert all(value.ndim == 0 and value.isfinite() for value in meters.values())
    assert all(torch.equal(before[key], value) for key, value in method.state_dict().items())


@pytest.mark.parametrize("name", [name for name in VARIANTS if "cnn" not in name])
def test_bf16_autocast_gives_finite_losses_near_those_of_float32(name):
    method = make(name)
    views = draw(method)
    exact, _ = copy.deepcopy(method)(views)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss, metrics = method(views)
    loss.backward()
    assert loss.dtype == torch.float32 and loss.item() == pytest.approx(exact.item(), rel=0.03, abs=0.15)
    assert all(math.isfinite(value.item()) for value in metrics.values())
    assert all(parameter.grad.isfinite().all() for parameter in trained(method).values())


@pytest.mark.parametrize("name", ON_META)
def test_the_whole_step_runs_on_one_device_which_is_meta(name):
    # An `.item()`, a shape that depends on data or a copy to the processor raises on meta.
    method = make(name).to("meta")
    pictures = images().to("meta")
    optimizer = torch.optim.AdamW(trained(method).values(), lr=1e-3)
    generator = torch.Generator()
    # the first forward may fill caches (the resampling of position embeddings)
    method.begin_step(0, 2)
    method(method.draw_views(pictures, generator))
    method.begin_step(1, 2)
    with OneDevice(drawing=True):
        views = method.draw_views(pictures, generator)
    assert all(each.device.type == "meta" for each in listed(views))
    with OneDevice() as mode:
        loss, metrics = method(views)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        method.end_step()
    assert mode.calls > 100 and loss.device.type == "meta"
    assert all(value.device.type == "meta" for value in metrics.values())


@pytest.mark.parametrize("guilty", ["factory", "wait", "shape"])
def test_that_test_sees_what_it_must_see(guilty):
    method = make("dino").to("meta")
    views = method.draw_views(images().to("meta"), torch.Generator())
    method(views)
    head = method.head.forward
    method.head.forward = {
        "factory": lambda x: head(x + torch.zeros(1)),
        "wait": lambda x: head(x * x.sum().item()),
        "shape": lambda x: head(x[x.sum(1) > 0]),
    }[guilty]
    with pytest.raises((AssertionError, RuntimeError, NotImplementedError)), OneDevice():
        method(views)


@pytest.mark.slow
@pytest.mark.parametrize("name", COMPILED)
def test_its_parts_compile_in_one_graph_and_only_in_the_first_step(name):
    torch._dynamo.reset()
    compiled, plain = make(name), make(name)
    counts, after_one_step = [], {}
    for part in targets_of(compiled):
        counter = torch._dynamo.testing.CompileCounterWithBackend("aot_eager")
        part.compile(fullgraph=True, dynamic=False, backend=counter)
        counts.append((part, counter))
    for step in range(3):
        losses = [train(each, steps=1, first=step) for each in (compiled, plain)]
        assert losses[0].item() == pytest.approx(losses[1].item(), rel=1e-4)
        frames = {part: counter.frame_count for part, counter in counts}
        assert all(frames.values()), "compiled parts are called"
        assert step == 0 or frames == after_one_step
        after_one_step = frames
    torch._dynamo.reset()


def test_the_representation_is_the_teacher_where_one_is_evaluated():
    for name in ("dino", "ibot", "combined", "logo"):
        method = make(name)
        assert method.representation is method.teacher_encoder
    for name in ("byol", "simsiam", "logo repel", "combined mae"):
        method = make(name)
        assert method.representation is method.encoder
