"""One look for everything a cell says: a card in HTML with a twin in plain text, built from the same blocks.

A symbol and a word say what the colour says.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest

from sslcourse.pages import render, show_html

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
    """The card in HTML."""
    return render("card.html", title=title, blocks=blocks, kind=kind, kinds=KINDS)
