"""TensorBoard's files of a run."""

from __future__ import annotations

from pathlib import Path


class Board:
    """TensorBoard's files of a run, where TensorBoard is installed; otherwise nothing."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.writer = folder, None

    def add(self, row: dict) -> None:
        """Write the numbers of one log row; those of a killed run beyond its checkpoint are dropped."""
        if self.writer is None:
            try:
                from torch.utils.tensorboard import SummaryWriter
            except ImportError:
                return
            self.writer = SummaryWriter(str(self.folder), purge_step=row["step"])
        for name, value in row.items():
            if isinstance(value, float):
                self.writer.add_scalar(name, value, row["step"])

    def close(self) -> None:
        """Finish the files."""
        if self.writer is not None:
            self.writer.close()
