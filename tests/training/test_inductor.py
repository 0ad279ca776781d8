"""`fit(compile=True)` with the real compiler: the losses of an eager run, and nothing compiled after the first step."""

import os
import shutil

import pytest
import torch
from torch._dynamo.utils import counters

from sslcourse.data.augment import Augmentation
from sslcourse.data.views import MultiCropSettings
from sslcourse.methods import DINO, DINOSettings, Distillation
from sslcourse.models import build_encoder
from sslcourse.training.fit import FitSettings, fit

CROPS = MultiCropSettings(
    global_crop=Augmentation(size=32, scale=(0.4, 1.0)), local_crop=Augmentation(size=16, scale=(0.1, 0.4))
)


def run(images, compile):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        head = Distillation(hidden_dim=32, bottleneck_dim=16, prototypes=24)
        method = DINO(build_encoder("vit_64x2_p8", 32), DINOSettings(CROPS, head))
    graphs = []
    how = {"device": "cpu", "precision": "fp32", "compile": compile}  # in bf16, which some processors have, less agrees
    settings = FitSettings(steps=4, batch_size=16, log_every=1, warmup_steps=0, **how)
    rows = fit(
        method,
        images,
        settings,
        progress=False,
        on_log=lambda row: graphs.append(counters["stats"]["unique_graphs"]),
    )
    return [row["loss"] for row in rows], graphs


@pytest.mark.slow
def test_dino_compiled_learns_what_it_learns_eager(textures, monkeypatch, tmp_path):
    if shutil.which(os.environ.get("CXX", "g++")) is None:
        pytest.skip("Inductor needs a C++ compiler")
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path))
    torch._dynamo.reset()
    counters.clear()
    images = textures(64, size=32)
    eager, untouched = run(images, compile=False)
    assert set(untouched) == {0}
    compiled, graphs = run(images, compile=True)
    assert compiled == pytest.approx(eager, rel=1e-3)
    assert graphs[0] > 0 and set(graphs) == {graphs[0]}, "something was compiled after the first step"
    torch._dynamo.reset()
