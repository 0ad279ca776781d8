"""Looking at a network while it trains: held-out images, always the same views, a handful of numbers."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from sslcourse.data.augment import Augmentation
from sslcourse.data.views import two_views
from sslcourse.evaluation.collapse import channel_std, contrastive_accuracy, effective_rank, pair_cosines
from sslcourse.losses.contrastive import alignment, uniformity

METERS = (
    "loss",
    "contrastive_accuracy",
    "positive_cosine",
    "negative_cosine",
    "channel_std",
    "effective_rank",
    "alignment",
    "uniformity",
)


class Probe:
    """The same two views of the same held-out images, whenever a method is measured.

    `images` uint8 `P,3,H,W`; the views are drawn once, with `augmentation` and `seed`.
    """

    def __init__(self, images: Tensor, augmentation: Augmentation, seed: int = 0):
        generator = torch.Generator().manual_seed(10_000 + seed)
        self.views = two_views(images, augmentation, generator)  # 2,P,3,h,w

    @torch.no_grad()
    def embed(self, method: nn.Module) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Features h1, h2 `P,D` of the encoder and embeddings z1, z2 `P,d` of the head, in evaluation mode."""
        was_training = method.training
        device = next(method.parameters()).device
        method.eval()
        features = method.encoder.features(self.views.flatten(0, 1).to(device)).float()  # 2P,D
        embeddings = method.head(features).float()  # 2P,d
        method.train(was_training)
        return (*features.cpu().chunk(2), *embeddings.cpu().chunk(2))

    def measure(self, method: nn.Module) -> dict[str, float]:
        """One number for each of `METERS`: the method's own loss on the probe, the effective rank of the features h, and
        the rest of the embeddings z.
        """
        h1, _, z1, z2 = self.embed(method)
        positive, negative = pair_cosines(z1, z2)
        values = {
            "loss": method.loss(z1, z2, method.settings.temperature),
            "contrastive_accuracy": contrastive_accuracy(z1, z2),
            "positive_cosine": positive,
            "negative_cosine": negative,
            "channel_std": channel_std(z1),
            "effective_rank": effective_rank(h1),
            "alignment": alignment(z1, z2),
            "uniformity": uniformity(torch.cat([z1, z2])),
        }
        return {name: float(values[name]) for name in METERS}
