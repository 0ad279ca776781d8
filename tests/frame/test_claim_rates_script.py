"""The script that tries learning rates: which it asks for next, and what it writes of a run that diverged."""

import pytest
from benchmark_scripts import load_script

from sslcourse.claims import rates
from sslcourse.claims.catalogue import CLAIMS
from sslcourse.claims.rates import ABOVE, BELOW, RATES, add_to_record, trial
from sslcourse.training.many import Outcome

ARM = CLAIMS["simclr-negatives"].arms[0]


@pytest.fixture()
def script(monkeypatch, tmp_path):
    monkeypatch.setattr(rates, "RECORD", tmp_path / "rates.jsonl")
    return load_script("claim_rates", monkeypatch)


def line(rate, knn):
    return {"key": trial(ARM, "objects", "smoke", rate).key, "knn": [knn]}


def next_after(script, **by_place):
    add_to_record([line(rate, by_place.get(f"at{at}", 0.1)) for at, rate in enumerate(RATES)], rates.RECORD)
    return script.next_rates(ARM, "objects", "smoke")


def test_all_four_are_tried_and_no_more_when_the_best_lies_between(script):
    assert script.next_rates(ARM, "objects", "smoke") == list(RATES)
    assert next_after(script, at2=0.5) == []


@pytest.mark.parametrize(("end", "beyond"), [("at3", ABOVE), ("at0", BELOW)])
def test_it_goes_on_beyond_the_end_that_is_best_and_comes_to_an_end(script, end, beyond):
    assert next_after(script, **{end: 0.5}) == [beyond[0]]
    add_to_record([line(beyond[0], 0.6)], rates.RECORD)
    assert script.next_rates(ARM, "objects", "smoke") == [beyond[1]]
    add_to_record([line(beyond[1], 0.7)], rates.RECORD)
    assert script.next_rates(ARM, "objects", "smoke") == []


def test_a_run_that_diverged_is_written_down_and_counts_as_worst(script):
    experiment = trial(ARM, "objects", "smoke", RATES[-1])
    diverged = Outcome(experiment, {}, [], "NonFiniteLoss: the loss was nan at step 3")
    assert script.has_ended(diverged) and not script.has_ended(diverged._replace(error="OSError: no space left"))
    add_to_record([script.row_of(ARM, "objects", experiment, diverged)], rates.RECORD)
    add_to_record([line(rate, 0.1) for rate in RATES[:-1]], rates.RECORD)
    assert rates.tried(ARM, "objects", "smoke")[RATES[-1]].knn is None
    assert script.next_rates(ARM, "objects", "smoke") == [BELOW[0]]


def test_with_several_seeds_only_the_runs_that_are_missing_are_asked_for_each_once(script):
    add_to_record([line(rate, 0.1) for rate in RATES], rates.RECORD)
    wanted = script.next_trials(
        [(ARM, "objects", (0,)), (ARM, "objects", (0, 7)), (ARM, "objects", (0, 7, 8))], "smoke"
    )
    seeds = sorted((run.recipe.fit.seed, run.recipe.fit.learning_rate) for _, _, run in wanted)
    assert seeds == [(seed, rate) for seed in (0, 7, 8) for rate in ((BELOW[0],) if seed == 0 else RATES)]


def test_an_arm_that_no_rate_serves_does_not_stop_the_others(script):
    add_to_record([line(rate, 0.1) | {"knn": []} for rate in RATES], rates.RECORD)
    assert script.next_rates(ARM, "objects", "smoke") == []


def test_a_claim_that_there_is_not_is_refused(script, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["claim_rates.py", "99"])
    with pytest.raises(SystemExit):
        script.main()
    assert "there is no claim 99: they are 1 to 20" in capsys.readouterr().err
