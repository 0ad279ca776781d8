"""What to train, on what, and for how long: settings by method, scale and data set.

They were found by a search, `benchmarks/recipes.py`. Everything in a recipe can be changed by name (see `find_recipe`).
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

import torch

from sslcourse import methods
from sslcourse.data.augment import Augmentation
from sslcourse.data.decoding import decode_images
from sslcourse.data.folders import list_images
from sslcourse.data.views import MultiCropSettings
from sslcourse.models import build_encoder
from sslcourse.settings import UnknownSetting, assign, check_fields, field_paths, nearest, parse_changes, read_value
from sslcourse.training.settings import FitSettings

FIXED = ("kind", "scale", "data.name")  # another value means another recipe
SCALES = ("smoke", "cpu", "gpu")
DATA = ("objects", "cifar10", "stl10", "imagenette", "pets")


@dataclass(frozen=True)
class EncoderSettings:
    """An encoder by its name for `build_encoder`; `pretrained` and `frozen_statistics` are for timm's only."""

    name: str = "vit_96x4_p8"
    pretrained: bool = False
    frozen_statistics: bool = False


@dataclass(frozen=True)
class DataSettings:
    """Which images, and how many: `count` to train on (None: all), `bank` of them for kNN and the linear probe.

    `held_out` images of the validation split are classified. `size` is the side in pixels. Raises ValueError for
    numbers that are too small: a probe needs 3 images, because it sets a fifth of the bank aside.
    """

    name: str = "objects"
    size: int = 64
    count: int | None = 4000
    bank: int = 2000
    held_out: int = 1000

    def __post_init__(self) -> None:
        check_fields(self, "must be at least 1", lambda n: n >= 1, "size", "held_out")
        check_fields(self, "must be at least 3", lambda n: n is None or n >= 3, "count", "bank")


@dataclass(frozen=True)
class Recipe:
    """Everything that defines a training run: the `kind` of method, its settings, encoder, images and loop.

    >>> find_recipe("dino", scale="smoke", momentum=0.9).method.distillation.momentum
    0.9
    """

    kind: str
    scale: str
    method: Any
    encoder: EncoderSettings
    data: DataSettings
    fit: FitSettings


METHODS: dict[str, type[methods.Method]] = {
    "simclr": methods.SimCLR,
    "byol": methods.BYOL,
    "dino": methods.DINO,
    "ibot": methods.IBOT,
    "logo": methods.LoGo,
    "combined": methods.Combined,
}

# Views of the embedded objects: any change of hue is allowed, for it tells objects apart but not classes.
VIEWS = Augmentation(size=64, hue=0.5, blur=0.0)
CROPS = MultiCropSettings(  # 2 global crops of 64 pixels, 2 local ones of 32
    global_crop=replace(VIEWS, scale=(0.3, 1.0)), local_crop=replace(VIEWS, size=32, scale=(0.1, 0.4))
)
MANY_CROPS = replace(CROPS, local_crops=6)
# In photographs the hue is part of what an object is.
PHOTOGRAPHS = {"hue": 0.1, "blur": 0.5}
SMALL_PHOTOGRAPHS = {"hue": 0.1, "blur": 0.0}

