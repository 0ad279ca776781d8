"""What few pairs can say: intervals, p values and verdicts by the reader's functions, and the cost of looking often."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from sslcourse.evaluation.statistics import students_t
from sslcourse.labs.together.ledger import Pairs
from sslcourse.notebook.stopping import Stopped

LEVEL = 0.05
WORST_FIRST = ("contradicted", "undecided", "supported")


class Line(NamedTuple):
    """What was found of one effect; `p` is None where nobody asked for it."""

    mean: float
    low: float
    high: float
    p: float | None
    word: str

    def cells(self) -> list[str]:
        """The same in a table, without the word."""
        found = [f"{self.mean:+.3f}", f"{self.low:+.3f} to {self.high:+.3f}"]
        return found if self.p is None else [*found, f"{self.p:.3f}"]


class Judge(NamedTuple):
    """The reader's functions, which judge the effects of pairs."""

    paired_interval: Callable
    verdict: Callable
    sign_flip_p: Callable | None = None

    def __call__(self, effects: Sequence[float], least: float) -> Line:
        """Effects of at least two pairs against the smallest that counts. Raises Stopped for an unknown verdict."""
        differences = torch.tensor(effects, dtype=torch.float64)
        interval = self.paired_interval(differences, torch.zeros_like(differences), students_t(len(effects)))
        low, high = ends(interval)
        word = self.verdict(torch.tensor([low, high], dtype=torch.float64), least)
        if word not in WORST_FIRST:
            raise Stopped(f"Your verdict is {word!r}; it can be {', '.join(WORST_FIRST)}.")
        p = None if self.sign_flip_p is None else float(self.sign_flip_p(differences))
        return Line(mean(effects), low, high, p, word)


def mean(values: Sequence[float]) -> float:
    """The mean of some numbers."""
    return sum(values) / len(values)


def ends(interval: Tensor) -> tuple[float, float]:
    """The two ends of an interval as numbers."""
    low, high = interval
    return float(low), float(high)


def figures_of(pairs: Pairs, arm: str) -> Tensor:
    """The figure of one arm for every pair, float64."""
    return torch.tensor([figures[arm] for figures in pairs.figures.values()], dtype=torch.float64)


def unpaired_interval(first: Tensor, second: Tensor) -> tuple[float, float]:
    """The interval of a difference of means of two groups of one size that have nothing in common.

    >>> [round(end, 2) for end in unpaired_interval(torch.tensor([1.0, 3.0]), torch.tensor([1.0, 3.0]))]
    [-6.09, 6.09]
    """
    reach = students_t(2 * len(first) - 1) * float(((first.var() + second.var()) / len(first)).sqrt())
    middle = float(first.mean() - second.mean())
    return middle - reach, middle + reach


def worth(table: Tensor, part: int, others: int) -> float:
    """What a part changes where all others are on (1) or off (0), from a figure for every combination.

    >>> worth(torch.tensor([[0.5, 0.6], [0.75, 0.6]]), part=0, others=0)
    0.25
    """
    for axis in reversed(range(table.ndim)):
        if axis != part:
            table = table.select(axis, others)
    return float(table[1] - table[0])


def found_nothing(p: Callable[[Tensor], float], looks: range, studies: int, seed: int = 0) -> dict[str, float]:
    """How often studies of two equal arms find p < .05: by one look at the last number of pairs, and at any of them.

    `p` gives the p value of differences; `looks` are the numbers of pairs at which somebody who peeks looks.
    """
    generator = torch.Generator().manual_seed(seed)
    drawn = torch.randn(studies, looks[-1], generator=generator, dtype=torch.float64)
    values = [[float(p(study[:pairs])) for pairs in looks] for study in drawn]
    return {
        "one look": mean([float(one[-1] < LEVEL) for one in values]),
        "every look": mean([float(min(one) < LEVEL) for one in values]),
    }


def by_claim(judged: Sequence[tuple[Pairs, Line]]) -> Mapping[int, str]:
    """The verdict on every claim: that of the weakest of the effects that decide it."""
    found: dict[int, list[str]] = {}
    for pairs, line in judged:
        found.setdefault(pairs.claim.number, []).append(line.word)
    return {number: min(words, key=WORST_FIRST.index) for number, words in found.items()}
