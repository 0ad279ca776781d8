"""The optimiser of a run."""

from __future__ import annotations

import torch
from torch import nn

FUSED_ON = ("cuda", "cpu", "mps")


def parameter_groups(method: nn.Module, weight_decay: float) -> list[dict]:
    """Trainable parameters in two groups: matrices and kernels with weight decay; norms, biases and gains without.

    >>> groups = parameter_groups(nn.Sequential(nn.Linear(4, 3), nn.LayerNorm(3)), 0.1)
    >>> [(group["weight_decay"], len(group["params"])) for group in groups]
    [(0.1, 1), (0.0, 3)]
    """
    trained = [parameter for parameter in method.parameters() if parameter.requires_grad]
    if not trained:
        raise ValueError("the method has no parameter that requires a gradient: nothing to train")
    groups = [
        {"params": [parameter for parameter in trained if parameter.ndim >= 2], "weight_decay": weight_decay},
        {"params": [parameter for parameter in trained if parameter.ndim < 2], "weight_decay": 0.0},
    ]
    return [group for group in groups if group["params"]]


def make_optimizer(
    method: nn.Module, *, learning_rate: float, weight_decay: float = 0.0, betas: tuple[float, float] = (0.9, 0.95)
) -> torch.optim.AdamW:
    """AdamW (Loshchilov and Hutter 2019, algorithm 2), fused into one kernel where the device has it."""
    groups = parameter_groups(method, weight_decay)
    fused = all(parameter.device.type in FUSED_ON for group in groups for parameter in group["params"])
    return torch.optim.AdamW(groups, lr=learning_rate, betas=betas, fused=fused)
