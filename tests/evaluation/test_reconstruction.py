"""Errors of hidden patches by group, against loops and against predictions whose error is known."""

import math

import pytest
import torch

from sslcourse.data import ImageSet
from sslcourse.data.objects import FAMILIES, load_objects
from sslcourse.evaluation.reconstruction import random_removal, reconstruction_table
from sslcourse.losses.reconstruction import normalize_patches, patchify
from sslcourse.models import ConvNet, Decoder, build_encoder


def textures(count=12, seed=0):
    """Noise of many contrasts; the class is the image's number modulo 3, the last image is of one colour."""
    generator = torch.Generator().manual_seed(seed)
    images = torch.rand(count, 3, 8, 12, generator=generator) * torch.linspace(40, 255, count).view(-1, 1, 1, 1)
    images[-1] = 90
    return ImageSet(images.to(torch.uint8), torch.arange(count) % 3, ("a", "b", "c"), "toy")


def half_hidden(predict):
    """A `reconstruct` that predicts by `predict(true patches)`, with every second patch hidden."""

    def reconstruct(images):
        true = patchify(images, 4)
        hidden = torch.zeros(true.shape[:2], dtype=torch.bool, device=images.device)
        hidden[:, ::2] = True
        return predict(true), hidden

    return reconstruct


def test_errors_and_variances_are_those_of_a_loop():
    images = textures()
    rows = reconstruction_table(half_hidden(lambda true: true * 0.5 + 0.1), images, 4, normalized=False, batch_size=5)
    assert [(row["by"], row["group"], row["images"], row["patches"]) for row in rows] == [
        ("all", "all", 12, 36),
        *(("class", name, 4, 12) for name in "abc"),
    ]
    for row, members in zip(rows, (range(12), range(0, 12, 3), range(1, 12, 3), range(2, 12, 3))):
        errors, variances = [], []
        for i in members:
            for patch in (0, 2, 4):  # of 2 x 3
                top, left = 4 * (patch // 3), 4 * (patch % 3)
                true = images.images[i, :, top : top + 4, left : left + 4].double().div(255).flatten()
                errors.append((true * 0.5 + 0.1 - true).square().mean().item())
                variances.append(true.var(correction=0).item())
        assert row["error"] == pytest.approx(sum(errors) / len(errors), rel=1e-5)
        assert row["variance"] == pytest.approx(sum(variances) / len(variances), rel=1e-5)
        assert row["relative"] == pytest.approx(sum(errors) / sum(variances), rel=1e-5)


def test_known_predictions():
    images = textures()
    mean = half_hidden(lambda true: true.mean(2, keepdim=True).expand_as(true))
    perfect, perfect_texture = half_hidden(lambda true: true), half_hidden(normalize_patches)
    for reconstruct, normalized, relative in (
        (mean, False, 1.0),
        (half_hidden(torch.zeros_like), True, 1.0),  # the same, said in normalised patches
        (perfect, False, 0.0),
        (perfect_texture, True, 0.0),
    ):
        rows = reconstruction_table(reconstruct, images, 4, normalized=normalized)
        assert all(row["relative"] == pytest.approx(relative, abs=1e-4) for row in rows)


def test_flat_images_and_nothing_hidden_give_nan_not_an_error():
    flat = textures().subset(torch.tensor([11]))
    alone = reconstruction_table(half_hidden(lambda true: true + 0.1), flat, 4, normalized=False)
    assert alone[0]["error"] == pytest.approx(0.01, rel=1e-4) and math.isnan(alone[0]["relative"])
    nothing = reconstruction_table(lambda x: (patchify(x, 4), torch.zeros(1, 6)), flat, 4, normalized=False)
    assert nothing[0]["patches"] == 0 and math.isnan(nothing[0]["error"])


def test_an_encoder_and_its_decoder_on_the_embedded_objects(accelerator):
    torch.manual_seed(0)
    images = load_objects("test", count=24, size=32, cache=False)
    encoder = build_encoder("vit_64x2_p8", 32)
    decoder = Decoder(64, encoder.grid, 8)
    rows = reconstruction_table(random_removal(encoder, decoder), images, 8, normalized=True)
    groups = {row["by"]: sum(r["patches"] for r in rows if r["by"] == row["by"]) for row in rows}
    assert groups == {"all": 24 * 12, "class": 24 * 12, "background": 24 * 12}
    assert {row["group"] for row in rows if row["by"] == "background"} == set(FAMILIES)
    assert encoder.training and decoder.training
    encoder.to(accelerator), decoder.to(accelerator)
    for given in (images, images.to(accelerator)):
        there = reconstruction_table(random_removal(encoder, decoder), given, 8, normalized=True)
        assert [row["patches"] for row in there] == [row["patches"] for row in rows]
        assert there[0]["relative"] == pytest.approx(rows[0]["relative"], rel=1e-4)


def test_every_encoder_is_asked_for_the_same_patches():
    images = torch.rand(3, 3, 32, 48)
    hidden = []
    for seed in (0, 1):
        torch.manual_seed(seed)
        encoder = build_encoder("vit_64x2_p8", 32)
        hidden.append(random_removal(encoder, Decoder(64, (4, 6), 8), 0.5)(images)[1])
    assert torch.equal(*hidden) and hidden[0].sum(1).tolist() == [12] * 3


def test_refusals():
    images, encoder = textures(), build_encoder("vit_64x2_p8", 32)
    with pytest.raises(TypeError, match="removal needs a TokenEncoder, which can leave patches out; got a ConvNet"):
        random_removal(ConvNet(4, 2), Decoder(64, (4, 4), 8))
    with pytest.raises(ValueError, match="predicts no pixels"):
        random_removal(encoder, Decoder(64, (4, 4), 8, outputs=0))
    with pytest.raises(ValueError, match=r"the images have \(4, 6\) patches and the decoder is for \(4, 4\)"):
        random_removal(encoder, Decoder(64, (4, 4), 8))(torch.rand(1, 3, 32, 48))
    with pytest.raises(ValueError, match=r"reconstruct must give \(12, 6, 48\) and \(12, 6\); got"):
        reconstruction_table(lambda x: (patchify(x, 4), torch.ones(12, 5)), images, 4, normalized=False)
    for numbers in (torch.zeros(3).long(), torch.full((12,), 3), torch.full((12,), -1)):
        with pytest.raises(ValueError, match=r"group 'kind' must have 12 numbers in 0\.\.2; got"):
            groups = {"kind": (numbers, ("x", "y", "z"))}
            reconstruction_table(half_hidden(lambda true: true), images, 4, normalized=False, groups=groups)
