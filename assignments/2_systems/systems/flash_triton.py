"""The same forward pass as one kernel in Triton, which a GPU runs, or the interpreter on a CPU.

Letters and conventions as in flash.py. T and S are multiples of TILE here, H a power of two from 16
to 128.
"""

from typing import Any

import torch
from torch import Tensor

from lib.grading.feedback import todo
from lib.kernels.language import jit, tl
from systems.flash import FlashAttention

TILE = 16


@jit
def flash_kernel(
    q_ptr, k_ptr, v_ptr, out_ptr, lse_ptr, T, S, scale,
    H: tl.constexpr, BLOCK: tl.constexpr, CAUSAL: tl.constexpr,
):  # fmt: skip
    """One program: BLOCK queries of one sequence. Grid: (T / BLOCK, B). All tensors contiguous.

    It loops over the tiles of keys with m, l and o in float32 (tl.dot with
    input_precision="ieee"). exp(scores - m) is cast to v's type before it meets v. Writes the
    result in the type of out_ptr and L = m + log l in float32.
    """
    todo("2.4", "start from tl.program_id and tl.arange; load a tile of q, then the loop.")


class FlashAttentionTriton(torch.autograd.Function):
    """FlashAttentionTriton.apply(q, k, v, is_causal), with the backward pass of FlashAttention."""

    @staticmethod
    def forward(ctx: Any, q: Tensor, k: Tensor, v: Tensor, is_causal: bool = False) -> Tensor:
        """Launch flash_kernel[grid](...), and save what FlashAttention.forward saves."""
        return todo("2.4", "make q, k, v contiguous; torch.empty for the result and for L.")

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        """Complete, once FlashAttention has it."""
        return FlashAttention.backward(ctx, grad)
