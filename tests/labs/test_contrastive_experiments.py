"""Lab 1's experiments at the smallest size: what is trained, kept, measured and said."""

import dataclasses
import json
import sys
from importlib import resources

import pytest
import torch
from harness import photographs, tiny

from sslcourse.evaluation.collapse import contrastive_accuracy, effective_rank
from sslcourse.exercises import find
from sslcourse.labs.contrastive import arms
from sslcourse.labs.contrastive.experiments import ContrastiveLab
from sslcourse.labs.contrastive.measurements import colour_embedding, overlap
from sslcourse.losses.contrastive import nt_xent
from sslcourse.notebook import session, state
from sslcourse.notebook.findings import direction, load_bands
from sslcourse.notebook.session import LabSession
from sslcourse.training import experiment
from sslcourse.training.recipes import build_method

pytestmark = pytest.mark.slow

TINY = tiny(arms.BASELINE["smoke"], size=32, steps=4, batch_size=16, warmup_steps=1, log_every=2, evaluate_every=2)


@pytest.fixture()
def lab(monkeypatch, tmp_path):
    monkeypatch.setenv("SSLCOURSE_CACHE", str(tmp_path))
    monkeypatch.setenv("SSLCOURSE_SCALE", "smoke")
    monkeypatch.setitem(arms.BASELINE, "smoke", TINY)
    monkeypatch.setattr(ContrastiveLab, "pictures_count", 28)
    return ContrastiveLab()


@pytest.fixture()
def never_trains(monkeypatch):
    """From now on what is not kept cannot be had."""

    def forbid():
        def fit(*_, **__):
            raise AssertionError("it trained")

        monkeypatch.setattr(experiment, "fit", fit)

    return forbid


def reference(name):
    return find(f"contrastive.{name}").reference


def wrong(z1, z2, temperature):
    return nt_xent(z1, z2, 1.0)


def run_all_stages(lab):
    lab.show_images()
    lab.show_pipeline()
    lab.crops(reference("views"))
    lab.explore_views()
    lab.pairs(reference("positives"))
    lab.similarities(reference("similarity"))
    lab.explore_temperature()
    lab.train_baseline(reference("nt_xent"))
    lab.geometry(reference("geometry"))
    lab.explore_temperature("baseline")
    lab.collapse(reference("collapse"))
    lab.shortcut(reference("shortcut"))
    lab.colours_alone(reference("shortcut"))
    lab.mystery()
    lab.solve_mystery()
    lab.search()
    lab.few_labels()
    lab.challenge(temperature=0.1)


def test_arms_start_from_the_same_weights_and_differ_in_one_thing_each():
    known = arms.recipes("smoke")
    states = [build_method(recipe).state_dict() for recipe in known.values()]
    for other in states[1:]:
        assert all(torch.equal(states[0][name], other[name]) for name in other)
    base = known["baseline"]
    assert dataclasses.replace(base.method, negatives=False) == known["no_negatives"].method
    plain = base.method.augmentation.without_color()
    assert dataclasses.replace(base.method, augmentation=plain) == known["no_colour"].method
    assert {name for name in known if known[name].fit != base.fit} == {"mystery"}


def test_every_stage_shows_and_measures(lab, capsys):
    run_all_stages(lab)
    text = capsys.readouterr().out
    assert "Stopped" not in text and "to beat" in text and "nothing is judged" in text
    found = state.read_lab("contrastive")["measured"]
    kinds = (
        "overlap negatives_count untrained_cosine first_loss alignment no_negatives colour_task colour_features mystery"
    )
    assert sorted(found) == sorted(f"contrastive.{kind}" for kind in kinds.split())
    assert all(entry["answer"] in "abcd" and entry["scale"] == "smoke" for entry in found.values())


def test_what_is_measured_is_what_it_says(lab):
    run = lab.train("baseline")
    assert [row["step"] for row in run.rows] == [0, 2, 4]
    h1, _, z1, z2 = lab.probe().embed(run.method)
    assert run.final["effective_rank"] == pytest.approx(float(effective_rank(h1)))
    assert run.final["contrastive_accuracy"] == pytest.approx(float(contrastive_accuracy(z1, z2)))
    assert run.final["probe_loss"] == pytest.approx(float(nt_xent(z1, z2, 0.2)), abs=1e-5)
    assert 0 <= run.final["knn"] <= 1 and run.before["knn"] >= 0
    start = lab.untrained()
    assert {name: run.before[name] for name in start.final} == pytest.approx(start.final), "the same network before it"


