"""Lab 1's experiments, one call a stage. Each shows, measures, says what is ordinary, and whether a prediction held."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
import torch.nn.functional as F
from matplotlib.figure import Figure
from torch import Tensor, nn

from sslcourse.data.augment import Augmentation, draw
from sslcourse.data.views import two_views
from sslcourse.evaluation.collapse import spectrum
from sslcourse.evaluation.features import evaluate_knn, extract_features
from sslcourse.evaluation.linear import linear_probe
from sslcourse.figures import picture_sheet, plot_neighbours, plot_similarities, show
from sslcourse.labs.contrastive import arms, charts, diagram, pictures
from sslcourse.labs.contrastive.charts import LABELS
from sslcourse.labs.contrastive.lessons import LESSONS
from sslcourse.labs.contrastive.mystery import loss_with_a_mistake
from sslcourse.notebook.bands import final_range
from sslcourse.notebook.card import show_card
from sslcourse.notebook.checks import mine_or_reference
from sslcourse.notebook.probe import Probe, embed
from sslcourse.notebook.scales import scale
from sslcourse.notebook.session import UNTRAINED, LabSession, Stopped, TrainedArm, in_a_card
from sslcourse.notebook.table import Table
from sslcourse.training.images import RunImages, few
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

    def measure(self, method: nn.Module, arm: str) -> dict[str, float]:
        """What the probe shows, on views as the arm trains on."""
        return self.probe(arm).measure(method)

    def figures(self, method: nn.Module, images: RunImages, arm: str) -> dict[str, float]:
        """The same, and kNN accuracy where the pictures have labels."""
        measured = self.measure(method, arm)
        if images.labelled:
            size, k = self.recipe(arm).method.augmentation.size, min(NEIGHBOURS, len(images.bank))
            measured["knn"] = evaluate_knn(method.encoder, images.bank, images.held_out, k=k, size=size)
        return measured

    def draw(self, rows: list[dict], arm: str) -> list[Figure]:
        """The live picture."""
        return charts.training_curves(rows, self.recipe(arm).fit.steps, self.bands, arm)

    def probe(self, arm: str = "baseline") -> Probe:
        """The probe with an arm's views."""
        views = self.recipe(arm).method.augmentation
        key = (scale(), views)
        if key not in self._probes:
            self._probes[key] = Probe(self.pictures.images, views, self.seed)
        return self._probes[key]

    # The stages

    @in_a_card
    def show_images(self, each: int = 2) -> None:
        """Some held-out pictures: `each` of every class, or the first ones where there are no labels."""
        found = self.pictures
        if not found.classes:
            show(picture_sheet(found.images[:16], [""] * len(found.images[:16])))
            return
        chosen = [index for label in range(len(found.classes)) for index in _of_class(found.labels, label)[:each]]
        names = [found.classes[label] for label in found.labels[chosen].tolist()]
        show(picture_sheet(found.images[chosen], names, columns=7 * each))

    @in_a_card
    def show_pipeline(self) -> None:
        """The diagram of SimCLR, with a picture of the set."""
        show(diagram.pipeline(self.pictures.images[0], self._some_views(1)[:, 0]))

    @in_a_card
    def crops(self, crop_and_flip: Callable, force: bool = False) -> None:
        """Stage 1: two boxes cut out of five pictures, and how much of a picture two boxes share."""
        cut = mine_or_reference("contrastive.views", crop_and_flip, force)
        images = self.pictures.images[:5].float() / 255
        count, size = len(images), images.shape[-1]
        side = size // 2
        generator = torch.Generator().manual_seed(self.seed)
        corner = torch.randint(0, size - side + 1, (2, count, 2), generator=generator)
        boxes = torch.cat([corner, torch.full_like(corner, side)], dim=2)  # 2,B,4: top, left, height, width
        flips = torch.arange(count) % 2 == 1
        show(pictures.boxes_and_views(images, boxes, torch.stack([cut(images, one, flips) for one in boxes])))
        share = self.overlap()
        text = f"{100 * share:.0f} % of the picture is in both boxes, on average over 2000 pairs"
        self.found("contrastive.overlap", text, _bracket(share, 0.15, 0.35))

    def overlap(self, count: int = 2000) -> float:
        """The mean share of a picture that lies in both of two random crops."""
        generator = torch.Generator().manual_seed(self.seed)
        recipe = self.recipe()
        side = recipe.data.size
        first, second = (draw(recipe.method.augmentation, count, side, side, generator).boxes.double() for _ in "12")
        corner = torch.maximum(first[:, :2], second[:, :2])
        end = torch.minimum(first[:, :2] + first[:, 2:], second[:, :2] + second[:, 2:])
        return ((end - corner).clamp_min(0).prod(1) / side**2).mean().item()

    @in_a_card
    def explore_views(self):
        """The explorer of the augmentations, on one picture of each class."""
        from sslcourse.labs.contrastive.widgets import AugmentationExplorer

        found = self.pictures
        chosen = [i for label in range(len(found.classes)) for i in _of_class(found.labels, label)[:1]] or [
            *range(min(8, len(found)))
        ]
        names = [found.classes[found.labels[i]] if found.classes else f"picture {i + 1}" for i in chosen]
        return AugmentationExplorer(found.images[chosen], names, self.recipe().method.augmentation)

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
        views = self._some_views(count)
        start = self.untrained()
        matrix = similar(*embed(start.method, views)[2:])
        show(plot_similarities(matrix, views.flatten(0, 1), title="random weights"))
        same, different = start.final["positive_cosine"], start.final["negative_cosine"]
        text = (
            f"mean cosine {different:.2f} for views of different pictures{self._ordinary(UNTRAINED, 'negative_cosine')}"
        )
        text += f", {same:.2f} for two views of one picture"
        self.found("contrastive.untrained_cosine", text, _bracket(different, 0.3, 0.7))

    @in_a_card
    def explore_temperature(self, embeddings: str = "colours", count: int = 6):
        """The explorer of similarities and temperature.

        `embeddings`: "colours" (a histogram of each view's colours, made by hand), "untrained", or a trained arm.
        """
        from sslcourse.labs.contrastive.widgets import TemperatureExplorer

        views = self._some_views(count)
        if embeddings == "colours":
            z1, z2 = (pictures.joint_histogram(view).sqrt() for view in views)
        else:
            arm = self.untrained() if embeddings == UNTRAINED else self.arm(embeddings)
            z1, z2 = embed(arm.method, views)[2:]
        title = LABELS.get(embeddings, "histograms of colours")
        return TemperatureExplorer(z1, z2, views, title, self.recipe().method.temperature)

    @in_a_card
    def train_baseline(self, nt_xent: Callable, force: bool = False, again: bool = False) -> None:
        """Stage 4: train SimCLR with the student's loss, and measure its features."""
        loss = mine_or_reference("contrastive.nt_xent", nt_xent, force)
        self._losses["no_colour"] = loss
        run = self.train("baseline", loss, again=again)
        table = Table("", UNTRAINED, LABELS["baseline"], "chance")
        guess = 1 / (2 * len(self.pictures) - 1)
        for name, chance in (("knn", self.chance), ("contrastive_accuracy", guess)):
            if name in run.final:
                table.add(name, self._with_range(UNTRAINED, name), self._with_range("baseline", name), chance)
        table.show()
        first, guess = run.before["probe_loss"], math.log(2 * len(self.pictures) - 1)
        text = f"loss before the first step {first:.2f}, ln(2N - 1) = {guess:.2f}; at the end "
        text += f"{run.final['probe_loss']:.2f}{self._ordinary('baseline', 'probe_loss')}"
        answer = {"a": "c", "b": "b", "c": "a"}[_bracket(first / guess, 0.8, 1.2)]
        self.found("contrastive.first_loss", text, answer)

    @in_a_card
    def geometry(self, alignment_uniformity: Callable, force: bool = False) -> None:
        """Stage 5: the cosines of all pairs, and alignment and uniformity, before and after training."""
        meters = mine_or_reference("contrastive.geometry", alignment_uniformity, force)
        run, points, cosines = self.arm("baseline"), {}, {}
        for key, method in ((UNTRAINED, self.untrained().method), ("baseline", run.method)):
            _, _, z1, z2 = self.probe().embed(method)
            z = F.normalize(torch.cat([z1, z2]), dim=1)
            cosines[key] = z @ z.T
            points[key] = tuple(float(value) for value in meters(z1, z2))
        show(*charts.geometry(points, cosines, run.rows))
        (before, spread_before), (after, spread_after) = points.values()
        text = f"alignment {before:.2f} before, {after:.2f} after{self._ordinary('baseline', 'alignment')}; "
        text += f"uniformity {spread_before:.2f} before, {spread_after:.2f} after"
        answer = direction(before, after, step=0.1 * before)
        self.found("contrastive.alignment", text, answer)
        self._lesson("contrastive.alignment", answer)

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
        self._table(("knn", "effective_rank", "channel_std", "positive_cosine", "negative_cosine"), tuple(features))
        loss, lowest = runs["no_negatives"].final["probe_loss"], -1 / self.recipe().method.temperature
        text = f"loss {loss:.2f} of at best {lowest:.2f}; effective rank {_listed(ranks, '.1f')}"
        answer = "a" if loss > 0.9 * lowest else None
        if accuracy:
            text += f"; kNN {_listed(accuracy, '.2f')}"
            answer = answer or ("b" if accuracy["no_negatives"] <= accuracy[UNTRAINED] + 0.02 else "c")
        self.found("contrastive.no_negatives", text, answer)
        self._lesson("contrastive.no_negatives", answer)

    @in_a_card
    def shortcut(self, contrastive_accuracy: Callable, force: bool = False) -> None:
        """Stage 7: train without the colour transformations; how hard the task is, and how good the features are."""
        task_of = mine_or_reference("contrastive.shortcut", contrastive_accuracy, force)
        runs = {key: self.arm(key) for key in ("baseline", "no_colour")}
        task = {UNTRAINED: float(task_of(*self.probe().embed(self.untrained().method)[2:]))}
        task |= {key: float(task_of(*self.probe(key).embed(run.method)[2:])) for key, run in runs.items()}
        accuracy = self._accuracies(runs)
        show(*charts.shortcut(task, accuracy, self.bands, self.chance))
        self._table(("contrastive_accuracy", "knn"), tuple(runs))
        words = "{:.2f} with colour transformations, {:.2f} without"
        easier = direction(task["baseline"], task["no_colour"])
        self.found("contrastive.colour_task", words.format(task["baseline"], task["no_colour"]), easier)
        if accuracy:
            pair = accuracy["baseline"], accuracy["no_colour"]
            self.found("contrastive.colour_features", words.format(*pair), direction(*pair))
            self._lesson("contrastive.colour_features", easier + direction(*pair))

    @in_a_card
    def colours_alone(self, contrastive_accuracy: Callable, force: bool = False) -> None:
        """How often a histogram of colours, which learns nothing, finds the other view, beside trained networks."""
        task_of = mine_or_reference("contrastive.shortcut", contrastive_accuracy, force)
        rows = []
        for arm, title in (("no_colour", "crop and mirror"), ("baseline", "and colour")):
            views = two_views(
                self.pictures.images[:2],
                self.recipe(arm).method.augmentation,
                torch.Generator().manual_seed(self.seed),
            )
            rows += [(title, views[:, index]) for index in range(views.shape[1])]
        show(pictures.colour_histograms(rows))
        table = Table("contrastive accuracy", "with colour transformations", "without")
        compared = ("baseline", "no_colour")
        table.add(
            "histogram of 64 colours, nothing learned", *(self.histogram_accuracy(task_of, arm) for arm in compared)
        )
        table.add("trained network", *(self.arm(arm).final["contrastive_accuracy"] for arm in compared))
        table.add("chance", *[1 / (2 * len(self.pictures) - 1)] * 2)
        table.show()

    def histogram_accuracy(self, contrastive_accuracy: Callable, arm: str) -> float:
        """How often the histogram of 64 colours finds the other view among an arm's views."""
        # The square root makes the cosine of two histograms their Bhattacharyya coefficient.
        first, second = (pictures.joint_histogram(views).sqrt() for views in self.probe(arm).views)
        return float(contrastive_accuracy(first, second))

    # Another kind of exercise, the payoff, the challenge

    @in_a_card
    def mystery(self) -> None:
        """Train for a quarter of the steps with a loss that has one mistake; its meters beside the baseline's."""
        run, sound = self.train("mystery", loss_with_a_mistake), self.arm("baseline")
        then = min(sound.rows, key=lambda row: abs(row["step"] - run.rows[-1]["step"]))
        names = ("probe_loss", "contrastive_accuracy", "positive_cosine", "negative_cosine", "effective_rank")
        table = Table(f"after about {run.rows[-1]['step']} steps", "before", LABELS["mystery"], "SimCLR, sound")
        for name in names:
            table.add(name, run.rows[0][name], run.rows[-1][name], then[name])
        table.add("the loss of a guess, ln(2N - 1)", "", math.log(2 * len(self.pictures) - 1), "")
        table.show()

    @in_a_card
    def solve_mystery(self) -> None:
        """Say which mistake it was, and by which meter it shows."""
        run = self.train("mystery", loss_with_a_mistake)
        fell = run.rows[0]["probe_loss"] - run.rows[-1]["probe_loss"]
        positive, negative = run.final["positive_cosine"], run.final["negative_cosine"]
        text = f"the loss fell by {fell:.2f} only, and the cosines are {positive:.2f} for positive pairs, "
        text += f"{negative:.2f} for negative ones"
        self.found("contrastive.mystery", text, "c")
        self._lesson("contrastive.mystery", "c")

    @in_a_card
    def search(self, queries: int = 4, nearest: int = 6) -> None:
        """Search by picture: the training pictures nearest to some held-out ones, before and after training."""
        images, size = self.images, self.recipe().method.augmentation.size
        first = [_of_class(images.held_out.labels, label)[0] for label in images.held_out.labels.unique().tolist()]
        chosen = (first if images.labelled else [*range(queries)])[:queries]
        for key, arm in ((UNTRAINED, self.untrained()), ("baseline", self.arm("baseline"))):
            bank, asked = (
                F.normalize(extract_features(arm.method.encoder, part, size=size), dim=1)
                for part in (images.bank, images.held_out.subset(torch.tensor(chosen)))
            )
            found = (asked @ bank.T).topk(nearest).indices  # Q,K
            labels, same, names = images.held_out.labels.cpu()[chosen], None, None
            if images.labelled:
                same = images.bank.labels.cpu()[found] == labels[:, None]
                names = [images.held_out.classes[label] for label in labels.tolist()]
            words = f": {int(same.sum())} of {same.numel()} are of the query's class" if same is not None else ""
            show_card(f"Search by picture, {LABELS[key]}{words}")
            show(plot_neighbours(images.held_out.images[chosen], images.bank.images[found], names, same))

    @in_a_card
    def few_labels(self, each: tuple[int, ...] = (5, 20)) -> None:
        """A linear classifier on frozen features from a few labels a class, before and after training."""
        images, size = self.images, self.recipe().method.augmentation.size
        if not images.labelled:
            raise Stopped(
                "These pictures have no labels, so there is nothing to classify; search by picture needs none."
            )
        classes = len(images.bank.classes)
        table = Table("accuracy of a linear classifier", UNTRAINED, LABELS["baseline"], "chance")
        methods = [self.untrained().method, self.arm("baseline").method]
        for count in each:
            some = few(images.bank, count * classes)
            row = []
            for method in methods:
                known, asked = (extract_features(method.encoder, part, size=size) for part in (some, images.held_out))
                labels = some.labels.cpu(), images.held_out.labels.cpu()
                row.append(linear_probe(known, labels[0], asked, labels[1], num_classes=classes).accuracy)
            table.add(f"{count} labels a class", *row, self.chance)
        table.show()

    @in_a_card
    def challenge(self, loss: Callable | None = None, **changes: Any) -> None:
        """Train with settings, or a loss, of one's own, at equal cost: `temperature=0.1`, `learning_rate=4e-3`, ..."""
        before, self._changes = self._changes, changes
        try:
            recipe, base = self.recipe("challenge"), self.recipe()
        except ValueError as problem:
            self._changes = before
            raise Stopped(str(problem)) from None
        cost = [replace(one.fit, learning_rate=1.0, weight_decay=0.0, warmup_steps=0) for one in (recipe, base)]
        if cost[0] != cost[1] or (recipe.data, recipe.encoder) != (base.data, base.encoder):
            self._changes = before
            raise Stopped(
                "Equal cost: network, pictures, steps and batch stay; change the loss, the views or the rate."
            )
        run = self.train("challenge", loss)
        if "knn" not in run.final:
            raise Stopped("Without labels there is no kNN accuracy to beat.")
        span = final_range(self.bands, "baseline", "knn")
        goal = span[1] if span else self.arm("baseline").final["knn"]
        mine = run.final["knn"]
        words = "the upper end of what is ordinary for SimCLR" if span else "your own baseline"
        title = f"kNN accuracy {mine:.3f}; to beat: {goal:.3f}, {words}"
        show_card(title, kind="good" if mine > goal else "info")

    # Small helpers

    def _accuracies(self, runs: dict[str, TrainedArm]) -> dict[str, float]:
        """kNN accuracy of the untrained network and of some arms; empty for pictures without labels, which is said."""
        if any("knn" not in run.final for run in runs.values()):
            show_card("These pictures have no labels, so kNN accuracy is left out.", kind="wait")
            return {}
        untrained = {UNTRAINED: self.arm("baseline").before["knn"]}
        return untrained | {key: run.final["knn"] for key, run in runs.items()}

    def _table(self, names: tuple[str, ...], keys: tuple[str, ...]) -> None:
        table = Table("", *(LABELS[key] for key in keys))
        for name in names:
            if name in self.arm("baseline").final:
                table.add(name, *(self._with_range(key, name) for key in keys))
        table.show()

    def _with_range(self, key: str, name: str) -> tuple[float, tuple[float, float] | None]:
        numbers = self.arm("baseline").before if key == UNTRAINED else self.arm(key).final
        return numbers[name], final_range(self.bands, key, name)

    def _ordinary(self, key: str, name: str) -> str:
        span = final_range(self.bands, key, name)
        return f" (ordinary: {span[0]:.2f} to {span[1]:.2f})" if span else ""

    def _some_views(self, count: int) -> Tensor:
        generator = torch.Generator().manual_seed(self.seed)
        return two_views(self.pictures.images[:count], self.recipe().method.augmentation, generator)

    def _lesson(self, identifier: str, answer: str | None) -> None:
        """What the finding means, where it came out as it usually does; at smoke that would give it away."""
        usual, text = LESSONS[identifier]
        if answer == usual and scale() != "smoke":
            show_card("What this shows", text)


def direction(before: float, after: float, step: float = 0.02) -> str:
    """ "a" when a number rose by more than `step`, "c" when it fell by more, else "b".

    >>> direction(0.5, 0.7), direction(0.5, 0.49)
    ('a', 'b')
    """
    return "a" if after > before + step else "c" if after < before - step else "b"


def _bracket(value: float, low: float, high: float) -> str:
    return "a" if value < low else "b" if value < high else "c"


def _of_class(labels: Tensor, label: int) -> list[int]:
    return (labels.cpu() == label).nonzero().flatten().tolist()


def _listed(values: dict[str, float], form: str) -> str:
    return ", ".join(f"{value:{form}} {LABELS[key]}" for key, value in values.items())
