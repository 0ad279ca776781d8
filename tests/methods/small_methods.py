"""Every method, and every part of it that a switch brings in, at a size at which a step takes milliseconds."""

from dataclasses import fields, replace

import torch

from sslcourse.data.augment import Augmentation
from sslcourse.data.views import MultiCropSettings
from sslcourse.methods import (
    BYOL,
    DINO,
    IBOT,
    BYOLSettings,
    Combined,
    CombinedSettings,
    DINOSettings,
    Distillation,
    IBOTSettings,
    LoGo,
    LoGoSettings,
    Removal,
    SimCLR,
    SimCLRSettings,
)
from sslcourse.models import build_encoder
from sslcourse.models.convnet import ConvNet

GLOBAL, LOCAL = Augmentation(size=32, scale=(0.4, 1.0)), Augmentation(size=16, scale=(0.1, 0.4))
CROPS = MultiCropSettings(global_crop=GLOBAL, local_crop=LOCAL, local_crops=2)
HEAD = {"hidden_dim": 32, "out_dim": 16}


def distillation(norm="batch", **changes):
    """Small heads; every method's prototypes move from the first step, so that gradients can be looked at."""
    small = Distillation(hidden_dim=32, bottleneck_dim=16, prototypes=24, head_norm=norm, bottleneck_norm=norm)
    return replace(small, **{"freeze_prototypes": 0.0, **changes})


def vit(name="vit_64x2_p8"):
    return build_encoder(name, 32)


def vit_with_stem():
    return vit("vit_64x2_p8_conv")


def frozen_cnn():
    return build_encoder("test_resnet", 32, frozen_statistics=True)


def dino(norm, encoder=vit, crops=CROPS, **changes):
    return DINO(encoder(), DINOSettings(crops=crops, distillation=distillation(norm, **changes)))


def ibot(norm, changes=None, encoder=vit, **settings):
    return IBOT(encoder(), IBOTSettings(crops=CROPS, distillation=distillation(norm, **(changes or {})), **settings))


def byol(norm, encoder=vit, **settings):
    return BYOL(encoder(), BYOLSettings(**{**HEAD, "head_norm": norm, "augmentation": GLOBAL, **settings}))


def logo(norm, **settings):
    return LoGo(vit(), LoGoSettings(**{**HEAD, "crops": CROPS, "head_norm": norm, "output_norm": norm, **settings}))


def combined(norm, changes=None, encoder=vit, **settings):
    """`policy`, `keep_rate` and `removal_warmup` are those of the removal."""
    removal = {"policy": "low", "removal_warmup": 0.0}
    removal |= {field.name: settings.pop(field.name) for field in fields(Removal) if field.name in settings}
    small = {"crops": CROPS, "decoder_dim": 32, "decoder_depth": 1, "removal": Removal(**removal)}
    return Combined(
        encoder(), CombinedSettings(**{**small, "distillation": distillation(norm, **(changes or {})), **settings})
    )


def simclr(norm, **settings):
    return SimCLR(vit(), SimCLRSettings(**{**HEAD, "head_norm": norm, "augmentation": GLOBAL, **settings}))


