"""Learning rates of arms: as many were tried for each, and each of the longer arms has its own best one."""

import json

import pytest

from sslcourse.claims import rates
from sslcourse.claims.catalogue import CLAIMS
from sslcourse.claims.catalogue.own_rates import LEARNS_AT_NONE
from sslcourse.claims.claim import QUARTERS
from sslcourse.claims.measures import measured
from sslcourse.claims.rates import RATES, RECORD, Tried, add_to_record, best_rate, trial, tried
from sslcourse.claims.rows import read_lines

SEARCHED = sorted({claim.number for claim in CLAIMS.values()} - {5, 6, 16})  # 5 and 6 measure speed
NO_BETTER = 0.03  # than before training: two standard errors of an accuracy of .25 on 1,000 pictures


def arms_of(numbers):
    return {
        (claim.number, arm.name): (arm, claim.data[0])
        for claim in CLAIMS.values()
        if claim.number in numbers
        for arm in claim.arms
        if arm.name != "untrained"
    }


def knn_before_training(arm, data, known):
    experiment = arm.experiment(data, "cpu", seed=0)
    place = experiment.recipe.encoder, experiment.recipe.data
    if place not in known:
        known[place] = measured("knn", experiment.build(experiment.recipe).eval(), experiment.images())["knn"]
    return known[place]


def test_every_arm_has_the_best_of_the_rates_that_were_tried_for_it():
    for (number, name), (arm, data) in arms_of(SEARCHED).items():
        found = tried(arm, data, "cpu")
        assert set(RATES) <= found.keys(), name
        if name not in LEARNS_AT_NONE:
            assert arm.recipe(data, "cpu").fit.learning_rate == best_rate(found), (number, name)
            assert min(found) < best_rate(found) < max(found), (number, name)


def test_an_arm_without_a_best_rate_learned_at_none_and_has_that_of_what_it_was_made_from():
    known, of = (
        {},
        {name: (arm, data) for (_, name), (arm, data) in arms_of(set(SEARCHED) & set(range(14, 21))).items()},
    )
    for name, (arm, data) in of.items():
        learned = max(one.knn or 0 for one in tried(arm, data, "cpu").values()) - knn_before_training(arm, data, known)
        assert (learned < NO_BETTER) == (name in LEARNS_AT_NONE), (name, learned)
    for name, whole in LEARNS_AT_NONE.items():
        own, wholes = (of[each][0].recipe(of[each][1], "cpu").fit.learning_rate for each in (name, whole))
        assert own == wholes, name


def test_a_trial_differs_from_the_run_of_its_arm_in_rate_and_seed_alone():
    arm, data = arms_of([4])[4, "low removed"]
    own = arm.experiment(data, "cpu", seed=0)
    keys = {rate: trial(arm, data, "cpu", rate).key for rate in RATES}
    assert keys[own.recipe.fit.learning_rate] == own.key and len(set(keys.values())) == len(RATES)


def test_lines_are_added_to_the_record_and_none_is_lost(tmp_path):
    for key in ("a", "b"):
        add_to_record([{"key": key, "knn": [0.5]}], tmp_path / "rates.jsonl")
    assert [json.loads(line)["key"] for line in (tmp_path / "rates.jsonl").read_text().splitlines()] == ["a", "b"]


def test_lines_of_the_record_are_of_the_runs_that_they_name():
    record = read_lines(RECORD)
    for (_, name), (arm, data) in arms_of(SEARCHED).items():
        for rate in tried(arm, data, "cpu"):
            wanted = trial(arm, data, "cpu", rate)
            lines = [line for line in record if line["key"] == wanted.key]
            for line in lines:
                assert (line["arm"], line["data"], line["rate"]) == (name, data, rate)
                assert line["steps"] == wanted.recipe.fit.steps and len(line["knn"]) in (0, QUARTERS)
            assert len({str(line["knn"]) for line in lines}) == 1, "two runs of one rate differ: which one counts?"


def test_a_rate_at_which_a_run_diverged_or_its_decoder_did_not_paint_is_passed_over():
    assert best_rate({1e-3: Tried(0.3), 2e-3: Tried(None), 4e-3: Tried(0.5, error=0.99)}) == 1e-3
    with pytest.raises(ValueError, match="a decoder that paints"):
        best_rate({1e-3: Tried(0.5, error=0.99)})


def test_a_decoder_keeps_its_own_rate_in_every_trial():
    arm, data = arms_of([7])[7, "low removed, reconstructed"]
    fits = [trial(arm, data, "cpu", rate).recipe for rate in RATES]
    assert {round(recipe.fit.learning_rate * recipe.method.decoder_lr_scale, 9) for recipe in fits} == {0.004}


def test_rates_that_were_tried_with_several_seeds_have_the_mean_and_only_if_each_was(monkeypatch, tmp_path):
    arm = CLAIMS["simclr-negatives"].arms[0]
    monkeypatch.setattr(rates, "RECORD", tmp_path / "rates.jsonl")

    def record(seed, *knn):
        runs = [(trial(arm, "objects", "smoke", rate, seed), value) for rate, value in zip(RATES, knn, strict=False)]
        add_to_record([{"key": run.key, "knn": [] if value is None else [value]} for run, value in runs], rates.RECORD)

    record(0, 0.2, 0.5, 0.3, 0.1)
    record(7, 0.6, 0.1, 0.2)
    assert [one.knn for one in tried(arm, "objects", "smoke").values()] == [0.2, 0.5, 0.3, 0.1]
    assert list(tried(arm, "objects", "smoke", seeds=(0, 7))) == list(RATES[:3])
    record(7, 0.6, 0.1, 0.2, None)
    found = tried(arm, "objects", "smoke")
    assert best_rate(found) == 1e-3 and found[1e-3] == Tried(0.4, runs=2) and found[8e-3].knn is None


def test_what_was_not_tried_has_no_figures():
    arm = CLAIMS["simclr-negatives"].arms[0]
    assert tried(arm, "objects", "smoke") == {}
    with pytest.raises(ValueError, match="set of pictures"):
        tried(arm, "objets", "smoke")
