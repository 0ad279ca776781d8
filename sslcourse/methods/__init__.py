"""The methods of the course: modules with `draw_views(images, generator)` and `forward(views) -> (loss, metrics)`."""

from sslcourse.methods.simclr import SimCLR, SimCLRSettings

__all__ = ["SimCLR", "SimCLRSettings"]
