"""The page of the claims and the table in the README: what stands there, escaped and with words for every figure."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from sslcourse.claims.arms_table import arms_table
from sslcourse.claims.catalogue import CLAIMS
from sslcourse.claims.claim import Published
from sslcourse.claims.report import write_page
from sslcourse.claims.rows import LEDGER, read_rows
from sslcourse.claims.seen import SEEN
from sslcourse.claims.table import MARKS, filled, table, write_table
from sslcourse.claims.verify import verify

README = Path(__file__).parents[2] / "README.md"


def by_arm(arm, seed):
    return {"SimCLR": 0.5, "no negatives": 0.2}[arm] + 0.01 * seed * (arm == "SimCLR")


def test_a_page_shows_verdicts_pairs_and_what_could_be_wrong(claim, made_up, tmp_path):
    odd = replace(
        claim, could_be_wrong="<script>alert(1)</script>", published=(Published("a & b", "table <1>", supports=False),)
    )
    rows = made_up(by_arm, claims={claim.id: odd.fingerprint("smoke")})
    rows += made_up(by_arm, seeds=[9], claims={claim.id: "an earlier form"})
    write_page(tmp_path / "new" / "page.html", [odd], "smoke", rows)
    page = (tmp_path / "new" / "page.html").read_text(encoding="utf-8")
    assert "<script>" not in page and "a &amp; b" in page and "against it" in page
    assert "depends on scale" in page and "+0.335 [" in page and "2 runs of the ledger" in page
    images = re.findall(r"<img [^>]*>", page)
    assert len(images) == 3 and all('alt="' in image and 'alt=""' not in image for image in images)
    assert "no negatives: from 0.2 to 0.2. Effects of 6 pairs: from 0.31 to 0.36" in page


def test_what_limits_a_verdict_stands_beside_it(claim, made_up, tmp_path):
    limited = replace(claim, beside=claim.contrasts[1].name)
    rows = made_up(by_arm) + made_up(lambda arm, seed: 0.2, data="cifar10-small")
    for row in rows:
        row["figures"]["half"] = {name: -value for name, value in row["figures"]["half"].items()}
    (line,) = table([limited], "smoke", rows).splitlines()[2:]
    assert "**undecided**<br>published: 1 for<br>photographs (CIFAR-10, a part): contradicted" in line
    assert "half way through the runs it pointed the other way" in line
    assert "<br>beside it, effective rank with negatives - without: +0.3 [" in line
    assert "contradicted: an effect too small to count | at" in line
    write_page(tmp_path / "page.html", [limited], "smoke", rows)
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "beside it, effective rank" in page and "photographs (CIFAR-10, a part): contradicted" in page
    assert page.count("pointed the other way") == 2


def test_a_public_set_with_runs_stands_in_the_table(claim, made_up):
    text = table([claim], "smoke", made_up(by_arm) + made_up(by_arm, data="stl10"))
    assert "<br>photographs (STL-10): supported |" in text


def test_what_the_runs_showed_stands_by_claims_that_there_are():
    assert all(name in CLAIMS for seen in SEEN.values() for name in seen)


def test_how_long_arms_were_trained_and_whether_they_still_learned(claim, made_up):
    rows = made_up(by_arm) + made_up(by_arm, seeds=[9], claims={claim.id: "an earlier form"})
    rows[0] |= {"seconds": 900.0, "curve": [[4, 0.1], [8, 0.5]]}  # the first arm's first seed, on a busy machine
    first, second = arms_table(claim, "objects", "cpu", "smoke", rows)
    assert (first["arm"], first["runs"], first["steps"], first["images"]) == ("SimCLR", 6, 8, 8 * 32)
    assert first["seconds"] == 1.0 and first["curve"] == pytest.approx([0.1, 0.25])
    assert (first["last"], second["last"]) == pytest.approx((0.15, 0.1))
    assert arms_table(claim, "objects", "another device", "smoke", rows) == []


def test_a_claim_without_runs_has_a_row_and_no_figure(claim, tmp_path):
    write_page(tmp_path / "page.html", [claim], "smoke", [])
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "not yet measured" in page and "0 of 6 pairs" in page and "<img" not in page


def test_another_sign_at_half_length_is_flagged(claim, made_up, tmp_path):
    rows = made_up(by_arm)
    for row in rows:
        row["figures"]["half"] = {name: -value for name, value in row["figures"]["half"].items()}
    write_page(tmp_path / "page.html", [claim], "smoke", rows)
    # Of the two contrasts one is in dimensions, of which .3 is next to nothing.
    assert (tmp_path / "page.html").read_text(encoding="utf-8").count("other sign") == 1


def test_the_table_goes_between_its_marks(claim, made_up, tmp_path):
    path = tmp_path / "README.md"
    path.write_text(f"before\n{MARKS[0]}\nold\n{MARKS[1]}\nafter\n")
    write_table(path, [claim], "smoke", made_up(by_arm))
    text = path.read_text()
    assert text.startswith("before\n") and text.endswith("after\n") and "old" not in text
    verdict = "**supported**<br>published: 1 for<br>photographs (CIFAR-10, a part): not yet"
    assert f"| 14 | Without negatives SimCLR collapses. | {verdict}" in text
    with pytest.raises(ValueError, match="must have one"):
        filled("no marks", "table")


def test_the_readme_has_the_verdicts_of_the_ledger():
    """After new rows: sslcourse claims report --readme README.md"""
    page = README.read_text(encoding="utf-8")
    assert filled(page, table(CLAIMS.values(), "cpu", read_rows("cpu"))) == page


@pytest.mark.slow
def test_a_cheap_row_of_the_ledger_reproduces():
    """If the claim was changed: sslcourse claims run 14 --scale smoke --seeds 1 --data objects"""
    (found,) = verify([CLAIMS["simclr-negatives"]], "smoke", LEDGER, count=1, device="cpu")
    assert found.agrees, str(found)
