"""Lab 2's experiments at the smallest size: what is trained, kept, measured and said."""

import dataclasses

import pytest
import torch
from harness import forbid_training, photographs, tiny

from sslcourse.exercises import find
from sslcourse.labs.byol import arms
from sslcourse.labs.byol.answers.symmetrised import both_views_in_one_batch
from sslcourse.labs.byol.experiments import ByolLab
from sslcourse.labs.byol.method import HandmadeBYOL, Own, course_functions, simsiam_in_disguise
from sslcourse.labs.byol.session import probe_loss, teacher_distance
from sslcourse.labs.byol.widgets import CollapseMonitor
from sslcourse.losses import nt_xent
from sslcourse.models import momentum_at, update_ema
from sslcourse.notebook import state
from sslcourse.training.recipes import build_method

TINY = tiny(arms.BASELINE["smoke"], size=32, steps=4, batch_size=16, warmup_steps=1, log_every=2, evaluate_every=2)
OWN = course_functions()


@pytest.fixture()
def lab(monkeypatch, tmp_path):
    monkeypatch.setenv("SSLCOURSE_CACHE", str(tmp_path))
    monkeypatch.setenv("SSLCOURSE_SCALE", "smoke")
    monkeypatch.setitem(arms.BASELINE, "smoke", TINY)
    monkeypatch.setattr(ByolLab, "pictures_count", 28)
    return ByolLab()


def run_all_stages(lab):
    lab.show_branches()
    lab.three_networks(find("byol.loss").reference)
    lab.follow(OWN.update_ema, OWN.momentum_at)
    lab.train_baseline(*OWN)
    lab.grid()
    explorer = lab.explore_collapse()
    lab.claims("byol-target")
    lab.mystery()
    lab.solve_mystery()
    lab.leak(find("byol.influence").reference)
    lab.batch_sizes()
    lab.transformations()
    lab.few_labels()
    lab.search()
    lab.challenge(momentum=0.5)
    return explorer


def test_arms_start_from_the_same_weights_and_differ_in_one_thing_each():
    known = arms.recipes("smoke")
    base = known["baseline"]
    start = build_method(base).state_dict()
    for name, recipe in known.items():
        other = build_method(recipe).state_dict()
        assert all(torch.equal(start[key], other[key]) for key in start if key.startswith("encoder.")), name
        assert recipe.data == base.data and recipe.encoder == base.encoder
    changed = {"no_ema": {"momentum": 0.0}, "no_predictor": {"predictor": False}}
    changed["no_stop"] = {"momentum": 0.0, "stop_gradient": False}
    changed["no_colour"] = {"augmentation": base.method.augmentation.without_color()}
    for name, difference in changed.items():
        assert known[name] == dataclasses.replace(base, method=dataclasses.replace(base.method, **difference))
    assert known["simclr"].method.augmentation == base.method.augmentation
    assert {name for name in known if known[name].fit != base.fit} == {"small", "simclr_small", "mystery"}


