"""Lab 6's experiments at the smallest size: what is trained, measured and said; and its brush."""

import dataclasses

import pytest
import torch
from harness import forbid_training, photographs, tiny

from sslcourse.exercises import find
from sslcourse.labs.pixels import arms, measurements
from sslcourse.labs.pixels.experiments import PixelsLab
from sslcourse.labs.pixels.method import HandmadePainter, Own, course_functions
from sslcourse.labs.pixels.session import PixelsSession
from sslcourse.labs.pixels.widgets import Brush
from sslcourse.losses.reconstruction import patchify
from sslcourse.notebook import state
from sslcourse.pruning.tokens import removed_mask
from sslcourse.training.pretrained import load_course_method
from sslcourse.training.recipes import build_method

TINY = tiny(arms.BOTH["smoke"])
OWN = course_functions()


def reference(name):
    return find(f"pixels.{name}").reference


@pytest.fixture()
def lab(monkeypatch, tmp_path):
    monkeypatch.setenv("SSLCOURSE_CACHE", str(tmp_path))
    monkeypatch.setenv("SSLCOURSE_SCALE", "smoke")
    monkeypatch.setitem(arms.BOTH, "smoke", TINY)
    monkeypatch.setattr(PixelsLab, "pictures_count", 28)
    return PixelsLab()


def run_all_stages(lab):
    lab.show_painting()
    lab.orders(reference("restore"))
    lab.targets(reference("targets"))
    lab.train_baseline(*OWN)
    lab.paint(reference("psnr"))
    brush = lab.brush()
    lab.scenes()
    lab.features()
    lab.occlusion(reference("drop"))
    lab.black()
    lab.solve_black()
    lab.pair()
    lab.claims("regular-scenes")
    lab.few_labels(each=(5,))
    lab.search()
    lab.challenge(keep_rate=0.25)
    return brush


def test_the_pair_starts_from_the_same_encoder_and_differs_in_one_loss():
    known = arms.recipes("smoke")
    both, distilled, painting = (known[name] for name in ("both", "distilled", "baseline"))
    start, other = (build_method(recipe).encoder.state_dict() for recipe in (both, distilled))
    assert all(torch.equal(start[key], other[key]) for key in start)
    assert distilled == dataclasses.replace(both, method=dataclasses.replace(both.method, reconstruction="off"))
    assert painting.method == dataclasses.replace(both.method, cls=False)
    assert "conv" in both.encoder.name and "conv" not in painting.encoder.name
    assert known["challenge"] == painting and (painting.data, painting.fit) == (both.data, both.fit)


def test_made_of_the_courses_functions_it_is_the_courses_painter():
    recipe = arms.recipes("smoke")["baseline"]
    course = build_method(recipe)
    mine = build_method(recipe, lambda encoder, settings: HandmadePainter(encoder, settings, OWN))
    images = torch.randint(0, 256, (4, 3, 64, 64), dtype=torch.uint8)
    results = []
    for method in (course, mine):
        method.begin_step(0, 4)
        loss, _ = method(method.draw_views(images, torch.Generator().manual_seed(0)))
        loss.backward()
        gradients = {name: one.grad for name, one in method.named_parameters() if one.grad is not None}
        results.append((loss.item(), gradients))
    assert results[0][0] == pytest.approx(results[1][0], rel=1e-6)
    assert results[0][1].keys() == results[1][1].keys() and "decoder.mask_token" in results[0][1]
    for name, gradient in results[0][1].items():
        torch.testing.assert_close(results[1][1][name], gradient, msg=name, rtol=1e-4, atol=1e-7)


def test_a_blend_keeps_what_is_seen_and_mixes_what_is_near():
    images = torch.zeros(1, 3, 8, 16)
    images[..., 8:] = 1.0
    kept = torch.tensor([[0, 3, 4, 7]])  # of 2 x 4 patches, the outer columns
    mixed = measurements.blend(images, kept, 4)
    assert torch.equal(mixed[..., :4], images[..., :4]) and torch.equal(mixed[..., 12:], images[..., 12:])
    assert (mixed[0, 0, 0, 4:8] < 0.5).all() and (mixed[0, 0, 0, 8:12] > 0.5).all()
    assert (mixed[0, 0, 0].diff() > -1e-6).all()


def test_a_painting_changes_removed_patches_alone_and_psnr_sees_those_alone():
    painter = load_course_method("reconstruction").method
    images = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    kept = torch.rand(2, 64, generator=torch.Generator().manual_seed(1)).argsort(1)[:, :40]
    painted = measurements.paint(painter, images, kept)
    gone = removed_mask(kept, 64)
    before, after = patchify(images, 8), patchify(painted, 8)
    assert torch.equal(before[~gone], after[~gone]) and not torch.isclose(before[gone], after[gone]).all(1).any()
    found = measurements.hidden_psnr(painted, images, kept, 8, reference("psnr"))
    error = torch.stack([(b[g] - a[g]).square().mean() for a, b, g in zip(after, before, gone)])
    torch.testing.assert_close(found, -10 * error.log10())


def test_the_background_goes_before_the_object():
    saliency = torch.tensor([[0.0, 0.4, 0.0, 1.0]])
    chosen = {
        what: measurements.scores_for(what, saliency, torch.Generator().manual_seed(0)).topk(2).indices[0].tolist()
        for what in ("object", "background")
    }
    assert chosen["object"] == [3, 1] and sorted(chosen["background"]) == [0, 2]


