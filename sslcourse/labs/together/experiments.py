"""Lab 7's experiments, one call a stage. Each shows, measures, says what is ordinary, and whether a prediction held.

Here are the stages that train; `looking.py` and `course.py` have the others, `notebook/experiments.py` what every lab
can do.
"""

from collections.abc import Callable
from typing import Any

import torch

from sslcourse.claims.measures import measured
from sslcourse.claims.speed import BATCH, ROUNDS, training_speed
from sslcourse.labs.together.course import WholeCourse
from sslcourse.notebook.checks import mine_or_reference
from sslcourse.notebook.findings import direction
from sslcourse.notebook.scales import scale
from sslcourse.notebook.session import UNTRAINED
from sslcourse.notebook.stopping import in_a_card
from sslcourse.notebook.table import show_numbers
from sslcourse.training.images import RunImages

CLEARLY = 0.03  # of kNN accuracy, as in the ledger: two standard errors of one on 1,000 pictures
COUNTS = 0.1  # of speed: a tenth
DAMAGE = {
    "occlusion": {"random": "accuracy left, patches hidden", "salient": "accuracy left, object hidden"},
    "corruptions": {"both": "accuracy left, noise and low resolution"},
    "segmentation": {"object": "mean IoU of objects, linear probe"},
}


class TogetherLab(WholeCourse):
    """What Lab 7's cells call, a stage at a time; `images` is a data set's name or `folder:PATH`."""

    @in_a_card
    def train_whole(self, combined_loss: Callable, force: bool = False, again: bool = False) -> None:
        """Stage 1: train all three parts with the student's loss, and the class token alone beside it."""
        own = mine_or_reference("together.loss", combined_loss, force)
        self._losses["baseline"] = own
        if again:
            self.train("baseline", own, again=True)
        self.train_beside(("plain", "baseline"), self.meters_here)
        self.show_final(("knn", "centered_rank", "object_recall"), (UNTRAINED, "plain", "baseline"))
        accuracy = self.accuracies(("plain", "baseline"))
        if not accuracy:
            return
        text = f"kNN accuracy {accuracy['baseline']:.2f} with all three{self.ordinary('baseline', 'knn')}, "
        text += f"{accuracy['plain']:.2f} with the class token alone{self.ordinary('plain', 'knn')}"
        self.found("together.pair", text, direction(accuracy["plain"], accuracy["baseline"], CLEARLY), finding="any")

    @in_a_card
    def damage(self) -> None:
        """Stage 1: the ledger's other measures, on both networks: detail, and what is left in damaged pictures."""
        self.need_labels()
        arms = ("plain", "baseline")
        known = DAMAGE if "mask" in self.images.held_out.extras else {"corruptions": DAMAGE["corruptions"]}
        found = {}
        for arm in arms:
            method = self.arm(arm).method.eval()
            found[arm] = {
                title: measured(name, method, self.images)[f"{name}.{figure}"]
                for name, figures in known.items()
                for figure, title in figures.items()
            }
        rows = [[title, *(found[arm][title] for arm in arms)] for title in found["plain"]]
        show_numbers("One pair, by the ledger's measures", [self.titles[arm] for arm in arms], rows)

    @in_a_card
    def speed(self) -> None:
        """Stage 1: whole training steps in turns: with all three parts, without removal, and without pixels, too."""
        images = self.images.train
        some = images.subset((torch.arange(BATCH) % len(images)).to(images.labels.device))
        rounds = 2 if scale() == "smoke" else ROUNDS
        method: Any = self.arm("baseline").method
        found = training_speed(method, RunImages(some, some, some), rounds)
        rows = [
            [name, *(1 + found[prefix + figure] for prefix in ("", "predicted_"))]
            for name, figure in (("removal off, all painted", "removal"), ("removal off, nothing painted", "plain"))
        ]
        show_numbers("A step of all three parts is so many times as fast as one with", ["measured", "counted"], rows)
        text = f"{1 + found['plain']:.2f} times as many steps a second as without removal and painting "
        text += f"(counted: {1 + found['predicted_plain']:.2f})"
        self.found("together.speed", text, direction(0, found["plain"], COUNTS), finding="any")