# Found by the recorded search, see benchmarks/recipes.jsonl.
SHARP = methods.Distillation(
    teacher_temperature=0.02,
    first_teacher_temperature=0.02,
    momentum=0.9,
    momentum_schedule="fixed",
    freeze_prototypes=0.1,
)
SLOW = methods.Distillation(prototypes=1024, momentum=0.99)
SETTINGS: dict[str, dict[str, Any]] = {
    "simclr": {
        "cpu": methods.SimCLRSettings(augmentation=VIEWS, temperature=0.3),
        "gpu": methods.SimCLRSettings(augmentation=VIEWS, temperature=0.3, hidden_dim=1024),
    },
    "byol": {
        "cpu": methods.BYOLSettings(
            augmentation=VIEWS, momentum=0.9, momentum_schedule="fixed", output_norm="batch", predictor_lr_scale=10.0
        ),
        "gpu": methods.BYOLSettings(augmentation=VIEWS, hidden_dim=1024, momentum=0.99, output_norm="batch"),
    },
    "dino": {"cpu": methods.DINOSettings(CROPS, SHARP), "gpu": methods.DINOSettings(MANY_CROPS, SLOW)},
    "ibot": {"cpu": methods.IBOTSettings(CROPS, SHARP), "gpu": methods.IBOTSettings(MANY_CROPS, SLOW)},
    "logo": {
        "cpu": methods.LoGoSettings(CROPS, momentum=0.9, output_norm="batch"),
        "gpu": methods.LoGoSettings(MANY_CROPS, hidden_dim=1024, momentum=0.99, output_norm="batch"),
    },
    "combined": {
        "cpu": methods.CombinedSettings(CROPS, SHARP, methods.Removal("low", 0.75), patch_weight=0.25),
        "gpu": methods.CombinedSettings(MANY_CROPS, SLOW),
    },
}

# About seven minutes on one core, fewer on two (measured, see benchmarks/recipes.jsonl).
CPU_STEPS = {"simclr": 500, "byol": 350, "dino": 350, "ibot": 350, "logo": 350, "combined": 350}

# Pixel reconstruction alone, as changes to the combined method: without a convolutional stem, as in the paper, and in
# the colours of the image, which are what is to be predicted. The targets are plain pixels: predictions of normalised
# patches need each patch's true mean and contrast before they are an image.
RECONSTRUCTION = parse_changes(
    [
        *("policy=random", "keep_rate=0.75", "cls=false", "patch_loss=off", "reconstruction=removed"),
        *("global_crop.scale=0.5,1", "global_crop.color=0", "global_crop.grayscale=0", "normalize_targets=false"),
        *("encoder=vit_96x4_p8", "decoder_dim=96", "decoder_depth=4", "decoder_heads=3"),
        *("learning_rate=0.003", "steps=800", "evaluate_every=100"),
    ]
)

ENCODERS = {"smoke": "vit_64x2_p8", "cpu": "vit_96x4_p8_conv", "gpu": "vit_192x6_p8"}
IMAGES = {
    "smoke": DataSettings(count=512, bank=512, held_out=256),
    "cpu": DataSettings(),
    "gpu": DataSettings(count=20_000, bank=10_000, held_out=4000),
}
LOOPS = {  # steps, batch size, learning rate
    "smoke": FitSettings(40, 32, 1e-3, log_every=4, checkpoint_every=20, evaluate_every=20),
    "cpu": FitSettings(350, 64, 2e-3, log_every=10, checkpoint_every=50, evaluate_every=50),
    "gpu": FitSettings(10_000, 256, 1e-3, log_every=50, checkpoint_every=500, evaluate_every=500, compile="auto"),
}

# For images such as CIFAR-10's: their side, and encoders that divide them into 8 x 8 patches.
SMALL_IMAGES = (32, {"smoke": "vit_64x2_p8", "cpu": "vit_96x4_p4_conv", "gpu": "vit_96x4_p4"})


