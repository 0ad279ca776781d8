"""Lab 4's session: its pictures, its arms, the course's checkpoints, and what is measured of them."""

import secrets
from dataclasses import replace
from typing import Any

from torch import Tensor

from sslcourse.data.datasets import load
from sslcourse.data.imageset import ImageSet
from sslcourse.evaluation.features import evaluate_knn
from sslcourse.labs.two_levels import arms
from sslcourse.labs.two_levels.measurements import PartProbe, TargetProbe
from sslcourse.labs.two_levels.method import Own, course_functions, make_levels
from sslcourse.methods import Method
from sslcourse.notebook import state
from sslcourse.notebook.charts import Panels
from sslcourse.notebook.experiments import LabExperiments
from sslcourse.notebook.scales import scale
from sslcourse.notebook.session import UNTRAINED, loaded
from sslcourse.notebook.stopping import Stopped
from sslcourse.training.images import NEIGHBOURS, RunImages, few, load_images
from sslcourse.training.pretrained import load_course_method
from sslcourse.training.recipes import Recipe, build_method
from sslcourse.training.runtime import pick_device

PANELS: Panels = {
    "entropy of the targets (nats)": ({"teacher_entropy": "entropy"}, None),
    "prototypes in use": ({"used_prototypes": "prototypes"}, None),
}
LETTERS = "ABC"


class LevelsSession(LabExperiments):
    """The pictures and networks of Lab 4; `images` is a data set's name or `folder:PATH`."""

    name = "two_levels"
    colours, panels = arms.COLOURS, PANELS
    recipes = staticmethod(arms.recipes)
    handmade, course_functions = arms.TITLES, staticmethod(course_functions)
    meters = {
        "teacher_entropy": "entropy of the targets (nats)",
        "divergence": "divergence from the targets (nats)",
        "used_prototypes": "prototypes in use",
        "part_match": "nearest patch shows the same part",
    }

    end_to_beat = None  # from seed to seed kNN of both levels differs by 0.17

    def __init__(self, images: str = "objects", seed: int = 0):
        super().__init__(images, seed)
        self.titles = dict(arms.TITLES)
        self._probes: dict[str, TargetProbe] = {}
        self._parts: dict[str, PartProbe] = {}
        self._course_images: dict[str, RunImages] = {}

    def build(self, recipe: Recipe, own: Any) -> Method:
        """An arm's untrained network, made of the reader's functions where these are given."""
        return build_method(recipe, make_levels(own if isinstance(own, Own) else None))

    def measure(self, method: Method, arm: str) -> dict[str, float]:
        """The targets of held-out pictures and, but for the short runs, whether like patches show the same part."""
        found = self.probe().measure(method)
        if "parts" in self.pictures.extras and arm not in arms.TRICKS:
            parts = self.parts(encoder := method.representation)
            found |= {"part_match": parts.match(encoder), "part_chance": parts.chance}
        return found

    def probe(self) -> TargetProbe:
        """Two global crops of the held-out pictures, always the same."""
        if scale() not in self._probes:
            self._probes[scale()] = TargetProbe(self.pictures.images, self.recipe().method.crops, self.seed)
        return self._probes[scale()]

    def parts(self, encoder: Any) -> PartProbe:
        """The held-out pictures in two halves, always the same, and what an encoder's patches show."""
        if scale() not in self._parts:
            self._parts[scale()] = PartProbe(self.pictures, encoder.patch_size)
        return self._parts[scale()]

    def letters(self) -> dict[str, str]:
        """The letter that each of the three short runs has for this reader."""
        order = state.read_lab(self.name)["drawn"].get("tricks")
        if sorted(order or ()) != sorted(arms.TRICKS):
            order = sorted(arms.TRICKS, key=lambda _: secrets.randbits(32))
            state.update(self.name, "drawn", "tricks", order)
        return dict(zip(order, LETTERS))

    @property
    def course_size(self) -> int:
        """The side of the pictures on which the course's checkpoints were trained."""
        return load_course_method("ibot").recipe.data.size

    @property
    def course_images(self) -> RunImages:
        """The pictures at the checkpoints' size."""
        if scale() not in self._course_images:
            settings = replace(self.recipe().data, size=self.course_size)
            self._course_images[scale()] = load_images(settings)
        return self._course_images[scale()]

    @property
    def course_pictures(self) -> ImageSet:
        """Some of the held-out ones, of every class; of photographs any, for the checkpoints have seen none of them."""
        if self.data == "objects":
            return few(self.course_images.held_out, self.pictures_count)
        return few(loaded(lambda: load(self.data, "train", size=self.course_size)), self.pictures_count)

    def course(self, name: str) -> Any:
        """One of the course's checkpoints, or the network that they began as."""
        if name == UNTRAINED and name not in self._course:
            self._course[name] = build_method(load_course_method("dino").recipe).eval().to(pick_device())
        return super().course(name)

    def course_encoder(self, name: str) -> Any:
        """The network of one of the course's checkpoints."""
        return self.course(name).representation

    def course_knn(self, name: str) -> float | None:
        """kNN accuracy of a checkpoint on these pictures; None without labels."""
        images = self.course_images
        if not images.labelled:
            return None
        return evaluate_knn(self.course_encoder(name), images.bank, images.held_out, min(NEIGHBOURS, len(images.bank)))

    def need_masks(self) -> None:
        """Raises Stopped for pictures whose objects are not marked."""
        if not {"parts", "instances", "labels"} <= self.pictures.extras.keys():
            raise Stopped("These pictures come without masks of objects and parts, so no map can be judged on them.")

    def teacher_logits(self, arm: str) -> Tensor:
        """The teacher's logits of the held-out pictures' first crops, `P,K`, on the CPU."""
        return self.probe().logits(self.arm(arm).method)[0][0].cpu()
