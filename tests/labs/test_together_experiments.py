"""Lab 7's experiments at the smallest size: what is trained, measured and said; hypotheses; its switchboard."""

import dataclasses

import pytest
import torch
from harness import forbid_training, photographs

from sslcourse.authoring.source import read_source
from sslcourse.claims.catalogue import CLAIMS
from sslcourse.claims.catalogue.combined import ALL_THREE, CELLS, PARTS
from sslcourse.claims.rows import ROW, append_row
from sslcourse.exercises import find
from sslcourse.labs.together import arms, hypothesis, ledger
from sslcourse.labs.together.course import ON_A_CLAIM
from sslcourse.labs.together.experiments import TogetherLab
from sslcourse.labs.together.method import Handmade, course_functions, switches_of
from sslcourse.labs.together.pairs import found_nothing, worth
from sslcourse.labs.together.widgets import Switchboard
from sslcourse.notebook import predictions, state
from sslcourse.training.recipes import build_method

SMALL = {"count": 40, "bank": 40, "held_out": 28, "batch_size": 8, "steps": 4}
OWN = [find(f"together.{name}").reference for name in ("interval", "flips", "verdict")]
EXAMPLE = {
    "sentence": "Patches help.", "first": {"patches": True}, "second": {}, "measure": "knn", "direction": "higher",
    "least": 0.03, "data": "objects", "scale": "smoke",
}  # fmt: skip


def reference(name):
    return find(f"together.{name}").reference


@pytest.fixture()
def lab(monkeypatch, tmp_path):
    monkeypatch.setenv("SSLCOURSE_CACHE", str(tmp_path))
    monkeypatch.setenv("SSLCOURSE_SCALE", "smoke")
    monkeypatch.setattr(TogetherLab, "pictures_count", 28)
    monkeypatch.setitem(hypothesis.SIZES, "smoke", SMALL)
    return TogetherLab()


def run_all_stages(lab):
    lab.show_parts()
    lab.train_whole(course_functions())
    lab.damage()
    lab.pairs(reference("interval"))
    lab.flips(reference("flips"))
    lab.verdicts(*OWN)
    lab.same_job(reference("factorial"))
    lab.factorial(reference("factorial"), OWN[0], OWN[2])
    lab.switchboard()
    lab.claims("all-three")
    lab.register("Patches help.", {"patches": True}, {"patches": False})
    lab.run_registered(*OWN)
    lab.hypotheses()
    lab.few_labels(each=(5,))
    lab.search()
    lab.all_claims()
    lab.all_predictions()


def test_the_two_networks_are_cells_of_the_factorial_and_start_alike():
    known = arms.recipes("cpu")
    for arm, cell in arms.CELLS.items():
        recipe = cell.recipe("objects", "cpu")
        assert dataclasses.replace(known[arm], fit=recipe.fit) == recipe
        assert dataclasses.replace(known[arm].fit, log_every=10, evaluate_every=60, checkpoint_every=60) == recipe.fit
    start, other = (build_method(known[arm]).encoder.state_dict() for arm in ("baseline", "plain"))
    assert all(torch.equal(start[key], other[key]) for key in start)