CENTERING = {"targets": "centering"}
THREE_LOCAL = replace(CROPS, local_crops=3)
PIXELS = {"cls": False, "patch_loss": "off"}
VARIANTS = {
    "simclr": simclr,
    "simclr dcl": lambda norm: simclr(norm, decoupled=True),
    "simclr micro-batches": lambda norm: simclr(norm, micro_batch=4),
    "byol": byol,
    "byol micro-batches": lambda norm: byol(norm, micro_batch=4),
    "simsiam": lambda norm: byol(norm, momentum=0, output_norm=norm),
    "byol as simclr": lambda norm: byol(norm, momentum=0, predictor=False, stop_gradient=False, negatives=1.0),
    "byol with negatives": lambda norm: byol(norm, negatives=1.0, momentum=0.9),
    "dino": dino,
    "dino centering": lambda norm: dino(norm, targets="centering"),
    "dino without local crops": lambda norm: dino(norm, crops=replace(CROPS, local_crops=0)),
    "dino cnn of frozen statistics": lambda norm: dino(norm, encoder=frozen_cnn),
    "ibot": ibot,
    "ibot centering": lambda norm: ibot(norm, CENTERING, shared_head=False, mask_kind="random", mask_probability=0.7),
    "ibot removal": lambda norm: ibot(norm, removal=Removal("low", removal_warmup=0.0)),
    "ibot random removal": lambda norm: ibot(norm, mask_kind="random", removal=Removal("random", keep_rate=0.75)),
    "logo": logo,
    "logo removal": lambda norm: logo(norm, removal=Removal("high", keep_rate=0.25, removal_warmup=0.0)),
    "logo random removal": lambda norm: logo(norm, similarity="cosine", removal=Removal("random")),
    "logo three local crops": lambda norm: logo(norm, crops=THREE_LOCAL, local_weight=1.0),
    "logo repel": lambda norm: logo(norm, similarity="cosine", local="repel"),
    "logo attract": lambda norm: logo(norm, local="attract", crops=THREE_LOCAL),
    "logo none": lambda norm: logo(norm, local="none", similarity="cosine"),
    "combined": combined,
    "combined centering": lambda norm: combined(norm, CENTERING, policy="high", patch_loss="removed"),
    "combined random": lambda norm: combined(norm, policy="random", patch_loss="off", reconstruction="all"),
    "combined masked": lambda norm: combined(norm, patch_loss="masked", reconstruction="masked", shared_head=False),
    "combined without removal": lambda norm: combined(
        norm, policy="none", patch_loss="masked", mask_kind="block", reconstruction="all"
    ),
    "combined patches": lambda norm: combined(norm, cls=False, patch_loss="removed", reconstruction="off"),
    "combined mae": lambda norm: combined(norm, policy="random", keep_rate=0.25, reconstruction="removed", **PIXELS),
    "combined autoencoder": lambda norm: combined(norm, policy="none", reconstruction="all", **PIXELS),
}
CONVOLUTIONAL = {  # BatchNorm in the encoder: not for parity of processes
    "byol convnet": lambda norm: byol(norm, encoder=lambda: ConvNet(8, 3)),
    "dino convnet": lambda norm: dino(norm, encoder=lambda: ConvNet(8, 3)),
}


def make(name, seed=0, norm="batch"):
    """The variant `name`, its weights drawn from `seed`; the head's norm is `norm`."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return {**VARIANTS, **CONVOLUTIONAL}[name](norm)


def images(count=8, seed=0):
    return torch.randint(0, 256, (count, 3, 40, 40), dtype=torch.uint8, generator=torch.Generator().manual_seed(seed))


def draw(method, count=8, seed=1):
    return method.draw_views(images(count), torch.Generator().manual_seed(seed))


def trained(method):
    return {name: parameter for name, parameter in method.named_parameters() if parameter.requires_grad}


def train(method, steps=3, first=0, learning_rate=1e-2, each=None, optimizer=None):
    """Steps `first`.. of a run of 10, on views that depend on the step only; `each(method, loss, metrics)` before the
    update.
    """
    optimizer = optimizer or torch.optim.SGD(trained(method).values(), lr=learning_rate)
    for step in range(first, first + steps):
        method.begin_step(step, 10)
        loss, metrics = method(draw(method, seed=step))
        loss.backward()
        if each is not None:
            each(method, loss, metrics)
        optimizer.step()
        optimizer.zero_grad()
        method.end_step()
    return loss.detach()


def map_views(views, function):
    """`function` on every tensor of a method's views."""
    return function(views) if isinstance(views, torch.Tensor) else type(views)(*(function(each) for each in views))


def double(views):
    return map_views(views, lambda each: each.double() if each.is_floating_point() else each)
