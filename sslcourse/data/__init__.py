"""Images in: the embedded renderer, data sets (`load`), augmentation and views."""

from sslcourse.data.datasets import load
from sslcourse.data.imageset import ImageSet