@pytest.mark.parametrize("cell", CELLS, ids=lambda cell: cell.name)
def test_with_the_reference_it_is_the_courses_method(cell):
    recipe = cell.recipe("objects", "smoke")
    mine = build_method(recipe, lambda encoder, settings: Handmade(encoder, settings, course_functions()))
    images = torch.randint(0, 256, (4, 3, 48, 48), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    results = []
    for method in (build_method(recipe), mine):
        method.begin_step(2, 4)  # past random removal
        loss, _ = method(method.draw_views(images, torch.Generator().manual_seed(0)))
        loss.backward()
        results.append((loss.item(), {k: p.grad for k, p in method.named_parameters() if p.grad is not None}))
    assert results[0][0] == pytest.approx(results[1][0], rel=1e-5)
    assert results[0][1].keys() == results[1][1].keys()
    for name, gradient in results[0][1].items():
        torch.testing.assert_close(results[1][1][name], gradient, msg=name, rtol=1e-3, atol=1e-6)


def test_cells_stand_where_their_parts_are_on():
    places = ledger.places()
    assert sorted(places.values()) == [(a, b, c) for a in (0, 1) for b in (0, 1) for c in (0, 1)]
    for index, part in enumerate(("patches", "removal", "pixels")):
        assert {name for name, place in places.items() if place[index]} == {arm.name for arm in PARTS[part]}
    assert switches_of(ALL_THREE.recipe("objects", "cpu").method) == dict.fromkeys(
        ("patches", "removal", "pixels"), True
    )


def made_up(measure, seeds, value, arms=CELLS):
    """Rows of the factorial as the ledger has them."""
    claim, rows = CLAIMS[ledger.CLAIM_OF[measure]], []
    for seed in seeds:
        for arm in arms:
            run = claim.experiments("objects", "cpu", seed)[arm.name]
            rows.append(
                {
                    "key": run.key, "device": "a machine", "data": "objects", "seed": seed, "finished": "2026-01-01",
                    "measures": {},
                    "claims": {claim.id: claim.fingerprint("cpu")},
                    "figures": {"start": {}, "half": {}, "full": {measure: value(ledger.places()[arm.name], seed)}},
                }
            )  # fmt: skip
    return rows


def additive(place, seed):
    return 0.4 + 0.1 * place[0] - 0.05 * place[1] + 0.02 * seed


@pytest.mark.parametrize(("seeds", "arms_there"), [((), CELLS), ((1,), CELLS[:3]), ((1,), CELLS)])
def test_a_ledger_that_lacks_pairs_is_said_to(lab, capsys, monkeypatch, seeds, arms_there):
    monkeypatch.setenv("SSLCOURSE_SCALE", "cpu")
    lab.lines = made_up("knn", seeds, additive, arms_there)
    lab.factorial(reference("factorial"), OWN[0], OWN[2])
    board = lab.switchboard()
    text = capsys.readouterr().out
    there = len(arms_there) if seeds else 0
    assert f"{there} of 8 cell" in text and "decides nothing" in text and "Stopped" not in text
    assert ("not yet measured" in board.readout.value) is (there < 8)


def test_the_ledgers_factorial_is_taken_apart(lab, capsys, monkeypatch):
    monkeypatch.setenv("SSLCOURSE_SCALE", "cpu")
    lab.lines = made_up("knn", range(1, 7), additive)
    lab.factorial(reference("factorial"), OWN[0], OWN[2])
    text = capsys.readouterr().out
    assert "6 seeds with all eight cells" in text and "patches: main effect" in text and "+0.100" in text
    assert state.read_lab("together")["measured"]["together.order"]["answer"] == "a"


def test_leaving_out_and_adding_are_steps_from_the_ends():
    table = torch.arange(8.0).reshape(2, 2, 2)
    assert worth(table, 1, others=1) == 7 - 5 and worth(table, 1, others=0) == 2 - 0


def test_looking_often_finds_more_in_nothing():
    found = found_nothing(reference("flips"), range(6, 13), 200)
    assert found["one look"] < found["every look"] and found["one look"] < 0.12


@pytest.mark.slow
def test_every_stage_shows_and_measures(lab, capsys):
    run_all_stages(lab)
    text = capsys.readouterr().out
    assert "Stopped" not in text and "nothing is judged" in text and "Your hypotheses" in text
    found = state.read_lab("together")["measured"]
    assert sorted(found) == sorted(
        f"together.{name}" for name in "pair paired smallest peeking supported same_job order".split()
    )
    answers = {name: found[f"together.{name}"]["answer"] for name in ("paired", "smallest", "same_job")}
    assert answers == {"paired": "a", "smallest": "b", "same_job": "a"}
    assert hypothesis.registered()[0]["verdict"]


@pytest.mark.slow
@pytest.mark.parametrize(("count", "classes"), [(50, ("cat", "dog")), (2, ())], ids=["labelled", "two, unlabelled"])
def test_photographs_of_ones_own_run_it_with_as_many_as_there_are(lab, tmp_path, capsys, count, classes):
    photographs(tmp_path / "mine", count, classes)
    run_all_stages(TogetherLab(images=f"folder:{tmp_path / 'mine'}"))
    text = " ".join(capsys.readouterr().out.split())  # cards break their lines anywhere
    assert "ordinary" not in text and "Traceback" not in text
    assert ("no labels" in text) is not bool(classes) and ("kNN accuracy (k" in text) is bool(classes)


@pytest.mark.slow
def test_a_loss_that_does_not_work_is_one_sentence(lab, capsys):
    assert lab.train_whole(lambda cls_loss, *_: cls_loss.detach(), force=True) is None
    assert lab.train_whole(lambda *_: 1.0, force=True) is None
    text = capsys.readouterr().out
    assert "no gradient" in text and "returns float" in text and "Traceback" not in text


def test_a_hypothesis_is_kept_and_never_changed(lab, capsys):
    first, again = hypothesis.register(EXAMPLE), hypothesis.register(dict(EXAMPLE))
    other = hypothesis.register(EXAMPLE | {"least": 0.01})
    assert (first, again, other) == ((1, True), (1, False), (2, True))
    assert [one["least"] for one in hypothesis.registered()] == [0.03, 0.01]
    marks = {hypothesis.claim_of(one).fingerprint("smoke") for one in hypothesis.registered()}
    assert len(marks) == 2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"sentence": " "}, "as a sentence first"),
        ({"measure": "accuracy"}, "there is no measure 'accuracy'"),
        ({"direction": "better"}, "there is no direction 'better'"),
        ({"least": 0}, "must be positive"),
        ({"least": float("nan")}, "must be a positive number"),
        ({"least": "much"}, "must be a number"),
        ({"first": "patches"}, "say what is on"),
        ({"second": {"patches": True, "policy": "none"}}, "The two arms are the same"),
        ({"second": {"patches": True, "pixels": False}}, "The two arms are the same"),
        ({"second": {"patches": True, "keep_rate": 0.25}}, "keep_rate does nothing without its part"),
        ({"second": {"patches": True, "local_crops": 2}}, "The two arms are the same"),  # it is 2
        ({"first": {"patchs": True}}, "nearest: method.patch_loss"),
        ({"first": {"patchs": True}}, "The parts are patches, removal, pixels."),
        ({"first": {"patch_loss": "removed"}}, "needs removal"),
    ],
)
def test_a_hypothesis_that_cannot_be_run_is_not_registered(lab, capsys, change, message):
    names = ("sentence", "first", "second", "measure", "least", "direction")
    lab.register(**{name: value for name, value in (EXAMPLE | change).items() if name in names})
    said = " ".join(capsys.readouterr().out.split())
    assert message in said and "brightness" not in said and not hypothesis.registered()


