"""The feed-forward layer: every position is widened, bent, and narrowed again, by itself.

Letters: B sequences, T positions, D width, F feed-forward width.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from lib.model.config import ModelConfig
from lib.model.linear import Linear


class SwiGLU(nn.Module):
    """down(SiLU(gate x) * up x): one product opens or closes the other (arXiv 2002.05202)."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        D, wide, dtype = config.width, config.ff_width, getattr(torch, config.dtype)
        self.gate = Linear(D, wide, config.bias, dtype)
        self.up = Linear(D, wide, config.bias, dtype)
        self.down = Linear(wide, D, config.bias, dtype)

    def forward(self, x: Float[Tensor, "B T D"]) -> Float[Tensor, "B T D"]:
        return self.down(F.silu(self.gate(x)) * self.up(x))


class GELU(nn.Module):
    """down(GELU(up x)), as in GPT-2, which used the approximation of GELU by tanh (1606.08415)."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        D, wide, dtype = config.width, config.ff_width, getattr(torch, config.dtype)
        self.approximate = "tanh" if config.ffn == "gelu_tanh" else "none"
        self.up = Linear(D, wide, config.bias, dtype)
        self.down = Linear(wide, D, config.bias, dtype)

    def forward(self, x: Float[Tensor, "B T D"]) -> Float[Tensor, "B T D"]:
        return self.down(F.gelu(self.up(x), approximate=self.approximate))


def make_ffn(config: ModelConfig) -> SwiGLU | GELU:
    """The feed-forward layer that the config names."""
    return SwiGLU(config) if config.ffn == "swiglu" else GELU(config)
