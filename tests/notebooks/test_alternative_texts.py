"""What a screen reader gets in JupyterLab: words for every figure, also when redrawn or not trusted."""

import json

import nbformat
import pytest

CODE = """
from sslcourse.figures import plot_bars, plot_curves, show
from sslcourse.notebook.card import Items, show_card
from sslcourse.notebook.live import LivePanel
from sslcourse.notebook.table import show_numbers

def draw(rows):
    return [plot_curves({"loss": ([row["step"] for row in rows], [1.0] * len(rows))})]

curves = plot_curves({"SimCLR": ([0, 10], [0.3, 0.46])}, y_label="kNN accuracy")
show(curves, plot_bars({"SimCLR": 0.46, "untrained": 0.3}))
panel = LivePanel("training", 20, draw)
panel.update(10, [{"step": 10}], last=True)
panel.update(20, [{"step": 10}, {"step": 20}], last=True)
show_card("Not yet", "The `loss` is *too small*.", Items([("good", "shape"), ("bad", "values")]), kind="bad")
show_numbers("After training", ["mine"], [["knn", (0.46, (0.44, 0.48))]])
"""
# Below 55 % of its width a figure is not shrunk any more: its row scrolls, and it is the row that must fit.
IMAGES = """
[...document.querySelectorAll('.jp-OutputArea-output img')].map(one => ({
  alt: one.alt, wide: one.naturalWidth,
  overflows: one.parentElement.getBoundingClientRect().right >
    one.closest('.jp-OutputArea').getBoundingClientRect().right + 1}))
"""
EXPECTED = [
    "Line chart of kNN accuracy against step. SimCLR: from 0.3 to 0.46.",
    "Bar chart of values. SimCLR: 0.46. untrained: 0.3.",
    "Line chart of values against step. loss: from 1 to 1.",
]


@pytest.mark.browser
@pytest.mark.slow
@pytest.mark.timeout(600)
def test_every_figure_has_its_words_in_jupyterlab(devtools, tmp_path, build):
    folder = tmp_path / "notebooks"
    folder.mkdir()
    cells = [nbformat.v4.new_markdown_cell("# Figures"), nbformat.v4.new_code_cell(CODE)]
    notebook = nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": {"name": "python3", "display_name": "p"}})
    nbformat.write(notebook, folder / "figures.ipynb")
    theme = tmp_path / "settings/@jupyterlab/apputils-extension/themes.jupyterlab-settings"
    theme.parent.mkdir(parents=True)
    theme.write_text(json.dumps({"theme": "JupyterLab Dark"}))
    with devtools.JupyterLab(folder, tmp_path) as server, devtools.Page(tmp_path / "profile", width=1366) as page:
        opened = devtools.OpenNotebook(page, server, "figures.ipynb")
        try:
            opened.run(opened.ids[1])
            page.until("the figures", f"{IMAGES}.every(one => one.wide > 0) && {IMAGES}.length === 3")
            for width in (1366, 700):
                page.resize(width, 1000)
                page.until(f"figures within a page of {width} px", f"!{IMAGES}.some(one => one.overflows)")
                assert [one["alt"] for one in page.evaluate(IMAGES)] == EXPECTED
        finally:
            page.resize(1366, 1600)
            page.screenshot(build / "figures-dark.png")
        # A notebook that was received from somebody is not trusted, and JupyterLab cleans its HTML.
        page.evaluate(f"{opened.PANEL}.context.save().then(() => true)")
        saved = nbformat.read(folder / "figures.ipynb", as_version=4)
        saved.cells[0].source += ", as another wrote them"  # its signature is unknown here
        nbformat.write(saved, folder / "received.ipynb")
        received = devtools.OpenNotebook(page, server, "received.ipynb")
        assert not page.evaluate(f"{received.cell(received.ids[1])}.model.trusted")
        page.until("the figures", f"{IMAGES}.filter(one => one.wide > 0).length >= 3")
        assert [one["alt"] for one in page.evaluate(IMAGES) if one["wide"]][-3:] == EXPECTED
        page.screenshot(build / "figures-received.png")
