"""Lab 3, before anything is compared: how crops lie, which scales to choose, how far apart two parts can be."""

from collections.abc import Callable
from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor

from sslcourse.data.augment import Augmentation, apply
from sslcourse.data.drawing import draw
from sslcourse.figures import plot_curves, plot_histograms, show
from sslcourse.labs.local import pictures
from sslcourse.labs.local.measurements import draw_boxes, embed, shown_of_mask
from sslcourse.labs.local.session import LocalSession
from sslcourse.notebook.checks import mine_or_reference
from sslcourse.notebook.findings import bracket
from sslcourse.notebook.stopping import in_a_card
from sslcourse.notebook.table import show_numbers

MANY = 2000  # pairs of boxes, where only their places count
RANGES = {"a": (0.05, 0.1), "b": (0.1, 0.2), "c": (0.2, 0.4), "d": (0.35, 0.7)}
MOST_SHARED, LEAST_SEEN = 0.25, 0.75  # what stage 2 asks of a range
A_TENTH = 0.1  # of the object's pixels: so much must a crop show of it


class Looking(LocalSession):
    """What the cells call that train nothing but the baseline."""

    @in_a_card
    def show_pairs(self) -> None:
        """A picture, its two global and two local crops, and the three kinds of pairs."""
        crops, image = self.crop_settings, self.pictures.images[0].cpu()
        height, width = image.shape[1:]
        drawn = [
            draw(replace(kind, color=0.0, grayscale=0.0, flip=0.0), 1, height, width, self._generator(place))
            for place, kind in enumerate((crops.global_crop, crops.global_crop, crops.local_crop, crops.local_crop))
        ]
        cut = [apply(image[None], one)[0] for one in drawn]
        show(pictures.crops_and_pairs(image, torch.cat([one.boxes for one in drawn]), cut))

    @in_a_card
    def overlaps(self, crop_overlap: Callable, force: bool = False) -> None:
        """Stage 1: what two local crops of a picture share, and what a global crop shows of a local one."""
        share = mine_or_reference("local.overlap", crop_overlap, force)
        first, second = self.boxes_of("local_crop", 1), self.boxes_of("local_crop", 2)
        whole = self.boxes_of("global_crop", 3)
        shared, covered = share(first, second), share(first, whole)
        few = min(8, len(self.pictures))
        boxes = torch.stack([first, second])[:, :few]
        show(pictures.overlaps(self.pictures.images[:few].cpu(), boxes, shared[:few].tolist()))
        drawn = {"another local crop": shared, "a global crop": covered}
        show(plot_histograms(drawn, limits=(0, 1), x_label="share of a local crop that is shown by", size=(6.4, 2.8)))
        mean, none = shared.mean().item(), (shared == 0).float().mean().item()
        text = f"{100 * mean:.0f} % on average, and {100 * none:.0f} % of the pairs share nothing; a global crop shows "
        text += f"{100 * covered.mean():.0f} % of a local one"
        self.found("local.shared", text, bracket(mean, 0.1, 0.28))

    @in_a_card
    def explore_crops(self):
        """Two boxes to move over a picture: what they share, and what the loss does with them."""
        from sslcourse.labs.local.widgets import CropExplorer

        chosen, names = self.some_pictures(1, 8)
        names = [name or f"picture {number}" for number, name in enumerate(names, 1)]
        return CropExplorer(self.pictures.images[chosen].cpu(), names)

    @in_a_card
    def scales(self, crop_overlap: Callable, force: bool = False) -> None:
        """Stage 2: against the largest share of the picture that a local crop may have, what it shares and shows."""
        share = mine_or_reference("local.overlap", crop_overlap, force)
        largest = [0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.7]
        found = [self.of_scale((top / 2, top), share) for top in largest]
        lines = {"pixels shared": (largest, [one for one, _ in found])}
        seen = [one for _, one in found if one is not None]
        if seen:
            lines["object is seen"] = (largest, seen)
        show(
            plot_curves(
                lines,
                levels={"condition 1: at most": MOST_SHARED, "condition 2: at least": LEAST_SEEN},
                x_label="largest share of the picture (smallest: half of it)",
                y_label="mean share",
                x_limits=(0, 0.92),  # room for the names of the levels
                y_limits=(0, 1.3),
                size=(6.4, 3.4),
            )
        )

    @in_a_card
    def try_scales(self, crop_overlap: Callable, force: bool = False) -> None:
        """Measure the ranges of the question, and say which of them does what was asked."""
        share = mine_or_reference("local.overlap", crop_overlap, force)
        measured = {letter: self.of_scale(scales, share) for letter, scales in RANGES.items()}
        names = {letter: f"{low:g} to {high:g}" for letter, (low, high) in RANGES.items()}
        rows = [[names[letter], *numbers] for letter, numbers in measured.items()]
        show_numbers("Local crops by their scale", ["pixels shared by two", "show a tenth of the object"], rows)
        good, each = [], []
        for letter, (shared, seen) in measured.items():
            if seen is not None:
                each.append(f"{names[letter]}: {100 * shared:.0f} % shared, {100 * seen:.0f} % see it")
                good += [letter] if shared <= MOST_SHARED and seen >= LEAST_SEEN else []
        text = "; ".join(each) or "these pictures have no masks, so nobody knows where the object is"
        self.found("local.scale", text, good[0] if len(good) == 1 else None)

    @in_a_card
    def bound(self, cosine_bound: Callable, force: bool = False) -> None:
        """Stage 4: the cosines of the trained network's local crops, and what their global crop allows."""
        smallest = mine_or_reference("local.bound", cosine_bound, force)
        method, crops = self.arm("baseline").method, self.crops()
        unit = F.normalize(embed(method, crops).double(), dim=-1)
        whole, one, other = unit[0], unit[len(crops.global_views)], unit[len(crops.global_views) + 1]
        first, second, between = ((a * b).sum(1).clamp(-1, 1) for a, b in ((one, whole), (other, whole), (one, other)))
        allowed = torch.as_tensor(smallest(first, second)).detach()
        show(pictures.bound_and_cosines(first, second, between, allowed))
        near = smallest(torch.tensor([0.9], dtype=torch.float64), torch.tensor([0.9], dtype=torch.float64))
        self.found("local.smallest", f"for 0.9 and 0.9 it is {float(near):.2f}", bracket(float(near), 0.7, 0.85, "cba"))
        mean, product, low = (x.mean().item() for x in (between, first * second, allowed))
        text = f"local crops: {mean:.2f}; the product of their cosines with the global crop is {product:.2f} on average"
        text += f", and the smallest possible {low:.2f}"
        self.found("local.product", text, "c" if mean > product + 0.05 else "a" if mean < product - 0.05 else "b")

    def boxes_of(self, kind: str, seed: int) -> Tensor:
        """Many boxes `MANY,4` as the baseline draws its "local_crop" or "global_crop"."""
        return draw_boxes(getattr(self.crop_settings, kind), MANY, self.pictures.images.shape[-1], seed)

    def of_scale(self, scales: tuple[float, float], share: Callable) -> tuple[float, float | None]:
        """What two local crops of these scales share, and how many show a tenth of the object; None without masks."""
        settings: Augmentation = replace(self.crop_settings.local_crop, scale=scales)
        side = self.pictures.images.shape[-1]
        first, second = (draw_boxes(settings, MANY, side, seed) for seed in (1, 2))
        shared = share(first, second).mean().item()
        if "mask" not in self.pictures.extras:
            return shared, None
        mask = self.pictures.extras["mask"].cpu()
        here = torch.arange(MANY) % len(mask)
        return shared, (shown_of_mask(mask[here], first) >= A_TENTH).float().mean().item()

    def _generator(self, place: int) -> torch.Generator:
        return torch.Generator().manual_seed(100 * self.seed + place)
