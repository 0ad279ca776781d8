"""Any file becomes cells or a sentence."""

import json

import pytest
from toy_lab import code, notebook, text

from sslcourse.grading.cells import Unreadable, read_cells

NOTEBOOK = notebook(text("Größe und señal"), code("def double(x):\n    return 2 * x", "toy.double"))


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "empty"),
        (b"{not json", "not valid JSON"),
        (b"[" * 100_000, "not valid JSON"),
        (b"[1, 2]", "not a notebook"),
        (b"{}", "no cells"),
        (b'{"cells": 3}', "no cells"),
        (b"\x89PNG\r\n\x1a\n\xff\x00", "not text"),
        (b"def double(x):\n    return 2 * x", "not valid JSON"),
    ],
    ids=range(8),  # not their contents: some are long
)
def test_what_is_no_notebook_is_refused_with_a_sentence(content, sentence):
    with pytest.raises(Unreadable, match=sentence):
        read_cells(content)


def test_a_worksheet_without_cells_is_read():
    assert read_cells(b'{"worksheets": [{"cells": 3}, 4]}')[0] == []


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32"])
def test_every_unicode_encoding_is_read_without_a_word(encoding):
    found, repairs = read_cells(json.dumps(json.loads(NOTEBOOK), ensure_ascii=False).encode(encoding))
    assert (found[0].source, repairs) == ("Größe und señal", [])


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252"])
def test_other_encodings_are_read_and_said(encoding):
    raw = json.dumps(json.loads(NOTEBOOK), ensure_ascii=False).encode(encoding, "replace")
    found, repairs = read_cells(raw)
    assert found[0].source == "Größe und señal"
    assert "not in UTF-8" in repairs[0]


def test_one_damaged_byte_does_not_cost_the_alphabet():
    raw = json.dumps(json.loads(notebook(text("پاسخ من به فارسی"))), ensure_ascii=False).encode()
    found, repairs = read_cells(raw.replace("من".encode(), b"\xff", 1))
    assert found[0].source == "پاسخ \N{REPLACEMENT CHARACTER} به فارسی"
    assert "1 characters" in repairs[0]


def test_line_ends_of_all_kinds_are_newlines():
    found, _ = read_cells(notebook(code("a\r\nb\rc\nd")).encode())
    assert found[0].source == "a\nb\nc\nd"


def test_a_pasted_picture_is_taken_out_of_the_text():
    pasted = f"See ![it](data:image/png;base64,{'A' * 300_000}) and here."
    found, repairs = read_cells(notebook(text(pasted)).encode())
    assert (found[0].source, len(found[0].pictures[0]), repairs) == ("See ![it](picture) and here.", 300_000, [])
