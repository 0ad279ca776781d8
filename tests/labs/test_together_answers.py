"""Lab 7's tasks: what their inputs promise; references that agree with the package's statistics."""

import itertools
import statistics

import numpy as np
import pytest
import torch

from sslcourse.evaluation.statistics import sign_flip_p_value, students_t
from sslcourse.exercises import find, find_task
from sslcourse.exercises.judge import case_inputs


def reference(name):
    return find(f"together.{name}").reference


def every_input(id, seeds):
    task = find_task(id)
    for case in task.cases:
        for seed in range(seeds):
            yield from ((case, inputs) for inputs in case_inputs(task, case, seed))


def test_what_the_student_does_not_have_is_nan_and_nothing_else_is():
    for _, inputs in every_input("together.loss", 20):
        on, gone = inputs["switches"], inputs["removed"]
        known = ~(gone & torch.tensor(on["removal"])) & torch.tensor(on["patches"])
        assert torch.equal(~inputs["patch_losses"].isnan(), known)
        assert torch.equal(~inputs["pixel_errors"].isnan(), torch.full_like(gone, on["pixels"]))
        assert len(set(gone.sum(1).tolist())) == 1 and 0 < gone.sum() < gone.numel()


def test_two_pairs_are_complete_at_least_and_seeds_move_more_than_arms():
    for case, inputs in every_input("together.interval", 20):
        both = ~(inputs["a"].isnan() | inputs["b"].isnan())
        assert both.sum() >= 2 and bool(inputs["a"].isnan().any()) == bool(case.sizes.get("missing"))


def test_middles_of_intervals_are_exact_and_every_verdict_is_asked_for():
    words = set()
    for _, inputs in every_input("together.verdict", 20):
        numbers = torch.cat([inputs["interval"].flatten(), inputs["smallest_effect"]])
        numbers = numbers[~numbers.isnan()] * 64
        assert torch.equal(numbers, numbers.round())
        words |= {reference("verdict")(*each) for each in zip(inputs["interval"], inputs["smallest_effect"].tolist())}
    assert words == {"supported", "contradicted", "undecided"}


def test_the_interval_is_students():
    stats = pytest.importorskip("scipy.stats")
    generator = torch.Generator().manual_seed(0)
    for n in (2, 6, 10):
        a, b = torch.randn(2, n, generator=generator, dtype=torch.float64)
        expected = stats.ttest_rel(a.numpy(), b.numpy()).confidence_interval(0.95)
        assert reference("interval")(a, b, students_t(n)).tolist() == pytest.approx(list(expected), rel=1e-3)


@pytest.mark.parametrize("n", [1, 3, 6, 11])
def test_the_p_value_is_the_packages(n):
    differences = torch.randn(n, generator=torch.Generator().manual_seed(n), dtype=torch.float64)
    assert reference("flips")(differences) == sign_flip_p_value(differences.tolist())
    tenths = (differences * 10).round() / 10
    assert reference("flips")(tenths) == sign_flip_p_value(tenths.tolist())


def test_effects_are_differences_of_the_means_of_halves():
    table = torch.rand(2, 2, 2, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    found = reference("factorial")(table)
    for i, j in itertools.product(range(4), repeat=2):
        halves: dict[bool, list[float]] = {True: [], False: []}
        for place in np.ndindex(2, 2, 2, 2):
            halves[place[i] == 1 if i == j else place[i] == place[j]].append(float(table[place]))
        expected = statistics.fmean(halves[True]) - statistics.fmean(halves[False])
        assert float(found[i, j]) == pytest.approx(expected)


def test_parts_that_add_up_do_not_interact():
    worth = torch.tensor([0.1, -0.2, 0.05], dtype=torch.float64)
    table = sum(part.view([2 if axis == at else 1 for axis in range(3)]) for at, part in enumerate(halves_of(worth)))
    torch.testing.assert_close(reference("factorial")(table), torch.diag(worth))


def halves_of(worth):
    return [torch.stack([torch.zeros_like(one), one]) for one in worth]
