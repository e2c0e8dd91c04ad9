"""Every op once, forward and backward, with a record of who touches what.

No two programs of a launch may meet at one address, and nothing outside the tensors is touched:
what a GPU would punish some other day. That the record can tell is proved in test_accesses.
Sizes are odd, so that every tile has a tail, and each launch has several programs.
"""

import ast
import functools
import importlib
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

import lib.kernels
from lib.kernels.accesses import races, record_accesses
from lib.kernels.backend import backend
from lib.kernels.language import has_triton, interprets
from lib.kernels.trace import Trace

pytestmark = pytest.mark.skipif(
    not (has_triton() and interprets()), reason="kernels are compiled here, not interpreted"
)

BF16 = torch.bfloat16


def draw(*shape, dtype=torch.float32, grad=True):
    return torch.randn(*shape).to(dtype).requires_grad_(grad)


def there_and_back(op: Callable, *tensors, **options) -> None:
    out = op(*tensors, **options)
    out.backward(torch.randn_like(out))


def elementwise(module):
    there_and_back(module.gelu, draw(2503, dtype=BF16))
    module.gelu_overflow(draw(1031, grad=False))


def swiglu(module):
    gate, up = draw(67, 2 * 33).chunk(2, dim=1)
    there_and_back(module.swiglu, gate, up)


def softmax(module):
    for shape in ((67, 37), (3, 1031), (2, 33_001)):
        there_and_back(module.softmax, draw(*shape))


def row_sum(module):
    for shape in ((67, 37), (3, 20_011)):
        there_and_back(module.row_sum, draw(*shape))


def rms_norm(module):
    for R, D in ((67, 37), (5, 1031)):
        there_and_back(module.rms_norm, draw(R, D), draw(D))


def layer_norm(module):
    for R, D, bias in ((67, 37, True), (5, 1031, False)):
        there_and_back(module.layer_norm, draw(R, D), draw(D), draw(D) if bias else None)


def rope(module):
    angles = torch.randn(5, 3)
    for half in (False, True):
        there_and_back(module.rope, draw(2, 5, 3, 10), angles.cos(), angles.sin(), half=half)


def adamw(module):
    p, grad, m, v = (draw(2503, grad=False) for _ in range(4))
    rest = {"lr": 0.1, "beta1": 0.9, "beta2": 0.99, "eps": 1e-8, "weight_decay": 0.1, "step": 3}
    for master in (None, p.clone()):
        module.adamw_step(p.to(BF16), grad.to(BF16), m, v.abs(), master=master, **rest)


def block_quantize(module):
    for name in ("mxfp8_e4m3", "mxfp4", "nvfp4", "int8"):
        x = draw(37, 3 * 128, grad=False)
        whole = module.whole_scale(x) if name == "nvfp4" else None
        codes, scales = module.quantize_blocks(x, name, whole)
        module.dequantize_blocks(codes, scales, name, whole)


def attention(module):
    for T, S, options in ((37, 53, {}), (33, 33, {"window": 9}), (19, 41, {"causal": False})):
        q, (k, v) = draw(1, T, 2, 20), draw(2, 1, S, 1, 20).unbind()
        there_and_back(module.flash_attention, q, k, v, **options)


def matmul(module):
    for M, K, N in ((67, 37, 41), (130, 70, 67)):
        there_and_back(module.matmul, draw(M, K), draw(K, N), draw(N), activation="gelu")


def int8_matmul(module):
    codes, scales = module.quantize_rows(draw(67, 37, grad=False))
    module.int8_matmul(draw(41, 37, dtype=BF16, grad=False), codes, scales)


def targets(R, V):
    ids = torch.randint(V, (R,))
    ids[1] = -100
    return ids


def cross_entropy(module):
    for V, inplace in ((37, False), (37, True), (5003, False)):
        logits = draw(7, V)
        module.cross_entropy(logits * 1, targets(7, V), z_loss=0.1, inplace=inplace).backward()


def linear_cross_entropy(module):
    hidden, weight = draw(37, 19), draw(53, 19)
    module.linear_cross_entropy(hidden, weight, targets(37, 53), chunk=16).backward()


def vector_add(module):
    there_and_back(module.vector_add, draw(2503), draw(2503))


def activations(module):
    for name in ("relu", "gelu", "silu"):
        module.activation_backward_op(draw(2503, grad=False), draw(2503, grad=False), name)


RUNS = {  # by module
    "vector_add": vector_add,
    "gelu": elementwise,
    "swiglu": swiglu,
    "softmax": softmax,
    "row_sum": row_sum,
    "rms_norm": rms_norm,
    "layer_norm": layer_norm,
    "rope": rope,
    "adamw": adamw,
    "block_quantize": block_quantize,
    "flash_attention": attention,
    "activations": activations,
    "matmul": matmul,
    "int8_matmul": int8_matmul,
    "cross_entropy": cross_entropy,
    "linear_cross_entropy": linear_cross_entropy,
}
FOLDER = Path(lib.kernels.__file__).parent
EXISTING = [name for name in RUNS if (FOLDER / f"{name}.py").exists()]


@functools.cache
def trace_of(name: str) -> Trace:
    torch.manual_seed(0)
    with backend("kernel"), record_accesses() as trace:
        RUNS[name](importlib.import_module(f"lib.kernels.{name}"))
    return trace


@pytest.mark.parametrize("name", EXISTING)
def test_programs_keep_out_of_each_others_way(name):
    trace = trace_of(name)
    assert trace.accesses and all(n > 0 for launch in trace.launches for n in launch.grid)
    assert not (found := races(trace)), "\n".join(map(str, found))


def test_every_kernel_was_looked_at():
    kernels = {
        node.name
        for path in FOLDER.glob("*.py")
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.FunctionDef)
        and node.name.endswith("_kernel")
        and "jit" in map(ast.unparse, node.decorator_list)
    }
    launched = {launch.kernel for name in EXISTING for launch in trace_of(name).launches}
    assert kernels - launched == set()
