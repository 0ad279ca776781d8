"""One sitting with Lab 1: its images, its untrained network and the arms trained so far."""

from __future__ import annotations

from sslcourse.evaluation.collapse import spectrum
from sslcourse.labs.contrastive import charts
from sslcourse.labs.contrastive.arms import ARMS, SCALES
from sslcourse.labs.contrastive.probe import Probe
from sslcourse.labs.contrastive.train import Images, Loss, Run, augmentation, knn, load_images, make_method, train_arm
from sslcourse.notebook.bands import load_bands
from sslcourse.notebook.live import LivePanel
from sslcourse.training.fit import NonFiniteLoss

UNTRAINED = "untrained"


class LabSession:
    """What the experiments of one sitting share: the images, the untrained network and every trained arm.

    `images` is a data set name or `folder:PATH`; `scale` smoke, cpu or gpu (default: what the session runs at);
    further options go to `sslcourse.data.datasets.load`. Every arm is trained at most once for the same loss.
    """

    def __init__(self, images: str = "objects", scale: str | None = None, seed: int = 0, **options):
        if scale is None:
            from sslcourse.notebook import scale as present_scale

            scale = present_scale()
        if scale not in SCALES:
            raise ValueError(f"scale must be one of {', '.join(SCALES)}; got {scale!r}")
        self.scale_name, self.settings, self.seed = scale, SCALES[scale], seed
        self.images: Images = load_images(self.settings, images, seed, **options)
        self.name = images
        # The bands were measured on the objects, with the settings of the table: beside anything else they would mislead.
        self.bands = load_bands(scale) if images == "objects" else {}
        self.runs: dict[str, Run] = {}
        self._losses: dict[str, Loss | None] = {}
        self._untrained: Run | None = None

    @property
    def untrained(self) -> Run:
        """The network before its first step, measured like a trained one; the same weights in every arm."""
        if self._untrained is None:
            method = make_method(self.settings, ARMS["baseline"], self.seed)
            probe = Probe(self.images.probe.images, augmentation(self.settings, ARMS["baseline"]), self.seed)
            embeddings = probe.embed(method)
            final = {"knn": knn(method, self.images, self.settings), **probe.measure(method)}
            self._untrained = Run(ARMS["baseline"], method, [], final, spectrum(embeddings[0]).tolist(), embeddings)
        return self._untrained

    def train(self, arm: str = "baseline", loss: Loss | None = None, *, again: bool = False) -> Run | None:
        """Train one arm ("baseline", "no_negatives" or "no_colour") with a loss (default: the package's), shown as it happens.

        Returns the run, or None when the loss stopped being a number. An arm already trained with the same loss is kept.
        """
        if arm not in ARMS:
            raise ValueError(f"arm must be one of {', '.join(ARMS)}; got {arm!r}")
        if arm in self.runs and self._losses[arm] is loss and not again:
            return self.runs[arm]
        title = ARMS[arm].title
        steps = self.settings.steps
        panel = LivePanel(
            title,
            steps,
            lambda rows: charts.training_curves(rows, steps, self.bands, arm),
        )
        try:
            run = train_arm(arm, self.images, self.settings, loss=loss, seed=self.seed, on_rows=panel.update)
        except NonFiniteLoss as problem:
            from sslcourse.notebook.card import show_card

            show_card("Training stopped", str(problem), kind="bad")
            return None
        panel.update(steps, run.rows, last=True)
        self.runs[arm], self._losses[arm] = run, loss
        return run

    def run(self, arm: str) -> Run | None:
        """The trained arm; where its cell was not run in this session, it is trained now with the package's loss."""
        return self.runs.get(arm) or self.train(arm)
