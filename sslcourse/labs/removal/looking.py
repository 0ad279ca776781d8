"""Lab 5, stages 1 and 2: what attention marks, and what networks know of pictures without the rest."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from sslcourse.evaluation.patches import patch_mask
from sslcourse.figures import heat, picture_rows, show
from sslcourse.labs.removal import pictures
from sslcourse.labs.removal.arms import COURSE, RULE
from sslcourse.labs.removal.measurements import kept_features, knn_of_features, queries_and_keys
from sslcourse.labs.removal.session import PATCH, RemovalSession, attention_of
from sslcourse.methods.patches import hide_patches
from sslcourse.notebook.card import show_card
from sslcourse.notebook.checks import mine_or_reference
from sslcourse.notebook.findings import bracket, direction
from sslcourse.notebook.session import UNTRAINED
from sslcourse.notebook.stopping import in_a_card
from sslcourse.notebook.table import show_numbers
from sslcourse.pruning.tokens import removed_mask

SHOWN = 8
ALL, OWN_LOW = "nothing removed", "its own low attention removed"
CLEARLY = 0.6  # of the object in the attended half, where a random half has .5
NO_MASKS = "Nobody has drawn where the objects of these pictures are: look for yourself, nothing is measured."


class Looking(RemovalSession):
    """What the cells of stages 1 and 2 call."""

    @in_a_card
    def show_step(self) -> None:
        """The diagram of a training step with removal, with a picture of the set."""
        image = self.seen[:1]
        attention = attention_of(self.network("ibot"), image)
        left = hide_patches(image, removed_mask(attention.topk(self.half).indices, math.prod(self.grid)), PATCH)
        show(pictures.step(image[0], heat(image, attention, self.grid)[0], left[0]))

    @in_a_card
    def attention_maps(self, cls_attention: Callable, force: bool = False) -> None:
        """Stage 1: what eight networks and a rule mark, and how much of the object is in the half they mark most."""
        look = mine_or_reference("removal.attention", cls_attention, force)
        seen = self.seen
        scores = {
            title: torch.as_tensor(look(*queries_and_keys(self.network(name), seen))).detach().float()
            for name, title in {UNTRAINED: UNTRAINED, **COURSE}.items()
        }
        drawn = torch.rand(self.contrast.shape, generator=torch.Generator().manual_seed(self.seed))
        scores |= {RULE: self.contrast, "at random": drawn}
        rows = {"picture": seen[:SHOWN]}
        for title in (UNTRAINED, "iBOT", "BYOL", "DINO", "reconstruction", RULE):
            rows[title] = heat(seen[:SHOWN], scores[title][:SHOWN], self.grid)
        show(picture_rows(rows))
        if self.masks is None:
            show_card(NO_MASKS, kind="wait")
            return
        recalls = {title: self.recall(one) for title, one in scores.items()}
        table = [[title, recalls[title], self.precision(one)] for title, one in scores.items()]
        headings = ["share of the object in the half", "share of the half that is object"]
        show_numbers("The half of the patches with most attention", headings, table)
        trained = [recalls[title] for title in COURSE.values()]
        clearly = sum(recall > CLEARLY for recall in trained)
        text = f"in {clearly} of {len(trained)} networks that half holds more than {CLEARLY:.1f} of the object"
        text += f"; the highest is {max(trained):.2f}, the lowest {min(trained):.2f}"
        self.found("removal.objects", text, bracket(clearly, 4, 7, "cba"))
        better = sum(recall > recalls[RULE] + 0.02 for recall in trained)
        text = f"{better} of {len(trained)} find clearly more of the object than the rule's {recalls[RULE]:.2f}"
        self.found("removal.rule", text, bracket(better, 1, 4))

    @in_a_card
    def keep_half(self, keep_highest: Callable, gather: Callable, force: bool = False) -> None:
        """Stage 2: what is left of pictures, and what two networks make of it that were trained on whole ones."""
        choose = mine_or_reference("removal.keep", keep_highest, force)
        take = mine_or_reference("removal.gather", gather, force)
        seen = self.seen[:SHOWN]
        rows = {"picture": seen}
        for name in ("ibot", "dino"):
            chosen = choose(attention_of(self.network(name), seen), self.half)
            rows[f"{COURSE[name]}'s half"] = hide_patches(seen, removed_mask(chosen, math.prod(self.grid)), PATCH)
            rows[f"{COURSE[name]}'s tokens"] = pictures.packed(seen, chosen, take, PATCH)
        show(picture_rows(rows))
        if not self.has_labels():
            return
        accuracy = {name: self.with_half(name, choose) for name in ("ibot", "dino")}
        table = [[rule, *(found[rule] for found in accuracy.values()), self.chance] for rule in accuracy["ibot"]]
        title = "kNN accuracy of networks trained on whole pictures, with half of the patches"
        show_numbers(title, [*(COURSE[name] for name in accuracy), "chance"], table)
        whole, half = accuracy["ibot"][ALL], accuracy["ibot"][OWN_LOW]
        text = f"iBOT's kNN accuracy is {whole:.2f} with all patches, {half:.2f} with the half that it marks"
        # What a lesson says of both networks holds for the drawn objects.
        self.found("removal.half", text, direction(whole, half, 0.03), None if self.data == "objects" else "elsewhere")

    def with_half(self, name: str, choose: Callable) -> dict[str, float]:
        """kNN accuracy of a network that gets half of the patches of every picture, by the rule for which half."""
        encoder, generator = self.network(name), torch.Generator().manual_seed(self.seed)
        parts = self.compared_parts
        features: dict[str, list[Tensor]] = {}
        for part in parts:
            attention = attention_of(encoder, part.batch(slice(None)))
            drawn = torch.rand(attention.shape, generator=generator)
            rules = {OWN_LOW: attention, "random patches removed": drawn, "its own high attention removed": -attention}
            if "mask" in part.extras:  # of patches without object, any
                rules["the true background removed first"] = (
                    patch_mask(part.extras["mask"].cpu(), self.grid) + drawn / 1e3
                )
            whole = torch.arange(attention.shape[1]).expand(len(part), -1)
            chosen = {ALL: whole} | {rule: choose(scores, self.half).cpu() for rule, scores in rules.items()}
            for rule, indices in chosen.items():
                features.setdefault(rule, []).append(kept_features(encoder, part, indices))
        return {rule: knn_of_features((bank, held_out), parts) for rule, (bank, held_out) in features.items()}
