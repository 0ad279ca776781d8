"""Lab 0, stages 1 to 3: pictures become tokens, tokens look at each other, and three networks look at pictures."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from sslcourse.evaluation.features import evaluate_knn, extract_features
from sslcourse.exercises import find
from sslcourse.figures import heat, picture_rows, show
from sslcourse.labs.tokens import measurements, pictures
from sslcourse.labs.tokens.session import TokensSession, object_attention
from sslcourse.notebook.card import show_card
from sslcourse.notebook.checks import mine_or_reference
from sslcourse.notebook.findings import bracket, direction
from sslcourse.notebook.session import UNTRAINED
from sslcourse.notebook.stopping import in_a_card
from sslcourse.notebook.table import show_numbers
from sslcourse.training.images import NEIGHBOURS

PATCH = 8


class Looking(TokensSession):
    """What the cells of stages 1 to 3 call."""

    def some(self, count: int = 8) -> Tensor:
        """The pictures that the stages show, float `B,3,H,W`, on the CPU."""
        return self.pictures.batch(slice(count)).cpu()

    def patch_tokens(self, arm: str) -> Tensor:
        """The patch tokens `P,N,D` of the held-out pictures."""
        encoder = self.encoder(arm)
        return extract_features(encoder, self.pictures, read=lambda batch: encoder(batch).patches)

    def class_attention(self, arm: str) -> Tensor:
        """What the last block's class token attends to, `P,N`."""
        encoder = self.encoder(arm)
        return extract_features(encoder, self.pictures, read=lambda batch: encoder(batch, attention=True).attention)

    def attention_on_object(self, arm: str) -> float:
        """The share of that attention which falls on the object."""
        return object_attention(self.class_attention(arm), self.shares).item()

    def pixel_tokens(self) -> Tensor:
        """The patches of the held-out pictures as they are, `P,N,192`."""
        return find("tokens.patchify").reference(self.pictures.batch(slice(None)).cpu(), PATCH)

    @in_a_card
    def patches(self, patchify: Callable, unpatchify: Callable, force: bool = False) -> None:
        """Stage 1: pictures taken apart and put together, in order, shuffled, and from fewer numbers a patch."""
        apart = mine_or_reference("tokens.patchify", patchify, force)
        together = mine_or_reference("tokens.unpatchify", unpatchify, force)
        images = self.some()
        height, width = images.shape[2:]
        tokens = apart(images, PATCH)  # B,N,192
        generator = torch.Generator().manual_seed(self.seed)
        order = torch.randperm(tokens.shape[1], generator=generator)
        rows = {"picture": images, "patches shuffled": together(tokens[:, order], PATCH, height, width)}
        for count in (8, 24):
            told, _ = measurements.kept_by(tokens.flatten(0, 1), count)
            rows[f"{count} numbers"] = together(told.view_as(tokens), PATCH, height, width)
        show(picture_rows(rows))
        _, kept = measurements.kept_by(self.pixel_tokens().flatten(0, 1), 24)
        text = f"24 numbers of 192 keep {100 * kept:.0f} % of the variance of all patches"
        self.found("tokens.compression", text, bracket(kept, 0.3, 0.8))

    @in_a_card
    def attend(self, attention: Callable, force: bool = False) -> None:
        """Stage 2: a trained network, iBOT's, with the student's attention in all its heads, and where it looks."""
        head = mine_or_reference("tokens.attention", attention, force)
        encoder: Any = self.encoder("ibot")
        images = self.some()
        there = images.to(next(encoder.parameters()).device)
        tokens, weights = measurements.run_with(encoder, there, head)
        own = extract_features(encoder, images)
        difference = (tokens[:, 0].float().cpu() - own).abs().max() / own.abs().max()
        show_card(
            f"iBOT runs on this attention: its class tokens differ by {difference:.1g} of their size from those "
            "that it makes with its own"
        )
        looks = heat(images, weights[:, 0, 1:].float().cpu(), encoder.grid_of(images))
        show(picture_rows({"picture": images, "class token": looks}))

    @in_a_card
    def positions(self) -> None:
        """Stage 2: the same network with the position embedding shuffled among the patches, and without any."""
        encoder: Any = self.encoder("ibot")
        size = self.recipe().data.size
        changed = {how: measurements.with_positions(encoder, how, self.seed) for how in ("shuffled", "none")}
        if not self.has_labels():
            return
        bank, held_out = self.images.bank, self.images.held_out
        k = min(NEIGHBOURS, len(bank))
        accuracy = {
            how: evaluate_knn(one, bank, held_out, k=k, size=size)
            for how, one in {"as trained": encoder, **changed}.items()
        }
        show_numbers(
            "iBOT by its position embedding", ["kNN accuracy"], [[how, value] for how, value in accuracy.items()]
        )
        before, after = accuracy["as trained"], accuracy["shuffled"]
        text = f"kNN accuracy {before:.2f} as trained, {after:.2f} shuffled, {accuracy['none']:.2f} without positions"
        self.found("tokens.positions", text, bracket(before - after, 0.05, before / 2))

    @in_a_card
    def train_supervised(self, again: bool = False) -> None:
        """Stage 3: train the same network with labels."""
        if "baseline" not in self.networks():
            return
        self.train("baseline", again=again)
        names = ("accuracy", "knn", "centered_rank", "object_attention")
        self.show_final(names, (UNTRAINED, "baseline"))

    @in_a_card
    def token_maps(self, object_share: Callable, force: bool = False) -> None:
        """Stage 3: what each network's patch tokens look like, and how much of its attention objects get."""
        share_of = mine_or_reference("tokens.object_share", object_share, force)
        images, names = self.some(), self.networks()
        colours = {"picture": images}
        looks = {"picture": images}
        for arm in names:
            encoder: Any = self.encoder(arm)
            grid = encoder.grid_of(images)
            colours[self.titles[arm]] = pictures.as_colours(
                self.patch_tokens(arm)[: len(images)], grid, images.shape[2]
            )
            looks[self.titles[arm]] = heat(images, self.class_attention(arm)[: len(images)], grid)
        show_card("Patch tokens: the three directions in which they differ most, as red, green and blue")
        show(picture_rows(colours))
        show_card("What the class token attends to, bright: most")
        show(picture_rows(looks))
        if "mask" not in self.pictures.extras:
            return
        shares = share_of(self.pictures.extras["mask"].cpu(), PATCH).float()
        on_object = {arm: object_attention(self.class_attention(arm), shares).item() for arm in (*names, "dino")}
        area = shares.mean().item()
        rows = [[self.titles[arm], value, area] for arm, value in on_object.items()]
        show_numbers("Share of the attention that falls on the object", ["measured", "the object's area"], rows)
        text = f"untrained {on_object[UNTRAINED]:.2f}; the object covers {area:.2f} of the picture"
        self.found("tokens.looks", text, direction(on_object[UNTRAINED], area, 0.05))

    @in_a_card
    def explore_attention(self):
        """The explorer of patches, on one picture of each class."""
        from sslcourse.labs.tokens.widgets import PatchExplorer

        chosen, names = self.some_pictures(1, 8)
        names = [name or f"picture {index + 1}" for index, name in enumerate(names)]
        encoders = {self.titles[arm]: self.encoder(arm) for arm in self.networks()}
        return PatchExplorer(self.pictures.images[chosen], names, encoders, find("tokens.attention").reference)
