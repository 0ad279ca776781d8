"""Text of a student made harmless wherever it is shown: terminal, table or page."""

import re
from dataclasses import fields, is_dataclass, replace
from typing import Any

# Control characters (newline and tab are none here), what turns the direction of writing or breaks lines unseen,
# halves of characters, and letters that nothing shows. What Persian and emoji need (U+200C, U+200D) stays.
_HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e0fff]"
)
_TERMINAL = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\))")  # colours, titles and the like


def visible(text: str) -> str:
    r"""The text with every character that acts instead of being seen written as Python writes it.

    >>> print(visible("a\x1b[2Jb\u202ec"))
    a\x1b[2Jb\u202ec
    """
    return _HIDDEN.sub(_escaped, text)


def one_line(text: str) -> str:
    r"""`visible`, without line breaks and tabs, for names.

    >>> print(one_line("a\nb"))
    a\nb
    """
    return visible(text.replace("\n", "\\n").replace("\t", "\\t"))


def printed(text: str) -> str:
    r"""What a program printed, as a terminal would leave it: without colours, and of a progress bar its last state.

    >>> printed("\x1b[31mred\x1b[0m\n10 %\r20 %\n")
    'red\n20 %\n'
    """
    lines = _TERMINAL.sub("", text).replace("\r\n", "\n").split("\n")
    return visible("\n".join(line.rstrip("\r").rpartition("\r")[2] for line in lines))


def cleaned(value: Any) -> Any:
    """A dataclass, tuple, list or dict with all its text `visible`; anything else as it is."""
    if isinstance(value, str):
        return visible(value)
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{field.name: cleaned(getattr(value, field.name)) for field in fields(value)})
    if isinstance(value, list | tuple):
        return type(value)(cleaned(each) for each in value)
    return value


def _escaped(match: re.Match[str]) -> str:
    code = ord(match[0])
    if 0xDC80 <= code <= 0xDCFF:  # a byte of a file name that is no UTF-8
        code -= 0xDC00
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
