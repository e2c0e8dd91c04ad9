"""Sums of rows against float64: short rows, long ones, and rows that programs share."""

import pytest
import torch
from against_float64 import assert_close, draw

from lib.kernels import row_sum as module
from lib.kernels.row_sum import row_sum, row_sum_op


@pytest.mark.parametrize("shape", [(5,), (3, 2, 7), (131, 9), (2, 5003), (0, 3), (3, 0)], ids=str)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_sums_and_gradients(place, shape, dtype):
    x = draw(*shape, dtype=dtype, device=place, seed=1).requires_grad_()
    out = row_sum(x)
    out.sum().backward()
    assert out.shape == shape[:-1] and torch.equal(x.grad, torch.ones_like(x))
    if out.numel():
        assert_close(out.detach(), x.detach().double().sum(-1), within=4)


@pytest.mark.parametrize("n_programs", [1, 3, 4, 100])
def test_programs_share_long_rows(place, monkeypatch, n_programs):
    """Every number is counted by exactly one program, however many parts a row has."""
    monkeypatch.setattr(module, "n_staying_programs", lambda *_: n_programs)
    monkeypatch.setattr(module, "row_tile", lambda width: (1, 32, 4))
    x = torch.arange(2 * 333.0, device=place).reshape(2, 333)
    assert torch.equal(row_sum(x), x.sum(-1))
    assert module._n_parts(x) == {1: 1, 3: 1, 4: 2, 100: 11}[n_programs]


def test_strides(place):
    x = draw(6, 22, dtype=torch.float32, device=place)
    assert_close(row_sum(x[::2, 11:]), x.double()[::2, 11:].sum(-1), within=4)
    assert_close(row_sum(x.t()), x.double().t().sum(-1), within=4)


def test_what_torch_is_promised(place):
    torch.library.opcheck(row_sum_op, (draw(2, 5, dtype=torch.float32, device=place),))
    with pytest.raises(TypeError, match="x is int64"):
        row_sum(torch.zeros(2, 2, dtype=torch.int64, device=place))
