"""All evaluations on encoders and images that are not the usual ones: a number, or a refusal that says why."""

import copy

import pytest
import torch

from sslcourse.data import ImageSet
from sslcourse.data.augment import Augmentation
from sslcourse.evaluation import (
    alignment_uniformity,
    attention_table,
    corruption_table,
    crop_similarity,
    discovery_scores,
    evaluate_knn,
    extract_attention,
    extract_features,
    extract_patches,
    find_objects,
    inference_throughput,
    linear_probe,
    occlusion_curves,
    patch_mask,
    random_removal,
    rates_probe,
    reconstruction_table,
    segmentation_probe,
)
from sslcourse.models import Decoder, build_encoder

PRECISIONS = (torch.float64, torch.bfloat16)


def pictures(count=20, sides=(16, 24), mask="corner", labelled=True):
    """Noise with a brighter upper left corner, which is the object."""
    images = torch.randint(0, 150, (count, 3, *sides), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    there = torch.full((count, *sides), mask == "everywhere")
    if mask == "corner":
        there[:, :8, :8] = True
        images[:, :, :8, :8] += 100
    labels = torch.arange(count) % 2 if labelled else torch.full((count,), -1)
    return ImageSet(images, labels, ("even", "odd") if labelled else (), "toy", {"mask": there})


def evaluations(encoder, images):
    """A function for each evaluation of an encoder with tokens on these images; it gives its numbers."""
    grid = (images.images.shape[2] // 8, images.images.shape[3] // 8)
    mask = images.extras["mask"]
    again = (images, images)

    def labelled():
        features = extract_features(encoder, images)
        return features, images.labels, features, images.labels

    def tokens():
        found = extract_patches(encoder, images, grid)
        return found, mask, found, mask

    def reconstruction():
        decoder = Decoder(encoder.dim, grid, 8).to(next(encoder.parameters()).dtype)
        return reconstruction_table(random_removal(encoder, decoder, 0.5), images, 8, normalized=True)[0]["relative"]

    return {
        "knn": lambda: evaluate_knn(encoder, *again, k=1),
        "linear": lambda: linear_probe(*labelled()).accuracy,
        "rates": lambda: rates_probe(*labelled(), epochs=2).accuracy,
        "occlusion": lambda: occlusion_curves(
            encoder, *again, patch_mask(mask, grid), grid, shares=[0.5], fills=["mean"], k=1
        )[-1]["accuracy"],
        "corruption": lambda: corruption_table(encoder, *again, corruptions=["blur"], severities=[1], k=1)[-1][
            "accuracy"
        ],
        "segmentation": lambda: segmentation_probe(*tokens(), grid, epochs=3).mean_iou,
        "attention": lambda: attention_table(extract_attention(encoder, images), mask, grid=grid)["recall"],
        "discovery": lambda: discovery_scores(find_objects(tokens()[0], grid), mask, grid).mask_iou,
        "crops": lambda: crop_similarity(encoder, images, 8).curve(1)[-1]["cosine"],
        "alignment": lambda: alignment_uniformity(encoder, images, Augmentation(size=16)).alignment,
        "reconstruction": reconstruction,
        "throughput": lambda: inference_throughput({"it": encoder}, images.batch(slice(2)), rounds=1)[0]["predicted"],
    }


@pytest.fixture(scope="module")
def encoder():
    torch.manual_seed(0)
    return build_encoder("vit_64x2_p8", 16)


@pytest.fixture(scope="module")
def usual(encoder):
    torch.manual_seed(0)
    return {name: value() for name, value in evaluations(encoder, pictures()).items()}


@pytest.mark.parametrize("dtype", PRECISIONS, ids=str)
def test_encoders_of_another_precision(encoder, usual, dtype):
    torch.manual_seed(0)
    found = {name: value() for name, value in evaluations(copy.deepcopy(encoder).to(dtype), pictures()).items()}
    assert found == pytest.approx(usual, abs=1e-4 if dtype == torch.float64 else 0.25)


def refusals(encoder, images):
    """What each evaluation gives, as a number or as the words of its ValueError."""
    found = {}
    for name, value in evaluations(encoder, images).items():
        try:
            found[name] = value()
        except ValueError as error:
            found[name] = str(error)
    return found


def test_images_without_labels(encoder, usual):
    found = refusals(encoder, pictures(labelled=False))
    refused = {name for name, value in found.items() if isinstance(value, str)}
    assert refused == {"knn", "linear", "rates", "occlusion", "corruption"}
    assert all("these images have no labels" in found[name] for name in refused)


def test_one_image(encoder):
    found = refusals(encoder, pictures(1))
    refused = {name: value for name, value in found.items() if isinstance(value, str)}
    assert refused.keys() == {"linear", "rates", "segmentation", "crops", "alignment"}
    assert all("leaves one side empty" in refused[name] for name in ("linear", "rates", "segmentation"))
    assert all("at least 2" in refused[name] for name in ("crops", "alignment"))


@pytest.mark.parametrize("where", ["nowhere", "everywhere"])
def test_masks_that_are_all_alike(encoder, where):
    found = refusals(encoder, pictures(mask=where))
    assert "two or more classes" in found.pop("segmentation")
    numbers = {name: value for name, value in found.items() if value == value}
    assert found.keys() - numbers.keys() == ({"attention", "discovery"} if where == "nowhere" else set())
    assert all(isinstance(value, float) for value in numbers.values())


def test_an_encoder_that_has_diverged(encoder):
    lost = copy.deepcopy(encoder)
    torch.nn.init.constant_(lost.vit.cls_token, torch.nan)
    torch.nn.init.constant_(lost.vit.pos_embed, torch.nan)
    found = refusals(lost, pictures())
    del found["throughput"]
    assert all(
        "the encoder has diverged" in value if isinstance(value, str) else value != value for value in found.values()
    )
