"""The first kernel, and through it the rules that all ops share."""

import pytest
import torch
from against_float64 import assert_close, draw
from torch._subclasses.fake_tensor import FakeTensorMode

from lib.kernels.backend import backend, runs_kernel
from lib.kernels.vector_add import BLOCK, vector_add, vector_add_op


@pytest.mark.parametrize("n", [1, BLOCK - 1, BLOCK, BLOCK + 1, 4099])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_sums_of_any_length(place, n, dtype):
    x, y = (draw(n, dtype=dtype, device=place, seed=seed) for seed in (1, 2))
    assert_close(vector_add(x, y), x.double() + y.double(), within=1)


def test_nothing_behind_the_end_is_touched(place):
    memory = torch.zeros(2 * BLOCK, device=place)
    memory[:7] = 1
    assert torch.equal(vector_add(memory[:7], memory[:7]), torch.full((7,), 2.0, device=place))
    assert memory[7:].eq(0).all()


def test_strides_need_not_be_contiguous(place):
    x, y = (
        draw(5, 7, dtype=torch.float32, device=place).t(),
        draw(7, 5, dtype=torch.float32, device=place),
    )
    assert torch.equal(vector_add(x, y), x + y)
    assert vector_add(x[:0], y[:0]).shape == (0, 5)


def test_gradients_pass_through(place):
    x, y = (torch.ones(3, device=place, requires_grad=True) for _ in range(2))
    (vector_add(x, y) * torch.arange(3.0, device=place)).sum().backward()
    assert x.grad.tolist() == y.grad.tolist() == [0, 1, 2]


def test_the_op_keeps_what_it_promises_to_torch(place):
    torch.library.opcheck(
        vector_add_op, (torch.randn(5, device=place), torch.randn(5, device=place))
    )


def test_wrong_tensors_get_a_sentence(place):
    x = torch.zeros(3, device=place)
    with pytest.raises(ValueError, match=r"needs y of shape \(3,\), not \(4,\)"):
        vector_add(x, torch.zeros(4, device=place))
    with pytest.raises(TypeError, match="x is float32, y is float16"):
        vector_add(x, x.half())
    with pytest.raises(TypeError, match="x is float64"):
        vector_add(x.double(), x.double())
    with pytest.raises(ValueError, match="x on meta, y on"):
        vector_add(x.to("meta"), x)


def test_a_backend_that_is_none():
    with pytest.raises(ValueError, match="no backend 'cuda'"), backend("cuda"):
        pass


def test_the_twin_is_used_on_a_cpu_unless_asked_otherwise():
    x = torch.zeros(3, dtype=torch.float64)  # which the kernel would refuse
    assert vector_add(x, x).dtype == torch.float64


def test_a_tensor_on_another_gpu_than_the_current_one_gets_a_sentence(monkeypatch):
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 0)
    with FakeTensorMode(allow_non_fake_inputs=True):
        x = torch.empty(3, device="cuda:1")
    with pytest.raises(RuntimeError, match="current GPU, 0, and the tensor is on cuda:1"):
        runs_kernel(x)
