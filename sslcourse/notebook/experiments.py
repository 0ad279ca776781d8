"""What the experiments of every lab share: numbers beside what is ordinary, findings, the payoff and the challenge."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

import torch
import torch.nn.functional as F
from matplotlib.figure import Figure
from torch import Tensor, nn

from sslcourse.data.imageset import ImageSet
from sslcourse.evaluation.features import extract_features
from sslcourse.evaluation.linear import linear_probe
from sslcourse.exercises import LABS
from sslcourse.figures import picture_sheet, plot_bars, plot_neighbours, show
from sslcourse.notebook import predictions
from sslcourse.notebook.beside import BesideSession
from sslcourse.notebook.card import Table, show_card
from sslcourse.notebook.charts import SIZE
from sslcourse.notebook.findings import ends, final_range, final_runs
from sslcourse.notebook.ledger import show_claims
from sslcourse.notebook.scales import scale
from sslcourse.notebook.session import CHALLENGE, UNTRAINED
from sslcourse.notebook.stopping import Stopped, in_a_card
from sslcourse.notebook.table import FINE, show_numbers
from sslcourse.settings import UnknownSetting, setting_lines
from sslcourse.training.images import RunImages, few

FREE: dict[str, Any] = {"learning_rate": 1.0, "weight_decay": 0.0, "warmup_steps": 0}  # of a run, at equal cost


class LabExperiments(BesideSession):
    """A session that can say what it measured. Every lab has an untrained network and an arm called "baseline".

    `compared` are the two networks whose features are put to use at the end. `to_beat` is the number that the challenge
    is about, and `end_to_beat` the end of the baseline's ordinary range that is to be beaten, 0 the lower or 1 the
    upper; None stands for the reader's own run of the baseline, where seeds move the number by more than settings do.
    `takes_loss` says whether a loss of the reader's may be tried in the challenge.
    """

    compared = (UNTRAINED, "baseline")
    to_beat = ("knn", "kNN accuracy")
    end_to_beat: int | None = 1
    takes_loss = False

    def encoder(self, arm: str) -> nn.Module:
        """The network of an arm, to be judged by its features."""
        return self.arm(arm).method.representation

    def found(self, identifier: str, text: str, answer: str | None, finding: str | None = None) -> None:
        """Say what an experiment found, whether the prediction held, and what it means, where it came out as usual.

        On pictures of the reader's own it says on which. `finding` stands for the answer where a lesson needs more
        than one. At smoke no lesson is shown: it would give away what nothing has shown.
        """
        where = "" if self.data == "objects" else f"On {self.pictures.name}: "
        predictions.measured(identifier, where + text, answer)
        usual, lesson = LABS[self.name].lessons.get(identifier, ("", ""))
        if usual == (finding or answer) and scale() != "smoke":
            show_card("What this shows", lesson)

    def ordinary(self, arm: str, name: str) -> str:
        """The ordinary range of a number at the end, in words; nothing where it was not measured."""
        span = final_range(self.bands, arm, name)
        return f" (ordinary: {' to '.join(ends(span, FINE.get(name, 2)))})" if span else ""

    def with_range(self, arm: str, name: str) -> tuple[float, tuple[float, float] | None]:
        """A number of an arm at the end, or of the untrained network, with its ordinary range."""
        numbers = self.arm("baseline").before if arm == UNTRAINED else self.arm(arm).final
        return numbers[name], final_range(self.bands, arm, name)

    def has_labels(self, left_out: str = "kNN accuracy") -> bool:
        """Whether the pictures have labels; where they have none, what is left out is said."""
        if not self.pictures.labelled:
            show_card(f"These pictures have no labels, so {left_out} is left out.", kind="wait")
        return self.pictures.labelled

    def need_labels(self) -> None:
        """Raises Stopped for pictures without labels."""
        if not self.pictures.labelled:
            raise Stopped("These pictures have no labels, so no vote and no classifier can be judged on them.")

    def accuracies(self, arms: Iterable[str]) -> dict[str, float]:
        """kNN accuracy of some arms; empty for pictures without labels, which is said."""
        if not self.has_labels():
            return {}
        return {arm: self.with_range(arm, "knn")[0] for arm in arms}

    def show_final(self, names: Iterable[str], arms: Iterable[str], headings: Sequence[str] = ()) -> None:
        """The numbers of some arms at the end, each with its ordinary range; `headings` instead of titles."""
        known = [name for name in names if name in self.arm("baseline").final]
        rows = [[name, *(self.with_range(arm, name) for arm in arms)] for name in known]
        if rows:  # without labels and masks there may be none
            show_numbers("At the end of training", headings or [self.titles[arm] for arm in arms], rows)

    @in_a_card
    def claims(self, *names: str) -> None:
        """What the course's ledger says of some claims, from many pairs of runs."""
        show_claims(*names)

    def pair_differences(self, one: str, other: str, name: str = "knn") -> list[float]:
        """How much more of a number one arm has at the end than another: this reader's pair, then those recorded."""
        mine = self.arm(one).final[name] - self.arm(other).final[name]
        recorded = (final_runs(self.bands, arm, name) for arm in (one, other))
        return [mine, *(after - before for after, before in zip(*recorded))]

    def show_pairs(self, title: str, rows: dict[str, list[float]]) -> None:
        """A table of differences, pair by pair: the reader's own, and those of recorded seeds where there are any."""
        seeds = self.bands.get("seeds", [])[: min(map(len, rows.values())) - 1]
        show_numbers(
            title, ["yours", *(f"seed {seed}" for seed in seeds)], [[name, *row] for name, row in rows.items()]
        )

    def bars(self, title: str, values: dict[str, float], name: str, chance: float | None = None) -> Figure:
        """One bar an arm, its number `name`, over its ordinary range."""
        return plot_bars(
            {self.titles[arm]: value for arm, value in values.items()},
            ranges={self.titles[arm]: final_range(self.bands, arm, name) for arm in values},
            colours=self.colours,
            levels={"chance": chance} if chance is not None else {},
            x_label=title,
            small_print="bars: this run   black lines: 95 % of new runs lie here" if self.bands else "",
            size=SIZE,
        )

    def some_pictures(self, each: int, unlabelled: int) -> tuple[list[int], list[str]]:
        """Positions and names of `each` held-out pictures of every class, or of the first ones, which have no names."""
        found = self.pictures
        if not found.classes:
            chosen = [*range(min(unlabelled, len(found)))]
            return chosen, [""] * len(chosen)
        chosen = first_of_each_class(found, each)
        return chosen, [found.classes[label] for label in found.labels[chosen].tolist()]

    @in_a_card
    def show_images(self, each: int = 2) -> None:
        """Some held-out pictures: `each` of every class, or the first ones where there are no labels."""
        chosen, names = self.some_pictures(each, 16)
        show(picture_sheet(self.pictures.images[chosen], names, columns=7 * each))

    @in_a_card
    def search(self, queries: int = 4, count: int = 6) -> None:
        """Search by picture: the training pictures nearest to some held-out ones, by two networks."""
        images = self.images
        chosen = first_of_each_class(images.held_out, 1) if images.labelled else [*range(len(images.held_out))]
        asked = images.held_out.subset(torch.tensor(chosen[:queries]))
        for arm in self.compared:
            found = nearest(self.encoder(arm), images.bank, asked, count, self.seen_size())  # Q,K
            same, names, words = None, None, ""
            if images.labelled:
                same = images.bank.labels.cpu()[found] == asked.labels.cpu()[:, None]
                names = [asked.classes[label] for label in asked.labels.tolist()]
                words = f": {int(same.sum())} of {same.numel()} are of the query's class"
            show_card(f"Search by picture, {self.titles[arm]}{words}")
            show(plot_neighbours(asked.images, images.bank.images[found], names, same))

    @in_a_card
    def few_labels(self, each: tuple[int, ...] = (5, 20)) -> None:
        """A linear classifier on frozen features from a few labels a class, of two networks."""
        images, arms = self.images, self.compared
        self.need_labels()
        encoders = [self.encoder(arm) for arm in arms]
        rows = [
            [
                f"{count} labels a class",
                *(accuracy_from_labels(one, images, count, self.seen_size()) for one in encoders),
                self.chance,
            ]
            for count in each
        ]
        show_numbers("Accuracy of a linear classifier", [*(self.titles[arm] for arm in arms), "chance"], rows)

    @in_a_card
    def settings(self) -> None:
        """What a challenge may change by name, and what it is without one."""
        known, groups = self.recipes(scale()), {}
        recipe = known.get(CHALLENGE, known["baseline"])
        for line in [*setting_lines(recipe.method), *(f"{name}={getattr(recipe.fit, name)}" for name in FREE)]:
            path, _, value = line.partition("=")
            group, _, name = path.rpartition(".")
            groups.setdefault(group, []).append(f"{name}={value}")
        show_card("Settings", Table(["", ""], [[group, ", ".join(own)] for group, own in groups.items()]))

    @in_a_card
    def challenge(self, loss: Callable | None = None, **changes: Any) -> None:
        """Train with settings, or a loss, of one's own, at equal cost: `temperature=0.1`, `learning_rate=4e-3`, ..."""
        if loss is not None and not (self.takes_loss and callable(loss)):
            wanted = "a loss, or settings by name" if self.takes_loss else "settings by name and no loss"
            raise Stopped(f"This challenge takes {wanted}; `lab.settings()` shows them.")
        before, self.changes = self.changes, changes
        try:
            recipe, base = self.recipe(CHALLENGE), self.recipe()
            cost = [replace(one.fit, **FREE) for one in (recipe, base)]
            if cost[0] != cost[1] or (recipe.data, recipe.encoder) != (base.data, base.encoder):
                raise ValueError("Equal cost: network, pictures, steps and batch stay; change loss, views or rate.")
        except (ValueError, TypeError) as problem:
            self.changes = before
            raise Stopped(told(problem)) from None
        name, title = self.to_beat
        if name == "knn" and not self.images.labelled:
            raise Stopped("Without labels there is no kNN accuracy to beat.")
        run = self.train(CHALLENGE, loss)
        mine, span, end = run.final[name], final_range(self.bands, "baseline", name), self.end_to_beat
        if span and end is not None:
            words = f"the {('lower', 'upper')[end]} end of what is ordinary for {self.titles['baseline']}"
            self.show_score(title, mine, span[end], words)
        else:
            words = f"your own run of the same seed, {self.titles['baseline']}"
            self.show_score(title, mine, self.arm("baseline").final[name], words)

    def show_score(self, name: str, mine: float, goal: float, words: str) -> None:
        """A number of the reader's own beside the one to beat."""
        show_card(f"{name} {mine:.3f}; to beat: {goal:.3f}, {words}", kind="good" if mine > goal else "info")


