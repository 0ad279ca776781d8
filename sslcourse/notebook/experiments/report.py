"""A small table of measurements, as HTML in a notebook and as text elsewhere."""

from __future__ import annotations

import html

Value = float | tuple[float, float] | str | None


class Table:
    """Rows of numbers and ranges under headings.

    >>> table = Table("", "mine", "three seeds")
    >>> table.add("kNN", 0.5, (0.45, 0.52))
    >>> print(table.text())
         mine  three seeds
    kNN  0.50  0.45 to 0.52
    """

    def __init__(self, *headings: str):
        self.headings = headings
        self.rows: list[tuple[str, ...]] = []

    def add(self, label: str, *values: Value) -> None:
        """One row; a pair is a range, None an empty place."""
        self.rows.append((label, *(_format(value) for value in values)))

    def text(self) -> str:
        """Columns aligned with blanks."""
        lines = [self.headings, *self.rows]
        widths = [max(len(line[i]) for line in lines) for i in range(len(self.headings))]
        return "\n".join("  ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)).rstrip() for line in lines)

    def html(self) -> str:
        """A plain table that takes the notebook's own look."""
        head = "".join(f'<th scope="col" style="text-align:right">{html.escape(h)}</th>' for h in self.headings)
        body = "".join(
            f'<tr><th scope="row" style="text-align:left">{html.escape(row[0])}</th>'
            + "".join(f'<td style="text-align:right">{html.escape(cell)}</td>' for cell in row[1:])
            + "</tr>"
            for row in self.rows
        )
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"

    def show(self) -> None:
        """Display the table in a notebook; elsewhere print it."""
        from .live import in_notebook

        if not in_notebook():
            print(self.text())
            return
        from IPython.display import display

        display({"text/html": self.html(), "text/plain": self.text()}, raw=True)


def _format(value: Value) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, tuple):
        return f"{value[0]:.2f} to {value[1]:.2f}"
    return f"{value:.2f}"
