"""The loss of the methods without negatives: one view's prediction of the other view's embedding.

Sources: Grill et al. 2020, "Bootstrap Your Own Latent" (BYOL), equation 2; Chen and He 2021, "Exploring Simple Siamese
Representation Learning" (SimSiam), equation 1, which is this loss halved and shifted by one.
"""

import torch.nn.functional as F
from torch import Tensor

from sslcourse.losses.checks import check_pair
from sslcourse.precision import full_precision


def cosine_regression(prediction: Tensor, target: Tensor) -> Tensor:
    """Mean squared distance between the unit vectors of prediction and target: mean of 2 - 2 cos, from 0 to 4.

    `prediction` and `target` `...,D`, one row an image (or a view and an image), in any scale: they are l2-normalised
    here. Gradients flow into both: where the target must not learn from it, the caller detaches it, because leaving
    that out is an experiment of the course. Float32 inside, float64 stays. Raises ValueError when the shapes differ.

    Source: Grill et al. 2020, equation 2, for one order of the two views (the paper adds the other order, the course's
    BYOL takes the mean of both).

    >>> import torch
    >>> cosine_regression(torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 5.0]])).item()
    2.0
    """
    check_pair("...,D", prediction=prediction, target=target)
    cosines = F.cosine_similarity(full_precision(prediction), full_precision(target), dim=-1, eps=1e-12)
    return (2 - 2 * cosines).mean()
