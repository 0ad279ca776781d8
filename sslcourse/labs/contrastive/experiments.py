"""Lab 1's experiments, as its cells call them: pictures, three training arms, and what was measured."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn

from sslcourse.data.augment import draw
from sslcourse.data.views import two_views
from sslcourse.figures import picture_sheet, plot_similarities, show
from sslcourse.labs.contrastive import charts, diagram, pictures
from sslcourse.labs.contrastive.arms import ARMS
from sslcourse.labs.contrastive.probe import Probe
from sslcourse.labs.contrastive.session import UNTRAINED, LabSession
from sslcourse.labs.contrastive.train import Run, augmentation
from sslcourse.notebook.bands import final_range
from sslcourse.notebook.table import Table

LABELS = {UNTRAINED: "untrained", "baseline": "SimCLR", "no_negatives": "no negatives", "no_colour": "without colour"}


class Finding(NamedTuple):
    """What an experiment measured, in words, and the prediction that it supports."""

    text: str
    answer: str


class ContrastiveLab(LabSession):
    """What Lab 1's cells call: `ContrastiveLab(images="objects")`, then a picture or a measurement at a time."""

    def show_images(self, examples: int = 2) -> None:
        """`examples` images of every class."""
        labels, names, columns = self.images.train.labels, [], []
        for label, name in enumerate(self.images.train.classes):
            found = (labels == label).nonzero().flatten()[:examples]
            if len(found) == examples:
                names.append(name)
                columns.append(torch.cat(list(self.images.train.images[found]), dim=1))  # one above the other
        show(picture_sheet(torch.stack(columns), names, columns=7, cell=1.35))

    def show_pipeline(self) -> None:
        """The diagram of SimCLR with a picture of the set."""
        show(diagram.pipeline(self.images.probe.images[0], self._some_views(1)[:, 0]))

    def overlap(self, count: int = 2000) -> float:
        """The mean share of an image that lies in both of two random crops."""
        generator = torch.Generator().manual_seed(self.seed)
        side = self.settings.image_size
        settings = augmentation(self.settings, ARMS["baseline"])
        first, second = (draw(settings, count, side, side, generator).boxes.double() for _ in range(2))
        corner = torch.maximum(first[:, :2], second[:, :2])
        end = torch.minimum(first[:, :2] + first[:, 2:], second[:, :2] + second[:, 2:])
        return ((end - corner).clamp_min(0).prod(1) / side**2).mean().item()

    def explore_views(self):
        """The explorer of the augmentations, on one held-out image of each class."""
        from sslcourse.labs.contrastive.widgets import AugmentationExplorer

        labels, classes = self.images.probe.labels.tolist(), self.images.probe.classes
        first = {label: labels.index(label) for label in sorted(set(labels))}
        images = self.images.probe.images[list(first.values())]
        return AugmentationExplorer(
            images, [classes[label] for label in first], augmentation(self.settings, ARMS["baseline"])
        )

    def explore_temperature(self, embeddings: str = "colours", count: int = 6):
        """The explorer of similarities and temperature.

        `embeddings`: "colours" (a histogram of each view's colours, made by hand), "untrained", or a trained arm.
        """
        from sslcourse.labs.contrastive.widgets import TemperatureExplorer

        views = self._some_views(count)
        if embeddings == "colours":
            z1, z2 = (pictures.joint_histogram(view).sqrt() for view in views)
            title = "histograms of colours"
        else:
            run = self.untrained if embeddings == UNTRAINED else self.run(embeddings)
            z1, z2 = self._embed(run.method, views)
            title = LABELS[embeddings]
        return TemperatureExplorer(z1, z2, views, title, self.settings.temperature)

    def show_crops(self, crop_and_flip: Callable) -> None:
        """Two crops of each of five images, cut out by the student's function, every second one flipped."""
        images = self.images.probe.images[:5].float() / 255
        count, size = len(images), self.images.probe.images.shape[-1]
        side = size // 2
        generator = torch.Generator().manual_seed(self.seed)
        corner = torch.randint(0, size - side + 1, (2, count, 2), generator=generator)
        boxes = torch.cat([corner, torch.full_like(corner, side)], dim=2)  # 2,B,4: top, left, height, width
        flips = torch.arange(count) % 2 == 1
        views = torch.stack([crop_and_flip(images, one, flips) for one in boxes])
        show(pictures.boxes_and_views(images, boxes, views))

    def show_pairs(self, positive_index: Callable, count: int = 4) -> None:
        """The table of all pairs among 2 * count views, with the positives where the student's function puts them."""
        views = self._some_views(count).flatten(0, 1)
        show(pictures.pair_grid(positive_index(count), views))

    def show_similarities(self, cosine_similarity_matrix: Callable, count: int = 6) -> None:
        """What an untrained network's embeddings of a few views have in common."""
        views = self._some_views(count)
        z1, z2 = self._embed(self.untrained.method, views)
        matrix = cosine_similarity_matrix(z1, z2)
        show(plot_similarities(matrix, views.flatten(0, 1), title="untrained network"))

    def show_colours(self, count: int = 2) -> None:
        """Two crops of an image and their colours, with and without colour distortion."""
        chosen = self.images.probe.images[:count]
        rows = []
        for arm, title in (("no_colour", "crop and flip"), ("baseline", "and colour")):
            views = two_views(chosen, augmentation(self.settings, ARMS[arm]), torch.Generator().manual_seed(self.seed))
            rows += [(f"{title}", views[:, i]) for i in range(count)]
        show(pictures.colour_histograms(rows))

    def show_baseline(self) -> None:
        """kNN and contrastive accuracy before and after training."""
        self._table(
            ("knn", "contrastive_accuracy"), {UNTRAINED: self.untrained, "baseline": self.run("baseline")}, self.chance
        )

    def first_loss(self) -> tuple[float, float]:
        """The loss of the untrained network on the probe, and that of a guess, ln(2N - 1)."""
        return self.untrained.final["loss"], math.log(2 * len(self.images.probe) - 1)

    def show_geometry(self, alignment_uniformity: Callable) -> tuple[tuple[float, float], tuple[float, float]]:
        """Cosines of all pairs; (alignment, uniformity) of the untrained and of the trained network, which are returned."""
        run = self.run("baseline")
        points, cosines = {}, {}
        for key, title, this in ((UNTRAINED, "untrained", self.untrained), ("baseline", "after SimCLR", run)):
            _, _, z1, z2 = this.embeddings
            cosines[key] = _cosines(z1, z2)
            points[key] = (title, *(float(x) for x in alignment_uniformity(z1, z2)))
        show(*charts.geometry(points, cosines, run.rows))
        return points[UNTRAINED][1:], points["baseline"][1:]

    def show_collapse(self, effective_rank: Callable) -> Finding:
        """With and without negatives: spectrum, effective rank and kNN, beside the untrained network."""
        runs = {UNTRAINED: self.untrained, "baseline": self.run("baseline"), "no_negatives": self.run("no_negatives")}
        ranks = {key: float(effective_rank(run.embeddings[0])) for key, run in runs.items()}
        values = {key: (LABELS[key], ranks[key], run.final["knn"]) for key, run in runs.items()}
        show(*charts.collapse(values, {key: run.spectrum for key, run in runs.items()}, self.bands, self.chance))
        self._table(("knn", "effective_rank", "channel_std", "positive_cosine", "negative_cosine"), runs)
        loss, lowest = runs["no_negatives"].final["loss"], -1 / self.settings.temperature
        accuracy = {key: run.final["knn"] for key, run in runs.items()}
        if loss > 0.9 * lowest:
            answer = "a"
        else:
            answer = "b" if accuracy["no_negatives"] <= accuracy[UNTRAINED] + 0.02 else "c"
        text = (
            f"loss {loss:.2f} of at best {lowest:.2f}; kNN {accuracy[UNTRAINED]:.2f} untrained, {accuracy['baseline']:.2f} with "
            f"and {accuracy['no_negatives']:.2f} without negatives; effective rank {ranks[UNTRAINED]:.1f}, "
            f"{ranks['baseline']:.1f} and {ranks['no_negatives']:.1f}"
        )
        return Finding(text, answer)

    def show_shortcut(self, contrastive_accuracy: Callable) -> tuple[tuple[float, float], tuple[float, float]]:
        """With and without colour: (contrastive accuracy of both), (kNN accuracy of both)."""
        runs = {UNTRAINED: self.untrained, "baseline": self.run("baseline"), "no_colour": self.run("no_colour")}
        accuracies = {key: float(contrastive_accuracy(*run.embeddings[2:])) for key, run in runs.items()}
        values = {key: (LABELS[key], accuracies[key], run.final["knn"]) for key, run in runs.items()}
        show(*charts.shortcut(values, self.bands, self.chance))
        pair = {key: runs[key] for key in ("baseline", "no_colour")}
        self._table(("contrastive_accuracy", "knn"), pair)
        return tuple(accuracies[key] for key in pair), tuple(run.final["knn"] for run in pair.values())

    def show_colours_alone(self, contrastive_accuracy: Callable) -> None:
        """How often a histogram of colours finds the other view, beside what the trained networks find."""
        alone = self.colours_alone(contrastive_accuracy)
        table = Table("contrastive accuracy", "with colour transformations", "without")
        table.add("histogram of 64 colours, nothing learned", alone["baseline"], alone["no_colour"])
        table.add(
            "trained network", *(self.run(arm).final["contrastive_accuracy"] for arm in ("baseline", "no_colour"))
        )
        table.add("chance", *[1 / (2 * len(self.images.probe) - 1)] * 2)
        table.show()

    def colours_alone(self, contrastive_accuracy: Callable) -> dict[str, float]:
        """How often a colour histogram, which learns nothing, finds the other view: in the views of each of two arms."""
        found = {}
        for arm in ("no_colour", "baseline"):
            probe = Probe(self.images.probe.images, augmentation(self.settings, ARMS[arm]), self.seed)
            # The square root makes the cosine of two histograms their Bhattacharyya coefficient.
            first, second = (pictures.joint_histogram(views).sqrt() for views in probe.views)
            found[arm] = float(contrastive_accuracy(first, second))
        return found

    @property
    def chance(self) -> float:
        """kNN accuracy of a guess."""
        return 1 / len(self.images.train.classes)

    def _table(self, names: tuple[str, ...], runs: dict[str, Run], chance_of_knn: float | None = None) -> None:
        table = Table("", *(LABELS[key] for key in runs), *(["chance"] if chance_of_knn else []))
        for name in names:
            values = [(run.final[name], final_range(self.bands, key, name)) for key, run in runs.items()]
            table.add(name, *values, *([chance_of_knn if name == "knn" else None] if chance_of_knn else []))
        table.show()

    def _some_views(self, count: int) -> Tensor:
        generator = torch.Generator().manual_seed(self.seed)
        return two_views(self.images.probe.images[:count], augmentation(self.settings, ARMS["baseline"]), generator)

    @torch.no_grad()
    def _embed(self, method: nn.Module, views: Tensor) -> tuple[Tensor, Tensor]:
        method.eval()
        z = method.head(method.encoder.features(views.flatten(0, 1))).float()
        return z.chunk(2)


def direction(before: float, after: float, step: float = 0.02) -> str:
    """ "a" when a number rose by more than `step`, "c" when it fell by more, else "b".

    >>> direction(0.5, 0.7), direction(0.5, 0.49)
    ('a', 'b')
    """
    return "a" if after > before + step else "c" if after < before - step else "b"


def _cosines(z1: Tensor, z2: Tensor) -> Tensor:
    z = nn.functional.normalize(torch.cat([z1, z2]), dim=1)
    return z @ z.T
