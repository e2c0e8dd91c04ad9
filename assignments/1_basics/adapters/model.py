"""What the tests of part 2 call. If you arrange your code in another way, change the line here.

Modules keep their learned numbers under the names that the texts of their classes give: the tests
load weights with `load_state_dict`.
"""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

from basics import attention as attending
from basics import layers, loss, optimizer, schedule, transformer
from basics import rope as turning


def linear(d_in: int, d_out: int, **options: Any) -> nn.Module:
    """Called with (..., d_in). Options of all modules: device, dtype."""
    return layers.Linear(d_in, d_out, **options)


def embedding(n: int, width: int, **options: Any) -> nn.Module:
    """Called with ids (...)."""
    return layers.Embedding(n, width, **options)


def rms_norm(width: int, eps: float = 1e-5, **options: Any) -> nn.Module:
    """Called with (..., width)."""
    return layers.RMSNorm(width, eps, **options)


def silu(x: Tensor) -> Tensor:
    return layers.silu(x)


def default_ff_width(width: int) -> int:
    return layers.default_ff_width(width)


def swiglu(width: int, ff_width: int, **options: Any) -> nn.Module:
    """Called with (..., width)."""
    return layers.SwiGLU(width, ff_width, **options)


def rope(theta: float, head_width: int, context: int) -> nn.Module:
    """Called with x (..., T, H) and positions (..., T)."""
    return turning.RoPE(theta, head_width, context)


def softmax(x: Tensor, dim: int) -> Tensor:
    return attending.softmax(x, dim)


def attention(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None = None) -> Tensor:
    return attending.attention(q, k, v, mask)


def self_attention(
    width: int,
    n_heads: int,
    theta: float | None = None,
    context: int | None = None,
    **options: Any,
) -> nn.Module:
    """Called with x (..., T, D), and perhaps positions (T,). Without theta it has no RoPE."""
    turn = None if theta is None else turning.RoPE(theta, width // n_heads, context)
    return attending.SelfAttention(width, n_heads, turn, **options)


def block(
    width: int, n_heads: int, ff_width: int, theta: float, context: int, **options: Any
) -> nn.Module:
    """Called with x (..., T, D)."""
    turn = turning.RoPE(theta, width // n_heads, context)
    return transformer.Block(width, n_heads, ff_width, turn, **options)


def language_model(
    vocab_size: int,
    context: int,
    n_layers: int,
    width: int,
    n_heads: int,
    ff_width: int,
    theta: float,
    **options: Any,
) -> nn.Module:
    """Called with token ids (..., T)."""
    return transformer.Transformer(
        vocab_size, context, n_layers, width, n_heads, ff_width, theta, **options
    )


def cross_entropy(logits: Tensor, targets: Tensor) -> Tensor:
    return loss.cross_entropy(logits, targets)


def adamw(params: Iterable[Any], **settings: Any) -> torch.optim.Optimizer:
    """Settings: lr, betas, eps, weight_decay."""
    return optimizer.AdamW(params, **settings)


def learning_rate(
    step: int, highest: float, lowest: float, warmup_steps: int, cosine_steps: int
) -> float:
    return schedule.learning_rate(step, highest, lowest, warmup_steps, cosine_steps)


def clip_gradients(params: Iterable[Tensor], max_norm: float) -> Tensor:
    return optimizer.clip_gradients(params, max_norm)
