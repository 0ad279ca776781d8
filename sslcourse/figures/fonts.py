"""Names that a figure can draw: fonts for other scripts where the machine has some, "class 3" where it has none."""

import functools
import unicodedata
from collections.abc import Sequence

import matplotlib
from matplotlib import font_manager

# Looked for in this order, for the characters that matplotlib's own font lacks.
OTHERS = (
    "Noto Sans CJK SC", "Noto Sans CJK JP", "Source Han Sans SC", "WenQuanYi Zen Hei", "WenQuanYi Micro Hei",
    "Droid Sans Fallback", "PingFang SC", "Hiragino Sans", "Apple SD Gothic Neo", "Microsoft YaHei", "SimHei",
    "Malgun Gothic", "Arial Unicode MS",
)  # fmt: skip
_INSTALLED = {font.name for font in font_manager.fontManager.ttflist}
FAMILIES = ["DejaVu Sans", *(name for name in OTHERS if name in _INSTALLED)]
LONGEST = 24
RIGHT_TO_LEFT = ("R", "AL")  # before 3.11, matplotlib draws their letters apart and in the wrong order
_JOINS_LETTERS = matplotlib.__version_info__[:2] >= (3, 11)


@functools.cache
def _characters() -> frozenset[int]:
    files = (font_manager.findfont(font_manager.FontProperties(family=family)) for family in FAMILIES)
    return frozenset().union(*(font_manager.get_font(file).get_charmap() for file in files))


def can_print(text: str) -> bool:
    """Whether the fonts here have every character of `text`, and matplotlib can set them."""
    return all(
        ord(one) in _characters() and (_JOINS_LETTERS or unicodedata.bidirectional(one) not in RIGHT_TO_LEFT)
        for one in text
    )


def drawable(name: str, otherwise: str) -> str:
    """`name` as a figure can draw it: shortened, no formula; `otherwise` if no font here has all its characters.

    >>> drawable("US$ and A$", "class 3")
    'US\\\\$ and A\\\\$'
    """
    name = _text(name)
    short = name if len(name) <= LONGEST else name[: LONGEST - 1] + "…"
    return short.replace("$", r"\$") if can_print(short) else otherwise


def drawable_names(names: Sequence[str], kind: str = "class") -> list[str]:
    """Each name as a figure can draw it, else "class 3" (see `drawable`).

    >>> drawable_names(["cat", "dog"])
    ['cat', 'dog']
    """
    return [drawable(name, f"{kind} {number}") for number, name in enumerate(names)]


def undrawable_names(names: Sequence[str]) -> str:
    """What `drawable_names` replaced, for the text beside a figure; empty if it could draw every name.

    >>> undrawable_names(["cat", "dog"])
    ''
    """
    drawn = zip(drawable_names(names), names)
    return "; ".join(f"{shown} is {name}" for shown, name in drawn if not can_print(_text(name)[:LONGEST]))


def _text(name: str) -> str:
    return name.encode("utf-8", "replace").decode()  # a folder's name may hold half of a character
