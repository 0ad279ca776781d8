"""The figures of the course: charts of runs, and pictures of what networks see.

Each function takes plain numbers or tensors and returns a matplotlib Figure with its alternative text attached;
`show` puts figures into a notebook, `to_html` onto a page.
"""

from sslcourse.figures.charts import plot_alignment_uniformity, plot_bars, plot_curves, plot_histograms, plot_spectra
from sslcourse.figures.display import show, to_html, to_png
from sslcourse.figures.fonts import drawable_names, undrawable_names
from sslcourse.figures.pairs import plot_effects, plot_pairs
from sslcourse.figures.pictures import (
    heat,
    picture_edges,
    picture_rows,
    picture_sheet,
    plot_neighbours,
    plot_similarities,
)
from sslcourse.figures.style import BLUE, GREEN, GREY, ORANGE, alt_text, bare, new_figure, pixels, with_alt
