"""Attention measures against slow pixel-by-pixel references."""

import math

import pytest
import torch

from sslcourse.evaluation.attention import (
    attention_jaccard,
    attention_precision,
    attention_recall,
    attention_table,
    extract_attention,
    head_diversity,
)
from sslcourse.evaluation.patches import patch_mask
from sslcourse.models import ConvNet, build_encoder


def drawn(batch=5, patches=(4, 4), side=8, heads=None, seed=0):
    generator = torch.Generator().manual_seed(seed)
    shape = (batch, patches[0] * patches[1]) if heads is None else (batch, heads, patches[0] * patches[1])
    scores = torch.rand(shape, generator=generator) ** 3
    mask = torch.zeros(batch, patches[0] * side, patches[1] * side, dtype=torch.bool)
    for b in range(batch):
        top, left = torch.randint(0, 2 * side, (2,), generator=generator).tolist()
        mask[b, top : top + 11, left : left + 13] = True
    return scores, mask


def pixels(row, grid, side):
    """A patch map as a map of pixels, by a loop."""
    return [[row[(y // side) * grid[1] + x // side] for x in range(grid[1] * side)] for y in range(grid[0] * side)]


def slow_recall(scores, mask, keep, grid, side):
    values = []
    for row, object_ in zip(scores.tolist(), mask.tolist()):
        best = sorted(range(len(row)), key=lambda n: -row[n])[:keep]
        shown = pixels([n in best for n in range(len(row))], grid, side)
        area = sum(map(sum, object_))
        if area:
            values.append(sum(a and b for s, o in zip(shown, object_) for a, b in zip(s, o)) / area)
    return sum(values) / len(values)


def slow_jaccard(row, object_, mass, grid, side):
    total, inside, held = sum(row), set(), 0.0
    for n in sorted(range(len(row)), key=lambda n: -row[n]):
        if held >= mass:
            break
        inside.add(n)
        held += row[n] / total
    shown = pixels([n in inside for n in range(len(row))], grid, side)
    pairs = [(a, b) for s, o in zip(shown, object_) for a, b in zip(s, o)]
    return sum(a and b for a, b in pairs) / sum(a or b for a, b in pairs)


def test_recall():
    for keep in [1, 4, 9, 16]:
        for grid in [(4, 4), (2, 8)]:
            scores, mask = drawn(patches=grid, side=16 if grid == (2, 8) else 8)
            side = 16 if grid == (2, 8) else 8
            value = attention_recall(scores, mask, keep, grid=grid)
            assert value.ndim == 0 and value.item() == pytest.approx(
                slow_recall(scores, mask, keep, grid, side), abs=1e-6
            )
            if keep == 16:
                assert value.item() == pytest.approx(1)


def test_jaccard():
    for mass in [0.3, 0.6, 0.8]:
        scores, mask = drawn()
        expected = [slow_jaccard(r, o, mass, (4, 4), 8) for r, o in zip(scores.tolist(), mask.tolist())]
        assert attention_jaccard(scores, mask, mass).item() == pytest.approx(sum(expected) / 5, abs=1e-6)


def test_jaccard_takes_each_images_best_head():
    scores, mask = drawn(heads=3)
    best = [
        max(slow_jaccard(row, o, 0.6, (4, 4), 8) for row in heads) for heads, o in zip(scores.tolist(), mask.tolist())
    ]
    assert attention_jaccard(scores, mask).item() == pytest.approx(sum(best) / 5, abs=1e-6)


def test_perfect_and_blind_attention():
    _, mask = drawn()
    object_share = patch_mask(mask, (4, 4))
    assert attention_recall(object_share, mask, keep=16).item() == pytest.approx(1)
    aligned = torch.zeros(2, 32, 32, dtype=torch.bool)
    aligned[:, 8:16, 8:24] = True
    exact = patch_mask(aligned, (4, 4))
    assert attention_jaccard(exact, aligned, 0.6).item() == pytest.approx(1)
    assert attention_recall(exact, aligned, keep=2).item() == pytest.approx(1)
    assert attention_recall(1 - exact, aligned, keep=2).item() == 0
    blind = torch.rand(4000, 16, generator=torch.Generator().manual_seed(0))
    blind_recall = attention_recall(blind, aligned[:1].expand(4000, -1, -1), keep=4).item()
    assert blind_recall == pytest.approx(4 / 16, abs=0.02)


def test_images_without_an_object_do_not_count():
    scores, mask = drawn()
    emptied = mask.clone()
    emptied[[1, 3]] = False
    some = [0, 2, 4]
    for measure in (lambda s, m: attention_recall(s, m, 5), attention_jaccard):
        assert measure(scores, emptied).item() == pytest.approx(measure(scores[some], mask[some]).item(), abs=1e-6)
        assert math.isnan(measure(scores, torch.zeros_like(mask)).item())


def test_patch_mask_counts_pixels():
    _, mask = drawn()
    cover = patch_mask(mask, (4, 4))
    for b in range(5):
        for n in range(16):
            top, left = 8 * (n // 4), 8 * (n % 4)
            assert cover[b, n].item() == pytest.approx(mask[b, top : top + 8, left : left + 8].float().mean().item())
    assert torch.equal(patch_mask(mask.to(torch.uint8) * 255, (4, 4)), cover)  # any number but 0 is object


def test_runs_on_meta():
    scores, mask = torch.empty(2, 16, device="meta"), torch.empty(2, 32, 32, dtype=torch.bool, device="meta")
    assert attention_recall(scores, mask, 4).is_meta and attention_jaccard(scores, mask).is_meta


def test_refusals():
    scores, mask = drawn()
    with pytest.raises(ValueError, match="16 scores do not make a grid of 3 x 4; give grid="):
        attention_recall(scores, mask, 4, grid=(3, 4))
    with pytest.raises(ValueError, match="12 scores do not make a grid of 3 x 3"):
        attention_recall(scores[:, :12], mask, 4)
    with pytest.raises(ValueError, match="scores must be B,N or B,H,N with B = 4"):
        attention_recall(scores, mask[:4], 4)
    with pytest.raises(ValueError, match="keep must lie in 1..16"):
        attention_recall(scores, mask, 17)
    with pytest.raises(ValueError, match="30 x 32 pixels do not divide into 4 x 4 patches"):
        attention_recall(scores, mask[:, :30], 4)
    with pytest.raises(TypeError, match="a ConvNet has no attention of a class token"):
        extract_attention(ConvNet(4, 2), torch.zeros(1, 3, 8, 8))
    for mass in (0.0, 1.0):
        with pytest.raises(ValueError, match="mass must lie between 0 and 1"):
            attention_jaccard(scores, mask, mass)


def test_precision_counts_the_object_in_what_is_kept():
    scores, mask = drawn()
    cover = patch_mask(mask, (4, 4))
    slow = []
    for row, shares in zip(scores.tolist(), cover.tolist()):
        kept = sorted(range(16), key=lambda n, row=row: -row[n])[:5]
        slow.append(sum(shares[n] for n in kept) / 5)
    assert attention_precision(scores, mask, 5).item() == pytest.approx(sum(slow) / len(slow), abs=1e-6)
    # precision x kept patches and recall x object are the same area
    one = attention_precision(scores[:1], mask[:1], 5) * 5
    assert one.item() == pytest.approx((attention_recall(scores[:1], mask[:1], 5) * cover[:1].sum()).item(), abs=1e-5)
    emptied = mask.clone()
    emptied[1:] = False
    assert attention_precision(scores, emptied, 5).item() * 5 == pytest.approx(one.item(), abs=1e-5)


def test_diversity_of_heads_is_a_mean_over_pairs():
    scores = torch.rand(4, 3, 16, generator=torch.Generator().manual_seed(0))
    shares = (scores / scores.sum(2, keepdim=True)).double()
    pairs = [(a, b) for a in range(3) for b in range(a)]
    slow = [(shares[i, a] - shares[i, b]).abs().sum().item() / 2 for i in range(4) for a, b in pairs]
    assert head_diversity(scores).item() == pytest.approx(sum(slow) / len(slow), abs=1e-6)
    assert head_diversity(scores * torch.tensor([1.0, 5.0, 0.1])[:, None]).item() == pytest.approx(
        head_diversity(scores).item(), abs=1e-6
    )
    with pytest.raises(ValueError, match="B,H,N with at least two heads"):
        head_diversity(scores[:, :1])


def test_attention_of_an_encoder_that_has_diverged_is_no_number():
    scores, mask = drawn(heads=3)
    scores[1, 2, 5] = math.nan
    for measure in (lambda s: attention_recall(s, mask, 5), lambda s: attention_precision(s, mask, 5)):
        assert measure(scores).isnan().tolist() == [False, False, True]
        assert measure(scores[:, 2]).isnan() and not measure(scores[:, 1]).isnan()
    assert attention_jaccard(scores, mask).isnan()


def test_heads_apart_are_what_each_is_alone():
    scores, mask = drawn(heads=3)
    mask[2] = False
    recall, precision = attention_recall(scores, mask, 5), attention_precision(scores, mask, 5)
    table = attention_table(scores, mask, keep_rate=0.3)
    for head in range(3):
        own = scores[:, head]
        assert recall[head].item() == pytest.approx(attention_recall(own, mask, 5).item())
        assert precision[head].item() == pytest.approx(attention_precision(own, mask, 5).item())
        assert table["head_jaccard"][head] == pytest.approx(attention_jaccard(own, mask).item())
    assert table["head_recall"] == recall.tolist() and table["head_precision"] == precision.tolist()
    assert max(table["head_jaccard"]) <= table["best_jaccard"] == attention_jaccard(scores, mask).item()
    assert table["recall"] == attention_recall(scores.mean(1), mask, 5).item()


def test_chance_is_what_random_scores_get():
    _, mask = drawn(batch=400)
    mask[7] = False
    table = attention_table(torch.rand(400, 16, generator=torch.Generator().manual_seed(0)), mask, keep_rate=0.25)
    assert table["recall"] == pytest.approx(table["chance_recall"], abs=0.03) and table["chance_recall"] == 0.25
    assert table["precision"] == pytest.approx(table["chance_precision"], abs=0.03)
    with_object = mask[mask.flatten(1).any(1)]
    assert table["chance_precision"] == pytest.approx(with_object.double().mean().item())
    assert "diversity" not in table and "diversity" not in attention_table(torch.rand(400, 1, 16), mask)


def test_attention_that_is_nowhere_covers_nothing():
    scores, mask = drawn()
    half = attention_jaccard(scores[1:], mask[1:]).item() * 4 / 5
    scores[0] = 0
    assert attention_jaccard(scores, mask).item() == pytest.approx(half)


def test_attention_of_every_image_head_by_head(accelerator):
    torch.manual_seed(0)
    encoder = build_encoder("vit_64x2_p8", 32, reg_tokens=2).eval()
    images = torch.randint(0, 256, (5, 3, 16, 48), dtype=torch.uint8)
    with torch.no_grad():
        whole = encoder(images / 255, attention="heads").attention
    found = extract_attention(encoder, images, batch_size=2)
    assert found.shape == (5, 2, 12)
    torch.testing.assert_close(found, whole)
    torch.testing.assert_close(extract_attention(encoder.to(accelerator), images), whole)


def test_attention_figures_on_an_accelerator(accelerator):
    scores, mask = drawn()
    assert attention_precision(scores.to(accelerator), mask, 5).item() == pytest.approx(
        attention_precision(scores, mask, 5).item()
    )
    heads = torch.rand(2, 3, 16)
    assert head_diversity(heads.to(accelerator)).item() == pytest.approx(head_diversity(heads).item(), abs=1e-6)
