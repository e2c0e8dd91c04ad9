"""The first weights: normal, cut at three standard deviations, at a scale that keeps signals alive.

A sum of d_in products of unit size has a standard deviation of sqrt(d_in), so weights of size
1 / sqrt(d_in) give back what came in. Scales by name of `config.init`:

- "fan_in", the default: 1 / sqrt(d_in) for matrices, so every layer keeps the size of its input;
- "glorot": sqrt(2 / (d_in + d_out)), a compromise with the way back (Glorot & Bengio, 2010);
- "gpt2": 0.02 everywhere, whatever the width; the two matrices of a layer that write to the
  residual stream are divided by sqrt(2 L), as the stream is a sum of 2 L such writes.

Embeddings are of size 1 ("gpt2": 0.02), unless the table is the output projection too: then it is
drawn like that. Biases start at zero, scales of norms at one. Cutting makes the standard deviation
1.3 % smaller than named.
"""

import math

import torch
from torch import Tensor, nn

from lib.model.config import Init, ModelConfig
from lib.model.embedding import Embedding
from lib.model.linear import Linear

WRITES_TO_STREAM = ("attention.out", "ffn.down")


def initialise(
    model: nn.Module, config: ModelConfig, generator: torch.Generator | None = None
) -> None:
    """Draw all matrices of the model, in the order in which it names them."""
    for name, part in model.named_modules():
        if isinstance(part, Linear):
            d_out, d_in = part.weight.shape
            std = matrix_std(config.init, d_in, d_out)
            if config.init == "gpt2" and name.endswith(WRITES_TO_STREAM):
                std /= math.sqrt(2 * config.n_layers)
            truncated_normal_(part.weight, std, generator)
        elif isinstance(part, Embedding):
            truncated_normal_(part.weight, embedding_std(config), generator)


def matrix_std(init: Init, d_in: int, d_out: int) -> float:
    """Standard deviation of the weights from d_in to d_out, before cutting."""
    if init == "fan_in":
        return 1 / math.sqrt(d_in)
    if init == "glorot":
        return math.sqrt(2 / (d_in + d_out))
    return 0.02


def embedding_std(config: ModelConfig) -> float:
    """The same for embeddings of tokens and positions."""
    if config.tied:
        return matrix_std(config.init, config.width, config.vocab_size)
    return 0.02 if config.init == "gpt2" else 1.0


def truncated_normal_(weight: Tensor, std: float, generator: torch.Generator | None = None) -> None:
    """Fill with normal numbers, none beyond 3 std. Drawn in float32: a seed means the same weights
    in every dtype."""
    drawn = torch.empty_like(weight, dtype=torch.float32)
    nn.init.trunc_normal_(drawn, 0, std, -3 * std, 3 * std, generator=generator)
    with torch.no_grad():
        weight.copy_(drawn)
