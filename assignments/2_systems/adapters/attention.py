"""What the tests of part 2 call. If you arrange your code in another way, change the line here."""

from torch import Tensor

from systems import flash, flash_triton


def flash_attention(q: Tensor, k: Tensor, v: Tensor, is_causal: bool = False) -> Tensor:
    """In plain PyTorch; the result's grad_fn holds what was saved."""
    return flash.FlashAttention.apply(q, k, v, is_causal)


def flash_attention_triton(q: Tensor, k: Tensor, v: Tensor, is_causal: bool = False) -> Tensor:
    """With a kernel, on a GPU or in the interpreter."""
    return flash_triton.FlashAttentionTriton.apply(q, k, v, is_causal)
