"""Lab 5, stages 4 and 5: what removal saves by counting, and by the clock, in training and in use."""

from collections.abc import Callable
from functools import partial
from typing import Any

from torch import nn

from sslcourse.claims.speed import GuidedEncoder
from sslcourse.evaluation.features import evaluate_knn, home_of
from sslcourse.evaluation.throughput import counted_flops
from sslcourse.figures import plot_curves, show
from sslcourse.labs.removal.looking import Looking
from sslcourse.labs.removal.measurements import features_once, in_turns, new_run, with_keep_rate
from sslcourse.labs.removal.session import PATCH
from sslcourse.models import build_encoder
from sslcourse.models.evit import PrunedEncoder
from sslcourse.notebook.checks import mine_or_reference
from sslcourse.notebook.findings import bracket
from sslcourse.notebook.scales import scale
from sslcourse.notebook.stopping import in_a_card
from sslcourse.notebook.table import show_numbers
from sslcourse.training.images import NEIGHBOURS

ROUNDS = {"smoke": 1, "cpu": 5, "gpu": 15}
KEEP_RATES = (1.0, 0.75, 0.5, 0.25)
FIRST_BLOCK = (0,)  # where the network removes patches itself
# Settings of a step by name: patches of a global crop, width, local crops, patches of each.
OWN = "this lab's arms"
LARGER = {"ViT-S/16, no local crops": (196, 384, 0, 36), "ViT-S/16, 8 local crops": (196, 384, 8, 36)}


class Timing(Looking):
    """What the cells of the stages on speed call."""

    @property
    def step_sizes(self) -> tuple[int, int, int, int]:
        """Patches of a global crop, width, local crops and patches of each in a step of this lab's arms."""
        recipe = self.recipes(scale())["baseline"]
        crops = recipe.method.crops
        patches, local = ((crop.size // PATCH) ** 2 for crop in (crops.global_crop, crops.local_crop))
        return patches, build_encoder(recipe.encoder.name, recipe.data.size).dim, crops.local_crops, local

    @in_a_card
    def count(self, speed_up: Callable, force: bool = False) -> None:
        """Stage 4: how much faster a step gets by counted operations, for three settings and all keep rates."""
        faster = mine_or_reference("removal.speed", speed_up, force)
        curves = {}
        sizes = {OWN: self.step_sizes, **LARGER}
        for name, (patches, dim, crops, local) in sizes.items():
            kept = range(max(1, patches // 36), patches + 1, max(1, patches // 36))
            curves[name] = (
                [keep / patches for keep in kept],
                [float(faster(keep, patches, dim, crops, local)) for keep in kept],
            )
        show(
            plot_curves(
                curves,
                levels={"the teacher's bound": 4.0},
                x_label="share of the patches that stays",
                y_label="times faster",
                y_limits=(0.9, 4.2),
            )
        )
        half = {name: float(faster(size[0] // 2, *size)) for name, size in sizes.items()}
        text = "with half of the patches removed, " + ", ".join(
            f"{one:.2f} times ({name})" for name, one in half.items()
        )
        self.found("removal.counted", text, bracket(half[OWN], 1.2, 1.7, "cba"))

    @in_a_card
    def clock(self, fair_time: Callable, speed_up: Callable, force: bool = False) -> None:
        """Stage 4: a whole training step by the clock, beside two counts of its operations."""
        look = mine_or_reference("removal.time", fair_time, force)
        faster = mine_or_reference("removal.speed", speed_up, force)
        steps, flops = {}, {}
        for rate in KEEP_RATES:
            run = new_run(with_keep_rate(self.recipe(), rate), self.images)
            steps[f"keep {rate:g}"] = run.step_once
            flops[f"keep {rate:g}"] = counted_flops(run.step_once)
        seconds = in_turns(look, steps, ROUNDS[scale()])
        patches, *rest = self.step_sizes
        counted = [float(faster(round(rate * patches), patches, *rest)) for rate in KEEP_RATES]
        first = next(iter(seconds))
        rows: list[list[Any]] = []
        for name, blocks in zip(seconds, counted):
            measured = seconds[first] / seconds[name]
            rows.append([name, f"{1000 * seconds[name]:.0f}", measured, flops[first] / flops[name], blocks])
        headings = ["ms a step", "times faster", "counted, whole network", "counted, your function"]
        show_numbers("A training step", headings, rows)
        _, _, measured, whole, blocks = rows[KEEP_RATES.index(0.5)]
        text = (
            f"with half of the patches the step is {measured:.2f} times as fast; counted in the blocks {blocks:.2f}, "
        )
        text += f"in the whole network {whole:.2f}"
        self.found("removal.measured", text, bracket(measured / blocks, 0.9, 1.1, "cba"))

    @in_a_card
    def inference(self, fair_time: Callable, force: bool = False) -> None:
        """Stage 5: iBOT's features with half of the patches: chosen by a teacher, or dropped inside the network."""
        look = mine_or_reference("removal.time", fair_time, force)
        encoder = self.network("ibot")
        ways: dict[str, nn.Module] = {
            "all patches": encoder,
            "a teacher chooses half": GuidedEncoder(encoder, 0.5),
            "the first block drops half": PrunedEncoder(encoder, FIRST_BLOCK, 0.5),
            "and no fused token": PrunedEncoder(encoder, FIRST_BLOCK, 0.5, fuse=False),
        }
        batch = self.seen[:64].to(home_of(encoder))
        steps = {name: partial(features_once, one, batch) for name, one in ways.items()}
        flops = {name: counted_flops(step) for name, step in steps.items()}
        seconds = in_turns(look, steps, 2 * ROUNDS[scale()])
        first = "all patches"
        rows: list[list[Any]] = [[name, seconds[first] / seconds[name], flops[first] / flops[name]] for name in ways]
        headings = ["times faster", "counted"]
        if self.pictures.labelled:
            bank, held_out = self.compared_parts
            k = min(NEIGHBOURS, len(bank))
            for row, one in zip(rows, ways.values()):
                row.append(evaluate_knn(one, bank, held_out, k))
            headings.append("kNN accuracy")
        show_numbers("iBOT's features, half of the patches", headings, rows)
        guided, inside = rows[1][1], rows[2][1]
        text = f"chosen by a teacher {guided:.2f} times as fast as with all patches, dropped inside {inside:.2f}"
        self.found("removal.inference", text, bracket(guided, 0.95, 1.05, "cba"))
