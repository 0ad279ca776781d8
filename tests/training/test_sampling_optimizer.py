"""The order of the images and the optimiser's groups."""

import pytest
import torch
from torch import nn
from toy_methods import Around

from sslcourse.training.optimizer import make_optimizer, parameter_groups
from sslcourse.training.sampling import BatchOrder


def order(count=10, batch_size=3, seed=0):
    return BatchOrder(count, batch_size, torch.Generator().manual_seed(seed))


def test_an_epoch_has_no_image_twice_and_the_rest_is_skipped():
    batches = order()
    first = torch.cat([batches.next() for _ in range(3)])
    assert len(first.unique()) == 9
    second = torch.cat([batches.next() for _ in range(3)])
    assert len(second.unique()) == 9 and not torch.equal(first, second)


def test_a_batch_of_the_whole_set_is_a_permutation_each_time():
    batches = order(5, 5)
    assert all(batches.next().sort().values.tolist() == list(range(5)) for _ in range(3))


def test_every_image_is_seen_equally_often_in_the_long_run():
    batches = order(7, 3, seed=1)
    seen = torch.cat([batches.next() for _ in range(1400)]).bincount()
    assert (seen - 600).abs().max() < 60


def test_it_continues_in_mid_epoch():
    undisturbed, broken = order(), order()
    for batches in (undisturbed, broken):
        batches.next(), batches.next()
    state, generator = broken.state_dict(), broken.generator.get_state()
    resumed = order(seed=99)
    resumed.load_state_dict(state)
    resumed.generator.set_state(generator)
    assert all(torch.equal(undisturbed.next(), resumed.next()) for _ in range(8))


@pytest.mark.parametrize("batch_size", [0, 11])
def test_a_batch_that_the_set_cannot_fill_is_refused(batch_size):
    with pytest.raises(ValueError, match=r"1\.\.10"):
        order(10, batch_size)


def test_no_decay_on_norms_and_biases_and_no_frozen_parameter():
    module = Around(nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Linear(4, 2)))
    module.encoder[2].weight.requires_grad_(False)
    groups = parameter_groups(module, 0.3)
    decayed, free = groups
    assert decayed["weight_decay"] == 0.3 and [p.ndim for p in decayed["params"]] == [4]
    assert free["weight_decay"] == 0.0 and all(p.ndim == 1 for p in free["params"]) and len(free["params"]) == 4


def test_nothing_to_train_is_refused():
    with pytest.raises(ValueError, match="nothing to train"):
        parameter_groups(Around(nn.Linear(2, 2).requires_grad_(False)), 0.1)


def test_fused_on_the_processor_and_not_on_meta():
    fused = [
        make_optimizer(Around(nn.Linear(2, 2, device=device)), learning_rate=1.0).defaults["fused"]
        for device in ("cpu", "meta")
    ]
    assert fused == [True, False]
