"""Lab 5's experiments, one call a stage. Each shows, measures, says what is ordinary, and whether a prediction held.

Here are the stages that train; `looking.py` and `timing.py` have the others, `notebook/experiments.py` what every lab
can do.
"""

from dataclasses import replace

from sslcourse.figures import show
from sslcourse.labs.removal.arms import KEEP_RATE
from sslcourse.labs.removal.session import attention_of
from sslcourse.labs.removal.timing import Timing
from sslcourse.methods.removal import Removal
from sslcourse.notebook.card import Table, show_card
from sslcourse.notebook.findings import mostly, pairs_told
from sslcourse.notebook.scales import scale
from sslcourse.notebook.session import UNTRAINED
from sslcourse.notebook.stopping import Stopped, in_a_card

CLEARLY = 0.03  # of kNN accuracy: about two standard errors of the difference of two on 1,000 pictures
POLICIES = ("low", "random", "high", "own")


class RemovalLab(Timing):
    """What Lab 5's cells call, a stage at a time; `images` is a data set's name or `folder:PATH`."""

    @in_a_card
    def train_baseline(self, again: bool = False) -> None:
        """Stage 1: a network trained on whole crops; what its attention marks before, on the way, and at the end."""
        run = self.train("baseline", again=again)
        self.show_final(("object_recall", "attention_entropy", "knn"), (UNTRAINED, "baseline"))
        if self.masks is None:
            return
        recalls, rule = [row["object_recall"] for row in run.rows], self.recall(self.contrast)
        early, usual = run.rows[min(1, len(run.rows) - 1)], self.ordinary("baseline", "object_recall")
        show_card(
            f"Share of the object in the attended half: {recalls[0]:.2f} untrained, {early['object_recall']:.2f} at "
            f"step {early['step']}, {recalls[-1]:.2f} at the end{usual}; the rule of colours {rule:.2f}"
        )

    @in_a_card
    def explore(self):
        """A keep rate to choose: which patches stay, how much of the object is among them, and what a step costs."""
        from sslcourse.labs.removal.arms import RULE
        from sslcourse.labs.removal.widgets import KeepExplorer

        chosen, names = self.some_pictures(1, 12)
        networks = {"iBOT": "ibot", "DINO": "dino", "BYOL": "byol", UNTRAINED: UNTRAINED}
        seen = self.seen[chosen]
        found = {title: attention_of(self.network(name), seen) for title, name in networks.items()}
        found[RULE] = self.contrast[chosen]
        masks = None if self.masks is None else self.masks[chosen]
        return KeepExplorer(self.pictures.images[chosen], names, found, masks)

    @in_a_card
    def design(self, policy: str = "none", keep_rate: float = KEEP_RATE, steps: int | None = None) -> None:
        """Stage 3: in what a control of the reader's differs from the claim's arm, and what it therefore cannot say."""
        claim = self.recipes(scale())["low"]
        try:
            removal = Removal(policy, keep_rate)
            own = replace(claim, method=replace(claim.method, removal=removal))
            own = replace(own, fit=replace(own.fit, steps=claim.fit.steps if steps is None else steps))
            patches = [recipe.method.removal.kept_of(36) for recipe in (claim, own)]
        except (ValueError, TypeError) as problem:
            raise Stopped(str(problem)) from None
        rows = [
            ("patches that go, of 36", [36 - kept for kept in patches]),
            (
                "how they are chosen",
                [each.method.removal.policy if kept < 36 else "-" for each, kept in zip((claim, own), patches)],
            ),
            ("steps", [each.fit.steps for each in (claim, own)]),
        ]
        table = [[what, *map(str, both), "" if both[0] == both[1] else "differs"] for what, both in rows]
        differs = {what for what, both in rows if both[0] != both[1]}
        show_card(*self._judge(differs, policy), Table(["", "the claim's arm", "your control", ""], table))

    def _judge(self, differs: set[str], policy: str) -> tuple[str, str]:
        """A title and a sentence on what a control that differs in this can say."""
        if not differs:
            return "That is no control", "It is the claim's arm itself: the two will differ by chance alone."
        if differs == {"how they are chosen"} and policy == "random":
            return (
                "A control that carries the claim",
                "As many patches go, for as many steps; only attention has no say in which. If the claim's arm is "
                "better than this one, it is because of *what* was removed.",
            )
        if differs == {"how they are chosen"}:
            return (
                "Nearly",
                "The two differ in one thing only. But if the claim's arm wins, is it because what it removes is "
                "worth nothing, or because what yours removes is worth more than most? A control should be neutral.",
            )
        others = sorted(differs - {"how they are chosen"})
        return (
            "Another explanation is left",
            f"The two also differ in: {', '.join(others)}. If the claim's arm wins, that may be why: a student that "
            "sees fewer patches of *any* kind has a harder task, and a longer run has learned more.",
        )

    @in_a_card
    def policies(self) -> None:
        """Stage 3: train with low, random and high attention removed, at equal steps, and by the own teacher's."""
        names = ("baseline", *POLICIES)
        self.train_beside(names, ("object_recall",) if self.masks is not None else ("attention_entropy",))
        self.show_final(("knn", "object_recall"), names)
        accuracy = self.accuracies((UNTRAINED, *names))
        if not accuracy:
            return
        show(self.bars("kNN accuracy", accuracy, "knn", self.chance))
        pairs = {f"{self.titles[arm]} - nothing removed": self.pair_differences(arm, "baseline") for arm in POLICIES}
        pairs["low removed - random removed"] = self.pair_differences("low", "random")
        self.show_pairs("Differences of kNN accuracy between runs of one seed", pairs)
        for identifier, other in (("removal.accuracy", "baseline"), ("removal.policy", "random")):
            text = f"kNN accuracy {accuracy['low']:.2f} with low attention removed, {accuracy[other]:.2f} with "
            text += f"{self.titles[other]}; {pairs_told(self.pair_differences('low', other), CLEARLY)}"
            self.found(identifier, text, mostly(self.pair_differences("low", other), CLEARLY))

    @in_a_card
    def equal_time(self) -> None:
        """Stage 4: low attention removed beside nothing removed, for as long a time instead of as many steps."""
        arms = ("own", "short", "baseline")
        accuracy = self.accuracies(arms)
        steps = {arm: self.recipe(arm).fit.steps for arm in arms}
        self.show_final(("knn", "object_recall"), arms, [f"{self.titles[arm]}, {steps[arm]} steps" for arm in arms])
        if not accuracy:
            return
        text = f"kNN accuracy {accuracy['own']:.2f} after {steps['own']} steps with low attention removed, "
        text += f"{accuracy['short']:.2f} after {steps['short']} with nothing removed, which take about as long"
        pairs = self.pair_differences("own", "short")
        self.show_pairs(
            "Differences of kNN accuracy between runs of one seed",
            {f"{self.titles['own']} - {self.titles['short']}": pairs},
        )
        self.found("removal.equal_time", f"{text}; {pairs_told(pairs, CLEARLY)}", mostly(pairs, CLEARLY))
