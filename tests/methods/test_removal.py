"""Token removal as a setting of iBOT and LoGo: what is removed, who still sees it, and that it is the combined
method's.
"""

import pytest
import torch
import torch.nn.functional as F
from small_methods import CROPS, combined, draw, ibot, logo

from sslcourse.methods import LoGo, LoGoSettings, Removal
from sslcourse.methods.ibot import MaskedCrops
from sslcourse.methods.patches import on_the_grid
from sslcourse.models.convnet import ConvNet

LOW = Removal("low", removal_warmup=0.0)


def inverted(views, gone):
    """The views with the pixels of these patches, bool `GB,16`, inverted."""
    blocks = gone.view(2, 8, 1, 4, 1, 4, 1).expand(-1, -1, 3, -1, 8, -1, 8).reshape(2, 8, 3, 32, 32)
    return views._replace(global_views=torch.where(blocks, 1 - views.global_views, views.global_views))


def gone_of(method, views):
    """The patches that the teacher's attention says to remove: the eight lowest of sixteen, in a slow way."""
    with torch.no_grad():
        scores = method.teacher_encoder(views.global_views.flatten(0, 1), attention=True).attention
    gone = torch.zeros(16, 16, dtype=torch.bool)
    for row, each in zip(gone, scores):
        row[torch.tensor(sorted(range(16), key=lambda patch: each[patch].item())[:8])] = True
    return gone


@pytest.mark.parametrize("policy", ["low", "random"])
def test_ibot_with_removal_is_the_combined_method_with_masked_patches(policy):
    method = combined("batch", policy=policy, patch_loss="masked", reconstruction="off")
    removal = Removal(policy, removal_warmup=0.0)
    same = ibot("batch", mask_kind="random", mask_ratio=(2 / 16, 2 / 16), mask_probability=1.0, removal=removal)
    same.load_state_dict(method.state_dict())
    views = draw(method)
    keep = method.encode(views).keep_indices
    masks = on_the_grid(views.masks.flatten(0, 1), keep, 16).unflatten(0, (2, 8))
    assert (masks.sum(-1) == 2).all()  # of the 8 that stay
    expected, _ = method(views)
    found, _ = same(MaskedCrops(views.global_views, views.local_views, masks, views.noise))
    torch.testing.assert_close(found, expected)


def test_a_hidden_patch_that_is_removed_has_no_loss():
    method = ibot("layer", mask_probability=1.0, removal=LOW)
    views = draw(method)
    gone = gone_of(method, views).unflatten(0, (2, 8))
    loss, metrics = method(views._replace(masks=gone))  # hidden are only patches that are removed
    assert metrics["patch_loss"].item() == 0
    loss.backward()
    assert not method.mask_token.grad.any()
    _, metrics = method(views._replace(masks=views.masks & ~gone))
    assert metrics["patch_loss"].item() > 0


@pytest.mark.parametrize("make", [ibot, logo])
def test_what_is_removed_reaches_the_teacher_alone(make):
    method = make("layer", removal=LOW).eval()
    views = draw(method)
    gone = gone_of(method, views)
    inputs, encoder = [], method.encoder
    encoder.register_forward_hook(lambda module, arguments, output: inputs.append(output.cls))
    method(views)
    # The teacher would choose others on other pictures: its attention is held, its features are not.
    held = method.teacher_encoder(views.global_views.flatten(0, 1), attention=True).attention
    teacher = method.teacher_encoder.forward
    method.teacher_encoder.forward = lambda *a, **k: teacher(*a, **k)._replace(attention=held)
    changed = inverted(views, gone)
    method(changed)
    torch.testing.assert_close(inputs[2], inputs[0])  # global crops; then local ones
    other = teacher(changed.global_views.flatten(0, 1)).cls
    assert not torch.allclose(other, teacher(views.global_views.flatten(0, 1)).cls, atol=1e-3)


def test_logo_keeps_what_the_policy_says_and_compares_with_whole_crops():
    method = logo("layer", local="none", removal=LOW).double().eval()
    views = draw(method)
    views = views._replace(global_views=views.global_views.double(), local_views=views.local_views.double())
    crops, gone = views.global_views.flatten(0, 1), gone_of(method, views)
    keep = torch.stack([(~row).nonzero().flatten() for row in gone])
    queries = [
        method.projector(method.encoder(crops, keep).cls),
        method.projector(method.encoder(views.local_views.flatten(0, 1)).cls),
    ]
    queries = torch.cat(queries).unflatten(0, (-1, 8))
    keys = method.teacher_projector(method.teacher_encoder(crops).cls).unflatten(0, (2, 8))
    terms = []
    for query in range(4):
        for key in range(2):
            if query != key:
                cosines = F.normalize(queries[query], dim=1) @ F.normalize(keys[key], dim=1).T
                terms.append(F.cross_entropy(cosines / 0.2, torch.arange(8)))
    torch.testing.assert_close(method(views)[0], torch.stack(terms).mean())


@pytest.mark.parametrize("make", [ibot, logo])
def test_removal_is_random_at_first_and_off_by_default(make):
    method = make("batch", removal=Removal("high", removal_warmup=0.5))
    policies = []
    for step in (0, 4, 5, 9):
        method.begin_step(step, 10)
        policies.append(method.policy)
    assert policies == ["random", "random", "high", "high"]
    assert (
        draw(method).global_views.shape[0] == 2
        and make("batch").keep == make("batch", removal=Removal("low", 1.0)).keep
    )
    assert make("batch").settings.removal.removes is False


def test_what_cannot_be_removed_is_said():
    with pytest.raises(ValueError, match="keep_rate=0.99 keeps all 16 patches"):
        ibot("batch", removal=Removal("low", keep_rate=0.99))
    with pytest.raises(ValueError, match="policy must be one of low, random, high, none; got 'middle'"):
        Removal("middle")
    with pytest.raises(ValueError, match=r"keep_rate must lie in \(0, 1\]; got 0"):
        Removal("low", keep_rate=0)
    with pytest.raises(ValueError, match="similarity='cosine' has no such encoder"):
        LoGoSettings(similarity="cosine", output_norm="batch", removal=LOW)
    with pytest.raises(TypeError, match="works on patch tokens"):
        LoGo(ConvNet(8), LoGoSettings(CROPS, removal=LOW))


@pytest.mark.parametrize("make", [ibot, logo])
def test_a_preview_shows_what_is_kept(make):
    method = make("batch", removal=LOW)
    pictures = torch.rand(3, 3, 32, 32)
    shown = method.preview(pictures)["kept patches"]
    grey = (shown == 0.5).all(1).view(3, 4, 8, 4, 8).all(4).all(2).flatten(1)
    assert (grey.sum(1) == 8).all() and torch.equal(shown[~(shown == 0.5)], pictures[~(shown == 0.5)])
    assert method.training
