"""Lab 3's experiments at the smallest size: what is trained, kept, measured and said."""

import dataclasses
from itertools import combinations

import pytest
import torch
import torch.nn.functional as F
from harness import forbid_training, photographs, tiny

from sslcourse.evaluation.invariance import draw_corners, shared
from sslcourse.exercises import find
from sslcourse.labs.local import arms
from sslcourse.labs.local.experiments import LocalLab
from sslcourse.labs.local.measurements import cosines, embed, shown_of_mask, whole_in_six
from sslcourse.labs.local.method import HandmadeLoGo, course_functions
from sslcourse.labs.local.pictures import bound_and_cosines
from sslcourse.labs.local.widgets import CropExplorer
from sslcourse.losses.local_global import info_nce, local_dissimilarity
from sslcourse.notebook import state
from sslcourse.training.recipes import build_method

TINY = tiny(arms.BASELINE["smoke"], size=32, steps=4, batch_size=16, warmup_steps=1, log_every=2, evaluate_every=2)
OWN = course_functions()
OVERLAP, BOUND = (find(f"local.{name}").reference for name in ("overlap", "bound"))


@pytest.fixture()
def lab(monkeypatch, tmp_path):
    monkeypatch.setenv("SSLCOURSE_CACHE", str(tmp_path))
    monkeypatch.setenv("SSLCOURSE_SCALE", "smoke")
    monkeypatch.setitem(arms.BASELINE, "smoke", TINY)
    monkeypatch.setattr(LocalLab, "pictures_count", 28)
    return LocalLab()


def run_all_stages(lab):
    lab.show_pairs()
    lab.overlaps(OVERLAP)
    explorer = lab.explore_crops()
    lab.scales(OVERLAP)
    lab.try_scales(OVERLAP)
    lab.train_baseline(OWN.pairs, OWN.local_to_global)
    lab.bound(BOUND)
    lab.four_ways(OWN.repulsion)
    lab.against_overlap()
    lab.course_networks()
    lab.claims("local-crops-apart")
    lab.all_together()
    lab.find_the_whole()
    lab.few_labels()
    lab.challenge(local="repel", local_weight=0.1)
    return explorer


