"""Images in: the embedded renderer, data sets, augmentation and views. `load` is in `sslcourse.data.datasets`."""

from sslcourse.data.imageset import ImageSet

__all__ = ["ImageSet"]
