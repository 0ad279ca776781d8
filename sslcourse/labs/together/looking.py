"""Lab 7, where nothing is trained: pairs, chance and verdicts, on what the course's ledger holds."""

from collections.abc import Callable

import torch

from sslcourse.claims.catalogue import CLAIMS
from sslcourse.claims.claim import Contrast
from sslcourse.claims.verdict import PAIRS
from sslcourse.evaluation.statistics import students_t
from sslcourse.figures import plot_bars, plot_effects, plot_pairs, show
from sslcourse.labs.together import ledger, pictures
from sslcourse.labs.together.pairs import (
    LEVEL,
    WORST_FIRST,
    Judge,
    by_claim,
    ends,
    figures_of,
    found_nothing,
    mean,
    unpaired_interval,
    worth,
)
from sslcourse.labs.together.session import PATCH, TogetherSession
from sslcourse.labs.together.tasks import PARTS
from sslcourse.methods.patches import hide_patches
from sslcourse.notebook.card import Table, show_card
from sslcourse.notebook.checks import mine_or_reference
from sslcourse.notebook.findings import bracket
from sslcourse.notebook.scales import scale
from sslcourse.notebook.stopping import Stopped, in_a_card
from sslcourse.notebook.table import show_numbers
from sslcourse.pruning.tokens import removed_mask

# Twelve runs that the ledger has: six seeds, with a predictor that learns faster than the rest of BYOL and without.
EXAMPLE = (
    "byol-target",
    Contrast("BYOL, fast predictor - slow predictor", {"BYOL": 1, "BYOL, slow predictor": -1}, "knn", least=0.05),
)
# Two parts that do the same job: with either on accuracy is .60, with none .50.
SAME_JOB = torch.tensor([[0.50, 0.60], [0.60, 0.60]], dtype=torch.float64)
LOOKS, STUDIES = range(6, 13), {"smoke": 20, "cpu": 400, "gpu": 400}


