"""LoGo made of the reader's own functions: which crops are compared, and what draws and pushes them."""

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from sslcourse.evaluation.collapse import channel_std
from sslcourse.exercises import find
from sslcourse.methods.logo import LoGo, LoGoSettings
from sslcourse.notebook.stopping import Stopped, checked_loss


class Own(NamedTuple):
    """The functions that `HandmadeLoGo` is made of, as the lab's exercises ask for them."""

    pairs: Callable
    local_to_global: Callable
    repulsion: Callable


def course_functions() -> Own:
    """The references of the three exercises."""
    return Own(*(find(f"local.{name}").reference for name in Own._fields))


class HandmadeLoGo(LoGo):
    """The course's networks and settings, trained by functions of the reader's: `local` is "none" or "repel"."""

    encoder: Any
    projector: Any
    scheduled: Any = None  # nobody knows what the functions do in Python

    def __init__(self, encoder: nn.Module, settings: LoGoSettings, own: Own):
        super().__init__(encoder, settings)
        self.own = own._replace(
            local_to_global=checked_loss(own.local_to_global), repulsion=checked_loss(own.repulsion)
        )

    def forward(self, views: Any) -> tuple[Tensor, dict[str, Tensor]]:
        """Crops (`LoGoViews`) -> the reader's attraction over the reader's pairs, and the weighted repulsion."""
        count, batch = views.global_views.shape[:2]
        keys: Any = self.keys_and_kept(views)[0]
        sized = (views.global_views, views.local_views)
        features = torch.cat([self.encoder.features(crops.flatten(0, 1)) for crops in sized if len(crops)])
        queries = self.projector(features).unflatten(0, (-1, batch))  # S,B,d: global crops first
        keys = keys.unflatten(0, (count, batch))
        attracted, apart = self.both(self.own.pairs(count, len(views.local_views)))
        loss = attraction = self.attraction(queries, keys, attracted)
        metrics = {"attraction": attraction.detach(), "channel_std": channel_std(queries.flatten(0, 1))}
        if self.settings.local == "repel":
            pushed = [self.own.repulsion(queries[list(pair)]) for pair in self.checked(apart, len(queries))]
            push = torch.stack(pushed).mean()
            loss, metrics = loss + self.settings.local_weight * push, metrics | {"local_loss": push.detach()}
        return loss, metrics

    def attraction(self, queries: Tensor, keys: Tensor, attracted: list) -> Tensor:
        """The mean loss of the pairs (student, teacher), of crops `S,B,d` and `G,B,d`."""
        pairs = self.checked(attracted, len(queries), len(keys))
        temperature = self.settings.temperature
        return torch.stack([self.own.local_to_global(queries[[s]], keys[[t]], temperature) for s, t in pairs]).mean()

    @staticmethod
    def both(found: Any) -> tuple[list, list]:
        """What the reader's function returns, if it is two lists; else raises Stopped."""
        lists = tuple | list
        if not isinstance(found, lists) or len(found) != 2 or not all(isinstance(one, lists) for one in found):
            raise Stopped("Your `pairs` must return two lists: the pairs that are drawn, and those of local crops.")
        return list(found[0]), list(found[1])

    @staticmethod
    def checked(pairs: list, first: int, second: int | None = None) -> list:
        """The pairs; raises Stopped where there is none, and where one is no pair of crops that there are."""
        most = first, first if second is None else second
        if not pairs:
            raise Stopped("Your pairs are none: nothing would be learned.")
        for pair in pairs:
            if not isinstance(pair, tuple | list) or len(pair) != 2:
                raise Stopped(f"Your pairs hold {pair!r}; each is of two numbers, of two crops.")
            if any(not 0 <= number < end for number, end in zip(pair, most)):
                words = f"{most[0]} crops" + (f", and the teacher has {second}" if second else "")
                raise Stopped(f"Your pair {tuple(pair)} names a crop that there is not: there are {words}.")
        return pairs
