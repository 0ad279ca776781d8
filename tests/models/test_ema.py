"""The teacher is the closed form of an exponential average, and nothing of the student's flows into it."""

import copy
import math

import pytest
import torch
from torch import nn

from sslcourse.models import PrototypeHead, build_encoder, is_aliased, make_teacher, momentum_at, update_ema


def net():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 6), nn.BatchNorm1d(6), nn.ReLU(), nn.Linear(6, 2)).double()


def test_closed_form_after_many_steps():
    """teacher_n = m^n teacher_0 + (1 - m) sum_k m^(n-1-k) student_k, for parameters and running statistics alike."""
    student, momentum, steps = net(), 0.9, 12
    teacher = make_teacher(student)
    start = {name: value.clone() for name, value in teacher.state_dict().items()}
    expected = {name: momentum**steps * value for name, value in start.items()}
    optimizer = torch.optim.SGD(student.parameters(), lr=0.3)
    for k in range(steps):
        student(torch.randn(8, 4).double()).square().mean().backward()
        optimizer.step()
        optimizer.zero_grad()
        update_ema(teacher, student, momentum)
        for name, value in student.state_dict().items():
            expected[name] = expected[name] + (1 - momentum) * momentum ** (steps - 1 - k) * value
    for name, value in teacher.state_dict().items():
        if value.is_floating_point():
            torch.testing.assert_close(value, expected[name], rtol=0, atol=1e-13)
            # a bias in front of BatchNorm has no gradient
            assert name == "0.bias" or not torch.equal(value, start[name])
    assert teacher[1].num_batches_tracked == student[1].num_batches_tracked == steps


def test_momentum_one_and_zero_are_exact():
    student = nn.Sequential(nn.Linear(4, 6), nn.BatchNorm1d(6))
    teacher = make_teacher(student)
    with torch.no_grad():
        for tensor in (*student.parameters(), *student.buffers()):
            tensor.add_(torch.ones((), dtype=tensor.dtype))
    before = copy.deepcopy(teacher.state_dict())
    update_ema(teacher, student, 1.0)
    assert all(torch.equal(before[n], v) for n, v in teacher.state_dict().items() if v.is_floating_point())
    update_ema(teacher, student, 0.0)
    assert all(torch.equal(v, student.state_dict()[n]) for n, v in teacher.state_dict().items())


def test_the_update_is_in_place_and_leaves_the_student():
    student = net()
    teacher = make_teacher(student)
    pointers = [p.data_ptr() for p in teacher.parameters()]
    before = copy.deepcopy(student.state_dict())
    nn.init.normal_(teacher[0].weight)
    update_ema(teacher, student, 0.5)
    assert [p.data_ptr() for p in teacher.parameters()] == pointers
    assert all(torch.equal(before[name], value) for name, value in student.state_dict().items())


def test_nothing_flows_into_the_teacher():
    student = net()
    teacher = make_teacher(student)
    inputs = torch.randn(8, 4).double()
    (student(inputs) - teacher(inputs)).square().sum().backward()
    assert all(p.grad is None and not p.requires_grad for p in teacher.parameters())
    assert all(p.grad is not None and p.requires_grad for p in student.parameters())
    update_ema(teacher, student, 0.9)
    assert all(p.grad_fn is None and not p.requires_grad for p in teacher.parameters())


def test_mode_is_the_students():
    assert not make_teacher(net().eval()).training and make_teacher(net()).training


def test_aliases_are_found():
    student = net()
    teacher = make_teacher(student)
    assert not is_aliased(teacher, student)
    assert is_aliased(student, student)
    teacher[3].weight = student[3].weight  # one shared parameter is enough
    assert is_aliased(teacher, student)
    view = make_teacher(student)
    view[0].weight = nn.Parameter(student[0].weight.detach()[:], requires_grad=False)  # a view of the same memory
    assert is_aliased(view, student)
    meta = net().to("meta")
    assert is_aliased(meta, meta) and not is_aliased(make_teacher(meta), meta)


def test_encoders_heads_and_meta():
    student = nn.ModuleList([build_encoder("vit_64x2_p8", 32), PrototypeHead(64, prototypes=8)])
    teacher = make_teacher(student)
    update_ema(teacher, student, 0.99)
    assert not is_aliased(teacher, student)
    meta = student.to("meta")
    update_ema(make_teacher(meta), meta, 0.5)


def test_schedule():
    values = [momentum_at(step, 100, 0.99) for step in range(100)]
    assert values[0] == 0.99 and all(a < b for a, b in zip(values, values[1:])) and 1 - 1e-5 < values[-1] < 1
    assert values[50] == pytest.approx(0.995) and all(isinstance(v, float) for v in values)
    assert values[25] == pytest.approx(1 - 0.01 * (math.cos(math.pi / 4) + 1) / 2)
    assert {momentum_at(step, 7, 1.0) for step in range(7)} == {1.0}


def test_refusals():
    student = net()
    teacher = make_teacher(student)
    for momentum in (-0.1, 1.1, math.nan):
        with pytest.raises(ValueError, match=r"momentum must lie in \[0, 1\]"):
            update_ema(teacher, student, momentum)
    with pytest.raises(ValueError, match=r"differ in \['3.bias'"):
        update_ema(teacher[:3], student, 0.5)
    with pytest.raises(ValueError, match=r"differ in \['weight'\]"):
        update_ema(nn.Linear(4, 2), nn.Linear(5, 2), 0.5)
    for arguments in ((4, 4), (-1, 4)):
        with pytest.raises(ValueError, match="step must lie in 0..3"):
            momentum_at(*arguments)
    with pytest.raises(ValueError, match="base must lie in"):
        momentum_at(0, 4, 1.5)


def test_a_teacher_leaves_nothing_to_chance():
    torch.manual_seed(0)
    student = build_encoder(
        "vit_64x2_p8", 32, drop_path_rate=0.5, proj_drop_rate=0.3, attn_drop_rate=0.3, pos_drop_rate=0.2
    )
    teacher, images = make_teacher(student.train()), torch.rand(8, 3, 32, 32)
    assert teacher.training and not torch.equal(student(images).cls, student(images).cls)
    once = teacher(images).cls
    assert torch.equal(once, teacher(images).cls) and torch.equal(once, teacher.eval()(images).cls)
