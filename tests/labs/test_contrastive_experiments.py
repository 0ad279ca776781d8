"""Lab 1's experiments at the smallest size: what is trained, measured, kept and drawn."""

import dataclasses
import json
import math
from importlib import resources

import pytest
import torch

from sslcourse.data.objects import load_objects
from sslcourse.evaluation.collapse import contrastive_accuracy, effective_rank
from sslcourse.figures import alt_text, to_png
from sslcourse.labs.contrastive import charts, diagram, pictures
from sslcourse.labs.contrastive.arms import ARMS, SCALES
from sslcourse.labs.contrastive.experiments import ContrastiveLab
from sslcourse.labs.contrastive.probe import METERS, Probe
from sslcourse.labs.contrastive.train import augmentation, make_method, train_arm
from sslcourse.losses.contrastive import alignment, nt_xent, uniformity
from sslcourse.notebook.bands import final_range, load_bands, summarise

TINY = dataclasses.replace(
    SCALES["smoke"],
    train_images=40,
    test_images=28,
    probe_images=12,
    image_size=32,
    view_size=32,
    batch_size=16,
    steps=4,
    warmup_steps=1,
    measure_every=2,
)


@pytest.fixture()
def lab(monkeypatch, tmp_path):
    monkeypatch.setenv("SSLCOURSE_CACHE", str(tmp_path))
    monkeypatch.setitem(SCALES, "smoke", TINY)
    return ContrastiveLab(scale="smoke")


def test_every_arm_starts_from_the_same_weights():
    states = [make_method(TINY, arm, seed=3).state_dict() for arm in ARMS.values()]
    other = make_method(TINY, ARMS["baseline"], seed=4).state_dict()
    for state in states[1:]:
        assert all(torch.equal(states[0][name], state[name]) for name in state)
    assert any(not torch.equal(states[0][name], other[name]) for name in other)


def test_arms_differ_in_one_thing_each():
    base = make_method(TINY, ARMS["baseline"], 0).settings
    silent = make_method(TINY, ARMS["no_negatives"], 0).settings
    grey = make_method(TINY, ARMS["no_colour"], 0).settings
    assert dataclasses.replace(base, negatives=False) == silent
    assert dataclasses.replace(base, augmentation=base.augmentation.without_color()) == grey


@pytest.mark.parametrize("arm", ARMS)
def test_an_arm_is_trained_and_measured(lab, arm):
    seen = []
    run = train_arm(arm, lab.images, TINY, on_rows=lambda step, rows: seen.append((step, len(rows))))
    assert [row["step"] for row in run.rows] == [0, 2, 4]
    assert seen == [(0, 1), (2, 2), (4, 3)]
    assert set(run.rows[0]) == {"step", *METERS}
    assert set(run.final) == {"knn", *METERS}
    assert all(math.isfinite(value) for row in run.rows for value in row.values())
    before = make_method(TINY, ARMS[arm], 0).state_dict()
    changed = [name for name, value in run.method.state_dict().items() if not torch.equal(value, before[name])]
    assert changed, "the network was trained"


def test_the_same_seed_gives_the_same_run(lab):
    first, second = (train_arm("baseline", lab.images, TINY, seed=5) for _ in range(2))
    assert first.final == second.final and first.rows == second.rows
    assert train_arm("baseline", lab.images, TINY, seed=6).final != first.final


def test_the_students_own_loss_trains_also_when_it_is_wrong(lab):
    calls = []

    def forgot_the_temperature(z1, z2, temperature):
        calls.append(temperature)
        return nt_xent(z1, z2, 1.0)

    run = lab.train("baseline", forgot_the_temperature)
    assert calls and set(calls) == {TINY.temperature}
    assert run.final["loss"] != lab.train("baseline", nt_xent).final["loss"]


def test_a_trained_arm_is_kept_until_its_loss_changes(lab):
    first = lab.train("baseline", nt_xent)
    assert lab.train("baseline", nt_xent) is first
    assert lab.run("baseline") is first
    assert lab.train("baseline", nt_xent, again=True) is not first
    assert lab.train("baseline", lambda z1, z2, t: nt_xent(z1, z2, t)) is not first


def test_a_loss_that_is_no_number_stops_with_advice(lab, capsys):
    assert lab.train("baseline", lambda z1, z2, t: (z1 * z2).sum() * float("nan")) is None
    assert "Training stopped" in capsys.readouterr().out
    assert "baseline" not in lab.runs


def test_the_probe_measures_what_it_says_and_leaves_the_mode_alone(lab):
    method = lab.untrained.method.train()
    probe = Probe(lab.images.probe.images, augmentation(TINY, ARMS["baseline"]))
    measured = probe.measure(method)
    assert method.training
    h1, _, z1, z2 = probe.embed(method)
    assert measured["effective_rank"] == pytest.approx(float(effective_rank(h1)))
    assert measured["contrastive_accuracy"] == pytest.approx(float(contrastive_accuracy(z1, z2)))
    assert measured["loss"] == pytest.approx(float(nt_xent(z1, z2, TINY.temperature)), abs=1e-5)
    assert probe.measure(method) == measured, "the same views each time"


