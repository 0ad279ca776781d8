"""LoGo: crops attract the global crops of their image; its local crops may repel, by cosine or a learned affinity.

Source: Zhang et al. 2022, "Leverage Your Local and Global Representations: A New Self-Supervised Learning Strategy"
(LoGo), section 3; He et al. 2020, "Momentum Contrast for Unsupervised Visual Representation Learning" (MoCo), equation
1.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sslcourse.losses.checks import check_pair, check_temperature
from sslcourse.precision import autocast_off, full_precision
from sslcourse.processes import gather_rows, rank

Affinity = Callable[[Tensor, Tensor], Tensor]
DISSIMILARITIES = ("repel", "attract")


def info_nce(queries: Tensor, keys: Tensor, temperature: float = 0.2, *, gather: bool = False) -> Tensor:
    """Find each query's key among those of all images: cross-entropy over cosines / temperature, averaged.

    `queries` and `keys` `B,D`, row i of both from image i, in any scale; or `P,B,D`, P batches with a loss each, `P`.
    Unlike `nt_xent` it is not symmetric: keys are targets and get **no gradient**, and other queries are no candidates.
    With `gather=True` the keys of all processes are candidates; every process must bring the same B, and the mean of
    the losses over the processes is the loss of the one big batch. Float32 inside, float64 stays. Raises ValueError on
    other shapes and on a temperature that is not positive.

    Source: He et al. 2020, equation 1, with the batch's own keys in place of a queue.

    >>> one_point = torch.ones(8, 4)
    >>> round(info_nce(one_point, one_point).exp().item(), 3)     # a guess among 8
    8.0
    """
    check_pair("P,B,D" if queries.ndim == 3 else "B,D", queries=queries, keys=keys)
    check_temperature(temperature, "0.07 to 0.2")
    with autocast_off(queries):
        q = F.normalize(full_precision(queries), dim=-1)
        k = F.normalize(full_precision(keys.detach()), dim=-1)
        right = torch.arange(q.shape[-2], device=q.device)
        if gather:
            k, right = gather_rows(k.movedim(-2, 0)).movedim(0, -2), right + rank() * len(right)
        logits = q @ k.mT / temperature  # ...,B,world*B
        losses = F.cross_entropy(logits.flatten(0, -2), right.expand(logits.shape[:-1]).flatten(), reduction="none")
        return losses.view(logits.shape[:-1]).mean(-1)


def local_dissimilarity(first: Tensor, second: Tensor, kind: str = "repel") -> Tensor:
    """What two local crops of one image should minimise: their mean cosine ("repel"), or its negative ("attract").

    `first`, `second` `B,D`, row i of both from image i, in any scale. Float32 inside, float64 stays. Raises ValueError
    on other shapes and kinds.

    Source: Zhang et al. 2022, section 3; the plain repulsion is the one that the learned affinity is compared with.

    >>> z = torch.randn(4, 8)
    >>> round(local_dissimilarity(z, z).item(), 4), round(local_dissimilarity(z, z, "attract").item(), 4)
    (1.0, -1.0)
    """
    check_pair("B,D", first=first, second=second)
    if kind not in DISSIMILARITIES:
        raise ValueError(f"kind must be one of {', '.join(DISSIMILARITIES)}; got {kind!r}")
    cosine = F.cosine_similarity(full_precision(first), full_precision(second), dim=1, eps=1e-12).mean()
    return cosine if kind == "repel" else -cosine


def affinity_fit_loss(
    affinity: Affinity,
    first: Tensor,
    second: Tensor,
    noise_first: Tensor,
    noise_second: Tensor,
    *,
    gather: bool = False,
) -> Tensor:
    """Teach the affinity to tell local crops of one image (high) from local crops of two images (low).

    `affinity(z1, z2) -> B` scores pairs of rows; `first`, `second` `B,D` are two local crops' embeddings, row i of both
    from image i. They are **detached** here: only the affinity learns. `noise_first`, `noise_second` `B,D` are added to
    the crops of one image (the paper's code: Gaussian, 0.3 / sqrt(D)). The other image is the one half a batch on; with
    `gather=True` half of the batch of all processes on, so that the mean over the processes is the loss of the one big
    batch. Each pair is scored in both orders, all `4B` in one call. Raises ValueError on other shapes and when there is
    no other image.

    Source: Zhang et al. 2022, section 3 (the step on omega).

    >>> z = torch.eye(4)
    >>> cosine = lambda a, b: 100 * (2 * F.cosine_similarity(a, b) - 1)          # right about these crops
    >>> affinity_fit_loss(cosine, z, z, 0 * z, 0 * z).item() < 1e-6
    True
    """
    check_pair("B,D", first=first, second=second)
    check_pair("B,D", first=first, noise_first=noise_first)
    check_pair("B,D", first=first, noise_second=noise_second)
    first, second = first.detach(), second.detach()
    near_first, near_second = first + noise_first, second + noise_second
    other_first, other_second = (_other_images(rows, gather) for rows in (first, second))
    scores = affinity(
        torch.cat([near_first, near_second, first, second]),  # 4B,D
        torch.cat([near_second, near_first, other_second, other_first]),
    )
    same, different = full_precision(scores).chunk(2)  # 2B each
    return F.softplus(-same).mean() + F.softplus(different).mean()


def affinity_repulsion(affinity: Affinity, first: Tensor, second: Tensor) -> Tensor:
    """Push two local crops of one image apart as far as the affinity can tell: mean softplus of its scores.

    `first`, `second` `B,D`, row i of both from image i. The affinity itself must not learn from this: pass
    `frozen(module)`, through which gradients reach the embeddings but no parameter. Raises ValueError on other shapes.

    Source: Zhang et al. 2022, section 3 (the step on theta).

    >>> round(affinity_repulsion(lambda a, b: 0 * (a * b).sum(1), torch.ones(4, 8), torch.ones(4, 8)).item(), 4)  # ln 2
    0.6931
    """
    check_pair("B,D", first=first, second=second)
    return F.softplus(full_precision(affinity(first, second))).mean()


def frozen(module: nn.Module) -> Callable[..., Tensor]:
    """The module as a function whose gradients reach its inputs but not its parameters; buffers do not move.

    >>> linear, x = nn.Linear(3, 1), torch.ones(2, 3, requires_grad=True)
    >>> frozen(linear)(x).sum().backward()
    >>> x.grad is not None, linear.weight.grad is None
    (True, True)
    """

    def function(*inputs: Tensor) -> Tensor:
        fixed = {name: parameter.detach() for name, parameter in module.named_parameters()}
        # Copies take what BatchNorm writes in training.
        fixed |= {name: buffer.clone() for name, buffer in module.named_buffers()}
        return torch.func.functional_call(module, fixed, inputs)

    return function


def _other_images(rows: Tensor, gather: bool) -> Tensor:
    """For each row one of another image, half a batch on (flipping would leave the middle of an odd batch)."""
    count = len(rows)
    everyone = gather_rows(rows) if gather else rows
    if len(everyone) < 2:
        raise ValueError("affinity_fit_loss needs at least 2 images, to have pairs of different ones; got 1")
    everyone = everyone.roll(-(len(everyone) // 2), 0)
    return everyone[rank() * count : (rank() + 1) * count] if gather else everyone
