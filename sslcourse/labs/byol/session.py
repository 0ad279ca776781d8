"""Lab 2's session: what its arms are, how they are built and compared, and what is measured of them."""

from typing import Any

import torch
from torch import Tensor

from sslcourse.evaluation.collapse import effective_rank
from sslcourse.evaluation.features import evaluating
from sslcourse.labs.byol import arms
from sslcourse.labs.byol.method import HandmadeBYOL, Own, course_functions
from sslcourse.losses.regression import cosine_regression
from sslcourse.methods import Method
from sslcourse.notebook.charts import Panels
from sslcourse.notebook.probe import pair_meters
from sslcourse.notebook.views import TwoViewLab
from sslcourse.training.recipes import Recipe, build_method

PANELS: Panels = {
    "loss on held-out pictures": ({"probe_loss": "loss"}, None),
    "spread of the projections": ({"channel_std": "channel standard deviation"}, (0, 0.135)),
    "cosine of pairs": ({"positive_cosine": "positive pairs", "negative_cosine": "negative pairs"}, (-0.1, 1.05)),
    "directions in use": ({"projection_rank": "effective rank"}, None),
}

METERS = {
    "channel_std": "spread of the projections",
    "negative_cosine": "cosine of negative pairs",
    "contrastive_accuracy": "contrastive accuracy",
    "projection_rank": "rank of the projections",
}


class ByolSession(TwoViewLab):
    """The pictures, arms and probes of Lab 2; `images` is a data set's name or `folder:PATH`."""

    name = "byol"
    titles, colours, panels, meters = arms.TITLES, arms.COLOURS, PANELS, METERS
    recipes = staticmethod(arms.recipes)
    handmade, course_functions = ("baseline",), staticmethod(course_functions)

    def build(self, recipe: Recipe, own: Any) -> Method:
        """An arm's untrained network, made of the reader's functions, or changed by one function."""
        if isinstance(own, Own):
            return build_method(recipe, lambda encoder, settings: HandmadeBYOL(encoder, settings, own))
        method = build_method(recipe)
        return method if own is None else own(method)

    def measure(self, method: Method, arm: str) -> dict[str, float]:
        """What the meters show of held-out pictures, on views as the arm trains on."""
        probe = self.probe(arm)
        h1, _, z1, z2 = probe.embed(method)
        values: dict[str, Any] = {
            "probe_loss": probe_loss(method, probe.views, z1, z2),
            **pair_meters(h1, z1, z2),
            "projection_rank": effective_rank(z1),
            "teacher_distance": teacher_distance(method),
        }
        return {name: float(value) for name, value in values.items()}


def probe_loss(method: Any, views: Tensor, z1: Tensor, z2: Tensor) -> Tensor:
    """The method's loss on held-out views in evaluation: SimCLR's, or how far predictions are from targets."""
    if not hasattr(method, "projector"):
        return method.loss(z1, z2, method.settings.temperature)
    device = next(method.parameters()).device
    with evaluating(method):
        z = torch.cat([z1, z2]).to(device)
        predictions = z if method.predictor is None else method.predictor(z)
        if method.teacher_encoder is None:
            targets = z
        else:
            targets = method.teacher_projector(method.teacher_encoder.features(views.flatten(0, 1).to(device)))
        return cosine_regression(predictions, targets.roll(len(z1), 0))


@torch.no_grad()
def teacher_distance(method: Method) -> float:
    """How far the teacher's weights are from the student's, as a share of their length; 0 without a teacher."""
    pairs = [
        (one.detach().float(), other.detach().float())
        for teacher, student in method.teacher_pairs()
        if teacher is not None
        for one, other in zip(teacher.parameters(), student.parameters())
    ]
    if not pairs:
        return 0.0
    apart = torch.stack([(one - other).square().sum() for one, other in pairs]).sum()
    return float((apart / torch.stack([other.square().sum() for _, other in pairs]).sum()).sqrt())
