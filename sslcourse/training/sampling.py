"""The order in which a run sees its images."""

import torch
from torch import Tensor


class BatchOrder:
    """Batches of indices without replacement: each epoch has a new order, drawn from `generator` and kept on `device`.

    The last images of an epoch are skipped if they do not fill a batch. Raises ValueError if the set is smaller than a
    batch.

    >>> order = BatchOrder(6, 3, torch.Generator().manual_seed(0))
    >>> sorted(torch.cat([order.next(), order.next()]).tolist())
    [0, 1, 2, 3, 4, 5]
    """

    def __init__(
        self, count: int, batch_size: int, generator: torch.Generator, device: torch.device | str = "cpu"
    ) -> None:
        if not 1 <= batch_size <= count:
            raise ValueError(f"batch_size must lie in 1..{count} (the number of images); got {batch_size}")
        self.count = count
        self.batch_size = batch_size
        self.generator = generator
        self.device = device
        self.order = torch.empty(0, dtype=torch.int64, device=device)
        self.position = 0

    def next(self) -> Tensor:
        """int64 `batch_size`: the indices of the next batch."""
        if self.position + self.batch_size > len(self.order):
            order = torch.randperm(self.count, generator=self.generator, device=self.generator.device)
            self.order = order.to(self.device)
            self.position = 0
        batch = self.order[self.position : self.position + self.batch_size]
        self.position += self.batch_size
        return batch

    def state_dict(self) -> dict:
        """The order of the current epoch and the position in it; the generator is saved by its owner."""
        return {"order": self.order, "position": self.position}

    def load_state_dict(self, state: dict) -> None:
        """Continue where `state_dict` left off."""
        self.order = state["order"].to(self.device)
        self.position = state["position"]