@pytest.mark.slow
def test_the_runs_of_a_hypothesis_are_found_again(lab, monkeypatch, capsys):
    lab.register("Patches help.", {"patches": True}, {})
    lab.run_registered(*OWN)
    threads = torch.get_num_threads()
    forbid_training(monkeypatch)
    TogetherLab().run_registered(*OWN)
    assert torch.get_num_threads() == threads
    text = capsys.readouterr().out
    assert "Stopped" not in text and text.count("“Patches help.”:") == 2


def test_what_was_seen_bears_no_later_hypothesis_out(lab, capsys):
    """Neither the runs of an earlier hypothesis nor those that lie there when the progress file is gone."""
    hypothesis.register(EXAMPLE)
    hypothesis.register(EXAMPLE | {"direction": "lower"})
    first, second = (one["seed"] for one in hypothesis.registered())
    assert second == first + hypothesis.PAIRS["smoke"]
    append_row(dict.fromkeys(ROW) | {"scale": "smoke", "seed": 300}, hypothesis.ledger_folder())
    state.update("together", "drawn", hypothesis.KEPT, [])
    hypothesis.register(EXAMPLE)
    assert hypothesis.registered()[0]["seed"] == 301


def test_a_hypothesis_that_was_changed_in_the_file_is_not_run(lab, monkeypatch, capsys):
    hypothesis.register(EXAMPLE)
    state.update("together", "drawn", hypothesis.KEPT, [hypothesis.registered()[0] | {"least": 0.001}])
    forbid_training(monkeypatch)
    lab.run_registered(*OWN)
    assert "was changed after it was registered" in capsys.readouterr().out


def test_arms_that_differ_in_several_things_are_pointed_at(lab, capsys):
    lab.register("Both together help.", {"patches": True, "pixels": True}, {})
    assert "They differ in several things" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("first", "second", "differ"),
    [
        ({"removal": True, "keep_rate": 0.25}, {}, ["removal"]),
        ({"removal": True, "pixels": True}, {"pixels": True}, ["removal"]),  # which removed pixels there are follows
        ({"removal": True, "policy": "random"}, {"removal": True}, ["policy"]),
        ({"patches": True, "patch_loss": "masked", "mask_ratio": 0.5}, {"patches": True}, ["patch_loss"]),
        ({"steps": 80}, {}, ["steps"]),
        ({"local_crop.scale": (0.2, 0.4)}, {"local_crop.scale": "0.1,0.3"}, ["local_crop.scale"]),
        (
            {"patches": True, "patch_weight": 2.0},
            {"patches": True, "learning_rate": 1e-3},
            ["patch_weight", "learning_rate"],
        ),
    ],
)
def test_a_difference_is_what_does_something(first, second, differ):
    entry = EXAMPLE | {"first": first, "second": second, "scale": "cpu"}
    assert hypothesis.differences(entry, hypothesis.claim_of(entry)) == differ


