"""Rotary positions (Su et al., arXiv 2104.09864): every pair of coordinates turned by its angle.

    first' = first cos - second sin        second' = first sin + second cos

Pairs are neighbours (coordinates 2i and 2i + 1) or stand half a width apart (i and i + P). What
lies beyond the pairs is copied. A program turns the heads of one position, so it reads the angles
once for all of them. The gradient is turned back: by the same angles with the other sign.
Letters: B sequences, T positions, N heads, H width of a head, P pairs that turn, 2 P <= H.
"""

import torch
from torch import Tensor

from lib.kernels.backend import runs_kernel
from lib.kernels.checks import check_float, check_same_device, check_shape
from lib.kernels.language import cdiv, jit, next_power_of_2, tl

TILE = 2048  # pairs of a program
PER_THREAD = 8  # pairs of a thread: 16 bytes of each side in bfloat16


@jit
def rope_kernel(
    x_ptr, cos_ptr, sin_ptr, out_ptr, x_b, x_t, x_n, angle_b, angle_t, T, N, H, P,
    HALF: tl.constexpr, BACK: tl.constexpr,
    HEADS: tl.constexpr, PAIRS: tl.constexpr, REST: tl.constexpr,
):  # fmt: skip
    """Strides end in the letter of their axis; PAIRS and REST are powers of two, or REST is 0."""
    position = tl.program_id(0).to(tl.int64)  # of all B T
    b, t = position // T, position % T
    heads = tl.program_id(1) * HEADS + tl.arange(0, HEADS)[:, None]
    x_ptr += b * x_b + t * x_t
    out_ptr += position * N * H
    pairs = tl.arange(0, PAIRS)[None, :]
    angle = b * angle_b + t * angle_t + pairs
    cos = tl.load(cos_ptr + angle, mask=pairs < P, other=0).to(tl.float32)
    sin = tl.load(sin_ptr + angle, mask=pairs < P, other=0).to(tl.float32)
    if BACK:
        sin = -sin
    if HALF:
        inside = (heads < N) & (pairs < P)
        first = tl.load(x_ptr + heads * x_n + pairs, mask=inside).to(tl.float32)
        second = tl.load(x_ptr + heads * x_n + P + pairs, mask=inside).to(tl.float32)
        tl.store(out_ptr + heads * H + pairs, first * cos - second * sin, mask=inside)
        tl.store(out_ptr + heads * H + P + pairs, first * sin + second * cos, mask=inside)
    else:
        columns = tl.arange(0, 2 * PAIRS)[None, :]
        inside = (heads < N) & (columns < 2 * P)
        x = tl.load(x_ptr + heads * x_n + columns, mask=inside).to(tl.float32)
        first, second = tl.split(tl.reshape(x, (HEADS, PAIRS, 2)))
        turned = tl.join(first * cos - second * sin, first * sin + second * cos)
        out = tl.reshape(turned, (HEADS, 2 * PAIRS))
        tl.store(out_ptr + heads * H + columns, out, mask=inside)
    if REST:
        columns = 2 * P + tl.arange(0, REST)[None, :]
        inside = (heads < N) & (columns < H)
        x = tl.load(x_ptr + heads * x_n + columns, mask=inside)
        tl.store(out_ptr + heads * H + columns, x, mask=inside)


def rope_plain(x: Tensor, cos: Tensor, sin: Tensor, half: bool) -> Tensor:
    """The twin."""
    n_pairs = cos.shape[-1]
    turned, rest = x[..., : 2 * n_pairs], x[..., 2 * n_pairs :]
    cos, sin = cos.unsqueeze(-2), sin.unsqueeze(-2)  # the same for all heads
    pairs = turned.unflatten(-1, (2, n_pairs) if half else (n_pairs, 2))
    first, second = pairs.unbind(-2 if half else -1)
    pairs = torch.stack(
        [first * cos - second * sin, first * sin + second * cos], -2 if half else -1
    )
    return torch.cat([pairs.flatten(-2).to(x.dtype), rest], dim=-1)


@torch.library.custom_op("kernels::rope", mutates_args=())
def rope_op(x: Tensor, cos: Tensor, sin: Tensor, half: bool, back: bool) -> Tensor:
    """`back` turns by the negative angles."""
    x = x if x.stride(-1) == 1 else x.contiguous()
    cos, sin = cos.contiguous(), sin.contiguous()
    B, T, N, H = x.shape
    P = cos.shape[-1]
    out = torch.empty(B, T, N, H, dtype=x.dtype, device=x.device)
    if out.numel():
        n_pairs, n_rest = next_power_of_2(P), next_power_of_2(H - 2 * P) if H > 2 * P else 0
        n_heads = min(next_power_of_2(N), max(1, TILE // n_pairs))
        warps = min(max(n_heads * n_pairs // (32 * PER_THREAD), 1), 8)
        angle_strides = (T * P if cos.ndim == 3 else 0), P
        rope_kernel[(B * T, cdiv(N, n_heads))](
            x, cos, sin, out, *x.stride()[:3], *angle_strides, T, N, H, P,
            HALF=half, BACK=back, HEADS=n_heads, PAIRS=n_pairs, REST=n_rest, num_warps=warps,
        )  # fmt: skip
    return out


@rope_op.register_fake
def _(x: Tensor, cos: Tensor, sin: Tensor, half: bool, back: bool) -> Tensor:
    return torch.empty_like(x, memory_format=torch.contiguous_format)


class RoPE(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x: Tensor, cos: Tensor, sin: Tensor, half: bool) -> Tensor:
        ctx.save_for_backward(cos, sin)
        ctx.half = half
        return rope_op(x, cos, sin, half, False)

    @staticmethod
    def backward(ctx, grad: Tensor) -> tuple[Tensor, None, None, None]:
        return rope_op(grad, *ctx.saved_tensors, ctx.half, True), None, None, None


def rope(x: Tensor, cos: Tensor, sin: Tensor, half: bool) -> Tensor:
    """x (B, T, N, H) turned by angles (T, P), or (B, T, P) where sequences differ in them.

    `half` pairs i with i + P, else 2i with 2i + 1. The angles get no gradient from the kernel.
    """
    B, T, _, H = x.shape
    P = cos.shape[-1]
    check_shape("rope", "cos", cos, (T, P) if cos.ndim == 2 else (B, T, P))
    check_shape("rope", "sin", sin, tuple(cos.shape))
    check_same_device("rope", x=x, cos=cos, sin=sin)
    if not 0 < 2 * P <= H:
        raise ValueError(
            f"{P} pairs are {2 * P} coordinates, and a head of x has {H}. "
            f"Give angles for 1 to {H // 2} pairs."
        )
    if not runs_kernel(x):
        return rope_plain(x, cos, sin, half)
    check_float("rope", x=x, cos=cos, sin=sin)
    return RoPE.apply(x, cos, sin, half)
