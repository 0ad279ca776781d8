"""Every cell of every lab's solution on an accelerator: nothing of the CPU meets what is there."""

import matplotlib.pyplot as plt
import nbformat
import pytest
from every_lab import ROOT, STEMS
from harness import progress_file  # noqa: F401 (a fixture)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("stem", STEMS)
def test_every_cell_runs_on_an_accelerator(stem, accelerator, progress_file, monkeypatch, capsys):  # noqa: F811
    monkeypatch.setenv("SSLCOURSE_SCALE", "smoke")
    monkeypatch.setenv("TQDM_DISABLE", "1")
    monkeypatch.chdir(ROOT / "labs")
    space = {"__name__": "__main__"}
    for cell in nbformat.read(ROOT / "solutions" / f"{stem}.ipynb", as_version=4).cells:
        if cell.cell_type == "code":
            exec(compile(cell.source, f"<{cell.id}>", "exec"), space)
    plt.close("all")
    said = capsys.readouterr().out
    assert "Stopped" not in said, said
    trained = space["lab"]._trained.values()
    assert {weight.device.type for run in trained for weight in run.method.parameters()} == {accelerator.type}
