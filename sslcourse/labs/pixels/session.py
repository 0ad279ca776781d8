"""Lab 6's session: its networks, what is measured of them, and how pictures are damaged."""

from collections.abc import Callable, Iterable
from statistics import fmean
from typing import Any

import torch
from matplotlib.figure import Figure
from torch import Tensor, nn

from sslcourse.data.imageset import ImageSet
from sslcourse.evaluation.attention import patch_mask
from sslcourse.evaluation.collapse import centered_rank
from sslcourse.evaluation.corruptions import corrupt
from sslcourse.evaluation.features import extract_features
from sslcourse.evaluation.knn import knn_accuracy
from sslcourse.evaluation.occlusion import FILLS, fill_images
from sslcourse.labs.pixels import arms
from sslcourse.labs.pixels.measurements import left_of, painting_errors, scores_for
from sslcourse.labs.pixels.method import HandmadePainter, Own, course_functions
from sslcourse.methods import Method
from sslcourse.notebook import charts
from sslcourse.notebook.experiments import LabExperiments
from sslcourse.notebook.scales import scale
from sslcourse.notebook.stopping import Stopped
from sslcourse.training.images import NEIGHBOURS, few
from sslcourse.training.recipes import Recipe, build_method

PATCH = arms.PATCH
DROPPED = ("object", "random", "background")
SHARES = (0.25, 0.5)
PANELS: charts.Panels = {
    "error of painted patches": ({"removed_error": "removed", "kept_error": "kept"}, (0, 2)),
    "effective rank": ({"centered_rank": "effective rank"}, None),
}


