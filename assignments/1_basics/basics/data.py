"""From a long array of token ids to the batches that a model is trained on.

Letters: B sequences, T positions, n tokens in the array.
"""

import numpy as np
import torch
from torch import Tensor

from lib.grading.feedback import todo


def get_batch(
    tokens: np.ndarray,
    batch_size: int,
    context: int,
    device: str | torch.device = "cpu",
    generator: torch.Generator | None = None,
) -> tuple[Tensor, Tensor]:
    """Pieces of the text drawn at random, and the token that follows each of their positions.

    Returns inputs and targets, both (B, T) and torch.int64, on `device`. For each row a start i is
    drawn by itself, every one of 0, 1, ..., n - T - 1 as likely as the others. The inputs are the
    T tokens from i on, the targets the T tokens from i + 1 on; so the last start still has a target
    for its last position. ValueError if n <= T: then there is no start.

    All chance comes from `generator`, which lives on the CPU; None means PyTorch's own. Generators
    in the same state give the same batch.

    `tokens` has one axis and any integer type. It may be an `np.memmap` of a file larger than the
    memory: only the pieces are read, never the whole.

    tokens [5, 6, 7], batch_size 1, context 2  ->  inputs [[5, 6]], targets [[6, 7]]
    """
    return todo("3.1", "draw B starts with torch.randint(n - T, (B,), generator=generator).")
