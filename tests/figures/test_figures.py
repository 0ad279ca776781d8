"""The figures draw what they are given, carry an alternative text, and leave matplotlib as it was."""

import matplotlib
import numpy as np
import pytest
import torch

from sslcourse.figures import (
    alt_text,
    drawable_names,
    fonts,
    picture_rows,
    picture_sheet,
    plot_alignment_uniformity,
    plot_bars,
    plot_curves,
    plot_histograms,
    plot_neighbours,
    plot_similarities,
    plot_spectra,
    show,
    to_html,
    to_png,
    undrawable_names,
)
from sslcourse.figures.style import COLOURS

FIGURES = {
    "curves": lambda: plot_curves({"a": ([0, 1], [1, 2]), "b": ([0, 1], [0.1, 0.2])}, levels={"chance": 0.1}),
    "bands": lambda: plot_curves({"a": ([0, 1], [1, 2])}, bands={"a": ([0, 9], [0, 1], [2, 3])}, y_limits=(1, 9)),
    "spectra": lambda: plot_spectra({"a": torch.tensor([3.0, 1.0, 0.0]), "none": [0.0, 0.0]}),
    "histograms": lambda: plot_histograms({"a": torch.rand(50), "b": [2.0]}, limits=(-1, 1)),
    "similarities": lambda: plot_similarities(torch.rand(4, 4), torch.rand(4, 3, 8, 8), title="four"),
    "plane": lambda: plot_alignment_uniformity({"a": [(1.0, -1.0), (0.5, -2.0)], "b": [(0.1, 0.0)]}),
    "bars": lambda: plot_bars({"a": 0.4, "b": 0.3}, ranges={"a": (0.3, 0.5), "b": None}, levels={"chance": 0.1}),
    "sheet": lambda: picture_sheet(torch.rand(5, 3, 8, 4), list("abcde"), columns=3),
    "rows": lambda: picture_rows({"image": torch.rand(2, 3, 8, 8), "two words": torch.rand(2, 3, 8, 8)}),
    "neighbours": lambda: plot_neighbours(
        torch.rand(2, 3, 8, 8), torch.rand(2, 3, 3, 8, 8), ["a", "b"], torch.rand(2, 3) > 0.5
    ),
    "unlabelled neighbours": lambda: plot_neighbours(torch.rand(2, 3, 8, 8), torch.rand(2, 3, 3, 8, 8), None, None),
}
# Names that folders and students have: other scripts, formulas, half a character, a whole sentence.
HOSTILE = ["猫", "گربه", "$\\frac$", "US$ and A$", "caf\udce9", "🐈", "a <b>", "name " * 40]


@pytest.mark.parametrize("name", FIGURES)
@pytest.mark.filterwarnings("error")
def test_every_figure_renders_with_an_alternative_text_and_without_a_trace(name):
    before = dict(matplotlib.rcParams)
    figure = FIGURES[name]()
    image = to_png(figure, dpi=50)
    assert image[:8] == b"\x89PNG\r\n\x1a\n" and len(image) > 1000
    assert alt_text(figure).encode() in image  # as the file's description
    assert len(alt_text(figure)) > 10
    assert dict(matplotlib.rcParams) == before
    assert matplotlib.pyplot.get_fignums() == [] if hasattr(matplotlib, "pyplot") else True


@pytest.mark.slow
@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("families", [fonts.FAMILIES, fonts.FAMILIES[:1]])
def test_any_name_is_printed_or_replaced_without_a_warning(families, monkeypatch):
    monkeypatch.setattr(fonts, "FAMILIES", families)
    fonts._characters.cache_clear()
    names = drawable_names(HOSTILE)
    assert names[2:4] == ["\\$\\frac\\$", "US\\$ and A\\$"] and names[4] == "caf?"
    assert all(len(name) <= fonts.LONGEST + 2 for name in names)
    if len(families) == 1:
        assert names[0] == "class 0" and names[5] == "class 5"
    curves = {name: ([0, 1], [0.0, 1.0]) for name in HOSTILE}
    with matplotlib.rc_context({"font.family": families}):
        for figure in (
            plot_curves(curves),
            plot_bars(dict.fromkeys(HOSTILE, 1.0), levels={"$": 0.5}),
            picture_sheet(torch.rand(8, 3, 8, 8), HOSTILE),
        ):
            assert "猫" in alt_text(figure) and "猫" in to_html(figure, dpi=40)
    fonts._characters.cache_clear()


