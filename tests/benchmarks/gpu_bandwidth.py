"""Contests that only memory can limit, against a copy: it moves as many bytes, and no more."""

from collections.abc import Callable, Iterator
from functools import partial

import torch
import torch.nn.functional as F
from gpu_contest import Contest, Contestant
from gpu_inputs import BF16, OF_COPY, Sizes, compiled, copy, draw, simple
from torch import Tensor

from lib.kernels.adamw import adamw_step
from lib.kernels.gelu import gelu
from lib.kernels.layer_norm import layer_norm
from lib.kernels.rms_norm import rms_norm
from lib.kernels.rope import rope
from lib.kernels.row_sum import row_sum
from lib.kernels.softmax import softmax
from lib.kernels.swiglu import swiglu
from lib.kernels.vector_add import vector_add


def bandwidth(device: str, sizes: Sizes) -> Iterator[Contest]:
    """Work that only memory can limit, against a copy of the same size."""
    R, D = sizes.rows, 2 * sizes.width
    n, like = 2 * R * D, partial(draw, device)  # bytes of one tensor

    def contest(
        name: str, ours: Callable, peer: Callable, n_bytes: float, *shapes: tuple, dtype=BF16
    ) -> Contest:
        def prepare() -> dict[str, Contestant]:
            args = [like(*shape, dtype=dtype) for shape in shapes]
            both = {"ours": simple(ours, *args), "PyTorch": simple(peer, *args)}
            return both | {"copy": copy(device, n_bytes)}

        return Contest(f"{name}, {R} x {D}", prepare, OF_COPY, bytes=n_bytes)

    x, w = (R, D), (D,)
    tanh = partial(F.gelu, approximate="tanh")
    yield contest("vector add", vector_add, torch.add, 3 * n, x, x)
    yield contest("GELU", gelu, tanh, 2 * n, x)
    yield contest("SwiGLU", swiglu, lambda a, b: F.silu(a) * b, 3 * n, x, x)
    yield contest("softmax", softmax, partial(torch.softmax, dim=-1), 2 * n, x)
    yield contest("row sum", row_sum, partial(torch.sum, dim=-1), n, x)
    yield contest("RMSNorm", rms_norm, partial(_rms_norm, eps=1e-5), 2 * n, x, w)
    yield contest("LayerNorm", layer_norm, _layer_norm, 2 * n, x, w, w)
    yield Contest(f"RoPE, {R} x {D}", partial(_rope, device, R, D), OF_COPY, bytes=2 * n)
    seven = 7 * 4 * sizes.parameters  # reads four tensors of float32, writes three
    yield Contest(
        f"AdamW, {sizes.parameters} parameters in float32",
        partial(_adamw, device, sizes.parameters),
        OF_COPY,
        bytes=seven,
        within=1e-5,
    )


def _rms_norm(x: Tensor, weight: Tensor, eps: float = 1e-5) -> Tensor:
    return F.rms_norm(x, weight.shape, weight, eps)


def _layer_norm(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    return F.layer_norm(x, weight.shape, weight, bias)


def _rope(device: str, R: int, D: int) -> dict[str, Contestant]:
    H = 128 if D % 128 == 0 else 8
    N = D // H
    x, angles = draw(device, 1, R, N, H), torch.rand(R, H // 2, device=device)
    cos, sin = angles.cos(), angles.sin()

    def plain(x: Tensor) -> Tensor:
        a, b = x.float().chunk(2, dim=-1)
        c, s = cos[:, None], sin[:, None]
        return torch.cat([a * c - b * s, a * s + b * c], dim=-1).to(x.dtype)

    return {
        "ours": simple(rope, x, cos, sin, True),
        "torch.compile": simple(compiled(plain), x),
        "copy": copy(device, 4 * R * D),
    }


def _adamw(device: str, n: int) -> dict[str, Contestant]:
    start = torch.randn(n, device=device)
    grad = torch.randn(n, device=device)
    rest = {"lr": 1e-3, "eps": 1e-8, "weight_decay": 0.1}

    def ours() -> Contestant:
        param, m, v = start.clone(), torch.zeros_like(start), torch.zeros_like(start)
        steps = [0]

        def run() -> tuple[Tensor, ...]:
            steps[0] += 1
            adamw_step(param, grad, m, v, beta1=0.9, beta2=0.95, step=steps[0], **rest)
            return (param[:1000],)

        return Contestant(run)

    def theirs() -> Contestant:
        param = torch.nn.Parameter(start.clone())
        param.grad = grad
        optimizer = torch.optim.AdamW([param], betas=(0.9, 0.95), fused=True, **rest)

        def run() -> tuple[Tensor, ...]:
            optimizer.step()
            return (param[:1000],)

        return Contestant(run)

    return {"ours": ours(), "PyTorch, fused": theirs(), "copy": copy(device, 28 * n)}


CUDA_C = r"""
extern "C" __global__ void gelu(const float* x, float* out, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) {
        float v = x[i];
        float a = 0.7978845608f * (v + 0.044715f * v * v * v);
        out[i] = 0.5f * v * (1.0f + tanhf(a));
    }
}
"""


def gelu_five_ways(device: str, n: int) -> Iterator[Contest]:
    def by_hand(x: Tensor) -> Tensor:
        return 0.5 * x * (1 + torch.tanh(0.7978845608 * (x + 0.044715 * x * x * x)))

    def prepare() -> dict[str, Contestant]:
        x = draw(device, n, n, dtype=torch.float32)
        found = {
            "ours": simple(gelu, x),
            "by hand": simple(by_hand, x),
            "built in": simple(partial(F.gelu, approximate="tanh"), x),
            "torch.compile": simple(compiled(by_hand), x),
        }
        if torch.cuda.is_available():
            found["CUDA C"] = Contestant(_in_cuda(x))
        return found

    yield Contest(f"GELU five ways, {n} x {n} float32", prepare, bytes=8 * n * n, within=1e-5)


def _in_cuda(x: Tensor) -> Callable[[], tuple[Tensor, ...]]:
    """One number per thread; compiled when it first runs. PyTorch passes integers as int."""
    kernel = []

    def run() -> tuple[Tensor, ...]:
        if not kernel:
            kernel.append(torch.cuda._compile_kernel(CUDA_C, "gelu"))
        out = torch.empty_like(x)
        blocks = (x.numel() + 255) // 256
        kernel[0](grid=(blocks, 1, 1), block=(256, 1, 1), args=(x, out, x.numel()))
        return (out,)

    return run
