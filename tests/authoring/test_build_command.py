"""`sslcourse build` on a copy of the real source: writes, checks, keeps outputs, sets the one address."""

import json
import re
import shutil
import tomllib

import nbformat
import pytest
from every_lab import ROOT, SOURCES

import sslcourse.authoring.address as address_module
from sslcourse.authoring.outputs import ExecutionError, carry_outputs, execute, text_of, without_outputs
from sslcourse.cli import main

SOURCE = ROOT / "solutions" / "01_contrastive.py"


@pytest.fixture(scope="module")
def ready(tmp_path_factory):
    """A folder with the source of a lab and what is built from it."""
    folder = tmp_path_factory.mktemp("ready")
    (folder / "solutions").mkdir()
    shutil.copy(SOURCE, folder / "solutions")
    assert main(["build", "--solutions", str(folder / "solutions"), "--labs", str(folder / "labs")]) == 0
    return folder


@pytest.fixture
def course(tmp_path, ready):
    """A copy of it."""
    return shutil.copytree(ready, tmp_path / "course")


@pytest.fixture
def build(course, capsys):
    def run(*words):
        status = main(["build", "--solutions", str(course / "solutions"), "--labs", str(course / "labs"), *words])
        captured = capsys.readouterr()
        return status, captured.out + captured.err

    return run


@pytest.fixture
def own_address(tmp_path, monkeypatch):
    """An address file that a test may change."""
    file = tmp_path / "address.json"
    shutil.copy(address_module.ADDRESS_FILE, file)
    project = shutil.copy(address_module.PROJECT_FILE, tmp_path / "pyproject.toml")
    monkeypatch.setattr(address_module.read_address, "__defaults__", (file,))
    monkeypatch.setattr(address_module.write_address, "__defaults__", (file, project))
    return file


def student(course):
    return course / "labs" / "01_contrastive.ipynb"


def solution(course):
    return course / "solutions" / "01_contrastive.ipynb"


def test_builds_both_and_then_checks_clean(build, course):
    student(course).unlink()
    solution(course).unlink()
    assert build("--check")[0] == 1  # nothing built yet
    assert build()[0] == 0
    assert student(course).exists() and solution(course).exists()
    status, said = build("--check")
    assert status == 0 and said.count("is up to date") == 2


def test_the_committed_notebooks_are_those_of_the_source(capsys):
    status = main(["build", "--check", "--solutions", str(ROOT / "solutions"), "--labs", str(ROOT / "labs")])
    assert status == 0, capsys.readouterr().out


def test_no_placeholder_is_left_in_a_lab():
    for file in SOURCES.values():
        left = re.findall(r"@@\w+@@|TODO|FIXME|XXX", file.read_text(encoding="utf-8"))
        assert not left, f"{file.name}: {left}"


def test_check_finds_an_edited_notebook_and_says_where(build, course):
    file = student(course)
    file.write_text(file.read_text().replace("two views", "2 views", 1))
    status, said = build("--check")
    assert status == 1 and "2 views" in said and "differs from its source" in said


def test_check_finds_an_edited_source(build, course):
    file = course / "solutions" / "01_contrastive.py"
    file.write_text(file.read_text() + "\n# %% [markdown]\n# One more.\n")
    status, said = build("--check")
    assert status == 1 and "One more." in said


def test_check_finds_changed_metadata(build, course):
    notebook = nbformat.read(student(course), as_version=4)
    marked = next(cell for cell in notebook.cells if cell.metadata.get("nbgrader", {}).get("grade"))
    marked.metadata["nbgrader"]["points"] = 100
    student(course).write_text(text_of(notebook))
    assert build("--check")[0] == 1


def test_outputs_do_not_count(build, course):
    notebook = nbformat.read(solution(course), as_version=4)
    for number, cell in enumerate(notebook.cells):
        if cell.cell_type == "code":
            cell.execution_count = number
            cell.outputs = [nbformat.v4.new_output("stream", text="said")]
    solution(course).write_text(text_of(notebook))
    assert build("--check")[0] == 0
    assert "(outputs kept)" in build()[1]
    assert "said" in solution(course).read_text()


def test_outputs_of_changed_code_are_dropped_and_it_is_said(build, course):
    notebook = nbformat.read(solution(course), as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    code[1].outputs = [nbformat.v4.new_output("stream", text="said")]
    code[2].source += "\n1"
    solution(course).write_text(text_of(notebook))
    assert "run --execute" in build()[1]
    assert "said" not in solution(course).read_text()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"cells": 3}', "\x00"])
