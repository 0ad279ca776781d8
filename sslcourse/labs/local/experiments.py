"""Lab 3's experiments, one call a stage. Each shows, measures, says what is ordinary, and whether a prediction held.

Here are the stages that train; `looking.py` has the others, `notebook/experiments.py` what every lab can do.
"""

from collections.abc import Callable

import torch

from sslcourse.data.views import MultiCrop
from sslcourse.figures import plot_neighbours, show
from sslcourse.labs.local import pictures
from sslcourse.labs.local.arms import FOUR
from sslcourse.labs.local.looking import Looking
from sslcourse.labs.local.measurements import FIRST, embed, parts_of, ranked_wholes
from sslcourse.labs.local.method import course_functions
from sslcourse.notebook.card import show_card
from sslcourse.notebook.checks import mine_or_reference
from sslcourse.notebook.findings import direction
from sslcourse.notebook.session import UNTRAINED
from sslcourse.notebook.stopping import in_a_card
from sslcourse.training.images import few
from sslcourse.training.pretrained import load_course_method
from sslcourse.training.runtime import pick_device

ENDS = ("global_cosine", "local_global_cosine", "local_cosine", "other_cosine", "whole_in_six", "centered_rank")
WITHOUT = ("alone_without", "attract_without")
COURSE = {"simclr": "SimCLR", "dino": "DINO", "ibot": "iBOT", "logo": "LoGo"}


class LocalLab(Looking):
    """What Lab 3's cells call, a stage at a time; `images` is a data set's name or `folder:PATH`."""

    @in_a_card
    def train_baseline(
        self, pairs: Callable, local_to_global: Callable, force: bool = False, again: bool = False
    ) -> None:
        """Stage 3: train with the student's pairs and attraction; nothing is asked of two local crops."""
        own = course_functions()._replace(
            pairs=mine_or_reference("local.pairs", pairs, force),
            local_to_global=mine_or_reference("local.local_to_global", local_to_global, force),
        )
        run = self.train("baseline", own, again=again)
        self.show_final(ENDS, (UNTRAINED, "baseline"))
        before, after = run.before["local_cosine"], run.final["local_cosine"]
        text = f"two local crops: {before:.2f} before, {after:.2f} after{self.ordinary('baseline', 'local_cosine')}"
        self.found("local.unasked", text, direction(before, after, 0.1))

    @in_a_card
    def four_ways(self, repulsion: Callable, force: bool = False) -> None:
        """Stage 5: local crops that are left alone, pulled together, pushed apart, and pushed by a learned affinity."""
        push = mine_or_reference("local.repulsion", repulsion, force)
        self._losses["repel"] = course_functions()._replace(repulsion=push)
        runs = self.train_beside(FOUR, ("local_cosine", "local_global_cosine"))
        self.show_final((*ENDS, "apart", "part_knn"), FOUR)
        alone = runs["baseline"].final["local_global_cosine"]
        for identifier, arm in (("local.pushed", "repel"), ("local.pulled", "attract")):
            after = runs[arm].final["local_global_cosine"]
            text = f"a local and a global crop: {alone:.2f} left alone, {after:.2f} {self.titles[arm]}"
            self.found(identifier, text + self.ordinary(arm, "local_global_cosine"), direction(alone, after, 0.03))

    @in_a_card
    def against_overlap(self) -> None:
        """Stage 6: how alike the features of two local crops are, against the pixels that both show."""
        found = {self.titles[arm]: self.against(self.encoder(arm), self.images).curve() for arm in FOUR}
        show(pictures.against_overlap(found, self.colours))
        alone, pulled = (found[self.titles[arm]][0]["relative"] for arm in ("baseline", "attract"))
        text = f"crops with the least in common: {alone:.2f} left alone, {pulled:.2f} pulled together"
        self.found("local.apart", text, direction(alone, pulled, 0.03))

    @in_a_card
    def course_networks(self) -> None:
        """Stage 6: the same curve of networks that the course trained for longer."""
        rows = {}
        for name, title in COURSE.items():
            course = load_course_method(name)
            encoder = course.method.representation.to(pick_device())
            rows[title] = self.against(encoder, self.images, course.recipe.data.size // 2).curve()
        show(pictures.against_overlap(rows, {}))

    @in_a_card
    def all_together(self) -> None:
        """Stage 7: without negatives, local crops left alone and pulled together."""
        runs = self.train_beside(WITHOUT, ("other_cosine", "centered_rank"))
        self.show_final((*ENDS, "knn"), (UNTRAINED, *WITHOUT))
        other = runs["attract_without"].final["other_cosine"]
        text = f"local crops of two pictures: {other:z.2f} pulled together"
        alone = runs["alone_without"].final["other_cosine"]
        text += f"{self.ordinary('attract_without', 'other_cosine')}, {alone:z.2f} left alone"
        self.found("local.together", text, "a" if other > 0.8 else "c" if other < 0.2 else "b")

    @in_a_card
    def find_the_whole(self, queries: int = 4, count: int = FIRST) -> None:
        """Stage 8: the pictures that a detail is nearest to, by two networks."""
        wholes = few(self.images.held_out, self.pictures_count)
        parts = parts_of(wholes)
        crops = MultiCrop(wholes.batch(slice(None)).cpu()[None], parts.batch(slice(None)).cpu()[None])
        for arm in self.compared:
            ranked = ranked_wholes(embed(self.arm(arm).method, crops), 1)
            right = ranked[:, :count] == torch.arange(len(ranked))[:, None]
            words = f"{int(right.any(1).sum())} of {len(right)} details find their picture among the first {count}"
            show_card(f"Search by detail, {self.titles[arm]}: {words}")
            shown = torch.linspace(0, len(ranked) - 1, min(queries, len(ranked))).long()
            found = wholes.images.cpu()[ranked[shown, :count]]
            meaning = "are the picture that the detail is from"
            show(plot_neighbours(parts.images[shown].cpu(), found, None, right[shown], meaning=meaning))
