"""A student's way in a real browser: open the lab in JupyterLab 4, run cells, move a control by mouse and by keyboard,
see a change."""

import shutil
from pathlib import Path

import nbformat
import pytest

from sslcourse.pages import render

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
# Lab -> a slider of its first explorer, by its description.
SLIDERS = {"00_tokens": "patch row", "01_contrastive": "smallest crop", "02_byol": "step", "05_removal": "keep rate"}
BACKWARDS = {"02_byol"}  # it begins at its end

FIND = """
(() => {{
  const area = {cell}.node;
  const slider = [...area.querySelectorAll('.widget-slider')]
    .find(one => one.querySelector('.widget-label')?.textContent.trim() === {label!r});
  return {what};
}})()
"""
MIDDLE = "(({{x, y, width, height}}) => [x + width / 2, y + height / 2])({element}.getBoundingClientRect())"
BYTES = (
    "fetch(area.querySelector('.widget-html img').src).then(answer => answer.arrayBuffer())"
    ".then(data => new Uint8Array(data).reduce((sum, one) => (31 * sum + one) >>> 0, 7))"
)


@pytest.mark.browser
@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("stem", SLIDERS)
def test_a_slider_moves_the_picture(stem, devtools, tmp_path):
    labs = tmp_path / "labs"
    labs.mkdir()
    file = f"{stem}.ipynb"
    shutil.copy(ROOT / "labs" / file, labs)
    kinds = {
        cell.id: cell.metadata.get("tags", [""])[0]
        for cell in nbformat.read(labs / file, as_version=4).cells
        if cell.cell_type == "code"
    }
    explorer = next(cell_id for cell_id, kind in kinds.items() if kind == "widget")
    needed = list(kinds)[: list(kinds).index(explorer) + 1]
    environment = {"SSLCOURSE_SCALE": "smoke", "SSLCOURSE_PROGRESS": str(tmp_path / "progress.json")}

    with devtools.JupyterLab(labs, tmp_path, environment) as server, devtools.Page(tmp_path / "profile") as page:
        try:
            notebook = devtools.OpenNotebook(page, server, file)
            for cell_id in needed:
                notebook.run(cell_id, seconds=240)

            def find(what):
                return FIND.format(cell=notebook.cell(explorer), label=SLIDERS[stem], what=what)

            handle = "slider.querySelector('.noUi-handle')"
            page.until("the slider", find(f"Boolean(slider && {handle})"))
            named = devtools.wait_for("the sliders' names", lambda: page.accessible_names("slider"))
            assert SLIDERS[stem] in named and all(named), f"a screen reader reads {named}"
            page.until("the picture", find("area.querySelector('.widget-html img')?.naturalWidth > 0"))
            notebook.show(explorer)
            before, said = page.evaluate(find(BYTES)), page.evaluate(find("area.innerText"))
            readout = page.evaluate(find("slider.querySelector('.widget-readout').textContent"))
            start = page.evaluate(find(MIDDLE.format(element=handle)))
            page.drag(start, (start[0] + (-60 if stem in BACKWARDS else 60), start[1]))
            page.until("the number beside the slider to change", find(f"area.innerText !== {said!r}"))
            page.until("the picture to change", f"{find(BYTES)}.then(now => now !== {before})")
            keys = {handle: "ArrowLeft", "area.querySelector('.widget-checkbox input')": "Space"}
            for control in filter(lambda one: page.evaluate(find(f"Boolean({one})")), keys):
                before = page.evaluate(find(BYTES))
                page.evaluate(find(f"{control}.focus()"))
                page.press(keys[control])
                page.until(f"the picture to follow {keys[control]}", f"{find(BYTES)}.then(now => now !== {before})")
        finally:
            page.screenshot(ROOT / "build" / "browser" / f"{stem}.png")
        after = page.evaluate(find("slider.querySelector('.widget-readout').textContent"))
        assert after != readout, "the slider stands where it stood"


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


def test_every_lab_is_tried():
    assert sorted(SLIDERS) == sorted(file.stem for file in (ROOT / "solutions").glob("[0-9][0-9]_*.py"))
