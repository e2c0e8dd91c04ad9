"""Every op inside torch.compile, against itself outside; test_compile_with_torch runs this script.

It is a process of its own, since the checks of annotations that tests switch on in lib/ are code
that torch.compile cannot read. Prints one JSON object: per case what went wrong, "" if nothing.
Add an op by adding a line to CASES; names after the script run only those.
"""

import functools
import json
import sys
import traceback
from collections.abc import Callable

import torch
from torch import Tensor

from lib.kernels.adamw import adamw_step
from lib.kernels.backend import backend
from lib.kernels.block_quantize import dequantize_blocks, quantize_blocks
from lib.kernels.cross_entropy import cross_entropy
from lib.kernels.flash_attention import flash_attention
from lib.kernels.gelu import gelu, gelu_overflow
from lib.kernels.int8_matmul import int8_matmul, quantize_rows
from lib.kernels.language import interprets
from lib.kernels.layer_norm import layer_norm
from lib.kernels.linear_cross_entropy import linear_cross_entropy
from lib.kernels.matmul import matmul
from lib.kernels.rms_norm import rms_norm
from lib.kernels.rope import rope
from lib.kernels.row_sum import row_sum
from lib.kernels.softmax import softmax
from lib.kernels.swiglu import swiglu
from lib.kernels.vector_add import vector_add

PLACE = "cpu" if interprets() else "cuda"
INT8 = quantize_rows(torch.arange(35.0, device=PLACE).view(7, 5))


def turned(x: Tensor, angles: Tensor, half: bool) -> Tensor:
    return rope(x, angles.detach().cos(), angles.detach().sin(), half)


def after_a_step(param: Tensor, grad: Tensor) -> Tensor:
    param, m, v = param.detach().clone(), torch.zeros_like(param), torch.zeros_like(param)
    numbers = {"beta1": 0.9, "beta2": 0.99, "eps": 1e-8, "weight_decay": 0.1, "step": 3}
    adamw_step(param, grad.detach(), m, v, lr=0.1, **numbers)
    return param + grad


def there_and_back(x: Tensor) -> Tensor:
    codes, scales = quantize_blocks(x.detach(), "mxfp4")
    return dequantize_blocks(codes, scales, "mxfp4") + x


def loss_of(product: Tensor, **options: object) -> Tensor:
    ids = torch.arange(len(product), device=product.device)
    return cross_entropy(product * 2, ids, z_loss=0.1, **options)


def loss_of_the_last_layer(hidden: Tensor, weight: Tensor) -> Tensor:
    ids = torch.arange(len(hidden), device=hidden.device)
    return linear_cross_entropy(hidden * 2, weight, ids, chunk=2)


# name: (function of tensors, their shapes); tensors are float32 and want gradients
CASES: dict[str, tuple[Callable[..., Tensor], list[tuple[int, ...]]]] = {
    "vector_add": (vector_add, [(7,), (7,)]),
    "gelu": (gelu, [(3, 5)]),
    "gelu_overflow": (lambda x: gelu_overflow(x.detach()) + x, [(3, 5)]),
    "softmax": (softmax, [(3, 5)]),
    "row_sum": (row_sum, [(3, 5)]),
    "swiglu": (lambda both: swiglu(*both.chunk(2, dim=-1)), [(3, 10)]),
    "rms_norm": (rms_norm, [(2, 3, 5), (5,)]),
    "layer_norm": (layer_norm, [(2, 3, 5), (5,), (5,)]),
    "layer_norm without bias": (layer_norm, [(3, 5), (5,)]),
    "rope of neighbours": (functools.partial(turned, half=False), [(2, 3, 2, 10), (3, 4)]),
    "rope of halves": (functools.partial(turned, half=True), [(2, 3, 2, 8), (2, 3, 4)]),
    "adamw_step": (after_a_step, [(7,), (7,)]),
    "quantize_blocks": (there_and_back, [(3, 32)]),
    "flash_attention": (flash_attention, [(1, 3, 2, 16), (1, 5, 1, 16), (1, 5, 1, 16)]),
    "flash_attention in a window": (
        lambda qkv: flash_attention(*qkv.unbind(dim=2), window=2),
        [(1, 3, 3, 1, 16)],
    ),
    "matmul": (lambda a, b, bias: matmul(a, b.t(), bias, "gelu"), [(2, 3, 5), (7, 5), (7,)]),
    "int8_matmul": (lambda x: int8_matmul(x, *INT8), [(2, 3, 5)]),
    "cross_entropy": (functools.partial(loss_of, reduction="none"), [(3, 11)]),
    "cross_entropy in place": (functools.partial(loss_of, inplace=True), [(3, 11)]),
    "linear_cross_entropy": (loss_of_the_last_layer, [(3, 5), (11, 5)]),
}


def difference(name: str) -> str:
    """Run a case both ways, with gradients; what differs, or the error."""
    function, shapes = CASES[name]
    results = []
    try:
        for run in (function, torch.compile(function, fullgraph=True, backend="aot_eager")):
            g = torch.Generator().manual_seed(0)
            inputs = [
                torch.randn(shape, generator=g).to(PLACE).requires_grad_() for shape in shapes
            ]
            out = run(*inputs)
            (
                out * torch.arange(1, out.numel() + 1, device=PLACE).reshape(out.shape)
            ).sum().backward()
            results.append([out.detach(), *(x.grad for x in inputs if x.grad is not None)])
        torch.testing.assert_close(results[1], results[0])
    except Exception:
        return traceback.format_exc(limit=-3)
    return ""


if __name__ == "__main__":
    with backend("kernel"):
        json.dump({name: difference(name) for name in sys.argv[1:] or CASES}, sys.stdout)
