"""Every test has a progress file of its own, and says nothing to the student's real one."""

import pytest

from sslcourse.notebook import state


@pytest.fixture(autouse=True)
def progress_file(tmp_path, monkeypatch):
    file = tmp_path / "progress.json"
    monkeypatch.setenv("SSLCOURSE_PROGRESS", str(file))
    monkeypatch.setattr(state, "_memory", None)
    monkeypatch.setattr(state, "_told", set())
    return file
