"""A student's way in a real browser: open the lab in JupyterLab 4, run cells, move a control by mouse and by keyboard,
see a change."""

import shutil

import nbformat
import pytest
from every_lab import ROOT, STEMS

from sslcourse.pages import render

# Of the explorer in a cell: its first slider, that slider's handle, and what the picture under it holds.
FIND = """
(() => {{
  const area = {cell}.node;
  const slider = area.querySelector('.widget-slider'), handle = slider?.querySelector('.noUi-handle');
  return {what};
}})()
"""
MIDDLE = "(({x, y, width, height}) => [x + width / 2, y + height / 2])(handle.getBoundingClientRect())"
READOUT = "slider.querySelector('.widget-readout').textContent"
BYTES = (
    "fetch(area.querySelector('.widget-html img').src).then(answer => answer.arrayBuffer())"
    ".then(data => new Uint8Array(data).reduce((sum, one) => (31 * sum + one) >>> 0, 7))"
)
KEYS = {"handle": "ArrowLeft", "area.querySelector('.widget-checkbox input')": "Space"}


@pytest.fixture(scope="module")
def server(devtools, tmp_path_factory):
    """A JupyterLab with all labs, as a student has it."""
    home = tmp_path_factory.mktemp("jupyterlab")
    (home / "labs").mkdir()
    for stem in STEMS:
        shutil.copy(ROOT / "labs" / f"{stem}.ipynb", home / "labs")
    environment = {"SSLCOURSE_SCALE": "smoke", "SSLCOURSE_PROGRESS": str(home / "progress.json")}
    with devtools.JupyterLab(home / "labs", home, environment) as running:
        yield running


@pytest.fixture
def opened(stem, devtools, server, tmp_path):
    """The lab's notebook in a browser of its own; then its kernel ends."""
    with devtools.Page(tmp_path / "profile") as page:
        notebook = devtools.OpenNotebook(page, server, f"{stem}.ipynb")
        yield page, notebook
        page.evaluate(f"{notebook.PANEL}.sessionContext.shutdown().then(() => true)")


@pytest.mark.browser
@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("stem", STEMS)
def test_a_slider_moves_the_picture(stem, devtools, opened):
    """The first slider of the lab's first explorer, by mouse and by keyboard."""
    page, notebook = opened
    lab = nbformat.read(ROOT / "labs" / f"{stem}.ipynb", as_version=4)
    cells = [cell for cell in lab.cells if cell.cell_type == "code"]
    explorer = next(cell.id for cell in cells if "widget" in cell.metadata.get("tags", ()))

    def find(what):
        return FIND.format(cell=notebook.cell(explorer), what=what)

    def is_another(before):
        return find(f"{BYTES}.then(now => now !== {before})")

    def are_named():
        named = page.accessible_names("slider")
        return own in named and all(named)

    try:
        for cell in cells[: [one.id for one in cells].index(explorer) + 1]:
            notebook.run(cell.id, seconds=240)
        page.until("the slider", find("Boolean(handle)"))
        own = page.evaluate(find("slider.querySelector('.widget-label').textContent.trim()"))
        devtools.wait_for("a name for every slider, as a screen reader reads it", are_named)
        page.until("the picture", find("area.querySelector('.widget-html img')?.naturalWidth > 0"))
        notebook.show(explorer)
        seen, readout = page.evaluate(find(BYTES)), page.evaluate(find(READOUT))
        is_at_its_end = page.evaluate(find("Number(handle.ariaValueNow) >= Number(handle.ariaValueMax)"))
        start = page.settled("the slider's place", find(MIDDLE))  # what is above it may still be growing
        page.drag(start, (start[0] + (-60 if is_at_its_end else 60), start[1]))
        page.until("the number beside the slider to change", find(f"{READOUT} !== {readout!r}"))
        page.until("the picture to change", is_another(seen))
        # On its way the handle passed other values, whose pictures may still come: one may be that of the next value.
        is_idle = f"{notebook.PANEL}.sessionContext.session.kernel.status === 'idle'"
        page.settled("the picture", find(f"{is_idle} && {BYTES}"), looks=10)
        for control, key in KEYS.items():
            if page.evaluate(find(f"Boolean({control})")):
                seen = page.evaluate(find(BYTES))
                page.evaluate(find(f"{control}.focus()"))
                page.press(key)
                page.until(f"the picture to follow {key}", is_another(seen))
    finally:
        page.screenshot(ROOT / "build" / "browser" / f"{stem}.png")


@pytest.mark.browser
@pytest.mark.slow
def test_sliders_of_ipywidgets_7_are_named_too(devtools, tmp_path):
    """As Colab and the classic notebook draw them: the handle is a bare span."""
    slider = (
        '<div class="widget-slider"><label class="widget-label">blur</label><div class="ui-slider">'
        '<span tabindex="0" class="ui-slider-handle" style="left: 40%">.</span></div>'
        '<div class="widget-readout">0.40</div></div>'
    )
    (tmp_path / "page.html").write_text(f"<body>{slider}{render('name_sliders.html')}</body>")
    with devtools.Page(tmp_path / "profile") as page:
        page.open((tmp_path / "page.html").as_uri())
        assert page.accessible_names("slider") == ["blur"]
        page.evaluate("document.querySelector('.widget-readout').textContent = '0.75'")
        page.evaluate(f"document.body.insertAdjacentHTML('beforeend', {slider.replace('blur', 'flip')!r})")
        assert page.accessible_names("slider") == ["blur", "flip"]
        value = "document.querySelector('.ui-slider-handle').getAttribute('aria-valuetext')"
        assert page.evaluate(value) == "0.75"
