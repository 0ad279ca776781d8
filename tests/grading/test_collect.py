"""Whose a file is; nobody drops out, nobody gets another's file."""

import os
import socket

import pytest

from sslcourse.grading.collect import collect
from sslcourse.grading.reading import Reading
from sslcourse.grading.versions import choose


@pytest.fixture
def root(tmp_path):
    return tmp_path / "handed-in"


def made(root, *names, content=b"{}", age=0.0):
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        os.utime(path, (1e9 - age, 1e9 - age))
    return root


def read(student, lab="toy"):
    return choose(student, [(file, Reading(lab=lab)) for file in student.notebooks if not file.problem])


def names(root, **options):
    return {student.name: [file.path for file in student.notebooks] for student in collect([root], **options).students}


def chosen(root, **options):
    """Student -> file, for everybody; and the files listed."""
    collected = collect([root], **options)
    both = [read(student) for student in collected.students]
    graded = {each.student: each.file and each.file.path for these, _ in both for each in these}
    return graded, [each.path for _, listed in both for each in listed] + [each.path for each in collected.listed]


def test_a_flat_folder_names_students_by_files(root):
    made(root, "alice.ipynb", "bob.IPYNB", "carol.ipynb.txt", "dan.ipynb.json", "علی رضایی.ipynb", "eve.zip")
    made(root, "a\nb.ipynb")
    made(root, "frank.py", "gina.pdf", "roster.csv", ".DS_Store", ".ipynb_checkpoints/alice-checkpoint.ipynb")
    made(root, "hana.json", "ida", content=b'{"nbformat": 4, "cells": []}')
    graded, listed = chosen(root)
    expected = {"alice", "bob", "carol", "dan", "علی رضایی", "eve", "a\\nb", "frank", "gina", "hana", "ida"}
    assert set(graded) == expected
    assert {name for name, file in graded.items() if file is None} == {"frank", "gina"}
    assert sorted(listed) == [".DS_Store", ".ipynb_checkpoints", "frank.py", "gina.pdf", "roster.csv"]


def test_platforms_and_folders_name_students(root):
    made(root, "Ada_101/submission/lab1.ipynb", "Bob/lab1/lab1.ipynb", "ONE/OTHER.ipynb", "two.ipynb/lab1.ipynb")
    made(root, "Ada Lovelace_12345_assignsubmission_file_/x.ipynb", "Ali_7_assignsubmission_file_lab1.ipynb")
    made(root, "lovelaceada_123_456_lab1.ipynb", "turingalan_LATE_124_457_lab1-1.ipynb", "noether_125_458_lab1.pdf")
    made(root, "Participant_1_assignsubmission_file/a.ipynb", "Participant_2_assignsubmission_file/b.ipynb")
    made(root, "kept/.ipynb_checkpoints/lab1-checkpoint.ipynb", ".git/config", "._lab1.ipynb")
    (root / "empty").mkdir()
    assert set(names(root)) == {
        *(
            "Ada_101",
            "Bob",
            "ONE",
            "two",
            "Ada Lovelace",
            "Ali",
            "lovelaceada",
            "turingalan",
            "noether",
            "empty",
            "kept",
        ),
        *("Participant 1", "Participant 2"),
    }


def test_a_pattern_names_students(root):
    made(root, "week3/section-a/007-bond-lab1.ipynb", "week3/section-b/006-trevelyan-lab1.ipynb", "week3/notes.txt")
    pattern = r"(?P<id>\d+)-(?P<student>\w+)-lab"
    assert set(names(root, pattern=pattern)) == {"bond", "trevelyan"}
    assert [each.path for each in collect([root], pattern).listed] == ["week3/notes.txt"]
    for wrong, complaint in (("(", "not a regular"), (r"(\w+)", "no group called student")):
        with pytest.raises(ValueError, match=complaint):
            collect([root], wrong)


def test_of_versions_the_newest_counts(root):
    made(root, "ada/lab1.ipynb", "ada/lab1 (1).ipynb", "bob.ipynb", "cem/Copy of lab1.ipynb", "cem/lab1.ipynb")
    made(root, "ada/lab1-Copy7.ipynb", "bob (1).ipynb", "bob (2).ipynb", age=3600)
    graded, listed = chosen(root)
    assert graded == {"ada": "ada/lab1 (1).ipynb", "bob": "bob.ipynb", "cem": "cem/Copy of lab1.ipynb"}
    assert sorted(listed) == [
        "ada/lab1-Copy7.ipynb", "ada/lab1.ipynb", "bob (1).ipynb", "bob (2).ipynb", "cem/lab1.ipynb",
    ]  # fmt: skip


