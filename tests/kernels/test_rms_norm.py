"""RMSNorm against its twin in float64: rows one by one and several at a time, few and many."""

import pytest
import torch
from against_float64 import assert_close, draw

from lib.kernels import rms_norm as module
from lib.kernels.rms_norm import rms_norm, rms_norm_backward_op, rms_norm_op, rms_norm_plain

F32, BF16, F16 = torch.float32, torch.bfloat16, torch.float16


def check(x, weight, grad, offset=0.0):
    x, weight = x.requires_grad_(), weight.requires_grad_()
    exact, exact_weight = (t.detach().double().requires_grad_() for t in (x, weight))
    reference = rms_norm_plain(exact, exact_weight, 1e-5, offset)
    reference.backward(grad.double())
    out = rms_norm(x, weight, 1e-5, offset)
    out.backward(grad)
    assert_close(out.detach(), reference.detach(), name="out")
    assert_close(x.grad, exact.grad, within=4, name="dx")
    assert_close(weight.grad, exact_weight.grad, within=4, name="dweight")


@pytest.mark.parametrize("shape", [(1, 2), (2, 3, 5), (37, 7), (129, 67), (5, 1031)], ids=str)
@pytest.mark.parametrize("dtypes", [(F32, F32), (BF16, BF16), (F16, F16), (BF16, F32)], ids=str)
def test_values_and_gradients(place, shape, dtypes):
    x = draw(*shape, dtype=dtypes[0], device=place, seed=1, scale=3)
    weight = draw(shape[-1], dtype=dtypes[1], device=place, seed=2)
    check(x, weight, draw(*shape, dtype=dtypes[0], device=place, seed=3))


def test_gemmas_offset(place):
    x, grad = (draw(7, 33, dtype=F32, device=place, seed=seed) for seed in (1, 2))
    check(x, draw(33, dtype=F32, device=place, seed=3, scale=0.1), grad, offset=1.0)
    zero = torch.zeros(33, device=place)
    assert torch.allclose(rms_norm(x, zero, offset=1.0), rms_norm(x, zero + 1))


@pytest.mark.parametrize("n_programs", [1, 3, 11])
def test_gradient_of_the_weight_over_many_programs(place, monkeypatch, n_programs):
    monkeypatch.setattr(module, "n_staying_programs", lambda *_: n_programs)
    monkeypatch.setattr(module, "row_tile", lambda width: (2, 16, 4))
    x, grad = (draw(21, 13, dtype=F32, device=place, seed=seed) for seed in (1, 2))
    check(x, draw(13, dtype=F32, device=place, seed=3), grad)


def test_strides_and_nothing(place):
    whole, weight = (draw(*shape, dtype=F32, device=place) for shape in ((6, 22), (11,)))
    half = whole[::2, 11:]
    exact = rms_norm_plain(half.double(), weight.double())
    assert_close(rms_norm(half, weight), exact)
    check(whole.t()[:11].t()[:, :11], weight, whole[:, 11:])
    empty = whole[:0, :11].clone().requires_grad_()
    weight.grad = None
    rms_norm(empty, weight).sum().backward()
    assert empty.grad.shape == (0, 11) and weight.grad.eq(0).all()


def test_what_torch_is_promised(place):
    x, weight = draw(3, 5, dtype=BF16, device=place), draw(5, dtype=F32, device=place)
    torch.library.opcheck(rms_norm_op, (x, weight, 1e-5, 0.0))
    inverse = torch.ones(3, device=place)
    torch.library.opcheck(rms_norm_backward_op, (x, x, weight, inverse, 0.0))
    with pytest.raises(ValueError, match=r"needs weight of shape \(5,\), not \(3,\)"):
        rms_norm(x, weight[:3])
