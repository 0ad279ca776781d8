"""The figures of Lab 5 that explain an idea: a step with removal, and a picture as the network gets it."""

from collections.abc import Callable

import torch
from matplotlib.figure import Figure
from torch import Tensor

from sslcourse.figures import BLUE, GREEN, ORANGE, with_alt
from sslcourse.figures.diagram import Diagram
from sslcourse.figures.style import GREY
from sslcourse.losses.reconstruction import patchify, unpatchify


def step(image: Tensor, attention: Tensor, left: Tensor) -> Figure:
    """The diagram of a training step with removal: an image `3,H,W`, its attention as heat, and what is left of it."""
    sheet = Diagram(94, low=-6, high=32, fontsize=10.5, pad=0.6)
    sheet.picture(image, 6.5, 13.5, 10, None, "global crop")
    sheet.arrow(12, 15.5, 17.3, 23, ORANGE)
    sheet.box(24, 23, "teacher", ORANGE)
    sheet.text(24, 28.3, "sees everything, forward only", fontsize=9.5, style="italic", color=ORANGE)
    sheet.arrow(30.5, 23, 37, 23, ORANGE)
    sheet.picture(attention, 42.5, 23, 9.5, ORANGE, "attention")
    sheet.arrow(12, 11.5, 37, 3.5, BLUE)
    sheet.arrow(42.5, 15.3, 42.5, 9.3, GREY, "--")
    sheet.text(47.3, 12.3, "chooses", fontsize=9.5, color=GREY)
    sheet.picture(left, 42.5, 3.5, 9.5, BLUE, "what stays")
    sheet.arrow(48, 3.5, 53.5, 3.5, BLUE)
    sheet.box(60, 3.5, "student", BLUE)
    sheet.text(60, -1.8, "forward and backward", fontsize=9.5, style="italic", color=BLUE)
    sheet.arrow(66.5, 3.5, 77.5, 11, BLUE)
    sheet.arrow(48, 23, 77.5, 15.5, ORANGE)
    sheet.box(84, 13.2, "loss", GREEN)
    return with_alt(
        sheet.figure,
        "A global crop goes whole to the teacher, which only goes forward. The attention of its class token chooses "
        "the patches that stay. The student gets these alone, forward and backward. The loss compares what the two "
        "say of the crop.",
    )


def packed(images: Tensor, indices: Tensor, gather: Callable, patch: int) -> Tensor:
    """The kept patches `B,K` of images `B,3,H,W` side by side, as wide as the image, on grey: what is left of it."""
    tokens = torch.as_tensor(gather(patchify(images, patch), indices))  # B,K,3p^2
    missing = (images.shape[2] * images.shape[3]) // patch**2 - tokens.shape[1]
    grey = torch.full((len(images), missing, tokens.shape[2]), 0.5)
    return unpatchify(torch.cat([tokens.cpu(), grey], 1), (images.shape[2] // patch, images.shape[3] // patch), patch)