@pytest.mark.slow
def test_an_example_is_run_and_not_kept(lab, capsys):
    """Whoever runs all cells has registered nothing; and nothing that was seen bears a later hypothesis out."""
    lab.register("Patches help.", {"patches": True}, {}, example=True)
    lab.run_registered(*OWN)
    assert "“Patches help.”:" in capsys.readouterr().out and not hypothesis.registered()
    lab.register("Patches help.", {"patches": True}, {})
    assert hypothesis.registered()[0]["seed"] == hypothesis.FIRST_SEED and lab._example is None


def test_a_progress_file_from_elsewhere_stops_no_table(lab, capsys):
    odd = {"byol.no_ema": "b", "byol.no_stop": {"choice": ["x"], "options": ["a"]}, "byol.batch": {"choice": 1}}
    for name, entry in odd.items():
        state.update("byol", "predictions", name, entry)
        state.update("byol", "measured", name, 3)
    state.update("together", "drawn", hypothesis.KEPT, [{"sentence": "I"}, 3])
    lab.all_claims()
    lab.all_predictions()
    lab.hypotheses()
    text = capsys.readouterr().out
    assert "Lab 2, no" in text and "No prediction to judge yet" in text and "None yet" in text


def test_half_of_a_sentence_is_no_verdict_on_it(lab, capsys):
    """A claim of several effects is judged where the ledger has enough pairs of each."""
    claim = CLAIMS["all-three"]  # against each of three methods of two parts
    without = claim.contrasts[0].terms.keys() - {ALL_THREE.name}
    lab.lines = made_up("knn", range(1, 7), additive, [arm for arm in CELLS if arm.name not in without])
    known = [pairs for pairs in ledger.deciding(lab.lines) if pairs.claim is claim and len(pairs.figures) >= 6]
    assert claim.deciding > len(known) > 0
    lab.verdicts(*OWN)
    assert "has 6 pairs of no claim yet" in capsys.readouterr().out


def test_arms_of_a_hypothesis_differ_in_what_was_said():
    claim = hypothesis.claim_of(EXAMPLE)
    first, second = (run.recipe for run in claim.experiments("objects", "cpu", 101).values())
    assert dataclasses.replace(first, method=second.method) == second
    assert dataclasses.replace(first.method, patch_loss="off") == second.method


def test_every_prediction_on_a_claim_is_asked_for_in_a_lab(request):
    asked = set()
    for source in (request.config.rootpath / "solutions").glob("[0-9][0-9]_*.py"):
        asked |= {cell.id for cell in read_source(source).cells if cell.kind == "predict"}
    assert {name for names in ON_A_CLAIM.values() for name in names} <= asked
    assert set(ON_A_CLAIM) <= set(CLAIMS)


def test_claims_stand_beside_what_was_predicted_in_other_labs(lab, monkeypatch, capsys):
    monkeypatch.setenv("SSLCOURSE_SCALE", "cpu")
    predictions.predict("byol.no_ema", "No average?", choice="a", a="collapses", b="does not collapse")
    predictions.measured("byol.no_ema", "it spread", "b")
    lab.lines = []
    lab.all_claims()
    lab.all_predictions()
    text = " ".join(capsys.readouterr().out.split())
    assert "20 not yet measured" in text and "0 of 1 held" in text and "✗" in text


def board(measured=True):
    figures = {1: 0.5, 2: 0.55}
    cells = {place: dict(figures) if measured else {} for place in ledger.places().values()}
    cells[1, 1, 0] = {1: 0.6} if measured else {}
    return Switchboard({"kNN accuracy": cells, "detail": {place: {} for place in cells}})


@pytest.mark.parametrize("measured", [True, False])
def test_every_control_of_the_switchboard_changes_the_picture(measured):
    explorer = board(measured)
    for name, value in {"least": 0.05, "pixels": False, "measure": "detail"}.items():
        before = explorer.picture.value
        explorer.controls[name].value = value
        assert explorer.picture.value != before, name
    assert "not yet measured" in explorer.readout.value


def test_the_switchboard_compares_seeds_that_both_cells_have():
    explorer = board()
    assert "pixels off +0.100 (1)" in explorer.readout.value and "patches off +0.000 (2)" in explorer.readout.value


def test_a_switchboard_needs_all_cells():
    with pytest.raises(ValueError, match="all 8 cells"):
        Switchboard({"kNN": {(0, 0, 0): {}}})
