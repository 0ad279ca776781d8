"""Any file becomes cells or a sentence."""

import pytest

from sslcourse.grading.cells import Unreadable, read_cells


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "empty"),
        (b"{not json", "not valid JSON"),
        (b"[" * 100_000, "not valid JSON"),
        (b"[1, 2]", "not a notebook"),
        (b"{}", "no cells"),
        (b'{"cells": 3}', "no cells"),
        (b"PK\x03\x04\xff\xfe\xfd\xfc\x80", "not text"),
        (b"def double(x):\n    return 2 * x", "not valid JSON"),
        (b'{"worksheets": [{"cells": 3}, 4]}', None),
    ],
)
def test_what_is_no_notebook_is_refused_with_a_sentence(tmp_path, content, sentence):
    path = tmp_path / "eve.ipynb"
    path.write_bytes(content)
    if sentence is None:
        assert read_cells(path)[0] == []
        return
    with pytest.raises(Unreadable, match=sentence):
        read_cells(path)


def test_a_file_that_is_missing_or_too_large_is_refused(tmp_path):
    with pytest.raises(Unreadable, match="no such file"):
        read_cells(tmp_path / "none.ipynb")
    with pytest.raises(Unreadable, match="not an ordinary file"):
        read_cells(tmp_path)
    large = tmp_path / "large.ipynb"
    with open(large, "wb") as file:
        file.truncate(65 * 2**20)
    with pytest.raises(Unreadable, match="larger than"):
        read_cells(large)
