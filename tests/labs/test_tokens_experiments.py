"""Lab 0's experiments at the smallest size: what is measured and said, on pictures with labels and without."""

import numpy as np
import pytest
import torch
from harness import tiny
from PIL import Image

from sslcourse.evaluation.collapse import centered_rank
from sslcourse.evaluation.features import extract_features
from sslcourse.evaluation.knn import knn_accuracy
from sslcourse.exercises import find
from sslcourse.labs.tokens import arms, measurements
from sslcourse.labs.tokens.experiments import TokensLab
from sslcourse.labs.tokens.session import object_attention
from sslcourse.models import build_encoder
from sslcourse.notebook import state
from sslcourse.notebook.findings import load_bands

TINY = tiny(arms.RECIPES["smoke"]["baseline"], count=56)


def reference(name):
    return find(f"tokens.{name}").reference


@pytest.fixture()
def lab(monkeypatch, tmp_path):
    monkeypatch.setenv("SSLCOURSE_CACHE", str(tmp_path))
    monkeypatch.setenv("SSLCOURSE_SCALE", "smoke")
    monkeypatch.setitem(arms.RECIPES["smoke"], "baseline", TINY)
    monkeypatch.setattr(TokensLab, "pictures_count", 28)
    return TokensLab


def run_all_stages(lab):
    lab.show_images()
    lab.patches(reference("patchify"), reference("unpatchify"))
    lab.attend(reference("attention"))
    lab.positions()
    lab.train_supervised()
    lab.token_maps(reference("object_share"))
    lab.explore_attention()
    lab.neighbours(reference("knn_vote"))
    lab.labels_grow(reference("knn_vote"))
    lab.clouds()
    lab.solve_clouds()
    lab.compare(reference("linear_cka"))
    lab.without_labels(reference("knn_vote"))
    lab.search()
    lab.segment()
    lab.challenge(lambda tokens, attention: attention > attention.mean(1, keepdim=True))


@pytest.mark.slow
def test_every_stage_shows_and_measures(lab, capsys):
    session = lab()
    run_all_stages(session)
    text = capsys.readouterr().out
    assert "Stopped" not in text and "to beat" in text and "nothing is judged" in text
    found = state.read_lab("tokens")["measured"]
    kinds = "compression positions looks cone few collapsed alike meter"
    assert sorted(found) == sorted(f"tokens.{kind}" for kind in kinds.split())
    assert all(entry["answer"] in "abcd" for entry in found.values())
    accuracy = session.knn(reference("knn_vote"), "ibot")
    bank, held_out = session.features("ibot")
    labels = session.images.bank.labels, session.images.held_out.labels
    assert accuracy == pytest.approx(knn_accuracy(bank, labels[0], held_out, labels[1], k=20, num_classes=14))


@pytest.mark.slow
def test_photographs_without_labels_and_masks_run_it(lab, tmp_path, capsys):
    folder = tmp_path / "photographs"
    folder.mkdir()
    generator = np.random.default_rng(0)
    for number in range(12):
        Image.fromarray(generator.integers(0, 255, (70, 90, 3), dtype=np.uint8)).save(folder / f"{number}.png")
    run_all_stages(lab(images=f"folder:{folder}"))
    text = capsys.readouterr().out
    assert "the supervised network is left out" in text and "come without masks" in text
    stopped = text.count("no vote and no classifier can be judged")
    assert stopped == 3 and text.count("How features spread needs 8 held-out pictures; there are 1") == 3


def test_each_reader_has_clouds_in_an_order_of_their_own(lab, progress_file):
    session = lab()
    features = {"ibot": (torch.randn(4, 12), torch.randn(20, 12))}
    session.features, session.need_pictures = features.get, lambda: None
    orders = set()
    for _ in range(12):
        progress_file.unlink(missing_ok=True)
        first, again = session._clouds()[1], session._clouds()[1]
        assert first == again and sorted(first.values()) == ["cone", "pressed", "small", "turned"]
        orders.add(tuple(first.values()))
    assert len(orders) > 3


def test_only_the_pressed_cloud_has_lost_directions():
    features = torch.randn(200, 24, generator=torch.Generator().manual_seed(1)) * torch.logspace(0, -1, 24)
    clouds = measurements.clouds(features, torch.Generator().manual_seed(0))
    ranks = {name: centered_rank(cloud).item() for name, cloud in clouds.items()}
    assert ranks.pop("pressed") < 3.5 and min(ranks.values()) > 10
    assert measurements.mean_cosine(clouds["cone"]) > 0.98 and clouds["small"].std() < 0.01
    apart = [torch.cdist(clouds[name], clouds[name]) for name in ("small", "turned")]
    torch.testing.assert_close(100 * apart[0], apart[1], atol=2e-3, rtol=0)


def test_an_encoder_runs_on_another_attention_as_on_its_own():
    encoder = build_encoder("vit_64x2_p8", image_size=32)
    images = torch.rand(2, 3, 32, 32)
    tokens, weights = measurements.run_with(encoder, images, reference("attention"))
    own = encoder(images, attention=True)
    torch.testing.assert_close(tokens[:, 0], own.cls.detach())
    torch.testing.assert_close(weights[:, 0, 1:], own.attention.detach())


def test_without_positions_shuffled_patches_give_the_same_class_token():
    encoder = build_encoder("vit_64x2_p8", image_size=32)
    images = torch.rand(2, 3, 32, 32)
    tokens = reference("patchify")(images, 8)[:, torch.randperm(16)]
    shuffled = reference("unpatchify")(tokens, 8, 32, 32)
    without = measurements.with_positions(encoder, "none")
    torch.testing.assert_close(*(extract_features(without, one) for one in (images, shuffled)))
    changed = measurements.with_positions(encoder, "shuffled", seed=1)
    assert not torch.equal(changed.vit.pos_embed, encoder.vit.pos_embed)
    torch.testing.assert_close(changed.vit.pos_embed.sum(1), encoder.vit.pos_embed.sum(1))


def test_an_object_of_its_own_is_found():
    tokens = 0.1 * torch.randn(3, 16, 5, generator=torch.Generator().manual_seed(2))
    inside = torch.zeros(3, 16, dtype=torch.bool)
    inside[:, [5, 6, 9, 10]] = True
    tokens[inside] += 3
    assert torch.equal(measurements.split_in_two(tokens), inside)
    assert measurements.object_iou(inside, inside.float()) == 1
    assert object_attention(torch.ones(3, 16), inside.float()).item() == pytest.approx(0.25)


def test_the_challenge_refuses_what_is_no_segmentation(lab, capsys):
    lab().challenge(lambda tokens, attention: attention)
    assert "must be bool of shape (28, 64)" in capsys.readouterr().out


@pytest.mark.parametrize("scale", ["smoke", "cpu"])
def test_the_bands_that_are_shipped_fit_the_settings(scale):
    bands, fit = load_bands(scale, "tokens"), arms.RECIPES[scale]["baseline"].fit
    assert set(bands["arms"]) == {"untrained", "baseline"} and len(bands["seeds"]) >= 6 and 0 not in bands["seeds"]
    steps = list(range(0, fit.steps + 1, fit.evaluate_every))
    assert bands["arms"]["baseline"]["steps"] == steps, "measure again: benchmarks/bands.py"
