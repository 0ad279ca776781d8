"""Learning rates of arms: as many were tried for each, and each of the longer arms has its own best one."""

import json
from collections import defaultdict
from itertools import product

import pytest

from sslcourse.claims import rates
from sslcourse.claims.catalogue import CLAIMS
from sslcourse.claims.claim import QUARTERS
from sslcourse.claims.rates import ABOVE, BELOW, RATES, RECORD, Tried, add_to_record, best_rate, trial, tried
from sslcourse.claims.rows import read_lines
from sslcourse.claims.runner import SPENT

SEARCHED = sorted({claim.number for claim in CLAIMS.values()} - {5, 6})  # these two measure speed


def arms_of(numbers):
    return {
        (claim.number, arm.name): (arm, claim.data[0], claim.tried_with)
        for claim in CLAIMS.values()
        if claim.number in numbers
        for arm in claim.arms
        if arm.name != "untrained"
    }


def test_every_arm_has_the_best_of_the_rates_that_were_tried_for_it():
    for (number, name), (arm, data, seeds) in arms_of(SEARCHED).items():
        found = tried(arm, data, "cpu", seeds)
        assert set(RATES) <= found.keys(), name
        best = best_rate(found)
        assert arm.recipe(data, "cpu").fit.learning_rate == best, (number, name)
        assert min(found) < best < max(found) or best in (BELOW[-1], ABOVE[-1]), (number, name)


def test_a_trial_differs_from_the_run_of_its_arm_in_rate_and_seed_alone():
    arm, data, _ = arms_of([4])[4, "low removed"]
    own = arm.experiment(data, "cpu", seed=0)
    keys = {rate: trial(arm, data, "cpu", rate).key for rate in RATES}
    assert keys[own.recipe.fit.learning_rate] == own.key and len(set(keys.values())) == len(RATES)


def test_lines_are_added_to_the_record_and_none_is_lost(tmp_path):
    for key in ("a", "b"):
        add_to_record([{"key": key, "knn": [0.5]}], tmp_path / "rates.jsonl")
    assert [json.loads(line)["key"] for line in (tmp_path / "rates.jsonl").read_text().splitlines()] == ["a", "b"]


def test_lines_of_the_record_are_of_the_runs_that_they_name():
    by_key = defaultdict(list)
    for line in read_lines(RECORD):
        by_key[line["key"]].append(line)
    for (_, name), (arm, data, seeds) in arms_of(SEARCHED).items():
        for rate, seed in product(tried(arm, data, "cpu", seeds), seeds):
            wanted = trial(arm, data, "cpu", rate, seed)
            for line in by_key[wanted.key]:
                found = line["arm"], line["data"], line["rate"], line.get("seed", 0)  # at first all were of seed 0
                assert found == (name, data, rate, seed)
                assert line["steps"] == wanted.recipe.fit.steps and len(line["knn"]) in (0, QUARTERS)
            curves = {str(line["knn"]) for line in by_key[wanted.key]}
            assert len(curves) == 1, "two runs of one rate differ: which one counts?"


def test_seeds_of_trials_are_never_a_verdicts():
    assert {seed for claim in CLAIMS.values() for seed in claim.tried_with} <= SPENT


def test_a_rate_at_which_a_run_diverged_or_its_decoder_did_not_paint_is_passed_over():
    assert best_rate({1e-3: Tried(0.3), 2e-3: Tried(None), 4e-3: Tried(0.5, error=0.99)}) == 1e-3
    with pytest.raises(ValueError, match="a decoder that paints"):
        best_rate({1e-3: Tried(0.5, error=0.99)})


def test_a_decoder_keeps_its_own_rate_in_every_trial():
    arm, data, _ = arms_of([7])[7, "low removed, reconstructed"]
    fits = [trial(arm, data, "cpu", rate).recipe for rate in RATES]
    assert {round(recipe.fit.learning_rate * recipe.method.decoder_lr_scale, 9) for recipe in fits} == {0.004}


def test_a_rate_has_the_mean_of_its_seeds_and_only_if_each_was_run(monkeypatch, tmp_path):
    arm = CLAIMS["simclr-negatives"].arms[0]
    monkeypatch.setattr(rates, "RECORD", tmp_path / "rates.jsonl")

    def record(seed, *knn):
        runs = [(trial(arm, "objects", "smoke", rate, seed), value) for rate, value in zip(RATES, knn, strict=False)]
        add_to_record([{"key": run.key, "knn": [] if value is None else [value]} for run, value in runs], rates.RECORD)

    record(0, 0.2, 0.5, 0.3, 0.1)
    record(7, 0.6, 0.1, None)
    found = tried(arm, "objects", "smoke", (0, 7))
    assert list(found) == list(RATES[:3]) and best_rate(found) == 1e-3
    assert found[1e-3] == Tried(0.4, runs=2) and found[4e-3].knn is None
    assert best_rate(tried(arm, "objects", "smoke")) == 2e-3


def test_what_was_not_tried_has_no_figures():
    arm = CLAIMS["simclr-negatives"].arms[0]
    assert tried(arm, "objects", "smoke") == {}
    with pytest.raises(ValueError, match="set of pictures"):
        tried(arm, "objets", "smoke")
