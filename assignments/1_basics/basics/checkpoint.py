"""A run on the disk: what it takes to go on as if nothing had happened."""

from os import PathLike
from typing import BinaryIO

import torch
from torch import nn

from lib.grading.feedback import todo

Target = str | PathLike[str] | BinaryIO  # a path, or a file that is open for bytes


def save_checkpoint(
    model: nn.Module, optimizer: torch.optim.Optimizer, iteration: int, out: Target
) -> None:
    """Write the weights, the optimizer's state and the number of steps taken, to a path or a file.

    The optimizer's state belongs to it: AdamW without its moments starts again like a beginner.
    """
    todo("3.2", "collect both state_dict()s and the iteration in a dict, and torch.save it.")


def load_checkpoint(source: Target, model: nn.Module, optimizer: torch.optim.Optimizer) -> int:
    """Put what `save_checkpoint` has written into model and optimizer; return the iteration.

    A run on a GPU must be loadable where there is none: `map_location="cpu"`. `load_state_dict`
    moves the tensors to where model and optimizer are.
    """
    return todo("3.2", "torch.load the dict, then load_state_dict of both.")
