"""Standardised and whitened features, and what they change for kNN and the probes."""

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA
from sklearn.preprocessing import StandardScaler

from sslcourse.evaluation import knn_accuracy, linear_probe
from sslcourse.evaluation.linear_rates import fit_rates, rates_probe
from sslcourse.evaluation.scaling import SCALINGS, scale_features


def drawn(rows=200, seed=0, nuisance=0.0, classes=4, spread=0.7, dim=8):
    """Classes in `dim` channels, beside two that say nothing and are `nuisance` large."""
    generator = torch.Generator().manual_seed(seed)
    centres = torch.randn(classes, dim, generator=torch.Generator().manual_seed(9))
    labels = torch.randint(classes, (rows,), generator=generator)
    features = centres[labels] + spread * torch.randn(rows, dim, generator=generator)
    return torch.cat([features, nuisance * torch.randn(rows, 2, generator=generator)], 1), labels


def test_equals_scikit_learn():
    (train, _), (test, _) = drawn(nuisance=3.0), drawn(nuisance=3.0, seed=1)
    scaler = StandardScaler().fit(train.double())
    for ours, other in zip(scale_features(train, test, "standardised"), map(scaler.transform, (train, test))):
        np.testing.assert_allclose(ours, other, atol=1e-5)
    white = PCA(whiten=True).fit(train.double().numpy())
    for ours, rows in zip(scale_features(train, test, "whitened"), (train, test)):
        other = white.transform(rows.double().numpy()) * np.sqrt(200 / 199)  # ours divides by N, not by N - 1
        np.testing.assert_allclose(ours @ ours.T, other @ other.T, atol=1e-3)  # alike but for a rotation


def test_rotations_and_scales_vanish_in_whitening_and_dead_directions_are_left_out():
    train, _ = drawn()
    train = train[:, :8]
    matrix = torch.randn(8, 8, generator=torch.Generator().manual_seed(4))
    white, _ = scale_features(train.double(), train.double(), "whitened")
    mixed, _ = scale_features((train @ matrix + 5).double(), (train @ matrix + 5).double(), "whitened")
    torch.testing.assert_close(white @ white.T, mixed @ mixed.T, rtol=1e-3, atol=1e-3)
    doubled = torch.cat([train, train, torch.full((200, 1), 3.7)], 1)  # rank 8 of 17
    assert scale_features(doubled, doubled, "whitened")[0].shape == (200, 8)
    constant = torch.full((50, 3), 0.1)
    for scaling in ("standardised", "whitened"):
        assert not any(part.any() for part in scale_features(constant, constant, scaling))


def test_large_channels_that_say_nothing_drown_the_raw_ones_only():
    train, test = drawn(400, nuisance=100.0), drawn(200, seed=1, nuisance=100.0)
    knn = {scaling: knn_accuracy(*train, *test, scaling=scaling) for scaling in SCALINGS}
    assert knn["raw"] < 0.5 and min(knn["standardised"], knn["whitened"]) > 0.8
    for scaling in ("standardised", "whitened"):
        assert linear_probe(*train, *test, scaling=scaling).accuracy > 0.9


def test_stacked_rates_are_what_each_is_alone_and_torch_agrees():
    features, labels = drawn(rows=90)

    def fitted(rates):
        generator = torch.Generator().manual_seed(3)
        return fit_rates(features, labels, 4, rates, epochs=4, batch_size=32, generator=generator)

    rates = (0.01, 0.1, 1.0)
    together = fitted(rates)
    for index, rate in enumerate(rates):
        alone = fitted((rate,))
        torch.testing.assert_close([part[index] for part in together], [part[0] for part in alone])
        layer = torch.nn.Linear(10, 4)
        torch.nn.init.zeros_(layer.weight), torch.nn.init.zeros_(layer.bias)
        optimizer = torch.optim.SGD(layer.parameters(), lr=rate, momentum=0.9)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 4 * 3)
        generator = torch.Generator().manual_seed(3)
        for _ in range(4):
            for batch in torch.randperm(90, generator=generator).split(32):
                optimizer.zero_grad()
                torch.nn.functional.cross_entropy(layer(features[batch]), labels[batch]).backward()
                optimizer.step(), schedule.step()
        torch.testing.assert_close(alone[0][0], layer.weight.data, rtol=1e-3, atol=1e-4)


def test_the_rate_is_chosen_without_the_test_set_and_the_answer_repeats():
    train, test = drawn(300), drawn(200, seed=1)
    probe = rates_probe(*train, *test, epochs=20)
    assert probe.accuracy > 0.8 and probe.held_out[probe.rate] == max(probe.held_out.values())
    assert probe == rates_probe(*train, *test, epochs=20)
    wrong = rates_probe(*train, test[0], (test[1] + 1) % 4, epochs=20)
    assert (wrong.rate, wrong.held_out) == (probe.rate, probe.held_out) and wrong.accuracy < 0.3
    chance = torch.randint(4, (300,), generator=torch.Generator().manual_seed(5))
    noise = torch.randn(300, 10, generator=torch.Generator().manual_seed(6))
    assert rates_probe(noise, chance, *test, epochs=5).accuracy == pytest.approx(0.25, abs=0.15)


def test_on_an_accelerator(accelerator):
    train, test = drawn(100), drawn(50, seed=1)
    there = [part.to(accelerator) for part in (*train, *test)]
    for scaling in SCALINGS:
        figures = [knn_accuracy(*data, scaling=scaling) for data in (there, (*train, *test))]
        assert figures[0] == pytest.approx(figures[1], abs=0.021)
    here = rates_probe(*train, *test, epochs=3)
    assert rates_probe(*there, epochs=3).accuracy == pytest.approx(here.accuracy, abs=0.021)
    assert rates_probe(there[0], train[1], *test, epochs=3).accuracy == pytest.approx(here.accuracy, abs=0.021)


def test_refusals():
    train, labels = drawn(20)
    with pytest.raises(ValueError, match="scaling must be one of raw, standardised, whitened; got 'white'"):
        knn_accuracy(train, labels, train, labels, scaling="white")
    with pytest.raises(ValueError, match="features must be N,D and M,D"):
        scale_features(train, train[:, :3], "raw")
    for options, message in (
        ({"rates": ()}, "rates must hold positive numbers"),
        ({"rates": (-1.0,)}, "rates must hold positive numbers"),
        ({"epochs": 0}, "must be at least 1; got epochs=0"),
        ({"holdout": 0.0}, "leaves one side empty"),
    ):
        with pytest.raises(ValueError, match=message):
            rates_probe(train, labels, train, labels, **options)
