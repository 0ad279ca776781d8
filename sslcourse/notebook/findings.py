"""What a number means: the range in which 95 of 100 new runs lie, and the option it supports."""

import json
import math
from collections.abc import Sequence
from importlib import resources

Bands = dict


def load_bands(scale: str, lab: str) -> Bands:
    """The ordinary ranges of a lab at one scale, as `benchmarks/bands.py` measured them; empty where there are none.

    They hold `arms`, each with `steps`, `curves` and `final`.

    >>> load_bands("no such scale", "contrastive")
    {}
    """
    path = resources.files(f"sslcourse.labs.{lab}") / "bands.json"
    if not path.is_file():
        return {}
    return json.loads(path.read_text(encoding="utf-8"))["scales"].get(scale, {})


def final_range(bands: Bands, arm: str, name: str) -> tuple[float, float] | None:
    """The ordinary range of a number at the end of a run, or None where it was not measured.

    >>> final_range({}, "baseline", "knn") is None
    True
    """
    found = bands.get("arms", {}).get(arm, {}).get("final", {}).get(name)
    return (found["low"], found["high"]) if found else None


def ends(span: tuple[float, float], digits: int = 2) -> tuple[str, str]:
    """The two ends of a range in words, rounded outwards: what lies within must not look as if it lay outside.

    >>> ends((5.5449, 5.5452)), ends((0.29, 0.3), 1), ends((-0.001, 0.29))
    (('5.54', '5.55'), ('0.2', '0.3'), ('-0.01', '0.29'))
    """
    unit = 10.0**digits
    low, high = math.floor(span[0] * unit + 1e-6), math.ceil(span[1] * unit - 1e-6)
    return f"{low / unit:.{digits}f}", f"{high / unit:.{digits}f}"


def direction(before: float, after: float, step: float = 0.02) -> str | None:
    """ "a" when a number rose by more than `step`, "c" when it fell by more, else "b"; None where one is NaN.

    >>> direction(0.5, 0.7), direction(0.5, 0.49), direction(0.5, float("nan"))
    ('a', 'b', None)
    """
    if math.isnan(before) or math.isnan(after):
        return None
    return "a" if after > before + step else "c" if after < before - step else "b"


def bracket(value: float, low: float, high: float, letters: Sequence[str] = "abc") -> str | None:
    """The letter of what is below `low`, below `high`, or neither; None for NaN.

    >>> bracket(0.2, 0.15, 0.35), bracket(0.9, 0.15, 0.35, "cba")
    ('b', 'a')
    """
    return None if math.isnan(value) else letters[(value >= low) + (value >= high)]


def final_runs(bands: Bands, arm: str, name: str) -> list[float]:
    """A number at the end of each run that was recorded, in the order of their seeds; empty where none was kept.

    >>> final_runs({}, "baseline", "knn")
    []
    """
    return bands.get("arms", {}).get(arm, {}).get("final", {}).get(name, {}).get("runs", [])


def mostly(differences: Sequence[float], least: float) -> str | None:
    """ "a" when six in seven differences are above `least`, "c" when as many are below -`least`, else "b".

    None for fewer than six differences, which decide nothing.

    >>> mostly([0.1] * 6 + [-0.2], 0.03), mostly([0.1, 0.2, 0.0, -0.1, 0.1, -0.2], 0.03), mostly([0.3], 0.03)
    ('a', 'b', None)
    """
    found = [direction(0.0, difference, least) for difference in differences]
    if len(found) < 6:
        return None
    return next((letter for letter in "ac" if 7 * found.count(letter) >= 6 * len(found)), "b")


def pairs_told(differences: Sequence[float], least: float) -> str:
    """How many differences are above `least` and below -`least`, in words.

    >>> pairs_told([0.1, -0.2, 0.0], 0.03)
    'of 3 pairs, 1 clearly higher, 1 clearly lower'
    """
    found = [direction(0.0, difference, least) for difference in differences]
    pairs = f"{len(found)} pairs" if len(found) > 1 else "one pair"
    return f"of {pairs}, {found.count('a')} clearly higher, {found.count('c')} clearly lower"