def embeddings(crops, n=6, d=5, seed=0):
    return torch.randn(crops, n, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_the_references_are_the_packages_losses():
    student, teacher = embeddings(3), embeddings(2, seed=1)
    pairs = [info_nce(one, other, 0.2) for one in student for other in teacher]
    torch.testing.assert_close(OWN.local_to_global(student, teacher, 0.2), torch.stack(pairs).mean())
    apart = [local_dissimilarity(one, other) for one, other in combinations(student, 2)]
    torch.testing.assert_close(OWN.repulsion(student), torch.stack(apart).mean())


def test_the_overlap_of_squares_is_the_packages():
    corners = draw_corners(200, (32, 32), 16, torch.Generator().manual_seed(0))
    boxes = torch.cat([corners, torch.full_like(corners, 16)], dim=2)
    torch.testing.assert_close(OVERLAP(*boxes.unbind(1)), shared(corners, 16).float())


def test_no_three_vectors_break_the_bound_and_some_reach_it():
    whole, one, other = F.normalize(embeddings(3, n=500, d=3), dim=-1)
    first, second, between = (one * whole).sum(1), (other * whole).sum(1), (one * other).sum(1)
    gap = between - BOUND(first, second)
    assert gap.min() > -1e-12 and gap.min() < 0.01
    opposite = 2 * first[:, None] * whole - one  # mirrored at the global crop: as near to it, on the other side
    torch.testing.assert_close(BOUND(first, first), (one * opposite).sum(1))


@pytest.mark.parametrize("local", ["none", "repel"])
def test_made_of_the_courses_functions_it_is_the_courses_logo(local):
    """One step by the reader's way, pair by pair, is a step of the package's LoGo to the last digits."""
    recipe = arms.recipes("smoke")["repel" if local == "repel" else "baseline"]
    course = build_method(recipe)
    mine = build_method(recipe, lambda encoder, settings: HandmadeLoGo(encoder, settings, OWN))
    images = torch.randint(0, 256, (8, 3, 32, 32), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    for method in (course, mine):
        method.begin_step(1, 4)
        loss, _ = method(method.draw_views(images, torch.Generator().manual_seed(1)))
        loss.backward()
        torch.optim.SGD(method.parameters(), 0.1).step()
        method.end_step()
    for name, tensor in course.state_dict().items():
        torch.testing.assert_close(mine.state_dict()[name], tensor, msg=name, rtol=1e-4, atol=1e-5)


def test_arms_start_from_the_same_weights_and_differ_in_what_local_crops_do():
    known = arms.recipes("smoke")
    base = known["baseline"]
    start = build_method(base).state_dict()
    for name, recipe in known.items():
        other = build_method(recipe).state_dict()
        assert all(torch.equal(start[key], other[key]) for key in start if key.startswith("encoder.")), name
        assert (recipe.data, recipe.encoder, recipe.fit) == (base.data, base.encoder, base.fit)
        kept = {"local": "none", "local_weight": base.method.local_weight, "similarity": "infonce"}
        assert dataclasses.replace(recipe.method, **kept) == base.method


def test_measuring_leaves_a_network_as_it_is_and_sees_what_training_sees(lab):
    method = build_method(lab.recipe())
    before = {name: tensor.clone() for name, tensor in method.state_dict().items()}
    crops = lab.crops()
    projected = embed(method, crops)
    assert all(torch.equal(before[name], tensor) for name, tensor in method.state_dict().items())
    method.train()
    views = method.draw_views(lab.pictures.images, torch.Generator().manual_seed(10_000))
    _, metrics = method(views)
    assert projected.shape == (4, 28, 64)
    assert float(metrics["channel_std"]) == pytest.approx(
        F.normalize(projected.flatten(0, 1), dim=1).std(0).mean().item(), rel=0.05
    )


def test_cosines_are_of_the_pairs_that_they_name():
    z = F.normalize(embeddings(4), dim=-1)
    by_hand = {
        "global_cosine": (z[0] * z[1]).sum(1).mean(),
        "local_global_cosine": sum((z[i] * z[j]).sum(1).mean() for i in (2, 3) for j in (0, 1)) / 4,
        "local_cosine": (z[2] * z[3]).sum(1).mean(),
        "other_cosine": sum(z[2, k] @ z[3, k - 1] for k in range(6)) / 6,
    }
    assert cosines(z, 2) == pytest.approx({name: value.item() for name, value in by_hand.items()})


def test_a_local_crop_has_its_picture_among_the_first_six():
    z = torch.randn(5, 40, 3, generator=torch.Generator().manual_seed(0))
    each = []
    for part in z[2:]:
        for whole in z[:2]:
            alike = F.cosine_similarity(part[:, None], whole[None], dim=2)
            each += [(alike[at].argsort(descending=True)[:6] == at).any().item() for at in range(40)]
    assert whole_in_six(z, 2) == pytest.approx(sum(each) / len(each))
    assert whole_in_six(torch.ones(4, 40, 3), 2) == 0


def test_a_box_shows_its_share_of_the_object():
    mask = torch.zeros(2, 6, 6, dtype=torch.bool)
    mask[0, 1:3, 2:5] = mask[1, 5, 5] = True
    boxes = torch.tensor([[2, 2, 3, 2], [0, 0, 6, 5]])
    assert shown_of_mask(mask, boxes).tolist() == pytest.approx([2 / 6, 0])


@pytest.mark.slow
def test_every_stage_shows_and_measures(lab, capsys):
    run_all_stages(lab)
    text = capsys.readouterr().out
    assert "Stopped" not in text and "to beat" in text and "nothing is judged" in text and "details find" in text
    found = state.read_lab("local")["measured"]
    kinds = "shared scale unasked smallest product pushed pulled apart together"
    assert sorted(found) == sorted(f"local.{kind}" for kind in kinds.split())
    assert {kind: found[f"local.{kind}"]["answer"] for kind in ("shared", "smallest")} == {
        "shared": "c",
        "smallest": "c",
    }
    assert all(entry["scale"] == "smoke" for entry in found.values())


@pytest.mark.slow
@pytest.mark.parametrize(("count", "classes"), [(50, ("cat", "dog")), (20, ())], ids=["labelled", "few, unlabelled"])
def test_photographs_of_ones_own_run_it_with_as_many_as_there_are(lab, tmp_path, capsys, count, classes):
    photographs(tmp_path / "mine", count, classes)
    run_all_stages(LocalLab(images=f"folder:{tmp_path / 'mine'}"))
    text = capsys.readouterr().out
    assert text.count("Stopped") == (0 if classes else 1) and "ordinary" not in text
    assert "On mine:" in text and "no masks" in text
    assert ("kNN accuracy of local" in text) is bool(classes)


@pytest.mark.parametrize(
    ("count", "said"), [(2, "2; 4 or more, or a folder val/, are needed"), (5, "one picture held out")]
)
def test_too_few_photographs_are_looked_at_and_not_judged(lab, tmp_path, capsys, count, said):
    photographs(tmp_path / "mine", count, ())
    few = LocalLab(images=f"folder:{tmp_path / 'mine'}")
    few.show_pairs()
    assert few.explore_crops() is not None
    for stage in (few.overlaps, few.scales, few.try_scales):
        stage(OVERLAP)
    assert "Stopped" not in capsys.readouterr().out
    for stage in (few.against_overlap, few.course_networks, few.all_together, few.find_the_whole):
        stage()
        text = " ".join(capsys.readouterr().out.split())
        assert text.startswith("✗ Stopped") and said in text


def test_a_bound_that_is_none_is_not_said_to_hold():
    above, below = torch.tensor([0.5, 0.5]), torch.tensor([0.2, 0.6])
    assert "1 lie below" in bound_and_cosines(above, above, above, below).get_label()
    assert (
        "all lie above, the nearest by 0.3" in bound_and_cosines(above, above, above, below.clamp(max=0.2)).get_label()
    )


@pytest.mark.slow
def test_a_trained_arm_is_found_again_until_one_of_its_functions_changes(lab, monkeypatch):
    first = lab.train("repel", OWN)
    forbid_training(monkeypatch)
    assert LocalLab().train("repel", OWN).final == LocalLab().arm("repel").final == first.final
    with pytest.raises(AssertionError, match="it trained"):
        LocalLab().train("repel", OWN._replace(repulsion=lambda crops: -crops.mean()))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("pairs", "said"),
    [
        (lambda g, n: ([], []), "nothing would be learned"),
        (lambda g, n: ([(0, g)], []), "a crop that there is not"),
        (lambda g, n: 7, "two lists"),
        (lambda g, n: ([0, 1], []), "two numbers"),
    ],
    ids=["none", "too far", "a number", "no pairs"],
)
def test_pairs_that_do_not_work_are_one_sentence(lab, capsys, pairs, said):
    assert lab.train_baseline(pairs, OWN.local_to_global, force=True) is None
    text = capsys.readouterr().out
    assert "Stopped" in text and said in text and "Traceback" not in text


def test_every_control_of_the_explorer_changes_the_picture():
    explorer = CropExplorer(torch.randint(0, 256, (2, 3, 32, 32), dtype=torch.uint8), ["one", "two"])
    for name, control in explorer.controls.items():
        before = explorer.picture.value
        control.value = 1 if name == "image" else 0.5 if control.value != 0.5 else 0.9
        assert explorer.picture.value != before, name
    assert "Two global crops" in explorer.readout.value
    explorer.controls["second share"].value = 0.05
    assert "the local one is drawn" in explorer.readout.value


def test_an_explorer_needs_a_name_for_each_picture():
    with pytest.raises(ValueError, match="3 names"):
        CropExplorer(torch.zeros(2, 3, 8, 8, dtype=torch.uint8), ["a", "b", "c"])
