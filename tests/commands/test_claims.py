"""`sslcourse claims`: which claims are meant, what is refused, and a page of a ledger without runs."""

import pytest

from sslcourse.claims import verdict
from sslcourse.claims.catalogue import CLAIMS
from sslcourse.cli import main


def test_every_claim_is_listed_with_its_pairs(capsys, tmp_path):
    assert main(["claims", "list", "--ledger", str(tmp_path)]) == 0
    printed = capsys.readouterr().out
    assert all(claim.sentence in printed for claim in CLAIMS.values())
    assert "objects: 0 pairs, not yet measured" in printed


def test_a_claim_that_says_two_things_is_listed_with_the_weaker_one(capsys, tmp_path, monkeypatch):
    first = CLAIMS["patches-give-detail"].contrasts[0]

    def found(claim, contrast, data, *_):
        return verdict.Finding(contrast, data, "supported" if contrast is first else "contradicted", "")

    monkeypatch.setattr(verdict, "find", found)
    assert main(["claims", "list", "1", "--ledger", str(tmp_path)]) == 0
    assert "objects: 0 pairs, contradicted" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["run", "99"], "there is no claim '99'"),
        (["run", "simclr"], "there is no claim 'simclr'"),
        (["run", "14", "--seeds", "0-5"], "seed 0 is spent"),
        (["run", "14", "--seeds", "one"], "write numbers such as 1-6"),
        (["run", "14", "--data", "imagenet"], "there is no set of pictures 'imagenet'"),
        (["list", "14", "--scale", "gpu", "--data", "imagenet"], "there is no set of pictures 'imagenet'"),
        (["verify", "14"], "make one by claims run"),
        (["run", "14", "--device", "gpu"], "gpu"),
        (["run", "14", "--seeds", "6-1"], "from the smaller number to the larger"),
        (["run", "10", "--data", "cifar10-small"], "no claim chosen is measured on cifar10-small; they are on objects"),
        (["report", "--data", "objects"], "--data and --seeds are for list and run"),
        (["report", "14", "--readme", "README.md"], "--readme writes the table of all claims"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_runs(words, message, capsys, tmp_path):
    status = main(["claims", *words, "--ledger", str(tmp_path), "--runs", str(tmp_path / "runs")])
    assert status == 2 and message in capsys.readouterr().err
    assert not list(tmp_path.rglob("*.pt"))


@pytest.mark.parametrize("action", ["list", "report", "verify"])
def test_a_ledger_that_is_not_there_is_not_an_empty_one(action, capsys, tmp_path):
    assert main(["claims", action, "--ledger", str(tmp_path / "mistyped"), "--out", str(tmp_path / "page")]) == 2
    assert "there is no such folder" in capsys.readouterr().err and not (tmp_path / "page").exists()


def test_photographs_that_are_not_here_are_left_out_and_said(capsys, tmp_path, monkeypatch):
    monkeypatch.delenv("SSLCOURSE_CIFAR", raising=False)
    where = ["--ledger", str(tmp_path), "--runs", str(tmp_path / "runs")]
    assert main(["claims", "run", "14", "--data", "cifar10-small", *where]) == 0
    assert "set SSLCOURSE_CIFAR" in capsys.readouterr().out


def test_a_report_is_written_without_any_run(capsys, tmp_path):
    page = tmp_path / "claims.html"
    assert main(["claims", "report", "14-16", "--ledger", str(tmp_path), "--out", str(page)]) == 0
    assert page.read_text(encoding="utf-8").count("not yet measured") >= 3 and str(page) in capsys.readouterr().out


def test_what_is_drawn_on_masks_is_left_out_without_them(capsys, tmp_path, monkeypatch):
    (tmp_path / "pictures").mkdir()
    monkeypatch.setenv("SSLCOURSE_CIFAR", str(tmp_path / "pictures"))
    monkeypatch.delenv("SSLCOURSE_COCO", raising=False)
    words = ["claims", "run", "3", "--scale", "smoke", "--seeds", "1", "--data", "cifar10-small"]
    assert main([*words, "--ledger", str(tmp_path), "--runs", str(tmp_path / "runs")]) == 0
    assert "2 runs are left out" in (printed := capsys.readouterr().out) and "set SSLCOURSE_COCO" in printed
    assert not (tmp_path / "runs").exists()


def test_public_sets_are_for_gpus_and_must_be_there(capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("SSLCOURSE_CACHE", str(tmp_path / "cache"))
    words = ["claims", "run", "14", "--seeds", "1", "--data", "stl10", "--ledger", str(tmp_path)]
    assert main(words) == 2 and "--scale gpu only" in capsys.readouterr().err
    assert main([*words, "--scale", "gpu"]) == 0
    assert "load('stl10', download=True)" in capsys.readouterr().out
    assert main(["claims", "list", "14", "--scale", "gpu", "--seeds", "1", "--data", "stl10"]) == 0
    assert "Untried: nobody has made these 3 runs" in capsys.readouterr().out
