"""Objects found by a normalised cut, against scipy's generalised eigenvectors and labels, and torchvision's boxes."""

import math

import numpy as np
import pytest
import torch
from scipy import linalg, ndimage
from torchvision.ops import box_iou, masks_to_boxes

from sslcourse.evaluation.discovery import bounding_boxes, box_ious, discovery_scores, find_objects

GRID = (6, 8)


def scenes(count=12, noise=0.1, seed=0):
    """Tokens `count,48,8` of a rectangle of patches on a ground, and the rectangles."""
    generator = torch.Generator().manual_seed(seed)
    mask = torch.zeros(count, *GRID, dtype=torch.bool)
    for own in mask:
        top, left = torch.randint(1, 3, (1,), generator=generator), torch.randint(1, 5, (1,), generator=generator)
        own[top : top + 3, left : left + 2] = True
    kinds = torch.randn(2, 8, generator=generator)
    tokens = 5 + kinds[mask.flatten(1).long()]  # a common offset, as output tokens have
    return tokens + noise * torch.randn(tokens.shape, generator=generator), mask


def slow_objects(tokens, threshold=0.2):
    """TokenCut on centred tokens, image by image, by scipy."""
    masks = []
    for own in tokens.double().numpy():
        own = own - own.mean(0)
        cosines = own @ own.T / np.outer(*[np.linalg.norm(own, axis=1)] * 2)
        weights = np.where(cosines > threshold, 1.0, 1e-5)
        degrees = np.diag(weights.sum(1))
        vector = linalg.eigh(degrees - weights, degrees)[1][:, 1]
        start = np.abs(vector).argmax()
        side = (vector > vector.mean()) == (vector[start] > vector.mean())
        labels, _ = ndimage.label(side.reshape(GRID))
        masks.append(labels == labels.flat[start])
    return torch.from_numpy(np.stack(masks)).flatten(1)


@pytest.mark.parametrize("noise", [0.1, 1.0, 3.0])  # at 3 the object is lost and parts of all shapes are found
def test_as_by_scipy(noise):
    tokens, _ = scenes(80, noise)
    assert torch.equal(find_objects(tokens, GRID), slow_objects(tokens))


def test_the_object_is_found_whatever_its_sign_and_scale():
    tokens, mask = scenes()
    for change in (tokens, -tokens, 100 * tokens, tokens.half()):
        assert torch.equal(find_objects(change, GRID), mask.flatten(1))


def test_tokens_that_are_one_hold_no_object():
    tokens, mask = scenes(3)
    tokens[1] = 7.0
    found = find_objects(tokens, GRID)
    assert found.any(1).tolist() == [True, False, True]
    assert discovery_scores(found, mask, GRID).corloc == pytest.approx(2 / 3)


def test_boxes_are_torchvisions():
    generator = torch.Generator().manual_seed(0)
    masks = torch.rand(50, 9, 7, generator=generator) < 0.06
    masks = masks[masks.flatten(1).any(1)]
    theirs = masks_to_boxes(masks)[:, [1, 0, 3, 2]] + torch.tensor([0, 0, 1, 1])
    ours = bounding_boxes(masks)
    assert torch.equal(ours.double(), theirs.double())
    other = ours.roll(1, 0)
    torch.testing.assert_close(box_ious(ours, other), box_iou(theirs, theirs.roll(1, 0)).diagonal().double())
    assert bounding_boxes(masks & False).unique().tolist() == [0]


def test_scores_by_hand():
    objects = torch.zeros(3, 12, 16, dtype=torch.uint8)  # patches of 2 x 2 pixels; the last image has no object
    objects[0, 2:6, 2:6], objects[0, 8:10, 10:12], objects[1, 0:4, 0:8] = 1, 2, 1
    found = torch.zeros(3, *GRID, dtype=torch.bool)
    found[0, 4, 5], found[1, 0, 0:2] = True, True  # exactly the second object; a quarter of the one
    scores = discovery_scores(found.flatten(1), objects, GRID)
    assert scores.corloc == 0.5 and scores.box_iou == pytest.approx((1 + 8 / 32) / 2)
    assert scores.mask_iou == pytest.approx((4 / 20 + 8 / 32) / 2)
    whole = discovery_scores(torch.ones(3, 48, dtype=torch.bool), objects > 0, GRID)
    assert whole.mask_iou == pytest.approx((20 / 192 + 32 / 192) / 2)
    assert all(map(math.isnan, discovery_scores(found.flatten(1), objects * 0, GRID)))


def test_on_an_accelerator(accelerator):
    tokens, mask = scenes()
    found = find_objects(tokens.to(accelerator), GRID)
    assert found.device.type == accelerator.type
    pixels = mask.repeat_interleave(4, 1).repeat_interleave(4, 2)
    for objects in (pixels, pixels.to(accelerator)):
        assert discovery_scores(found, objects, GRID) == (1.0, 1.0, 1.0)


def test_refusals():
    tokens, mask = scenes(2)
    with pytest.raises(ValueError, match=r"tokens must be N,9,D, two or more of grid \(3, 3\); got \(2, 48, 8\)"):
        find_objects(tokens, (3, 3))
    with pytest.raises(ValueError, match="tokens hold NaN or infinite values"):
        find_objects(tokens * math.nan, GRID)
    with pytest.raises(ValueError, match="9 x 8 pixels do not divide into 6 x 8 patches"):
        discovery_scores(mask.flatten(1), torch.zeros(2, 9, 8), GRID)
    with pytest.raises(ValueError, match="found must be N,48 and objects N,H,W; got"):
        discovery_scores(mask.flatten(1), torch.zeros(3, 6, 8), GRID)
