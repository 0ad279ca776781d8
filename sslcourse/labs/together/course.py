"""Lab 7's last stages: a hypothesis of the reader's own, and the whole course: every claim beside every prediction."""

from collections.abc import Callable, Mapping
from typing import Any

import torch

from sslcourse.claims.catalogue import CLAIMS
from sslcourse.claims.claim import Claim
from sslcourse.claims.report import entry_of
from sslcourse.claims.verdict import PAIRS
from sslcourse.exercises import LABS
from sslcourse.figures import plot_pairs, show
from sslcourse.labs.together import hypothesis, ledger
from sslcourse.labs.together.looking import Looking
from sslcourse.notebook import predictions
from sslcourse.notebook.card import Table, show_card
from sslcourse.notebook.checks import mine_or_reference
from sslcourse.notebook.experiments import told
from sslcourse.notebook.live import LivePanel
from sslcourse.notebook.predictions import Compared
from sslcourse.notebook.scales import scale
from sslcourse.notebook.stopping import Stopped, in_a_card
from sslcourse.settings import UnknownSetting

# Which predictions of the labs were on a claim.
ON_A_CLAIM = {
    "patches-give-detail": ("two_levels.patch_knn", "two_levels.parts"),
    "strides-lose-detail": ("two_levels.outlines",),
    "attention-marks-objects": ("tokens.looks", "removal.objects", "removal.rule"),
    "removal-accuracy": ("removal.half", "removal.accuracy", "removal.policy"),
    "removal-training-speed": ("removal.counted", "removal.measured", "removal.equal_time"),
    "removal-inference-speed": ("removal.inference",),
    "reconstruction-occlusion": ("pixels.robust", "pixels.pair"),
    "regular-scenes": ("pixels.scenes",),
    "all-three": ("together.pair", "together.order"),
    "without-removal": ("together.speed",),
    "simclr-negatives": ("contrastive.no_negatives",),
    "byol-target": ("byol.no_ema", "byol.no_predictor", "byol.no_stop"),
    "batch-size": ("byol.batch",),
    "fewer-transformations": ("byol.colour",),
    "too-hard-or-too-easy": ("contrastive.colour_task", "contrastive.colour_features"),
    "local-crops-apart": ("local.pushed", "local.apart"),
    "all-crops-together": ("local.pulled", "local.together"),
}


