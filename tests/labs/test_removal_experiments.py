"""Lab 5's references against the package, its experiments at the smallest size, its explorer."""

import dataclasses

import pytest
import torch
from harness import forbid_training, photographs

from sslcourse.data.views import MultiCrop
from sslcourse.exercises import LABS, find
from sslcourse.labs.removal import arms
from sslcourse.labs.removal.experiments import CLEARLY, RemovalLab
from sslcourse.labs.removal.measurements import in_turns, kept_features, queries_and_keys, with_keep_rate
from sslcourse.labs.removal.method import marked_by_ibot
from sslcourse.labs.removal.pictures import packed
from sslcourse.labs.removal.session import RemovalSession, attention_of, load_untrained
from sslcourse.labs.removal.tasks import Machine
from sslcourse.labs.removal.widgets import KeepExplorer
from sslcourse.methods import Combined
from sslcourse.notebook import state
from sslcourse.notebook.findings import final_runs, load_bands, mostly
from sslcourse.pruning import gather_tokens, select
from sslcourse.pruning.cost import ViTShape, predicted_speed_up
from sslcourse.training.recipes import build_method

GENERATOR = torch.Generator().manual_seed(0)
REFERENCES = {id: find(f"removal.{id}").reference for id in ("attention", "keep", "gather", "speed", "time")}


@pytest.fixture()
def lab(monkeypatch, tmp_path):
    monkeypatch.setenv("SSLCOURSE_CACHE", str(tmp_path))
    monkeypatch.setenv("SSLCOURSE_SCALE", "smoke")
    monkeypatch.setitem(arms.STEPS, "smoke", (4, 3))
    sizes = arms.SIZES["smoke"] | {"count": 40, "bank": 40, "held_out": 28, "batch_size": 8}
    monkeypatch.setitem(arms.SIZES, "smoke", sizes)
    monkeypatch.setattr(RemovalSession, "pictures_count", 28)
    return RemovalLab()


def run_all_stages(lab):
    lab.show_step()
    lab.attention_maps(REFERENCES["attention"])
    lab.train_baseline()
    lab.keep_half(REFERENCES["keep"], REFERENCES["gather"])
    explorer = lab.explore()
    lab.design()
    lab.policies()
    lab.count(REFERENCES["speed"])
    lab.clock(REFERENCES["time"], REFERENCES["speed"])
    lab.equal_time()
    lab.inference(REFERENCES["time"])
    lab.claims("removal-accuracy")
    lab.few_labels()
    lab.search()
    lab.challenge(keep_rate=0.75)
    return explorer


def test_the_references_agree_with_the_package():
    scores, tokens = torch.rand(5, 12, generator=GENERATOR), torch.rand(5, 12, 3, generator=GENERATOR)
    for keep in (1, 5, 12):
        indices = REFERENCES["keep"](scores, keep)
        assert torch.equal(indices, select(scores, keep, "low"))
        assert torch.equal(REFERENCES["gather"](tokens, indices), gather_tokens(tokens, indices))
    for keep, patches, dim, crops, local in ((18, 36, 64, 2, 9), (98, 196, 384, 0, 4), (50, 200, 96, 8, 36)):
        vit = ViTShape(patches=patches, dim=dim, depth=5)
        known = predicted_speed_up(vit, keep / patches, local_crops=crops, local_patches=local)
        assert REFERENCES["speed"](keep, patches, dim, crops, local) == pytest.approx(known, rel=1e-12)


def test_the_reference_sees_the_attention_of_a_real_network():
    encoder = load_untrained("ibot", seed=3).eval()
    images = torch.rand(3, 3, 64, 64, generator=GENERATOR)
    mine = REFERENCES["attention"](*queries_and_keys(encoder, images))
    with torch.no_grad():
        torch.testing.assert_close(mine, encoder(images, attention=True).attention)
    assert not encoder.vit.blocks[-1]._forward_pre_hooks


def test_a_made_up_machine_shows_a_fair_time_and_no_other():
    def machine():
        return Machine([9.0, 2.0, 7.0, 1.0], launch=0.25, now=100.0, busy=50.0)

    fair = machine()
    assert REFERENCES["time"](fair.work, 3, 1, fair.clock, fair.synchronise) == 2.25
    hasty = machine()
    start = hasty.clock()
    hasty.work()
    assert hasty.clock() - start == 0.25
    hasty.synchronise()
    assert hasty.clock() == 100 + 50 + 9


