"""The page of all claims with their verdicts and what these rest on."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from markupsafe import Markup

from sslcourse import figures
from sslcourse.claims.arms_table import arms_table
from sslcourse.claims.claim import Claim
from sslcourse.claims.pictures import PICTURES
from sslcourse.claims.rows import counted_again, latest, stale
from sslcourse.claims.seen import seen_in_runs
from sslcourse.claims.verdict import (
    CONTRADICTED,
    DEPENDS,
    PAIRS,
    SUPPORTED,
    UNMEASURED,
    Finding,
    decisive,
    find_all,
    find_elsewhere,
    is_deciding,
    judge,
)
from sslcourse.files import write_atomically
from sslcourse.pages import render

CHIPS = {SUPPORTED: ("passed", "✓"), CONTRADICTED: ("failed", "✗"), DEPENDS: ("to_mark", "↕")}
OPEN = ("missing", "?")  # undecided, not yet measured


@dataclass(frozen=True)
class Entry:
    """A claim on the page: its verdict, its findings, and its stale rows with those whose runs count all the same.

    `arms` has for each set of pictures that was measured a line for each arm (see `arms_table`), `seen` what the runs
    showed besides, `others` what decides on other devices than those, by set of pictures, that the claim is judged by.
    """

    claim: Claim
    word: str
    why: str
    findings: list[Finding]
    stale: list[dict]
    counted_again: list[dict]
    arms: dict[str, list[dict]]
    drawn: list[Markup]
    seen: str
    others: list[Finding]
    devices: dict[str, str]

    @property
    def first(self) -> Finding:
        """The finding that decides, on the first set of pictures."""
        return decisive(self.claim, self.findings, self.claim.data[0])

    @property
    def beside(self) -> Finding | None:
        """The finding that belongs next to the verdict, on the first set of pictures, if it was measured."""
        data, name = self.claim.data[0], self.claim.beside
        here = [each for each in self.findings if each.data == data and each.contrast.name == name]
        return next((each for each in here if each.effect), None)

    @property
    def sets(self) -> list[str]:
        """The sets of pictures: the claim's own, and public ones with runs."""
        return list(dict.fromkeys(each.data for each in self.findings))

    @property
    def unmeasured(self) -> list[str]:
        """The other sets of pictures on which no pair was measured."""
        measured = {each.data for each in self.findings if each.effect}
        return [data for data in self.sets[1:] if data not in measured]

    @property
    def shown(self) -> list[Finding]:
        """The findings that have a row each, one set of pictures after the other."""
        data = [each for each in self.sets if each not in self.unmeasured]
        return [each for name in data for each in self.findings if each.data == name]

    @property
    def elsewhere(self) -> list[Finding]:
        """What decides on each of the other sets of pictures."""
        return [decisive(self.claim, self.findings, data) for data in self.sets[1:]]

    @property
    def chip(self) -> tuple[str, str]:
        """The class and the sign of the verdict."""
        return CHIPS.get(self.word, OPEN)

    @property
    def instead(self) -> str:
        """What was found where the verdict is "contradicted", or contradicted at this scale: four different things."""
        return self.first.contradiction if self.word in (CONTRADICTED, DEPENDS) else ""

    @property
    def pairs(self) -> int:
        """How many pairs the deciding finding has."""
        return len(self.first.figures or {})


def write_page(path: Path, claims: Iterable[Claim], scale: str, rows: Sequence[dict]) -> None:
    """Write the page to `path`: one file of HTML that needs nothing else."""
    entries = [entry_of(claim, scale, rows, draw=True) for claim in claims]
    now = {entry.claim.id: entry.claim.fingerprint(scale) for entry in entries}
    runs = [row for row in latest(rows).values() if now.items() & row["claims"].items()]
    page = render(
        "claims.html",
        entries=entries,
        scale=scale,
        words={word: sum(entry.word == word for entry in entries) for word in dict.fromkeys(e.word for e in entries)},
        runs=len(runs),
        hours=sum(row["seconds"] for row in runs) / 3600,
        devices=sorted({row["device"] for row in runs}),
        commits=sorted({row["commit"] for row in runs}),
        pictures=PICTURES,
        untrained=untrained(runs),
        amount=amount,
        signed=signed,
        weakest_of=weakest_of,
        p_of=p_of,
        contrasts=sum(finding.effect is not None for entry in entries for finding in entry.findings),
        unmeasured=UNMEASURED,
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, page)


