"""The linear probe finds the same minimum as scikit-learn, and looks at the test set once."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression

from sslcourse.evaluation.linear import L2_GRID, fit_logistic, linear_probe


def blobs(rows=300, dim=10, classes=4, spread=1.6, seed=0):
    generator = torch.Generator().manual_seed(seed)
    centres = torch.randn(classes, dim, generator=torch.Generator().manual_seed(99))
    labels = torch.randint(classes, (rows,), generator=generator)
    return centres[labels] + spread * torch.randn(rows, dim, generator=generator), labels


def standard(train, test):
    mean, std = train.double().mean(0), train.double().std(0, correction=0)
    return (train.double() - mean) / std, (test.double() - mean) / std


def test_the_minimum_is_that_of_scikit_learn():
    for classes, l2 in [(2, 1e-2), (4, 1e-4), (4, 1.0)]:
        features, labels = blobs(classes=classes)
        features = features.double()
        weight, bias = fit_logistic(features, labels, classes, l2)
        # scikit-learn takes one weight vector for two classes, half of the difference of ours under twice the penalty
        other = LogisticRegression(C=(2 if classes == 2 else 1) / (l2 * len(features)), tol=1e-10, max_iter=10000)
        other.fit(features.numpy(), labels.numpy())
        ours = torch.softmax(features @ weight.T + bias, 1).numpy()
        np.testing.assert_allclose(ours, other.predict_proba(features.numpy()), atol=2e-5)
        if classes > 2:
            np.testing.assert_allclose(weight.numpy(), other.coef_, atol=1e-4)


def test_gradient_vanishes_and_the_start_does_not_matter():
    features, labels = blobs()
    features = features.double()
    weight, bias = fit_logistic(features, labels, 4, 1e-3)
    weight.requires_grad_(), bias.requires_grad_()
    loss = torch.nn.functional.cross_entropy(features @ weight.T + bias, labels) + 0.5e-3 * weight.square().sum()
    loss.backward()
    assert weight.grad.abs().max() < 1e-6 and bias.grad.abs().max() < 1e-6
    start = (torch.randn(4, 10).double(), torch.randn(4).double())
    before = [part.clone() for part in start]
    again, _ = fit_logistic(features, labels, 4, 1e-3, start=start)
    torch.testing.assert_close(again, weight.detach(), rtol=0, atol=1e-4)
    assert all(torch.equal(a, b) for a, b in zip(before, start))


def test_accuracy_is_that_of_scikit_learn():
    train, labels = blobs()
    test, test_labels = blobs(seed=1)
    for l2 in (1e-3, 1e-1):
        probe = linear_probe(train, labels, test, test_labels, l2_grid=(l2,))
        a, b = standard(train, test)
        other = LogisticRegression(C=1 / (l2 * len(a)), tol=1e-8, max_iter=10000).fit(a.numpy(), labels.numpy())
        assert probe.accuracy == pytest.approx(other.score(b.numpy(), test_labels.numpy()), abs=1e-9)
        assert probe.l2 == l2


@pytest.mark.slow
def test_regularisation_is_chosen_where_it_helps():
    """Many noise channels and few rows: too little of it overfits, too much learns nothing."""
    train, labels = blobs(rows=120, dim=100, spread=4.0)
    test, test_labels = blobs(rows=1000, dim=100, spread=4.0, seed=1)
    chosen = linear_probe(train, labels, test, test_labels)
    alone = {l2: linear_probe(train, labels, test, test_labels, l2_grid=(l2,)).accuracy for l2 in L2_GRID}
    assert chosen.l2 in L2_GRID and chosen.accuracy == alone[chosen.l2]
    assert chosen.accuracy >= max(alone.values()) - 0.05
    assert chosen == linear_probe(train, labels, test, test_labels)  # same split, same answer


def test_test_rows_choose_nothing():
    train, labels = blobs(spread=3.0)
    test, test_labels = blobs(seed=1, spread=3.0)
    right = linear_probe(train, labels, test, test_labels)
    wrong = linear_probe(train, labels, test, (test_labels + 1) % 4)
    assert right.l2 == wrong.l2 and right.accuracy > wrong.accuracy


def test_scale_and_constant_channels_do_not_matter():
    train, labels = blobs()
    test, test_labels = blobs(seed=1)
    plain = linear_probe(train, labels, test, test_labels)
    stretched = [torch.cat([f * 1000 + 5, torch.full((300, 1), 7.0)], 1) for f in (train, test)]
    assert linear_probe(stretched[0], labels, stretched[1], test_labels).accuracy == pytest.approx(
        plain.accuracy, abs=0.011
    )
    flat = torch.ones(300, 3)
    probe = linear_probe(flat, labels, flat, labels)  # collapsed features: the most frequent class
    assert probe.accuracy == pytest.approx(labels.bincount().max().item() / 300)


def test_works_under_no_grad_and_leaves_its_arguments():
    train, labels = blobs()
    before = train.clone()
    with torch.no_grad():
        assert linear_probe(train, labels, train, labels).accuracy > 0.5
    assert torch.equal(train, before)


def test_refusals():
    features, labels = blobs(rows=20)
    bad = features.clone()
    bad[0, 0] = torch.nan
    for arguments, message in (
        ((features[0], labels, features, labels), "train_features must be N,D"),
        ((features, labels[:5], features, labels), "must be N,D .* train_labels N; got"),
        ((features, labels.int(), features, labels), "train_labels must be int64"),
        ((features, labels - 9, features, labels), r"labels must lie in 0\.\."),
        ((bad, labels, features, labels), "hold NaN"),
        ((features, labels, features[:, :3], labels), "differ in width: 10 in training, 3 in test"),
    ):
        with pytest.raises(ValueError, match=message):
            linear_probe(*arguments)
    for options, message in (
        ({"l2_grid": ()}, "l2_grid must hold positive numbers"),
        ({"l2_grid": (0.0,)}, "l2_grid must hold positive numbers"),
        ({"holdout": 0.01}, "leaves one side empty"),
        ({"holdout": 1.0}, "leaves one side empty"),
        ({"num_classes": 2}, "labels must lie in 0..1"),
    ):
        with pytest.raises(ValueError, match=message):
            linear_probe(features, labels, features, labels, **options)
