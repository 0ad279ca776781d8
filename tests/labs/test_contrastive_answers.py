"""Lab 1's tasks: what their inputs promise, and references that agree with the package."""

from __future__ import annotations

import contextlib

import pytest
import torch
import torch.nn.functional as F
from harness import OneDevice

from sslcourse.evaluation import collapse
from sslcourse.exercises import find, find_task, find_written
from sslcourse.exercises.judge import case_inputs
from sslcourse.losses import contrastive


def every_input(id, seeds):
    task = find_task(id)
    for case in task.cases:
        for seed in range(seeds):
            yield from ((case, inputs) for inputs in case_inputs(task, case, seed))


def test_crops_lie_inside_and_flips_are_mixed():
    for _, inputs in every_input("contrastive.views", 50):
        height, width = inputs["images"].shape[-2:]
        top, left, crop_height, crop_width = inputs["boxes"].T
        assert (top >= 0).all() and (top + crop_height <= height).all() and (left + crop_width <= width).all()
        assert len(set(crop_height.tolist())) == len(set(crop_width.tolist())) == 1
        assert 0 < inputs["flips"].sum() < len(inputs["flips"])


def test_the_zeros_of_effective_rank_are_exact():
    for case, inputs in every_input("contrastive.collapse", 300):
        if "zeros" in case.sizes:
            assert (torch.linalg.svdvals(inputs["features"]) == 0).any()


@pytest.mark.slow
def test_similarities_are_decided_or_exact_ties():
    for case, inputs in every_input("contrastive.shortcut", 100):
        z = F.normalize(torch.cat([inputs["z1"], inputs["z2"]]).double(), dim=1)
        s = (z @ z.T)[~torch.eye(len(z), dtype=torch.bool)].reshape(len(z), -1)
        gaps = s.sort(dim=1).values.diff(dim=1)
        if "ties" in case.sizes:
            assert set(s.flatten().tolist()) <= {-1.0, 0.0, 1.0}
        else:
            assert gaps.min() > (1e-4 if case.dtype == torch.float32 else 1e-9)
        assert "negative" not in case.sizes or s.max() < 0


def test_unknown_ids_are_answered_with_the_known():
    for search in (find, find_task, find_written):
        with pytest.raises(KeyError, match="choose from"):
            search("contrastive.nothing")
        with pytest.raises(KeyError, match="contrastive"):
            search("nothing")


def test_the_written_question():
    question = find_written("contrastive.why_negatives")
    assert len(question.rubric) == question.points == 4
    assert question.question.startswith("Why does SimCLR") and question.question.endswith("you measured.")
    assert all("point)" in line for line in question.rubric)
    for word in ("Complete collapse", "dimensional", "effective rank", "stop-gradient", "ln(2n - 1)"):
        assert word in question.model_answer


def two_views(n=6, d=5, seed=0):
    generator = torch.Generator().manual_seed(seed)
    z1 = torch.randn(n, d, generator=generator)
    return z1, z1 + 0.6 * torch.randn(n, d, generator=generator)


def test_references_make_new_tensors_where_their_arguments_are():
    """On a device without values: reading one ends the run, for by then every tensor was made."""
    z1, z2 = (z.to("meta") for z in two_views())
    for name, arguments in (("similarity", ()), ("nt_xent", (0.5,)), ("geometry", ()), ("shortcut", ())):
        with OneDevice() as guard, contextlib.suppress(RuntimeError):  # "item() cannot be called on meta tensors"
            find(f"contrastive.{name}").reference(z1, z2, *arguments)
        assert guard.calls > 3


def test_references_agree_with_the_package():
    z1, z2 = two_views()
    for temperature in (0.05, 0.5):
        ours = find("contrastive.nt_xent").reference(z1, z2, temperature)
        torch.testing.assert_close(ours, contrastive.nt_xent(z1, z2, temperature))
    unit = [F.normalize(z, dim=1) for z in (z1, z2)]
    alignment, uniformity = find("contrastive.geometry").reference(z1, z2)
    assert alignment == pytest.approx(float(contrastive.alignment(*unit)), rel=1e-5)
    assert uniformity == pytest.approx(float(contrastive.uniformity(torch.cat(unit))), rel=1e-5)
    assert find("contrastive.collapse").reference(z1) == pytest.approx(float(collapse.effective_rank(z1)), rel=1e-5)
    ones, eye = torch.ones(4, 3), torch.eye(4)
    for first, second in ((z1, z2), two_views(seed=1), (ones, ones), (eye, eye)):
        ours = find("contrastive.shortcut").reference(first, second)
        assert ours == pytest.approx(float(collapse.contrastive_accuracy(first, second)))
