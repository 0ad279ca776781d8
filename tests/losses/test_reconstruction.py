"""Patches and pixel reconstruction against loops, lightly's helpers and closed forms."""

import pytest
import torch
from harness import OneDevice

from sslcourse.losses import normalize_patches, patchify, reconstruction_loss, unpatchify


def draw(*shape, seed=0, dtype=torch.float64):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def test_patchify_places_every_pixel():
    images = torch.arange(2 * 3 * 4 * 6).reshape(2, 3, 4, 6)
    patches = patchify(images, 2)
    assert patches.shape == (2, 6, 12) and patches.dtype == images.dtype
    for b in range(2):
        for row in range(4):
            for column in range(6):
                for channel in range(3):
                    patch, place = (row // 2) * 3 + column // 2, ((row % 2) * 2 + column % 2) * 3 + channel
                    assert patches[b, patch, place] == images[b, channel, row, column]


@pytest.mark.parametrize(
    ("shape", "size"), [((2, 3, 8, 8), 4), ((1, 3, 6, 10), 2), ((3, 1, 5, 5), 5), ((2, 3, 4, 4), 1)]
)
def test_unpatchify_is_the_inverse(shape, size):
    images = draw(*shape)
    grid = (shape[2] // size, shape[3] // size)
    assert torch.equal(unpatchify(patchify(images, size), grid, size), images)


def test_patches_come_in_the_order_of_a_convolution_of_that_stride():
    """The order of timm's PatchEmbed: patch n of both is the same square."""
    images = draw(2, 3, 8, 12)
    means = torch.nn.functional.avg_pool2d(images, 4).mean(1).flatten(1)
    torch.testing.assert_close(patchify(images, 4).mean(-1), means)


def test_equals_lightly():
    oracle = pytest.importorskip("lightly.models.utils", reason="lightly serves as an oracle in tests only")
    images = draw(2, 3, 8, 8)
    patches = patchify(images, 4)
    torch.testing.assert_close(patches, oracle.patchify(images, 4))
    torch.testing.assert_close(normalize_patches(patches), oracle.normalize_mean_var(patches))
    torch.testing.assert_close(unpatchify(patches, (2, 2), 4), oracle.unpatchify(patches, 4))
    # MAE as its example puts it together: the removed patches picked out, then the mean squared error
    removed = torch.tensor([[1, 3], [0, 2]])
    predicted = draw(2, 4, 48, seed=1).requires_grad_()
    target = normalize_patches(patches)
    mask = torch.zeros(2, 4, dtype=torch.bool).scatter_(1, removed, True)
    ours = reconstruction_loss(predicted, target, mask)
    theirs = torch.nn.MSELoss()(oracle.get_at_index(predicted, removed), oracle.get_at_index(target, removed))
    torch.testing.assert_close(ours, theirs)
    torch.testing.assert_close(*(torch.autograd.grad(loss, predicted)[0] for loss in (ours, theirs)))


def test_normalised_patches_have_mean_0_and_variance_1_and_flat_ones_become_0():
    patches = normalize_patches(5 + 3 * draw(2, 4, 48))
    torch.testing.assert_close(patches.mean(-1), torch.zeros(2, 4, dtype=torch.float64))
    torch.testing.assert_close(patches.var(-1), torch.ones(2, 4, dtype=torch.float64), rtol=1e-5, atol=0)
    assert not normalize_patches(torch.full((1, 1, 48), 0.25)).any()
    pixels = torch.randint(0, 256, (1, 2, 48), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(normalize_patches(pixels), normalize_patches(pixels / 255), rtol=1e-3, atol=1e-4)


def slow(predicted, target, weights):
    total = count = 0.0
    for b in range(predicted.shape[0]):
        for n in range(predicted.shape[1]):
            errors = [(float(x) - float(y)) ** 2 for x, y in zip(predicted[b, n], target[b, n], strict=True)]
            total += float(weights[b, n]) * sum(errors) / len(errors)
            count += float(weights[b, n])
    return total / count


def test_loss_equals_the_loop_with_gradient_on_the_weighted_patches_only():
    predicted, target = draw(3, 5, 6), draw(3, 5, 6, seed=1)
    mask = torch.arange(5) < torch.tensor([[0], [2], [5]])
    for weights in (mask, draw(3, 5, seed=2).abs(), 0.01 * mask):
        value = reconstruction_loss(predicted, target, weights).item()
        assert value == pytest.approx(slow(predicted, target, weights), rel=1e-12)
    assert reconstruction_loss(predicted, target).item() == pytest.approx(slow(predicted, target, torch.ones(3, 5)))
    predicted.requires_grad_()
    assert torch.autograd.gradcheck(lambda p: reconstruction_loss(p, target, mask), (predicted,))
    gradient = torch.autograd.grad(reconstruction_loss(predicted, target, mask), predicted)[0]
    assert not gradient[~mask].any() and gradient[mask].any(-1).all()


def test_no_weighted_patch_costs_nothing_and_is_no_nan():
    predicted = draw(2, 4, 3).requires_grad_()
    loss = reconstruction_loss(predicted, draw(2, 4, 3, seed=1), torch.zeros(2, 4, dtype=torch.bool))
    loss.backward()
    assert loss.item() == 0 and not predicted.grad.any()


def test_predicting_the_mean_of_a_normalised_patch_costs_its_variance():
    target = normalize_patches(draw(2, 4, 48))
    assert reconstruction_loss(torch.zeros_like(target), target).item() == pytest.approx(47 / 48, rel=1e-5)


def test_precision_meta_and_compile():
    predicted, target = draw(2, 4, 48).bfloat16(), draw(2, 4, 48, seed=1).bfloat16()
    mask = torch.arange(8).view(2, 4) % 3 == 0
    with torch.autocast("cpu", dtype=torch.bfloat16):
        value, normal = reconstruction_loss(predicted, target, mask), normalize_patches(target)
    assert value.dtype == normal.dtype == torch.float32
    exact = reconstruction_loss(predicted.double(), target.double(), mask)
    torch.testing.assert_close(value.double(), exact, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(normal.double(), normalize_patches(target.double()), rtol=1e-4, atol=1e-5)
    away = torch.empty(2, 3, 8, 8, device="meta")
    weights = torch.empty(2, 4, dtype=torch.bool, device="meta")
    with OneDevice():
        patches = normalize_patches(patchify(away, 4))
        assert reconstruction_loss(patches, patches, weights).shape == ()
        assert unpatchify(patches, (2, 2), 4).shape == away.shape
    compiled = torch.compile(reconstruction_loss, fullgraph=True, backend="aot_eager")
    torch.testing.assert_close(compiled(predicted, target, mask), reconstruction_loss(predicted, target, mask))


def test_refusals():
    with pytest.raises(ValueError, match="patch_size=3; got 8 x 9"):
        patchify(torch.zeros(1, 3, 8, 9), 3)
    with pytest.raises(ValueError, match="B,3,H,W"):
        patchify(torch.zeros(3, 8, 8), 4)
    with pytest.raises(ValueError, match="grid of 2 x 2"):
        unpatchify(torch.zeros(1, 6, 48), (2, 2), 4)
    with pytest.raises(ValueError, match="grid of 2 x 2"):
        unpatchify(torch.zeros(1, 4, 47), (2, 2), 4)
    for shapes in [((2, 4, 3), (2, 4, 4)), ((4, 3), (4, 3)), ((0, 4, 3), (0, 4, 3))]:
        with pytest.raises(ValueError, match="B,N,P") as caught:
            reconstruction_loss(*(torch.zeros(shape) for shape in shapes))
        assert str(shapes[0]) in str(caught.value)
    with pytest.raises(ValueError, match=r"weights must be \(2, 4\)"):
        reconstruction_loss(torch.zeros(2, 4, 3), torch.zeros(2, 4, 3), torch.zeros(2, 4, 3))
