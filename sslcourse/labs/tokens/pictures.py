"""The figures of Lab 0: tokens as colours, clouds with their spectra, a table as colours, numbers against kNN."""

from collections.abc import Mapping, Sequence

import torch.nn.functional as F
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from torch import Tensor

from sslcourse.evaluation.collapse import spectrum
from sslcourse.figures import BLUE, ORANGE, bare, heat, new_figure, picture_rows, pixels, with_alt
from sslcourse.figures.style import COLOUR_MAP, MARKERS
from sslcourse.labs.tokens.measurements import principal


def as_colours(tokens: Tensor, grid: tuple[int, int], side: int) -> Tensor:
    """Patch tokens `B,N,D` as pictures `B,3,side,side`: their first three principal components over all patches."""
    three = principal(tokens.flatten(0, 1), 3)
    low, high = three.quantile(0.02, 0), three.quantile(0.98, 0)
    shades = ((three - low) / (high - low)).clamp(0, 1).view(len(tokens), *grid, 3).permute(0, 3, 1, 2)
    return F.interpolate(shades, size=(side, side), mode="nearest")


def patch_and_attention(image: Tensor, row: int, column: int, weights: Tensor, alike: Tensor, title: str) -> Figure:
    """A picture `3,H,W` with one patch framed, what that patch attends to, and how like it all are, `rows,columns`."""
    grid = (weights.shape[0], weights.shape[1])
    step = image.shape[1] / grid[0]
    shown = image[None].float() / 255
    panels = {
        "the patch": image,
        "it attends to": heat(shown, weights.reshape(1, -1), grid)[0],
        "its token is like": heat(shown, alike.reshape(1, -1), grid)[0],
    }
    with new_figure(8.4, 3.1) as figure:
        for axis, (name, picture) in zip(figure.subplots(1, 3), panels.items()):
            axis.imshow(pixels(picture), interpolation="nearest")
            bare(axis)
            axis.set_title(name, fontsize=10)
            for colour, line in (("white", 3.5), (ORANGE, 2.0)):
                place = column * step - 0.5, row * step - 0.5
                axis.add_patch(Rectangle(place, step, step, fill=False, edgecolor=colour, linewidth=line))
        figure.suptitle(title, fontsize=10)
    top = [divmod(int(at), grid[1]) for at in weights.flatten().topk(3).indices]
    most = ", ".join(f"row {r} column {c}" for r, c in top)
    return with_alt(figure, f"{title}: the patch in row {row}, column {column} attends most to the patches in {most}.")


def clouds_and_spectra(clouds: Mapping[str, Tensor]) -> Figure:
    """Two features of each cloud `N,D` against each other, all on the same scale, over the cloud's own spectrum."""
    reach = 1.05 * max(cloud[:, :2].abs().max().item() for cloud in clouds.values())
    with new_figure(9.6, 4.6) as figure:
        axes = figure.subplots(2, len(clouds))
        for (upper, lower), (letter, cloud) in zip(axes.T, clouds.items()):
            upper.scatter(*cloud[:, :2].T.numpy(), s=4, color=BLUE, alpha=0.5, linewidths=0)
            upper.set(title=f"cloud {letter}", xlim=(-reach, reach), ylim=(-reach, reach), xlabel="feature 0")
            values = spectrum(cloud - cloud.mean(0))
            values = values[: len(values) * 2 // 3]  # the smallest are 0 after a LayerNorm, whatever the features
            lower.plot(range(1, len(values) + 1), (values / values[0]).clamp_min(1e-6).numpy(), color=BLUE)
            lower.set(yscale="log", ylim=(1e-6, 2), xlabel="singular value, centred")
        axes[0, 0].set_ylabel("feature 1")
        axes[1, 0].set_ylabel("share of the largest")
    words = []
    for letter, cloud in clouds.items():
        values = spectrum(cloud - cloud.mean(0))
        shares = ", ".join(f"{values[at] / values[0]:.2g}" for at in (1, 2, 3, 5, 10, 30) if at < len(values))
        words.append(f"{letter}: middle {tuple(round(x, 1) for x in cloud[:, :2].mean(0).tolist())}, ")
        words[-1] += (
            f"spread {cloud[:, :2].std():.2g}, singular values 2, 3, 4, 6, 11 and 31 as shares of the first {shares}"
        )
    return with_alt(figure, f"Four clouds of features and their spectra. {'; '.join(words)}.")


def matrix(values: Tensor, names: Sequence[str], title: str) -> Figure:
    """A square table of numbers from 0 to 1 `M,M` as colours, each number written in its cell."""
    with new_figure(6.6, 5.4) as figure:
        axis = figure.subplots()
        axis.imshow(values.numpy(), cmap=COLOUR_MAP, vmin=0, vmax=1)
        axis.grid(False)
        for row, line in enumerate(values.tolist()):
            for column, value in enumerate(line):
                color = "black" if value > 0.55 else "white"
                axis.text(column, row, f"{value:.2f}", ha="center", va="center", fontsize=8, color=color)
        axis.set_xticks(range(len(names)), names, rotation=40, ha="right")
        axis.set_yticks(range(len(names)), names)
        axis.set_title(title)
    pairs = [(values[i, j].item(), names[i], names[j]) for i in range(len(names)) for j in range(i)]
    words = ", ".join(f"{one} and {two} {value:.2f}" for value, one, two in sorted(pairs, reverse=True))
    return with_alt(figure, f"{title} of {len(names)} networks: {words}.")


def meters_against(
    accuracy: Sequence[float], meters: Mapping[str, Sequence[float]], names: Sequence[str], colours: Sequence[str]
) -> Figure:
    """kNN accuracy against each of several numbers: one panel a number, one named point a network."""
    with new_figure(3.2 * len(meters), 3.4) as figure:
        axes = figure.subplots(1, len(meters), squeeze=False, sharey=True)[0]
        for axis, (meter, values) in zip(axes, meters.items()):
            for at, (x, y) in enumerate(zip(values, accuracy)):
                look = {"color": colours[at], "marker": MARKERS[at % len(MARKERS)], "s": 36, "label": names[at]}
                axis.scatter(x, y, **look)
            axis.set_xlabel(meter)
            axis.margins(0.15)
        axes[0].set_ylabel("kNN accuracy")
        handles, labels = axes[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=5, fontsize=8)
    words = [
        f"{name}: kNN {y:.2f}, " + ", ".join(f"{meter} {values[at]:.2f}" for meter, values in meters.items())
        for at, (name, y) in enumerate(zip(names, accuracy))
    ]
    return with_alt(figure, f"kNN accuracy against numbers that need no labels. {'; '.join(words)}.")


def segmentations(images: Tensor, found: Mapping[str, Tensor], count: int) -> Figure:
    """Pictures uint8 `P,3,H,W` and below them, for each name, the patches bool `P,N` taken for the object."""
    shown = images[:count].float().cpu() / 255
    rows = {"picture": shown}
    for name, patches in found.items():
        side = round(patches.shape[1] ** 0.5)
        here = patches[:count].float().view(-1, 1, side, side)
        rows[name] = shown * (0.15 + 0.85 * F.interpolate(here, size=shown.shape[2:], mode="nearest"))
    return picture_rows(rows)
