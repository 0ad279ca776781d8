"""What a drawing is: named parts, named shape parameters, and a function from coordinates to painted layers."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import SimpleNamespace
from typing import NamedTuple

import torch
from torch import Tensor

# The roles a layer's colour can have. The five colours are drawn without looking at the class.
MAIN, SECOND, THIRD, LIGHT, DARK = range(5)


class Layer(NamedTuple):
    """One painted shape: the part it belongs to, its colour's role and its signed distance `B,N`."""

    part: str
    role: int
    distance: Tensor


@dataclass(frozen=True)
class Drawing:
    """A class of objects: `draw(x, y, p)` yields its layers back to front for shape parameters `p`.

    `x`, `y` are `B,N` in the drawing's own frame, y upwards, within about [-1, 1]; each attribute of `p` is `B,1`.
    """

    name: str
    parts: tuple[str, ...]
    parameters: dict[str, tuple[float, float]]
    draw: Callable[[Tensor, Tensor, SimpleNamespace], Iterator[Layer]]

    def shape(self, numbers: Tensor, articulation: float = 1.0) -> SimpleNamespace:
        """Shape parameters from uniform `numbers` (`B,` at least as many as parameters), as attributes of `B,1`."""
        shape = SimpleNamespace()
        for column, (name, (low, high)) in enumerate(self.parameters.items()):
            share = (numbers[:, column : column + 1] - 0.5) * articulation + 0.5
            setattr(shape, name, low + (high - low) * share)
        return shape


def drawing(parts: tuple[str, ...], **parameters: tuple[float, float]) -> Callable[[Callable], Drawing]:
    """Make the function below a `Drawing` of its own name, with these parts and ranges of shape parameters."""
    return lambda draw: Drawing(draw.__name__, parts, parameters, draw)


def choose(number: Tensor, low: int, high: int) -> Tensor:
    """A whole number in [low, high] from a parameter in [0, 1), as a float tensor."""
    return torch.floor(number * (high - low + 1)).clamp_(max=high - low) + low