def find_recipe(kind: str, data: str = "objects", scale: str = "cpu", **changes: Any) -> Recipe:
    """The recipe of a method on a data set at a scale, with settings changed by name (see `assign`).

    `data` is objects, cifar10, stl10, imagenette, pets or folder:PATH. Names with dots are passed as `**{...}`. Raises
    ValueError for unknown names and lists the nearest.

    >>> recipe = find_recipe("simclr", "cifar10", "cpu", steps=10, temperature="0.1")
    >>> recipe.encoder.name, recipe.method.augmentation.size, recipe.fit.steps, recipe.method.temperature
    ('vit_96x4_p4_conv', 32, 10, 0.1)
    """
    nearest("method", kind, METHODS)
    nearest("scale", scale, SCALES)
    if not data.startswith("folder:"):
        nearest("data set", data, (*DATA, "folder:PATH"))
    method = SETTINGS[kind]["gpu" if scale == "gpu" else "cpu"]
    images = replace(IMAGES[scale], name=data, count=IMAGES[scale].count if data == "objects" else None)
    loop = replace(LOOPS[scale], steps=CPU_STEPS[kind]) if scale == "cpu" else LOOPS[scale]
    recipe = Recipe(kind, scale, method, EncoderSettings(ENCODERS[scale]), images, loop)
    if has_small_images(data):
        size, encoders = SMALL_IMAGES
        method = with_views(method, **SMALL_PHOTOGRAPHS)
        recipe = sized(replace(recipe, encoder=EncoderSettings(encoders[scale]), method=method), size)
    elif data != "objects":
        recipe = replace(recipe, method=with_views(method, **PHOTOGRAPHS))
    return with_changes(recipe, changes)


def with_changes(recipe: Recipe, changes: Mapping[str, Any]) -> Recipe:
    """The recipe with settings changed by name; `image_size` sets the size of the images and of all views."""
    changes = dict(changes)
    if (size := changes.pop("image_size", None)) is not None:
        recipe = sized(recipe, read_value(str(size), int, "image_size"))
    try:
        return assign(recipe, changes, fixed=FIXED)
    except UnknownSetting as error:
        end = f".{error.name}"
        others = [
            kind for kind, at in SETTINGS.items() if any(f".{path}".endswith(end) for path in field_paths(at["cpu"]))
        ]
        if not others:
            raise
        raise ValueError(f"{error.name!r} is a setting of {', '.join(others)}; {recipe.kind} has none") from error


def sized(recipe: Recipe, size: int) -> Recipe:
    """The recipe for images of another size: whole views have that size, local crops half of it."""
    method = with_views(recipe.method, size=size)
    if hasattr(method, "crops"):
        local = replace(method.crops.local_crop, size=size // 2)
        method = replace(method, crops=replace(method.crops, local_crop=local))
    return replace(recipe, method=method, data=replace(recipe.data, size=size))


def with_views(settings: Any, **changes: Any) -> Any:
    """A method's settings with the same changes to every augmentation in them.

    >>> with_views(methods.DINOSettings(), hue=0.0).crops.local_crop.hue
    0.0
    """
    changed = {}
    for field in fields(settings):
        value = getattr(settings, field.name)
        if isinstance(value, Augmentation):
            changed[field.name] = replace(value, **changes)
        elif isinstance(value, MultiCropSettings):
            changed[field.name] = with_views(value, **changes)
    return replace(settings, **changed)


def has_small_images(data: str) -> bool:
    """Whether a data set's images are about 32 pixels wide; in a folder, the first images decide.

    Raises FileNotFoundError or ValueError if the folder holds no images.
    """
    if not data.startswith("folder:"):
        return data == "cifar10"
    path = Path(os.path.expanduser(data.removeprefix("folder:"))).absolute()
    names = [name for _, _, name in list_images(path).files[:4]]
    try:
        images, _, _ = decode_images(path, names, size=None)
    except ValueError:  # of several sizes: photographs
        return False
    return len(images) > 0 and images.shape[-1] <= 40


def build_method(recipe: Recipe, make: Callable[..., methods.Method] | None = None) -> methods.Method:
    """The untrained method of a recipe; its weights are drawn from the seed of the run.

    `make(encoder, settings)` makes another than that of the recipe's kind.

    >>> type(build_method(find_recipe("simclr", scale="smoke"))).__name__
    'SimCLR'
    """
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(recipe.fit.seed)
        options = asdict(recipe.encoder)
        encoder = build_encoder(options.pop("name"), recipe.data.size, **options)
        return (make or METHODS[recipe.kind])(encoder, recipe.method)