class WholeCourse(Looking):
    """What the cells of the last stages call."""

    _example: Mapping[str, Any] | None = None  # the hypothesis that was shown last, if it is not to be kept

    @in_a_card
    def register(
        self,
        sentence: str,
        first: Mapping[str, Any],
        second: Mapping[str, Any],
        measure: str = "knn",
        least: float = 0.03,
        direction: str = "higher",
        example: bool = False,
    ) -> None:
        """Stage 6: write a hypothesis down for good; what it compares, and what would bear it out.

        `first` and `second` switch `patches`, `removal` and `pixels` on, and may change other settings by name. An
        `example` is not kept.
        """
        if not (isinstance(first, Mapping) and isinstance(second, Mapping)):
            raise Stopped('first and second say what is on in either arm, as in first={"patches": True}, second={}.')
        try:
            least = float(least)
        except (TypeError, ValueError):
            raise Stopped(f"least must be a number, from which on an effect counts; got {least!r}.") from None
        try:
            entry = {
                "sentence": " ".join(str(sentence).split()), "first": dict(first), "second": dict(second),
                "measure": measure, "direction": direction, "least": least, "data": self.data, "scale": scale(),
            }  # fmt: skip
            claim = hypothesis.claim_of(entry, self.how_many())
        except (ValueError, TypeError) as problem:
            parts = f" The parts are {', '.join(hypothesis.PARTS)}." if isinstance(problem, UnknownSetting) else ""
            raise Stopped(told(problem) + parts) from None
        contrast, differ = claim.contrasts[0], hypothesis.differences(entry, claim)
        sign = "+" if direction == "higher" else "-"
        rows = [
            ["first", described(entry["first"])],
            ["second", described(entry["second"])],
            ["they differ in", ", ".join(differ)],
            ["measured", f"{contrast.unit}: first - second, over {hypothesis.PAIRS[scale()]} pairs of seeds"],
            ["borne out by", f"an effect of {sign}{least:g} or beyond, whose 95 % interval leaves 0 out"],
            ["its mark", hypothesis.mark_of(entry)],
        ]
        many = " They differ in several things: if there is an effect, which of them was it?" if len(differ) > 1 else ""
        if example:
            self._example = entry | {"mark": hypothesis.mark_of(entry), "seed": hypothesis.EXAMPLE_SEED}
            kept = "It is not kept. Put your own in its place, and leave `example=True` out."
            show_card(f"An example: “{entry['sentence']}”", Table(["", ""], rows), kept + many, kind="chosen")
            return
        self._example = None
        number, is_new = hypothesis.register(entry)
        kept = "It is kept now, and cannot be changed." if is_new else "It was registered before, word for word."
        others = "" if number == 1 else f" It is your hypothesis no. {number}: whoever tries often is lucky once."
        show_card(f"Registered: “{entry['sentence']}”", Table(["", ""], rows), kept + others + many, kind="chosen")

    @in_a_card
    def run_registered(
        self,
        paired_interval: Callable,
        sign_flip_p: Callable,
        verdict: Callable,
        number: int | None = None,
        force: bool = False,
    ) -> None:
        """Stage 6: make the runs of the hypothesis that was registered last (or of a number), and judge them."""
        p = mine_or_reference("together.flips", sign_flip_p, force)
        judge = self.judge(paired_interval, verdict, force)._replace(sign_flip_p=p)
        number, entry = self._asked_for(number)
        if entry.get("mark") != hypothesis.mark_of(entry):
            raise Stopped(f"Hypothesis {number} was changed after it was registered. Register what you mean now.")
        if entry["scale"] != scale() or entry["data"] != self.data:
            raise Stopped(f"Hypothesis {number} was registered at scale {entry['scale']} on {entry['data']}.")
        if self.data != "objects":
            self.need_labels()
        claim = hypothesis.claim_of(entry, self.how_many())
        pairs = self._make_pairs(claim, entry["seed"])
        contrast = claim.contrasts[0]
        sign = 1 if contrast.direction == "higher" else -1
        effects = [sign * contrast.effect(each) for each in pairs.values()]
        if len(effects) < 2:
            raise Stopped("Fewer than two pairs have a figure: the measure found nothing to compare.")
        line = judge(effects, contrast.least)
        show(plot_pairs(pairs, effects, (line.low, line.high), counts=(contrast.least,), y_label=contrast.unit))
        if number:
            hypothesis.note_verdict(number, f"{line.word}, {len(effects)} pairs")
        few = "" if len(effects) >= PAIRS else f" The ledger would ask for {PAIRS} pairs before it says anything."
        few += " At scale `smoke` nothing learns, so this says nothing." if scale() == "smoke" else ""
        show_card(
            f"“{claim.sentence}”: {line.word}",
            Table(["pairs", "mean, as you said it", "95 % interval", "p"], [[str(len(effects)), *line.cells()]]),
            f"It counts from {contrast.least:g} on.{few}",
        )

    def _asked_for(self, number: int | None) -> tuple[int, Mapping[str, Any]]:
        """The hypothesis of a number, or that which was registered last; the example, which was not, has number 0."""
        if number is None and self._example:
            return 0, self._example
        known = hypothesis.registered()
        if not known:
            raise Stopped("There is no hypothesis yet: register one in the cell above.")
        number = len(known) if number is None else number
        if not 1 <= number <= len(known):
            raise Stopped(f"There are hypotheses 1 to {len(known)}; got {number}.")
        return number, known[number - 1]

    def how_many(self) -> int | None:
        """How many pictures of the reader's own there are to train on; None for the objects."""
        return None if self.data == "objects" else len(self.images.train)

    def _make_pairs(self, claim: Claim, seed: int) -> dict[int, dict[str, float]]:
        """The runs of a hypothesis, one after the other; on one thread, as the ledger's."""
        own = hypothesis.OwnLedger(claim, scale(), seed)
        steps = sum(order.experiment.recipe.fit.steps for order in own.orders)
        panel, done, threads = LivePanel("your hypothesis", steps, lambda rows: []), 0, torch.get_num_threads()
        try:
            for order in own.orders:
                own.run(order, lambda row, before=done: panel.update(before + row["step"], []))
                done += order.experiment.recipe.fit.steps
                panel.update(done, [])
        except (FileNotFoundError, ValueError) as problem:
            raise Stopped(str(problem)) from None
        finally:
            torch.set_num_threads(threads)
        panel.update(steps, [], last=True)
        return own.pairs()

    @in_a_card
    def hypotheses(self) -> None:
        """Every hypothesis that was registered, with what became of it."""
        known = hypothesis.registered()
        rows = [
            [str(number), one["at"], one["sentence"], one.get("verdict", "not run")]
            for number, one in enumerate(known, start=1)
        ]
        show_card("Your hypotheses", Table(["", "registered", "", "verdict"], rows) if rows else "None yet.")

    @in_a_card
    def all_claims(self) -> None:
        """The table of all claims of the course, beside what the reader predicted since Lab 0."""
        made = {one.identifier: one for name in LABS for one in predictions.compared(name)}
        rows = []
        for claim in CLAIMS.values():
            own = [made[name] for name in ON_A_CLAIM.get(claim.id, ()) if name in made]
            rows.append([str(claim.number), claim.sentence, self._word(claim), "; ".join(map(in_short, own)) or "–"])
        words = [row[2].split(",")[0] for row in rows]
        count = ", ".join(f"{words.count(word)} {word}" for word in dict.fromkeys(words))
        show_card(f"The claims of the course: {count}", Table(["", "claim", "ledger", "you predicted"], rows))

    def _word(self, claim: Claim) -> str:
        """The ledger's verdict on a claim, in words."""
        lines = [line for line in self.lines if claim.id in line["claims"]]
        try:
            entry = entry_of(claim, ledger.SCALE, lines)
        except ImportError:  # its bootstrap needs scipy
            return "not shown without scipy"
        return f"{entry.word}, {entry.pairs} pairs" if entry.pairs else entry.word

    @in_a_card
    def all_predictions(self) -> None:
        """How many predictions of each lab held."""
        rows, held, judged = [], 0, 0
        for lab in LABS.values():
            own = predictions.compared(lab.name)
            right, measured = predictions.score(own)
            made = sum(bool(one.choice) for one in own)
            rows.append([f"{lab.number} {lab.title}", str(made), str(measured), str(right)])
            held, judged = held + right, judged + measured
        title = f"Your predictions since Lab 0: {held} of {judged} held" if judged else "No prediction to judge yet"
        show_card(title, Table(["lab", "made", "measured since", "as predicted"], rows))


