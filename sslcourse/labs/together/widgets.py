"""A switchboard over the ledger: which parts are on, and what the runs of that cell gave."""

from collections.abc import Mapping

import ipywidgets
from matplotlib.figure import Figure

from sslcourse.figures.style import short
from sslcourse.labs.together.ledger import Cells, Place
from sslcourse.labs.together.pictures import NOT_YET, count_of, draw_cells, name_of, seeds
from sslcourse.labs.together.tasks import PARTS
from sslcourse.notebook.widgets import Explorer, slider


class Switchboard(Explorer):
    """Three switches, one a part; the figures of that cell beside those of all others, and a band around its mean.

    `measures` maps what was measured to its eight cells; that with most runs is shown first. What lies in the band
    differs from the chosen cell by less than the smallest effect that counts, which a slider sets.
    """

    def __init__(self, measures: Mapping[str, Cells]):
        if not measures or any(len(cells) != 2 ** len(PARTS) for cells in measures.values()):
            raise ValueError(f"give all {2 ** len(PARTS)} cells of at least one measure")
        self.measures = measures
        switches = {part: ipywidgets.Checkbox(value=True, description=f"{part} on") for part in PARTS}
        most = max(measures, key=lambda name: sum(map(len, measures[name].values())))
        what = ipywidgets.Dropdown(options=list(measures), value=most, description="measure")
        least = slider(0.03, "smallest effect", 0.0, 0.1, step=0.01)
        super().__init__({**switches, "measure": what, "least": least})

    def chosen(self) -> Place:
        """The cell that the switches name."""
        return tuple(int(self.value(part)) for part in PARTS)

    def picture_and_words(self) -> tuple[list[Figure], str]:
        """All cells as points, the chosen one in colour; and what it gave beside the whole."""
        cells, here, least = self.measures[self.value("measure")], self.chosen(), self.value("least")
        figure = draw_cells(cells, here, least, self.value("measure"))
        values = list(cells[here].values())
        words = f"<b>{name_of(here)}</b>: "
        if not values:
            return [figure], f"<p>{words}{NOT_YET}. {count_of(cells)}</p>"
        mean = sum(values) / len(values)
        words += f"{self.value('measure')} <b>{mean:.3f}</b>, mean of {seeds(len(values))}"
        if len(values) > 1:
            words += f" ({short(min(values))} to {short(max(values))})"
        return [figure], f"<p>{words}. {self._beside(cells, here)}{count_of(cells)}</p>"

    def _beside(self, cells: Cells, here: Place) -> str:
        """How much each switch changes from here, by the seeds that both cells have."""
        found = []
        for index, part in enumerate(PARTS):
            there = tuple(1 - on if place == index else on for place, on in enumerate(here))
            both = sorted(set(cells[here]) & set(cells[there]))
            if both:
                change = sum(cells[there][seed] - cells[here][seed] for seed in both) / len(both)
                found.append(f"{part} {'off' if here[index] else 'on'} {change:+.3f} ({len(both)})")
        return f"Switch one more, and it changes by (pairs): {', '.join(found)}. " if found else ""
