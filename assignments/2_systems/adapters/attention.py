"""What the tests of part 2 call. If you arrange your code in another way, change the line here."""

from collections.abc import Callable
from typing import Any

from torch import Tensor

from systems import compiling, flash, flash_triton


def flash_attention(q: Tensor, k: Tensor, v: Tensor, is_causal: bool = False) -> Tensor:
    """In plain PyTorch; the result's grad_fn holds what was saved."""
    return flash.FlashAttention.apply(q, k, v, is_causal)


def flash_attention_triton(q: Tensor, k: Tensor, v: Tensor, is_causal: bool = False) -> Tensor:
    """With a kernel, on a GPU or in the interpreter."""
    return flash_triton.FlashAttentionTriton.apply(q, k, v, is_causal)


def graphs(function: Callable[..., Any], *calls: tuple) -> tuple[list[int], list[Any]]:
    """Operations of each graph, and results of the calls."""
    return compiling.graphs(function, *calls)
