"""The model that is measured, kept in memory and trained on several ranks. Complete.

It is the Transformer of assignment 1 in PyTorch's own layers, without positions, on which nothing
here depends. `SIZES` are those of the published course that this assignment follows.

Letters: B sequences, T positions, D width, N heads, H = D / N, F feed-forward width, V vocabulary.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from systems.attention import attention


@dataclass(frozen=True)
class Shape:
    """What decides how large the model is."""

    width: int
    ff_width: int
    n_layers: int
    n_heads: int
    vocab_size: int = 10_000


SIZES = {
    "small": Shape(768, 3072, 12, 12),
    "medium": Shape(1024, 4096, 24, 16),
    "large": Shape(1280, 5120, 36, 20),
    "xl": Shape(2560, 10_240, 32, 32),
    "10B": Shape(4608, 12_288, 50, 36),
}


class RMSNorm(nn.Module):
    """x / sqrt(mean(x^2) + eps) * weight, in the type of x or wider."""

    def __init__(self, width: int, eps: float = 1e-5) -> None:
        super().__init__()
        self.weight, self.eps = nn.Parameter(torch.ones(width)), eps

    def forward(self, x: Tensor) -> Tensor:
        return x * torch.rsqrt(x.square().mean(dim=-1, keepdim=True) + self.eps) * self.weight


class SelfAttention(nn.Module):
    """Causal attention with N heads: q, k, v and out are matrices from width to width."""

    def __init__(self, width: int, n_heads: int) -> None:
        super().__init__()
        self.n_heads = n_heads
        self.q, self.k, self.v, self.out = (nn.Linear(width, width, bias=False) for _ in range(4))

    def forward(self, x: Tensor) -> Tensor:
        heads = [x_to(x).unflatten(-1, (self.n_heads, -1)) for x_to in (self.q, self.k, self.v)]
        mixed = attention(*(x.transpose(-3, -2) for x in heads), is_causal=True)
        return self.out(mixed.transpose(-3, -2).flatten(-2))


class SwiGLU(nn.Module):
    """down(silu(gate(x)) * up(x))"""

    def __init__(self, width: int, ff_width: int) -> None:
        super().__init__()
        self.gate = nn.Linear(width, ff_width, bias=False)
        self.up = nn.Linear(width, ff_width, bias=False)
        self.down = nn.Linear(ff_width, width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.down(F.silu(self.gate(x)) * self.up(x))


class Block(nn.Module):
    """x + attention(norm(x)), then x + ffn(norm(x))."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.attention_norm, self.ffn_norm = RMSNorm(shape.width), RMSNorm(shape.width)
        self.attention = SelfAttention(shape.width, shape.n_heads)
        self.ffn = SwiGLU(shape.width, shape.ff_width)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attention(self.attention_norm(x))
        return x + self.ffn(self.ffn_norm(x))


class Transformer(nn.Module):
    """ids (B, T) -> logits (B, T, V). The output projection has a matrix of its own."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.embedding = nn.Embedding(shape.vocab_size, shape.width)
        self.blocks = nn.ModuleList(Block(shape) for _ in range(shape.n_layers))
        self.norm = RMSNorm(shape.width)
        self.head = nn.Linear(shape.width, shape.vocab_size, bias=False)

    def forward(self, ids: Tensor) -> Tensor:
        x = self.embedding(ids)
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x))


def loss_of(model: nn.Module, ids: Tensor, targets: Tensor) -> Tensor:
    """The mean cross-entropy of the next token, in float32."""
    return F.cross_entropy(model(ids).flatten(0, -2).float(), targets.flatten())


def on_paper(shape: Shape) -> Transformer:
    """A model whose tensors have shapes and types but no numbers: of any size, in no memory."""
    with torch.device("meta"):
        return Transformer(shape)
