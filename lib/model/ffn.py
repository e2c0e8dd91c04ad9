"""The feed-forward layer: every position is widened, bent, and narrowed again, by itself.

Letters: B sequences, T positions, D width, F feed-forward width.
"""

from functools import partial

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from lib.kernels.gelu import gelu
from lib.kernels.swiglu import swiglu
from lib.model.choices import GATES
from lib.model.config import ModelConfig
from lib.model.linear import Linear


def squared_relu(x: Float[Tensor, "*S"]) -> Float[Tensor, "*S"]:
    """relu(x) squared (Primer, So et al., 2021)."""
    return F.relu(x).square()


ACTIVATIONS = {
    "relu": F.relu,
    "relu2": squared_relu,
    "silu": F.silu,  # x sigmoid(x), also called Swish
    "gelu": F.gelu,  # x Phi(x), Phi the normal distribution's (arXiv 1606.08415)
    "gelu_tanh": partial(F.gelu, approximate="tanh"),  # as in GPT-2
}


class GatedFFN(nn.Module):
    """down(bend(gate x) * up x): one product opens or closes the other (arXiv 2002.05202).

    With SiLU it is called SwiGLU, with GELU GeGLU, with ReLU ReGLU.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        D, wide, dtype = config.width, config.ff_width, getattr(torch, config.dtype)
        self.bend = ACTIVATIONS[GATES[config.ffn]]
        self.fused = config.kernels and config.ffn == "swiglu"
        self.gate = Linear(D, wide, config.bias, dtype)
        self.up = Linear(D, wide, config.bias, dtype)
        self.down = Linear(wide, D, config.bias, dtype)

    def forward(self, x: Float[Tensor, "B T D"]) -> Float[Tensor, "B T D"]:
        gate, up = self.gate(x), self.up(x)
        return self.down(swiglu(gate, up) if self.fused else self.bend(gate) * up)


class PlainFFN(nn.Module):
    """down(bend(up x)), as in the first Transformer and in GPT-2."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        D, wide, dtype = config.width, config.ff_width, getattr(torch, config.dtype)
        fused = config.kernels and config.ffn == "gelu_tanh"
        self.bend = gelu if fused else ACTIVATIONS[config.ffn]
        self.up = Linear(D, wide, config.bias, dtype)
        self.down = Linear(wide, D, config.bias, dtype)

    def forward(self, x: Float[Tensor, "B T D"]) -> Float[Tensor, "B T D"]:
        return self.down(self.bend(self.up(x)))


def make_ffn(config: ModelConfig) -> GatedFFN | PlainFFN:
    """The feed-forward layer that the config names."""
    return GatedFFN(config) if config.is_gated else PlainFFN(config)