def told(problem: Exception) -> str:
    """What is wrong with settings, in a notebook: names that nothing is spelled like are not all listed."""
    if isinstance(problem, UnknownSetting):
        near = f"; nearest: {', '.join(problem.near)}" if problem.near else ""
        return f"There is no setting {problem.name!r}{near}. `lab.settings()` shows them all."
    return str(problem)


def first_of_each_class(images: ImageSet, each: int) -> list[int]:
    """The positions of the first `each` pictures of every class that occurs, class by class."""
    labels = images.labels.cpu()
    return [i for label in labels.unique() for i in (labels == label).nonzero().flatten().tolist()[:each]]


def nearest(encoder: nn.Module, bank: ImageSet, queries: ImageSet, count: int, size: int | None) -> Tensor:
    """The positions `Q,count` of the pictures in `bank` whose features have the largest cosines with each query's."""
    known, asked = (F.normalize(extract_features(encoder, part, size=size), dim=1) for part in (bank, queries))
    return (asked @ known.T).topk(min(count, len(bank))).indices


def accuracy_from_labels(encoder: nn.Module, images: RunImages, each: int, size: int | None) -> float:
    """The held-out accuracy of a linear classifier on frozen features, trained on `each` labels a class."""
    classes = len(images.bank.classes)
    some = few(images.bank, each * classes)
    known, asked = (extract_features(encoder, part, size=size) for part in (some, images.held_out))
    labels = some.labels.cpu(), images.held_out.labels.cpu()
    return linear_probe(known, labels[0], asked, labels[1], num_classes=classes).accuracy
