"""Contests on tensor cores: products of matrices, and attention."""

from collections.abc import Callable, Iterator
from functools import partial

import torch
import torch.nn.functional as F
from gpu_contest import Contest, Contestant
from gpu_inputs import BF16, OF_BOTH, OF_CUBLAS, OF_FORWARD, Sizes, copy, draw, simple
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from lib.kernels.flash_attention import flash_attention
from lib.kernels.int8_matmul import int8_matmul, quantize_rows
from lib.kernels.matmul import matmul


def products(device: str, sizes: Sizes) -> Iterator[Contest]:
    """Square matrices against cuBLAS, and the thin ones of generating text with 8-bit weights."""

    def prepare(n: int) -> dict[str, Contestant]:
        a, b = draw(device, n, n), draw(device, n, n)
        return {"ours": simple(matmul, a, b), "cuBLAS": simple(torch.matmul, a, b)}

    for n in sizes.products:
        target = OF_CUBLAS if n == max(sizes.products) else None
        yield Contest(
            f"matmul, {n} x {n} x {n}", partial(prepare, n), target, 3 * 2 * n * n, 2 * n**3
        )

    def thin(M: int, n: int) -> dict[str, Contestant]:
        x, weight = draw(device, M, n), draw(device, n, n)
        codes, scales = quantize_rows(weight.float())
        whole = (codes.float() * scales.float()[:, None]).to(BF16)
        return {
            "ours": simple(int8_matmul, x, codes, scales),
            "cuBLAS, bfloat16 weights": simple(F.linear, x, whole),
            "copy": copy(device, n * n),
        }

    n = 2 * max(sizes.products)
    for M in (1, 16):
        yield Contest(f"int8 matmul, {M} x {n} x {n}", partial(thin, M, n), bytes=n * n)


BACKENDS = {
    "SDPA flash": SDPBackend.FLASH_ATTENTION,
    "SDPA cuDNN": SDPBackend.CUDNN_ATTENTION,
    "SDPA efficient": SDPBackend.EFFICIENT_ATTENTION,
}


def attention(device: str, sizes: Sizes) -> Iterator[Contest]:
    """As many positions at every length, so that short and long ones move the same tensors."""
    for back in (False, True):
        for H in (64, 128):
            for causal in (True, False):
                for T in sizes.lengths:
                    yield _attention(device, sizes, T, H, causal, back)


def _attention(device: str, sizes: Sizes, T: int, H: int, causal: bool, back: bool) -> Contest:
    B, N = max(sizes.lengths) // T, sizes.heads // H

    def prepare() -> dict[str, Contestant]:
        ours = [draw(device, B, T, N, H, grad=back) for _ in range(3)]
        theirs = [x.detach().transpose(1, 2).contiguous().requires_grad_(back) for x in ours]
        grad = draw(device, B, T, N, H)
        turned = grad.transpose(1, 2).contiguous()
        found = {"ours": Contestant(partial(run, own, ours, grad, False))}
        for name, backend in BACKENDS.items():
            attend = partial(_sdpa, backend, causal)
            found[name] = Contestant(partial(run, attend, theirs, turned, True))
        return found

    def own(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        return flash_attention(q, k, v, causal=causal)

    def run(fn: Callable, qkv: list[Tensor], grad: Tensor, turn: bool) -> tuple[Tensor, ...]:
        out = fn(*qkv)
        answer = (out, *torch.autograd.grad(out, qkv, grad)) if back else (out,)
        return tuple(x.transpose(1, 2) for x in answer) if turn else answer

    passes = "forward and backward" if back else "forward"
    decisive = causal and H == 128 and T == 8192
    target = (OF_BOTH if back else OF_FORWARD) if decisive else None
    flops = 4 * B * T * T * N * H * (0.5 if causal else 1) * (3.5 if back else 1)
    work = f"attention {passes}, {'causal' if causal else 'full'}, head {H}, {T}"
    n_tensors = 11 if back else 4  # q k v out; and back again with their gradients
    return Contest(work, prepare, target, bytes=n_tensors * 2 * B * T * N * H, flops=flops)


def _sdpa(backend: SDPBackend, causal: bool, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    with sdpa_kernel(backend):
        return F.scaled_dot_product_attention(q, k, v, is_causal=causal)