def test_arguments_of_a_fair_time_may_have_any_names():
    assert in_turns(lambda f, n, w, c, s: n + w, {"one": print, "other": print}, 5) == {"one": 6, "other": 6}


def test_arms_differ_in_what_is_removed_only():
    known = arms.recipes("cpu")
    base = known["baseline"]
    start = build_method(base).state_dict()
    for name, recipe in known.items():
        other = build_method(recipe).state_dict()
        assert all(torch.equal(start[key], other[key]) for key in start), name
        same = dataclasses.replace(base.method, removal=recipe.method.removal)
        assert recipe == dataclasses.replace(base, method=same, fit=recipe.fit)
        assert (recipe.fit == base.fit) is (name != "short")
    policies = {arm: known[arm].method.removal.policy for arm in ("low", "random", "high", "own")}
    assert policies == {"low": "low", "random": "random", "high": "high", "own": "low"}
    assert (
        with_keep_rate(base, 0.25).method.removal.kept_of(36) == 9
        and not with_keep_rate(base, 1.0).method.removal.removes
    )


def test_patches_are_chosen_by_what_another_network_marks():
    crops = torch.rand(2, 3, 3, 48, 48, generator=GENERATOR)  # two global crops of three pictures
    scores = torch.rand(6, 36, generator=GENERATOR)
    seen = []

    def marks(given):
        seen.append(given)
        return scores

    for arm, keep in (("low", scores.topk(18).indices), ("high", (-scores).topk(18).indices)):
        guided = RemovalLab().build(arms.recipes("smoke")[arm], marks)
        guided.begin_step(0, 10)
        encoded = guided.encode(guided.with_choices(MultiCrop(crops, crops[:0]), torch.Generator().manual_seed(0)))
        assert torch.equal(encoded.keep_indices, keep.sort(1).values)
        assert torch.equal(seen[-1], crops.flatten(0, 1))
        assert encoded.student.patches.shape[1] == 18 and encoded.teacher.patches.shape[1] == 36
    own = RemovalLab().build(arms.recipes("smoke")["own"], None)
    assert type(own) is Combined


def test_ibot_marks_crops_as_it_does_pictures(lab):
    crops = lab.pictures.batch(slice(3))
    before = marked_by_ibot(crops)
    torch.testing.assert_close(before, attention_of(lab.network("ibot"), crops))
    assert not before.requires_grad


@pytest.mark.parametrize(
    ("identifier", "one", "other"),
    [
        ("removal.accuracy", "low", "baseline"),
        ("removal.policy", "low", "random"),
        ("removal.equal_time", "own", "short"),
        ("pixels.accuracy", "both", "distilled"),
    ],
)
def test_recorded_pairs_say_what_the_lesson_says_whatever_ones_own_run_shows(identifier, one, other):
    name = identifier.split(".")[0]
    runs = [final_runs(load_bands("cpu", name), arm, "knn") for arm in (one, other)]
    recorded = [after - before for after, before in zip(*runs, strict=True)]
    answers = {mostly([mine, *recorded], CLEARLY) for mine in (-1.0, 0.0, 1.0)}
    assert len(recorded) == 6 and answers == {LABS[name].lessons[identifier][0]}


def test_features_of_all_patches_are_the_features(lab):
    encoder, pictures = lab.network("ibot"), lab.pictures.subset(torch.arange(5))
    everything = torch.arange(64).expand(5, -1)
    images = pictures.batch(slice(None))
    with torch.no_grad():
        expected = encoder.eval()(images).cls
        half = encoder(images, everything[:, ::2]).cls
    torch.testing.assert_close(kept_features(encoder, pictures, everything), expected)
    torch.testing.assert_close(kept_features(encoder, pictures, everything[:, ::2]), half)


def test_what_is_left_of_a_picture_is_packed_in_order():
    images = torch.arange(4.0).repeat_interleave(3 * 8 * 8).view(1, 4, 3, 8, 8)
    images = torch.cat([torch.cat([images[:, 0], images[:, 1]], 3), torch.cat([images[:, 2], images[:, 3]], 3)], 2)
    left = packed(images, torch.tensor([[1, 3]]), REFERENCES["gather"], 8)
    assert left[0, 0, ::8, ::8].tolist() == [[1.0, 3.0], [0.5, 0.5]]


