"""Softmax against torch in float64: rows held whole, several at a time, and block by block."""

import pytest
import torch
from against_float64 import assert_close, draw

from lib.kernels import softmax as module
from lib.kernels.backend import backend
from lib.kernels.softmax import softmax, softmax_backward_op, softmax_op


def check(x, grad):
    x.requires_grad_()
    exact = x.detach().double().requires_grad_()
    reference = torch.softmax(exact, dim=-1)
    reference.backward(grad.double())
    out = softmax(x)
    out.backward(grad)
    assert_close(out.detach(), reference.detach(), within=4, name="out")
    assert_close(x.grad, exact.grad, within=16, name="gradient")  # a small difference


@pytest.mark.parametrize("shape", [(1, 1), (2, 3, 5), (37, 7), (3, 1025)], ids=str)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_values_and_gradients(place, shape, dtype):
    x = draw(*shape, dtype=dtype, device=place, seed=1, scale=4)
    check(x, draw(*shape, dtype=dtype, device=place, seed=2))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_long_rows_go_block_by_block(place, monkeypatch, dtype):
    monkeypatch.setattr(module, "WIDEST", 64)
    monkeypatch.setattr(module, "WIDEST_BACKWARD", 64)
    monkeypatch.setattr(module, "BLOCK", 32)
    x = draw(3, 101, dtype=dtype, device=place, seed=1, scale=4)
    x[0] += torch.arange(101, device=place)  # a maximum that grows in every block
    x[1, :40] = -torch.inf
    x[2, 60:] = -torch.inf
    check(x, draw(3, 101, dtype=dtype, device=place, seed=2))


def test_strides_masks_and_nothing(place):
    whole = draw(6, 22, dtype=torch.float32, device=place)
    half = whole[::2, 11:]
    assert_close(softmax(half), torch.softmax(half.double(), -1), within=4)
    assert_close(softmax(whole.t()), torch.softmax(whole.t().double(), -1), within=4)
    assert softmax(whole[:0]).shape == (0, 22) and softmax(whole[:, :0]).shape == (6, 0)
    masked = whole.masked_fill(whole > 0, -torch.inf)
    masked[1] = -torch.inf
    assert softmax(masked)[1].isnan().all()
    assert softmax(masked)[0].sum() == pytest.approx(1)


def test_large_numbers_shift_nothing(place):
    x = torch.tensor([[1e4, 1e4 + 1, -1e4]], device=place)
    assert torch.allclose(softmax(x), softmax(x - 1e4))
    with backend("twin"):
        assert torch.allclose(softmax(x), softmax(x - 1e4))


def test_what_torch_is_promised(place):
    x = draw(2, 5, dtype=torch.float32, device=place)
    torch.library.opcheck(softmax_op, (x,))
    torch.library.opcheck(softmax_backward_op, (x, x))
    with pytest.raises(ValueError, match="last axis, not axis 0 of 2"):
        softmax(x, dim=0)
