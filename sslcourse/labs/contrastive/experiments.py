"""Lab 1's experiments, one call a stage. Each shows, measures, says what is ordinary, and whether a prediction held."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import torch
import torch.nn.functional as F
from matplotlib.figure import Figure
from torch import Tensor

from sslcourse.data.augment import Augmentation
from sslcourse.data.views import two_views
from sslcourse.evaluation.collapse import spectrum
from sslcourse.evaluation.features import evaluate_knn
from sslcourse.figures import picture_sheet, plot_neighbours, plot_similarities, show
from sslcourse.labs.contrastive import arms, charts, measurements, pictures
from sslcourse.labs.contrastive.charts import LABELS
from sslcourse.labs.contrastive.mystery import loss_with_a_mistake
from sslcourse.methods import Method
from sslcourse.notebook.bands import final_range
from sslcourse.notebook.card import show_card
from sslcourse.notebook.checks import mine_or_reference
from sslcourse.notebook.probe import Probe, embed
from sslcourse.notebook.scales import scale
from sslcourse.notebook.session import UNTRAINED, LabSession, TrainedArm
from sslcourse.notebook.stopping import Stopped, in_a_card
from sslcourse.notebook.table import show_numbers
from sslcourse.training.images import RunImages
from sslcourse.training.recipes import Recipe, with_changes

NEIGHBOURS = 20


class ContrastiveLab(LabSession):
    """What Lab 1's cells call, a stage at a time; `images` is a data set's name or `folder:PATH`."""

    name = "contrastive"
    titles = arms.TITLES

    def __init__(self, images: str = "objects", seed: int = 0):
        super().__init__(images, seed)
        self._changes: dict[str, Any] = {}  # of the challenge
        self._probes: dict[tuple[str, Augmentation], Probe] = {}

    # What the frame asks of a lab

    def recipes(self, scale: str) -> dict[str, Recipe]:
        """The recipe of every arm; the challenge has the reader's settings."""
        known = arms.recipes(scale)
        return known | {"challenge": with_changes(known["challenge"], self._changes)}

    def measure(self, method: Method, arm: str) -> dict[str, float]:
        """What the probe shows, on views as the arm trains on."""
        return self.probe(arm).measure(method)

    def figures(self, method: Method, images: RunImages, arm: str) -> dict[str, float]:
        """The same, and kNN accuracy where the pictures have labels."""
        measured = self.measure(method, arm)
        if images.labelled:
            size, k = self.recipe(arm).method.augmentation.size, min(NEIGHBOURS, len(images.bank))
            measured["knn"] = evaluate_knn(method.representation, images.bank, images.held_out, k=k, size=size)
        return measured

    def live_figures(self, rows: list[dict], arm: str) -> list[Figure]:
        """The live picture."""
        return charts.training_curves(rows, self.recipe(arm).fit.steps, self.bands, arm)

    def probe(self, arm: str = "baseline") -> Probe:
        """The probe with an arm's views."""
        key = (scale(), self.recipe(arm).method.augmentation)
        if key not in self._probes:
            self._probes[key] = Probe(self.pictures.images, key[1], self.seed)
        return self._probes[key]

    # The stages

    @in_a_card
    def show_images(self, each: int = 2) -> None:
        """Some held-out pictures: `each` of every class, or the first ones where there are no labels."""
        chosen, names = self._some_pictures(each, 16)
        show(picture_sheet(self.pictures.images[chosen], names, columns=7 * each))

    @in_a_card
    def show_pipeline(self) -> None:
        """The diagram of SimCLR, with a picture of the set."""
        show(pictures.pipeline(self.pictures.images[0], self._some_views(1)[:, 0]))

    @in_a_card
    def crops(self, crop_and_flip: Callable, force: bool = False) -> None:
        """Stage 1: two boxes cut out of five pictures, and how much of a picture two boxes share."""
        cut = mine_or_reference("contrastive.views", crop_and_flip, force)
        images = self.pictures.images[:5].float() / 255
        count, size = len(images), images.shape[-1]
        side = size // 2
        corner = torch.randint(0, size - side + 1, (2, count, 2), generator=self._generator())
        boxes = torch.cat([corner, torch.full_like(corner, side)], dim=2)  # 2,B,4: top, left, height, width
        flips = torch.arange(count) % 2 == 1
        show(pictures.boxes_and_views(images, boxes, torch.stack([cut(images, one, flips) for one in boxes])))
        recipe = self.recipe()
        share = measurements.overlap(recipe.method.augmentation, recipe.data.size, self.seed)
        text = f"{100 * share:.0f} % of the picture is in both boxes, on average over 2000 pairs"
        self.found("contrastive.overlap", text, measurements.bracket(share, 0.15, 0.35))

    @in_a_card
    def explore_views(self):
        """The explorer of the augmentations, on one picture of each class; on two where there is but one class."""
        from sslcourse.labs.contrastive.widgets import AugmentationExplorer

        chosen, names = self._some_pictures(2 if len(self.pictures.classes) == 1 else 1, 8)
        names = [name or f"picture {index + 1}" for index, name in enumerate(names)]
        return AugmentationExplorer(self.pictures.images[chosen], names, self.recipe().method.augmentation)

    @in_a_card
    def pairs(self, positive_index: Callable, count: int = 4, force: bool = False) -> None:
        """Stage 2: the table of all pairs among a few views, and how many negatives a view has."""
        index = mine_or_reference("contrastive.positives", positive_index, force)(count)
        show(pictures.pair_grid(index, self._some_views(count).flatten(0, 1)))
        negatives = 2 * 256 - 1 - 1  # all views, without the view itself and its positive
        self.found("contrastive.negatives_count", f"2N - 2 = {negatives}", "c")

    @in_a_card
    def similarities(self, cosine_similarity_matrix: Callable, count: int = 6, force: bool = False) -> None:
        """Stage 3: the similarities of a few views under a network with random weights."""
        similar = mine_or_reference("contrastive.similarity", cosine_similarity_matrix, force)
        views, start = self._some_views(count), self.untrained()
        matrix = similar(*embed(start.method, views)[2:])
        show(plot_similarities(matrix, views.flatten(0, 1), title="random weights"))
        same, different = start.final["positive_cosine"], start.final["negative_cosine"]
        text = f"mean cosine {different:.2f} for views of different pictures"
        text += f"{self.ordinary(UNTRAINED, 'negative_cosine')}, {same:.2f} for two views of one picture"
        self.found("contrastive.untrained_cosine", text, measurements.bracket(different, 0.3, 0.7))

    @in_a_card
    def explore_temperature(self, embeddings: str = "colours", count: int = 6):
        """The explorer of similarities and temperature.

        `embeddings`: "colours" (a histogram of each view's colours, made by hand), "untrained", or a trained arm.
        """
        from sslcourse.labs.contrastive.widgets import TemperatureExplorer

        views = self._some_views(count)
        known = ("colours", UNTRAINED, *self.titles)
        if embeddings not in known:
            raise Stopped(f"`embeddings` can be {', '.join(known)}; got {embeddings!r}")
        if embeddings == "colours":
            z1, z2 = map(measurements.colour_embedding, views)
        else:
            arm = self.untrained() if embeddings == UNTRAINED else self.arm(embeddings)
            z1, z2 = embed(arm.method, views)[2:]
        title = LABELS.get(embeddings, "histograms of colours")
        return TemperatureExplorer(z1, z2, views, title, self.recipe().method.temperature)

    @in_a_card
    def train_baseline(self, nt_xent: Callable, force: bool = False, again: bool = False) -> None:
        """Stage 4: train SimCLR with the student's loss, and measure its features."""
        loss = mine_or_reference("contrastive.nt_xent", nt_xent, force)
        run = self.train("baseline", loss, again=again)
        self._losses["no_colour"] = loss
        views = 2 * len(self.pictures)
        chances = {"knn": self.chance, "contrastive_accuracy": 1 / (views - 1)}
        rows = [
            [name, *(self.with_range(key, name) for key in (UNTRAINED, "baseline")), chance]
            for name, chance in chances.items()
            if name in run.final
        ]
        show_numbers("Before and after training", [UNTRAINED, LABELS["baseline"], "chance"], rows)
        first, guess = run.before["probe_loss"], math.log(views - 1)
        text = f"loss before the first step {first:.2f}, ln(2N - 1) = {guess:.2f}; at the end "
        text += f"{run.final['probe_loss']:.2f}{self.ordinary('baseline', 'probe_loss')}"
        self.found("contrastive.first_loss", text, measurements.bracket(first / guess, 0.8, 1.2, "cba"))

    @in_a_card
    def geometry(self, alignment_uniformity: Callable, force: bool = False) -> None:
        """Stage 5: the cosines of all pairs, and alignment and uniformity, before and after training."""
        meters = mine_or_reference("contrastive.geometry", alignment_uniformity, force)
        run, points, cosines = self.arm("baseline"), {}, {}
        for key, method in ((UNTRAINED, self.untrained().method), ("baseline", run.method)):
            _, _, z1, z2 = self.probe().embed(method)
            z = F.normalize(torch.cat([z1, z2]), dim=1)
            cosines[key] = z @ z.T
            alignment, uniformity = meters(z1, z2)
            points[key] = float(alignment), float(uniformity)
        show(*charts.geometry(points, cosines, run.rows))
        (before, spread_before), (after, spread_after) = points.values()
        text = f"alignment {before:.2f} before, {after:.2f} after{self.ordinary('baseline', 'alignment')}; "
        text += f"uniformity {spread_before:.2f} before, {spread_after:.2f} after"
        answer = measurements.direction(before, after, step=0.1 * before)
        self.found("contrastive.alignment", text, answer)

    @in_a_card
    def collapse(self, effective_rank: Callable, force: bool = False) -> None:
        """Stage 6: train without negatives; spectrum, effective rank and kNN beside the other networks."""
        rank_of = mine_or_reference("contrastive.collapse", effective_rank, force)
        runs = {key: self.arm(key) for key in ("baseline", "no_negatives")}
        methods = {UNTRAINED: self.untrained().method, **{key: run.method for key, run in runs.items()}}
        features = {key: self.probe().embed(method)[0] for key, method in methods.items()}
        ranks = {key: float(rank_of(h)) for key, h in features.items()}
        accuracy = self._accuracies(runs)
        spectra = {key: spectrum(h).tolist() for key, h in features.items()}
        show(*charts.collapse(ranks, accuracy, spectra, self.bands, self.chance))
        self._table(("knn", "effective_rank", "channel_std", "positive_cosine", "negative_cosine"), features)
        loss, lowest = runs["no_negatives"].final["probe_loss"], -1 / self.recipe().method.temperature
        text = f"loss {loss:.2f} of at best {lowest:.2f}; effective rank {_listed(ranks, '.1f')}"
        answer = "a" if loss > 0.9 * lowest else None
        if accuracy:
            text += f"; kNN {_listed(accuracy, '.2f')}"
            answer = answer or ("b" if accuracy["no_negatives"] <= accuracy[UNTRAINED] + 0.02 else "c")
        self.found("contrastive.no_negatives", text, answer)

    @in_a_card
    def shortcut(self, contrastive_accuracy: Callable, force: bool = False) -> None:
        """Stage 7: train without the colour transformations; how hard the task is, and how good the features are."""
        task_of = mine_or_reference("contrastive.shortcut", contrastive_accuracy, force)
        runs = {key: self.arm(key) for key in ("baseline", "no_colour")}
        methods = {UNTRAINED: self.untrained().method, **{key: run.method for key, run in runs.items()}}
        own = {UNTRAINED: "baseline"}  # whose views; every other arm has its own
        task = {key: float(task_of(*self.probe(own.get(key, key)).embed(one)[2:])) for key, one in methods.items()}
        accuracy = self._accuracies(runs)
        show(*charts.shortcut(task, accuracy, self.bands, self.chance))
        self._table(("contrastive_accuracy", "knn"), runs)
        words = "{:.2f} with colour transformations, {:.2f} without"
        easier = measurements.direction(task["baseline"], task["no_colour"])
        self.found("contrastive.colour_task", words.format(task["baseline"], task["no_colour"]), easier)
        if accuracy:
            pair = accuracy["baseline"], accuracy["no_colour"]
            better = measurements.direction(*pair)
            self.found("contrastive.colour_features", words.format(*pair), better, finding=easier + better)

    @in_a_card
    def colours_alone(self, contrastive_accuracy: Callable, force: bool = False) -> None:
        """How often a histogram of colours, which learns nothing, finds the other view, beside trained networks."""
        task_of = mine_or_reference("contrastive.shortcut", contrastive_accuracy, force)
        drawn = {"no_colour": "crop and mirror", "baseline": "and colour"}
        views = {arm: self._some_views(2, arm) for arm in drawn}
        show(pictures.colour_histograms([(title, views[arm][:, i]) for arm, title in drawn.items() for i in range(2)]))
        compared = ("baseline", "no_colour")
        by_hand = [float(task_of(*map(measurements.colour_embedding, self.probe(arm).views))) for arm in compared]
        rows = [
            ["histogram of 64 colours, nothing learned", *by_hand],
            ["trained network", *(self.arm(arm).final["contrastive_accuracy"] for arm in compared)],
            ["chance", *[1 / (2 * len(self.pictures) - 1)] * 2],
        ]
        show_numbers("Contrastive accuracy", ["with colour transformations", "without"], rows)

    # Another kind of exercise, the payoff, the challenge

    @in_a_card
    def mystery(self) -> None:
        """Train for a quarter of the steps with a loss that has one mistake; its meters beside the baseline's."""
        rows, sound = self.train("mystery", loss_with_a_mistake).rows, self.arm("baseline").rows
        first, last = rows[0], rows[-1]
        then = min(sound, key=lambda row: abs(row["step"] - last["step"]))
        names = ("probe_loss", "contrastive_accuracy", "positive_cosine", "negative_cosine", "effective_rank")
        table = [[name, first[name], last[name], then[name]] for name in names]
        table.append(["the loss of a guess, ln(2N - 1)", None, math.log(2 * len(self.pictures) - 1), None])
        show_numbers(f"After about {last['step']} steps", ["before", LABELS["mystery"], "SimCLR, sound"], table)

    @in_a_card
    def solve_mystery(self) -> None:
        """Say which mistake it was, and by which meter it shows."""
        run = self.train("mystery", loss_with_a_mistake)
        change = run.rows[-1]["probe_loss"] - run.rows[0]["probe_loss"]
        positive, negative = run.final["positive_cosine"], run.final["negative_cosine"]
        text = f"the loss changed by {change:+.2f} only, and the cosines are {positive:.2f} for positive pairs, "
        text += f"{negative:.2f} for negative ones"
        self.found("contrastive.mystery", text, "c")

    @in_a_card
    def search(self, queries: int = 4, count: int = 6) -> None:
        """Search by picture: the training pictures nearest to some held-out ones, before and after training."""
        images, size = self.images, self.recipe().method.augmentation.size
        chosen = (
            measurements.first_of_each_class(images.held_out, 1) if images.labelled else [*range(len(images.held_out))]
        )
        asked = images.held_out.subset(torch.tensor(chosen[:queries]))
        for key, arm in ((UNTRAINED, self.untrained()), ("baseline", self.arm("baseline"))):
            found = measurements.nearest(arm.method.representation, images.bank, asked, count, size)  # Q,K
            same, names, words = None, None, ""
            if images.labelled:
                same = images.bank.labels.cpu()[found] == asked.labels.cpu()[:, None]
                names = [asked.classes[label] for label in asked.labels.tolist()]
                words = f": {int(same.sum())} of {same.numel()} are of the query's class"
            show_card(f"Search by picture, {LABELS[key]}{words}")
            show(plot_neighbours(asked.images, images.bank.images[found], names, same))

    @in_a_card
    def few_labels(self, each: tuple[int, ...] = (5, 20)) -> None:
        """A linear classifier on frozen features from a few labels a class, before and after training."""
        images, size = self.images, self.recipe().method.augmentation.size
        if not images.labelled:
            raise Stopped("These pictures have no labels to learn from; search by picture needs none.")
        encoders = [arm.method.representation for arm in (self.untrained(), self.arm("baseline"))]
        rows = [
            [
                f"{count} labels a class",
                *(measurements.accuracy_from_labels(one, images, count, size) for one in encoders),
            ]
            for count in each
        ]
        headings = [UNTRAINED, LABELS["baseline"], "chance"]
        show_numbers("Accuracy of a linear classifier", headings, [[*row, self.chance] for row in rows])

    @in_a_card
    def challenge(self, loss: Callable | None = None, **changes: Any) -> None:
        """Train with settings, or a loss, of one's own, at equal cost: `temperature=0.1`, `learning_rate=4e-3`, ..."""
        before, self._changes = self._changes, changes
        try:
            recipe, base = self.recipe("challenge"), self.recipe()
            cost = [replace(one.fit, learning_rate=1.0, weight_decay=0.0, warmup_steps=0) for one in (recipe, base)]
            if cost[0] != cost[1] or (recipe.data, recipe.encoder) != (base.data, base.encoder):
                raise ValueError("Equal cost: network, pictures, steps and batch stay; change loss, views or rate.")
        except ValueError as problem:
            self._changes = before
            raise Stopped(str(problem)) from None
        run = self.train("challenge", loss)
        if "knn" not in run.final:
            raise Stopped("Without labels there is no kNN accuracy to beat.")
        mine, span = run.final["knn"], final_range(self.bands, "baseline", "knn")
        goal = span[1] if span else self.arm("baseline").final["knn"]
        words = "the upper end of what is ordinary for SimCLR" if span else "your own baseline"
        show_card(f"kNN accuracy {mine:.3f}; to beat: {goal:.3f}, {words}", kind="good" if mine > goal else "info")

    # Small helpers

    def _accuracies(self, runs: dict[str, TrainedArm]) -> dict[str, float]:
        """kNN accuracy of the untrained network and of some arms; empty for pictures without labels, which is said."""
        if any("knn" not in run.final for run in runs.values()):
            show_card("These pictures have no labels, so kNN accuracy is left out.", kind="wait")
            return {}
        untrained = {UNTRAINED: self.arm("baseline").before["knn"]}
        return untrained | {key: run.final["knn"] for key, run in runs.items()}

    def _table(self, names: Iterable[str], keys: Iterable[str]) -> None:
        """The numbers of some arms at the end, each with its ordinary range."""
        known = [name for name in names if name in self.arm("baseline").final]
        rows = [[name, *(self.with_range(key, name) for key in keys)] for name in known]
        show_numbers("At the end of training", [LABELS[key] for key in keys], rows)

    def _generator(self) -> torch.Generator:
        return torch.Generator().manual_seed(self.seed)

    def _some_views(self, count: int, arm: str = "baseline") -> Tensor:
        """Two views `2,count,3,h,w` of the first pictures, always the same."""
        return two_views(self.pictures.images[:count], self.recipe(arm).method.augmentation, self._generator())

    def _some_pictures(self, each: int, unlabelled: int) -> tuple[list[int], list[str]]:
        """Positions and names of `each` held-out pictures of every class, or of the first ones, which have no names."""
        found = self.pictures
        if not found.classes:
            chosen = [*range(min(unlabelled, len(found)))]
            return chosen, [""] * len(chosen)
        chosen = measurements.first_of_each_class(found, each)
        return chosen, [found.classes[label] for label in found.labels[chosen].tolist()]


def _listed(values: dict[str, float], form: str) -> str:
    return ", ".join(f"{value:{form}} {LABELS[key]}" for key, value in values.items())
