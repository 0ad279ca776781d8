"""The verdict on a run rests on what was measured: none after a few steps, without labels, or because no alarm rang."""

import dataclasses

import pytest
import torch
from toy_methods import Mean

from sslcourse.data.imageset import ImageSet
from sslcourse.training.alarms import Alarm
from sslcourse.training.experiment import Trained
from sslcourse.training.images import RunImages
from sslcourse.training.recipes import find_recipe
from sslcourse.training.verdict import evidence, judge

CPU = find_recipe("simclr")


def run_of(knn, untrained=0.30, steps=CPU.fit.steps, count=400):
    images = ImageSet(
        torch.zeros(count, 3, 2, 2, dtype=torch.uint8), torch.zeros(count, dtype=torch.int64), ("a",), "toy"
    )
    rows = [{"step": step, "loss": 3.0, "effective_rank": 2.0} for step in range(steps // 20, steps + 1, steps // 20)]
    measured = {} if knn is None else {"knn": knn, "knn_untrained": untrained, "chance": 0.1}
    return Trained(Mean(), rows, measured, lambda: RunImages(images, images, images))


@pytest.mark.parametrize(
    ("knn", "count", "status"),
    [(0.46, 400, "passed"), (0.32, 400, "failed"), (0.20, 400, "failed"), (0.40, 20, "failed")],
)
def test_no_alarm_is_not_enough_kNN_must_rise_by_more_than_chance(knn, count, status):
    assert judge(run_of(knn, count=count), CPU, []).status == status


def test_a_few_steps_give_no_verdict_however_good_they_look():
    smoke = find_recipe("simclr", scale="smoke")
    short = dataclasses.replace(CPU, fit=dataclasses.replace(CPU.fit, steps=40))
    for recipe in (smoke, short):
        found = judge(run_of(0.9, steps=40), recipe, [])
        assert found.status == "" and "cannot show" in found.text and f"{CPU.fit.steps:,} steps" in found.text


def test_an_alarm_counts_at_any_length():
    assert (
        judge(run_of(0.9, steps=40), find_recipe("simclr", scale="smoke"), [Alarm("collapsed", "")]).status == "failed"
    )


def test_without_labels_the_page_says_why_nothing_is_judged():
    found = judge(run_of(None), CPU, [])
    assert found.status == "" and "no labels" in found.text
    assert ("kNN accuracy on held-out images", "not measured", "the images have no labels") in evidence(run_of(None))


def test_the_evidence_names_what_it_is_compared_with():
    rows = {what: (end, beside) for what, end, beside in evidence(run_of(0.46))}
    assert rows["kNN accuracy on held-out images"] == ("46.0%", "untrained 30.0%, chance 10.0%")
    assert rows["effective rank of the features"][0] == "2.0"
