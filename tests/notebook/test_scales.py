"""One switch for how long everything may take."""

import pytest
import torch

from sslcourse.notebook import scale


@pytest.mark.parametrize("name, value", [("smoke", 1), ("cpu", 2), ("gpu", 3), (" CPU ", 2)])
def test_the_variable_decides(monkeypatch, name, value):
    monkeypatch.setenv("SSLCOURSE_SCALE", name)
    assert scale(smoke=1, cpu=2, gpu=3) == value
    assert scale() == name.strip().lower()


def test_without_it_the_machine_decides(monkeypatch):
    monkeypatch.delenv("SSLCOURSE_SCALE", raising=False)
    assert scale() == ("gpu" if torch.cuda.is_available() else "cpu")


def test_an_unknown_scale_is_refused(monkeypatch):
    monkeypatch.setenv("SSLCOURSE_SCALE", "huge")
    with pytest.raises(ValueError, match="smoke, cpu, gpu"):
        scale()


def test_every_scale_needs_a_value():
    with pytest.raises(TypeError, match="each of smoke, cpu, gpu"):
        scale(smoke=1, cpu=2)
