"""Who is who: rosters of all kinds, and the one student that a file's name may mean."""

import os

import pytest
from toy_lab import zipped

from sslcourse.grading.collect import collect
from sslcourse.grading.reading import Reading
from sslcourse.grading.roster import Person, Roster, read_roster
from sslcourse.grading.versions import choose

CLASS = Roster(
    [
        Person("101", "Ada Lovelace", "ada@uni.example", "A"),
        Person("102", "Grace Brewster Hopper", "gh@uni.example", "A"),
        Person("103", "علی رضایی", "ali@uni.example", "B"),
        Person("104", "Kim", "kim@uni.example", "B"),
        Person("105", "Ada King", "king@uni.example", "B"),
    ]
)


@pytest.mark.parametrize(
    ("text", "id"),
    [
        ("101", "101"),
        ("lab1_101_final", "101"),
        ("Lovelace, Ada", "101"),
        ("lovelaceada", "101"),
        ("ADA-LOVELACE-lab1", "101"),
        ("ada@uni.example lab 1", "101"),
        ("Grace Hopper", "102"),
        ("gh@uni.example", "102"),
        ("علي رضايي", "103"),  # with Arabic letters
        ("Kim - lab 1", "104"),
        ("Kim Possible", ""),  # somebody else
        ("Ada 105", "105"),
        ("1010", ""),
        ("lovelace", ""),
    ],
)
def test_a_name_means_one_student_or_none(text, id):
    assert [person.id for person in CLASS.find(text)] == ([id] if id else [])


def test_what_may_be_two_is_neither():
    assert {person.id for person in CLASS.find("101_102")} == {"101", "102"}
    assert {person.id for person in CLASS.find("Ada Lovelace 105")} == {"101", "105"}
    twins = Roster([Person("201", "Ali Rezaei"), Person("202", "Ali Rezaei")])
    assert len(twins.find("Ali Rezaei")) == 2
    assert [person.id for person in twins.find("Ali Rezaei 202")] == ["202"]


def test_a_short_id_is_not_the_number_of_a_lab():
    short = Roster([Person("1", "Ada Lovelace"), Person("2", "Bob Moog")])
    assert [person.id for person in short.find("1")] == ["1"]
    assert short.find("lab 1") == short.find("01_contrastive (2)") == []
    assert [person.id for person in short.find("Bob Moog lab 1")] == ["2"]


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        ("id,name,e-mail,group\n7,Ada Lovelace,a@x,A\n", ("7", "Ada Lovelace", "a@x", "A")),
        ("Name;ID;E-Mail\nAda Lovelace;007;a@x\n\n", ("007", "Ada Lovelace", "a@x", "")),
        ("id,first_name,last_name,email,lms_user_id\nada,Ada,Lovelace,,5\n", ("ada", "Ada Lovelace", "", "")),
        (
            "Student,ID,SIS User ID,SIS Login ID,Section,Lab\n    Points Possible,,,,,11\n"
            '"Lovelace, Ada",99,s7,ada,A,\n',
            ("s7", "Lovelace, Ada", "", "A"),
        ),
        (
            "Identifier,Full name,Email address,Grade\nParticipant 12,Ada Lovelace,a@x,-\n",
            ("Participant 12", "Ada Lovelace", "a@x", ""),
        ),
        ("First Name\tLast Name\tSID\tEmail\tSections\nAda\tLovelace\t7\ta@x\tA\n", ("7", "Ada Lovelace", "a@x", "A")),
        ("Name,Email\nعلی رضایی,a@x\n", ("a@x", "علی رضایی", "a@x", "")),
    ],
    ids=["own", "semicolons", "nbgrader", "Canvas", "Moodle", "Gradescope", "no id"],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_rosters_of_all_kinds_are_read(tmp_path, table, expected, encoding):
    path = tmp_path / "roster.csv"
    path.write_bytes(table.replace("\n", "\r\n").encode(encoding))
    [person] = read_roster(path).people
    assert (person.id, person.name, person.email, person.group) == expected


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "no column"),
        (b"name,age\nAda,36\n", "no column that tells students apart.*name, age.*Call one id"),
        (b"id,name\n", "names nobody"),
        (b"id,name\n7,Ada\n,Bob\n", "no id for Bob"),
        (b"id,name\n7,Ada\n7,Bob\n", "id 7 twice, for Ada and Bob"),
        ("id,name\n7,José\n".encode("latin-1"), "not in UTF-8"),
    ],
)
def test_a_roster_that_tells_nobody_apart_is_refused(tmp_path, content, complaint):
    path = tmp_path / "roster.csv"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=complaint):
        read_roster(path)


