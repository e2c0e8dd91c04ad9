"""Soft-capping: numbers that may grow without bound are bent so that they stay within a limit.

Near zero nothing changes; far out the gradient dies. Gemma 2 (arXiv 2408.00118) caps attention
scores at 50 and logits at 30.
"""

from jaxtyping import Float
from torch import Tensor


def soft_cap(x: Float[Tensor, "*S"], cap: float | None) -> Float[Tensor, "*S"]:
    """cap * tanh(x / cap); without a cap, x."""
    return x if cap is None else cap * (x / cap).tanh()