def test_a_band_has_its_curves_colour_and_a_name_keeps_the_colour_it_is_given():
    curves = {"a": ([0, 1], [1, 2]), "b": ([0, 1], [1, 2])}
    axis = plot_curves(curves, bands={"b": ([0, 1], [0, 0], [3, 3])}, colours={"a": "#666666"}).axes[0]
    assert [matplotlib.colors.to_hex(band.get_facecolor()[0]).upper() for band in axis.collections] == [COLOURS[1]]
    assert [line.get_color() for line in axis.lines] == ["#666666", COLOURS[1]]


def test_lines_differ_by_more_than_colour():
    axis = plot_curves({str(i): ([0, 1], [i, i]) for i in range(7)}).axes[0]
    assert len({(line.get_linestyle(), line.get_marker()) for line in axis.lines}) == 7
    assert len({line.get_marker() for line in axis.lines}) == 7


def test_bars_are_as_long_as_their_values_say():
    axis = plot_bars({"a": 0.45, "b": 0.3}, ranges={"a": (0.4, 0.5)}, x_label="kNN accuracy").axes[0]
    np.testing.assert_allclose([bar.get_width() for bar in axis.patches], [0.45, 0.3])
    np.testing.assert_allclose(axis.lines[0].get_xdata(), [0.4, 0.5])
    assert [text.get_text() for text in axis.texts] == ["0.45", "0.3"]
    assert [label.get_text() for label in axis.get_yticklabels()] == ["a", "b"]


def test_the_words_for_similarities_tell_positives_from_negatives():
    matrix = torch.full((6, 6), 0.25).fill_diagonal_(1.0)
    for row in range(6):
        matrix[row, (row + 3) % 6] = 0.75
    words = alt_text(plot_similarities(matrix, torch.rand(6, 3, 4, 4)))
    assert words == "Cosines of 6 views. Mean of the positive pairs 0.75, of the negative pairs 0.25."


def test_alternative_texts_are_escaped_in_html():
    page = to_html(plot_bars({'a "quoted" <name>': 1.0}), dpi=40)
    assert 'alt="Bar chart of values. a &#34;quoted&#34; &lt;name&gt;: 1."' in page
    assert "max-width:100%" in page


def test_without_a_notebook_the_words_are_printed(capsys):
    show(plot_bars({"a": 1.0}), plot_bars({"b": 2.0}))
    assert capsys.readouterr().out == "Bar chart of values. a: 1.\nBar chart of values. b: 2.\n"


def test_refusals():
    with pytest.raises(ValueError, match="curve 'a' has 2 steps"):
        plot_curves({"a": ([0, 1], [1.0, 2.0, 3.0])})
    for matrix in (torch.rand(3, 4), torch.rand(3, 3), torch.rand(4)):
        with pytest.raises(ValueError, match="M,M"):
            plot_similarities(matrix, torch.rand(len(matrix), 3, 4, 4))
    with pytest.raises(ValueError, match="B,3,H,W"):
        picture_sheet(torch.rand(2, 1, 8, 8), ["a", "b"])
    with pytest.raises(ValueError, match="2 images need as many names; got 1"):
        picture_sheet(torch.rand(2, 3, 8, 8), ["a"])
    with pytest.raises(ValueError, match="as many pictures; got {'a': 2, 'b': 3}"):
        picture_rows({"a": torch.rand(2, 3, 4, 4), "b": torch.rand(3, 3, 4, 4)})


def test_no_curve_runs_under_the_names_of_the_curves():
    everywhere = [0, 1, 0, 1]
    names = ("nothing removed", "low removed", "random removed", "low, by its own teacher")
    for size in ((3.3, 2.8), (6.4, 3.6)):
        curves = {name: (range(4), [value + at / 9 for value in everywhere]) for at, name in enumerate(names)}
        figure = plot_curves(curves, size=size, title="a title", small_print="small print")
        figure.draw_without_rendering()
        box, (axis,), (left, right) = figure.legends[0].get_window_extent(), figure.axes, figure.bbox.intervalx
        assert box.y0 > axis.get_window_extent().y1 and left <= box.x0 < box.x1 <= right
        height = axis.get_window_extent().height / figure.dpi
        assert height > 0.45 * size[1], "the axes keep their height"


def test_names_that_cannot_be_drawn_stay_apart_and_are_told(monkeypatch):
    monkeypatch.setattr(fonts, "can_print", lambda text: text.isascii())
    (legend,) = plot_curves({"猫": ([0], [0]), "a": ([0], [1]), "狗": ([0], [2])}).legends
    assert [text.get_text() for text in legend.texts] == ["run 0", "a", "run 2"]
    assert undrawable_names(["猫", "cat", "狗"]) == "class 0 is 猫; class 2 is 狗"
