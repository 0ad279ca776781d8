"""The methods of the course: modules with `draw_views(images, generator)` and `forward(views) -> (loss, metrics)`.

Where a method has them, `begin_step(step, steps)` comes before the views are drawn and `end_step()` after the optimiser's
step; `representation` is the encoder to evaluate.
"""

from sslcourse.methods.byol import BYOL, BYOLSettings
from sslcourse.methods.combined import Combined
from sslcourse.methods.combined_settings import CombinedSettings
from sslcourse.methods.dino import DINO, DINOSettings
from sslcourse.methods.distillation import Distillation
from sslcourse.methods.ibot import IBOT, IBOTSettings
from sslcourse.methods.logo import LoGo, LoGoSettings
from sslcourse.methods.removal import Removal
from sslcourse.methods.simclr import SimCLR, SimCLRSettings

__all__ = [
    "BYOL",
    "BYOLSettings",
    "Combined",
    "CombinedSettings",
    "DINO",
    "DINOSettings",
    "Distillation",
    "IBOT",
    "IBOTSettings",
    "LoGo",
    "LoGoSettings",
    "Removal",
    "SimCLR",
    "SimCLRSettings",
]
