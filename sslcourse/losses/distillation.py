"""Self-distillation: teacher logits made into targets, and the student's cross-entropy to them, by view and by patch.

Targets arrive at the cross-entropies as probabilities. Two ways make them from the teacher's logits: a running centre
and a low temperature (DINO), or Sinkhorn's normalisation (SwAV). Callers run the teacher, and make its targets, under
`torch.no_grad()`.

Sources: Caron et al. 2021, "Emerging Properties in Self-Supervised Vision Transformers" (DINO), section 3.1; Zhou et
al. 2022, "iBOT: Image BERT Pre-Training with Online Tokenizer", section 3; Caron et al. 2020, "Unsupervised Learning of
Visual Features by Contrasting Cluster Assignments" (SwAV), section 3.1; Cuturi 2013, "Sinkhorn Distances".
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sslcourse.losses.checks import check_pair, check_temperature
from sslcourse.precision import full_precision
from sslcourse.processes import max_over_processes, sum_over_processes, world_size

USUAL = "teacher 0.04, student 0.1"  # temperatures


def centered_softmax(logits: Tensor, center: Tensor, temperature: float | Tensor) -> Tensor:
    """DINO's targets: softmax of (logits - center) / temperature over the last axis; float32 `...,K`.

    `logits` `...,K`, `center` `K` (see `Center`). The centre keeps one prototype from always winning; the low
    temperature keeps the targets from becoming uniform. Either of them alone collapses. Raises ValueError on other
    shapes and on a temperature that is not positive.

    Source: Caron et al. 2021, equation 4 and figure 7.

    >>> centered_softmax(torch.tensor([[3.0, 1.0]]), torch.tensor([2.0, 0.0]), temperature=0.04).tolist()
    [[0.5, 0.5]]
    """
    check_temperature(temperature, USUAL)
    if logits.ndim < 1 or center.shape != logits.shape[-1:]:
        raise ValueError(f"center must be K for logits ...,K; got {tuple(center.shape)} for {tuple(logits.shape)}")
    return F.softmax((full_precision(logits) - center) / temperature, dim=-1)


@torch.no_grad()
def sinkhorn(logits: Tensor, temperature: float | Tensor, iterations: int = 3, weights: Tensor | None = None) -> Tensor:
    """Targets that use all prototypes alike: rows of exp(logits / temperature) rescaled until columns agree; `R,K`.

    `logits` `R,K`: one row a crop or a patch. Each iteration gives every prototype the same total over the rows, then
    every row the sum 1; so rows sum to exactly 1, and columns to nearly R/K, more nearly with more `iterations`.
    `weights` `R` (bool or not negative) say how much a row counts: rows of weight 0 get targets too, but do not affect
    those of other rows. If all weights are 0, all rows count. In a process group, columns are summed over the rows of
    all processes. Made without a gradient. Raises ValueError on other shapes, a temperature that is not positive, fewer
    than one iteration.

    Source: Caron et al. 2020 (SwAV), section 3.1; Cuturi 2013, algorithm 1.

    >>> logits = torch.tensor([[9.0, 0.0], [9.0, 1.0]])           # both rows prefer prototype 0
    >>> sinkhorn(logits, 1.0, iterations=50).sum(0).round(decimals=3).tolist()
    [1.0, 1.0]
    """
    check_temperature(temperature, USUAL)
    if iterations < 1:
        raise ValueError(f"iterations must be at least 1 (3 is usual); got {iterations}")
    if logits.ndim != 2 or 0 in logits.shape:
        raise ValueError(f"logits must be R,K (one row a crop or a patch); got {tuple(logits.shape)}")
    scores = full_precision(logits) / temperature
    mass = None if weights is None else weights.to(scores.dtype)
    if mass is not None:
        if mass.shape != scores.shape[:1]:
            raise ValueError(f"weights must be R={len(scores)}, one for each row of logits; got {tuple(mass.shape)}")
        mass = (mass + (sum_over_processes(mass.sum()) == 0))[:, None]  # R,1

    # The first iteration uses logarithms, which neither overflow nor vanish at any temperature. After it each row and
    # column holds an entry of at least 1 / (R K), so the others can divide plain numbers.
    counted = scores if mass is None else scores.masked_fill(mass == 0, -math.inf)
    scores.sub_(max_over_processes(counted.amax(0)))  # at most 0 in the rows that count
    # Clamped: below are slow denormal numbers, too small to matter; above, rows that do not count would overflow.
    shares = scores.clamp(-80, 0).exp_()
    total = sum_over_processes((shares if mass is None else shares * mass).sum(0))
    shares = F.softmax(scores.sub_(total.log()), dim=1)
    for _ in range(iterations - 1):
        shares.div_(sum_over_processes((shares if mass is None else shares * mass).sum(0)))
        shares.div_(shares.sum(1, keepdim=True))
    return shares


class Center(nn.Module):
    """The running mean of the teacher's logits, buffer `value` `K`: moved by `update`, saved with the checkpoint.

    `momentum` in [0, 1): what remains of the old value in each update; 0.9 is DINO's (0.999 collapses there). Raises
    ValueError otherwise.

    Source: Caron et al. 2021, equation 4.

    >>> center = Center(2, momentum=0.9)
    >>> center.update(torch.tensor([[1.0, 0.0], [3.0, 0.0]]))
    >>> center.value.tolist()
    [0.20000000298023224, 0.0]
    """

    value: Tensor

    def __init__(self, prototypes: int, momentum: float = 0.9) -> None:
        super().__init__()
        if prototypes < 1:
            raise ValueError(f"prototypes must be at least 1; got {prototypes}")
        if not 0 <= momentum < 1:
            raise ValueError(f"momentum must be from 0 up to, not including, 1; got {momentum}")
        self.momentum = momentum
        self.register_buffer("value", torch.zeros(prototypes))

    @torch.no_grad()
    def update(self, logits: Tensor, weights: Tensor | None = None) -> None:
        """Move towards the mean of `logits` `...,K` over leading axes and processes, weighted by `weights` `...`.

        Without weights every process must bring as many rows. If the weights of all processes sum to 0, nothing
        moves. Raises ValueError on other shapes.
        """
        if logits.shape[-1:] != self.value.shape or logits.numel() == 0:
            raise ValueError(f"logits must be ...,{len(self.value)}; got {tuple(logits.shape)}")
        if weights is not None and weights.shape != logits.shape[:-1]:
            raise ValueError(
                f"weights must be {tuple(logits.shape[:-1])} for logits {tuple(logits.shape)}; "
                f"got {tuple(weights.shape)}"
            )
        rows = full_precision(logits).flatten(0, -2)  # R,K
        if weights is None:
            mean = sum_over_processes(rows.mean(0)) / world_size()
        else:
            mass = weights.to(rows.dtype).reshape(-1, 1)
            total = sum_over_processes(torch.cat([(rows * mass).sum(0), mass.sum(0)]))  # K+1: one message
            total, count = total[:-1], total[-1]
            mean = torch.where(count > 0, total / (count + (count == 0)), self.value)
        self.value.lerp_(mean.to(self.value.dtype), 1 - self.momentum)


def view_cross_entropy(student_logits: Tensor, teacher_probs: Tensor, student_temperature: float = 0.1) -> Tensor:
    """Cross-entropy of each student crop to each teacher crop but its own: mean over those pairs and over the batch.

    `student_logits` `S,B,K` and `teacher_probs` `T,B,K`, the T crops that the teacher saw first among the student's.
    The pairs s = t are left out. At best the targets' entropy; ln K where the student is uniform. Float32 inside,
    float64 stays. Raises ValueError on other shapes, where no pair remains, and on a temperature that is not positive.

    Source: Caron et al. 2021, equation 3.

    >>> student, targets = torch.zeros(4, 8, 16), torch.full((2, 8, 16), 1 / 16)    # 4 crops, the teacher saw 2
    >>> abs(view_cross_entropy(student, targets).item() - math.log(16)) < 1e-6
    True
    """
    check_temperature(student_temperature, USUAL)
    if student_logits.ndim != 3 or teacher_probs.ndim != 3 or student_logits.shape[1:] != teacher_probs.shape[1:]:
        raise ValueError(
            "student_logits must be S,B,K and teacher_probs T,B,K; "
            f"got {tuple(student_logits.shape)} and {tuple(teacher_probs.shape)}"
        )
    (s, batch, _), t = student_logits.shape, len(teacher_probs)
    same = min(s, t)
    pairs = s * t - same
    if pairs == 0 or batch == 0:
        raise ValueError(f"no pair of a student crop and another teacher crop: {s} and {t} of them, batch {batch}")
    targets = full_precision(teacher_probs)
    log_student = F.log_softmax(full_precision(student_logits) / student_temperature, dim=-1)  # S,B,K
    # Cross-entropy is linear in its target: what a crop owes to all its teachers is what it owes to their sum.
    every = targets.sum(0)  # B,K
    first, others = log_student.split([same, s - same])
    total = (every * others).sum() + ((every - targets[:same]) * first).sum()
    return total / -(pairs * batch)


def patch_cross_entropy(
    student_logits: Tensor, teacher_probs: Tensor, weights: Tensor | None = None, student_temperature: float = 0.1
) -> Tensor:
    """Cross-entropy patch by patch: each image's weighted mean over its patches, then the mean over the images.

    `student_logits` and `teacher_probs` `...,N,K` with one image an entry of the leading axes; `weights` `...,N` (bool
    or not negative; None = all ones), in iBOT the mask. An image's sum of weights is taken as at least 1, so an image
    without a masked patch counts as 0 in the mean over the images. Float32 inside, float64 stays. Raises ValueError on
    other shapes and on a temperature that is not positive.

    Source: Zhou et al. 2022, equation 3, with the normalisation of the official code.

    >>> student, targets = torch.zeros(2, 4, 16), torch.full((2, 4, 16), 1 / 16)
    >>> mask = torch.tensor([[True, False, False, False], [True, True, True, False]])
    >>> abs(patch_cross_entropy(student, targets, mask).item() - math.log(16)) < 1e-6
    True
    """
    check_temperature(student_temperature, USUAL)
    check_pair("...,N,K", student_logits=student_logits, teacher_probs=teacher_probs)
    log_student = F.log_softmax(full_precision(student_logits) / student_temperature, dim=-1)
    losses = -(full_precision(teacher_probs) * log_student).sum(-1)  # ...,N
    if weights is None:
        return losses.mean()
    if weights.shape != losses.shape:
        raise ValueError(f"weights must be {tuple(losses.shape)}, one a patch; got {tuple(weights.shape)}")
    weights = weights.to(losses.dtype)
    return ((losses * weights).sum(-1) / weights.sum(-1).clamp(min=1)).mean()


def entropy(probs: Tensor, weights: Tensor | None = None) -> Tensor:
    """Mean entropy of the distributions `...,K` in nats: 0 (all certain) to ln K (all uniform).

    `weights` `...` say how much each counts; where all are 0 the result is 0. For a teacher's targets both ends mean
    collapse. Raises ValueError on a tensor without entries.

    >>> abs(entropy(torch.tensor([[1.0, 0.0], [0.5, 0.5]])).item() - math.log(2) / 2) < 1e-6
    True
    """
    if probs.ndim < 1 or probs.numel() == 0:
        raise ValueError(f"probs must be ...,K; got {tuple(probs.shape)}")
    each = torch.special.entr(full_precision(probs)).sum(-1)
    if weights is None:
        return each.mean()
    weights = weights.to(each.dtype)
    return (weights * each).sum() / weights.sum().clamp_min(torch.finfo(each.dtype).tiny)
