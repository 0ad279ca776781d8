"""The demo's own parts; the whole of it is `make demo`."""

import nbformat
import pytest
from every_lab import SOURCES

from sslcourse.authoring.notebooks import build_lab
from sslcourse.cli import main
from sslcourse.commands import demo
from sslcourse.figures import plot_bars, to_html
from sslcourse.pages import render


def test_every_figure_is_saved_with_its_words_under_the_heading_it_stands_in(tmp_path):
    page = str(to_html(plot_bars({"a <&>": 1.0}), plot_bars({"b": 2.0}), dpi=40))
    output = nbformat.v4.new_output("display_data", data={"text/html": page})
    notebook = nbformat.v4.new_notebook()
    notebook.cells = [
        nbformat.v4.new_markdown_cell("# Lab\n\n## The loss <&>"),
        nbformat.v4.new_code_cell("plot()", outputs=[output, nbformat.v4.new_output("stream", text="done")]),
    ]
    saved = demo._save_figures(notebook, tmp_path)
    assert [(one["file"], one["heading"]) for one in saved] == [("01.png", "The loss <&>"), ("02.png", "The loss <&>")]
    assert saved[0]["alt"] == "Bar chart of values. a <&>: 1."
    assert (tmp_path / "02.png").read_bytes().startswith(b"\x89PNG")
    page = render("demo.html", rows=[], stories={}, labs=[], figures=saved, seconds=12.0, unsafe=False)
    assert page.count("The loss &lt;&amp;&gt;") == 2 and "<&>" not in page
    assert 'alt="Bar chart of values. a &lt;&amp;&gt;: 1."' in page


def test_a_missing_source_is_named(tmp_path, capsys):
    assert main(["demo", "--source", str(tmp_path / "absent.py"), "--out", str(tmp_path / "out")]) == 2
    assert "absent.py" in capsys.readouterr().out
    assert not (tmp_path / "out").exists()


def test_both_students_are_taken_through_the_lab():
    assert [(who.solved, who.scale) for who in demo.STUDENTS] == [(False, "smoke"), (True, "cpu")]


@pytest.mark.slow
@pytest.mark.parametrize("lab", SOURCES)
def test_every_lab_is_listed_with_its_question_and_its_executed_solution(lab, tmp_path, monkeypatch):
    def nothing_is_executed(*arguments, **options):
        raise AssertionError("the committed outputs are not those of this code: run sslcourse build --execute")

    monkeypatch.setattr(demo, "execute", nothing_is_executed)
    shown = demo._show_solution(build_lab(SOURCES[lab]), SOURCES[lab].with_suffix(".ipynb"), tmp_path)
    assert shown["question"].endswith("?") and shown["points"] > 0
    page = (tmp_path / f"{shown['stem']}.html").read_text()
    assert page.count("data:image/png;base64") > 3
    listed = render("demo.html", rows=[], stories={}, labs=[shown], figures=[], seconds=12.0, unsafe=False)
    assert f'href="labs/{shown["stem"]}.html"' in listed and shown["title"] in listed
