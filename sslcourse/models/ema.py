"""A teacher that follows its student as an exponential moving average, and the schedule of its momentum."""

import copy
import math

import torch
from timm.layers import DropPath
from torch import Tensor, nn

DROPOUTS = (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.AlphaDropout, nn.FeatureAlphaDropout)


def make_teacher(student: nn.Module) -> nn.Module:
    """A copy without gradient that shares nothing with the student; it is in training mode if the student is.

    In training mode its BatchNorm takes the batch's statistics, as the student's does; dropout and stochastic depth it
    has none: targets are not a matter of chance. Source: Grill et al. 2020 (BYOL), section 3.1; Caron et al. 2021
    (DINO).

    >>> teacher = make_teacher(nn.Linear(2, 2))
    >>> [parameter.requires_grad for parameter in teacher.parameters()]
    [False, False]
    """
    teacher = copy.deepcopy(student).requires_grad_(False)
    for module in teacher.modules():
        if isinstance(module, DropPath):
            module.drop_prob = 0.0
        elif isinstance(module, DROPOUTS):
            module.p = 0.0
    return teacher


@torch.no_grad()
def update_ema(teacher: nn.Module, student: nn.Module, momentum: float | Tensor) -> None:
    """Move the teacher towards the student, in place: teacher <- momentum * teacher + (1 - momentum) * student.

    Floating-point buffers (BatchNorm's running statistics) move in the same way; others (its count of batches) are
    copied. momentum 1 changes no parameter; momentum 0 copies exactly. All tensors are moved in one call. A momentum
    that is a tensor stays on its device, so that a recorded step can be repeated with another. Raises ValueError when
    momentum lies outside [0, 1] or the two do not have the same tensors.

    Source: Grill et al. 2020 (BYOL), equation 1; He et al. 2020 (MoCo), equation 2.

    >>> student = nn.Linear(1, 1, bias=False)
    >>> teacher = make_teacher(student)
    >>> _ = (nn.init.constant_(teacher.weight, 1.0), nn.init.constant_(student.weight, 3.0))
    >>> update_ema(teacher, student, momentum=0.5)
    >>> teacher.weight.item()
    2.0
    """
    if not isinstance(momentum, Tensor) and not 0 <= momentum <= 1:
        raise ValueError(f"momentum must lie in [0, 1]; got {momentum}")
    ours, theirs = _tensors(teacher), _tensors(student)
    if [(name, tensor.shape) for name, tensor in ours.items()] != [(n, t.shape) for n, t in theirs.items()]:
        different = sorted(set(ours) ^ set(theirs)) or [n for n in ours if ours[n].shape != theirs[n].shape]
        raise ValueError(f"teacher and student must have the same tensors; they differ in {different[:3] or 'order'}")
    moving = [name for name, tensor in ours.items() if tensor.is_floating_point()]
    counted = [name for name, tensor in ours.items() if not tensor.is_floating_point()]
    if moving:
        _move([ours[name] for name in moving], [theirs[name] for name in moving], 1.0 - momentum)
    if counted:
        torch._foreach_copy_([ours[name] for name in counted], [theirs[name] for name in counted])


def _move(tensors: list[Tensor], goals: list[Tensor], share: float | Tensor) -> None:
    """Move each tensor that share of the way to its goal."""
    if not isinstance(share, Tensor):
        torch._foreach_lerp_(tensors, goals, share)
        return
    ways = torch._foreach_sub(goals, tensors)  # `_foreach_lerp_` takes no single tensor as its weight
    torch._foreach_mul_(ways, share)
    torch._foreach_add_(tensors, ways)


def momentum_at(step: int, steps: int, base: float = 0.996) -> float:
    """The momentum at `step` of `steps`: `base` at first, then half a cosine up to 1.

    Raises ValueError when the step lies outside the run or base outside [0, 1].
    Source: Grill et al. 2020 (BYOL), section 3.3: 1 - (1 - base) (cos(pi k / K) + 1) / 2.

    >>> [round(momentum_at(step, 4, base=0.9), 3) for step in range(4)]
    [0.9, 0.915, 0.95, 0.985]
    """
    if not 0 <= step < steps:
        raise ValueError(f"step must lie in 0..{steps - 1}; got {step}")
    if not 0 <= base <= 1:
        raise ValueError(f"base must lie in [0, 1]; got {base}")
    return 1.0 - (1.0 - base) * (math.cos(math.pi * step / steps) + 1.0) / 2.0


def is_aliased(teacher: nn.Module, student: nn.Module) -> bool:
    """True when the two share the memory of any parameter or buffer: then the teacher is (partly) the student itself.

    The loss of such a pair stays at ln K and nothing says why. Nothing waits for the device.

    >>> layer = nn.Linear(2, 2)
    >>> is_aliased(layer, layer), is_aliased(make_teacher(layer), layer)
    (True, False)
    """
    theirs = {_memory(tensor) for tensor in _tensors(student).values() if tensor.numel()}
    return any(_memory(tensor) in theirs for tensor in _tensors(teacher).values() if tensor.numel())


def _tensors(module: nn.Module) -> dict[str, Tensor]:
    return {**dict(module.named_parameters()), **dict(module.named_buffers())}


def _memory(tensor: Tensor) -> tuple[str, int]:
    if tensor.is_meta:  # no memory: the same object or not
        return "meta", id(tensor)
    return str(tensor.device), tensor.untyped_storage().data_ptr()
