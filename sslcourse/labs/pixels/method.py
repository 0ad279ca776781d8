"""A masked autoencoder made of the reader's own functions: the order, the targets, the loss."""

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor

from sslcourse.exercises import find
from sslcourse.losses.reconstruction import patchify
from sslcourse.methods.combined import Combined
from sslcourse.methods.combined_settings import CombinedSettings
from sslcourse.notebook.stopping import checked_loss
from sslcourse.pruning.tokens import removed_indices


class Own(NamedTuple):
    """The functions that `HandmadePainter` is made of, as the lab's exercises ask for them."""

    restore_order: Callable
    normalised_targets: Callable
    removed_only: Callable


def course_functions() -> Own:
    """The references of the three exercises."""
    return Own(*(find(f"pixels.{name}").reference for name in ("restore", "targets", "loss")))


class HandmadePainter(Combined):
    """The course's encoder and decoder, trained by functions of the reader's; it reconstructs what is removed."""

    scheduled: Any = None  # nobody knows what the functions do in Python

    encoder: Any
    decoder: Any

    def __init__(self, encoder: Any, settings: CombinedSettings, own: Own):
        super().__init__(encoder, settings)
        self.own = own._replace(removed_only=checked_loss(own.removed_only))
        self.decoder.place = self.place  # the decoder asks it where tokens belong

    def place(self, embedded: Tensor, keep_indices: Tensor) -> Tensor:
        """Embedded patches `B,K,dim` at their places, mask tokens elsewhere, `B,N,dim`, as the reader puts them."""
        order = torch.cat([keep_indices, removed_indices(keep_indices, self.num_patches)], dim=1)
        return self.own.restore_order(embedded, self.decoder.mask_token.to(embedded.dtype), order)

    def pixel_loss(self, encoded: Any) -> Tensor:
        """The reader's loss of the decoded patches, to the reader's targets."""
        target = self.own.normalised_targets(patchify(encoded.crops, self.encoder.patch_size))
        return self.own.removed_only(encoded.decoded.pixels, target, encoded.keep_indices)
