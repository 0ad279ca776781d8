"""How much faster token removal makes the student, the whole step and inference, beside the count of FLOPs.

Everything is a speed-up over the same with all patches and no decoder. `student`: forward and backward of the student
(and decoder) alone, on given patches. `step`: the whole step, with the teacher, whose attention chooses; heads, losses
and optimiser are in the time and not in the count. `inference`: removal inside the network (EViT) beside the plain ViT.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable
from dataclasses import replace

import torch
from common import arguments, heading, show, write
from step import SMOKE, Ours, Shape, make_method

from sslcourse.evaluation.throughput import turns
from sslcourse.models import TokenEncoder, build_encoder
from sslcourse.models.evit import PrunedEncoder
from sslcourse.pruning.cost import ViTShape, closed_form_speed_up, encoder_flops, pruned_encoder_flops, step_cost
from sslcourse.pruning.select import keep_count, select
from sslcourse.training.runtime import make_runtime

RATES = (1.0, 0.75, 0.5, 0.35, 0.25)
DECODER = {"decoder_dim": 96, "decoder_depth": 4, "decoder_heads": 3}  # half the width, four blocks
CASES = (("2 globals alone", 0, False), ("2 + 6 crops", 6, False), ("2 + 6 crops, decoder", 6, True))
INFERENCE = (((1, 3), 0.7), ((1, 3), 0.5))  # blocks that remove, what each keeps
PATCHES, PATCH_VALUES = 64, 3 * 8 * 8  # of a crop of 64 px, of a patch of 8 px


def vit_shape(encoder: TokenEncoder) -> ViTShape:
    """What the count needs to know of the encoder."""
    return ViTShape(PATCHES, encoder.dim, len(encoder.vit.blocks), patch_values=PATCH_VALUES)


def student_of(step: Ours, keep_rate: float) -> Callable[[], None]:
    """Forward and backward of the encoder on both sizes of crop, and of the decoder where there is one."""
    method, views = step.run.method, step.views
    crops, local = views.global_views.flatten(0, 1), views.local_views.flatten(0, 1)
    kept = None
    if keep_rate < 1:
        kept = select(torch.rand(len(crops), PATCHES, device=crops.device), keep_count(PATCHES, keep_rate), "low")

    def run() -> None:
        with step.run.runtime.autocast():
            tokens = method.encoder(crops, kept)
            ends = [tokens.cls] + ([method.encoder.features(local)] if len(local) else [])
            if getattr(method, "decoder", None) is not None:
                ends.append(method.decoder(tokens.patches, kept, tokens.cls).pixels)
        # Any gradient will do that the last norm does not cancel, as it does a constant one.
        ramps = [
            torch.linspace(-1, 1, end.shape[-1], dtype=end.dtype, device=end.device).expand_as(end) for end in ends
        ]
        torch.autograd.backward(ends, ramps)
        for parameter in step.run.parameters:
            parameter.grad = None

    return run


def row(name: str, whole: list[float], pruned: list[float], predicted: float) -> dict[str, object]:
    """Measured speed-up (median over the rounds) beside the predicted one, their ratio, and the spread of that."""
    measured = [one / other for one, other in zip(whole, pruned, strict=True)]
    middle = statistics.median(measured)
    return {
        "name": name,
        "ours": round(middle, 3),
        "theirs": round(predicted, 3),
        "ratio": round(middle / predicted, 2),
        "spread": [round(min(measured) / predicted, 2), round(max(measured) / predicted, 2)],
        "seconds": round(statistics.median(pruned), 4),
    }


def training(name: str, shape: Shape, decoder: bool, precision: str, rounds: int) -> list[dict[str, object]]:
    """Student and step over the keep rates; with a decoder, over the step that has neither removal nor decoder."""
    steps = {"base": Ours(shape, make_method(shape), precision)}
    for rate in RATES:
        # Where nothing is removed the decoder reconstructs all patches.
        parts = {"reconstruction": "removed" if rate < 1 else "all", **DECODER} if decoder else {}
        steps[rate] = (
            steps["base"] if rate == 1 and not decoder else Ours(shape, make_method(shape, rate, **parts), precision)
        )
    sides = {("student", key): student_of(step, 1.0 if key == "base" else key) for key, step in steps.items()}
    sides |= {("step", key): step for key, step in steps.items()}
    seconds = turns(sides, rounds)
    vit, count = vit_shape(steps["base"].run.method.encoder), {"local_crops": shape.local_crops, "local_patches": 16}
    base = step_cost(vit, 1.0, **count)
    if decoder:
        count |= {"decoder_dim": DECODER["decoder_dim"], "decoder_depth": DECODER["decoder_depth"]}
        count["out_values"] = PATCH_VALUES
    rows = []
    for part in ("student", "step"):
        for rate in RATES:
            cost = step_cost(vit, rate, **count)
            predicted = base.total / cost.total if part == "step" else base.student / (cost.student + cost.decoder)
            rows.append(row(f"{name}, {part}, keep {rate}", seconds[part, "base"], seconds[part, rate], predicted))
            show(rows[-1], 2)
    return rows


def inference(shape: Shape, precision: str, rounds: int) -> list[dict[str, object]]:
    """The encoder that removes patches inside, beside the plain one, on whole images, without a gradient."""
    runtime = make_runtime("auto", precision)
    encoder = build_encoder(shape.encoder, image_size=64).to(runtime.device).eval()
    images = torch.rand(4 * shape.batch, 3, 64, 64, device=runtime.device)
    layers = {kind: tuple(layer for layer in kind[0] if layer < len(encoder.vit.blocks)) for kind in INFERENCE}
    encoders = {"plain": encoder, **{kind: PrunedEncoder(encoder, layers[kind], kind[1]) for kind in INFERENCE}}

    def side(model: torch.nn.Module) -> Callable[[], None]:
        def run() -> None:
            with torch.no_grad(), runtime.autocast():
                model(images)

        return run

    seconds = turns({name: side(model) for name, model in encoders.items()}, rounds)
    rows = []
    for kind in INFERENCE:
        whole = encoder_flops(vit_shape(encoder))
        pruned = pruned_encoder_flops(vit_shape(encoder), layers=layers[kind], keep_rate=kind[1])
        name = f"inference, keep {kind[1]} in blocks {', '.join(map(str, layers[kind]))}"
        rows.append(show(row(name, seconds["plain"], seconds[kind], whole / pruned), 2))
    return rows


def main() -> None:
    given = arguments(__doc__.splitlines()[0], smoke=True, choices={"precision": ("auto", "fp32", "bf16")})
    shape = SMOKE if given.smoke else Shape()
    torch.set_num_threads(min(torch.get_num_threads(), 2))
    precision = make_runtime("auto", given.precision).precision
    heading(f"speed-up, {precision}, batch {shape.batch}", "measured", "predicted")
    rows = []
    for name, local_crops, decoder in CASES:
        rows += training(name, replace(shape, local_crops=local_crops), decoder, precision, given.rounds)
    rows += inference(shape, precision, given.rounds)
    print(
        "4/(3r + 1) for two globals alone: " + ", ".join(f"{rate}: {closed_form_speed_up(rate):.2f}" for rate in RATES)
    )
    write(given.json, rows, precision=precision)


if __name__ == "__main__":
    main()
