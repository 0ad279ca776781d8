"""Lab 6's experiments, one call a stage. Each shows, measures, says what is ordinary, and whether a prediction held.

Here are the stages that train or judge features; `looking.py` has the others, `notebook/experiments.py` what every lab
can do.
"""

import math
from collections.abc import Callable

from sslcourse.data.objects import FAMILIES
from sslcourse.evaluation.features import extract_features
from sslcourse.evaluation.linear import linear_probe
from sslcourse.exercises import find
from sslcourse.figures import plot_curves, show
from sslcourse.labs.pixels.looking import Looking
from sslcourse.labs.pixels.measurements import mean_left
from sslcourse.labs.pixels.method import Own
from sslcourse.labs.pixels.session import DROPPED, SHARES
from sslcourse.notebook.checks import mine_or_reference
from sslcourse.notebook.findings import direction, mostly, pairs_told
from sslcourse.notebook.session import UNTRAINED
from sslcourse.notebook.stopping import in_a_card
from sslcourse.notebook.table import show_numbers

CLEARLY = 0.1  # of what is left: about three standard errors on 300 pictures
FILLED = ("mean", "noise", "other")


class PixelsLab(Looking):
    """What Lab 6's cells call, a stage at a time; `images` is a data set's name or `folder:PATH`."""

    @in_a_card
    def train_baseline(
        self,
        restore_order: Callable,
        normalised_targets: Callable,
        removed_only: Callable,
        force: bool = False,
        again: bool = False,
    ) -> None:
        """Stage 3: train a painter with the student's functions, and measure its errors and features."""
        own = Own(
            mine_or_reference("pixels.restore", restore_order, force),
            mine_or_reference("pixels.targets", normalised_targets, force),
            mine_or_reference("pixels.loss", removed_only, force),
        )
        run = self.train("baseline", own, again=again)
        self.show_final(("removed_error", "kept_error", "centered_rank", "knn"), (UNTRAINED, "baseline"))
        removed, kept = run.final["removed_error"], run.final["kept_error"]
        text = f"error of removed patches {removed:.2f}{self.ordinary('baseline', 'removed_error')}, of kept ones "
        text += f"{kept:.2f}{self.ordinary('baseline', 'kept_error')}; 1 is a patch in its mean colour"
        self.found("pixels.visible", text, "a" if kept < 0.2 else "b" if kept < removed - 0.05 else "c")

    @in_a_card
    def features(self) -> None:
        """Stage 5: what painters and DINO know of classes: neighbours on raw and whitened features, a linear probe."""
        self.need_labels()
        held_out, known = self.images.held_out, self.images.bank
        rows, by_arm = [], {}
        for arm in (UNTRAINED, "baseline", "reconstruction", "dino"):
            raw, white = (self.knn(arm, held_out.images, held_out.labels, one) for one in ("raw", "whitened"))
            asked = extract_features(self.encoder(arm), held_out)
            labels = known.labels.cpu(), held_out.labels.cpu()
            probe = linear_probe(self.bank(arm), labels[0], asked, labels[1], num_classes=len(known.classes)).accuracy
            rows.append([self.titles[arm], raw, white, probe])
            by_arm[arm] = raw, white
        show_numbers(
            f"Accuracy on held-out pictures (chance {self.chance:.2f})",
            ["kNN, raw", "kNN, whitened", "linear classifier"],
            rows,
        )
        raw, white = by_arm["reconstruction"]
        text = f"kNN of the course's painter {raw:.2f} raw, {white:.2f} whitened; of DINO "
        text += f"{by_arm['dino'][0]:.2f} and {by_arm['dino'][1]:.2f}"
        self.found("pixels.whitened", text, direction(raw, white, 0.05))

    @in_a_card
    def occlusion(self, drop_patches: Callable, force: bool = False) -> None:
        """Stage 6: what the course's painter and DINO keep when patches are hidden by the student's function."""
        self.need_labels()
        self.need_two()
        drop = mine_or_reference("pixels.drop", drop_patches, force)
        tables = {arm: self.occlude(arm, drop) for arm in self.compared}
        show(*(self._curves(tables, dropped) for dropped in DROPPED))
        for arm, rows in tables.items():
            lines = [
                [dropped, *(told(mean_left(rows, dropped=dropped, fill=fill)) for fill in FILLED)]
                for dropped in DROPPED
            ]
            show_numbers(f"Left of accuracy, {self.titles[arm]}, by what fills", FILLED, lines)
        left = {arm: mean_left(rows, dropped="random") for arm, rows in tables.items()}
        text = ", ".join(f"{self.titles[arm]} {told(value)}" for arm, value in left.items())
        text = f"left of the accuracy above chance, random patches hidden, mean of all fills: {text}"
        self.found("pixels.robust", text, direction(left["dino"], left["reconstruction"], CLEARLY))

    def _curves(self, tables: dict[str, list[dict]], dropped: str):
        """What is left against the share that is hidden, mean of the fills: one curve a network, all on one scale."""
        means = [mean_left(rows, dropped=d, share=s) for rows in tables.values() for d in DROPPED for s in SHARES]
        known = [value for value in means if not math.isnan(value)]
        curves = {
            self.titles[arm]: ((0.0, *SHARES), [1.0, *(mean_left(rows, dropped=dropped, share=s) for s in SHARES)])
            for arm, rows in tables.items()
        }
        return plot_curves(
            curves,
            colours=self.colours,
            title=f"hidden: {dropped}",
            x_label="share of the patches hidden",
            y_label="left of the accuracy",
            y_limits=(min([0.0, *known]) - 0.05, max([1.0, *known]) + 0.05),
            size=(3.3, 2.8),
        )

    @in_a_card
    def black(self) -> None:
        """Stage 7: somebody's experiment, who hides with zeros."""
        self.need_labels()
        rows = self.occlude("dino", find("pixels.drop").reference, ("random",), ("black",))
        table = [
            [f"{100 * row['share']:.0f} % of the patches, set to 0", row["accuracy"], told(row["left"])] for row in rows
        ]
        show_numbers("DINO, random patches hidden", ["kNN accuracy", "left, above chance"], table)

    @in_a_card
    def solve_black(self) -> None:
        """Stage 7: the control: a quarter of the patches hidden, and nothing of the object where masks are known."""
        self.need_labels()
        self.need_two()
        fills = ("black", *FILLED)
        rows = self.occlude("dino", find("pixels.drop").reference, ("background", "random"), fills, SHARES[:1])
        left = {what: {f: mean_left(rows, dropped=what, fill=f) for f in fills} for what in ("background", "random")}
        lines = [[f"filled with {fill}", *(told(one[fill]) for one in left.values())] for fill in fills]
        show_numbers("Left of DINO's accuracy, a quarter hidden", ["background only", "random patches"], lines)
        one = left["background"]
        text = "a quarter of the patches, all of them background: left with " + ", ".join(
            f"{fill} {told(value)}" for fill, value in one.items()
        )
        self.found("pixels.black", text, "a")

    @in_a_card
    def pair(self) -> None:
        """Stage 8: train a distilled network without and with painting, and damage pictures for both."""
        self.need_labels()
        self.need_two()
        arms = ("distilled", "both")
        self.train_beside(arms, ("centered_rank",))
        self.show_final(("knn", "centered_rank"), arms)
        drop = find("pixels.drop").reference
        tables = {arm: self.occlude(arm, drop) for arm in arms}
        damage = {arm: self.corruptions(arm) for arm in arms}
        rows = [[f"hidden: {what}", *(told(mean_left(tables[arm], dropped=what)) for arm in arms)] for what in DROPPED]
        rows += [[name.replace("_", " "), *(told(damage[arm][name]) for arm in arms)] for name in damage["both"]]
        show_numbers("Left of kNN accuracy, above chance", [self.titles[arm] for arm in arms], rows)
        self._families(arms)
        hidden = {arm: mean_left(tables[arm], dropped="random") for arm in arms}
        alone, painted = (told(left) for left in hidden.values())
        text = f"random patches hidden, {alone} is left without painting, {painted} with it"
        self.found("pixels.pair", text, direction(hidden["distilled"], hidden["both"], CLEARLY))
        clean = {arm: self.arm(arm).final["knn"] for arm in arms}
        text = f"kNN accuracy on whole pictures {clean['distilled']:.2f} without painting, {clean['both']:.2f} with it"
        pairs = self.pair_differences("both", "distilled")
        self.show_pairs("Differences of kNN accuracy between runs of one seed", {"with painting - without": pairs})
        self.found("pixels.accuracy", f"{text}; {pairs_told(pairs, 0.03)}", mostly(pairs, 0.03))

    def _families(self, arms: tuple[str, ...]) -> None:
        """kNN accuracy on each family of backgrounds, where they are known."""
        held_out = self.images.held_out
        if "background" not in held_out.extras:
            return
        rows = []
        for number, name in enumerate(FAMILIES):
            part = held_out.subset(held_out.extras["background"] == number)
            rows.append([name, *(self.knn(arm, part.images, part.labels) for arm in arms)])
        show_numbers("kNN accuracy by background", [self.titles[arm] for arm in arms], rows)

    @in_a_card
    def brush(self):
        """The brush: hide patches, and see what the course's painter makes of the rest."""
        from sslcourse.labs.pixels.widgets import Brush

        chosen, names = self.some_pictures(1, 8)
        names = [name or f"picture {index + 1}" for index, name in enumerate(names)]
        return Brush(self.pictures.images[chosen], names, self.painter)


def told(left: float) -> str:
    """What is left, in words; a dash where a network knew nothing of whole pictures, so that nothing could be left.

    >>> told(0.5), told(float("nan"))
    ('0.50', '–')
    """
    return "–" if math.isnan(left) else f"{left:.2f}"
