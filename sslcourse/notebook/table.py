"""A small table of measurements, as HTML in a notebook and as text elsewhere."""

from __future__ import annotations

from sslcourse.pages import render, show_html

# A number, a number with the range of new runs, words, or an empty place.
Value = float | tuple[float, tuple[float, float] | None] | str | None
CAPTION = "in brackets: where 95 % of new runs lie"
NAMES = {
    "probe_loss": "loss on held-out pictures",
    "knn": "kNN accuracy (k = 20)",
    "contrastive_accuracy": "contrastive accuracy",
    "effective_rank": "effective rank of the features",
    "channel_std": "channel standard deviation",
    "positive_cosine": "cosine of positive pairs",
    "negative_cosine": "cosine of negative pairs",
}


class Table:
    """Rows of numbers under headings, each with the range of new runs in brackets where there is one.

    >>> table = Table("", "mine")
    >>> table.add("loss", (0.5, (0.45, 0.52)))
    >>> print(table.text())
          mine
    loss  0.50 [0.45, 0.52]
    in brackets: where 95 % of new runs lie
    """

    def __init__(self, *headings: str):
        self.headings = headings
        self.rows: list[tuple[str, ...]] = []
        self.has_ranges = False

    def add(self, label: str, *values: Value) -> None:
        """One row."""
        self.has_ranges |= any(isinstance(value, tuple) and value[1] is not None for value in values)
        self.rows.append((NAMES.get(label, label), *(_format(value) for value in values)))

    def text(self) -> str:
        """Columns aligned with blanks."""
        lines = [self.headings, *self.rows]
        widths = [max(len(line[i]) for line in lines) for i in range(len(self.headings))]
        text = ["  ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)).rstrip() for line in lines]
        return "\n".join([*text, CAPTION] if self.has_ranges else text)

    def html(self) -> str:
        """A plain table that takes the notebook's own look."""
        caption = CAPTION if self.has_ranges else ""
        return render("table.html", headings=self.headings, rows=self.rows, caption=caption)

    def show(self) -> None:
        """Display the table in a notebook; elsewhere print it."""
        show_html(self.html(), self.text())


def _format(value: Value) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, tuple):
        number, span = value
        return f"{number:.2f} [{span[0]:.2f}, {span[1]:.2f}]" if span else f"{number:.2f}"
    return f"{value:.2f}"
