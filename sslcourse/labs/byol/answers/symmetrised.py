"""Lab 2, exercise `symmetrised`: each view predicts what the target network says of the other."""

import torch
import torch.nn.functional as F

HINTS = (
    "There are two orders: view 1 predicts the target's embedding of view 2, and view 2 that of view 1. Which network "
    "sees which view in each of them, and which of the three must not get a gradient?",
    "loss = [ D(q(f(v1)), g(v2)) + D(q(f(v2)), g(v1)) ] / 2, with q the predictor, f the online network, g the target "
    "under `torch.no_grad()`, and D the mean of 2 - 2 cos over the images.",
    "`with torch.no_grad(): t1, t2 = target(views[0]), target(views[1])`; `p1 = predictor(online(views[0]))`, p2 "
    "alike; return the mean of `2 - 2 * F.cosine_similarity(p1, t2, dim=1)` and of the same with p2 and t1, halved.",
)


def symmetrised(predictor, online, target, views):
    first, second = views
    with torch.no_grad():
        goals = target(second), target(first)  # each view's goal is the target's word on the other one
    predictions = predictor(online(first)), predictor(online(second))
    cosines = torch.stack([F.cosine_similarity(p, z, dim=1) for p, z in zip(predictions, goals)])  # 2,n
    return (2 - 2 * cosines).mean()


def both_views_in_one_batch(predictor, online, target, views):
    images = views.flatten(0, 1)
    p = F.normalize(predictor(online(images)), dim=1)
    z = F.normalize(target(images).detach(), dim=1).roll(len(images) // 2, 0)
    return (p - z).square().sum(1).mean()


def one_order_after_the_other(predictor, online, target, views):
    def distance(view, other):
        p, z = predictor(online(view)), target(other).detach()
        return 2 - 2 * ((p * z).sum(1) / (p.norm(dim=1) * z.norm(dim=1))).mean()

    return 0.5 * distance(views[0], views[1]) + 0.5 * distance(views[1], views[0])


def _mean_distance(predictions, targets):
    """The mean of 2 - 2 cos over the images and the orders."""
    return torch.stack([2 - 2 * F.cosine_similarity(p, z, dim=1) for p, z in zip(predictions, targets)]).mean()


def lets_the_target_learn(predictor, online, target, views):
    """The value is right, but a gradient flows into the target's weights. The target follows by its moving average
    alone: call it under `torch.no_grad()`, or detach what it returns."""
    return _mean_distance([predictor(online(view)) for view in views], [target(view) for view in reversed(views)])


def compares_each_view_with_itself(predictor, online, target, views):
    """Each view predicts the target's word on *itself*. The other view is the point: only what the two have in common
    can be predicted."""
    return _mean_distance([predictor(online(view)) for view in views], [target(view).detach() for view in views])


def takes_one_order_only(predictor, online, target, views):
    """Only the first view predicts. Both orders count: the second view predicts the target's embedding of the first,
    too."""
    return _mean_distance([predictor(online(views[0]))], [target(views[1]).detach()])


def forgets_the_predictor(predictor, online, target, views):
    """The online network's embedding is compared with the target without the predictor between them. It is p =
    predictor(online(view)) that should be near the target's z."""
    return _mean_distance([online(view) for view in views], [target(view).detach() for view in reversed(views)])


def predicts_the_target_too(predictor, online, target, views):
    """The predictor stands on both sides. It belongs to the online side only: the target's embedding is compared as it
    is."""
    targets = [predictor(target(view)).detach() for view in reversed(views)]
    return _mean_distance([predictor(online(view)) for view in views], targets)


def asks_the_online_network_twice(predictor, online, target, views):
    """Your targets come from the online network. That is SimSiam; here `target`, the slowly moving copy, says what is
    to be predicted."""
    targets = [online(view).detach() for view in reversed(views)]
    return _mean_distance([predictor(online(view)) for view in views], targets)
