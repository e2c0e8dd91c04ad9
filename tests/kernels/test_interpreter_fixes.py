"""bfloat16 in the interpreter, against torch, which computes in float32 and rounds as well."""

import linecache

import numpy as np
import pytest
import torch
from against_float64 import draw

from lib.kernels.interpreter_fixes import rounded, widen
from lib.kernels.language import has_triton, interprets, jit, tl

pytestmark = pytest.mark.skipif(
    not (has_triton() and interprets()), reason="kernels are compiled here, not interpreted"
)


@jit
def arithmetic_kernel(x_ptr, y_ptr, sum_ptr, larger_ptr, half_ptr, N: tl.constexpr):
    i = tl.arange(0, N)
    x, y = tl.load(x_ptr + i), tl.load(y_ptr + i)
    tl.store(sum_ptr + i, x + y)
    tl.store(larger_ptr + i, tl.where(x > y, x, y))
    tl.store(half_ptr + i, tl.load(x_ptr + i).to(tl.float16))


@jit
def dot_kernel(x_ptr, y_ptr, out_ptr, N: tl.constexpr):
    i = tl.arange(0, N)
    square = i[:, None] * N + i[None, :]
    product = tl.dot(tl.load(x_ptr + square), tl.load(y_ptr + square))
    tl.store(out_ptr + square, product)


def test_rounding_is_to_the_nearest_and_even():
    numbers = torch.tensor([1.0, 1.00390625, 1.01171875, -3.3e38, 1e-40, 0.0, torch.inf, torch.nan])
    ours = torch.from_numpy(rounded(numbers.numpy()).view(np.int16)).view(torch.bfloat16)
    assert torch.equal(ours.nan_to_num(7), numbers.bfloat16().nan_to_num(7))
    assert np.array_equal(widen(rounded(np.float32([0.5, -2]))), np.float32([0.5, -2]))


def test_sums_comparisons_and_casts():
    x, y = (draw(16, dtype=torch.bfloat16, device="cpu", seed=seed) for seed in (1, 2))
    total, larger, half = torch.empty_like(x), torch.empty_like(x), torch.empty_like(x).half()
    arithmetic_kernel[(1,)](x, y, total, larger, half, N=16)
    assert torch.equal(total, x + y)
    assert torch.equal(larger, torch.maximum(x, y))
    assert torch.equal(half, x.half())


def test_products_of_matrices():
    x, y = (draw(16, 16, dtype=torch.bfloat16, device="cpu", seed=seed) for seed in (1, 2))
    out = torch.empty(16, 16)
    dot_kernel[(1,)](x, y, out, N=16)
    assert torch.allclose(out.double(), x.double() @ y.double(), atol=1e-5)


@jit
def twice(x):
    return x + x


@jit
def calling_kernel(x_ptr, out_ptr, N: tl.constexpr):
    i = tl.arange(0, N)
    tl.store(out_ptr + i, twice(twice(tl.load(x_ptr + i))))


def test_the_language_is_prepared_once_for_a_launch(monkeypatch):
    from triton.runtime import interpreter

    prepare, times = interpreter.prepare_every_time, []
    monkeypatch.setattr(
        interpreter, "prepare_every_time", lambda fn: (times.append(fn), prepare(fn))[1]
    )
    x, out = torch.arange(4.0), torch.empty(4)
    for launch in (1, 2):
        calling_kernel[(1,)](x, out, N=4)
        assert out.tolist() == [0, 4, 8, 12]
        assert len(times) == launch


def test_a_kernel_leaves_no_names_of_the_interpreter_behind():
    source = "@jit\ndef one(x_ptr, N: tl.constexpr):\n    tl.store(x_ptr + tl.arange(0, N), 1.0)\n"
    lines = source.splitlines(keepends=True)
    linecache.cache["<a cell>"] = (len(source), None, lines, "<a cell>")
    names = {"jit": jit, "tl": tl, "__name__": "a_cell"}
    exec(compile(source, "<a cell>", "exec"), names)
    x, before = torch.zeros(4), set(names)
    names["one"][(1,)](x, N=4)
    assert x.tolist() == [1, 1, 1, 1]
    assert set(names) - before == {"interpreter_semantic"}