def test_check_reports_a_damaged_notebook(build, course, text):
    student(course).write_text(text)
    status, said = build("--check")
    assert status == 1 and "run `sslcourse build`" in said
    solution(course).write_text(text)
    assert build()[0] == 0 and build("--check")[0] == 0


def test_a_source_that_breaks_a_rule_writes_nothing(build, course):
    student(course).unlink()
    file = course / "solutions" / "01_contrastive.py"
    file.write_text(file.read_text().replace('id="contrastive.nt_xent"', 'id="contrastive.ntxent"', 1))
    status, said = build()
    assert status == 1 and "contrastive.ntxent" in said
    assert not student(course).exists()


@pytest.mark.parametrize("word", ["1st", "painting"])
def test_an_unknown_lab_names_the_known_ones(build, word):
    status, said = build(word)
    assert status == 2 and "01_contrastive" in said


@pytest.mark.parametrize("word", ["01", "contrastive", "01_contrastive"])
def test_one_lab_by_number_or_name(build, word):
    assert build(word)[0] == 0


def test_a_folder_without_sources_is_said(tmp_path, capsys):
    assert main(["build", "--solutions", str(tmp_path)]) == 2
    assert "--solutions" in capsys.readouterr().err


def test_the_address_is_kept_in_one_place(build, course, own_address):
    assert build("--repo", "ada/course", "--ref", "v2")[0] == 0
    assert json.loads(own_address.read_text()) == {"repository": "ada/course", "ref": "v2"}
    for file, folder in ((student(course), "labs"), (solution(course), "solutions")):
        text = file.read_text()
        assert f"https://colab.research.google.com/github/ada/course/blob/v2/{folder}/01_contrastive.ipynb" in text
        assert "git+https://github.com/ada/course@v2" in text
    assert build("--check")[0] == 0
    assert build("--repo", "eve/course")[0] == 0
    project = tomllib.loads(own_address.with_name("pyproject.toml").read_text())["project"]
    assert project["urls"]["Issues"] == "https://github.com/eve/course/issues" and project["scripts"]
    assert "ada/course" not in student(course).read_text() + solution(course).read_text()


def test_no_other_file_of_the_package_knows_the_address():
    known = address_module.read_address()
    holders = [
        file.name
        for file in (ROOT / "sslcourse").rglob("*")
        if file.suffix in (".py", ".json") and known.repository in file.read_text(encoding="utf-8")
    ]
    assert set(holders) <= {"address.json", *([] if known.is_set else ["address.py", "build.py", "setup_cell.py"])}


@pytest.mark.parametrize("words", [("--repo", "nonsense"), ("--repo", "a/b", "--check"), ("--repo", "a/b", "01")])
def test_an_address_that_cannot_be_set_changes_nothing(build, own_address, words):
    before = own_address.read_text()
    assert build(*words)[0] == 2
    assert own_address.read_text() == before


def small(*sources):
    cells = [nbformat.v4.new_code_cell(source, id=f"cell-{number}") for number, source in enumerate(sources)]
    return nbformat.v4.new_notebook(cells=cells, metadata={"language_info": {"name": "python"}})


@pytest.mark.slow
def test_executing_keeps_outputs_and_no_trace_of_the_machine(tmp_path):
    ran = execute(small("import os\nprint(os.environ['SSLCOURSE_SCALE'])", "1 + 1"), tmp_path)
    assert "".join(piece.text for piece in ran.cells[0].outputs) == "smoke\n"  # the kernel may send it in pieces
    assert ran.cells[1].outputs[0].data["text/plain"] == "2"
    assert ran.metadata["language_info"] == {"name": "python"}
    assert all("execution" not in cell.metadata for cell in ran.cells)
    assert str(tmp_path) not in text_of(ran)
    bare = without_outputs(ran)
    assert (
        text_of(bare) == text_of(without_outputs(bare)) and carry_outputs(bare, ran) and text_of(bare) == text_of(ran)
    )


@pytest.mark.slow
def test_a_widget_becomes_its_still_picture_or_a_sentence(tmp_path):
    ran = execute(small("import ipywidgets\nipywidgets.IntSlider()"), tmp_path)
    assert ran.cells[0].outputs[0].data == {"text/plain": "[an interactive control: run the cell to use it]"}


@pytest.mark.slow
def test_a_cell_that_raises_is_named(tmp_path):
    with pytest.raises(ExecutionError, match="ZeroDivisionError"):
        execute(small("1 / 0"), tmp_path)
