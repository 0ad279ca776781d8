"""The figures that the course shows of a run: curves, spectra, similarities, bars, pictures.

Each takes plain numbers or tensors, by name in a dict, and returns a matplotlib Figure with its alt text attached; `show`,
`save` and `to_html` put it somewhere. Names are told apart by colour and by line style, marker or position.
"""

from sslcourse.figures.charts import plot_alignment_uniformity, plot_bars, plot_curves, plot_spectrum
from sslcourse.figures.pictures import contact_sheet, plot_similarity_matrix
from sslcourse.figures.style import COLOUR_MAP, COLOURS, alt_text, describe, new_figure, save, show, to_html, to_png

__all__ = [
    "COLOURS",
    "COLOUR_MAP",
    "alt_text",
    "contact_sheet",
    "describe",
    "new_figure",
    "plot_alignment_uniformity",
    "plot_bars",
    "plot_curves",
    "plot_similarity_matrix",
    "plot_spectrum",
    "save",
    "show",
    "to_html",
    "to_png",
]