class PixelsSession(LabExperiments):
    """The pictures and networks of Lab 6; `images` is a data set's name or `folder:PATH`."""

    name = "pixels"
    titles, colours, panels = arms.TITLES, arms.COLOURS, PANELS
    meters = {"centered_rank": "effective rank"}
    recipes = staticmethod(arms.recipes)
    handmade, course_functions = ("baseline",), staticmethod(course_functions)
    compared = arms.COURSE
    # The challenge's mark at cpu, .249, was reached in two of three seeds (0 to 2: .262, .223, .253) by plain pixels,
    # colours as they are, and crops of half the picture and more.

    def __init__(self, images: str = "objects", seed: int = 0):
        super().__init__(images, seed)
        self._banks: dict[tuple[str, str], tuple[nn.Module, Tensor]] = {}

    def build(self, recipe: Recipe, own: Any) -> Method:
        """An arm's untrained network, perhaps made of the reader's functions."""
        if isinstance(own, Own):
            return build_method(recipe, lambda encoder, settings: HandmadePainter(encoder, settings, own))
        return build_method(recipe)

    def measure(self, method: Any, arm: str) -> dict[str, float]:
        """How far the features spread, and how well patches are painted where there is a decoder."""
        pictures = self.pictures.batch(slice(None)).cpu()
        values = {"centered_rank": float(centered_rank(extract_features(method.representation, pictures)))}
        return values | (painting_errors(method, pictures) if method.decoder is not None else {})

    def live_figures(self, rows: list[dict], steps: int, arm: str) -> list[Figure]:
        """The panels for which the arm has numbers."""
        if arm in self._beside:
            return super().live_figures(rows, steps, arm)
        panels = {title: one for title, one in self.panels.items() if set(one[0]) <= set(rows[0])}
        expected = self.bands.get("arms", {}).get(arm)
        return charts.training_curves(rows, steps, panels, expected, self.colours[self.titles[arm]])

    def encoder(self, arm: str) -> nn.Module:
        """The network of an arm, or one of the course's checkpoints."""
        return self.course(arm).representation if arm in arms.COURSE else super().encoder(arm)

    @property
    def painter(self) -> Any:
        """The course's painter: it predicts plain pixels."""
        return self.course("reconstruction")

    def bank(self, arm: str) -> Tensor:
        """A network's features of the training pictures among which kNN looks; computed once for a network."""
        key, encoder = (scale(), arm), self.encoder(arm)
        if key not in self._banks or self._banks[key][0] is not encoder:
            self._banks[key] = encoder, extract_features(encoder, self.images.bank)
        return self._banks[key][1]

    def knn(self, arm: str, images: Tensor, labels: Tensor, scaling: str = "raw") -> float:
        """kNN accuracy of a network on pictures `M,3,H,W`, among clean training pictures."""
        known, k = self.images.bank, min(NEIGHBOURS, len(self.images.bank))
        asked = extract_features(self.encoder(arm), images)
        options: Any = {"k": k, "scaling": scaling, "num_classes": len(known.classes)}
        return float(knn_accuracy(self.bank(arm), known.labels.cpu(), asked, labels.cpu(), **options))

    def need_two(self) -> None:
        """Raises Stopped for a single held-out picture, whose patches no other can lend."""
        if len(self.images.held_out) < 2:
            raise Stopped("Patches are filled from another picture: this needs two held-out pictures.")

    @property
    def damaged(self) -> ImageSet:
        """The held-out pictures that are damaged, of every class."""
        return few(self.images.held_out, {"smoke": 28, "cpu": 300, "gpu": 1000}[scale()])

    def saliency(self, pictures: ImageSet) -> Tensor:
        """How much of each patch `B,N` is object; of photographs, how much of DINO's attention it gets."""
        if "mask" in pictures.extras:
            mask = pictures.extras["mask"].cpu()
            return patch_mask(mask, (mask.shape[1] // PATCH, mask.shape[2] // PATCH))
        encoder: Any = self.course("dino").representation
        return extract_features(encoder, pictures, read=lambda batch: encoder(batch, attention=True).attention)

    def fills(self, names: Iterable[str] = FILLS) -> dict[str, Tensor]:
        """What may take the place of hidden patches of the damaged pictures, float; "black" is zero."""
        test, bank, generator = self.damaged.images.cpu(), self.images.bank.images.cpu(), self.generator()
        black = torch.zeros(1, 3, 1, 1)
        return {
            name: black if name == "black" else fill_images(test, bank, name, generator).float() / 255 for name in names
        }

    def generator(self) -> torch.Generator:
        """Whatever is drawn for an experiment; the same for every network."""
        return torch.Generator().manual_seed(self.seed)

    def occlude(
        self,
        arm: str,
        drop: Callable,
        what: Iterable[str] = DROPPED,
        fills: Iterable[str] = FILLS,
        shares: Iterable[float] = SHARES,
    ) -> list[dict[str, Any]]:
        """What is left of a network's kNN accuracy with patches hidden by `drop`: a row a measurement, clean first."""
        test, generator = self.damaged, self.generator()
        images, saliency = test.batch(slice(None)).cpu(), self.saliency(test)
        rows_and_columns = images.shape[2] // PATCH, images.shape[3] // PATCH
        clean = self.knn(arm, images, test.labels)
        rows = [{"dropped": "none", "fill": "none", "share": 0.0, "accuracy": clean, "left": 1.0}]
        contents = self.fills(fills)
        for dropped in what:
            scores = scores_for(dropped, saliency, generator).unflatten(1, rows_and_columns)
            for share in shares:
                count = round(share * saliency.shape[1])
                for fill, content in contents.items():
                    accuracy = self.knn(arm, drop(images.clone(), scores, count, content), test.labels)
                    left = self.left(accuracy, clean)
                    rows.append({"dropped": dropped, "fill": fill, "share": share, "accuracy": accuracy, "left": left})
        return rows

    def corruptions(self, arm: str) -> dict[str, float]:
        """What is left of a network's kNN accuracy under noise, blur and at low resolution: means of 3 severities."""
        test, generator = self.damaged, self.generator()
        clean, found = self.knn(arm, test.images, test.labels), {}
        for name in ("noise", "blur", "low_resolution"):
            versions = [corrupt(test.images.cpu(), name, severity, generator) for severity in (1, 3, 5)]
            found[name] = fmean(self.left(self.knn(arm, one, test.labels), clean) for one in versions)
        return found

    def left(self, accuracy: float, clean: float) -> float:
        """What is left of a clean accuracy above chance."""
        return left_of(accuracy, clean, self.chance or 0.0)
