"""The demo's own parts; the whole of it is `make demo`."""

import json

import nbformat

from sslcourse.cli import main
from sslcourse.commands import demo

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNkYAAAAAYAAjCB0C8AAAAASUVORK5CYII="


def test_every_picture_is_saved_under_the_heading_it_stands_in(tmp_path):
    output = nbformat.v4.new_output("display_data", data={"image/png": PIXEL})
    notebook = nbformat.v4.new_notebook()
    notebook.cells = [
        nbformat.v4.new_markdown_cell("# Lab\n\n## The loss <&>"),
        nbformat.v4.new_code_cell("plot()", outputs=[output, nbformat.v4.new_output("stream", text="done")]),
        nbformat.v4.new_code_cell("plot()", outputs=[output]),
    ]
    saved = demo._save_figures(notebook, tmp_path)
    assert saved == [("01.png", "The loss <&>"), ("02.png", "The loss <&>")]
    assert (tmp_path / "01.png").read_bytes().startswith(b"\x89PNG")
    page = demo._index([], saved, 12.0, unsafe=False)
    assert "The loss &lt;&amp;&gt;" in page and "The loss <&>" not in page


def test_a_missing_source_is_named(tmp_path, capsys):
    assert main(["demo", "--source", str(tmp_path / "absent.py"), "--out", str(tmp_path / "out")]) == 2
    assert "absent.py" in capsys.readouterr().out
    assert not (tmp_path / "out").exists()


def test_the_summary_names_both_students():
    assert [who.solved for who in demo.STUDENTS] == [False, True]
    assert json.dumps([who.scale for who in demo.STUDENTS]) == '["smoke", "cpu"]'