def test_made_of_the_courses_functions_it_is_the_courses_byol():
    """One step by the reader's way, both views in one batch, is a step of the package's BYOL to the last digits."""
    recipe = TINY
    views = torch.rand(2, 8, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    course = build_method(recipe)
    own = Own(both_views_in_one_batch, update_ema, momentum_at)
    mine = build_method(recipe, lambda encoder, settings: HandmadeBYOL(encoder, settings, own))
    for method in (course, mine):
        method.begin_step(1, 4)
        loss, metrics = method(views)
        loss.backward()
        torch.optim.SGD(method.parameters(), 0.1).step()
        method.end_step()
        assert sorted(metrics) == ["channel_std", "negative_cosine", "positive_cosine"]
    assert course.momentum == mine.momentum > recipe.method.momentum
    for name, tensor in course.state_dict().items():
        torch.testing.assert_close(mine.state_dict()[name], tensor, msg=name)


def test_the_distance_of_the_teacher_is_that_of_its_weights():
    method = build_method(TINY)
    assert teacher_distance(method) == 0
    with torch.no_grad():
        for parameter in method.teacher_encoder.parameters():
            parameter.mul_(2)
    squares = [sum(p.square().sum() for p in one.parameters()) for one in (method.encoder, method.projector)]
    assert teacher_distance(method) == pytest.approx((squares[0] / sum(squares)).sqrt().item(), rel=1e-5)
    assert teacher_distance(simsiam_in_disguise(method)) == 0
    assert teacher_distance(build_method(arms.recipes("smoke")["simclr"])) == 0


def test_the_loss_of_the_probe_is_that_of_each_method():
    views = torch.rand(2, 6, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    z1, z2 = torch.randn(2, 6, 64, generator=torch.Generator().manual_seed(1))
    known = arms.recipes("smoke")
    simclr = build_method(known["simclr"])
    assert float(probe_loss(simclr, views, z1, z2)) == pytest.approx(float(nt_xent(z1, z2, 0.2)))
    bare = build_method(known["nothing"])
    between = 2 - 2 * torch.cosine_similarity(z1, z2, dim=1).mean()
    assert float(probe_loss(bare, views, z1, z2)) == pytest.approx(float(between), rel=1e-5)


@pytest.mark.slow
def test_every_stage_shows_and_measures(lab, capsys):
    run_all_stages(lab)
    text = capsys.readouterr().out
    assert "Stopped" not in text
    assert all(said in text for said in ("to beat", "nothing is judged", "ledger of claims, 15:"))
    found = state.read_lab("byol")["measured"]
    kinds = "constant half_way spread no_ema no_predictor no_stop mystery leak batch colour"
    assert sorted(found) == sorted(f"byol.{kind}" for kind in kinds.split())
    assert all(entry["answer"] in "abcd" and entry["scale"] == "smoke" for entry in found.values())
    answers = {kind: found[f"byol.{kind}"]["answer"] for kind in ("constant", "half_way", "mystery", "leak")}
    assert answers == {"constant": "a", "half_way": "b", "mystery": "a", "leak": "c"}


@pytest.mark.slow
@pytest.mark.parametrize("classes", [("cat", "dog"), ()], ids=["labelled", "unlabelled"])
def test_photographs_of_ones_own_run_it_with_as_many_as_there_are(lab, tmp_path, capsys, classes):
    photographs(tmp_path / "mine", 50, classes)
    run_all_stages(ByolLab(images=f"folder:{tmp_path / 'mine'}"))
    text = capsys.readouterr().out
    assert "ordinary" not in text and "On mine:" in text
    assert ("no labels" in text) is not classes and ("kNN accuracy (k" in text) is bool(classes)


@pytest.mark.slow
def test_a_trained_arm_is_found_again_until_one_of_its_functions_changes(lab, monkeypatch, capsys):
    first = lab.train("baseline", OWN)
    forbid_training(monkeypatch)
    assert ByolLab().train("baseline", OWN).final == first.final  # after a restart
    assert ByolLab().arm("baseline").final == first.final  # by a later stage, too
    with pytest.raises(AssertionError, match="it trained"):
        ByolLab().train("baseline", OWN._replace(momentum_at=lambda step, steps, base: base))


@pytest.mark.slow
def test_functions_that_do_not_work_are_one_sentence(lab, capsys):
    def nothing(predictor, online, target, views):
        return (online(views[0]) * 0).detach().sum()

    assert lab.train_baseline(nothing, OWN.update_ema, OWN.momentum_at, force=True) is None
    text = capsys.readouterr().out
    assert "Stopped" in text and "no gradient" in text and "Traceback" not in text


def recorded():
    """Runs of the grid, without training: each has figures of its own."""
    names = ("channel_std", "positive_cosine", "negative_cosine", "projection_rank")
    runs = {}
    for number, arm in enumerate(arms.GRID):
        rows = [{"step": step, **dict.fromkeys(names, 0.01 * (number + 1) * (step + 5))} for step in (0, 2, 4)]
        runs[arm] = type("Run", (), {"rows": rows})()
    return runs


def test_every_control_of_the_monitor_changes_the_picture():
    monitor = CollapseMonitor(recorded(), healthy=0.125)
    for name, value in {"step": 2, "moving average": False, "stop-gradient": False, "predictor": False}.items():
        before = monitor.picture.value
        monitor.controls[name].value = value
        assert monitor.picture.value != before, name
    assert "none of the three" in monitor.readout.value


def test_a_moving_average_without_a_stop_is_said_not_to_exist():
    monitor = CollapseMonitor(recorded(), healthy=0.125)
    monitor.controls["stop-gradient"].value = False
    assert "no stop-gradient" in monitor.readout.value and "never gets a gradient" in monitor.readout.value


def test_a_monitor_needs_every_run_of_the_grid():
    runs = recorded()
    del runs["nothing"]
    with pytest.raises(ValueError, match="nothing"):
        CollapseMonitor(runs, healthy=0.125)
