"""What a student's archive holds: every notebook, no path that leads anywhere, and never more than the limits."""

import stat
import zipfile
from io import BytesIO

import pytest
from toy_lab import FUNCTIONS, cells_of, notebook, zipped

from sslcourse.grading import unpack
from sslcourse.grading.cells import MAX_FILE
from sslcourse.grading.reading import Asked, read_submission
from sslcourse.grading.unpack import members

LAB = notebook(*cells_of({}))


def found(content):
    return {"/".join(member.inside): member.problem or "read" for member in members(content)}


@pytest.mark.parametrize("name", ["lab.ipynb", "../../etc/lab.ipynb", "C:\\etc\\lab.ipynb", "/etc/./lab.ipynb.txt"])
def test_a_path_in_an_archive_only_names_the_file(name):
    beside = {"__MACOSX/._lab.ipynb": "junk", ".ipynb_checkpoints/lab-checkpoint.ipynb": "{}"}
    [member] = members(zipped(**{name: LAB}, **beside))
    assert member.content == LAB.encode()
    assert member.inside[-1].startswith("lab.ipynb")
    assert member.inside[:-1] in ((), ("etc",))


def test_every_file_is_read_or_has_a_reason():
    packed = BytesIO(
        zipped(**{"a.ipynb": LAB, "b/c.IPYNB": LAB, "data.csv": "1", "in.zip": zipped(**{"d.ipynb": LAB})})
    )
    with zipfile.ZipFile(packed, "a") as archive:
        link = zipfile.ZipInfo("link.ipynb")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "../bob/lab.ipynb")
    seen = found(packed.getvalue())
    assert [name for name, said in seen.items() if said == "read"] == ["a.ipynb", "b/c.IPYNB", "in.zip/d.ipynb"]
    assert seen["data.csv"] == "Not a notebook."
    assert "link" in seen["link.ipynb"]


def test_limits_hold_for_all_archives_together(monkeypatch):
    nested = LAB
    for depth in range(unpack.MAX_NESTED + 1):
        nested = zipped(**{"lab.ipynb" if depth == 0 else "in.zip": nested})
    assert "3 deep" in next(iter(found(nested).values()))
    assert "more than 1,000" in found(zipped(**{f"{number}.txt": "" for number in range(1_001)}))[""]
    half = {f"{number}.txt": "" for number in range(600)}
    assert "more than 1,000" in found(zipped(**half, **{"in.zip": zipped(**half)}))["in.zip"]
    assert "larger than" in found(zipped(**{"lab.ipynb": b" " * (MAX_FILE + 1)}))["lab.ipynb"]
    monkeypatch.setattr(unpack, "MAX_TOTAL", 100)
    assert "too much" in next(
        said
        for _, said in (
            (m.inside, m.problem) for m in unpack._members(zipped(**{"a.ipynb": LAB}), (), 1, unpack._Left(size=100))
        )
    )
    assert sum(said == "read" for said in found(zipped(**{f"{n}.ipynb": "{}" for n in range(60)})).values()) == 50


@pytest.mark.parametrize("content", [b"PK\x03\x04\xff\xfe", zipped(**{"lab.ipynb": LAB})[:-30]])
def test_a_damaged_archive_is_said(content):
    [said] = found(content).values()
    assert "damaged" in said


def test_an_archive_is_read_in_the_process_with_limits(tmp_path):
    path = tmp_path / "ada.zip"
    path.write_bytes(zipped(**{"lab.ipynb": LAB, "old/lab.ipynb": "{", "notes.txt": "x"}))
    with path.open("rb") as file:
        contents = read_submission(file, Asked({"toy": FUNCTIONS}, {"toy": {}}))
    first, second = contents.readings
    assert (first.inside, first.lab) == (("lab.ipynb",), "toy")
    assert "archive" in first.submission.repairs[0]
    assert "not valid JSON" in second.problem
    assert contents.others == [(("notes.txt",), "Not a notebook.")]
    path.write_bytes(zipped(**{"notes.txt": "x"}))
    with path.open("rb") as file:
        [only] = read_submission(file, Asked({"toy": FUNCTIONS}, {"toy": {}})).readings
    assert "no notebook" in only.problem