def made(root, *names, time=1e9, content=b"{}"):
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        os.utime(path, (time, time))
    return root


def ids(root, roster=CLASS, **options):
    """Id -> the files to be read, of those who handed in; and how the names were read."""
    collected = collect([root], roster=roster, **options)
    present = {each.id: [file.path for file in each.notebooks] for each in collected.students if each.who.scheme}
    return present, collected.schemes


def test_every_platform_s_names_lead_to_the_roster(tmp_path):
    made(
        tmp_path / "m",
        "Ada Lovelace_555_assignsubmission_file_/x.ipynb",
        "Grace Hopper_101_assignsubmission_file/x.ipynb",
    )
    assert ids(tmp_path / "m")[0].keys() == {"101", "102"}  # 101 is Moodle's own number here
    made(tmp_path / "c", "lovelaceada_LATE_5_77_lab1.ipynb", "kingada_6_78_lab1-1.ipynb")
    assert ids(tmp_path / "c") == (
        {"101": ["lovelaceada_LATE_5_77_lab1.ipynb"], "105": ["kingada_6_78_lab1-1.ipynb"]}, {"Canvas": 2}
    )  # fmt: skip
    made(tmp_path / "g", "export/submission_1/x.ipynb", "export/submission_2/x.ipynb")
    listed = (
        "---\nsubmission_1:\n  :submitters:\n  - :name: Ada Lovelace\n    :sid: '101'\n    :email: ada@uni.example\n"
        "  - :name: Kim\n    :sid: '104'\n  :created_at: 2026-11-27 10:00:00.834000000 Z\n"
        "submission_2:\n  :submitters:\n  - :name: Other\n"
    )
    made(tmp_path / "g", "export/submission_metadata.yml", content=listed.encode())
    present, schemes = ids(tmp_path / "g")
    assert (set(present), schemes) == ({"101", "104", "Other"}, {"Gradescope": 3})
    made(tmp_path / "n", "101/lab1/x.ipynb", "102/lab1/x.ipynb")
    made(tmp_path / "n", "101/lab1/timestamp.txt", "102/lab1/timestamp.txt", content=b"2026-11-27 10:00:00.1 UTC")
    assert ids(tmp_path / "n")[1] == {"nbgrader": 2}
    made(
        tmp_path / "k",
        "submitted/ada/lab1/x.ipynb",
        "submitted/bob/lab1/x.ipynb",
        "source/lab1/x.ipynb",
        "gradebook.db",
    )
    assert ids(tmp_path / "k", None)[0].keys() == {"ada", "bob"}
    made(tmp_path / "e", "ada+lab1+2026-11-27 10:00:00 UTC+x/lab.ipynb", "ada+lab1+2026-11-26 10:00:00 UTC/lab.ipynb")
    assert ids(tmp_path / "e", None)[0].keys() == {"ada"}
    made(tmp_path / "d", "Ada Lovelace - Lab 1.ipynb", "Kim - Lab 1.ipynb", "Bob Moog - Lab 1.ipynb")
    assert ids(tmp_path / "d") == (
        {"101": ["Ada Lovelace - Lab 1.ipynb"], "104": ["Kim - Lab 1.ipynb"], "Bob Moog": ["Bob Moog - Lab 1.ipynb"]},
        {"Google Classroom": 3},
    )
    made(tmp_path / "t", "Lab 1 - Ada Lovelace.ipynb", "Lab 1 - Kim.ipynb")
    assert ids(tmp_path / "t")[0].keys() == {"101", "104"}


def test_plain_folders_and_files_lead_to_the_roster(tmp_path):
    made(tmp_path / "f", "NAME_101/submission/lab.ipynb", "102/a/102.ipynb", "Kim/ada lovelace.ipynb", "ONE/105.ipynb")
    present, schemes = ids(tmp_path / "f")
    assert present["101"] == ["NAME_101/submission/lab.ipynb"]
    assert present["104"] == ["Kim/ada lovelace.ipynb"]  # the folder says whose it is, the file's name is a choice
    assert present["ONE"] == ["ONE/105.ipynb"]
    assert schemes == {"folders": 4}
    made(tmp_path / "w", "week1/a/101-lab.ipynb", "week1/b/Kim.ipynb", "week1/b/nobody.ipynb")
    assert set(ids(tmp_path / "w")[0]) >= {"101", "104"}
    made(tmp_path / "flat", "ada_lovelace.ipynb", "ada_lovelace (1).ipynb", "01_contrastive_105.ipynb", "bob.ipynb")
    present, _ = ids(tmp_path / "flat", labs=["contrastive"])
    assert {id: len(files) for id, files in present.items()} == {"101": 2, "105": 1, "bob": 1}


