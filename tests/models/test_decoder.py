"""The decoder puts every kept patch at its place, fills the gaps with one token, and trains all it is built with."""

import copy

import pytest
import torch
from torch import nn

from sslcourse.models import Decoder
from sslcourse.pruning import removed_mask, select

KEEP = torch.tensor([[0, 5, 9, 15], [2, 3, 8, 14]])


def decoder_of(**options):
    torch.manual_seed(0)
    return Decoder(in_dim=12, grid=(4, 4), patch_size=2, **{"dim": 16, "depth": 2, "heads": 2, **options})


def test_patches_come_to_their_places():
    decoder, patches = decoder_of(), torch.randn(2, 4, 12)
    placed = decoder.place(decoder.embed(patches), KEEP)
    gone = removed_mask(KEEP, 16)
    assert torch.equal(placed[gone], decoder.mask_token.expand(24, -1))
    assert torch.equal(placed.gather(1, KEEP[:, :, None].expand(-1, -1, 16)), decoder.embed(patches))


def test_order_of_kept_patches_does_not_matter():
    decoder, patches, cls = decoder_of().double(), torch.randn(2, 4, 12).double(), torch.randn(2, 12).double()
    order = torch.tensor([2, 0, 3, 1])
    one, two = decoder(patches, KEEP, cls), decoder(patches[:, order], KEEP[:, order], cls)
    for first, second in zip(one, two):
        torch.testing.assert_close(first, second, rtol=0, atol=0)


def test_all_patches_kept_is_no_removal():
    decoder, patches = decoder_of(), torch.randn(2, 16, 12)
    everything = select(torch.zeros(2, 16), 16, "none")
    for first, second in zip(decoder(patches), decoder(patches, everything)):
        assert torch.equal(first, second)
    bare = decoder_of(removal=False)
    bare.load_state_dict({k: v for k, v in decoder.state_dict().items() if k != "mask_token"})
    assert torch.equal(bare(patches).pixels, decoder(patches).pixels)


def test_position_tells_equal_mask_tokens_apart():
    decoder = decoder_of()
    position = decoder.position  # sines and cosines: half of the channels do not know the row, half not the column
    torch.testing.assert_close(position.square().sum(1), torch.full((16,), 8.0))
    grid = position.view(4, 4, 16)
    for axis in (0, 1):
        assert ((grid - grid.select(axis, 0).unsqueeze(axis)).abs().amax((0, 1)) < 1e-6).sum() == 8
    tokens = decoder(torch.randn(2, 4, 12), KEEP).tokens
    gone = removed_mask(KEEP, 16)[0]
    assert torch.pdist(tokens[0, gone]).min() > 1e-3
    assert list(decoder.state_dict()) == [name for name in decoder.state_dict() if name != "position"]


@pytest.mark.parametrize(
    ("removal", "cls", "pixels"),
    [(True, True, True), (True, False, False), (False, True, False), (False, False, True)],
)
def test_every_parameter_takes_part(removal, cls, pixels):
    decoder = decoder_of(removal=removal, outputs=None if pixels else 0)
    patches = torch.randn(2, 4 if removal else 16, 12, requires_grad=True)
    token = torch.randn(2, 12, requires_grad=True) if cls else None
    decoded = decoder(patches, KEEP if removal else None, token)
    assert decoded.tokens.shape == (2, 16, 16) and decoded.pixels.shape == (2, 16, 12 if pixels else 0)
    target = decoded.pixels if pixels else decoded.tokens
    (target * torch.randn_like(target)).sum().backward()
    assert [name for name, value in decoder.named_parameters() if value.grad is None or not value.grad.any()] == []
    assert patches.grad.abs().sum(2).min() > 0 and (token is None or token.grad.any())


def test_with_nothing_removed_the_mask_token_still_has_a_gradient():
    """Of zero: a parameter without one would stop training on several processes."""
    decoder = decoder_of()
    decoder(torch.randn(2, 16, 12)).pixels.sum().backward()
    assert decoder.mask_token.grad is not None and not decoder.mask_token.grad.any()


def test_the_class_token_reaches_every_prediction():
    decoder, patches = decoder_of(), torch.randn(2, 4, 12)
    one, two = (decoder(patches, KEEP, torch.randn(2, 12)).pixels for _ in range(2))
    assert ((one - two).abs().amax(2) > 0).all()


@pytest.mark.slow
def test_learns_to_copy_what_it_is_given():
    """An autoencoder on kept patches: place by place, so misplaced tokens could not be fitted."""
    torch.manual_seed(1)
    decoder = decoder_of(outputs=12)
    generator = torch.Generator().manual_seed(0)
    optimizer = torch.optim.AdamW(decoder.parameters(), lr=1e-2)
    losses = []
    for _ in range(150):
        patches, keep = torch.randn(16, 8, 12), select(torch.zeros(16, 16), 8, "random", generator)
        predicted = decoder(patches, keep).pixels.gather(1, keep[:, :, None].expand(-1, -1, 12))
        loss = (predicted - patches).square().mean()
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
    assert losses[-1] < 0.35 * losses[0]


def test_copies_meta_and_autocast():
    decoder, patches = decoder_of(), torch.randn(2, 4, 12)
    assert torch.equal(copy.deepcopy(decoder)(patches, KEEP).pixels, decoder(patches, KEEP).pixels)
    meta = decoder_of().to("meta")(patches.to("meta"), KEEP.to("meta"), torch.randn(2, 12, device="meta"))
    assert meta.pixels.is_meta and meta.pixels.shape == (2, 16, 12)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert decoder(patches.bfloat16(), KEEP, patches[:, 0]).pixels.isfinite().all()


@pytest.mark.slow
def test_compiles_once_for_each_keep_rate():
    decoder, patches = decoder_of(depth=1), torch.randn(2, 4, 12)
    torch._dynamo.reset()
    compiled = torch.compile(copy.deepcopy(decoder), fullgraph=True, backend="aot_eager")
    for kept in (4, 3):
        arguments = (torch.randn(2, kept, 12), KEEP[:, :kept], torch.randn(2, 12))
        torch.testing.assert_close(compiled(*arguments).pixels, decoder(*arguments).pixels)
    with torch._dynamo.config.patch(error_on_recompile=True):
        compiled(patches, KEEP, torch.randn(2, 12)).pixels.sum().backward()
    assert isinstance(decoder.predict, nn.Linear)


def test_refusals():
    patches = torch.randn(2, 4, 12)
    with pytest.raises(ValueError, match="without keep_indices all 16 patches must come; got 4"):
        decoder_of()(patches)
    with pytest.raises(ValueError, match="removal=False; leave out keep_indices"):
        decoder_of(removal=False)(patches, KEEP)
    with pytest.raises(ValueError, match=r"keep_indices must be int64 of shape \(2, 4\)"):
        decoder_of()(patches, KEEP[:, :3])
    with pytest.raises(ValueError, match="multiple of 4 and of its number of heads; got 18 and 2"):
        decoder_of(dim=18)


def test_every_layer_norm_has_maes_epsilon():
    norms = [module for module in Decoder(8, (2, 2), 4, dim=8).modules() if isinstance(module, torch.nn.LayerNorm)]
    assert len(norms) == 5 and {norm.eps for norm in norms} == {1e-6}
