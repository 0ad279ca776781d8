"""What Lab 4 measures of a network: its targets, whether like patches look alike, what a probe of places draws."""

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sslcourse.data.imageset import ImageSet
from sslcourse.data.views import MultiCropSettings, multi_crop
from sslcourse.evaluation.features import evaluating
from sslcourse.evaluation.linear_rates import fit_rates
from sslcourse.evaluation.patches import extract_patches
from sslcourse.evaluation.segmentation import boundary_f, class_parts, patch_classes
from sslcourse.losses.distillation import entropy, view_cross_entropy
from sslcourse.methods.meters import target_meters
from sslcourse.models import ConvNet
from sslcourse.training.runtime import pick_device

Draw = Callable[[Tensor], Tensor]  # images float B,3,H,W -> logits of the classes B,C,H,W
RATE, EPOCHS = 0.3, 30


class TargetProbe:
    """The same two global crops of the same held-out pictures, whenever a network is measured."""

    def __init__(self, images: Tensor, crops: MultiCropSettings, seed: int = 0):
        generator = torch.Generator().manual_seed(10_000 + seed)
        self.views = multi_crop(images.cpu(), crops, generator).global_views  # G,P,3,h,w

    def logits(self, method: Any) -> tuple[Tensor, Tensor]:
        """Logits of the teacher and of the student (temperature in them), `G,P,K` each."""
        shape, device = self.views.shape[:2], next(method.parameters()).device
        with evaluating(method):
            crops = self.views.flatten(0, 1).to(device)
            teacher = method.teacher_head(method.teacher_encoder.features(crops)).float()
            student = method.to_logits(method.encoder.features(crops))
        return teacher.unflatten(0, shape), student.unflatten(0, shape)

    def measure(self, method: Any) -> dict[str, float]:
        """How certain the targets are, how many prototypes they use, and how far the student is from them."""
        teacher, student = self.logits(method)
        with evaluating(method):
            targets = method.make_targets(teacher.flatten(0, 1)).view_as(teacher)
        found = target_meters(targets)
        found["divergence"] = view_cross_entropy(student, targets, 1.0) - entropy(targets)
        return {name: float(value) for name, value in found.items()}


class PartProbe:
    """Pictures in two halves, drawn with seed 0, and which part of an object each of their patches shows.

    `chance` is how often a patch on an object and any patch of the other half show the same part.
    """

    def __init__(self, images: ImageSet, patch_size: int):
        order = torch.randperm(len(images), generator=torch.Generator().manual_seed(0)).to(images.images.device)
        self.images = images.subset(order)
        maps = class_parts(self.images).cpu()
        grid = maps.shape[1] // patch_size, maps.shape[2] // patch_size
        labels = patch_classes(maps, grid, int(maps.max()) + 1)  # P,N
        self.half = len(images) // 2
        self.known, self.asked = (part.flatten() for part in (labels[: self.half], labels[self.half :]))
        self.on = self.asked > 0
        shares = [part.bincount(minlength=int(labels.max()) + 1).double() for part in (self.known, self.asked[self.on])]
        self.chance = ((shares[0] / shares[0].sum()) @ (shares[1] / shares[1].sum())).item()

    def match(self, encoder: nn.Module) -> float:
        """How often a patch on an object and the nearest one in the other half show the same part."""
        tokens = extract_patches(encoder, self.images)  # P,N,D
        found = nearest_patches(tokens[self.half :].flatten(0, 1), tokens[: self.half].flatten(0, 1))
        return (self.known[found] == self.asked)[self.on].float().mean().item()


def nearest_patches(asked: Tensor, known: Tensor) -> Tensor:
    """For each row of `asked` `Q,D` the number of the row of `known` `R,D` with the highest cosine around the mean."""
    mean = known.mean(0)
    known = F.normalize(known - mean, dim=1)
    return torch.cat([(F.normalize(part - mean, dim=1) @ known.T).argmax(1) for part in asked.split(1024)])


def class_maps(images: ImageSet) -> Tensor:
    """Which object stands at each pixel, int64 `N,H,W`: 0 is background, classes are counted from 1.

    >>> from sslcourse.data.objects import load_objects
    >>> maps = class_maps(load_objects("test", count=20, size=32, cache=False))
    >>> maps.shape, 0 < maps.max().item() <= 14
    (torch.Size([20, 32, 32]), True)
    """
    instances = images.extras["instances"].long()
    owner = images.extras["labels"].gather(1, (instances - 1).clamp(min=0).flatten(1)).view_as(instances)
    return torch.where(instances > 0, owner + 1, 0)


def probe_places(encoder: Any, images: ImageSet, maps: Tensor, classes: int) -> Draw:
    """A linear classifier of frozen patch tokens, learned on few pictures, enlarged bilinearly to pixels."""
    tokens = extract_patches(encoder, images)
    side = round(tokens.shape[1] ** 0.5)
    rows = tokens.flatten(0, 1)
    mean, scale = rows.mean(0), rows.std(0).clamp_min(1e-6)
    labels = patch_classes(maps.cpu(), (side, side), classes).flatten()
    generator = torch.Generator().manual_seed(0)
    weights, biases = fit_rates(
        (rows - mean) / scale, labels, classes, (RATE,), epochs=EPOCHS, batch_size=256, generator=generator
    )

    def draw(batch: Tensor) -> Tensor:
        found = ((extract_patches(encoder, batch) - mean) / scale) @ weights[0].T + biases[0]
        found = found.mT.unflatten(2, (side, side))
        return F.interpolate(found, size=batch.shape[2:], mode="bilinear", align_corners=False)

    return draw


def train_network(halvings: int, images: ImageSet, maps: Tensor, classes: int, width: int, epochs: int) -> Draw:
    """A convolutional network and a 1x1 layer on its last map, trained for segmentation from its first weights on."""
    device = pick_device()
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        encoder = ConvNet(width, halvings=halvings)
        network = nn.ModuleList([encoder, nn.Conv2d(encoder.dim, classes, 1)]).to(device)
    pixels, maps = images.batch(slice(None)).to(device), maps.to(device)
    generator = torch.Generator().manual_seed(0)
    optimizer = torch.optim.AdamW(network.parameters(), 2e-3, weight_decay=0.01)

    def logits(batch: Tensor) -> Tensor:
        found = network[1](encoder.feature_map(batch))
        return F.interpolate(found, size=batch.shape[2:], mode="bilinear", align_corners=False)

    for _ in range(epochs):
        for rows in torch.randperm(len(pixels), generator=generator).to(device).split(16):
            flip = torch.rand((), generator=generator) < 0.5
            batch, truth = (x[rows].flip(-1) if flip else x[rows] for x in (pixels, maps))
            optimizer.zero_grad()
            F.cross_entropy(logits(batch), truth).backward()
            optimizer.step()
    network.eval()

    @torch.no_grad()
    def draw(batch: Tensor) -> Tensor:
        return logits(batch.to(device)).cpu()

    return draw


def drawn(draw: Draw, images: ImageSet) -> Tensor:
    """The maps int64 `N,H,W` that a classifier draws of pictures."""
    parts = [draw(images.batch(slice(at, at + 64)).cpu()).argmax(1) for at in range(0, len(images), 64)]
    return torch.cat(parts)


def outline(predicted: Tensor, true: Tensor) -> float:
    """The F score of the boundary pixels of objects, whatever their class."""
    return boundary_f((predicted > 0).long(), (true > 0).long())
