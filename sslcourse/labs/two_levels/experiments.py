"""Lab 4's experiments, one call a stage. Each shows, measures, says what is ordinary, and whether a prediction held.

Here are the stages that train or judge networks; `looking.py` has the others, `notebook/experiments.py` what every lab
can do.
"""

import math
from collections.abc import Callable
from typing import Any

from torch import Tensor

from sslcourse.data.imageset import ImageSet
from sslcourse.evaluation.patches import extract_patches
from sslcourse.evaluation.segmentation import patch_classes
from sslcourse.figures import show
from sslcourse.labs.two_levels import arms, pictures
from sslcourse.labs.two_levels.looking import Looking
from sslcourse.labs.two_levels.measurements import (
    PartProbe,
    class_maps,
    drawn,
    outline,
    probe_places,
    train_network,
)
from sslcourse.labs.two_levels.method import course_functions
from sslcourse.notebook.checks import mine_or_reference
from sslcourse.notebook.experiments import first_of_each_class
from sslcourse.notebook.findings import bracket, direction
from sslcourse.notebook.scales import scale
from sslcourse.notebook.session import UNTRAINED
from sslcourse.notebook.stopping import Stopped, in_a_card
from sslcourse.notebook.table import show_numbers
from sslcourse.training.images import few

CLEARLY = 0.03  # of kNN accuracy: three standard errors of the difference of two on 1,000 pictures
EACH = 5  # labelled pictures a class
NETWORKS = {"strided CNN": 3, "dilated CNN": 2}  # how often its positions are halved
SIZES = {"smoke": (8, 2), "cpu": (32, 30), "gpu": (32, 60)}  # width and epochs of those networks
LOOKED_AT = 300  # held-out pictures