class Looking(TogetherSession):
    """What the cells call that train nothing."""

    @in_a_card
    def show_parts(self) -> None:
        """The diagram of the whole method, with a picture of the set."""
        image = self.pictures.batch(torch.tensor([0])).cpu()
        count = (image.shape[2] // PATCH) * (image.shape[3] // PATCH)
        kept = torch.rand(1, count, generator=torch.Generator().manual_seed(self.seed)).argsort(1)[:, : count // 2]
        show(pictures.whole_method(image[0], hide_patches(image, removed_mask(kept, count), PATCH)[0]))

    @in_a_card
    def pairs(self, paired_interval: Callable, force: bool = False) -> None:
        """Stage 2: twelve runs of the ledger, as six pairs and as two groups of six."""
        interval = mine_or_reference("together.interval", paired_interval, force)
        name, contrast = EXAMPLE
        found = ledger.pairs_of(CLAIMS[name], contrast, self.lines)
        if len(found.figures) < 2:
            raise Stopped("The ledger has no pairs of these runs: the claim was changed after they were made.")
        first, second = (figures_of(found, arm) for arm in contrast.weights)
        intervals = {
            f"{len(first)} pairs": ends(interval(first, second, students_t(len(first)))),
            f"two groups of {len(first)}": unpaired_interval(first, second),
        }
        paired, apart = intervals.values()
        show(plot_pairs(found.figures, found.effects, paired, y_label="kNN accuracy", size=(6.4, 3.3)))
        rows = [
            [how, f"{(low + high) / 2:+.3f}", f"{low:+.3f} to {high:+.3f}", f"{high - low:.3f}"]
            for how, (low, high) in intervals.items()
        ]
        show_numbers(contrast.name, ["mean", "95 % interval", "its width"], rows)
        ratio = (paired[1] - paired[0]) / (apart[1] - apart[0])
        text = f"as pairs {paired[0]:+.2f} to {paired[1]:+.2f}, as two groups {apart[0]:+.2f} to {apart[1]:+.2f}: "
        self.found("together.paired", f"{text}{ratio:.2f} times as wide", bracket(ratio, 0.5, 0.9))

    @in_a_card
    def flips(self, sign_flip_p: Callable, force: bool = False) -> None:
        """Stage 3: the smallest p that pairs can have, and how often studies of nothing find something."""
        p = mine_or_reference("together.flips", sign_flip_p, force)
        one_way = {n: float(p(torch.linspace(0.1, 0.3, n, dtype=torch.float64))) for n in (3, 4, 5, 6, 8, 10)}
        rows = [[f"{n} pairs, all one way", f"{value:.4f}"] for n, value in one_way.items()]
        huge = float(p(torch.linspace(10, 30, 6, dtype=torch.float64)))
        rows.append(["6 pairs, a hundred times as far", f"{huge:.4f}"])
        show_numbers("The p value", [""], rows)
        text = f"six differences from 0.1 to 0.3: p = {one_way[6]:.3f}; a hundred times as large: p = {huge:.3f}"
        self.found("together.smallest", text, bracket(one_way[6], 0.01, 0.05))
        studies = STUDIES[scale()]
        share = found_nothing(p, LOOKS, studies, self.seed)
        bars = {"one look, at 12 pairs": share["one look"], "a look after every pair": share["every look"]}
        show(plot_bars(bars, levels={"p < .05 promises": LEVEL}, x_label="share of studies of nothing with p < .05"))
        text = f"of {studies} studies of two equal arms, {100 * share['one look']:.0f} % have p < .05 at 12 pairs, "
        text += f"{100 * share['every look']:.0f} % at one of the looks from 6 pairs to 12"
        self.found("together.peeking", text, bracket(share["every look"], 0.075, 0.2))

    @in_a_card
    def verdicts(
        self, paired_interval: Callable, sign_flip_p: Callable, verdict: Callable, force: bool = False
    ) -> None:
        """Stage 4: every claim of which the ledger has enough pairs, judged by the reader's functions."""
        p = mine_or_reference("together.flips", sign_flip_p, force)
        judge = self.judge(paired_interval, verdict, force)._replace(sign_flip_p=p)
        deciding = ledger.deciding(self.lines)
        open_claims = {
            pairs.claim.id for pairs in deciding if len(pairs.figures) < PAIRS or pairs.contrast.direction == "same"
        }
        judged = [
            (pairs, judge(pairs.effects, pairs.contrast.least))
            for pairs in deciding
            if pairs.claim.id not in open_claims
        ]
        if not judged:
            raise Stopped(f"The ledger has {PAIRS} pairs of no claim yet.")
        effects, rows = {}, []
        for pairs, line in judged:
            name, least = f"{pairs.claim.number}  {pairs.contrast.name}", pairs.contrast.least
            effects[name] = [each / least for each in pairs.effects], (line.low / least, line.high / least)
            rows.append([name, *line.cells(), f"+{least:g}", line.word])
        show(plot_effects(effects))
        words = by_claim(judged)
        note = "Effects point the way the claim says."
        if others := len(CLAIMS) - len(words):
            note += f" Of the other {others} the ledger has fewer than {PAIRS} pairs so far, or they say that two arms "
            note += "are the same."
        headings = ["claim, effect", "mean", "95 % interval", "p", "counts from", "you say"]
        show_card(f"{len(words)} of {len(CLAIMS)} claims", Table(headings, rows), note)
        counts = {word: [*words.values()].count(word) for word in WORST_FIRST[::-1]}
        text = f"of {len(words)} claims " + ", ".join(f"{count} {word}" for word, count in counts.items())
        self.found("together.supported", text, bracket(counts["supported"] / len(words), 1 / 3, 2 / 3))

    @in_a_card
    def same_job(self, factorial_effects: Callable, force: bool = False) -> None:
        """Stage 5: two made-up parts that do the same job, by three ways to ask what each is worth."""
        found = mine_or_reference("together.factorial", factorial_effects, force)(SAME_JOB)
        left_out, added = (worth(SAME_JOB, 0, others) for others in (1, 0))
        rows = [
            ["left out of the whole", left_out],
            ["added to nothing", added],
            ["main effect", float(found[0, 0])],
            ["interaction of the two", float(found[0, 1])],
        ]
        show_numbers("What one of the two parts is worth", ["accuracy"], rows)
        text = f"left out of the whole it is worth {left_out:.2f}, added to nothing {added:.2f}"
        self.found("together.same_job", text, bracket(left_out, 0.025, 0.075))

    @in_a_card
    def factorial(
        self,
        factorial_effects: Callable,
        paired_interval: Callable,
        verdict: Callable,
        measure: str = "knn",
        force: bool = False,
    ) -> None:
        """Stage 5: the ledger's eight cells: every part left out of the whole, added to nothing, and on the mean."""
        if measure not in ledger.MEASURES:
            raise Stopped(f"There is no measure {measure!r}; there are {', '.join(ledger.MEASURES)}.")
        effects = mine_or_reference("together.factorial", factorial_effects, force)
        judge = self.judge(paired_interval, verdict, force)
        title, cells = ledger.MEASURES[measure], self.cells(measure)
        tables = [*ledger.tables(cells).values()]
        if len(tables) < 2:
            there = [[pictures.name_of(place), str(len(figures))] for place, figures in cells.items()]
            words = f"{pictures.count_of(cells)} Two seeds with all eight cells are needed here. "
            words += "`sslcourse claims run 10-13` adds what is missing."
            if known := [f'"{name}"' for name in ledger.MEASURES if len(ledger.tables(self.cells(name))) > 1]:
                words += f" They are there for `measure=` {' and '.join(known)}."
            show_card(f"The ledger's factorial, {title}", words, Table(["cell", "seeds"], there), kind="wait")
            self.found("together.order", "the ledger does not have two seeds with all eight cells yet", None)
            return
        found, least = [effects(table) for table in tables], ledger.least_of(measure)
        rows, means = [], {}
        for at, part in enumerate(PARTS):
            ways = {
                "left out of the whole": [worth(table, at, others=1) for table in tables],
                "added to nothing": [worth(table, at, others=0) for table in tables],
                "main effect": [float(each[at, at]) for each in found],
            }
            for how, values in ways.items():
                line = judge(values, least)
                rows.append([f"{part}: {how}", *line.cells(), line.word])
            means[part] = {how: mean(values) for how, values in ways.items()}
        for one, other in ((0, 1), (0, 2), (1, 2)):
            line = judge([float(each[one, other]) for each in found], least)
            rows.append([f"{PARTS[one]} x {PARTS[other]}: interaction", *line.cells(), ""])
        note = f"The verdict is on an effect of at least +{least:g}."
        head = f"The ledger's factorial, {title}: {pictures.seeds(len(tables))} with all eight cells"
        show_card(head, Table(["", "mean", "95 % interval", "you say"], rows), note)
        if measure == "knn":
            how = "main effect"
            best = max(PARTS, key=lambda part: means[part][how])
            letter = dict(zip(PARTS, "abc"))[best] if means[best][how] >= least else "d"
            seen = {part: sum(float(each[at, at]) >= least for each in found) for at, part in enumerate(PARTS)}
            told = [f"{part} {means[part][how]:+.3f} (counts in {seen[part]} of {len(found)} seeds)" for part in PARTS]
            text = f"main effects: {', '.join(told)}"
            self.found("together.order", text, letter)

    def judge(self, paired_interval: Callable, verdict: Callable, force: bool) -> Judge:
        """The reader's interval and verdict, or the course's."""
        interval = mine_or_reference("together.interval", paired_interval, force)
        return Judge(interval, mine_or_reference("together.verdict", verdict, force))

    @in_a_card
    def switchboard(self):
        """Three switches over the ledger's eight cells."""
        from sslcourse.labs.together.widgets import Switchboard

        return Switchboard({title: self.cells(measure) for measure, title in ledger.MEASURES.items()})