def described(arm: Mapping[str, Any]) -> str:
    """An arm of a hypothesis in words.

    >>> described({"patches": True, "pixels": False, "keep_rate": 0.25})
    'class token, patches; keep_rate = 0.25'
    """
    on = ", ".join(["class token", *(part for part in hypothesis.PARTS if arm.get(part))])
    more = ", ".join(f"{name} = {value}" for name, value in arm.items() if name not in hypothesis.PARTS)
    return f"{on}; {more}" if more else on


def in_short(one: Compared) -> str:
    """A prediction beside its measurement, in a line.

    >>> in_short(Compared("byol.no_ema", "", "it stays", "kNN .31", "it falls", "", False, "cpu"))
    'Lab 2, no ema: ✗ it stays (measured: it falls)'
    """
    lab, name = one.identifier.split(".")
    head = f"Lab {LABS[lab].number}, {name.replace('_', ' ')}"
    if not one.choice:
        return f"{head}: no prediction"
    if one.scale in ("", "smoke"):
        return f"{head}: {one.choice}, not measured"
    if not one.answer:
        return f"{head}: {one.choice}, undecided"
    mark = {True: "✓ ", False: "✗ ", None: ""}[one.held]  # none on what was predicted afterwards
    return f"{head}: {mark}{one.choice}" + ("" if one.held else f" (measured: {one.answer})")
