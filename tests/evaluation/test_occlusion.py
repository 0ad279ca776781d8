"""Hidden patches: as many of every kind, filled as said, and what that does to encoders whose answer is known."""

import pytest
import torch
from harness import Colours

from sslcourse.data import ImageSet
from sslcourse.evaluation.occlusion import DROPPED, FILLS, drop_order, fill_images, hide, occlusion_curves
from sslcourse.evaluation.patches import patch_mask

GRID = (4, 4)


class Noise(Colours):
    """Features that have nothing to do with the class."""

    generator = torch.Generator().manual_seed(0)

    def features(self, images):
        return torch.randn(len(images), 4, generator=self.generator)


def squares(count, seed=0):
    """A coloured square of 2 x 2 patches somewhere on grey noise; the colour is the class."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(count) % 3
    images = torch.randint(120, 136, (count, 3, 16, 16), generator=generator, dtype=torch.uint8)
    mask = torch.zeros(count, 16, 16, dtype=torch.bool)
    for i in range(count):
        top, left = (4 * torch.randint(3, (2,), generator=generator)).tolist()
        mask[i, top : top + 8, left : left + 8] = True
        images[i, :, mask[i]] = torch.tensor([[90], [90], [90]], dtype=torch.uint8)
        images[i, labels[i], mask[i]] = 250
    return ImageSet(images, labels, ("red", "green", "blue"), "toy", {"mask": mask})


def curves(encoder=None, test=None, **options):
    test = squares(30, seed=1) if test is None else test
    train = squares(30).to(test.images.device)
    saliency = patch_mask(test.extras["mask"], GRID)
    options = {"shares": (0.25, 0.5), "k": 5} | options
    return occlusion_curves(Colours() if encoder is None else encoder, train, test, saliency, GRID, **options)


def test_the_object_matters_and_the_background_does_not():
    rows = {(row["dropped"], row["fill"], row["share"]): row for row in curves()}
    assert len(rows) == 1 + 3 * 3 * 2 and rows["none", "none", 0.0]["accuracy"] == 1.0
    for fill in ("mean", "noise"):
        assert rows["background", fill, 0.5]["accuracy"] == 1.0
        assert rows["salient", fill, 0.25]["accuracy"] < 0.7  # the object has exactly 4 of 16 patches
        assert rows["random", fill, 0.5]["accuracy"] > rows["salient", fill, 0.5]["accuracy"]
    assert rows["salient", "other", 0.25]["accuracy"] < rows["background", "other", 0.25]["accuracy"]
    assert {row["patches"] for row in rows.values()} == {0, 4, 8}
    assert all(row["relative"] == row["accuracy"] for row in rows.values())  # clean is 1
    chance = [row["accuracy"] for row in curves(Noise(), squares(300, seed=1), fills=("mean",))]
    assert sum(chance) / len(chance) == pytest.approx(1 / 3, abs=0.08)


def test_as_many_patches_are_hidden_whatever_is_chosen_and_smaller_sets_are_inside():
    saliency = torch.rand(20, 16, generator=torch.Generator().manual_seed(0)).mul(3).round()  # many ties
    for dropped in DROPPED:
        order = drop_order(saliency, dropped, torch.Generator().manual_seed(1))
        assert torch.equal(order.sort(1).values, torch.arange(16).expand(20, -1))
        if dropped != "random":
            values = saliency.gather(1, order).diff(dim=1)
            assert bool((values <= 0).all() if dropped == "salient" else (values >= 0).all())
    ties = drop_order(torch.zeros(4000, 16), "salient", torch.Generator().manual_seed(2))
    assert (ties[:, 0].bincount(minlength=16) / 4000).sub(1 / 16).abs().max() < 0.02  # not always the first patch


def test_fills_are_pixel_by_pixel_what_is_said():
    test, train = squares(12).images, squares(40, seed=3).images
    hidden = torch.rand(12, 16, generator=torch.Generator().manual_seed(0)) < 0.4
    fills = {fill: fill_images(test, train, fill, torch.Generator().manual_seed(4)) for fill in FILLS}
    for content in fills.values():
        result, whole = hide(test, hidden, GRID, content), content.expand_as(test)
        assert result.dtype == torch.uint8
        for i, row, column in torch.cartesian_prod(torch.arange(12), torch.arange(4), torch.arange(4)).tolist():
            here = (i, slice(None), slice(4 * row, 4 * row + 4), slice(4 * column, 4 * column + 4))
            assert torch.equal(result[here], (whole if hidden[i, 4 * row + column] else test)[here])
    assert fills["mean"].flatten().tolist() == train.double().mean((0, 2, 3)).round().tolist()
    matches = (fills["other"][:, None] == test[None]).flatten(2).all(2)  # each is one of the images, never its own
    assert matches.any(1).all() and not matches.diagonal().any()
    many = fill_images(test[:1].expand(300, -1, -1, -1), test, "noise", torch.Generator().manual_seed(0)).double()
    assert many.mean() == pytest.approx(test.double().mean().item(), abs=1.5)


def test_draws_repeat_and_arguments_stay():
    test = squares(30, seed=1)
    before = test.images.clone()
    assert curves(test=test) == curves(test=test) and torch.equal(test.images, before)
    assert curves(test=test) != curves(test=test, generator=torch.Generator().manual_seed(7))


def test_on_an_accelerator(accelerator):
    there = curves(Colours().to(accelerator), squares(30, seed=1).to(accelerator))
    for here, row in zip(curves(), there):
        assert row["accuracy"] == pytest.approx(here["accuracy"], abs=0.04)


def test_refusals():
    test = squares(6)
    with pytest.raises(ValueError, match="saliency must be 6,16: a number a patch"):
        occlusion_curves(Colours(), test, test, torch.rand(6, 9), GRID)
    with pytest.raises(ValueError, match="shares must lie between 0 and 1"):
        curves(shares=(1.0,))
    with pytest.raises(ValueError, match="fills must be among mean, noise, other; got black"):
        curves(fills=("black",))
    with pytest.raises(ValueError, match="16 x 16 pixels do not divide into 3 x 3 patches"):
        hide(test.images, torch.zeros(6, 9, dtype=torch.bool), (3, 3), test.images)
    with pytest.raises(ValueError, match="dropped must be one of"):
        drop_order(torch.rand(2, 4), "low", torch.Generator())
    with pytest.raises(ValueError, match="at least two test images"):
        fill_images(test.images[:1], test.images, "other", torch.Generator())
