"""One look for everything a cell says: a card in HTML with a twin in plain text, built from the same blocks.

Colours are given with transparency and text inherits its colour, so that a card is readable in light and dark themes; a
symbol and a word say what the colour says.
"""

from __future__ import annotations

import html
import re
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest

from sslcourse.pages import show_html

# kind -> (accent colour: Okabe-Ito, symbol)
KINDS = {
    "info": ("#0072B2", "•"),
    "good": ("#009E73", "✓"),
    "bad": ("#D55E00", "✗"),
    "wait": ("#E69F00", "…"),
    "chosen": ("#0072B2", "➜"),
}
WIDTH = 96


@dataclass(frozen=True)
class Code:
    """A block of code, shown as it is."""

    text: str


@dataclass(frozen=True)
class Table:
    """Rows of strings under a header; a header of empty strings is not shown."""

    header: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True)
class Items:
    """A list of (kind, text): each line with the symbol and colour of its kind."""

    lines: Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Bar:
    """A bar of equal stages, each with the colour of its kind ("" = not reached) and a title shown on hovering."""

    stages: Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Folded:
    """Blocks behind a line that opens them; in plain text they follow it."""

    summary: str
    blocks: Sequence[Block]


Block = str | Code | Table | Items | Bar | Folded


def show_card(title: str, *blocks: Block, kind: str = "info") -> None:
    """Display one card; plain text where no HTML can be shown. In a string, `words` in backticks are set
    as code, *words* between asterisks are emphasised.

    >>> show_card("Scale", "This machine is `cpu`.", kind="good")
    ✓ Scale
      This machine is `cpu`.
    """
    show_html(as_html(title, blocks, kind), as_text(title, blocks, kind))


def as_text(title: str, blocks: Sequence[Block], kind: str) -> str:
    """The card in plain text."""
    return "\n".join([f"{KINDS[kind][1]} {title}", *(line for block in blocks for line in _text_block(block))])


def _text_block(block: Block) -> list[str]:
    if isinstance(block, Code):
        return textwrap.indent(block.text.rstrip(), "    ").split("\n")
    if isinstance(block, Items):
        lines = []
        for kind, text in block.lines:
            symbol = KINDS[kind][1] if kind else "-"
            lines += textwrap.wrap(text, WIDTH, initial_indent=f"  {symbol} ", subsequent_indent="    ")
        return lines
    if isinstance(block, Table):
        return _text_table(block)
    if isinstance(block, Bar):
        return ["  [" + "".join("█" if kind == "good" else "▒" if kind else "░" for kind, _ in block.stages) + "]"]
    if isinstance(block, Folded):
        return [f"  {block.summary}", *(line for inner in block.blocks for line in _text_block(inner))]
    lines = []
    for paragraph in block.split("\n"):
        lines += textwrap.wrap(paragraph, WIDTH, initial_indent="  ", subsequent_indent="  ") or [""]
    return lines


def _text_table(table: Table) -> list[str]:
    """Columns side by side; in a table that is too wide the long cells are wrapped."""
    rows = [*([list(table.header)] if any(table.header) else []), *map(list, table.rows)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(table.header))]
    share = (WIDTH - 2 * len(widths)) // len(widths)
    if sum(widths) + 2 * len(widths) > WIDTH:
        spare = sum(max(0, share - width) for width in widths)
        wide = [column for column, width in enumerate(widths) if width > share]
        widths = [share + spare // len(wide) if column in wide else width for column, width in enumerate(widths)]
    lines = []
    for row in rows:
        cells = [textwrap.wrap(cell, width) if cell else [""] for cell, width in zip(row, widths, strict=True)]
        for line in zip_longest(*cells, fillvalue=""):
            lines.append("  " + "  ".join(part.ljust(width) for part, width in zip(line, widths, strict=True)).rstrip())
    return lines


def as_html(title: str, blocks: Sequence[Block], kind: str) -> str:
    """The card in HTML: inline styles only, no script, nothing loaded."""
    accent, symbol = KINDS[kind]
    style = f"border-left:4px solid {accent};background:{accent}14;{_CARD}"
    mark = f'<span aria-hidden="true" style="color:{accent};margin-right:.45em">{symbol}</span>'
    heading = f'<div style="font-weight:600">{mark}{_inline(title)}</div>'
    return f'<div role="note" style="{style}">{heading}{"".join(map(_html_block, blocks))}</div>'


_GREY = "#8080801f"
_CARD = "padding:8px 14px;margin:6px 0;max-width:62em;line-height:1.5;border-radius:0 4px 4px 0;font-size:14px"
_CODE = f"padding:8px 10px;margin:6px 0 0;overflow-x:auto;background:{_GREY};border-radius:4px;font-size:.92em"
_CELL = "padding:3px 14px 3px 0;text-align:left;vertical-align:top;border:0;font-size:inherit"
_ITEM = "margin:3px 0 0 1.4em;text-indent:-1.4em"


def _html_block(block: Block) -> str:
    if isinstance(block, Code):
        return f'<pre style="{_CODE}">{html.escape(block.text.rstrip())}</pre>'
    if isinstance(block, Items):
        return "".join(_html_item(kind, text) for kind, text in block.lines)
    if isinstance(block, Table):
        return _html_table(block)
    if isinstance(block, Bar):
        stages = "".join(_html_stage(kind, name) for kind, name in block.stages)
        return f'<div aria-hidden="true" style="display:flex;gap:3px;margin:8px 0 4px;max-width:32em">{stages}</div>'
    if isinstance(block, Folded):
        inner = "".join(map(_html_block, block.blocks))
        line = f'<summary style="cursor:pointer">{_inline(block.summary)}</summary>'
        return f'<details style="margin-top:6px">{line}{inner}</details>'
    return "".join(f'<div style="margin-top:6px">{_inline(line)}</div>' for line in block.split("\n"))


def _html_item(kind: str, text: str) -> str:
    colour, symbol = KINDS[kind] if kind else ("inherit", "–")
    mark = f'<span style="display:inline-block;width:1.4em;text-indent:0;color:{colour}">{symbol}</span>'
    return f'<div style="{_ITEM}">{mark}{_inline(text)}</div>'


def _html_stage(kind: str, name: str) -> str:
    colour = KINDS[kind][0] if kind else "#80808040"
    return f'<span title="{html.escape(name)}" style="flex:1;height:12px;background:{colour}"></span>'


def _html_table(table: Table) -> str:
    head = "".join(f'<th scope="col" style="{_CELL};font-weight:600">{_inline(text)}</th>' for text in table.header)
    rows = ["".join(f'<td style="{_CELL}">{_inline(text)}</td>' for text in row) for row in table.rows]
    lines = [head, *rows] if any(table.header) else rows
    body = "".join(f'<tr style="background:transparent">{line}</tr>' for line in lines)
    style = "border-collapse:collapse;margin:6px 0 0;border:0;font-size:inherit"
    return f'<table style="{style}"><tbody>{body}</tbody></table>'


def _inline(text: str) -> str:
    code = rf'<code style="background:{_GREY};padding:0 .25em;border-radius:3px">\1</code>'
    emphasis = r"(?<![\w*])\*(\S(?:[^*]*[^*\s])?)\*(?![\w*])"
    parts = re.split(r"(`[^`]+`)", html.escape(text, quote=False))
    return "".join(
        re.sub(r"`(.+)`", code, part) if part.startswith("`") else re.sub(emphasis, r"<em>\1</em>", part)
        for part in parts
    )
