"""The ledger: lines that several processes add, which of them count, and pairs within a device."""

import json
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from sslcourse.claims.report import entry_of
from sslcourse.claims.rows import append_row, counted_again, effects, latest, read_lines, read_rows, stale
from sslcourse.claims.verdict import UNDECIDED, UNMEASURED, devices_of, find_all


def by_arm(arm, seed):
    return {"SimCLR": 0.5, "no negatives": 0.2}[arm] + seed / 100


def add_many(folder, first):
    for seed in range(first, first + 20):
        append_row({"scale": "smoke", "seed": seed, "text": "x" * 5000}, folder)


def test_lines_of_several_writers_and_of_a_killed_one_stay_whole(tmp_path, capsys):
    append_row({"scale": "smoke", "seed": 0}, tmp_path)
    with open(tmp_path / "smoke.jsonl", "a") as file:
        file.write('{"scale": "smo')  # killed in mid-line
    with ThreadPoolExecutor(2) as both:
        list(both.map(partial(add_many, tmp_path), (100, 200)))
    seeds = [row["seed"] for row in read_lines(tmp_path / "smoke.jsonl")]
    assert sorted(seeds) == [0, *range(100, 120), *range(200, 220)]
    assert "passed over" in capsys.readouterr().out
    assert read_rows("gpu", tmp_path) == []


@pytest.mark.parametrize("line", [b"3", b"null", b"{}", b'{"key": 1}', b'{"seconds": NaN}', b"\xff\xfe", b'["a"]'])
def test_what_is_no_row_is_passed_over_and_said(line, claim, made_up, tmp_path, capsys):
    rows = made_up(by_arm, seeds=[1])
    for row in rows:
        append_row(row, tmp_path)
    with open(tmp_path / "smoke.jsonl", "ab") as file:
        file.write(line + b"\n\n")
    assert read_rows("smoke", tmp_path) == rows and "passed over" in capsys.readouterr().out


def test_the_last_line_of_a_run_counts(claim, made_up):
    rows = made_up(by_arm, seeds=[1]) + made_up(lambda arm, seed: 0.7, seeds=[1])
    assert len(latest(rows)) == 2
    found = effects(claim, claim.contrasts[0], "objects", "smoke", rows)
    assert found == {"cpu": {1: {"SimCLR": 0.7, "no negatives": 0.7}}}


def test_two_lines_of_one_training_are_laid_over_each_other(claim, made_up):
    old, new = made_up(by_arm, seeds=[1]), made_up(by_arm, seeds=[1], claims={"another": "form"})
    for row in new:
        row["figures"] = {"start": {"knn": 0.3}, "half": {}, "full": {}}
    row = latest(old + new)[old[0]["key"], "cpu"]
    assert row["claims"] == old[0]["claims"] | {"another": "form"}
    assert row["figures"] == old[0]["figures"] | {"start": {"knn": 0.3}}
    again = [row | {"finished": "2026-02-02"} for row in new]  # another training: it alone counts
    assert latest(old + again)[old[0]["key"], "cpu"] == again[0]


def test_a_claim_changed_when_its_runs_were_known_says_so(claim, made_up):
    old = made_up(by_arm, seeds=[1], claims={claim.id: "an earlier form"})
    assert counted_again(claim, "smoke", old) == []
    found = counted_again(claim, "smoke", old + made_up(by_arm, seeds=[1, 2]))
    assert {row["seed"] for row in found} == {1} and len(found) == 2
    assert stale(claim, "smoke", old + made_up(by_arm, seeds=[1])) == [], "they count again"
    elsewhere = made_up(by_arm, seeds=[1], device="another")
    assert len(counted_again(claim, "smoke", old + elsewhere)) == 2, "known from another device is known"


def test_a_changed_claim_makes_its_rows_stale(claim, made_up):
    old = made_up(by_arm, claims={claim.id: "an earlier form"})
    others = made_up(by_arm, claims={"another": "form"})
    assert stale(claim, "smoke", old + others) == stale(claim, "smoke", old + others + old) == old, "runs, not lines"
    assert find_all(claim, ["objects"], "smoke", old + others)[0].word == UNMEASURED
    assert stale(claim, "smoke", made_up(by_arm)) == []


