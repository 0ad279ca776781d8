"""A prediction is kept at the click, is final once its experiment has run, and is set beside the measurement."""

import pytest
from ipywidgets import RadioButtons, Widget

from sslcourse.notebook import controls, predict, prediction_table, predictions, state
from sslcourse.notebook.predictions import measured

ID = "contrastive.negatives"
OPTIONS = {"a": "it stays", "b": "it falls"}


@pytest.fixture(autouse=True)
def at_cpu(monkeypatch):
    monkeypatch.setenv("SSLCOURSE_SCALE", "cpu")


@pytest.fixture
def said(capsys):
    def read():
        captured = capsys.readouterr()
        assert captured.err == ""
        return captured.out

    return read


@pytest.fixture
def buttons(monkeypatch):
    """Ask as a front end with widgets does; gives the radio buttons."""

    def ask(**given):
        monkeypatch.setattr(predictions, "widgets_work", lambda: True)
        shown = []
        monkeypatch.setattr(predictions, "show_controls", lambda children, *words: shown.append((children, words)))
        predict(ID, "What happens?", **given, **OPTIONS)
        ((children, words),) = shown
        assert "it stays" in words[0] and "it falls" in words[1], "a page without widgets shows the options, too"
        return next(child for child in children if isinstance(child, RadioButtons))

    yield ask
    Widget.close_all()


def kept():
    return state.read_lab("contrastive")["predictions"][ID]


def test_a_call_makes_and_changes_a_prediction_until_the_experiment_has_run(said):
    predict(ID, choice="a", **OPTIONS)
    predict(ID, choice="b", **OPTIONS)
    assert kept()["choice"] == "b"
    measured(ID, "kNN .20", answer="b")
    assert "as you predicted" in said()
    predict(ID, choice="a", **OPTIONS)
    assert kept()["choice"] == "b" and "Final" in said()


def test_a_click_is_kept_and_what_is_final_goes_back(buttons):
    radio = buttons()
    assert radio.value is None and not radio.disabled
    radio.value = "b"
    assert kept()["choice"] == "b" and not kept()["afterwards"]
    measured(ID, "kNN .20", answer="b")
    radio.value = "a"
    assert radio.value == "b" and radio.disabled and kept()["choice"] == "b"
    assert buttons().value == "b", "the cell that is run again shows what was kept"


def test_running_all_loses_nothing_and_a_missing_choice_may_follow(buttons, said):
    radio = buttons()
    measured(ID, "kNN .20", answer="b")
    assert "no prediction before" in said()
    assert buttons().value is None and not buttons().disabled
    radio.value = "b"
    assert kept()["choice"] == "b" and kept()["afterwards"]
    prediction_table("contrastive")
    text = said()
    assert "made afterwards" in text and "none to compare" in text


def test_smoke_judges_nothing_and_replaces_nothing(said, monkeypatch):
    monkeypatch.setenv("SSLCOURSE_SCALE", "smoke")
    predict(ID, choice="a", **OPTIONS)
    said()
    measured(ID, "kNN .07", answer="b")
    text = said()
    assert "nothing learns" in text and "you predicted" not in text.lower()
    assert not predictions.is_final(ID)
    monkeypatch.setenv("SSLCOURSE_SCALE", "cpu")
    predict(ID, choice="b", **OPTIONS)
    measured(ID, "kNN .20", answer="b")
    assert kept()["choice"] == "b" and not kept()["afterwards"] and "as you predicted" in said()
    monkeypatch.setenv("SSLCOURSE_SCALE", "smoke")
    measured(ID, "kNN .07", answer="a")
    assert state.read_lab("contrastive")["measured"][ID]["text"] == "kNN .20"


def test_an_option_that_there_is_not_is_refused_and_not_kept(said):
    predict(ID, choice="z", **OPTIONS)
    assert "no option 'z'" in said()
    assert state.read_lab("contrastive")["predictions"] == {}


def test_the_table_has_every_case(said):
    predict(ID, "Is it so?", choice="a", **OPTIONS)
    measured(ID, "kNN .20", answer="b")
    predict("contrastive.right", choice="b", **OPTIONS)
    measured("contrastive.right", "so it is", answer="b")
    measured("contrastive.unpredicted", "seen", answer="a")
    predict("contrastive.not_run", choice="a", **OPTIONS)
    predict("contrastive.open", choice="a", **OPTIONS)
    measured("contrastive.open", "too noisy")
    said()
    prediction_table("contrastive")
    lines = said().split("\n")
    assert "1 of 2 as predicted" in lines[0]
    rows = {line.split("  ")[1].strip(): line for line in lines[2:] if line.strip()}
    assert "✗ it falls" in rows["Is it so?"]
    assert "✓ as predicted" in rows["right"]
    assert "(none)" in rows["unpredicted"] and rows["unpredicted"].endswith("a")
    assert "(not run)" in rows["not run"]
    assert "undecided" in rows["open"]


def test_an_empty_table_says_so(said):
    prediction_table("contrastive")
    assert "Nothing has been predicted" in said()


def test_without_ipywidgets_the_options_are_a_card(said, monkeypatch):
    monkeypatch.setattr(controls, "in_notebook", lambda: True)
    monkeypatch.setattr(controls.importlib.util, "find_spec", lambda name: None)
    predict(ID, "What happens?", **OPTIONS)
    text = said()
    assert "What happens?" in text and 'choice="a"' in text
