"""Lab 4's experiments at the smallest size: what is trained, kept, measured and said; the explorer of like patches."""

import dataclasses

import pytest
import torch
import torch.nn.functional as F
from harness import forbid_training, photographs

from sslcourse.data.objects import load_objects
from sslcourse.exercises import find
from sslcourse.labs.two_levels import arms
from sslcourse.labs.two_levels.experiments import LevelsLab
from sslcourse.labs.two_levels.measurements import PartProbe
from sslcourse.labs.two_levels.method import LevelSettings, TwoLevels, course_functions, make_levels
from sslcourse.labs.two_levels.widgets import LikePatches
from sslcourse.methods.ibot import IBOT
from sslcourse.models import build_encoder
from sslcourse.notebook import state
from sslcourse.training.recipes import build_method

SMALL = arms.BASELINE["smoke"]
TINY = dataclasses.replace(
    SMALL,
    data=dataclasses.replace(SMALL.data, count=40, bank=40, held_out=28),
    fit=dataclasses.replace(SMALL.fit, steps=4, batch_size=8, warmup_steps=1),
)
OWN = course_functions()
IOU = find("two_levels.iou").reference


@pytest.fixture()
def lab(monkeypatch, tmp_path):
    monkeypatch.setenv("SSLCOURSE_CACHE", str(tmp_path))
    monkeypatch.setenv("SSLCOURSE_SCALE", "smoke")
    monkeypatch.setitem(arms.BASELINE, "smoke", TINY)
    monkeypatch.setattr(LevelsLab, "pictures_count", 28)
    return LevelsLab()


def run_all_stages(lab):
    lab.show_levels()
    lab.tricks(OWN.center_and_sharpen)
    lab.solve_tricks()
    lab.balance(OWN.sinkhorn)
    lab.best_loss(OWN.cls_loss)
    lab.train_levels(OWN.sinkhorn, OWN.cls_loss, OWN.masked_patch_loss)
    lab.whole_and_parts()
    explorer = lab.explore_patches()
    lab.claims("patches-give-detail", "strides-lose-detail")
    lab.segment(IOU)
    lab.challenge(patch_weight=1.0)
    return explorer


def test_arms_start_from_the_same_weights_and_differ_in_what_their_names_say():
    known = arms.recipes("smoke")
    start = build_method(known["baseline"], make_levels(None)).state_dict()
    for name, recipe in known.items():
        other = build_method(recipe, make_levels(None)).state_dict()
        assert all(torch.equal(start[key], other[key]) for key in start if key in other), name
    base = known["baseline"].method
    for name, change in {"cls": {"patches": "off"}, "visible": {"patches": "visible"}}.items():
        assert known[name].method == dataclasses.replace(base, **change)
    assert known["no_center"].method == dataclasses.replace(known["sound"].method, centers=False)


def test_made_of_the_courses_functions_it_is_the_courses_ibot():
    """Where every picture hides equally many patches, the loss and its gradients are those of the package's iBOT."""
    settings = TINY.method
    images = torch.randint(0, 256, (6, 3, 32, 32), generator=torch.Generator().manual_seed(0)).to(torch.uint8)
    found = []
    for make in (IBOT, lambda encoder, own: TwoLevels(encoder, own)):
        method = build_method(TINY, make).train()
        method.begin_step(1, 4)
        loss, metrics = method(method.draw_views(images, torch.Generator().manual_seed(1)))
        loss.backward()
        found.append((loss, metrics["patch_loss"], method.encoder.vit.blocks[0].attn.qkv.weight.grad))
    assert settings.mask_probability == 1 and settings.mask_ratio[0] == settings.mask_ratio[1]
    for one, other in zip(*found):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-5)


def test_settings_refuse_what_they_do_not_know():
    with pytest.raises(ValueError, match="patches"):
        LevelSettings(patches="some")


def test_like_patches_that_show_the_same_part_are_counted():
    images = load_objects("test", count=60, size=32, cache=False)
    probe = PartProbe(images, 8)
    assert 0 <= probe.match(build_encoder("vit_64x2_p8", image_size=32)) <= 1 and 0 < probe.chance < 0.2


