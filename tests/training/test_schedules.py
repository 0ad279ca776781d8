"""The warm-up and cosine schedule: its corners, its shape, its refusals."""

import itertools
import math

import pytest

from sslcourse.training.settings import warmup_cosine


def curve(steps, **options):
    return [warmup_cosine(step, steps, **options) for step in range(steps)]


def test_the_warm_up_is_linear_and_ends_at_the_peak():
    assert curve(100, warmup_steps=4, peak=2.0)[:4] == [0.5, 1.0, 1.5, 2.0]


def test_the_cosine_starts_at_the_peak_and_ends_one_step_before_the_final_value():
    values = curve(50, peak=3.0, final=1.0)
    assert values[0] == 3.0
    assert values[-1] == pytest.approx(1.0 + 2.0 * 0.5 * (1 + math.cos(math.pi * 49 / 50)))
    assert values[25] == pytest.approx(2.0)  # half-way


def test_it_never_rises_after_the_warm_up_and_is_never_zero():
    values = curve(37, warmup_steps=5)
    assert all(later <= earlier for earlier, later in itertools.pairwise(values[4:]))
    assert min(values) > 0


def test_a_run_of_warm_up_alone_is_allowed():
    assert curve(2, warmup_steps=2) == [0.5, 1.0]


def test_it_gives_python_floats():
    assert type(warmup_cosine(3, 10, warmup_steps=1)) is float


@pytest.mark.parametrize("step", [-1, 10])
def test_a_step_outside_the_run_is_refused(step):
    with pytest.raises(ValueError, match=r"0\.\.9"):
        warmup_cosine(step, 10)


def test_a_warm_up_longer_than_the_run_is_refused():
    with pytest.raises(ValueError, match="warmup_steps"):
        warmup_cosine(0, 10, warmup_steps=11)
