"""Images a second through one whole DINO step, beside the same step put together from lightly's modules.

The step: teacher forward, student forward, loss, backward, clipping, AdamW, the teacher's running mean. Both sides get
the same views, which are not timed. lightly's side is its own PyTorch example of DINO (view by view, float32) with our
ViT, head sizes, prototypes and optimiser; both sides start from the same weights, and their first losses are compared.

    python benchmarks/step.py                        the three rows
    python benchmarks/step.py --compile inductor     and a fourth: ours compiled (a minute or two more)
    python benchmarks/step.py --profile operators    where the time of both sides goes, instead
"""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable
from dataclasses import dataclass

import torch
from common import arguments, heading, race, show, write
from torch import Tensor, nn

from sslcourse.data.augment import Augmentation
from sslcourse.data.imageset import ImageSet
from sslcourse.data.views import MultiCrop, MultiCropSettings
from sslcourse.evaluation.throughput import wait
from sslcourse.methods.combined import Combined, CombinedSettings
from sslcourse.methods.dino import DINO, DINOSettings
from sslcourse.methods.distillation import Distillation
from sslcourse.methods.removal import Removal
from sslcourse.models import build_encoder
from sslcourse.training.runtime import make_runtime, pick_device
from sslcourse.training.settings import FitSettings
from sslcourse.training.state import TrainingState

MOMENTUM, CLIP, RATE, DECAY = 0.99, 3.0, 5e-4, 0.04
# The head of lightly's example: the paper's, without normalisation, with a centre.
HEAD = Distillation(
    prototypes=2048,
    hidden_dim=512,
    bottleneck_dim=64,
    head_norm="none",
    bottleneck_norm="none",
    targets="centering",
    momentum=MOMENTUM,
    momentum_schedule="fixed",
    freeze_prototypes=0.0,
)
# Row, our precision, whether ours is compiled, our keep rate; theirs stays as it is.
ROWS = (("fp32", "fp32", False, 1.0), ("as_shipped", "auto", "auto", 1.0), ("keep_0.5", "auto", "auto", 0.5))
COMPILED = ("compiled", "auto", True, 1.0)
PRODUCTS = ("mm", "addmm", "bmm", "baddbmm", "_addmm_activation", "mkldnn_convolution", "convolution_backward")


@dataclass(frozen=True)
class Shape:
    """How large a step is."""

    encoder: str = "vit_192x6_p8"
    local_crops: int = 6
    batch: int = 32
    steps: int = 4  # in a timed round
    size: int = 64
    local_size: int = 32

    @property
    def images(self) -> Tensor:
        """Noise: the time does not depend on what is seen."""
        generator = torch.Generator().manual_seed(0)
        return torch.randint(0, 256, (self.batch, 3, self.size, self.size), dtype=torch.uint8, generator=generator)

    @property
    def crops(self) -> MultiCropSettings:
        """Two global crops, and the local ones."""
        return MultiCropSettings(Augmentation(self.size), Augmentation(self.local_size), local_crops=self.local_crops)


SMOKE = Shape("vit_64x2_p8", local_crops=2, batch=4, steps=1)


def make_method(shape: Shape, keep: float = 1.0, **settings) -> DINO | Combined:
    """DINO; with something to remove or decode, the combined method, by default with the class token's loss alone."""
    torch.manual_seed(0)
    encoder = build_encoder(shape.encoder, image_size=shape.size)
    if keep == 1 and not settings:
        return DINO(encoder, DINOSettings(shape.crops, HEAD))
    removal = Removal("low" if keep < 1 else "none", keep, removal_warmup=0.0)
    settings = {"patch_loss": "off", "reconstruction": "off", **settings}
    return Combined(encoder, CombinedSettings(shape.crops, HEAD, removal, **settings))


class Ours:
    """Our step, as `fit` takes it, on views that are given."""

    def __init__(self, shape: Shape, method: nn.Module, precision: str, compile: bool | str = "auto") -> None:
        settings = {"learning_rate": RATE, "weight_decay": DECAY, "warmup_steps": 0, "clip_norm": CLIP}
        settings = FitSettings(steps=1_000_000, batch_size=shape.batch, **settings)
        image_set = ImageSet(shape.images, torch.zeros(shape.batch, dtype=torch.int64), ("any",), "noise")
        self.run = TrainingState(method, image_set, settings, make_runtime("auto", precision, compile))
        self.views = self.run.draw_views()

    def __call__(self) -> Tensor:
        """One step; its loss."""
        self.run.method.begin_step(self.run.step, self.run.settings.steps)
        return self.run.update(self.views)["loss"]


