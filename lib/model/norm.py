"""Normalisation: give every position's vector the same size, then let the model scale it again.

Squares and means are taken in float32, whatever comes in, and the result is cast back: a sum of
squares in bfloat16 has two or three digits, and in float16 it overflows from 65,504 on.
D is the width.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from lib.kernels.layer_norm import layer_norm as fused_layer_norm
from lib.kernels.rms_norm import rms_norm as fused_rms_norm
from lib.model.config import ModelConfig


def rms_norm(
    x: Float[Tensor, "*B D"], weight: Float[Tensor, " D"], eps: float
) -> Float[Tensor, "*B D"]:
    """Divide by the root of the mean square (Zhang & Sennrich, arXiv 1910.07467)."""
    wide = at_least_float32(x)
    size = torch.sqrt(wide.square().mean(dim=-1, keepdim=True) + eps)
    return (wide / size * weight).to(x.dtype)


def layer_norm(
    x: Float[Tensor, "*B D"],
    weight: Float[Tensor, " D"],
    bias: Float[Tensor, " D"] | None,
    eps: float,
) -> Float[Tensor, "*B D"]:
    """Subtract the mean first, then do the same (Ba et al., arXiv 1607.06450)."""
    wide = at_least_float32(x)
    wide = wide - wide.mean(dim=-1, keepdim=True)
    size = torch.sqrt(wide.square().mean(dim=-1, keepdim=True) + eps)
    scaled = wide / size * weight
    return (scaled if bias is None else scaled + bias).to(x.dtype)


def at_least_float32(x: Float[Tensor, "*S"]) -> Float[Tensor, "*S"]:
    """float64 stays what it is: tests compare in it."""
    return x.to(torch.promote_types(x.dtype, torch.float32))


class RMSNorm(nn.Module):
    """`rms_norm` with a learned scale, at first one.

    With `offset` the scale is one plus the weight, at first zero, as in Gemma: weight decay would
    pull it to one.
    """

    def __init__(
        self,
        width: int,
        eps: float,
        dtype: torch.dtype,
        offset: bool = False,
        kernels: bool = False,
    ) -> None:
        super().__init__()
        self.eps, self.offset, self.kernels = eps, offset, kernels
        self.weight = nn.Parameter(torch.full((width,), 0.0 if offset else 1.0, dtype=dtype))

    def forward(self, x: Float[Tensor, "*B D"]) -> Float[Tensor, "*B D"]:
        if self.kernels:
            return fused_rms_norm(x, self.weight, self.eps, offset=float(self.offset))
        scale = at_least_float32(self.weight) + 1 if self.offset else self.weight
        return rms_norm(x, scale, self.eps)


class LayerNorm(nn.Module):
    """`layer_norm` with a learned scale, at first one, and a learned shift, at first zero."""

    def __init__(
        self,
        width: int,
        eps: float,
        bias: bool,
        dtype: torch.dtype,
        offset: bool = False,
        kernels: bool = False,
    ) -> None:
        super().__init__()
        self.eps, self.offset, self.kernels = eps, offset, kernels
        self.weight = nn.Parameter(torch.full((width,), 0.0 if offset else 1.0, dtype=dtype))
        self.bias = nn.Parameter(torch.zeros(width, dtype=dtype)) if bias else None

    def forward(self, x: Float[Tensor, "*B D"]) -> Float[Tensor, "*B D"]:
        if self.kernels:
            return fused_layer_norm(x, self.weight, self.bias, self.eps, offset=float(self.offset))
        scale = at_least_float32(self.weight) + 1 if self.offset else self.weight
        return layer_norm(x, scale, self.bias, self.eps)


def make_norm(config: ModelConfig) -> RMSNorm | LayerNorm | nn.Identity:
    """The norm of the stream that the config names; "none" leaves everything as it is."""
    dtype, options = getattr(torch, config.dtype), (config.norm_offset, config.kernels)
    if config.norm == "none":
        return nn.Identity()
    if config.norm == "layer":
        return LayerNorm(config.width, config.norm_eps, config.bias, dtype, *options)
    return RMSNorm(config.width, config.norm_eps, dtype, *options)


def make_qk_norm(config: ModelConfig, n_heads: int) -> RMSNorm:
    """For queries or keys: one scale that all heads share, or one over `n_heads` heads together.

    Scores are then bounded by the scales, whatever the weights grow to (arXiv 2010.04245).
    """
    width = config.head_width * (n_heads if config.qk_norm == "all" else 1)
    dtype, options = getattr(torch, config.dtype), (config.norm_offset, config.kernels)
    return RMSNorm(width, config.norm_eps, dtype, *options)
