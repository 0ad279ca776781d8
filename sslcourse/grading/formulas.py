"""TeX formulas of students as MathML, which browsers draw without a script and without a network."""

import html
import re
from xml.etree.ElementTree import Element, tostring

LONGEST = 2_000  # characters
# A definition could make a formula of any size out of a few words.
_DEFINES = re.compile(r"\\(?:(?:re)?newcommand|providecommand|[egx]?def|let|DeclareMathOperator)\b")
_ELEMENTS = set(
    "math mrow mi mn mo mtext mspace ms mfrac msqrt mroot mstyle merror mpadded mphantom msub msup msubsup munder mover"
    " munderover mmultiscripts mprescripts none mtable mtr mtd menclose".split()
)
_CHILDREN = {"mfrac": 2, "mroot": 2, "msub": 2, "msup": 2, "munder": 2, "mover": 2, "msubsup": 3, "munderover": 3}
_ATTRIBUTES = set(
    "xmlns display mathvariant stretchy fence separator form lspace rspace minsize maxsize largeop movablelimits accent"
    " accentunder linethickness columnalign rowspacing columnspacing columnlines rowlines displaystyle scriptlevel"
    " notation width height depth voffset".split()
)


def to_mathml(formula: str, is_block: bool = False) -> str | None:
    """The formula as MathML of known elements and attributes only; None for one that cannot be read.

    >>> print(str(to_mathml("x^2")).partition("<mrow>")[2])
    <msup><mi>x</mi><mn>2</mn></msup></mrow></math>
    >>> to_mathml(r"\\frac{1}") is None
    True
    """
    if len(formula) > LONGEST or _DEFINES.search(formula):
        return None
    try:
        from latex2mathml.converter import Converter

        formula = re.sub(r"\\(begin|end)\{aligned\}", r"\\\1{align*}", formula)  # the name it knows
        # Not `convert`: it undoes the escaping of what a student wrote into \text{...}.
        made = Converter(display="block" if is_block else "inline").convert_to_element(formula)
        return tostring(_cleaned(made), encoding="unicode")
    except Exception:  # noqa: BLE001 (its parser raises errors of many kinds, and it may not be installed)
        return None


def _cleaned(element: Element) -> Element:
    """The element with text as characters instead of entities; raises ValueError for what is not whole MathML."""
    if element.tag not in _ELEMENTS or len(element) < _CHILDREN.get(element.tag, 0) or element.text == "&":
        raise ValueError(f"<{element.tag}> is not shown")
    clean = Element(element.tag, {name: value for name, value in element.attrib.items() if name in _ATTRIBUTES})
    clean.text, clean.tail = html.unescape(element.text or ""), html.unescape(element.tail or "")
    clean.extend(map(_cleaned, element))
    return clean
