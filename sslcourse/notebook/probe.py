"""Looking at a network while it trains: held-out pictures, always the same views of them, a handful of numbers."""

import torch
from torch import Tensor, nn

from sslcourse.data.augment import Augmentation
from sslcourse.data.views import two_views
from sslcourse.evaluation.collapse import channel_std, contrastive_accuracy, effective_rank, pair_cosines
from sslcourse.evaluation.features import evaluating
from sslcourse.losses.contrastive import alignment, uniformity


class Probe:
    """The same two views of the same held-out pictures, whenever a method with an `encoder` and a head is measured.

    `images` uint8 `P,3,H,W`; the views are drawn once, with `augmentation` and `seed`.
    """

    def __init__(self, images: Tensor, augmentation: Augmentation, seed: int = 0):
        generator = torch.Generator().manual_seed(10_000 + seed)
        self.views = two_views(images.cpu(), augmentation, generator)  # 2,P,3,h,w

    def embed(self, method: nn.Module) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Features h1, h2 `P,D` of the encoder and embeddings z1, z2 `P,d` of its head, as `embed` gives them."""
        return embed(method, self.views)

    def measure(self, method: nn.Module) -> dict[str, float]:
        """What the probe shows. `probe_loss` is the method's own, where it is one of z1, z2 and the temperature."""
        h1, _, z1, z2 = self.embed(method)
        values = {
            "probe_loss": method.loss(z1, z2, method.settings.temperature),
            **pair_meters(h1, z1, z2),
            "alignment": alignment(z1, z2),
            "uniformity": uniformity(torch.cat([z1, z2])),
        }
        return {name: float(value) for name, value in values.items()}


def pair_meters(h1: Tensor, z1: Tensor, z2: Tensor) -> dict[str, Tensor]:
    """The effective rank of the features h1, and how the embeddings of two views lie to each other."""
    positive, negative = pair_cosines(z1, z2)
    return {
        "contrastive_accuracy": contrastive_accuracy(z1, z2),
        "positive_cosine": positive,
        "negative_cosine": negative,
        "channel_std": channel_std(z1),
        "effective_rank": effective_rank(h1),
    }


def embed(method: nn.Module, views: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """h1, h2, z1, z2 (behind the `projector` or `head`) of two views `2,P,3,h,w`, in float32 on the CPU."""
    device = next(method.parameters()).device
    with evaluating(method):
        features = method.encoder.features(views.flatten(0, 1).to(device)).float()  # 2P,D
        head = method.projector if hasattr(method, "projector") else method.head
        embeddings = head(features).float()  # 2P,d
    return (*features.cpu().chunk(2), *embeddings.cpu().chunk(2))
