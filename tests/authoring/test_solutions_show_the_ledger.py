"""What the executed solutions show of the ledger is what it says now. If not: sslcourse build NN --execute"""

import re

import nbformat
import pytest
from every_lab import ROOT, STEMS

from sslcourse.notebook.ledger import show_claims


@pytest.mark.parametrize("stem", STEMS)
def test_claims_are_shown_as_they_are_now(stem, capsys):
    notebook = nbformat.read(ROOT / "solutions" / f"{stem}.ipynb", as_version=4)
    for cell in notebook.cells:
        if names := re.search(r"lab\.claims\((.*?)\)", cell.source, re.DOTALL):
            show_claims(*re.findall(r'"([\w-]+)"', names[1]))
            now = capsys.readouterr().out.split()
            shown = "\n".join(each.data["text/plain"] for each in cell.outputs if "data" in each).split()
            assert now and now == shown, cell.source