class LevelsLab(Looking):
    """What Lab 4's cells call, a stage at a time; `images` is a data set's name or `folder:PATH`."""

    @in_a_card
    def tricks(self, center_and_sharpen: Callable, force: bool = False) -> None:
        """Stage 1: three runs, of which two lack a trick; their curves, under letters."""
        own = course_functions()._replace(
            center_and_sharpen=mine_or_reference("two_levels.center", center_and_sharpen, force)
        )
        for arm, letter in self.letters().items():
            self.titles[arm] = f"run {letter}"
            self._losses[arm] = own
        try:
            runs = self.train_beside(self.letters(), ("teacher_entropy", "divergence"))
        finally:
            self.titles = dict(arms.TITLES)
        most = math.log(self.recipe().method.distillation.prototypes)
        rows = [
            [f"run {letter}", runs[arm].final["teacher_entropy"], runs[arm].final["divergence"], most]
            for arm, letter in self.letters().items()
        ]
        headings = ["entropy of the targets", "divergence from them", "entropy of a guess, ln K"]
        show_numbers("At the end (nats)", headings, rows)

    @in_a_card
    def solve_tricks(self) -> None:
        """Say which run lacked what, and by which meter it shows."""
        letters = self.letters()
        runs = {arm: self.arm(arm) for arm in letters}
        rows: list[list[Any]] = []
        for arm, letter in letters.items():
            final = runs[arm].final
            used = f"{final['used_prototypes']:.1f}"
            rows.append([f"run {letter}: {self.titles[arm]}", final["teacher_entropy"], used, final.get("knn")])
        show_numbers("The three runs", ["entropy of the targets", "prototypes in use", "kNN accuracy"], rows)
        for arm in ("no_center", "no_sharp"):
            final = runs[arm].final
            text = f"{self.titles[arm]}: run {letters[arm]}, entropy {final['teacher_entropy']:.2f}"
            text += f"{self.ordinary(arm, 'teacher_entropy')}, {final['used_prototypes']:.1f} prototypes in use"
            self.found(f"two_levels.{arm}", text, letters[arm].lower(), finding="any")

    @in_a_card
    def train_levels(
        self,
        sinkhorn: Callable,
        cls_loss: Callable,
        masked_patch_loss: Callable,
        force: bool = False,
        again: bool = False,
    ) -> None:
        """Stage 4: train both levels with the student's functions, and each level alone."""
        own = course_functions()._replace(
            sinkhorn=mine_or_reference("two_levels.sinkhorn", sinkhorn, force),
            cls_loss=mine_or_reference("two_levels.cls", cls_loss, force),
            masked_patch_loss=mine_or_reference("two_levels.patch", masked_patch_loss, force),
        )
        for arm in arms.LEVELS:
            self._losses[arm] = own
        if again:
            self.train("baseline", own, again=True)
        known = [name for name in ("used_prototypes", "part_match") if name in self.meters_here]
        runs = self.train_beside(arms.LEVELS, tuple(known))
        rows: list[list[Any]] = [
            [self.titles[arm], self.with_range(arm, "knn") if "knn" in run.final else None, run.final.get("part_match")]
            for arm, run in runs.items()
        ]
        before = runs["baseline"].before
        rows.insert(0, [self.titles[UNTRAINED], before.get("knn"), before.get("part_match")])
        rows.append(["chance", self.chance, before.get("part_chance")])
        show_numbers("At the end of training", ["kNN accuracy", "nearest patch: same part"], rows)
        accuracy = self.accuracies(arms.LEVELS)
        if not accuracy:
            return
        gained = {arm: value - before["knn"] for arm, value in accuracy.items()}
        text = f"kNN accuracy {accuracy['patch']:.2f} with patches alone{self.ordinary('patch', 'knn')}, "
        text += f"{accuracy['cls']:.2f} with the class token alone{self.ordinary('cls', 'knn')}; "
        text += f"untrained {before['knn']:.2f}"
        learned = gained["cls"] > CLEARLY
        share = gained["patch"] / gained["cls"] if learned else 0.0
        self.found("two_levels.patch_knn", text, bracket(share, 0.5, 1.0) if learned else None)

    @property
    def meters_here(self) -> dict[str, float]:
        """What is measured of these pictures, of the network before its first step."""
        return self.untrained().final

    @in_a_card
    def whole_and_parts(self) -> None:
        """Stage 5: two checkpoints that differ in the patches' loss alone, by what they know of whole and parts."""
        names = (UNTRAINED, *arms.COURSE)
        knn = {name: self.course_knn(name) for name in names}
        if "parts" not in self.pictures.extras:
            show_numbers("Checkpoints", ["kNN accuracy"], [[self.titles[name], knn[name]] for name in names])
            self.need_masks()
        parts = PartProbe(self.course_pictures, self.course_encoder("ibot").patch_size)
        match = {name: parts.match(self.course_encoder(name)) for name in names}
        rows = [[self.titles[name], knn[name], match[name]] for name in names]
        rows.append(["chance", self.chance, parts.chance])
        show_numbers("Course checkpoints", ["kNN accuracy", "nearest patch: same part"], rows)
        ours, alone = match["ibot"], match["dino"]
        text = f"the nearest patch shows the same part for {100 * ours:.0f} % of patches with both levels (iBOT), "
        text += f"for {100 * alone:.0f} % with the class token alone (DINO), {100 * match[UNTRAINED]:.0f} % untrained"
        self.found("two_levels.parts", text, direction(alone, ours))

    @in_a_card
    def segment(self, mean_iou: Callable, force: bool = False) -> None:
        """Stage 6: classes of objects drawn from a few labelled pictures: linear probes, and networks from scratch."""
        self.need_masks()
        judge = mine_or_reference("two_levels.iou", mean_iou, force)
        fit, test = self.labelled()
        maps, true = class_maps(fit), class_maps(test).cpu()
        classes = len(fit.classes) + 1
        found = {f"probe of {self.titles[name]}": self._probed(name, fit, maps, test) for name in (UNTRAINED, "dino")}
        found["probe of iBOT"] = self._probed("ibot", fit, maps, test)
        width, epochs = SIZES[scale()]
        for name, halvings in NETWORKS.items():
            found[name] = drawn(train_network(halvings, fit, maps, classes, width, epochs), test)
        ceiling = self.best_of_patches(true, classes)
        scores = {name: float(judge(one, true, classes)) for name, one in found.items()}
        outlines = {name: outline(one, true) for name, one in found.items()}
        rows = [[name, scores[name], outlines[name]] for name in found]
        rows.append(["the true class of every patch", float(judge(ceiling, true, classes)), outline(ceiling, true)])
        show_numbers(
            f"{len(fit)} labelled pictures, judged on {len(test)}", ["mean IoU of classes", "F of outlines"], rows
        )
        show(pictures.maps(test, {"truth": true, **{name: found[name] for name in ("probe of iBOT", *NETWORKS)}}))
        letters = {"strided CNN": "a", "dilated CNN": "b", "probe of iBOT": "c"}
        text = "; ".join(f"{name}: F of outlines {outlines[name]:.2f}, mean IoU {scores[name]:.2f}" for name in letters)
        self.found("two_levels.outlines", text, letters[max(letters, key=outlines.__getitem__)])

    def labelled(self) -> tuple[ImageSet, ImageSet]:
        """A few pictures of each class to learn maps from, and held-out ones."""
        images = self.course_images
        return few(images.bank, EACH * len(images.bank.classes)), few(images.held_out, LOOKED_AT)

    def best_of_patches(self, true: Tensor, classes: int) -> Tensor:
        """Maps that know the most frequent class of every patch of the checkpoints' grid, and nothing finer."""
        side = self.course_encoder("ibot").patch_size
        grid = true.shape[1] // side, true.shape[2] // side
        return (
            patch_classes(true, grid, classes).unflatten(1, grid).repeat_interleave(side, 1).repeat_interleave(side, 2)
        )

    def _probed(self, name: str, fit: ImageSet, maps: Tensor, test: ImageSet) -> Tensor:
        return drawn(probe_places(self.course_encoder(name), fit, maps, len(fit.classes) + 1), test)

    @in_a_card
    def explore_patches(self):
        """The explorer of like patches, on one picture of each class."""
        from sslcourse.labs.two_levels.widgets import LikePatches

        found = self.course_pictures
        if len(found) < 2:
            raise Stopped("To compare patches of two pictures, two are needed; there is one. Add some.")
        chosen = first_of_each_class(found, 1) if found.classes else [*range(min(8, len(found)))]
        names = [found.classes[found.labels[at]] if found.classes else f"picture {at + 1}" for at in chosen]
        images = found.images[chosen]
        encoders = {self.titles[name]: self.course_encoder(name) for name in (UNTRAINED, *arms.COURSE)}
        tokens = {name: extract_patches(encoder, images) for name, encoder in encoders.items()}
        return LikePatches(images, names, tokens)
