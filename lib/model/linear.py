"""The matrix product with learned weights, which holds nearly all parameters and all the FLOPs."""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn


class Linear(nn.Module):
    """y = W x + b, computed in the dtype of x.

    Weights may thus be kept in float32 while the activations are bfloat16. All weights are zero
    until `init.initialise` draws them.
    """

    def __init__(self, d_in: int, d_out: int, bias: bool, dtype: torch.dtype) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(d_out, d_in, dtype=dtype))
        self.bias = nn.Parameter(torch.zeros(d_out, dtype=dtype)) if bias else None

    def forward(self, x: Float[Tensor, "*B d_in"]) -> Float[Tensor, "*B d_out"]:
        return linear(x, self.weight, self.bias)

    def extra_repr(self) -> str:
        d_out, d_in = self.weight.shape
        return f"{d_in} -> {d_out}, bias={self.bias is not None}"


def linear(
    x: Float[Tensor, "*B d_in"],
    weight: Float[Tensor, "d_out d_in"],
    bias: Float[Tensor, " d_out"] | None = None,
) -> Float[Tensor, "*B d_out"]:
    """Weights cast to the dtype of x, their gradients back to their own."""
    return F.linear(x, weight.to(x.dtype), None if bias is None else bias.to(x.dtype))
