"""Weighted kNN against a vote counted by hand, and what it refuses."""

import math

import pytest
import torch

from sslcourse.evaluation import knn_accuracy


def draw(n=40, m=25, d=6, classes=4, seed=0):
    g = torch.Generator().manual_seed(seed)
    return (
        torch.randn(n, d, generator=g),
        torch.randint(classes, (n,), generator=g),
        torch.randn(m, d, generator=g),
        torch.randint(classes, (m,), generator=g),
    )


def slow_knn(train, train_labels, test, test_labels, k, temperature):
    right = 0
    for query, label in zip(test.double().tolist(), test_labels.tolist(), strict=True):
        scored = []
        for row, voter in zip(train.double().tolist(), train_labels.tolist(), strict=True):
            dot = sum(a * b for a, b in zip(query, row, strict=True))
            scored.append((dot / math.hypot(*query) / math.hypot(*row), voter))
        votes = {}
        for cosine, voter in sorted(scored, reverse=True)[:k]:
            votes[voter] = votes.get(voter, 0) + math.exp(cosine / temperature)
        right += max(votes, key=votes.get) == label
    return right / len(test)


def test_equals_the_slow_vote():
    for seed in range(4):
        for k, temperature in [(1, 0.07), (5, 0.07), (20, 1.0), (40, 0.5)]:
            data = draw(seed=seed)
            assert knn_accuracy(*data, k=k, temperature=temperature) == pytest.approx(slow_knn(*data, k, temperature))


def test_weights_decide_and_not_only_counts():
    # one near neighbour of class 0 against two far ones of class 1: with a sharp temperature the near one wins
    train = torch.tensor([[1.0, 0.0], [0.5, 0.9], [0.5, -0.9]])
    data = train, torch.tensor([0, 1, 1]), torch.tensor([[1.0, 0.01]]), torch.tensor([0])
    assert knn_accuracy(*data, k=3, temperature=0.07) == 1.0
    assert knn_accuracy(*data, k=3, temperature=10.0) == 0.0


def test_chunks_scale_and_order_change_nothing():
    train, labels, test, answers = draw(n=60, m=50)
    expected = knn_accuracy(train, labels, test, answers, k=7)
    for chunk in (1, 7, 50, 1000):
        assert knn_accuracy(train, labels, test, answers, k=7, chunk=chunk) == expected
    order = torch.randperm(60)
    assert knn_accuracy(train[order] * 40, labels[order], test * 0.01, answers, k=7) == expected


def test_tiny_temperature_does_not_overflow():
    train, labels, test, _ = draw()
    nearest = knn_accuracy(train, labels, test, labels[:25], k=1)
    assert knn_accuracy(train, labels, test, labels[:25], k=20, temperature=1e-3) == pytest.approx(nearest, abs=0.05)


def test_training_rows_find_themselves():
    train, labels, _, _ = draw()
    assert knn_accuracy(train, labels, train, labels, k=1) == 1.0


def test_classes_missing_on_either_side():
    train = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    labels = torch.tensor([2, 5])  # classes 0, 1, 3, 4 have no training image
    assert knn_accuracy(train, labels, train, torch.tensor([2, 7]), k=1) == 0.5  # and class 7 none at all
    assert knn_accuracy(train, labels, train, labels, k=1, num_classes=10) == 1.0


def test_half_precision_features():
    train, labels, test, answers = draw()
    value = knn_accuracy(train.half(), labels, test.half(), answers, k=5)
    assert value == knn_accuracy(train.half().float(), labels, test.half().float(), answers, k=5)


def test_wrong_settings_are_refused():
    for change, message in [
        ({"k": 41}, "between 1 and the 40 training rows; got k=41"),
        ({"k": 0}, "got k=0"),
        ({"temperature": 0}, "got temperature=0"),
        ({"chunk": 0}, "chunk=0"),
        ({"num_classes": 2}, r"labels must lie in 0..1 \(num_classes=2\); got 0..3"),
    ]:
        with pytest.raises(ValueError, match=message):
            knn_accuracy(*draw(), **change)


def test_wrong_tensors_are_refused():
    train, labels, test, answers = draw()
    for data, message in [
        ((train, labels[:-1], test, answers), r"train_features must be .* got \(40, 6\) and \(39,\)"),
        ((train, labels, test[:0], answers[:0]), "test_features must be"),
        ((train, labels.float(), test, answers), "train_labels must be int64; got torch.float32"),
        ((train, labels, test[:, :5], answers), "6 in training, 5 in test"),
        ((train, labels - 1, test, answers), r"got -1\.\.3"),
        ((train.log(), labels, test, answers), "NaN or infinite"),
    ]:
        with pytest.raises(ValueError, match=message):
            knn_accuracy(*data)
