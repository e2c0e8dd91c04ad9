"""One AdamW step against torch's in float64, and what the op says of itself."""

import pytest
import torch
from against_float64 import draw

from lib.kernels.adamw import BLOCK, adamw_op, adamw_step

SETTINGS = {"lr": 1e-2, "eps": 1e-6, "weight_decay": 0.1}


@pytest.mark.parametrize("with_master", [False, True])
@pytest.mark.parametrize("n", [1, 37, BLOCK + 1])
def test_steps_like_torchs(place, n, with_master):
    """The exact result, in float64 from torch, is closer than float32 can tell apart."""
    param = draw(n, dtype=torch.float32, device=place, seed=1)
    exact = param.double().requires_grad_()
    optimizer = torch.optim.AdamW([exact], betas=(0.9, 0.98), **SETTINGS)
    averages = torch.zeros_like(param), torch.zeros_like(param)
    master = param.clone() if with_master else None
    for step in range(4):
        grad = draw(n, dtype=torch.float32, device=place, seed=step, scale=10.0 ** -(2 * step))
        exact.grad = grad.double()
        optimizer.step()
        numbers = {"beta1": 0.9, "beta2": 0.98, "step": step + 1, **SETTINGS}
        adamw_step(param, grad, *averages, **numbers, master=master)
    assert torch.allclose(param.double(), exact, rtol=1e-6, atol=1e-6)
    assert master is None or torch.equal(master, param)
    for name, average in zip(("exp_avg", "exp_avg_sq"), averages):
        assert torch.allclose(average.double(), optimizer.state[exact][name], rtol=1e-5, atol=1e-9)


def test_what_torch_is_promised(place):
    tensors = [draw(5, dtype=torch.float32, device=place, seed=seed) for seed in range(3)]
    square = tensors[2].square()
    for master in (None, tensors[0].clone()):
        torch.library.opcheck(adamw_op, (*tensors, square, master, 0.1, 0.9, 0.99, 1e-8, 0.0, 1))
    numbers = {"lr": 0.1, "beta1": 0.9, "beta2": 0.99, "eps": 1e-8, "weight_decay": 0.0, "step": 1}
    with pytest.raises(ValueError, match="exp_avg has the strides"):
        square = torch.zeros(2, 2, device=place)
        adamw_step(square, square, square.t(), square, **numbers)
    with pytest.raises(ValueError, match=r"needs grad of shape \(5,\), not \(4,\)"):
        adamw_step(tensors[0], tensors[1][:4], tensors[2], square, **numbers)