def test_a_damaged_newer_file_gives_way_and_is_told(root):
    made(root, "ada/lab1.ipynb", age=3600)
    made(root, "ada/lab1 (1).ipynb")
    [student] = collect([root]).students
    new, old = sorted(student.notebooks, key=lambda file: -file.modified)
    [counts], [listed] = choose(student, [(new, Reading(problem="It is empty.")), (old, Reading(lab="toy"))])
    assert (counts.file, listed.path) == (old, "ada/lab1 (1).ipynb")
    assert "`lab1 (1).ipynb` could not be graded. It is empty." in counts.notes[0]
    [counts], _ = choose(student, [(file, Reading(problem=str(file.parts))) for file in (new, old)])
    assert counts.file is new


def test_several_labs_of_one_student_each_count(root):
    made(root, "ada/lab1.ipynb", "ada/lab2.ipynb")
    [student] = collect([root]).students
    found, listed = choose(student, [(file, Reading(lab=file.stem)) for file in student.notebooks])
    assert ([(each.student, each.reading.lab) for each in found], listed) == ([("ada", "lab1"), ("ada", "lab2")], [])


def test_different_students_are_never_taken_for_versions(root):
    made(root, "a/ada.ipynb", "a/bob.ipynb", "b/cem/lab1.ipynb", "b/dan/lab1.ipynb")
    assert set(chosen(root)[0]) == {"a/ada", "a/bob", "b/cem", "b/dan"}
    made(root.parent / "flat", "lab1.ipynb", "lab1 (1).ipynb", "01_toy.ipynb", "01_toy (1).ipynb")
    assert set(names(root.parent / "flat", labs=["toy"])) == {"lab1", "lab1 (1)", "01_toy", "01_toy (1)"}


def test_several_paths_are_told_apart_by_their_folders(root):
    made(root, "a/lab1.ipynb", "b/lab1.ipynb", "b/lab1 (1).ipynb", "c/submission/x.ipynb", "dan.ipynb")
    given = [root / "a", root / "b", root / "c", root / "dan.ipynb", root / "a" / "lab1.ipynb"]
    assert [student.name for student in collect(given).students] == ["a", "b", "c", "dan"]
    files = [root / "a/lab1.ipynb", root / "b/lab1.ipynb", root / "dan.ipynb"]
    assert [student.name for student in collect(files).students] == ["a", "b", "dan"]


def test_links_and_what_is_no_file_are_refused_by_name(root):
    made(root, "alice/lab1.ipynb", "secret/x.ipynb")
    for name in ("bob", "cem", "fay"):
        (root / name).mkdir()
    (root / "bob/lab1.ipynb").symlink_to("../alice/lab1.ipynb")
    (root / "cem/submission").symlink_to("../alice")
    (root / "dan").symlink_to("alice")
    (root / "eve.ipynb").symlink_to("nowhere")
    os.mkfifo(root / "fay/lab1.ipynb")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(os.path.relpath(root / "gil.ipynb"))
    (root / "hal.ipynb").mkdir()
    students = {student.name: student for student in collect([root]).students}
    assert set(students) == {"alice", "secret", "bob", "cem", "dan", "eve", "fay", "gil", "hal"}
    for name in ("bob", "cem", "dan", "eve"):
        [file] = students[name].notebooks
        assert f"`{file.parts[-1]}` is a link" in file.problem
    assert "a pipe" in students["fay"].notebooks[0].problem
    assert "a pipe" in students["gil"].notebooks[0].problem
    assert not students["hal"].notebooks
    [given] = collect([root / "bob/lab1.ipynb"]).students  # as a shell's pattern would give it
    assert "is a link" in given.notebooks[0].problem


def test_a_link_that_comes_later_is_not_followed(root):
    made(root, "alice/lab1.ipynb", "bob/in/lab1.ipynb")
    bob = collect([root]).students[1].notebooks[0]
    assert bob.open().read() == b"{}"
    (root / "bob/in").rename(root / "bob/out")
    (root / "bob/in").symlink_to("../alice")
    with pytest.raises(OSError, match=r"directory|links"):
        bob.open()


def test_a_file_of_two_students_is_told(root):
    made(root, "alice/lab1.ipynb", "bob/other.ipynb")
    os.link(root / "alice/lab1.ipynb", root / "bob/lab1.ipynb")
    [listed] = collect([root]).listed
    assert listed.path == "bob/lab1.ipynb"
    assert "alice/lab1.ipynb" in listed.reason


def test_a_mistyped_path_is_an_error_and_the_out_folder_is_no_hand_in(root):
    made(root, "alice.ipynb", "grades/feedback/alice.html", "grades/old.ipynb")
    with pytest.raises(FileNotFoundError, match="no such file or folder: .*alcie"):
        collect([root, root / "alcie.ipynb"])
    assert set(names(root, skip=root / "grades")) == {"alice"}
