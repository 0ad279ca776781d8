"""Lab 2, before anything is trained: what the loss wants, how a teacher follows, who moves whom in a batch."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from sslcourse.figures import plot_bars, plot_curves, show
from sslcourse.labs.byol import pictures
from sslcourse.labs.byol.session import ByolSession
from sslcourse.models.heads import ProjectionHead
from sslcourse.notebook.charts import SIZE
from sslcourse.notebook.checks import mine_or_reference
from sslcourse.notebook.findings import bracket
from sslcourse.notebook.stopping import in_a_card

MOMENTA = (0.9, 0.99, 0.999)


class Looking(ByolSession):
    """What the cells call that train nothing."""

    @in_a_card
    def show_branches(self) -> None:
        """The diagram of BYOL, with a picture of the set."""
        show(pictures.branches(self.pictures.images[0], self.some_views(1)[:, 0]))

    @in_a_card
    def three_networks(self, regression_loss: Callable, force: bool = False) -> None:
        """Stage 1: the loss of a constant, of random weights, and of directions drawn at random."""
        loss = mine_or_reference("byol.loss", regression_loss, force)
        start, generator = self.untrained().method, torch.Generator().manual_seed(self.seed)
        _, _, z1, z2 = self.probe().embed(start)
        drawn = torch.randn(2, *z1.shape, generator=generator)
        constant = torch.ones_like(z1)
        losses = {
            "one vector for all": float(loss(constant, constant)),
            "random weights": float(loss(z1, z2)),
            "random directions": float(loss(*drawn)),
        }
        show(plot_bars(losses, x_label="loss", levels={"worst": 4.0}, size=(7.4, 2.4)))
        constant_loss = losses["one vector for all"]
        text = f"{constant_loss:z.2f} for the constant, {losses['random directions']:.2f} for a guess"
        self.found("byol.constant", text, bracket(constant_loss, 1, 3))

    @in_a_card
    def follow(self, update_ema: Callable, momentum_at: Callable, force: bool = False) -> None:
        """Stage 2: how a teacher comes nearer to a student that has jumped and stands still; the schedule of a run."""
        update = mine_or_reference("byol.teacher", update_ema, force)
        schedule = mine_or_reference("byol.momentum", momentum_at, force)
        left = {momentum: distances(update, momentum, 1000) for momentum in MOMENTA}
        half = {
            momentum: next((step for step, d in enumerate(way) if d <= 0.5), None) for momentum, way in left.items()
        }
        recipe = self.recipe()
        steps, base = recipe.fit.steps, recipe.method.momentum
        first = {f"momentum {momentum}": (range(301), way[:301]) for momentum, way in left.items()}
        show(
            plot_curves(first, levels={"half way": 0.5}, y_label="distance left", y_limits=(0, 1.02), size=SIZE),
            plot_curves(
                {"momentum": (range(steps), [float(schedule(step, steps, base)) for step in range(steps)])},
                y_label="momentum in a run",
                size=SIZE,
            ),
        )
        text = "half way after " + ", ".join(f"{steps} steps at {momentum}" for momentum, steps in half.items())
        self.found("byol.half_way", text, bracket(half[0.99] or 1000, 30, 200))

    @in_a_card
    def leak(self, influence: Callable, count: int = 6, force: bool = False) -> None:
        """Stage 6: whose projection moves when another picture's features change, by the head's normalisation."""
        moves = mine_or_reference("byol.influence", influence, force)
        method = self.untrained().method
        features = self.probe().embed(method)[0][:count]
        step = features.std(0)
        tables = {}
        for norm, name in (("none", "no normalisation"), ("layer", "LayerNorm"), ("batch", "BatchNorm")):
            tables[name] = _moved(moves, norm, features, step, self.seed)
        show(pictures.influences(tables))
        others = {name: _beside(table) for name, table in tables.items()}
        text = ", ".join(f"{100 * share:.0f} % of the others with {name}" for name, share in others.items())
        self.found(
            "byol.leak",
            f"when one picture changes, the outputs move of {text}",
            bracket(others["BatchNorm"], 0.01, 0.99),
        )


def distances(update: Callable, momentum: float, steps: int) -> list[float]:
    """How far a teacher still is from a student that stands one away from it, before each step and after the last."""
    teacher, student = nn.Linear(1, 1, bias=False).requires_grad_(False), nn.Linear(1, 1, bias=False)
    nn.init.zeros_(teacher.weight)
    nn.init.ones_(student.weight)
    way = [1.0]
    for _ in range(steps):
        update(teacher, student, momentum)
        way.append(1 - teacher.weight.item())
    return way


def _moved(moves: Callable, norm: str, features: Tensor, step: Tensor, seed: int) -> Tensor:
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        head = ProjectionHead(features.shape[1], 256, 64, norm=norm)
    return torch.as_tensor(moves(head, features, step)).detach().float().cpu()


def _beside(table: Tensor) -> float:
    """The share of the entries beside the diagonal that are not zero."""
    off = ~torch.eye(len(table), dtype=torch.bool)
    return (table[off] > 1e-6).float().mean().item()