@pytest.mark.slow
def test_every_stage_shows_and_measures(lab, capsys):
    run_all_stages(lab)
    text = capsys.readouterr().out
    assert "Stopped" not in text and "to beat" in text and "nothing is judged" in text
    found = state.read_lab("pixels")["measured"]
    kinds = "order colour visible rules scenes whitened robust black pair accuracy"
    assert sorted(found) == sorted(f"pixels.{kind}" for kind in kinds.split())
    answers = {kind: found[f"pixels.{kind}"]["answer"] for kind in ("order", "black", "rules")}
    assert answers == {"order": "a", "black": "a", "rules": "a"}


@pytest.mark.slow
@pytest.mark.parametrize("classes", [("cat", "dog"), ()], ids=["labelled", "unlabelled"])
def test_photographs_of_ones_own_run_it_with_as_many_as_there_are(lab, tmp_path, capsys, classes):
    photographs(tmp_path / "mine", 50 if classes else 5, classes)
    run_all_stages(PixelsLab(images=f"folder:{tmp_path / 'mine'}"))
    text = capsys.readouterr().out
    assert "ordinary" not in text and "On mine:" in text and "Traceback" not in text
    assert ("no labels" in text) is not classes and ("kNN accuracy (k" in text) is bool(classes)


@pytest.mark.slow
def test_two_photographs_are_painted_though_nothing_can_be_trained(lab, tmp_path, monkeypatch, capsys):
    forbid_training(monkeypatch)
    photographs(tmp_path / "mine", 2, ())
    assert run_all_stages(PixelsLab(images=f"folder:{tmp_path / 'mine'}")) is not None  # the brush
    text = " ".join(capsys.readouterr().out.split())
    assert all(words in text for words in ("in their place", "the course's painter", "this needs the drawn objects"))
    assert text.count("Stopped") == sum(
        map(text.count, ("2; 4 or more", "no vote and no classifier", "Without labels"))
    )


@pytest.mark.slow
def test_a_trained_painter_is_found_again_until_one_of_its_functions_changes(lab, monkeypatch):
    first = lab.train("baseline", OWN)
    forbid_training(monkeypatch)
    assert PixelsLab().train("baseline", OWN).final == first.final  # after a restart
    assert PixelsLab().arm("baseline").final == first.final  # by a later stage, too
    with pytest.raises(AssertionError, match="it trained"):
        PixelsLab().train("baseline", OWN._replace(removed_only=lambda p, t, kept: (p - t).square().mean()))


def test_what_needs_labels_says_so_before_it_trains(lab, tmp_path, monkeypatch, capsys):
    forbid_training(monkeypatch)
    photographs(tmp_path / "mine", 5, ())
    unlabelled = PixelsLab(images=f"folder:{tmp_path / 'mine'}")
    unlabelled.pair()
    unlabelled.challenge(keep_rate=0.25)
    text = capsys.readouterr().out
    assert "These pictures have no labels" in text and "Without labels there is no kNN accuracy" in text


@pytest.mark.slow
def test_functions_that_do_not_work_are_one_sentence(lab, capsys):
    cut = Own(reference("restore"), reference("targets"), lambda p, t, kept: (p - t).square().mean().detach())
    assert lab.train_baseline(*cut, force=True) is None
    text = capsys.readouterr().out
    assert "Stopped" in text and "no gradient" in text and "Traceback" not in text


def test_the_features_of_a_new_network_are_computed_anew(lab, monkeypatch):
    networks = iter([torch.nn.Identity(), torch.nn.ReLU()])
    current = {"network": next(networks)}
    monkeypatch.setattr(PixelsSession, "encoder", lambda self, arm: current["network"])
    monkeypatch.setattr("sslcourse.labs.pixels.session.extract_features", lambda encoder, _: torch.rand(3, 2))
    monkeypatch.setattr(PixelsSession, "images", type("Images", (), {"bank": None}))
    first = lab.bank("baseline")
    assert lab.bank("baseline") is first
    current["network"] = next(networks)
    assert lab.bank("baseline") is not first


def brush(count=2):
    images = torch.randint(0, 256, (count, 3, 64, 64), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    return Brush(images, [str(at) for at in range(count)], load_course_method("reconstruction").method)


def test_every_control_of_the_brush_changes_the_picture():
    explorer = brush()
    for name, value in {"row": 4, "column": 5, "size": 2, "image": 1}.items():
        before = explorer.picture.value
        explorer.controls[name].value = value
        assert explorer.picture.value != before, name
    assert "<b>4</b> of 64" in explorer.readout.value


def test_what_the_brush_hid_stays_hidden_where_it_should():
    explorer = brush()
    explorer.controls["size"].value = 2
    explorer.controls["stays"].value = True
    explorer.controls["row"].value = 6
    assert int(explorer.hidden.sum()) == 8
    explorer.controls["stays"].value = False
    assert int(explorer.hidden.sum()) == 4


def test_a_brush_needs_a_name_for_each_picture():
    with pytest.raises(ValueError, match="a name for each"):
        Brush(torch.zeros(2, 3, 64, 64, dtype=torch.uint8), ["one"], load_course_method("reconstruction").method)
