"""The explorer of patches without a front end: a control that is set redraws the picture."""

import pytest
import torch

from sslcourse.exercises import find
from sslcourse.labs.tokens.widgets import PatchExplorer
from sslcourse.models import build_encoder

ATTENTION = find("tokens.attention").reference


@pytest.fixture(scope="module")
def explorer():
    images = torch.randint(0, 255, (2, 3, 32, 32), generator=torch.Generator().manual_seed(0)).to(torch.uint8)
    encoders = {name: build_encoder("vit_64x2_p8", image_size=32) for name in ("one", "two")}
    return PatchExplorer(images, ["a", "b"], encoders, ATTENTION)


def test_every_control_changes_the_picture(explorer):
    for name, value in {"image": 1, "network": "one", "row": 0, "column": 3}.items():
        before = explorer.picture.value
        explorer.controls[name].value = value
        assert explorer.picture.value != before, name
    assert "row 0, column 3" in explorer.readout.value and 'alt="one: the patch in row 0' in explorer.picture.value


def test_it_shows_what_the_chosen_patch_attends_to(explorer):
    weights, alike = explorer.looks()
    assert weights.shape == alike.shape == (4, 4) and 0 < weights.sum() < 1  # the rest falls on the class token
    assert alike.flatten()[4 * explorer.value("row") + explorer.value("column")] == pytest.approx(1)


def test_refusals():
    with pytest.raises(ValueError, match="a name for each"):
        PatchExplorer(torch.zeros(1, 3, 32, 32, dtype=torch.uint8), [], {}, ATTENTION)