def test_pairs_are_whole_and_within_a_device(claim, made_up):
    here, there = made_up(by_arm), made_up(by_arm, seeds=[7], device="gpu")
    torn = here[:-1] + made_up(by_arm, seeds=[6], device="gpu")[1:]  # one half of seed 6 on each device
    assert {len(seeds) for seeds in effects(claim, claim.contrasts[0], "objects", "smoke", torn).values()} == {5}
    finding = find_all(claim, ["objects"], "smoke", here + there)[0]
    assert finding.device == "cpu" and sorted(finding.figures) == [1, 2, 3, 4, 5, 6]
    assert abs(finding.effect.mean - 0.3) < 1e-9 and abs(finding.half - 0.27) < 1e-9 and not finding.sign_changes


def test_a_claim_is_judged_by_one_device_whatever_its_name(claim, made_up):
    """By the one with most pairs of what decides and, of two with as many, by the newer one; the other is shown."""
    one, other = made_up(by_arm, device="a"), made_up(lambda arm, seed: 0.5, device="z")
    for first, second in ((one, other), (other, one)):
        rows = first + second
        assert devices_of(claim, "objects", "smoke", rows) == [second[0]["device"], first[0]["device"]]
    rows = one + other + made_up(by_arm, claims={"another": "form"}, device="a")
    assert devices_of(claim, "objects", "smoke", rows)[0] == "z", "lines of other claims decide nothing"
    for row in other[:2]:  # of seed 1, of what decides
        row["figures"]["full"]["log.knn"] = None
    entry = entry_of(claim, "smoke", one + other)
    assert {finding.device for finding in entry.findings if finding.data == "objects"} == {"a"}
    assert [(found.device, len(found.figures)) for found in entry.others] == [("z", 5)]


def test_devices_that_say_the_opposite_leave_a_claim_undecided(claim, made_up):
    here, there = made_up(by_arm, device="a"), made_up(lambda arm, seed: 1 - by_arm(arm, seed), device="b")
    entry = entry_of(claim, "smoke", here + there)
    assert entry.word == UNDECIDED and entry.why.startswith("contradicted on b, and the opposite on a")


def test_beyond_twenty_pairs_the_rest_is_named(claim, made_up):
    finding = find_all(claim, ["objects"], "smoke", made_up(by_arm, seeds=range(1, 26)))[0]
    assert len(finding.figures) == 20 and finding.why.endswith("the first 20 of 25 pairs count")


def test_a_run_without_a_pair_is_named(claim, made_up):
    rows = made_up(by_arm, seeds=range(1, 8))[:-1]  # of seed 7 the second arm failed
    assert find_all(claim, ["objects"], "smoke", rows)[0].unpaired == (7,)
    assert "objects: no pair of seeds 7" in entry_of(claim, "smoke", rows).why
    failed = [row for row in rows if row["arm"] == "SimCLR"]
    assert "objects: no pair of seeds 1, 2, 3" in entry_of(claim, "smoke", failed).why


def test_what_decides_may_have_no_figure_and_the_rest_is_shown(claim, made_up):
    rows = made_up(by_arm)
    for row in rows:
        row["figures"]["full"]["log.knn"] = None
    found = find_all(claim, ["objects"], "smoke", rows)
    assert [len(finding.figures or {}) for finding in found] == [0, 6]


@pytest.mark.parametrize("other", [{"versions": {"torch": "another"}}, {"precision": "bf16"}, {"images": "others"}])
def test_a_pair_has_one_version_one_precision_and_the_same_pictures(claim, made_up, other):
    rows = made_up(by_arm)
    rows[0] |= other
    assert list(effects(claim, claim.contrasts[0], "objects", "smoke", rows)["cpu"]) == [2, 3, 4, 5, 6]


def test_a_figure_that_is_not_finite_leaves_its_pair_out(claim, made_up):
    rows = made_up(by_arm)
    rows[0]["figures"]["full"]["log.knn"] = None
    assert list(effects(claim, claim.contrasts[0], "objects", "smoke", rows)["cpu"]) == [2, 3, 4, 5, 6]


def test_the_ledger_of_the_course_can_be_read():
    for scale in ("smoke", "cpu", "gpu"):
        for row in read_rows(scale):
            assert row["seed"] > 0 and row["claims"] and json.dumps(row, allow_nan=False)
