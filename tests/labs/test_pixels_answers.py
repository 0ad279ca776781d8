"""Lab 6's tasks: what their inputs promise; references that invert each other and agree with the package."""

import pytest
import torch

from sslcourse.evaluation.occlusion import drop_order, hide
from sslcourse.exercises import find, find_task
from sslcourse.exercises.judge import case_inputs
from sslcourse.losses.reconstruction import normalize_patches, patchify, pixels_of, reconstruction_loss, unpatchify
from sslcourse.pruning.tokens import gather_tokens, removed_mask, restore_tokens


def reference(name):
    return find(f"pixels.{name}").reference


def every_input(id, seeds):
    task = find_task(id)
    for case in task.cases:
        for seed in range(seeds):
            yield from ((case, inputs) for inputs in case_inputs(task, case, seed))


def test_orders_are_no_inverses_of_their_own_and_each_holds_every_place():
    for case, inputs in every_input("pixels.restore", 30):
        order, k = inputs["indices"], case.sizes["k"]
        assert torch.equal(order.sort(1).values, torch.arange(order.shape[1]).expand_as(order))
        assert (order.clamp(max=k) != order.argsort(1).clamp(max=k)).any(1).all()


def test_what_hides_has_another_count_than_a_share_of_the_sum_and_scores_have_no_ties():
    for case, inputs in every_input("pixels.drop", 30):
        flat = inputs["scores"].flatten(1)
        assert all(len(row.unique()) == len(row) for row in flat)
        top = flat.sort(1, descending=True).values
        share = (top.cumsum(1) / top.sum(1, keepdim=True) <= case.sizes["count"] / flat.shape[1]).sum(1)
        assert (share < case.sizes["count"]).all()


def test_pixels_and_reconstructions_lie_between_0_and_1():
    for _, inputs in every_input("pixels.psnr", 30):
        for name in ("predicted", "true"):
            assert 0 <= inputs[name].min() and inputs[name].max() <= 1
        assert ((inputs["predicted"] - inputs["true"]).square().mean((1, 2, 3)) > 1e-5).all()


@pytest.mark.parametrize("kept", [1, 5, 12])
def test_order_is_restored_exactly(kept):
    """Shuffled, cut, filled and restored: kept tokens are bit for bit where they were, mask tokens in every gap."""
    generator = torch.Generator().manual_seed(kept)
    tokens, mask_token = torch.randn(3, 12, 4, generator=generator), torch.randn(4, generator=generator)
    order = torch.rand(3, 12, generator=generator).argsort(1)
    shuffled = gather_tokens(tokens, order)
    restored = reference("restore")(shuffled[:, :kept], mask_token, order)
    gone = removed_mask(order[:, :kept], 12)
    assert torch.equal(restored[~gone], tokens[~gone])
    assert torch.equal(restored[gone], mask_token.expand(int(gone.sum()), -1))
    assert torch.equal(restored, restore_tokens(shuffled[:, :kept], order[:, :kept], 12, mask_token))


def test_targets_are_brought_back_to_pixels():
    images = torch.rand(2, 3, 16, 24, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    patches = patchify(images, 8)
    targets = reference("targets")(patches)
    torch.testing.assert_close(targets, normalize_patches(patches))
    torch.testing.assert_close(unpatchify(pixels_of(targets, patches), (2, 3), 8), images)


def test_the_loss_is_the_packages():
    generator = torch.Generator().manual_seed(0)
    predicted, target = torch.randn(2, 3, 9, 6, generator=generator)
    kept = torch.rand(3, 9, generator=generator).argsort(1)[:, :4]
    expected = reconstruction_loss(predicted, target, removed_mask(kept, 9))
    torch.testing.assert_close(reference("loss")(predicted, target, kept), expected)


@pytest.mark.parametrize("dropped", ["salient", "background"])
def test_patches_are_hidden_as_in_the_packages_curves(dropped):
    generator = torch.Generator().manual_seed(0)
    images, scores = torch.rand(3, 3, 8, 12, generator=generator), torch.rand(3, 6, generator=generator)
    fill = torch.rand(3, 3, 8, 12, generator=generator)
    order = drop_order(scores, dropped, torch.Generator().manual_seed(1))
    hidden = torch.zeros(3, 6, dtype=torch.bool).scatter(1, order[:, :2], True)
    signed = scores if dropped == "salient" else -scores
    ours = reference("drop")(images, signed.view(3, 2, 3), 2, fill)
    assert torch.equal(ours, hide(images, hidden, (2, 3), fill))
