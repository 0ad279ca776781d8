"""One look for everything a cell says: a card in HTML with a twin in plain text, built from the same blocks.

Colours are given with transparency and text inherits its colour, so that a card is readable in light and dark themes; a
symbol and a word say what the colour says.
"""

from __future__ import annotations

import html
import re
import sys
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

# kind -> (accent colour: Okabe-Ito, symbol)
KINDS = {
    "info": ("#0072B2", "•"),
    "good": ("#009E73", "✓"),
    "bad": ("#D55E00", "✗"),
    "wait": ("#E69F00", "…"),
}
WIDTH = 96


@dataclass(frozen=True)
class Code:
    """A block of code, shown as it is."""

    text: str


@dataclass(frozen=True)
class Table:
    """Rows of strings under a header."""

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


Block = str | Code | Table | Items | Bar


def show_card(title: str, *blocks: Block, kind: str = "info") -> None:
    """Display one card; plain text where no HTML can be shown. In a string, `words` in backticks are set as code.

    >>> show_card("Scale", "This machine is `cpu`.", kind="good")
    ✓ Scale
      This machine is `cpu`.
    """
    plain, page = as_text(title, blocks, kind), as_html(title, blocks, kind)
    if (shell := _shell()) is not None:
        from IPython.display import display

        sys.stdout.flush()  # what the student's function printed comes before the card
        display({"text/plain": plain, "text/html": page}, raw=True)
        del shell
    else:
        print(plain)


def _shell():
    """The running IPython shell, if there is one; IPython is not imported for the question."""
    module = sys.modules.get("IPython")
    return module.get_ipython() if module is not None else None


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
        rows = [list(block.header), *map(list, block.rows)]
        widths = [max(len(row[column]) for row in rows) for column in range(len(block.header))]
        return ["  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows]
    if isinstance(block, Bar):
        return ["  [" + "".join("█" if kind == "good" else "▒" if kind else "░" for kind, _ in block.stages) + "]"]
    lines = []
    for paragraph in block.split("\n"):
        lines += textwrap.wrap(paragraph, WIDTH, initial_indent="  ", subsequent_indent="  ") or [""]
    return lines


def as_html(title: str, blocks: Sequence[Block], kind: str) -> str:
    """The card in HTML: inline styles only, no script, nothing loaded."""
    accent, symbol = KINDS[kind]
    body = "".join(_html_block(block) for block in blocks)
    return (
        f'<div role="note" style="border-left:4px solid {accent};background:{accent}14;padding:8px 14px;margin:6px 0;'
        'max-width:52em;line-height:1.5;border-radius:0 4px 4px 0">'
        f'<div style="font-weight:600"><span aria-hidden="true" style="color:{accent};margin-right:.45em">{symbol}</span>'
        f"{_inline(title)}</div>{body}</div>"
    )


def _html_block(block: Block) -> str:
    if isinstance(block, Code):
        style = "margin:6px 0 0;padding:8px 10px;overflow-x:auto;background:#8080801f;border-radius:4px;font-size:.92em;line-height:1.4"
        return f'<pre style="{style}">{html.escape(block.text.rstrip())}</pre>'
    if isinstance(block, Items):
        return "".join(
            f'<div style="margin:3px 0 0 1.5em;text-indent:-1.35em"><span style="display:inline-block;width:1.35em;text-indent:0;'
            f'color:{KINDS[kind][0] if kind else "inherit"}">{KINDS[kind][1] if kind else "–"}</span>{_inline(text)}</div>'
            for kind, text in block.lines
        )
    if isinstance(block, Table):
        cell = "padding:3px 12px 3px 0;text-align:left;vertical-align:top;border:0"
        head = "".join(
            f'<th scope="col" style="{cell};border-bottom:1px solid #80808066">{_inline(text)}</th>'
            for text in block.header
        )
        rows = "".join(
            "<tr style='background:transparent'>"
            + "".join(f'<td style="{cell}">{_inline(text)}</td>' for text in row)
            + "</tr>"
            for row in block.rows
        )
        return f'<table style="border-collapse:collapse;margin:6px 0 0;border:0"><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>'
    if isinstance(block, Bar):
        stages = "".join(
            f'<span title="{html.escape(name)}" style="flex:1;height:12px;background:{KINDS[kind][0] if kind else "#80808040"}"></span>'
            for kind, name in block.stages
        )
        return f'<div aria-hidden="true" style="display:flex;gap:3px;margin:8px 0 4px;max-width:32em">{stages}</div>'
    return "".join(f'<div style="margin-top:4px">{_inline(line)}</div>' for line in block.split("\n"))


def _inline(text: str) -> str:
    code = r'<code style="background:#8080801f;padding:0 .25em;border-radius:3px">\1</code>'
    return re.sub(r"`([^`]+)`", code, html.escape(text, quote=False))