@pytest.mark.parametrize(
    ("own", "said"),
    [
        ({}, "Another explanation is left"),
        ({"policy": "random"}, "A control that carries the claim"),
        ({"policy": "high"}, "Nearly"),
        ({"policy": "low"}, "That is no control"),
        ({"policy": "random", "keep_rate": 0.75}, "patches that go, of 36. If"),
        ({"policy": "random", "steps": 3}, "also differ in: steps"),
        ({"policy": "lowest"}, "policy must be one of"),
        ({"policy": "random", "keep_rate": 0.99}, "keeps all 36 patches"),
        ({"policy": "random", "steps": 0}, "Stopped"),
    ],
    ids=str,
)
def test_a_control_is_told_what_it_cannot_say(lab, capsys, own, said):
    lab.design(**own)
    text = " ".join(capsys.readouterr().out.split())
    assert said in text and ("A control that carries" in text) is (own == {"policy": "random"})


@pytest.mark.slow
def test_every_stage_shows_and_measures(lab, capsys):
    run_all_stages(lab)
    text = capsys.readouterr().out
    assert "Stopped" not in text
    assert all(said in text for said in ("to beat", "nothing is judged", "ledger of claims, 4:"))
    found = state.read_lab("removal")["measured"]
    kinds = "objects rule half accuracy policy counted measured equal_time inference"
    assert sorted(found) == sorted(f"removal.{kind}" for kind in kinds.split())
    assert all(entry["answer"] in "abc" and entry["scale"] == "smoke" for entry in found.values())
    assert found["removal.counted"]["answer"] == "b" and found["removal.inference"]["answer"] == "c"


@pytest.mark.slow
@pytest.mark.parametrize(("count", "classes"), [(50, ("cat", "dog")), (5, ())], ids=["labelled", "five"])
def test_photographs_of_ones_own_run_it_with_as_many_as_there_are(lab, tmp_path, capsys, count, classes):
    photographs(tmp_path / "mine", count, classes)
    run_all_stages(RemovalLab(images=f"folder:{tmp_path / 'mine'}"))
    text = capsys.readouterr().out
    assert "ordinary" not in text and "nothing is measured" in text and "Traceback" not in text
    assert ("no labels" in text) is not classes and ("kNN accuracy (k" in text) is bool(classes)
    assert ("random removed  high removed" in text) is bool(classes)  # a table's headings, without any row


@pytest.mark.slow
def test_two_photographs_are_looked_at_and_counted_though_nothing_can_be_trained(lab, tmp_path, monkeypatch, capsys):
    forbid_training(monkeypatch)
    photographs(tmp_path / "mine", 2, ())
    run_all_stages(RemovalLab(images=f"folder:{tmp_path / 'mine'}"))
    text = " ".join(capsys.readouterr().out.split())
    shown = (
        "nothing is measured",
        "kNN accuracy is left out",
        "Another explanation",
        "(this lab's arms)",
        "by a teacher",
    )
    assert all(words in text for words in shown)
    assert text.count("Stopped") == text.count("2; 4 or more") + text.count("no vote and no classifier")


@pytest.mark.slow
def test_a_trained_arm_is_found_again(lab, monkeypatch):
    first = lab.arm("low")
    forbid_training(monkeypatch)
    assert RemovalLab().arm("low").final == first.final


def explorer(masks=True):
    images = torch.randint(0, 256, (3, 3, 32, 32), dtype=torch.uint8, generator=GENERATOR)
    scores = {name: torch.rand(3, 16, generator=GENERATOR) for name in ("iBOT", "untrained")}
    where = torch.zeros(3, 32, 32, dtype=torch.uint8)
    where[:, 4:20, 4:20] = 1
    return KeepExplorer(images, ["cat", "dog", ""], scores, where if masks else None)


def test_every_control_of_the_explorer_changes_the_picture():
    chosen = explorer()
    for name, value in {"keep": 0.25, "marks": "untrained", "removed": "high", "picture": 2}.items():
        before = chosen.picture.value
        chosen.controls[name].value = value
        assert chosen.picture.value != before, name


def test_with_all_patches_the_whole_object_stays_and_nothing_is_saved():
    chosen = explorer()
    chosen.controls["keep"].value = 1.0
    said = chosen.readout.value
    assert (
        "<b>16</b> of 16" in said and "<b>100 %</b> of the object" in said and "<b>100 %</b> of its operations" in said
    )
    assert "of the object" not in explorer(masks=False).readout.value


def test_an_explorer_needs_pictures_and_scores():
    with pytest.raises(ValueError, match="got 0, 0 and 0"):
        KeepExplorer(torch.zeros(0, 3, 32, 32, dtype=torch.uint8), [], {}, None)
