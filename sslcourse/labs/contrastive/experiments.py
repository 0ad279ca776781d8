"""Lab 1's experiments, one call a stage. Each shows, measures, says what is ordinary, and whether a prediction held.

Here are the stages that train; `looking.py` has those before, `notebook/experiments.py` what every lab can do.
"""

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F

from sslcourse.evaluation.collapse import spectrum
from sslcourse.figures import plot_alignment_uniformity, plot_spectra, show
from sslcourse.labs.contrastive import measurements, pictures
from sslcourse.labs.contrastive.looking import Looking
from sslcourse.labs.contrastive.mystery import loss_with_a_mistake
from sslcourse.notebook.charts import SIZE
from sslcourse.notebook.checks import mine_or_reference
from sslcourse.notebook.findings import bracket, direction
from sslcourse.notebook.session import UNTRAINED
from sslcourse.notebook.stopping import in_a_card
from sslcourse.notebook.table import show_numbers


class ContrastiveLab(Looking):
    """What Lab 1's cells call, a stage at a time; `images` is a data set's name or `folder:PATH`."""

    @in_a_card
    def train_baseline(self, nt_xent: Callable, force: bool = False, again: bool = False) -> None:
        """Stage 4: train SimCLR with the student's loss, and measure its features."""
        loss = mine_or_reference("contrastive.nt_xent", nt_xent, force)
        run = self.train("baseline", loss, again=again)
        self._losses["no_colour"] = loss
        views = 2 * len(self.pictures)
        chances = {"knn": self.chance, "contrastive_accuracy": 1 / (views - 1)}
        rows = [
            [name, *(self.with_range(arm, name) for arm in (UNTRAINED, "baseline")), chance]
            for name, chance in chances.items()
            if name in run.final
        ]
        show_numbers("Before and after training", [UNTRAINED, self.titles["baseline"], "chance"], rows)
        first, guess = run.before["probe_loss"], math.log(views - 1)
        text = f"loss before the first step {first:.2f}, ln(2N - 1) = {guess:.2f}; at the end "
        text += f"{run.final['probe_loss']:.2f}{self.ordinary('baseline', 'probe_loss')}"
        self.found("contrastive.first_loss", text, bracket(first / guess, 0.8, 1.2, "cba"))

    @in_a_card
    def geometry(self, alignment_uniformity: Callable, force: bool = False) -> None:
        """Stage 5: the cosines of all pairs, and alignment and uniformity, before and after training."""
        meters = mine_or_reference("contrastive.geometry", alignment_uniformity, force)
        histograms, points = [], {}
        for arm in (UNTRAINED, "baseline"):
            _, _, z1, z2 = self.probe().embed(self.arm(arm).method)
            z = F.normalize(torch.cat([z1, z2]), dim=1)
            histograms.append(pictures.cosine_histogram(self.titles[arm], z @ z.T))
            alignment, uniformity = meters(z1, z2)
            points[arm] = float(alignment), float(uniformity)
        paths = {self.titles[arm]: [point] for arm, point in points.items()}
        on_the_way = [(row["alignment"], row["uniformity"]) for row in self.arm("baseline").rows]
        paths[self.titles["baseline"]][:0] = on_the_way
        plane = plot_alignment_uniformity(paths, colours=self.colours, title="both at once", size=SIZE)
        show(*histograms, plane)
        (before, spread_before), (after, spread_after) = points.values()
        text = f"alignment {before:.2f} before, {after:.2f} after{self.ordinary('baseline', 'alignment')}; "
        text += f"uniformity {spread_before:.2f} before, {spread_after:.2f} after"
        self.found("contrastive.alignment", text, direction(before, after, step=0.1 * before))

    @in_a_card
    def collapse(self, effective_rank: Callable, force: bool = False) -> None:
        """Stage 6: train without negatives; spectrum, effective rank and kNN beside the other networks."""
        rank_of = mine_or_reference("contrastive.collapse", effective_rank, force)
        arms = (UNTRAINED, "baseline", "no_negatives")
        features = {arm: self.probe().embed(self.arm(arm).method)[0] for arm in arms}
        ranks = {arm: float(rank_of(h)) for arm, h in features.items()}
        accuracy = self.accuracies(arms)
        spectra = {self.titles[arm]: spectrum(h).tolist() for arm, h in features.items()}
        show(
            plot_spectra(spectra, colours=self.colours, title="singular values of the features", size=SIZE),
            self.bars("effective rank of the features", ranks, "effective_rank"),
            *([self.bars("kNN accuracy", accuracy, "knn", self.chance)] if accuracy else []),
        )
        self.show_final(("knn", "effective_rank", "channel_std", "positive_cosine", "negative_cosine"), arms)
        loss, lowest = self.arm("no_negatives").final["probe_loss"], -1 / self.recipe().method.temperature
        text = f"loss {loss:.2f} of at best {lowest:.2f}; effective rank {self._listed(ranks, '.1f')}"
        answer = "a" if loss > 0.9 * lowest else None
        if accuracy:
            text += f"; kNN {self._listed(accuracy, '.2f')}"
            answer = answer or ("b" if accuracy["no_negatives"] <= accuracy[UNTRAINED] + 0.02 else "c")
        self.found("contrastive.no_negatives", text, answer)

    @in_a_card
    def shortcut(self, contrastive_accuracy: Callable, force: bool = False) -> None:
        """Stage 7: train without the colour transformations; how hard the task is, and how good the features are."""
        task_of = mine_or_reference("contrastive.shortcut", contrastive_accuracy, force)
        views_of = {UNTRAINED: "baseline", "baseline": "baseline", "no_colour": "no_colour"}
        task = {
            arm: float(task_of(*self.probe(views).embed(self.arm(arm).method)[2:])) for arm, views in views_of.items()
        }
        accuracy = self.accuracies(task)
        show(
            self.bars("contrastive accuracy: the task", task, "contrastive_accuracy"),
            *([self.bars("kNN accuracy: the features", accuracy, "knn", self.chance)] if accuracy else []),
        )
        self.show_final(("contrastive_accuracy", "knn"), ("baseline", "no_colour"))
        words = "{:.2f} with colour transformations, {:.2f} without"
        easier = direction(task["baseline"], task["no_colour"])
        self.found("contrastive.colour_task", words.format(task["baseline"], task["no_colour"]), easier)
        if accuracy:
            pair = accuracy["baseline"], accuracy["no_colour"]
            better = direction(*pair)
            self.found("contrastive.colour_features", words.format(*pair), better, finding=f"{easier}{better}")

    @in_a_card
    def colours_alone(self, contrastive_accuracy: Callable, force: bool = False) -> None:
        """How often a histogram of colours, which learns nothing, finds the other view, beside trained networks."""
        task_of = mine_or_reference("contrastive.shortcut", contrastive_accuracy, force)
        drawn = {"no_colour": "crop and mirror", "baseline": "and colour"}
        views = {arm: self.some_views(2, arm) for arm in drawn}
        show(pictures.colour_histograms([(title, views[arm][:, i]) for arm, title in drawn.items() for i in range(2)]))
        compared = ("baseline", "no_colour")
        by_hand = [float(task_of(*map(measurements.colour_embedding, self.probe(arm).views))) for arm in compared]
        rows = [
            ["histogram of 64 colours, nothing learned", *by_hand],
            ["trained network", *(self.arm(arm).final["contrastive_accuracy"] for arm in compared)],
            ["chance", *[1 / (2 * len(self.pictures) - 1)] * 2],
        ]
        show_numbers("Contrastive accuracy", ["with colour transformations", "without"], rows)

    @in_a_card
    def mystery(self) -> None:
        """Stage 8: train for a quarter of the steps with a loss that has one mistake; its meters beside the others."""
        rows, sound = self.train("mystery", loss_with_a_mistake).rows, self.arm("baseline").rows
        first, last = rows[0], rows[-1]
        then = min(sound, key=lambda row: abs(row["step"] - last["step"]))
        names = ("probe_loss", "contrastive_accuracy", "positive_cosine", "negative_cosine", "effective_rank")
        table = [[name, first[name], last[name], then[name]] for name in names]
        table.append(["the loss of a guess, ln(2N - 1)", None, math.log(2 * len(self.pictures) - 1), None])
        show_numbers(f"After about {last['step']} steps", ["before", self.titles["mystery"], "SimCLR, sound"], table)

    @in_a_card
    def solve_mystery(self) -> None:
        """Say which mistake it was, and by which meter it shows."""
        run = self.train("mystery", loss_with_a_mistake)
        change = run.rows[-1]["probe_loss"] - run.rows[0]["probe_loss"]
        positive, negative = run.final["positive_cosine"], run.final["negative_cosine"]
        text = f"the loss changed by {change:+.2f} only, and the cosines are {positive:.2f} for positive pairs, "
        text += f"{negative:z.2f} for negative ones"
        self.found("contrastive.mystery", text, "c")

    def _listed(self, values: dict[str, float], form: str) -> str:
        return ", ".join(f"{value:{form}} {self.titles[arm]}" for arm, value in values.items())
