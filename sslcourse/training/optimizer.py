"""The optimiser of a run: which parameters decay, and which have their own learning rate."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from sslcourse.methods.method import Method

FUSED_ON = ("cuda", "cpu", "mps")
GROUP_KEYS = {"params", "lr_scale", "constant_lr", "weight_decay"}


def parameter_groups(method: Method, weight_decay: float) -> list[dict]:
    """Trainable parameters in groups: matrices and kernels with weight decay; norms, biases and gains without.

    `method.optimizer_groups()` may ask for groups of its own: `params`, and optionally `lr_scale` (a factor of the
    learning rate), `constant_lr` (no schedule, as for SimSiam's predictor) and `weight_decay` (None: as the others).
    The groups returned have these keys and `follows_decay` (whether they have the run's weight decay). Frozen
    parameters are left out. Raises ValueError if nothing is trained, for unknown keys, and for a parameter that is
    listed twice or does not belong to the method.

    >>> method = Method()
    >>> method.encoder = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.LayerNorm(3))
    >>> groups = parameter_groups(method, 0.1)
    >>> [(group["weight_decay"], len(group["params"])) for group in groups]
    [(0.1, 1), (0.0, 3)]
    """
    trained = [parameter for parameter in method.parameters() if parameter.requires_grad]
    if not trained:
        raise ValueError("the method has no parameter that requires a gradient: nothing to train")
    own = list(method.optimizer_groups())
    for group in own:
        if not {"params"} <= set(group) <= GROUP_KEYS:
            raise ValueError(
                f"a group of optimizer_groups() has params and any of {sorted(GROUP_KEYS)}; got {sorted(group)}"
            )
    own = [{**group, "params": [p for p in group["params"] if p.requires_grad]} for group in own]
    apart = [id(parameter) for group in own for parameter in group["params"]]
    if len(apart) != len(set(apart)) or not set(apart) <= {id(parameter) for parameter in trained}:
        raise ValueError("optimizer_groups() must list parameters of the method, each once")
    own.append({"params": [parameter for parameter in trained if id(parameter) not in set(apart)]})
    groups = [part for group in own for part in _split_by_decay(group, weight_decay)]
    return [group for group in groups if group["params"]]


def _split_by_decay(group: dict, weight_decay: float) -> list[dict]:
    """The group itself if it has a weight decay; otherwise one part that follows the run's and one without any."""
    rate = {"lr_scale": float(group.get("lr_scale", 1.0)), "constant_lr": bool(group.get("constant_lr", False))}
    if (given := group.get("weight_decay")) is not None:
        return [{"params": group["params"], "weight_decay": float(given), "follows_decay": False, **rate}]
    wide = [parameter for parameter in group["params"] if parameter.ndim >= 2]
    thin = [parameter for parameter in group["params"] if parameter.ndim < 2]
    return [
        {"params": wide, "weight_decay": weight_decay, "follows_decay": True, **rate},
        {"params": thin, "weight_decay": 0.0, "follows_decay": False, **rate},
    ]


def make_optimizer(
    method: Method, *, learning_rate: float, weight_decay: float = 0.0, betas: tuple[float, float] = (0.9, 0.95)
) -> torch.optim.AdamW:
    """AdamW (Loshchilov and Hutter 2019, algorithm 2), fused into one kernel if the device supports it."""
    groups = parameter_groups(method, weight_decay)
    fused = all(parameter.device.type in FUSED_ON for group in groups for parameter in group["params"])
    return torch.optim.AdamW(groups, lr=learning_rate, betas=betas, fused=fused)


def set_rates(optimizer: torch.optim.Optimizer, *, scheduled: float, peak: float, weight_decay: float) -> None:
    """Give every group its learning rate and weight decay for the coming step.

    >>> method = Method()
    >>> method.encoder = torch.nn.Linear(2, 2)
    >>> optimizer = make_optimizer(method, learning_rate=1.0)
    >>> set_rates(optimizer, scheduled=0.5, peak=1.0, weight_decay=0.1)
    >>> [(group["lr"], group["weight_decay"]) for group in optimizer.param_groups]
    [(0.5, 0.1), (0.5, 0.0)]
    """
    for group in optimizer.param_groups:
        rate = (peak if group["constant_lr"] else scheduled) * group["lr_scale"]
        if isinstance(group["lr"], torch.Tensor):
            group["lr"].fill_(rate)
        else:
            group["lr"] = rate
        if group["follows_decay"]:
            group["weight_decay"] = weight_decay


def keep_rates_on(optimizer: torch.optim.Optimizer, device: torch.device) -> None:
    """From now on the learning rates are tensors on `device`, which a recorded step reads anew each time."""
    dtype = torch.float32 if device.type == "cuda" else torch.float64  # those that the fused kernels read
    for group in optimizer.param_groups:
        group["lr"] = torch.tensor(float(group["lr"]), dtype=dtype, device=device)


@contextmanager
def capturable(optimizer: torch.optim.Optimizer) -> Iterator[None]:
    """Let a step be recorded, which torch refuses without this mark; with it, steps that are not recorded warn."""
    for group in optimizer.param_groups:
        group["capturable"] = True
    try:
        yield
    finally:
        for group in optimizer.param_groups:
            group["capturable"] = False


def keep_rates_as_numbers(optimizer: torch.optim.Optimizer) -> None:
    """Undo `keep_rates_on`, for a checkpoint that a recorded run may have written."""
    for group in optimizer.param_groups:
        group["lr"] = float(group["lr"])
