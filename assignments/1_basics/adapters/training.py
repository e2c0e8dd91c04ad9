"""What the tests of part 3 call. If you arrange your code in another way, change the line here."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from basics import checkpoint, data, decoding
from basics import training as loop
from basics.training import Settings


def get_batch(
    tokens: np.ndarray,
    batch_size: int,
    context: int,
    device: Any = "cpu",
    generator: torch.Generator | None = None,
) -> tuple[Tensor, Tensor]:
    return data.get_batch(tokens, batch_size, context, device, generator)


def save_checkpoint(
    model: nn.Module, optimizer: torch.optim.Optimizer, iteration: int, out: Any
) -> None:
    checkpoint.save_checkpoint(model, optimizer, iteration, out)


def load_checkpoint(source: Any, model: nn.Module, optimizer: torch.optim.Optimizer) -> int:
    return checkpoint.load_checkpoint(source, model, optimizer)


def evaluate(
    model: nn.Module,
    tokens: np.ndarray,
    context: int,
    batch_size: int,
    n_windows: int | None = None,
) -> float:
    return loop.evaluate(model, tokens, context, batch_size, n_windows)


def train(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    train_tokens: np.ndarray,
    valid_tokens: np.ndarray,
    settings: Settings,
    folder: Any,
) -> dict[str, Any]:
    return loop.train(model, optimizer, train_tokens, valid_tokens, settings, folder)


def keep_top_p(probabilities: Tensor, top_p: float) -> Tensor:
    return decoding.keep_top_p(probabilities, top_p)


def next_token_probabilities(
    logits: Tensor, temperature: float = 1.0, top_p: float = 1.0
) -> Tensor:
    return decoding.next_token_probabilities(logits, temperature, top_p)


def generate(
    model: nn.Module, prompt: Sequence[int], max_new_tokens: int, context: int, **options: Any
) -> list[int]:
    """Options: temperature, top_p, end_id, generator."""
    return decoding.generate(model, prompt, max_new_tokens, context, **options)