def test_a_trained_arm_is_found_again_until_its_loss_changes(lab, never_trains):
    first = lab.train("baseline", wrong)
    never_trains()
    again = ContrastiveLab().train("baseline", wrong)  # after a restart
    assert again.final == first.final and again.before == first.before
    assert [row["step"] for row in again.rows] == [0, 2, 4]
    with pytest.raises(AssertionError, match="it trained"):
        ContrastiveLab().train("baseline", nt_xent)
    with pytest.raises(AssertionError, match="it trained"):
        ContrastiveLab().train("baseline", wrong, again=True)


def test_an_interrupted_run_goes_on_where_it_was(lab, capsys, monkeypatch):
    second = ContrastiveLab(seed=1)
    real = experiment.fit

    def fit(*given, on_log, **options):
        def stop(row):
            on_log(row)
            if row["step"] == 2:
                raise KeyboardInterrupt

        return real(*given, on_log=stop, **options)

    monkeypatch.setattr(experiment, "fit", fit)
    assert second.train_baseline(wrong, force=True) is None
    text = capsys.readouterr().out
    assert "interrupted near step 2 of 4" in text and "Traceback" not in text
    monkeypatch.setattr(experiment, "fit", real)
    continued = ContrastiveLab(seed=1).train("baseline", wrong)
    assert "going on from step 2" in capsys.readouterr().out
    assert [row["step"] for row in continued.rows] == [0, 2, 4]
    straight = ContrastiveLab(seed=1).train("baseline", wrong, again=True)
    assert continued.final == straight.final


@pytest.mark.parametrize(
    ("loss", "sentence"),
    [
        (lambda z1, z2, t: (z1 * z2).sum() * float("nan"), "nan"),
        (lambda z1, z2, t: z1 - z2, "shape"),
        (lambda z1, z2, t: nt_xent(z1, z2, t).item(), "float"),
        (lambda z1, z2, t: nt_xent(z1.detach(), z2.detach(), t), "no gradient"),
        (lambda z1, z2, t: z1 @ z2, "Your loss raised RuntimeError"),
    ],
)
def test_a_loss_that_is_none_is_one_sentence(lab, capsys, loss, sentence):
    assert lab.train_baseline(loss, force=True) is None
    text = capsys.readouterr().out
    assert "Stopped" in text and sentence in text and "Traceback" not in text


def test_the_lab_follows_the_scale(lab, monkeypatch):
    smoke = lab.train("baseline")
    longer = dataclasses.replace(TINY, scale="cpu", fit=dataclasses.replace(TINY.fit, steps=6))
    monkeypatch.setitem(arms.BASELINE, "cpu", longer)
    monkeypatch.setenv("SSLCOURSE_SCALE", "cpu")
    assert lab.arm("baseline").rows[-1]["step"] == 6
    monkeypatch.setenv("SSLCOURSE_SCALE", "smoke")
    assert lab.arm("baseline") is smoke


def test_little_is_drawn_before_it_is_needed(lab, monkeypatch):
    """Drawing takes a millisecond a picture: nearly all of the time between the setup and the first check."""
    monkeypatch.setattr(ContrastiveLab, "pictures_count", LabSession.pictures_count)
    monkeypatch.setattr("sslcourse.notebook.session.load_images", lambda *_: pytest.fail("drawn too early"))
    drawn = []
    load = session.load
    monkeypatch.setattr(session, "load", lambda *what, **how: drawn.append(how["count"]) or load(*what, **how))
    ContrastiveLab()
    assert drawn == []
    lab.show_images()
    lab.show_pipeline()
    lab.crops(reference("views"))
    lab.pairs(reference("positives"))
    lab.similarities(reference("similarity"))
    lab.explore_views()
    assert drawn == [256]


@pytest.mark.parametrize("classes", [("cat", "dog"), ()], ids=["labelled", "unlabelled"])
def test_photographs_of_ones_own_run_it_with_as_many_as_there_are(lab, tmp_path, capsys, classes):
    photographs(tmp_path / "mine", 50, classes)
    mine = ContrastiveLab(images=f"folder:{tmp_path / 'mine'}")
    run_all_stages(mine)
    text = capsys.readouterr().out
    assert "ordinary" not in text and "On mine:" in text
    assert ("no labels" in text) is not classes and ("kNN accuracy (k" in text) is bool(classes)
    assert mine.bands == {}


