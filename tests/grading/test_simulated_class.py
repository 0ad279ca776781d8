"""A small class, known mark for mark: killed, resumed, graded a second time. `simulated_class` makes a large one."""

import importlib.util
import tempfile
from pathlib import Path

import pytest

from sslcourse.grading.host import Limits
from sslcourse.grading.run import grade_paths

pytestmark = pytest.mark.slow
_spec = importlib.util.spec_from_file_location("simulated_class", Path(__file__).with_name("simulated_class.py"))
simulated = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(simulated)


def test_a_class_gets_its_marks_whatever_happens_to_the_grader(tmp_path, level, monkeypatch):
    folder, temporary = tmp_path / "class", tmp_path / "tmp"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    known = simulated.make_class(folder, 11)
    options = {"limits": Limits(seconds=simulated.SECONDS), "progress": False}
    simulated.grade_until(3, folder, tmp_path / "first", 1, temporary)
    kept = simulated.records(tmp_path / "first")
    for out in (tmp_path / "first", tmp_path / "second"):
        grade_paths([folder], out, **options)
        assert simulated.gradebook(out) == known
    assert kept.items() <= simulated.records(tmp_path / "first").items()
    assert not list(temporary.iterdir())
