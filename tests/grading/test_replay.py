"""One exercise again, on the inputs of a run."""

import zipfile

import pytest
from toy_lab import LAB, RIGHT, cells_of, notebook, zipped

from sslcourse.grading.host import Limits
from sslcourse.grading.replay import replay
from sslcourse.grading.run import grade_paths

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("kept_servers")]
LABS = {"toy": LAB}


def test_an_exercise_is_replayed_on_the_run_s_inputs(tmp_path, level):
    file = tmp_path / "ada.ipynb"
    wrong = "def shift(x):\n    print('\\x1b[2J')\n    return x - 1"
    file.write_text(notebook(*cells_of({"toy.shift": wrong})))
    options = {"labs": LABS, "limits": Limits(seconds=10.0, memory=300 * 2**20)}
    grade_paths([file], tmp_path / "out", progress=False, **options)
    before = {path: path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file()}
    told = [replay(file, tmp_path / "out", "toy.shift", **options) for _ in range(2)]
    assert told[0] == told[1]
    assert told[0].startswith(f"ada's toy.shift, on the inputs of {tmp_path / 'out'}: 0 of 2 points.\nYou went down")
    for part in ("  x = tensor(", "  expected value: tensor(", "  returned value: tensor("):
        assert part in told[0]
    assert "2 of 2 points" in replay(file, tmp_path / "out", "toy.double", **options)
    assert {path: path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file()} == before
    other = tmp_path / "other.ipynb"
    other.write_text(notebook(*cells_of({"toy.double": RIGHT["toy.double"]})))
    assert replay(other, tmp_path / "out", "toy.shift", **options).startswith("A file that this run did not grade: toy")
    with pytest.raises(ValueError, match="no exercise 'toy.no'; choose from toy.double"):
        replay(file, tmp_path / "out", "toy.no", **options)
    other.write_text("{")
    with pytest.raises(ValueError, match="not valid JSON"):
        replay(other, tmp_path / "out", "toy.shift", **options)


def test_the_inputs_are_those_of_the_student_whose_file_it_is(tmp_path, level):
    content = notebook(*cells_of({"toy.double": RIGHT["toy.double"]}))
    for folder in ("a", "b"):
        (tmp_path / folder / "Sam").mkdir(parents=True)
        (tmp_path / folder / "Sam" / "lab.ipynb").write_text(content)
    (tmp_path / "c" / "Zoe").mkdir(parents=True)
    with zipfile.ZipFile(tmp_path / "c" / "Zoe" / "work.zip", "w") as packed:
        packed.writestr("deep/lab.ipynb", content)
    options = {"labs": LABS, "limits": Limits(seconds=10.0, memory=300 * 2**20)}
    given = [tmp_path / name for name in "abc"]
    grade_paths(given, tmp_path / "out", progress=False, variants=True, **options)
    for file, whose in (("a/Sam/lab.ipynb", "a"), ("b/Sam/lab.ipynb", "b"), ("c/Zoe/work.zip", "c")):
        assert replay(tmp_path / file, tmp_path / "out", "toy.double", **options).startswith(f"{whose}'s toy.double")
    (tmp_path / "d" / "Sam").mkdir(parents=True)
    (tmp_path / "d" / "Sam" / "lab.ipynb").write_text(content)
    with pytest.raises(ValueError, match="any of these students: a, b"):
        replay(tmp_path / "d" / "Sam" / "lab.ipynb", tmp_path / "out", "toy.double", **options)


def test_of_a_class_s_zip_the_hand_in_that_is_named_is_replayed(tmp_path, level):
    right = notebook(*cells_of({}))
    wrong = notebook(*cells_of({"toy.double": "def double(x):\n    return x"}))
    whole = tmp_path / "class.zip"
    with zipfile.ZipFile(whole, "w") as packed:
        packed.writestr("Ada/lab.ipynb", right)
        packed.writestr("Bob/work.zip", zipped(**{"a/lab.ipynb": right, "b/lab (1).ipynb": wrong}))
    options = {"labs": {"toy": LAB}, "limits": Limits(seconds=10.0, memory=300 * 2**20)}
    [ada, bob] = grade_paths([whole], tmp_path / "out", progress=False, **options)
    assert (ada.points, bob.points, bob.source) == (6.0, 4.0, "Bob/work.zip/b/lab (1).ipynb")
    for inside, told in (
        ("Ada/lab.ipynb", "Ada's toy.double, on the inputs of {}: 2 of 2"),
        ("Bob/work.zip", "Bob's toy.double, on the inputs of {}: 0 of 2"),
        (bob.source, "Bob's toy.double, on the inputs of {}: 0 of 2"),
        ("Bob/work.zip/a/lab.ipynb", "A file that this run did not grade: toy.double, on the inputs of {}: 2 of 2"),
    ):
        said = replay(whole / inside, tmp_path / "out", "toy.double", **options)
        assert said.startswith(told.format(tmp_path / "out"))
    for wanted, said in (("", "Give one of them: .*class.zip/Ada/lab.ipynb, "), ("Cem/lab.ipynb", "no such notebook")):
        with pytest.raises(ValueError, match=said):
            replay(whole / wanted, tmp_path / "out", "toy.double", **options)