def entry_of(claim: Claim, scale: str, rows: Sequence[dict], draw: bool = False) -> Entry:
    """What the page and the table say of a claim; with `draw` also its figures."""
    sets = dict.fromkeys((*claim.data, *(row["data"] for row in rows if claim.id in row["claims"])))
    last = list(latest(rows).values())
    findings, others = find_all(claim, sets, scale, last), find_elsewhere(claim, sets, scale, last)
    word, why = judge(claim, findings, others)
    devices = {finding.data: finding.device for finding in findings}
    arms, drawn = {}, []
    if draw:
        measured = [finding for finding in findings if finding.effect]
        arms = {data: arms_table(claim, data, device, scale, last) for data, device in devices.items() if device}
        deciding = [finding for finding in measured if is_deciding(claim, finding.contrast)]
        drawn = [figures.to_html(*deciding_charts(claim, finding, scale, last), dpi=100) for finding in deciding]
        if len(measured) > 1:
            drawn.append(figures.to_html(chart_of_all(measured), dpi=100))
    again = counted_again(claim, scale, rows)
    seen = seen_in_runs(claim.id, scale)
    return Entry(claim, word, why, findings, stale(claim, scale, rows), again, arms, drawn, seen, others, devices)


def deciding_charts(claim: Claim, finding: Finding, scale: str, rows: Sequence[dict]) -> list:
    """The pairs of a finding, and how kNN went on the way in each of its arms."""
    contrast, title = finding.contrast, PICTURES[finding.data].title
    least = contrast.least
    counts = {"higher": (least,), "lower": (-least,), "same": (-least, least)}[contrast.direction]
    interval = finding.effect.low, finding.effect.high
    look = {"counts": counts, "y_label": contrast.unit, "title": title}
    charts = [figures.plot_pairs(finding.figures, finding.differences, interval, **look)]
    if curves := curves_of(claim, finding, scale, rows):
        charts.append(figures.plot_curves(curves, title="on the way", y_label="kNN accuracy", size=(4.6, 3.3)))
    return charts


def chart_of_all(measured: Sequence[Finding]):
    """All effects of a claim, each in units of the smallest that counts, turned so that the claim points to the right.

    Where the claim says "the same", what supports it lies between the lines.
    """
    chart = {}
    for finding in measured:
        unit = finding.contrast.least * (-1 if finding.contrast.direction == "lower" else 1)
        low, high = sorted((finding.effect.low / unit, finding.effect.high / unit))
        chart[f"{finding.contrast.name}; {finding.data}"] = [each / unit for each in finding.differences], (low, high)
    return figures.plot_effects(chart, counts=(-1.0, 1.0))


def curves_of(claim: Claim, finding: Finding, scale: str, rows: Sequence[dict]) -> dict:
    """The mean kNN accuracy at each quarter of the runs, for each arm of the finding's contrast."""
    there = latest(rows)
    found = {}
    for arm in dict.fromkeys(arm for arm, _ in finding.contrast.terms.values()):
        runs = [
            there[claim.experiments(finding.data, scale, seed)[arm].key, finding.device]["curve"]
            for seed in finding.figures
        ]
        if all(runs):
            steps = [step for step, _ in runs[0]]
            found[arm] = steps, [sum(run[place][1] for run in runs) / len(runs) for place in range(len(steps))]
    return found


def untrained(runs: Iterable[Mapping]) -> dict[tuple[str, str], float]:
    """The mean kNN accuracy of encoders that were not trained, for each kind of ViT and set of pictures that has some.

    Of the smaller ViT there are runs that learn nothing; the larger one was measured before training.
    """
    found: dict[tuple[str, str], list[float]] = {}
    for row in runs:
        if row["arm"] == "untrained" and row["curve"]:
            found.setdefault(("claims 14 to 18", row["data"]), []).append(row["curve"][-1][1])
        elif row["arm"] == "CLS" and "knn" in row["figures"].get("start", {}):
            found.setdefault(("the claims on patches", row["data"]), []).append(row["figures"]["start"]["knn"])
    return {place: fmean(values) for place, values in sorted(found.items())}


def signed(value: float, least: float) -> str:
    """An effect, with one digit more than the smallest that counts.

    >>> signed(0.00801, least=0.05), signed(-0.0004, least=0.05), signed(1.0064, least=0.5)
    ('+0.008', '+0.000', '+1.01')
    """
    return f"{value:+z.{max(0, 1 - math.floor(math.log10(least)))}f}"


def amount(finding: Finding) -> str:
    """The effect of a finding, with its interval if there are pairs enough for one.

    >>> from sslcourse.claims.claim import Contrast
    >>> from sslcourse.claims.verdict import summed_up
    >>> contrast = Contrast("two arms", {"a": 1, "b": -1}, "knn", least=0.05)
    >>> amount(Finding(contrast, "objects", "undecided", "", effect=summed_up([0.1] * 6)))
    '+0.100 [+0.100, +0.100]'
    """
    effect, least = finding.effect, finding.contrast.least
    if effect is None:
        return ""
    interval = f" [{signed(effect.low, least)}, {signed(effect.high, least)}]" if effect.pairs >= PAIRS else ""
    return signed(effect.mean, least) + interval


def p_of(finding: Finding) -> str:
    """The p that the word of a measured finding rests on, and against which value."""
    value, p_value = finding.tested
    return f"p = {p_value:.2g} against {value:+g}" if value else f"p = {p_value:.2g} against 0"


def weakest_of(claim: Claim) -> str:
    """Words for how the effect that decides was chosen, where several decide together."""
    return f"the weakest of {claim.deciding}: " if claim.deciding > 1 else ""
