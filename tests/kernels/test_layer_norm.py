"""LayerNorm against its twin in float64, and the twin against torch."""

import pytest
import torch
import torch.nn.functional as F
from against_float64 import assert_close, draw

from lib.kernels import layer_norm as module
from lib.kernels.layer_norm import (
    layer_norm,
    layer_norm_backward_op,
    layer_norm_op,
    layer_norm_plain,
)

F32, BF16, F16 = torch.float32, torch.bfloat16, torch.float16


def check(x, weight, bias, grad, offset=0.0):
    ours = [t if t is None else t.detach().requires_grad_() for t in (x, weight, bias)]
    exact = [t if t is None else t.detach().double().requires_grad_() for t in (x, weight, bias)]
    reference = layer_norm_plain(*exact, 1e-5, offset)
    reference.backward(grad.double())
    out = layer_norm(*ours, 1e-5, offset)
    out.backward(grad)
    assert_close(out.detach(), reference.detach(), within=4, name="out")
    for name, mine, theirs in zip(("dx", "dweight", "dbias"), ours, exact, strict=True):
        if mine is not None:
            assert_close(mine.grad, theirs.grad, within=8, name=name)


@pytest.mark.parametrize("shape", [(2, 3, 5), (37, 7), (129, 67), (5, 1031)], ids=str)
@pytest.mark.parametrize("dtypes", [(F32, F32), (BF16, BF16), (F16, F32)], ids=str)
@pytest.mark.parametrize("biased", [True, False], ids=["bias", "no bias"])
def test_values_and_gradients(place, shape, dtypes, biased):
    x, grad = (draw(*shape, dtype=dtypes[0], device=place, seed=seed, scale=3) for seed in (1, 2))
    weight, bias = (draw(shape[-1], dtype=dtypes[1], device=place, seed=seed) for seed in (3, 4))
    check(x + 2, weight, bias if biased else None, grad)


@pytest.mark.parametrize("widest", [0, 8192], ids=["bias apart", "bias in the kernel"])
@pytest.mark.parametrize("n_programs", [1, 3, 11])
def test_gradient_of_the_weight_over_many_programs(place, monkeypatch, n_programs, widest):
    monkeypatch.setattr(module, "WIDEST_WITH_BIAS", widest)
    monkeypatch.setattr(module, "n_staying_programs", lambda *_: n_programs)
    monkeypatch.setattr(module, "row_tile", lambda width: (2, 16, 4))
    x, grad = (draw(21, 13, dtype=F32, device=place, seed=seed) for seed in (1, 2))
    weight, bias = (draw(13, dtype=F32, device=place, seed=seed) for seed in (3, 4))
    check(x, weight, bias, grad, offset=1.0)


def test_rows_far_from_zero_strided_rows_and_nothing(place):
    x, weight = draw(6, 22, dtype=F32, device=place), torch.ones(11, device=place)
    far = x[::2, 11:] + 1000
    exact = layer_norm_plain(far.double(), weight.double(), None)
    assert_close(layer_norm(far, weight), exact, within=1000)  # 1000 units of 1 are one of 1000
    check(x[:, 11:], weight, weight, x.t()[:11].t())
    empty = x[:0, :11].clone().requires_grad_()
    layer_norm(empty, weight, weight).sum().backward()
    assert empty.grad.shape == (0, 11)


def test_the_twin_is_torchs():
    x, weight, bias = torch.randn(3, 5, 7, dtype=torch.float64).unbind(1)[:3]
    ours, theirs = (
        layer_norm_plain(x, weight[0], bias[0]),
        F.layer_norm(x, (7,), weight[0], bias[0]),
    )
    torch.testing.assert_close(ours, theirs)


def test_what_torch_is_promised(place):
    x, weight = draw(3, 5, dtype=BF16, device=place), draw(5, dtype=F32, device=place)
    row = torch.ones(3, device=place)
    for bias in (None, weight.clone()):
        torch.library.opcheck(layer_norm_op, (x, weight, bias, 1e-5, 0.0))
        torch.library.opcheck(
            layer_norm_backward_op, (x, x, weight, row, row, 0.0, bias is not None)
        )
    with pytest.raises(ValueError, match=r"needs bias of shape \(5,\), not \(3,\)"):
        layer_norm(x, weight, weight[:3])
