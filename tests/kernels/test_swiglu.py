"""SwiGLU against its twin in float64: one long row, short rows, halves of a tensor."""

import pytest
import torch
from against_float64 import assert_close, draw

from lib.kernels.swiglu import swiglu, swiglu_backward_op, swiglu_op, swiglu_plain


def check(gate, up, grad):
    gate, up = (x.detach().requires_grad_() for x in (gate, up))
    exact = [x.detach().double().requires_grad_() for x in (gate, up)]
    reference = swiglu_plain(*exact)
    reference.backward(grad.double())
    out = swiglu(gate, up)
    out.backward(grad)
    assert_close(out.detach(), reference.detach(), name="out")
    assert_close(gate.grad, exact[0].grad, name="dgate")
    assert_close(up.grad, exact[1].grad, name="dup")


@pytest.mark.parametrize("shape", [(1,), (3, 5, 7), (1025,)], ids=str)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_values_and_gradients(place, shape, dtype):
    check(*(draw(*shape, dtype=dtype, device=place, seed=seed, scale=5) for seed in (1, 2, 3)))


@pytest.mark.parametrize("width", [5, 1031])
def test_halves_of_one_tensor(place, width):
    both = draw(2, 3, 2 * width, dtype=torch.float32, device=place, seed=1, scale=3)
    check(*both.chunk(2, dim=-1), draw(2, 3, width, dtype=torch.float32, device=place, seed=2))


def test_other_strides_and_nothing(place):
    x = draw(5, 7, dtype=torch.float32, device=place, seed=1)
    check(x.t(), draw(7, 5, dtype=torch.float32, device=place, seed=2), x.t())
    check(x[:, :3], x[:, 3:6].clone(), x[:1, :3].expand(5, 3))  # three distances between rows
    assert swiglu(x[:0], x[:0]).shape == (0, 7)


def test_a_gate_far_open_or_shut(place):
    gate = torch.tensor([-200.0, 200.0], device=place, requires_grad=True)
    swiglu(gate, torch.ones(2, device=place)).sum().backward()
    assert gate.grad.tolist() == [0, 1]


def test_what_torch_is_promised(place):
    x = draw(3, 5, dtype=torch.float32, device=place)
    torch.library.opcheck(swiglu_op, (x, x.clone()))
    torch.library.opcheck(swiglu_backward_op, (x, x, x))
    with pytest.raises(ValueError, match=r"needs up of shape \(3, 5\), not \(3, 4\)"):
        swiglu(x, x[:, :4])
