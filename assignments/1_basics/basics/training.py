"""The training loop: it learns from one text, is tested on another, and can be stopped and resumed.

Letters: B sequences of a batch, T positions, n tokens in an array.
"""

from dataclasses import dataclass
from os import PathLike
from typing import Any, Literal

import numpy as np
import torch
from torch import nn

from lib.grading.feedback import todo

RECORD, CHECKPOINT = "record.json", "checkpoint.pt"  # what a run writes into its folder


@dataclass(frozen=True)
class Settings:
    """Everything that decides a run. Complete; the files in experiments/ use the same names."""

    train: str  # a file of ids as `write_ids` makes it; from the folder where the command is given
    valid: str  # the same, of text that is never trained on

    vocab_size: int
    context: int  # T
    n_layers: int
    width: int
    n_heads: int
    ff_width: int

    batch_size: int  # B
    steps: int
    lr: float  # the highest learning rate
    warmup_steps: int

    theta: float = 10_000.0
    norm: Literal["pre", "post", "none"] = "pre"
    positions: Literal["rope", "none"] = "rope"
    ffn: Literal["swiglu", "silu"] = "swiglu"

    lr_floor: float = 0.1  # the lowest learning rate, as a share of the highest
    betas: tuple[float, float] = (0.9, 0.95)
    weight_decay: float = 0.1
    clip: float = 1.0
    seed: int = 0
    eval_every: int = 50  # steps between two looks at the other text
    eval_windows: int | None = None  # how much of it to read; None: all
    device: str = "cpu"


def evaluate(
    model: nn.Module,
    tokens: np.ndarray,
    context: int,
    batch_size: int,
    n_windows: int | None = None,
) -> float:
    """The mean loss of the model on a text: the same number however it is cut into batches.

    The text is cut into windows: number w reads tokens w * T to w * T + T - 1, and its targets are
    the tokens one further. There are floor((n - 1) / T), what remains is left out; with `n_windows`
    only the first so many are used. Every target weighs the same, also those of a last batch with
    fewer windows. No gradients are recorded, and during it the model is in eval mode; afterwards it
    is in the mode in which it was before. Batches go to the device of the model's parameters.

    7 tokens, context 2: windows 0 1, 2 3 and 4 5 with the targets 1 2, 3 4 and 5 6
    """
    return todo("3.3", "add up loss * number of targets over the batches, and divide at the end.")


def train(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    train_tokens: np.ndarray,
    valid_tokens: np.ndarray,
    settings: Settings,
    folder: str | PathLike[str],
) -> dict[str, Any]:
    """Train to `settings.steps`, and return the record of the run.

    Step t, counted from 1:
    - its batch is drawn by `get_batch` with a new generator, seeded with seed * 1_000_000 + t: so
      it depends on the seed and on t, not on what happened before;
    - the learning rate of all groups is learning_rate(t, lr, lr_floor * lr, warmup_steps, steps);
    - the gradient is that of this batch's cross-entropy and of nothing else, clipped to `clip`;
    - then the optimizer makes its step.

    After every `eval_every` steps, and after the last, the curve gets a row, and folder/record.json
    and folder/checkpoint.pt are written. The record is a dict, which the file holds as JSON:

        settings     all settings by name (dataclasses.asdict)
        steps        steps taken
        tokens       targets learned from: steps * B * T
        curve        the rows, each a dict with
            step        t
            seconds     of wall-clock time since the beginning, resumed runs included
            lr          of this step
            train_loss  mean over the steps since the last row, each on its batch before the step
            valid_loss  of `evaluate` after the step, on the first `eval_windows` windows
        valid_loss   that of the last row
        checkpoint   "checkpoint.pt", beside the record

    A loss that is not finite ends the run. The weights stay as they are; the step counts, and has
    the last row, with None for both losses (JSON's null): JSON has no NaN.

    If the folder holds a run, it goes on behind its checkpoint, and ends with the numbers of a run
    that nobody interrupted, those of the clock aside. If that run is at its end, its record is
    returned. ValueError if its settings differ from these.
    """
    return todo("3.3", "write steps 1 to `steps` without a folder first; rows and files come then.")
