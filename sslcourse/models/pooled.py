"""Any convolutional network of timm as an encoder of whole images."""

import torch
from torch import Tensor, nn


class PooledEncoder(nn.Module):
    """Images float `B,3,H,W` in [0, 1] -> features `B,D`, the pooled output of a timm model that has no classifier.

    It has no patch tokens, only the map that it pools (`feature_map`): it works for methods that learn from the
    image's representation alone (SimCLR, BYOL, DINO, LoGo without removal). Images of other sizes than `image_size` are
    taken where the network takes them. The encoder normalises its input itself; `mean` and `std` are one number a
    channel. Attributes: `dim` and `name`. Raises ValueError if the model fails on an image of `image_size`, or returns
    anything but vectors.

    >>> import timm
    >>> encoder = PooledEncoder(timm.create_model("resnet18", num_classes=0), "resnet18", image_size=64)
    >>> encoder.dim, tuple(encoder.features(torch.rand(2, 3, 64, 64)).shape)
    (512, (2, 512))
    """

    def __init__(
        self,
        model: nn.Module,
        name: str,
        image_size: int,
        *,
        mean: tuple[float, ...] = (0.5,) * 3,
        std: tuple[float, ...] = (0.25,) * 3,
    ) -> None:
        super().__init__()
        self.model, self.name = model, name
        self.register_buffer("mean", torch.tensor(mean).view(1, -1, 1, 1))
        self.register_buffer("std", torch.tensor(std).view(1, -1, 1, 1))
        self.dim = self._probe(image_size)

    def features(self, images: Tensor) -> Tensor:
        """Images `B,3,H,W` in [0, 1] -> features `B,D`: what calling the module gives."""
        return self(images)

    def forward(self, images: Tensor) -> Tensor:
        """Images `B,3,H,W` in [0, 1] -> features `B,D`."""
        return self.model(self._normalised(images))

    def feature_map(self, images: Tensor) -> Tensor:
        """Images `B,3,H,W` in [0, 1] -> what the network pools, by its `forward_features`: `B,C,rows,columns`.

        C may differ from `dim`, where layers follow the pooling. Raises ValueError if the network has no such map.
        """
        found = self.model.forward_features(self._normalised(images))
        width = self.model.num_features
        if found.ndim == 4 and found.shape[1] != width:  # timm's channels-last networks: B,rows,columns,C
            found = found.permute(0, 3, 1, 2)
        if found.ndim != 4 or found.shape[1] != width:
            raise ValueError(
                f"{self.name!r} gives no map of {width} channels before its pooling; got {tuple(found.shape)}"
            )
        return found

    def _normalised(self, images: Tensor) -> Tensor:
        if images.ndim != 4 or images.shape[1] != self.mean.shape[1] or not images.is_floating_point():
            raise ValueError(f"images must be float B,3,H,W in [0, 1]; got {images.dtype} {tuple(images.shape)}")
        return (images - self.mean) / self.std

    def _probe(self, image_size: int) -> int:
        """The width of the features of one image, in eval mode, so that no statistics move."""
        self.eval()
        kind = f"{self.name!r} (a {type(self.model).__name__})"
        try:
            with torch.no_grad():
                features = self(self.mean.expand(1, -1, image_size, image_size))
        except Exception as error:
            raise ValueError(f"{kind} does not take images of {image_size} pixels: {error}") from error
        finally:
            self.train()
        if not isinstance(features, Tensor) or features.ndim != 2:
            raise ValueError(f"{kind} does not turn an image into one vector; choose a network such as resnet18")
        return features.shape[1]
