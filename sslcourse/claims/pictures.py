"""The sets of pictures that claims are measured on: the embedded objects, and photographs.

Photographs are never part of the course: an environment variable says where a set lies, or it is a public one that was
downloaded.
"""

import os
from dataclasses import dataclass
from pathlib import Path

from sslcourse.data import public
from sslcourse.data.cache import cache_dir
from sslcourse.data.datasets import load
from sslcourse.training.images import RunImages, few
from sslcourse.training.recipes import DataSettings


@dataclass(frozen=True)
class Pictures:
    """A set: `title` for the reader, `recipe` the data set whose recipes fit it, and what makes it another set.

    `variable` is the environment variable that says where photographs lie (a folder or a zip).
    """

    title: str
    recipe: str = "objects"
    variable: str = ""

    @property
    def plain(self) -> bool:
        """Whether the recipe's own images are meant."""
        return not self.variable

    @property
    def photographs(self) -> bool:
        """Whether these are photographs, of whose objects no masks are known."""
        return self.recipe != "objects"

    @property
    def public(self) -> bool:
        """Whether it is a public set, for runs at scale gpu that no claim asks for by itself."""
        return self.recipe in public.SETS and self.plain

    @property
    def place(self) -> Path:
        """Where a public set lies when it was downloaded."""
        return cache_dir() / "downloads" / public.SETS[self.recipe].folder

    @property
    def how(self) -> str:
        """How to bring a set here that is not, in words."""
        if self.public:
            return f"python -c \"from sslcourse.data import load; load('{self.recipe}', download=True)\""
        return f"set {self.variable}"


PICTURES: dict[str, Pictures] = {
    "objects": Pictures("drawn objects"),
    "cifar10-small": Pictures("photographs (CIFAR-10, a part)", recipe="cifar10", variable="SSLCOURSE_CIFAR"),
    "cifar10": Pictures("photographs (CIFAR-10)", recipe="cifar10"),
    "stl10": Pictures("photographs (STL-10)", recipe="stl10"),
    "imagenette": Pictures("photographs (Imagenette)", recipe="imagenette"),
}


def is_here(name: str) -> bool:
    """Whether a set can be loaded on this machine: photographs may not be there."""
    pictures = PICTURES[name]
    if pictures.public:
        return pictures.place.is_dir()
    variable = pictures.variable
    return not variable or Path(os.environ.get(variable, "")).is_file() or os.path.isdir(os.environ.get(variable, ""))


def load_pictures(name: str, data: DataSettings) -> RunImages:
    """The images of a run on a set: `data` says how many and how large.

    Raises FileNotFoundError, with the variable to set, for photographs that are not there.
    """
    pictures = PICTURES[name]
    if not is_here(name):
        raise FileNotFoundError(f"{name} is not here: set {pictures.variable} to its folder or zip")
    where = f"folder:{os.environ[pictures.variable]}"
    train = few(load(where, "train", size=data.size), data.count)
    return RunImages(train, few(train, data.bank), few(load(where, "val", size=data.size), data.held_out))
