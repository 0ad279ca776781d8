"""The loss of Lab 1's puzzle. Its mistake is to be found by its meters: reading on spoils it."""

from torch import Tensor

from sslcourse.losses.contrastive import nt_xent


def loss_with_a_mistake(z1: Tensor, z2: Tensor, temperature: float) -> Tensor:
    """Looks like NT-Xent."""
    return nt_xent(z1, z2, 1 / temperature)
