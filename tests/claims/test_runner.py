"""Runs of claims: their order, what is run and what is not, a repetition that agrees. One claim at scale smoke."""

import json
import os
import signal
import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from sslcourse.claims import measures, runner
from sslcourse.claims.claim import Contrast
from sslcourse.claims.measures import Measure
from sslcourse.claims.rows import append_row, latest, read_rows
from sslcourse.claims.runner import (
    HALF,
    carry_out,
    carry_out_here,
    method_at,
    orders,
    root_of,
    run_orders,
)
from sslcourse.claims.verify import compare
from sslcourse.training.experiment import run
from sslcourse.training.many import Outcome, look_up


def weight_of(method, images):
    return {"sum": sum(float(p.detach().abs().sum()) for p in method.parameters()), "images": len(images.held_out)}


@pytest.fixture
def weights(monkeypatch):
    monkeypatch.setitem(measures.MEASURES, "weights", Measure(weight_of))


@pytest.fixture(scope="module")
def made(tmp_path_factory, claim):
    """The first order of the claim at scale smoke with the measure above, its row, and the folder of its run."""
    root = tmp_path_factory.mktemp("runs")
    claim = replace(
        claim, contrasts=(*claim.contrasts, Contrast("w", {"SimCLR": 1, "SimCLR@start": -1}, "weights.sum", 1))
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(measures.MEASURES, "weights", Measure(weight_of))
        order = orders([claim], "smoke", [1], ["objects"])[0]
        return order, carry_out(order, root), root


def test_pairs_come_first_and_equal_runs_are_one(claim):
    other = replace(claim, id="other", number=99)
    found = orders([claim, other], "smoke", [1, 2], ["objects"])
    assert [(order.arm, order.experiment.recipe.fit.seed) for order in found] == [
        ("SimCLR", 1), ("no negatives", 1), ("SimCLR", 2), ("no negatives", 2)
    ]  # fmt: skip
    assert all(set(order.claims) == {claim.id, "other"} for order in found)
    assert len(orders([claim], "smoke", [1])) == 2 * len(claim.data)


def test_public_photographs_are_asked_for_by_name_and_only_where_a_claim_is_on_photographs(claim):
    drawn = replace(claim, data=("objects",))
    assert [order.data for order in orders([claim], "gpu", [1], ["stl10"])] == ["stl10"] * 2
    assert [order.experiment.recipe.data.name for order in orders([claim], "gpu", [1], ["stl10"])] == ["stl10"] * 2
    assert orders([drawn], "gpu", [1], ["stl10"]) == []
    assert {order.data for order in orders([claim], "gpu", [1])} == set(claim.data)


def test_seed_0_is_refused(claim):
    with pytest.raises(ValueError, match="seed 0 is spent"):
        orders([claim], "smoke", [0, 1])


def test_a_row_has_the_figures_of_every_time(made, weights):
    order, row, root = made
    assert row == json.loads(json.dumps(row)) and row["key"] == order.experiment.key
    start, half, full = (row["figures"][when]["weights.sum"] for when in ("start", "half", "full"))
    assert start != half != full and row["figures"]["full"]["weights.images"] == 64
    assert row["figures"]["half"]["log.knn"] == row["curve"][1][1] and row["curve"][-1][0] == 8
    assert row["measures"]["half"] == {"weights": 1} and not order.lacks(row)
    folder = root / order.experiment.name
    assert measured_weight(method_at("half", order.experiment, folder)) == pytest.approx(half, rel=1e-5)
    assert measured_weight(order.experiment.build(order.experiment.recipe)) == pytest.approx(start, rel=1e-5)


def measured_weight(method):
    return sum(float(p.detach().abs().sum()) for p in method.parameters())


def test_a_measure_added_later_is_made_without_training(made, weights, monkeypatch):
    order, row, root = made
    more = order.together({"full": ["knn"], "start": ["knn"]}, {})
    assert more.lacks(row) and "knn" in more.wanted["full"]
    monkeypatch.setattr("sslcourse.training.experiment.fit", lambda *a, **o: pytest.fail("trained again"))
    again = carry_out(more, root)
    assert again["figures"]["full"]["knn"] == again["figures"]["full"]["log.knn"]
    assert again["figures"]["start"].items() > row["figures"]["start"].items()
    monkeypatch.setitem(measures.MEASURES, "weights", Measure(weight_of, version=2))
    assert order.lacks(row)


def test_a_repetition_agrees_exactly_and_a_difference_is_named(made, weights, tmp_path):
    order, row, _ = made
    again = carry_out(order, tmp_path)
    found = compare(row, again)
    assert found.agrees and found.exactly and found.compared > 20
    other = json.loads(json.dumps(again))
    other["figures"]["full"]["log.knn"] += 0.001
    assert [text.split(":")[0] for text in compare(row, other).differ] == ["log.knn at full"]
    other["versions"]["torch"] = "another"
    other["figures"]["full"]["log.loss"] += 9
    other["figures"]["full"]["log.knn"] += 0.1
    assert compare(row, other).agrees and not compare(row, other).exactly
    assert not compare(row, other, {"log.loss": 0.5}).agrees and compare(row, other, {"log.knn": 0.05}).agrees
    assert not compare(row, other, {"log.knn": 0.02}).agrees
    assert not compare(row, None).agrees


def test_what_is_done_is_not_run_again_and_a_new_claim_is_noted(made, weights, tmp_path, monkeypatch):
    order, row, root = made
    monkeypatch.setattr(runner, "run_jobs", lambda jobs, *rest: iter(jobs and pytest.fail("run again")))
    append_row(row, tmp_path)
    assert run_orders([order], root, tmp_path, progress=False) == [] and len(read_rows("smoke", tmp_path)) == 1
    run_orders([replace(order, claims={"another": "form"})], root, tmp_path, progress=False)
    last = read_rows("smoke", tmp_path)[-1]
    assert last["claims"] == row["claims"] | {"another": "form"} and last["figures"] == row["figures"]


def test_a_run_of_another_device_or_commit_is_not_passed_off_as_one_of_this(made, weights, monkeypatch):
    order, row, root = made
    monkeypatch.setattr(runner, "commit_of_code", lambda: "a later commit")
    assert carry_out(order, root)["commit"] == row["commit"] != "a later commit"
    here = root_of(order, root)
    monkeypatch.setattr(runner, "device_name", lambda device: "NVIDIA H100 80GB")
    assert root_of(order, root).name == "NVIDIA_H100_80GB" != here.name and here.parent == root


def test_what_another_process_measured_meanwhile_stays(made, weights, tmp_path):
    order, row, root = made
    append_row(row | {"claims": {"another": "form"}}, tmp_path)
    carry_out_here({order.experiment.key: order}, tmp_path, False, order.experiment, root)
    assert read_rows("smoke", tmp_path)[-1]["claims"] == {"another": "form"} | order.claims


def test_after_the_minutes_no_run_is_started(claim, tmp_path):
    wanted = orders([claim], "smoke", [1], ["objects"])
    assert run_orders(wanted, tmp_path, tmp_path, minutes=0, progress=False) == []
    assert read_rows("smoke", tmp_path) == []


@pytest.mark.slow
def test_what_is_timed_is_measured_last_and_alone(claim, tmp_path, monkeypatch):
    first, second = orders([claim], "smoke", [1], ["objects"])
    first = first.together({"full": ["inference_speed", "knn"]}, {})
    phases, real = [], runner.run_jobs

    def noted(jobs, root, workers, *rest):
        phases.append((len(jobs), workers, [row["measures"]["full"] for row in read_rows("smoke", tmp_path)]))
        return real(jobs, root, workers, *rest)

    monkeypatch.setattr(runner, "run_jobs", noted)
    assert run_orders([first, second], tmp_path / "runs", tmp_path, workers=2, progress=False) == []
    (jobs, workers, _), (timed, alone, before) = phases
    assert (jobs, workers, timed, alone) == (2, 2, 1, 1) and sorted(before, key=len) == [{}, {"knn": 1}]
    lines = read_rows("smoke", tmp_path)
    row = latest(lines)[first.experiment.key, lines[0]["device"]]
    assert row["measures"]["full"] == {"knn": 1, "inference_speed": 2} and len(lines) == 3
    assert {"knn", "inference_speed.teacher", "log.loss"} <= row["figures"]["full"].keys()
    run_orders([first, second], tmp_path / "runs", tmp_path, workers=2, progress=False)
    assert read_rows("smoke", tmp_path) == lines, "all is done"


@pytest.mark.slow
@pytest.mark.parametrize("known", ["knn", "inference_speed"])
def test_what_lacks_a_time_is_trained_again_alone_where_its_training_is_gone(claim, tmp_path, known):
    order = orders([claim], "smoke", [1], ["objects"])[0].together({"full": [known]}, {})
    assert run_orders([order], tmp_path / "runs", tmp_path, progress=False) == []
    more = order.together({"full": ["inference_speed", "knn"]}, {})
    assert run_orders([more], tmp_path / "others", tmp_path, workers=2, progress=False) == []
    (row,) = latest(read_rows("smoke", tmp_path)).values()
    assert (
        row["measures"]["full"].keys()
        == {"inference_speed", "knn"}
        <= {name.split(".")[0] for name in row["figures"]["full"]}
    )


def test_a_claim_on_times_is_noted_when_they_are_measured(claim):
    """Else a row's older figures would count for its new form."""
    timed = replace(claim, id="times", contrasts=(Contrast("t", {"SimCLR": 1}, "inference_speed.teacher", 0.1),))
    order = orders([claim, timed], "smoke", [1], ["objects"])[0]
    assert order.claims.keys() == {claim.id, "times"} and order.untimed.claims.keys() == {claim.id}
    other = orders([claim, timed], "smoke", [1], ["objects"])[1]  # of which the claim has nothing timed
    assert other.untimed.claims.keys() == {claim.id, "times"}


@pytest.mark.slow
def test_a_training_that_is_gone_costs_no_figure(made, weights, tmp_path, monkeypatch):
    """A run that has to be trained again for a timed measure gets all others again, too."""
    order, row, _ = made
    append_row(row, tmp_path)
    monkeypatch.setattr(runner, "run_jobs", in_this_process)  # which alone knows of the measure
    more = order.together({"full": ["inference_speed"]}, {})
    assert run_orders([more], tmp_path / "runs", tmp_path, workers=2, progress=False) == []
    last = latest(read_rows("smoke", tmp_path))[row["key"], row["device"]]
    assert last["figures"]["full"].items() >= {"weights.sum": row["figures"]["full"]["weights.sum"]}.items()
    assert last["measures"]["full"] == {"weights": 1, "inference_speed": 2} and last["measures"]["start"]


def in_this_process(jobs, root, workers, download, bar, task, until):
    for job in jobs:
        task(job.experiment, root)
        yield Outcome(job.experiment, {}, [])


def test_what_a_page_shows_besides_figures_is_compared(made):
    _, row, _ = made
    for name, forged in (("curve", [[4, 0.9]]), ("images", "0" * 12), ("steps", 99), ("alarms", ["x"])):
        assert [text.split(":")[0] for text in compare(row | {name: forged}, row).differ] == [name]


@pytest.mark.slow
def test_two_commands_at_once_measure_a_run_once(claim, tmp_path):
    """Both wait for the lock of the run, and the second finds the row of the first."""
    (order,) = orders([claim], "smoke", [1], ["objects"])[:1]
    order = order.together({"full": ["inference_speed"]}, {})
    with ThreadPoolExecutor(2) as both:
        list(both.map(lambda _: run_orders([order], tmp_path / "runs", tmp_path, progress=False), range(2)))
    (row,) = read_rows("smoke", tmp_path)
    assert row["measures"]["full"] == {"inference_speed": 2}


def test_of_what_a_clock_gives_only_that_may_differ(made):
    _, row, _ = made
    timed = json.loads(json.dumps(row))
    timed["figures"] = dict.fromkeys(("start", "half"), {})
    timed["figures"]["full"] = {"inference_speed.teacher": -0.4, "inference_speed.in_network_knn": 0.02}
    assert "2 figures agree exactly (1 by the clock, within 0.2)" in str(compare(timed, timed))
    for name, off in (("inference_speed.teacher", 0.21), ("inference_speed.in_network_knn", 0.001)):
        other = json.loads(json.dumps(timed))
        other["figures"]["full"][name] += off
        assert [text.split(" ")[0] for text in compare(timed, other).differ] == [name]


def test_what_another_torch_trained_is_not_measured_with_this_one(made, weights, monkeypatch):
    """Its row would be of neither, and would replace one that is paired."""
    order, row, root = made
    now = runner.versions_here() | {"torch": "a later one"}
    monkeypatch.setattr(runner, "versions_here", lambda: now)
    with pytest.raises(ValueError, match="the run that is kept in .* and here is .*a later one"):
        carry_out(order, root)
    assert json.loads((root / order.experiment.name / "versions").read_text()) == row["versions"]
    with pytest.raises(ValueError, match="its row in the ledger is of .*A row is of one version"):
        carry_out(order, root, row)


def test_a_commit_is_that_of_the_course_or_none(tmp_path, monkeypatch):
    """An installed package may lie in a folder that somebody else's repository ignores."""
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    inside = tmp_path / "site-packages" / "sslcourse" / "claims" / "runner.py"
    inside.parent.mkdir(parents=True)
    (inside.parent.parent / "cli.py").touch()
    monkeypatch.setattr(runner, "__file__", str(inside))
    assert runner.commit_of_code() == ""


@pytest.mark.slow
def test_a_run_that_is_killed_while_it_is_measured_is_named(claim, tmp_path, monkeypatch):
    monkeypatch.setattr(runner, "carry_out_here", train_and_die)
    wanted = orders([claim], "smoke", [1], ["objects"])[:1]
    (failed,) = run_orders(wanted, tmp_path / "runs", tmp_path, progress=False)
    assert wanted[0].experiment.name in failed and "ended with status -9" in failed
    assert is_finished_there(wanted[0], tmp_path / "runs") and read_rows("smoke", tmp_path) == []


def train_and_die(by_key, ledger, without_timed, experiment, root, **options):
    run(experiment, root, **options)
    os.kill(os.getpid(), signal.SIGKILL)


def is_finished_there(order, root):
    return look_up(order.experiment, root_of(order, root))[0] is not None


@pytest.mark.slow
def test_a_cluster_makes_what_its_own_device_lacks_and_nothing_timed(claim, tmp_path, monkeypatch, capsys):
    distributed = pytest.importorskip("distributed")
    wanted = orders([claim], "smoke", [1], ["objects"])
    timed = wanted[1].together({"full": ["training_speed"]}, {})
    place = {"n_workers": 1, "threads_per_worker": 1, "processes": False, "dashboard_address": None}
    with distributed.LocalCluster(**place) as cluster:
        options = {"cluster": cluster.scheduler_address, "progress": False}
        assert run_orders([wanted[0], timed], tmp_path / "runs", tmp_path, **options) == []
        assert "1 runs have figures of a clock: run these without --cluster" in capsys.readouterr().out
        row, other = sorted(read_rows("smoke", tmp_path), key=lambda row: row["arm"])
        assert [row["arm"], other["arm"]] == ["SimCLR", "no negatives"] and other["measures"]["full"] == {}
        run_orders(wanted[:1], tmp_path / "runs", tmp_path, **options)
        assert len(read_rows("smoke", tmp_path)) == 2
        elsewhere = tmp_path / "elsewhere"
        append_row(row | {"device": "another"}, elsewhere)
        run_orders(wanted[:1], tmp_path / "runs", elsewhere, **options)
        assert [each["device"] for each in read_rows("smoke", elsewhere)] == ["another", row["device"]]
        monkeypatch.setattr(runner, "device_there", lambda *_: "that of the first workers")
        (failed,) = run_orders(wanted[:1], tmp_path / "runs", tmp_path / "late", **options)
        assert f"ran on {row['device']}" in failed and read_rows("smoke", tmp_path / "late") == []
    monkeypatch.undo()
    monkeypatch.setattr(runner, "on_every_worker", lambda *_: [("key", "AVX2"), ("key", "AVX512")])
    with pytest.raises(ValueError, match="the workers have AVX2; AVX512"):
        run_orders(wanted, tmp_path / "runs", tmp_path, **options)


@pytest.mark.slow
def test_a_run_in_a_process_of_its_own_is_in_the_ledger_and_one_that_fails_is_named(claim, tmp_path):
    wanted = orders([claim], "smoke", [1], ["objects"])
    spoilt = replace(wanted[1], experiment=replace(wanted[1].experiment, load=no_images))
    failed = run_orders([wanted[0], spoilt], tmp_path / "runs", tmp_path, workers=2, progress=False)
    assert [row["key"] for row in read_rows("smoke", tmp_path)] == [wanted[0].experiment.key]
    assert len(failed) == 1 and wanted[1].experiment.name in failed[0] and "no pictures" in failed[0]
    assert (root_of(wanted[0], tmp_path / "runs") / wanted[0].experiment.name / HALF).exists()


def no_images():
    raise OSError("no pictures today")
