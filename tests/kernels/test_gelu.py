"""GELU against torch in float64, and where its textbook form breaks."""

import pytest
import torch
import torch.nn.functional as F
from against_float64 import assert_close, draw

from lib.kernels.backend import backend
from lib.kernels.gelu import BLOCK, gelu, gelu_backward_op, gelu_op, gelu_overflow, gelu_overflow_op


@pytest.mark.parametrize("shape", [(1,), (3, 5, 7), (BLOCK + 1,), (0, 4)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_values_and_slopes(place, shape, dtype):
    x = draw(*shape, dtype=dtype, device=place, seed=1, scale=3).requires_grad_()
    grad = draw(*shape, dtype=dtype, device=place, seed=2)
    exact = x.detach().double().requires_grad_()
    reference = F.gelu(exact, approximate="tanh")
    reference.backward(grad.double())
    out = gelu(x)
    out.backward(grad)
    if out.numel():
        assert_close(out, reference.detach())
        assert_close(x.grad, exact.grad)
    assert out.shape == x.grad.shape == shape


def test_far_from_zero_and_strided(place):
    x = torch.tensor([[-100.0, -1.0, 100.0], [1e4, -1e4, 0.0]], device=place).t().requires_grad_()
    out = gelu(x)
    out.sum().backward()
    assert_close(out, F.gelu(x.detach().double(), approximate="tanh"))
    assert x.grad[0, 0] == 0 and x.grad[2, 0] == 1 and x.grad[2, 1] == 0.5


def test_the_textbooks_form_overflows(place):
    """Right where tanh is moderate, NaN where e^(2u) is infinite, in kernel and twin alike."""
    x = torch.tensor([-100.0, -2.0, 0.5, 3.0, 11.0], device=place)
    for name in ("kernel", "twin"):
        with backend(name):
            out = gelu_overflow(x)
        assert out.isnan().tolist() == [False, False, False, False, True]
        assert torch.allclose(out[:4], gelu(x)[:4], atol=1e-6)


def test_what_torch_is_promised(place):
    x = draw(5, dtype=torch.float32, device=place)
    torch.library.opcheck(gelu_op, (x,))
    torch.library.opcheck(gelu_backward_op, (x, x))
    torch.library.opcheck(gelu_overflow_op, (x,))
    with pytest.raises(TypeError, match="gelu takes float16, bfloat16 or float32"):
        gelu(x.double())