class Theirs(nn.Module):
    """The step of lightly's example, from lightly's modules, on the same views (normalised as by its transform)."""

    def __init__(self, method: DINO, views: MultiCrop) -> None:
        super().__init__()
        from lightly.loss import DINOLoss
        from lightly.models.modules import DINOProjectionHead
        from lightly.models.utils import deactivate_requires_grad, update_momentum

        encoder = method.encoder
        sizes = encoder.dim, HEAD.hidden_dim, HEAD.bottleneck_dim, HEAD.prototypes
        self.student_backbone = copy.deepcopy(encoder.vit)
        self.student_head, self.teacher_head = DINOProjectionHead(*sizes), DINOProjectionHead(*sizes)
        self.student_head.layers.load_state_dict(method.head.mlp.state_dict())
        self.student_head.last_layer.weight_v.data.copy_(method.head.prototypes.data)
        self.teacher_head.load_state_dict(self.student_head.state_dict())
        self.teacher_backbone = copy.deepcopy(self.student_backbone)
        deactivate_requires_grad(self.teacher_backbone)
        deactivate_requires_grad(self.teacher_head)
        self.criterion = DINOLoss(output_dim=HEAD.prototypes, warmup_teacher_temp_epochs=5)
        self.update_momentum = update_momentum
        self.to(views.global_views.device)
        self.trained = [parameter for parameter in self.parameters() if parameter.requires_grad]
        self.optimizer = torch.optim.AdamW(self.trained, lr=RATE, weight_decay=DECAY, betas=(0.9, 0.95), fused=True)
        self.views = [(view - encoder.mean) / encoder.std for group in views[:2] for view in group]

    def forward(self) -> Tensor:
        """One step; its loss."""
        teacher = [self.teacher_head(self.teacher_backbone(view).flatten(start_dim=1)) for view in self.views[:2]]
        student = [self.student_head(self.student_backbone(view).flatten(start_dim=1)) for view in self.views]
        loss = self.criterion(teacher, student, epoch=0)
        loss.backward()
        nn.utils.clip_grad_norm_(self.trained, CLIP)
        self.optimizer.step()
        self.optimizer.zero_grad()
        self.update_momentum(self.student_backbone, self.teacher_backbone, m=MOMENTUM)
        self.update_momentum(self.student_head, self.teacher_head, m=MOMENTUM)
        return loss.detach()


def repeated(step: Callable[[], Tensor], shape: Shape) -> Callable[[], int]:
    """A timed round of a side: so many steps; returns how many images went through."""

    def run() -> int:
        for _ in range(shape.steps):
            step()
        wait()
        return shape.steps * shape.batch

    return run


def make_sides(shape: Shape, precision: str, compile: bool | str, keep: float) -> tuple[Ours, Theirs]:
    """Both sides, from the same weights and on the same views."""
    ours = Ours(shape, make_method(shape, keep), precision, compile)
    return ours, Theirs(make_method(shape).to(ours.run.runtime.device), MultiCrop(*ours.views[:2]))


def kind_of(operator: str) -> str:
    """Of what kind an operator of torch's is."""
    name = operator.removeprefix("aten::")
    if "attention" in name or "flash" in name:
        return "attention"
    return "matrix products" if name in PRODUCTS else "other"


def profile(step: Callable[[], Tensor], steps: int = 3) -> dict[str, float]:
    """The shares of a step's time by kind of operator, each operator's own time counted alone."""
    step()
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as found:
        for _ in range(steps):
            step()
    shares = dict.fromkeys(("matrix products", "attention", "other"), 0.0)
    for event in found.key_averages():
        shares[kind_of(event.key)] += event.self_cpu_time_total
    total = sum(shares.values())
    return {kind: value / total for kind, value in shares.items()}


def main() -> None:
    choices = {"compile": ("no", "inductor"), "profile": ("no", "operators")}
    given = arguments(__doc__.splitlines()[0], smoke=True, choices=choices)
    shape = SMOKE if given.smoke else Shape()
    torch.set_num_threads(min(torch.get_num_threads(), 2))
    warnings.filterwarnings("ignore", category=FutureWarning)  # lightly's head uses torch's old weight norm
    if given.profile != "no":
        for side, step in zip(("ours", "theirs"), make_sides(shape, "fp32", False, 1.0)):
            print(f"{side:8s}" + "  ".join(f"{kind} {share:.0%}" for kind, share in profile(step).items()))
        return
    heading("images a second")
    rows = []
    for name, precision, compile, keep in ROWS if given.compile == "no" else (*ROWS, COMPILED):
        ours, theirs = make_sides(shape, precision, compile, keep)
        first = float(ours()), float(theirs())
        if keep == 1 and abs(first[0] - first[1]) > (1e-3 if precision == "fp32" else 0.1):
            raise SystemExit(f"the two sides do not compute the same: first losses {first}")
        row = race(name, repeated(ours, shape), repeated(theirs, shape), given.rounds)
        runtime = ours.run.runtime
        rows.append(show(row, 1) | {"precision": runtime.precision, "compile": runtime.compile, "losses": first})
    ours = f"{rows[-1]['precision']}, compile {rows[-1]['compile']}, as shipped on {pick_device()}"
    print(f"ours: {ours}; theirs: fp32, eager")
    write(given.json, rows)


if __name__ == "__main__":
    main()
