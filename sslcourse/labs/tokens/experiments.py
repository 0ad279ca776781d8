"""Lab 0's experiments, one call a stage. Each shows, measures, and says whether a prediction held.

Stages 4 to 8, which judge networks; `looking.py` has those before, `notebook/experiments.py` what every lab can do.
"""

import secrets
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from sslcourse.data.views import two_views
from sslcourse.evaluation.collapse import centered_rank, contrastive_accuracy
from sslcourse.evaluation.features import extract_features
from sslcourse.evaluation.knn import knn_accuracy
from sslcourse.evaluation.linear import linear_probe
from sslcourse.figures import plot_curves, show
from sslcourse.labs.tokens import arms, measurements, pictures
from sslcourse.labs.tokens.looking import Looking
from sslcourse.notebook import state
from sslcourse.notebook.charts import SIZE
from sslcourse.notebook.checks import mine_or_reference
from sslcourse.notebook.findings import bracket
from sslcourse.notebook.session import UNTRAINED
from sslcourse.notebook.stopping import Stopped, in_a_card
from sslcourse.notebook.table import show_numbers
from sslcourse.training.recipes import VIEWS

NEIGHBOURS, TEMPERATURE = 20, 0.07  # as in DINO's evaluation
LETTERS = "ABCD"


class TokensLab(Looking):
    """What Lab 0's cells call, a stage at a time; `images` is a data set's name or `folder:PATH`."""

    def knn(self, vote: Callable, arm: str, rows: Tensor | None = None, k: int = NEIGHBOURS) -> float:
        """The accuracy of a vote on the held-out pictures, among all of the bank or some of its rows."""
        bank, held_out = self.features(arm)
        labels = self.images.bank.labels.cpu()
        bank, labels = (bank, labels) if rows is None else (bank[rows], labels[rows])
        votes = vote(held_out, bank, labels, min(k, len(bank)), TEMPERATURE)
        return (votes.argmax(1) == self.images.held_out.labels.cpu()).float().mean().item()

    def need_pictures(self, least: int = 8) -> None:
        """Raises Stopped for too few held-out pictures to say how features spread."""
        if len(self.images.held_out) < least:
            held_out = len(self.images.held_out)
            raise Stopped(f"How features spread needs {least} held-out pictures; there are {held_out}. Add some.")

    @in_a_card
    def neighbours(self, knn_vote: Callable, force: bool = False) -> None:
        """Stage 4: how alike all features look, and what their neighbours know."""
        self.need_labels()
        vote = mine_or_reference("tokens.knn_vote", knn_vote, force)
        names = self.networks((*arms.MAIN, "logo"))
        cosines = {arm: measurements.mean_cosine(self.features(arm)[1]) for arm in names}
        accuracy = {arm: self.knn(vote, arm) for arm in names}
        rows = [[self.titles[arm], f"{cosines[arm]:.3f}", accuracy[arm], self.chance] for arm in names]
        show_numbers("Held-out pictures", ["mean cosine of two pictures", "kNN accuracy", "chance"], rows)
        text = f"LoGo: mean cosine {cosines['logo']:.3f}, kNN {accuracy['logo']:.2f} "
        text += f"(untrained {accuracy[UNTRAINED]:.2f}, chance {self.chance:.2f})"
        times = accuracy["logo"] / max(accuracy[UNTRAINED], self.chance or 0)
        self.found("tokens.cone", text, bracket(times, 0.8, 1.5, "cba"))

    @in_a_card
    def labels_grow(self, knn_vote: Callable, force: bool = False) -> None:
        """Stage 4: kNN and a linear probe on frozen features, with few labels and with many."""
        self.need_labels()
        vote = mine_or_reference("tokens.knn_vote", knn_vote, force)
        labels, held_out = self.images.bank.labels.cpu(), self.images.held_out.labels.cpu()
        most = int(labels.bincount().max())
        counts = [each for each in (2, 20, 140) if each < most] + [most] * (most < 140)
        classes, figures = len(self.pictures.classes), []
        rows: list[list[Any]] = []
        for arm in (UNTRAINED, "ibot"):
            known, asked = self.features(arm)
            curves: dict[str, list[float]] = {"kNN": [], "linear probe": []}
            for each in counts:
                some = self.labelled_rows(each)
                curves["kNN"].append(self.knn(vote, arm, some, min(NEIGHBOURS, each)))
                probe = linear_probe(
                    known[some], labels[some], asked, held_out, num_classes=classes, l2_grid=(1e-3, 1e-2, 0.1)
                )
                curves["linear probe"].append(probe.accuracy)
            figure = plot_curves(
                {name: (counts, values) for name, values in curves.items()},
                levels={"chance": self.chance or 0},
                title=self.titles[arm],
                x_label="labels a class",
                y_label="accuracy on held-out pictures",
                y_limits=(0, 1),
                size=SIZE,
            )
            figure.axes[0].set_xscale("log")
            figure.axes[0].set_xticks(counts, [str(each) for each in counts])
            figure.axes[0].minorticks_off()
            figures.append(figure)
            rows += [[f"{self.titles[arm]}, {name}", *values] for name, values in curves.items()]
        show(*figures)
        show_numbers("Accuracy by labels a class", [str(count) for count in counts], rows)
        knn, linear = (fewest for _, fewest, *_ in rows[2:])
        text = f"iBOT with {counts[0]} labels a class: kNN {knn:.2f}, linear probe {linear:.2f}"
        self.found("tokens.few", text, bracket(knn - linear, -0.02, 0.02))

    @in_a_card
    def clouds(self) -> None:
        """Stage 5: four clouds of features by letter, in an order of this reader's own."""
        features, order = self._clouds()
        show(pictures.clouds_and_spectra({letter: features[name] for letter, name in order.items()}))

    @in_a_card
    def solve_clouds(self) -> None:
        """Say which cloud has collapsed, and which meters would have misled."""
        features, order = self._clouds()
        rows: list[list[Any]] = []
        for letter, name in order.items():
            cloud = features[name]
            rows.append([letter, f"{measurements.mean_cosine(cloud):.2f}", f"{cloud.std(0).mean():.3f}"])
            rows[-1] += [centered_rank(cloud).item(), self._halves_knn(cloud) if self.images.labelled else None]
        headings = ["mean cosine", "standard deviation", "effective rank around the mean", "kNN accuracy"]
        show_numbers("The four clouds", headings, rows)
        right = next(letter for letter, name in order.items() if name == "pressed")
        rank = centered_rank(features["pressed"]).item()
        text = f"cloud {right} is the one that lost directions: {rank:.1f} of {features['pressed'].shape[1]} are left"
        self.found("tokens.collapsed", text, right.lower(), finding="any")

    def _clouds(self) -> tuple[dict[str, Tensor], dict[str, str]]:
        """The clouds by what was done to them, and which letter each has for this reader."""
        self.need_pictures()
        features = measurements.clouds(self.features("ibot")[1], torch.Generator().manual_seed(self.seed))
        names = state.read_lab(self.name)["drawn"].get("clouds")
        if sorted(names or ()) != sorted(features):
            names = sorted(features, key=lambda _: secrets.randbits(32))
            state.update(self.name, "drawn", "clouds", names)
        return features, dict(zip(LETTERS, names))

    def _halves_knn(self, cloud: Tensor) -> float:
        """kNN on a cloud of the held-out pictures' features: the second half of them asks the first."""
        half, labels = len(cloud) // 2, self.images.held_out.labels.cpu()
        k, classes = min(NEIGHBOURS, half), len(self.pictures.classes)
        return knn_accuracy(cloud[:half], labels[:half], cloud[half:], labels[half:], k=k, num_classes=classes)

    @in_a_card
    def compare(self, linear_cka: Callable, force: bool = False) -> None:
        """Stage 6: CKA of all networks with each other, and with another untrained one."""
        self.need_pictures()
        cka = mine_or_reference("tokens.linear_cka", linear_cka, force)
        features = {self.titles[arm]: self.features(arm)[1] for arm in self.networks(tuple(arms.TITLES))}
        other = type(self)(self.data, seed=self.seed + 1)
        other._images = self._images
        features = {"untrained, too": other.features(UNTRAINED)[1], **features}
        names = list(features)
        matrix = torch.tensor([[float(cka(features[one], features[two])) for two in names] for one in names])
        show(pictures.matrix(matrix, names, "linear CKA"))
        place = {name: at for at, name in enumerate(names)}
        asked = {
            "two untrained networks": ("untrained, too", "untrained"),
            "iBOT and BYOL": ("iBOT", "BYOL"),
            "DINO and where it started": ("DINO", "untrained"),
        }
        found = {words: matrix[place[one], place[two]].item() for words, (one, two) in asked.items()}
        text = "; ".join(f"{words} {value:.2f}" for words, value in found.items())
        self.found("tokens.alike", text, "abc"[list(found.values()).index(max(found.values()))])

    @in_a_card
    def without_labels(self, knn_vote: Callable, force: bool = False) -> None:
        """Stage 7: numbers that need no labels beside kNN accuracy, for all networks."""
        self.need_labels()
        vote = mine_or_reference("tokens.knn_vote", knn_vote, force)
        names = self.networks(tuple(arms.TITLES))
        views = two_views(self.pictures.images, VIEWS, torch.Generator().manual_seed(self.seed))
        meters: dict[str, list[float]] = {"effective rank around the mean": [], "finds the other view": []}
        if "mask" in self.pictures.extras:
            meters["attention on the object"] = []
        for arm in names:
            encoder = self.encoder(arm)
            meters["effective rank around the mean"].append(centered_rank(self.features(arm)[1]).item())
            pair = [extract_features(encoder, view) for view in views]
            meters["finds the other view"].append(contrastive_accuracy(*pair).item())
            if "mask" in self.pictures.extras:
                meters["attention on the object"].append(self.attention_on_object(arm))
        accuracy = [self.knn(vote, arm) for arm in names]
        titles = [self.titles[arm] for arm in names]
        show(pictures.meters_against(accuracy, meters, titles, [self.colours[title] for title in titles]))
        rows = [[title, *(values[at] for values in meters.values()), accuracy[at]] for at, title in enumerate(titles)]
        show_numbers("All networks", [*meters, "kNN accuracy"], rows)
        agreement = {name: measurements.rank_correlation(values, accuracy) for name, values in meters.items()}
        best = max(agreement, key=lambda name: agreement[name])
        text = "rank correlation with kNN accuracy: " + ", ".join(f"{one} {r:.2f}" for one, r in agreement.items())
        answers = {"effective rank around the mean": "a", "attention on the object": "b", "finds the other view": "c"}
        self.found("tokens.meter", text, answers[best])

    @in_a_card
    def segment(self, count: int = 8) -> None:
        """Stage 8: object and background told apart without a label."""
        tokens = {"pixels": self.pixel_tokens()} | {
            self.titles[arm]: self.patch_tokens(arm) for arm in self.networks((*arms.MAIN, "dino"))
        }
        found = {name: measurements.split_in_two(one) for name, one in tokens.items()}
        show(pictures.segmentations(self.pictures.images, found, count))
        if "mask" in self.pictures.extras:
            rows = [[name, measurements.object_iou(one, self.shares)] for name, one in found.items()]
            show_numbers("Object and background, without a label", ["intersection over union"], rows)

    @in_a_card
    def challenge(self, segment: Callable) -> None:
        """Judge a segmentation of one's own: `segment(tokens, attention) -> bool B,N`, from iBOT's last block."""
        if "mask" not in self.pictures.extras:
            raise Stopped("These pictures come without masks, so there is nothing to judge a segmentation by.")
        tokens, goal = self.patch_tokens("ibot"), measurements.split_in_two(self.patch_tokens("ibot"))
        try:
            mine = segment(tokens.clone(), self.class_attention("ibot").clone())
            if mine.shape != goal.shape or mine.dtype != torch.bool:
                raise ValueError(f"it must be bool of shape {tuple(goal.shape)}; got {mine.dtype} {tuple(mine.shape)}")
        except Exception as problem:  # noqa: BLE001 (whatever a reader's function may raise)
            raise Stopped(f"Your segmentation does not work. {type(problem).__name__}: {problem}") from problem
        score, to_beat = (measurements.object_iou(one, self.shares) for one in (mine, goal))
        self.show_score("Intersection over union", score, to_beat, "the course's rule of stage 8")
