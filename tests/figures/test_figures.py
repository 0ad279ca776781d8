"""The figures draw what they are given, carry an alt text, and leave matplotlib as it was."""

import matplotlib
import numpy as np
import pytest
import torch

from sslcourse.figures import (
    COLOURS,
    alt_text,
    contact_sheet,
    plot_alignment_uniformity,
    plot_bars,
    plot_curves,
    plot_similarity_matrix,
    plot_spectrum,
    save,
    to_html,
    to_png,
)

FIGURES = {
    "curves": lambda: plot_curves(
        {"a": ([0, 1, 2], torch.rand(3, 3)), "b": ([0, 1], [0.1, 0.2])}, levels={"chance": 0.1}
    ),
    "band": lambda: plot_curves(
        {"a": ([0, 1], [1, 2])}, bands={"a": ([0, 9], [0, 1], [2, 3])}, log=True, limits=(1, 9)
    ),
    "spectrum": lambda: plot_spectrum({"a": torch.tensor([3.0, 1.0, 0.0]), "none": [0.0, 0.0]}),
    "small matrix": lambda: plot_similarity_matrix(torch.rand(4, 4), labels=list("abcd"), title="four"),
    "matrix": lambda: plot_similarity_matrix(torch.rand(40, 40).fill_diagonal_(-torch.inf), limits=None),
    "odd matrix": lambda: plot_similarity_matrix(torch.rand(9, 9), pairs=False),
    "plane": lambda: plot_alignment_uniformity({"a": [(1.0, -1.0), (0.5, -2.0)], "b": (0.1, 0.0)}),
    "bars": lambda: plot_bars({"a": [0.4, 0.5], "b": 0.3}, levels={"chance": 0.1}, percent=True),
    "sheet": lambda: contact_sheet(torch.rand(5, 3, 8, 8), masks=torch.rand(5, 8, 8) > 0.5, columns=3, title="five"),
}


@pytest.mark.parametrize("name", FIGURES)
@pytest.mark.filterwarnings("error")
def test_every_figure_renders_with_an_alt_text_and_without_a_trace(name):
    before = dict(matplotlib.rcParams)
    figure = FIGURES[name]()
    image = to_png(figure, dpi=50)
    assert image[:8] == b"\x89PNG\r\n\x1a\n" and len(image) > 1000
    assert alt_text(figure).encode() in image  # as the file's description
    assert len(alt_text(figure)) > 10
    assert dict(matplotlib.rcParams) == before
    assert matplotlib.pyplot.get_fignums() == [] if hasattr(matplotlib, "pyplot") else True


def test_curves_show_the_mean_over_the_range_of_seeds():
    values = torch.tensor([[0.0, 1.0], [1.0, 3.0], [5.0, 5.0]])
    axis = plot_curves({"run": ([0, 10], values)}).axes[0]
    np.testing.assert_allclose(axis.lines[0].get_ydata(), [2, 3])
    corners = axis.collections[0].get_paths()[0].vertices
    assert corners[:, 1].min() == 0 and corners[:, 1].max() == 5
    assert "range of 3 seeds" in axis.figure.get_supxlabel()


def test_a_band_has_its_curves_colour():
    axis = plot_curves(
        {"a": ([0, 1], [1, 2]), "b": ([0, 1], [1, 2])},
        bands={"b": ([0, 1], [0, 0], [3, 3]), "c": ([0, 1], [0, 0], [9, 9])},
    ).axes[0]
    bands = [matplotlib.colors.to_hex(band.get_facecolor()[0]).upper() for band in axis.collections]
    assert bands == [COLOURS[1], "#666666"]


def test_lines_differ_by_more_than_colour():
    axis = plot_curves({str(i): ([0, 1], [i, i]) for i in range(7)}).axes[0]
    assert len({(line.get_linestyle(), line.get_marker()) for line in axis.lines}) == 7
    assert len({line.get_marker() for line in axis.lines}) == 7


def test_bars_are_as_long_as_their_values_say():
    axis = plot_bars({"a": [0.4, 0.5], "b": 0.3}, percent=True, x_label="kNN").axes[0]
    np.testing.assert_allclose([bar.get_width() for bar in axis.patches], [0.45, 0.3])
    assert [text.get_text() for text in axis.texts] == ["45 %", "30 %"]
    assert [label.get_text() for label in axis.get_yticklabels()] == ["a", "b"]


def test_the_similarity_matrix_frames_the_positives():
    axis = plot_similarity_matrix(torch.eye(6)).axes[0]
    framed = sorted((p.get_x() + 0.5, p.get_y() + 0.5) for p in axis.patches if not p.get_fill())
    assert framed == [(0, 3), (1, 4), (2, 5), (3, 0), (4, 1), (5, 2)]
    assert len(axis.texts) == 30  # all but the diagonal


def test_alt_texts_are_escaped_in_html():
    figure = plot_bars({'a "quoted" <name>': 1.0})
    assert 'alt="Bar chart of values. a &quot;quoted&quot; &lt;name&gt;: 1."' in to_html(figure, dpi=40)


def test_save_leaves_one_whole_file(tmp_path):
    path = save(plot_bars({"a": 1.0}), tmp_path / "bars.png", dpi=40)
    assert [entry.name for entry in tmp_path.iterdir()] == ["bars.png"] and path.read_bytes()[:4] == b"\x89PNG"
    with pytest.raises(FileNotFoundError):
        save(plot_bars({"a": 1.0}), tmp_path / "absent" / "bars.png")


def test_refusals():
    with pytest.raises(ValueError, match="curve 'a' has 2 steps"):
        plot_curves({"a": ([0, 1], [1.0, 2.0, 3.0])})
    for matrix in (torch.rand(3, 4), torch.rand(3, 3), torch.rand(4)):
        with pytest.raises(ValueError, match="M,M"):
            plot_similarity_matrix(matrix)
    with pytest.raises(ValueError, match="B,3,H,W"):
        contact_sheet(torch.rand(2, 1, 8, 8))
    with pytest.raises(ValueError, match="2 images need as many labels; got 1"):
        contact_sheet(torch.rand(2, 3, 8, 8), ["a"])
