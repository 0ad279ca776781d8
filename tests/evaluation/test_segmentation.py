"""The segmentation probe and its scores, against loops over pixels, scikit-learn and torchmetrics."""

import math

import pytest
import torch
from sklearn.metrics import jaccard_score
from torchmetrics.functional.classification import multiclass_jaccard_index

from sslcourse.data import ImageSet
from sslcourse.data.objects import PARTS, Variant, load_objects
from sslcourse.evaluation.segmentation import boundary_f, class_parts, mean_iou, patch_classes, segmentation_probe

GRID = (4, 4)


def maps(count=30, classes=3, seed=0):
    """Maps `count,16,16` whose class changes from patch to patch."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.randint(classes, (count, *GRID), generator=generator)
    return coarse.repeat_interleave(4, 1).repeat_interleave(4, 2)


def tokens(drawn, noise=0.1, seed=0):
    """Tokens `B,16,6` that hold the class of their patch, in other scales."""
    classes = torch.nn.functional.one_hot(patch_classes(drawn, GRID, 3), 3).float()
    noisy = torch.cat([classes, torch.zeros_like(classes)], 2)
    noisy = noisy + noise * torch.randn(noisy.shape, generator=torch.Generator().manual_seed(seed))
    return noisy * torch.tensor([100.0, 1, 0.01, 50, 1, 1]) + 7


def test_mean_iou_is_that_of_other_libraries():
    for seed in range(3):
        drawn, truth = maps(classes=4, seed=seed), maps(seed=seed + 10)
        other = jaccard_score(truth.flatten(), drawn.flatten(), average="macro")
        assert mean_iou(drawn, truth) == pytest.approx(other)
        assert mean_iou(drawn, truth) == pytest.approx(multiclass_jaccard_index(drawn, truth, num_classes=4).item())
    same = maps() * 2  # class 1 is nowhere and does not count
    assert mean_iou(same, same) == 1.0 and mean_iou(torch.zeros(4).long(), torch.zeros(4).long()) == 1.0


def test_boundaries_are_matched_as_by_a_loop():
    def edges(image):
        side = range(16)
        below = {(i, j) for i in side[:-1] for j in side if image[i][j] != image[i + 1][j]}
        return below | {(i, j) for i in side for j in side[:-1] if image[i][j] != image[i][j + 1]}

    drawn, truth = maps(5, 2, seed=1), maps(5, 2, seed=2).roll(1, 2)
    for reach in (0, 1, 2):
        right = seen = marked = there = 0
        for a, b in zip(drawn.tolist(), truth.tolist()):
            found, real = edges(a), edges(b)
            near = lambda p, points: any(max(abs(p[0] - q[0]), abs(p[1] - q[1])) <= reach for q in points)  # noqa
            right, marked = right + sum(near(p, real) for p in found), marked + len(found)
            seen, there = seen + sum(near(p, found) for p in real), there + len(real)
        precision, recall = right / marked, seen / there
        assert boundary_f(drawn, truth, reach) == pytest.approx(2 * precision * recall / (precision + recall))
    assert math.isnan(boundary_f(drawn * 0, truth * 0)) and boundary_f(drawn * 0, truth) == 0.0
    assert boundary_f(truth, truth, 0) == 1.0


def test_good_tokens_are_read_and_noise_gives_chance():
    train, test = maps(), maps(seed=1)
    good = segmentation_probe(tokens(train), train, tokens(test, seed=1), test, GRID)
    assert good.mean_iou > 0.7 and good.boundary_f > 0.9  # enlarged bilinearly: corners of patches are cut
    blind = [torch.randn(30, 16, 6, generator=torch.Generator().manual_seed(s)) for s in (2, 3)]
    assert segmentation_probe(blind[0], train, blind[1], test, GRID).mean_iou < 0.3  # chance is 1 / 5 of 3 classes
    assert good == segmentation_probe(tokens(train), train, tokens(test, seed=1), test, GRID)
    wrong = segmentation_probe(tokens(train), train, tokens(test, seed=1), (test + 1) % 3, GRID)
    assert wrong.rate == good.rate and wrong.mean_iou < 0.2  # the test maps choose nothing


@pytest.mark.parametrize("objects", [1, 2])
def test_parts_of_each_class_have_numbers_of_their_own(objects):
    images = load_objects("test", count=30, size=32, variant=Variant(objects_per_image=objects), cache=False)
    numbers = {}
    for name in images.classes:
        for part in PARTS[name]:
            numbers[name, part] = len(numbers) + 1
    found, extras = class_parts(images), images.extras
    assert torch.equal(found > 0, extras["mask"])
    for i, y, x in found.nonzero()[::50].tolist():
        name = images.classes[extras["labels"][i, extras["instances"][i, y, x].item() - 1]]
        assert found[i, y, x] == numbers[name, PARTS[name][extras["parts"][i, y, x].item() - 1]]
    with pytest.raises(ValueError, match="class_parts needs the maps and classes of the embedded objects"):
        class_parts(ImageSet(images.images, images.labels, images.classes, "toy"))


def test_bool_masks_and_an_accelerator(accelerator):
    train, test = maps(classes=2) > 0, maps(classes=2, seed=1) > 0
    data = (tokens(train.long()), train, tokens(test.long(), seed=1), test)
    here = segmentation_probe(*data, GRID, epochs=3)
    there = segmentation_probe(*(part.to(accelerator) for part in data), GRID, epochs=3)
    assert here.mean_iou > 0.7 and there.mean_iou == pytest.approx(here.mean_iou, abs=0.02)


def test_refusals():
    train = maps()
    with pytest.raises(ValueError, match=r"train_tokens must be N,9,D for a grid of \(3, 3\)"):
        segmentation_probe(tokens(train), train, tokens(train), train, (3, 3))
    with pytest.raises(ValueError, match="leaves one side empty"):
        segmentation_probe(tokens(train), train, tokens(train), train, GRID, holdout=0.0)
    for one in (train * 0, train - 1):
        with pytest.raises(ValueError, match="maps must hold two or more classes, numbered from 0 on; got"):
            segmentation_probe(tokens(train), one, tokens(train), one, GRID)
    with pytest.raises(ValueError, match="test_tokens hold NaN or infinite values: the encoder has diverged"):
        segmentation_probe(tokens(train), train, tokens(train) * math.inf, train, GRID)
    with pytest.raises(ValueError, match="do not divide into 5 x 4 patches"):
        patch_classes(train, (5, 4), 3)
    with pytest.raises(ValueError, match="both maps must have one shape"):
        mean_iou(train, train[:1])
