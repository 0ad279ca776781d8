"""Lab 6, before anything is trained: order, targets, and how good a painting is as a picture."""

from collections.abc import Callable

import torch
from torch import Tensor

from sslcourse.evaluation.reconstruction import random_removal, reconstruction_table
from sslcourse.figures import picture_rows, plot_bars, show
from sslcourse.labs.pixels import measurements, pictures
from sslcourse.labs.pixels.session import PATCH, PixelsSession
from sslcourse.losses.reconstruction import patchify, unpatchify
from sslcourse.methods.patches import hide_patches
from sslcourse.notebook.card import show_card
from sslcourse.notebook.checks import mine_or_reference
from sslcourse.notebook.findings import bracket, direction
from sslcourse.notebook.stopping import in_a_card
from sslcourse.notebook.table import show_numbers
from sslcourse.pruning.tokens import removed_mask


class Looking(PixelsSession):
    """What the cells call that train nothing."""

    def some(self, count: int = 8) -> Tensor:
        """The pictures that the stages show, float `B,3,H,W`, on the CPU."""
        chosen, _ = self.some_pictures(1, count)
        return self.pictures.batch(torch.tensor(chosen[:count])).cpu()

    def orders_of(self, count: int, patches: int) -> Tensor:
        """An order of the places of each of `count` pictures."""
        return torch.rand(count, patches, generator=self.generator()).argsort(1)

    @in_a_card
    def show_painting(self) -> None:
        """The diagram of a masked autoencoder, with a picture of the set."""
        image = self.some(1)
        grid = image.shape[2] // PATCH, image.shape[3] // PATCH
        kept = self.orders_of(1, grid[0] * grid[1])[:, : grid[0] * grid[1] // 2]
        hidden = hide_patches(image, removed_mask(kept, grid[0] * grid[1]), PATCH)
        show(pictures.autoencoder(image[0], hidden[0], grid))

    @in_a_card
    def orders(self, restore_order: Callable, force: bool = False) -> None:
        """Stage 1: patches shuffled, half of them thrown away, and the rest put back; and what one slip does."""
        restore = mine_or_reference("pixels.restore", restore_order, force)
        images = self.some()
        patches = patchify(images, PATCH)  # B,N,P
        order = self.orders_of(len(images), patches.shape[1])
        kept = order.shape[1] // 2
        shuffled = patches.gather(1, order[:, :, None].expand_as(patches))
        grey = torch.full((patches.shape[2],), 0.5)
        grid = images.shape[2] // PATCH, images.shape[3] // PATCH
        rows = {"picture": images, "as they come": unpatchify(shuffled, grid, PATCH)}
        rows["restored"] = unpatchify(restore(shuffled[:, :kept], grey, order), grid, PATCH)
        rows["by the order itself"] = unpatchify(restore(shuffled[:, :kept], grey, order.argsort(1)), grid, PATCH)
        show(picture_rows(rows))
        wrong = order.gather(1, order)  # where a second shuffling puts them
        right = (wrong == torch.arange(order.shape[1])).float().sum(1).mean().item()
        text = f"shuffled twice, {right:.1f} of {order.shape[1]} patches are in their place (mean of the pictures)"
        self.found("pixels.order", text, bracket(right / order.shape[1], 0.125, 0.875))

    @in_a_card
    def targets(self, normalised_targets: Callable, force: bool = False) -> None:
        """Stage 2: mean colours, and what is left of pictures without them."""
        normalise = mine_or_reference("pixels.targets", normalised_targets, force)
        images = self.some()
        patches = patchify(images, PATCH)
        grid = images.shape[2] // PATCH, images.shape[3] // PATCH
        means = patches.unflatten(2, (-1, 3)).mean(2, keepdim=True).expand(-1, -1, PATCH * PATCH, -1).flatten(2)
        rows = {
            "picture": images,
            "mean colours": unpatchify(means, grid, PATCH),
            "targets": unpatchify(0.5 + normalise(patches) / 6, grid, PATCH),
        }
        show(picture_rows(rows))
        share = measurements.mean_colour_share(self.pictures.batch(slice(None)).cpu(), PATCH)
        text = f"{100 * share:.0f} % of the variance of the pixels goes when each patch is painted in its mean colour"
        self.found("pixels.colour", text, bracket(share, 0.2, 0.8))

    @in_a_card
    def paint(self, psnr: Callable, force: bool = False) -> None:
        """Stage 4: the course's painter beside a rule without learning, on removed patches, in decibels."""
        measure = mine_or_reference("pixels.psnr", psnr, force)
        everything = self.pictures.batch(slice(None)).cpu()
        count = (everything.shape[2] // PATCH) * (everything.shape[3] // PATCH)
        kept = self.orders_of(len(everything), count)[:, : count // 2]
        painted = {
            "picture's mean colour": self._mean_colour(everything, kept),
            "blend of neighbours": measurements.blend(everything, kept, PATCH),
            "the course's painter": measurements.paint(self.painter, everything, kept),
        }
        chosen = torch.tensor(self.some_pictures(1, 8)[0][:8])
        rows = {
            "picture": everything[chosen],
            "half is kept": hide_patches(everything, removed_mask(kept, count), PATCH)[chosen],
        }
        show(picture_rows(rows | {name: one[chosen] for name, one in painted.items()}))
        found = {
            name: measurements.hidden_psnr(one, everything, kept, PATCH, measure).mean().item()
            for name, one in painted.items()
        }
        show_numbers("PSNR on removed patches, mean over the pictures", ["dB"], [[*item] for item in found.items()])
        text = ", ".join(f"{name} {value:.1f} dB" for name, value in found.items())
        self.found("pixels.rules", text, direction(found["blend of neighbours"], found["the course's painter"], 1.0))

    def _mean_colour(self, images: Tensor, kept: Tensor) -> Tensor:
        """Removed patches in the mean colour of what is kept of their picture."""
        return measurements.blend(images, kept, PATCH, reach=100.0)

    @in_a_card
    def scenes(self) -> None:
        """Stage 4: how well the course's painter paints each family of backgrounds, against its variance."""
        if "background" not in self.pictures.extras:
            show_card("Which background a photograph has, nobody says: this needs the drawn objects.", kind="wait")
            return
        fill = random_removal(self.painter.encoder, self.painter.decoder, 0.5)
        table = reconstruction_table(fill, self.images.held_out, PATCH, normalized=False)
        table = [row for row in table if row["by"] == "background"]
        error = {str(row["group"]): float(row["relative"]) for row in table}
        level = {"patch's mean colour": 1.0}
        show(plot_bars(error, x_label="error of removed patches, share of their variance", levels=level))
        rows = [
            [row["group"], *(f"{row[name]:.4f}" for name in ("error", "variance")), row["relative"]] for row in table
        ]
        show_numbers("Half of the patches removed", ["squared error", "variance", "share"], rows)
        text = "error as a share of the variance: " + ", ".join(f"{name} {value:.2f}" for name, value in error.items())
        self.found("pixels.scenes", text, direction(error["regular"], error["clutter"], 0.02))
