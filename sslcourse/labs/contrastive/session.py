"""Lab 1's session: what its arms are, what is measured of them, and the views that its stages look at."""

from sslcourse.labs.contrastive import arms
from sslcourse.methods import Method
from sslcourse.notebook.charts import Panels
from sslcourse.notebook.views import TwoViewLab

PANELS: Panels = {
    "loss on held-out pictures": ({"probe_loss": "loss"}, None),
    "contrastive accuracy": ({"contrastive_accuracy": "contrastive accuracy"}, (0, 1.02)),
    "cosine of pairs": ({"positive_cosine": "positive pairs", "negative_cosine": "negative pairs"}, (-0.35, 1.05)),
    "effective rank": ({"effective_rank": "effective rank"}, None),
}


class ContrastiveSession(TwoViewLab):
    """The pictures, arms and probes of Lab 1; `images` is a data set's name or `folder:PATH`."""

    name = "contrastive"
    titles, colours, panels, takes_loss = arms.TITLES, arms.COLOURS, PANELS, True
    recipes = staticmethod(arms.recipes)

    def measure(self, method: Method, arm: str) -> dict[str, float]:
        """What the probe shows, on views as the arm trains on."""
        return self.probe(arm).measure(method)
