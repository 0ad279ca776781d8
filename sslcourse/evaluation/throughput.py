"""Images a second, measured fairly, beside what a count of operations predicts."""

import math
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from statistics import median

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from sslcourse.evaluation.features import evaluating, home_of


def throughput(
    steps: Mapping[str, Callable[[], object]],
    images: int,
    *,
    flops: Mapping[str, float] | None = None,
    rounds: int = 7,
    device: torch.device | str | None = None,
) -> list[dict[str, str | float]]:
    """How many images a second each of `steps` gets through, and how much faster it is than the first.

    A step is a function that takes no argument and works on `images` images: a training step, say, or a forward pass.
    After two rounds of warm-up the steps take turns in each of `rounds` rounds, and `device` (by default this machine's
    accelerator) has finished before each look at the clock. Rows hold `name`, the median `images_per_second`, and
    `speed_up`, the median over the rounds of the first step's seconds divided by this one's, which went from `lowest`
    to `highest`. With `flops`, operations by name in any unit (`pruning.cost.step_cost` or `counted_flops`), they also
    hold `predicted`, the speed-up if time went with operations, and `measured_to_predicted`. Raises ValueError for no
    steps, flops of other names, and numbers below 1.

    >>> import time
    >>> steps = {"slow": lambda: time.sleep(0.05), "fast": lambda: None}
    >>> rows = throughput(steps, images=4, flops={"slow": 2.0, "fast": 1.0}, rounds=3)
    >>> rows[1]["predicted"], rows[1]["speed_up"] > 1, rows[0]["images_per_second"] < 4 / 0.05
    (2.0, True, True)
    """
    if not steps or images < 1 or rounds < 1:
        raise ValueError(f"at least 1 step, 1 image and 1 round are needed; got {len(steps)}, {images} and {rounds}")
    if flops is not None and flops.keys() != steps.keys():
        raise ValueError(f"flops must name the steps {', '.join(steps)}; got {', '.join(flops)}")
    seconds = turns(steps, rounds, device)
    first = next(iter(steps))
    rows = []
    for name, own in seconds.items():
        ratios = [base / each for base, each in zip(seconds[first], own, strict=True)]
        row = {"name": name, "images_per_second": images / median(own), "speed_up": median(ratios)}
        row |= {"lowest": min(ratios), "highest": max(ratios)}
        if flops is not None:
            predicted = flops[first] / flops[name] if flops[name] else math.nan
            row |= {"predicted": predicted, "measured_to_predicted": row["speed_up"] / (predicted or math.nan)}
        rows.append(row)
    return rows


def inference_throughput(
    encoders: Mapping[str, nn.Module],
    images: Tensor,
    *,
    rounds: int = 7,
    autocast: torch.dtype | None = None,
) -> list[dict[str, str | float]]:
    """`throughput` of the encoders' features of one batch, float `B,3,H,W` in [0, 1], beside their `counted_flops`.

    In evaluation mode and without a gradient, in each encoder's own precision, or by `autocast` in the half precision
    that it names. All encoders must be on one device. Raises ValueError otherwise, and as `throughput`.

    >>> from sslcourse.models import PrunedEncoder, build_encoder
    >>> encoder = build_encoder("vit_64x2_p8", image_size=32)
    >>> encoders = {"plain": encoder, "pruned": PrunedEncoder(encoder, layers=(0,), keep_rate=0.5)}
    >>> rows = inference_throughput(encoders, torch.rand(4, 3, 32, 32), rounds=1)
    >>> [row["name"] for row in rows], round(rows[1]["predicted"], 2)
    (['plain', 'pruned'], 1.37)
    """
    homes = {name: home_of(encoder) for name, encoder in encoders.items()}
    devices = {home.device for home in homes.values()}
    if len(devices) != 1:
        raise ValueError(f"the encoders must be on one device; got {', '.join(sorted(map(str, devices)))}")
    (device,) = devices

    def side(name: str, images: Tensor) -> Callable[[], object]:
        encoder, batch = encoders[name], images.to(homes[name])

        def run() -> None:
            with torch.autocast(device.type, autocast, enabled=autocast is not None):
                encoder.features(batch)

        return run

    with ExitStack() as modes:
        for encoder in encoders.values():
            modes.enter_context(evaluating(encoder))
        flops = {name: counted_flops(side(name, images[:1])) for name in encoders}
        steps = {name: side(name, images) for name in encoders}
        return throughput(steps, len(images), flops=flops, rounds=rounds, device=device)


def counted_flops(step: Callable[[], object]) -> float:
    """Operations of one call by torch's counter: matrix products and convolutions, two a multiplication and addition.

    Backward passes count where the step has them. Attention is computed unfused for this one call, since the counter
    does not know every fused kernel; a compiled step or a CUDA graph hides its operations and cannot be counted. Equal
    to what `pruning.cost` says of ViTs' forward passes.

    >>> counted_flops(lambda: torch.rand(2, 3) @ torch.rand(3, 5))
    60.0
    """
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        step()
    return float(counter.get_total_flops())


def turns(
    steps: Mapping[str, Callable[[], object]], rounds: int, device: torch.device | str | None = None
) -> dict[str, list[float]]:
    """Seconds of each step by round: they take turns, forwards and backwards, after two unmeasured rounds.

    >>> turns({"a": lambda: None, "b": lambda: None}, rounds=3).keys()
    dict_keys(['a', 'b'])
    """
    seconds: dict[str, list[float]] = {name: [] for name in steps}
    for turn in range(-2, rounds):
        for name in list(steps) if turn % 2 == 0 else reversed(list(steps)):
            wait(device)
            start = time.perf_counter()
            steps[name]()
            wait(device)
            if turn >= 0:
                seconds[name].append(time.perf_counter() - start)
    return seconds


def wait(device: torch.device | str | None = None) -> None:
    """Until the device (by default this machine's accelerator) has done what it was given; then a clock may be read."""
    if torch.accelerator.is_available() and (device is None or torch.device(device).type != "cpu"):
        torch.accelerator.synchronize(device)
