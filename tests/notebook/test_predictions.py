"""A prediction is kept, fixed by the experiment, and set beside the measurement."""

import pytest

from sslcourse.notebook import experiment_ran, measured, predict, prediction_table, state

ID = "contrastive.negatives"
OPTIONS = {"a": "it stays", "b": "it falls"}


@pytest.fixture
def said(capsys):
    def read():
        captured = capsys.readouterr()
        assert captured.err == ""
        return captured.out

    return read


def kept():
    return state.read_lab("contrastive")["predictions"][ID]


def test_a_prediction_can_change_until_the_experiment_has_run(said):
    predict(ID, "a", **OPTIONS)
    predict(ID, "b", **OPTIONS)
    assert kept()["choice"] == "b"
    experiment_ran(ID)
    said()
    predict(ID, "a", **OPTIONS)
    assert kept()["choice"] == "b" and "too late" in said()
    predict(ID, "b", **OPTIONS)
    assert "too late" not in said()


def test_no_prediction_shows_the_options_and_what_to_do(said):
    predict(ID, choice=None, **OPTIONS)
    text = said()
    assert "none yet" in text and "it stays" in text and "it falls" in text and '"a", "b"' in text


def test_after_the_experiment_no_prediction_can_be_made(said):
    predict(ID, None, **OPTIONS)
    experiment_ran(ID)
    said()
    predict(ID, "a", **OPTIONS)
    assert "without a prediction" in said() and kept()["choice"] is None


def test_a_choice_that_is_no_option_is_refused_and_not_kept(said):
    predict(ID, "z", **OPTIONS)
    assert "'z' is not one of the options" in said()
    assert state.read_lab("contrastive")["predictions"] == {}


def test_the_first_measurement_fixes_the_prediction(said):
    predict(ID, "a", **OPTIONS)
    measured(ID, "kNN .20", answer="b")
    assert kept()["fixed"] and "not what you predicted" in said()


def test_measuring_again_replaces_the_measurement(said):
    predict(ID, "a", **OPTIONS)
    measured(ID, "first", answer="b")
    measured(ID, "second", answer="a")
    assert state.read_lab("contrastive")["measured"][ID] == {"text": "second", "answer": "a"}


def test_the_table_has_every_case(said):
    predict(ID, "a", **OPTIONS)
    measured(ID, "kNN .20", answer="b")
    predict("contrastive.right", "b", **OPTIONS)
    measured("contrastive.right", "so it is", answer="b")
    measured("contrastive.unpredicted", "seen", answer="a")
    predict("contrastive.not_run", "a", **OPTIONS)
    predict("contrastive.open", "a", **OPTIONS)
    measured("contrastive.open", "too noisy")
    said()
    prediction_table("contrastive")
    lines = said().split("\n")
    assert "1 of 2 as predicted" in lines[0]
    rows = {line.split("  ")[1].strip(): line for line in lines[2:] if line.strip()}
    assert "✗ it falls" in rows["negatives"]
    assert "✓ as predicted" in rows["right"]
    assert "(none)" in rows["unpredicted"] and rows["unpredicted"].endswith("a")
    assert "(not run)" in rows["not run"]
    assert "undecided" in rows["open"]


@pytest.mark.parametrize("name, warned", [("smoke", True), ("cpu", False)])
def test_what_smoke_measures_is_called_so(said, monkeypatch, name, warned):
    monkeypatch.setenv("SSLCOURSE_SCALE", name)
    measured(ID, "kNN .20", answer="b")
    said()
    prediction_table("contrastive")
    assert ("nothing learns" in said()) is warned


def test_an_empty_table_says_so(said):
    prediction_table("contrastive")
    assert "Nothing has been predicted" in said()
