"""Lab 7's session: its two networks, what is measured of them, and the lines of the ledger."""

from functools import cached_property
from typing import Any

from sslcourse.evaluation.collapse import centered_rank
from sslcourse.evaluation.features import extract_features
from sslcourse.labs.together import arms, ledger
from sslcourse.labs.together.method import Handmade, course_functions
from sslcourse.methods import Method
from sslcourse.notebook import charts
from sslcourse.notebook.experiments import LabExperiments
from sslcourse.training.images import object_recall
from sslcourse.training.recipes import Recipe, build_method

PATCH = 8  # pixels
PANELS: charts.Panels = {"effective rank of the features": ({"centered_rank": "effective rank"}, None)}


class TogetherSession(LabExperiments):
    """The pictures and networks of Lab 7; `images` is a data set's name or `folder:PATH`."""

    name = "together"
    titles, colours, panels = arms.TITLES, arms.COLOURS, PANELS
    meters = {
        "centered_rank": "effective rank of the features",
        "object_recall": "object in the attended half",
    }
    recipes = staticmethod(arms.recipes)
    handmade, course_functions = ("baseline",), staticmethod(course_functions)
    # At cpu, masked patches without removal and pixels beat the own run in two of two seeds (0: .414 against .336, 1:
    # .464 against .416); the upper end of what is ordinary, .508, was out of reach.
    compared, takes_loss, end_to_beat = ("plain", "baseline"), True, None

    def __init__(self, images: str = "objects", seed: int = 0):
        super().__init__(images, seed)
        self._cells: dict[str, ledger.Cells] = {}

    def build(self, recipe: Recipe, own: Any) -> Method:
        """An arm's untrained network, perhaps with the reader's loss."""
        if own is None:
            return build_method(recipe)
        return build_method(recipe, lambda encoder, settings: Handmade(encoder, settings, own))

    def measure(self, method: Any, arm: str) -> dict[str, float]:
        """How far the features spread, and whether attention finds objects where they are known."""
        pictures, encoder = self.pictures, method.representation
        found = {"centered_rank": float(centered_rank(extract_features(encoder, pictures)))}
        recall = object_recall(encoder, pictures)
        return found if recall is None else found | {"object_recall": recall}

    @property
    def meters_here(self) -> tuple[str, ...]:
        """What is measured of these pictures on the way."""
        return tuple(name for name in self.meters if name in self.untrained().final)

    def cells(self, measure: str) -> ledger.Cells:
        """The ledger's eight cells, by one measure; read once."""
        if measure not in self._cells:
            self._cells[measure] = ledger.cells(measure, self.lines)
        return self._cells[measure]

    @cached_property
    def lines(self) -> list[dict]:
        """The lines of the course's ledger."""
        return ledger.rows()
