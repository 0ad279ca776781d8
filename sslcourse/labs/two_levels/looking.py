"""Lab 4's experiments that train nothing: the diagram, targets that are balanced, what the loss can be at best."""

from collections.abc import Callable
from typing import Any

import torch

from sslcourse.data.views import multi_crop
from sslcourse.figures import plot_bars, show
from sslcourse.labs.two_levels import pictures
from sslcourse.labs.two_levels.session import LevelsSession
from sslcourse.losses.distillation import entropy
from sslcourse.methods.meters import target_meters
from sslcourse.notebook.checks import mine_or_reference
from sslcourse.notebook.findings import bracket
from sslcourse.notebook.scales import scale
from sslcourse.notebook.stopping import Stopped, in_a_card
from sslcourse.notebook.table import show_numbers


class Looking(LevelsSession):
    """What the cells call that train nothing."""

    @in_a_card
    def show_levels(self) -> None:
        """The diagram of the two levels, with a picture of the set."""
        generator = torch.Generator().manual_seed(self.seed)
        settings = self.recipes(scale())["baseline"].method.crops  # known also for pictures too few to train on
        crops = multi_crop(self.pictures.images[:1], settings, generator)
        show(pictures.two_levels(self.pictures.images[0], crops))

    @in_a_card
    def balance(self, sinkhorn: Callable, force: bool = False) -> None:
        """Stage 2: the logits of a teacher with favourites, made into targets in three ways."""
        balanced = mine_or_reference("two_levels.sinkhorn", sinkhorn, force)
        temperature = self.recipe("no_center").method.distillation.teacher_temperature
        logits = self.teacher_logits("no_center").double()
        if len(logits) < 4:  # half of them make the centre
            raise Stopped(
                f"To balance targets, four or more held-out pictures are needed, not {len(logits)}. Add some."
            )
        center = logits[: len(logits) // 2].mean(0)  # of other pictures than the second half
        logits = logits[len(logits) // 2 :]
        ways = {
            "softmax": (logits / temperature).softmax(1),
            "centred": ((logits - center) / temperature).softmax(1),
            **{
                f"Sinkhorn, {count} iteration{'s' * (count > 1)}": balanced(logits, temperature, count)
                for count in (1, 3, 10)
            },
        }
        rows: list[list[Any]] = []
        for name, targets in ways.items():
            meters = {key: float(value) for key, value in target_meters(targets).items()}
            rows.append([name, f"{meters['used_prototypes']:.1f}", meters["teacher_entropy"]])
        most = logits.shape[1]
        show(
            plot_bars(
                {name: float(used) for name, used, _ in rows},
                x_label="prototypes in use",
                levels={"all there are": most},
                size=(7.4, 2.6),
            )
        )
        show_numbers(f"{len(logits)} pictures", ["prototypes in use", "entropy of a target (nats)"], rows)
        before, after = (float(rows[at][1]) for at in (0, 3))
        text = f"{before:.1f} prototypes in use with a softmax, {after:.1f} after three iterations, of {most}"
        self.found("two_levels.balanced", text, bracket(after / most, 0.25, 0.6))

    @in_a_card
    def best_loss(self, cls_loss: Callable, force: bool = False) -> None:
        """Stage 3: the loss of a student that says exactly what the teacher says, of one that guesses, of real ones."""
        loss = mine_or_reference("two_levels.cls", cls_loss, force)
        temperature = self.recipe("sound").method.distillation.teacher_temperature
        logits = self.teacher_logits("sound").double()
        goal = (logits / temperature).log_softmax(1).expand(2, -1, -1)
        targets = goal.exp()
        losses = {
            "says what the teacher says": one_number(loss(goal, targets)),
            "guesses: all prototypes alike": one_number(loss(torch.zeros_like(goal), targets)),
        }
        own = float(entropy(targets))
        show(plot_bars(losses, x_label="loss (nats)", levels={"entropy of the targets": own}, size=(7.4, 2.2)))
        perfect, guess = losses.values()
        text = (
            f"the perfect student's loss is {perfect:.2f}; the targets' entropy {own:.2f}, a guess's loss {guess:.2f}"
        )
        at_entropy = abs(perfect - own) < 0.01 * max(guess, 1e-9)
        self.found("two_levels.best_loss", text, "a" if perfect < 0.001 * guess else "b" if at_entropy else "c")


def one_number(loss: Any) -> float:
    """The value of a loss of the reader's. Raises Stopped if it is not one number."""
    try:
        return float(loss)
    except (TypeError, ValueError, RuntimeError):
        raise Stopped("Your loss is not one number, so it cannot be drawn: `check` says what it returns.") from None