def test_each_of_several_folders_given_is_one_student_s(tmp_path):
    made(tmp_path, "NAME_101/lab.ipynb", "Kim/105.ipynb", "Bob/x.ipynb")
    collected = collect([tmp_path / name for name in ("NAME_101", "Kim", "Bob")], roster=CLASS)
    assert {each.id for each in collected.students if each.notebooks} == {"101", "104", "Bob"}


def test_everybody_on_the_roster_is_there_and_strangers_are_said(tmp_path):
    made(tmp_path, "101.ipynb", "bob.ipynb", "101_105.ipynb", "Kim/")
    students = {student.id: student for student in collect([tmp_path], roster=CLASS).students}
    assert set(students) == {"101", "102", "103", "104", "105", "bob", "101_105"}
    assert students["103"].who.scheme == ""
    assert choose(students["103"], [])[0][0].reading.problem == "No hand-in was found."
    assert students["bob"].notes == ["Not on the roster."]
    assert "fits Ada Lovelace (101) and Ada King (105)" in students["101_105"].notes[0]
    assert not students["bob"].who.is_expected


def test_the_newest_before_the_deadline_counts(tmp_path):
    made(tmp_path, "101/a.ipynb", time=1000)
    made(tmp_path, "101/b.ipynb", time=2000)
    made(tmp_path, "101/c.ipynb", "104/d.ipynb", time=9300)
    students = {student.id: student for student in collect([tmp_path], roster=CLASS).students}
    read = [(file, Reading(lab="toy")) for file in students["101"].notebooks]
    [counts], listed = choose(students["101"], read, deadline=2100)
    assert (counts.file.path, counts.late) == ("101/b.ipynb", "")
    reasons = {each.path: each.reason for each in listed}
    assert reasons["101/c.ipynb"] == "Handed in after the deadline: 101/b.ipynb was graded."
    assert "Another version" in reasons["101/a.ipynb"]
    read = [(file, Reading(lab="toy")) for file in students["104"].notebooks]
    [counts], _ = choose(students["104"], read, deadline=2100)
    assert (counts.file.path, counts.late) == ("104/d.ipynb", "2 h")
    assert "graded in full" in counts.notes[0]


def test_the_platform_s_time_counts_before_the_file_s(tmp_path):
    made(tmp_path, "101/lab1/x.ipynb", time=9e9)
    made(tmp_path, "101/lab1/timestamp.txt", content=b"2026-11-27 10:00:00 UTC")
    [student] = [each for each in collect([tmp_path], roster=CLASS).students if each.id == "101"]
    assert student.notebooks[0].modified == 1795773600.0
    made(tmp_path / "c", "lovelaceada_LATE_123_456_lab1.ipynb")
    [student] = collect([tmp_path / "c"]).students
    [counts], _ = choose(student, [(file, Reading(lab="toy")) for file in student.notebooks])
    assert counts.late == "as the platform says"


def test_a_folder_that_this_grader_wrote_is_no_hand_in(tmp_path):
    made(tmp_path, "ada/x.ipynb", "grades-old/run.json", "grades-old/grades.csv", "grades-old/index.html")
    made(tmp_path, "grades-old/feedback/old.ipynb")
    collected = collect([tmp_path])
    assert [student.name for student in collected.students] == ["ada"]
    assert [each.path for each in collected.listed] == ["grades-old"]


def test_a_class_s_zip_is_read_as_the_folder_it_holds(tmp_path):
    names = ("Ada Lovelace_5_assignsubmission_file_/x.ipynb", "../Kim_6_assignsubmission_file_/y.ipynb", "a.zip")
    path = tmp_path / "lab1.zip"
    path.write_bytes(zipped(**{name: "{}" for name in names}))
    present, schemes = ids(path)
    assert present == {"101": [names[0]], "104": ["Kim_6_assignsubmission_file_/y.ipynb"], "a": ["a.zip"]}
    assert schemes["Moodle"] == 2
    [ada] = [student for student in collect([path]).students if student.name == "Ada Lovelace"]
    with ada.notebooks[0].open() as opened:
        assert opened.read() == b"{}"
    path.write_bytes(zipped(**{"lab1.ipynb": "{}", "data.csv": "1"}))
    assert set(ids(path, None)[0]) == {"lab1"}  # one student's
