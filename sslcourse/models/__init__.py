"""Encoders and heads. Every encoder offers `.features(images) -> B,D` and `.dim`; images are float in [0, 1]."""

from sslcourse.models.convnet import ConvNet
from sslcourse.models.encoder import TokenEncoder, Tokens, build_encoder
from sslcourse.models.heads import ProjectionHead

__all__ = ["ConvNet", "ProjectionHead", "TokenEncoder", "Tokens", "build_encoder"]