def test_every_picture_and_table_of_the_lab(lab, capsys):
    def pair(z1, z2):
        return float(alignment(z1, z2)), float(uniformity(torch.cat([z1, z2])))

    def crops(images, boxes, flips):
        top, left, height, width = boxes[0].tolist()
        return images[:, :, top : top + height, left : left + width]

    lab.show_images()
    lab.show_pipeline()
    lab.show_crops(crops)
    lab.show_pairs(lambda n: torch.arange(2 * n).roll(n))
    lab.show_similarities(lambda z1, z2: torch.cat([z1, z2]) @ torch.cat([z1, z2]).T)
    lab.show_baseline()
    before, after = lab.show_geometry(pair)
    assert before[0] == pytest.approx(lab.untrained.final["alignment"], abs=1e-4)
    assert after[1] == pytest.approx(lab.run("baseline").final["uniformity"], abs=1e-4)
    finding = lab.show_collapse(lambda features: float(effective_rank(features)))
    assert finding.answer in "abc" and "effective rank" in finding.text
    task, features = lab.show_shortcut(lambda z1, z2: float(contrastive_accuracy(z1, z2)))
    assert features == (lab.run("baseline").final["knn"], lab.run("no_colour").final["knn"])
    assert len(task) == 2
    lab.show_colours()
    lab.show_colours_alone(contrastive_accuracy)
    assert "histogram" in capsys.readouterr().out


def test_untrained_loss_is_that_of_a_guess_when_all_embeddings_agree(lab):
    with torch.no_grad():
        lab.untrained.method.head[-1].weight.zero_()
    probe = Probe(lab.images.probe.images, augmentation(TINY, ARMS["baseline"]))
    assert probe.measure(lab.untrained.method)["loss"] == pytest.approx(lab.first_loss()[1], abs=1e-5)


def test_overlap_is_the_share_that_two_boxes_have_in_common(lab):
    assert 0.2 < lab.overlap() < 0.6
    assert lab.overlap(500) == pytest.approx(lab.overlap(), abs=0.05)


def test_colours_alone_find_the_other_view_unless_colours_are_changed():
    images = load_objects("test", count=64, size=32, cache=False).images
    rates = {}
    for arm in ("baseline", "no_colour"):
        views = Probe(images, augmentation(TINY, ARMS[arm])).views
        first, second = (pictures.joint_histogram(view).sqrt() for view in views)
        rates[arm] = float(contrastive_accuracy(first, second))
    assert rates["no_colour"] > rates["baseline"] + 0.2


def test_the_explorers_come_with_the_labs_own_images(lab):
    explorer = lab.explore_views()
    assert len(explorer.controls["image"].options) == len(set(lab.images.probe.labels.tolist()))
    assert lab.explore_temperature(count=3).similarities.shape == (6, 6)


def test_refusals(lab):
    with pytest.raises(ValueError, match="arm must be one of baseline, no_negatives, no_colour"):
        lab.train("nothing")
    with pytest.raises(ValueError, match="scale must be one of"):
        ContrastiveLab(scale="huge")


def run_of(value, steps=(0, 10)):
    return {"rows": [{"step": step, "loss": value + step} for step in steps], "final": {"knn": value}}


def test_bands_are_the_range_over_the_seeds():
    band = summarise([run_of(2.0), run_of(4.0), run_of(1.0)])
    assert band["steps"] == [0, 10]
    assert band["curves"]["loss"] == {"low": [1.0, 11.0], "median": [2.0, 12.0], "high": [4.0, 14.0]}
    assert final_range({"arms": {"x": band}}, "x", "knn") == (1.0, 4.0)
    with pytest.raises(ValueError, match="different steps"):
        summarise([run_of(1.0), run_of(1.0, steps=(0, 20))])


@pytest.mark.parametrize("scale", ["smoke", "cpu"])
def test_the_bands_that_are_shipped_fit_the_settings(scale):
    bands = load_bands(scale)
    settings = SCALES[scale]
    assert set(bands["arms"]) == {"untrained", *ARMS}
    assert len(bands["seeds"]) == 3
    assert bands["settings"] == json.loads(json.dumps(dataclasses.asdict(settings))), (
        "measure again: benchmarks/bands.py"
    )
    for band in (bands["arms"][arm] for arm in ARMS):
        assert band["steps"][0] == 0 and band["steps"][-1] == settings.steps
        assert set(band["curves"]) == set(METERS)
        assert set(band["final"]) == {"knn", *METERS}
    assert resources.files("sslcourse.labs.contrastive").joinpath("bands.json").is_file()


def test_charts_are_drawn_with_and_without_bands():
    rows = [{"step": step, **dict.fromkeys(METERS, 0.5 + step)} for step in (0, 1)]
    bands = {"arms": {"baseline": summarise([{"rows": rows, "final": dict.fromkeys((*METERS, "knn"), 0.5)}])}}
    for given in (bands, {}):
        drawn = charts.training_curves(rows, 1, given, "baseline")
        values = {"untrained": ("untrained", 3.0, 0.1), "baseline": ("SimCLR", 30.0, 0.5)}
        drawn += charts.collapse(values, {key: [2.0, 1.0, 0.0] for key in values}, given, 0.1)
        drawn += charts.shortcut(values, given, 0.1)
        cosines = {key: torch.rand(6, 6) for key in values}
        rows = [row | {"alignment": 1.0, "uniformity": -1.0} for row in rows]
        drawn += charts.geometry(values, cosines, rows)
        assert all(alt_text(figure) and to_png(figure).startswith(b"\x89PNG") for figure in drawn)


def test_the_pictures_of_ideas_are_drawn_and_described():
    views = torch.rand(2, 3, 8, 8)
    drawn = [
        diagram.pipeline(torch.zeros(3, 8, 8, dtype=torch.uint8), views),
        pictures.pair_grid(torch.tensor([1, 0]), views),
        pictures.colour_histograms([("crop", views)]),
    ]
    assert all(alt_text(figure) and to_png(figure).startswith(b"\x89PNG") for figure in drawn)