def test_pictures_to_look_at_are_of_every_class(lab, tmp_path, monkeypatch):
    monkeypatch.setattr(ContrastiveLab, "pictures_count", 4)
    photographs(tmp_path / "many", 60, ("cat", "dog"))
    assert set(ContrastiveLab(images=f"folder:{tmp_path / 'many'}").pictures.labels.tolist()) == {0, 1}
    photographs(tmp_path / "one", 30, ("cat",))
    assert ContrastiveLab(images=f"folder:{tmp_path / 'one'}").explore_views() is not None


def test_pictures_that_are_not_there_are_one_sentence(lab, capsys):
    assert ContrastiveLab(images="folder:nowhere").show_images() is None
    text = capsys.readouterr().out
    assert "Stopped" in text and "nowhere" in text


def test_the_challenge_is_at_equal_cost(lab, capsys):
    lab.challenge(steps=5)
    lab.challenge(temprature=0.1)
    text = capsys.readouterr().out
    assert "Equal cost" in text and "temperature" in text
    lab.challenge(temperature=0.5)
    assert "to beat" in capsys.readouterr().out


def test_overlap_is_the_share_that_two_boxes_have_in_common(lab):
    views = lab.recipe().method.augmentation
    share = overlap(views, side=64)
    assert 0.2 < share < 0.6
    assert overlap(views, side=64, seed=1, count=500) == pytest.approx(share, abs=0.05)


def test_colours_alone_find_the_other_view_unless_colours_are_changed(lab):
    plain, changed = (
        contrastive_accuracy(*map(colour_embedding, lab.probe(arm).views)) for arm in ("no_colour", "baseline")
    )
    assert plain > changed + 0.2


def test_refusals(lab):
    with pytest.raises(ValueError, match="arm must be one of baseline, no_negatives, no_colour"):
        lab.train("nothing")
    assert direction(0.5, 0.4) == "c"


@pytest.mark.parametrize("scale", ["smoke", "cpu"])
def test_the_bands_that_are_shipped_fit_the_settings(scale):
    bands = load_bands(scale, "contrastive")
    fit = arms.BASELINE[scale].fit
    assert set(bands["arms"]) == {"untrained", "baseline", "no_negatives", "no_colour"}
    assert len(bands["seeds"]) >= 6 and 0 not in bands["seeds"]
    for arm in ("baseline", "no_negatives", "no_colour"):
        band = bands["arms"][arm]
        assert band["steps"] == list(range(0, fit.steps + 1, fit.evaluate_every)), "measure again: benchmarks/bands.py"
        assert {"knn", "probe_loss", "alignment", "effective_rank"} <= set(band["final"])
    assert json.loads(resources.files("sslcourse.labs.contrastive").joinpath("bands.json").read_text())


def test_a_broken_loss_does_not_stop_later_stages(lab, capsys):
    lab.train_baseline(lambda z1, z2, t: z1 @ z2, force=True)
    lab.geometry(reference("geometry"))
    text = capsys.readouterr().out
    assert text.count("Your loss raised") == 1 and "alignment" in text


def test_a_wrong_function_that_is_forced_is_one_sentence(lab, capsys):
    lab.pairs(lambda n: [0] * n, force=True)
    lab.similarities(lambda z1, z2: z1, force=True)
    lab.explore_temperature("no such arm")
    text = capsys.readouterr().out
    assert text.count("This does not work with your function") == 2 and "got 'no such arm'" in text


def test_without_ipywidgets_an_explorer_is_one_sentence(lab, capsys, monkeypatch):
    monkeypatch.delitem(sys.modules, "sslcourse.labs.contrastive.widgets", raising=False)
    monkeypatch.delitem(sys.modules, "sslcourse.notebook.widgets", raising=False)
    monkeypatch.setitem(sys.modules, "ipywidgets", None)  # as if it were not installed
    assert lab.explore_views() is None and lab.explore_temperature() is None
    assert capsys.readouterr().out.count("This needs ipywidgets") == 2
