"""Make docs/objects.png: the contact sheet of the embedded data.

    python docs/objects.py [--size 112] [--out docs/objects.png]

One column a class; a picture on each family of backgrounds, the mask of the third picture and its part map. The
pictures are the first of the train split that fit, not picked by eye.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import torch

from sslcourse.data.objects import CLASSES, DIFFICULTIES, FAMILIES, PARTS, Variant, render
from sslcourse.data.objects.factors import draw_factors

# Okabe and Ito's colours, told apart by every kind of colour vision; grey is background.
COLORS = ["#e8e8e8", "#0072b2", "#e69f00", "#009e73", "#d55e00", "#56b4e9", "#cc79a7", "#f0e442", "#444444"]


def first_of_each(difficulty: str) -> torch.Tensor:
    """int64 `families,classes`: the first index with that family and class."""
    factors = draw_factors(torch.arange(2000), "train", 0, DIFFICULTIES[difficulty], Variant())
    taken = set()
    rows = torch.zeros(len(FAMILIES), len(CLASSES), dtype=torch.int64)
    for family in range(len(FAMILIES)):
        styles = factors["style"][factors["background"] == family].unique().tolist()
        for label in range(len(CLASSES)):
            wanted = styles[label % len(styles)]  # go through the styles of the family, so that all are seen
            fits = (factors["label"] == label) & (factors["style"] == wanted)
            rows[family, label] = next(i for i in fits.nonzero()[:, 0].tolist() if i not in taken)
            taken.add(rows[family, label].item())
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=112)
    parser.add_argument("--difficulty", default="default")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "objects.png")
    arguments = parser.parse_args()

    rows = first_of_each(arguments.difficulty)
    scene = render(rows.flatten(), size=arguments.size, difficulty=arguments.difficulty)
    shape = (*rows.shape, arguments.size, arguments.size)
    images = scene.images.permute(0, 2, 3, 1).view(*shape, 3).numpy()
    mask, parts = scene.mask.view(shape).numpy(), scene.parts.view(shape).numpy()
    palette = np.array([[int(c[i : i + 2], 16) for i in (1, 3, 5)] for c in COLORS], dtype=np.uint8)

    names = ["regular", "natural", "clutter", "mask", "parts"]
    last = len(FAMILIES) - 1
    figure, axes = plt.subplots(
        len(names) + 1, len(CLASSES), figsize=(len(CLASSES) * 1.02 + 0.3, 6.25), height_ratios=[1] * 5 + [1.05]
    )
    for column, name in enumerate(CLASSES):
        pictures = [*images[:, column], mask[last, column], palette[parts[last, column]]]
        for row, picture in enumerate(pictures):
            axes[row, column].imshow(picture, cmap="gray", interpolation="nearest")
        axes[0, column].set_title(name, fontsize=9)
        axes[-1, column].set_xlim(0, 1)
        axes[-1, column].set_ylim(0, 1)
        for number, part in enumerate(PARTS[name]):
            height = 0.94 - 0.125 * number
            axes[-1, column].scatter(0.05, height, color=COLORS[number + 1], s=14, marker="s")
            axes[-1, column].text(0.13, height, part, fontsize=6, va="center")
    for axis in axes.flat:
        axis.set_xticks([])
        axis.set_yticks([])
        axis.set_frame_on(False)
    for row, name in enumerate(names):
        axes[row, 0].set_ylabel(name, fontsize=9)
    figure.subplots_adjust(left=0.025, right=0.998, top=0.96, bottom=0.005, wspace=0.04, hspace=0.04)
    figure.savefig(arguments.out, dpi=110)
    print(f"wrote {arguments.out}")


if __name__ == "__main__":
    main()
