"""Who takes over what several processes have to do together.

`mesh_engine` is one, made of PyTorch's own. A run that has none trains as `loop` says.
"""

from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import torch

from lib.model.transformer import Transformer
from lib.training.batches import Batch, Batches
from lib.training.ranks import Ranks


@runtime_checkable
class Engine(Protocol):
    """What a run asks of it. All processes call the same at the same time."""

    model: Transformer  # what this process holds of it
    optimizer: torch.optim.Optimizer

    @property
    def readers(self) -> Ranks:
        """Which part of every batch this process reads, and of how many."""
        ...

    def add_gradients(self, batch: Batch) -> tuple[float, int]:
        """Of the mean loss over the whole batch; returns the loss and the number of targets."""
        ...

    def clip(self, max_norm: float) -> float:
        """Shorten the gradient to `max_norm`, and return its length before."""
        ...

    def evaluate(self, batches: Batches, n_batches: int) -> float:
        """The mean loss over the targets of the next batches, of which this process has a part."""
        ...

    def save(self, folder: Path, step: int, state: dict[str, Any]) -> Path:
        """Write a checkpoint below the folder: weights, optimizer, and a tree of numbers."""
        ...

    def restore_latest(self, folder: Path) -> tuple[int, dict[str, Any]]:
        """Go back to the newest whole checkpoint; its step and the tree.

        Raises FileNotFoundError without one.
        """
        ...