@pytest.mark.slow
def test_every_stage_shows_and_measures(lab, capsys, monkeypatch):
    run_all_stages(lab)
    text = capsys.readouterr().out
    assert "Stopped" not in text and "to beat" in text and "nothing is judged" in text
    found = state.read_lab("two_levels")["measured"]
    kinds = "no_center no_sharp balanced best_loss patch_knn parts outlines"
    assert set(found) <= {f"two_levels.{kind}" for kind in kinds.split()} and len(found) >= 6
    letters = lab.letters()
    assert found["two_levels.no_center"]["answer"] == letters["no_center"].lower()
    assert found["two_levels.best_loss"]["answer"] == "b"
    forbid_training(monkeypatch)
    again = LevelsLab()  # after a restart
    assert again.letters() == letters
    again.tricks(OWN.center_and_sharpen)
    again.train_levels(OWN.sinkhorn, OWN.cls_loss, OWN.masked_patch_loss)
    LevelsLab().balance(OWN.sinkhorn)  # a later stage alone


@pytest.mark.slow
@pytest.mark.parametrize(("classes", "count"), [(("cat", "dog"), 30), ((), 6)], ids=["labelled", "six"])
def test_photographs_of_ones_own_run_it_with_as_many_as_there_are(lab, tmp_path, capsys, classes, count):
    photographs(tmp_path / "mine", count, classes)
    run_all_stages(LevelsLab(images=f"folder:{tmp_path / 'mine'}"))
    text = capsys.readouterr().out
    assert "On mine:" in text and "without masks" in text and "Traceback" not in text
    assert ("no labels" in text) is not bool(classes)


def test_two_photographs_are_looked_at_and_not_judged(lab, tmp_path, capsys):
    photographs(tmp_path / "mine", 2, ())
    few = LevelsLab(images=f"folder:{tmp_path / 'mine'}")
    few.show_levels()
    assert few.explore_patches() is not None
    assert "Stopped" not in capsys.readouterr().out
    for stage in (few.solve_tricks, few.whole_and_parts):
        stage()
        text = " ".join(capsys.readouterr().out.split())
        assert text.startswith("✗ Stopped") and "4 or more" in text


@pytest.mark.slow
def test_functions_that_do_not_work_are_one_sentence(lab, capsys):
    def nothing(student, teacher):
        return (student * 0).detach().sum()

    assert lab.train_levels(OWN.sinkhorn, nothing, OWN.masked_patch_loss, force=True) is None
    text = capsys.readouterr().out
    assert "Stopped" in text and "no gradient" in text and "Traceback" not in text


@pytest.fixture(scope="module")
def explorer():
    images = torch.randint(0, 255, (3, 3, 32, 32), generator=torch.Generator().manual_seed(0)).to(torch.uint8)
    tokens = {
        name: torch.randn(3, 16, 8, generator=torch.Generator().manual_seed(at)) for at, name in enumerate(("a", "b"))
    }
    return LikePatches(images, ["cat", "dog", "<b>"], tokens)


def test_every_control_changes_the_picture(explorer):
    for name, value in {"image": 1, "other": 2, "network": "a", "row": 0, "column": 3}.items():
        before = explorer.picture.value
        explorer.controls[name].value = value
        assert explorer.picture.value != before, name
    assert "row 0, column 3" in explorer.readout.value and "&lt;b&gt;" in explorer.readout.value


def test_it_shows_the_cosines_with_the_chosen_patch(explorer):
    for name, value in {"image": 0, "other": 0, "row": 1, "column": 2}.items():
        explorer.controls[name].value = value
    alike = explorer.cosines()
    assert alike.shape == (4, 4) and alike.argmax() == 6 and alike[1, 2] == pytest.approx(1)
    tokens = explorer.tokens[explorer.value("network")][0]
    torch.testing.assert_close(alike.flatten(), F.cosine_similarity(tokens[6:7], tokens))


def test_refusals():
    with pytest.raises(ValueError, match="two images or more"):
        LikePatches(torch.zeros(1, 3, 8, 8, dtype=torch.uint8), ["a"], {"one": torch.zeros(1, 4, 2)})


def test_a_forced_loss_that_is_not_one_number_is_told_so(lab, capsys):
    lab.best_loss(lambda student, teacher: student.sum(0), force=True)
    assert "not one number" in capsys.readouterr().out
