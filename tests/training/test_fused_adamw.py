"""AdamW in one kernel against torch's, step by step, and what a master copy is for.

What must hold for every optimizer is in test_optimizer, where the kernel's twin does the work.
"""

import copy

import pytest
import torch
from against_float64 import draw

from lib.kernels.adamw import BLOCK
from lib.kernels.backend import backend
from lib.kernels.language import has_triton, interprets
from lib.training.fused_adamw import FusedAdamW

SETTINGS = {"lr": 1e-2, "betas": (0.9, 0.98), "eps": 1e-6, "weight_decay": 0.1}


@pytest.fixture
def place():
    """Where the kernel runs: on a GPU where there is one, else in Triton's interpreter."""
    if not has_triton():
        pytest.skip("Triton has no wheels for this system")
    with backend("kernel"):
        yield torch.device("cpu" if interprets() else "cuda")


@pytest.mark.parametrize("n", [1, 37, BLOCK + 1])
def test_steps_like_torchs(place, n):
    """The exact result, in float64 from torch, is closer than float32 can tell apart."""
    ours = draw(n, dtype=torch.float32, device=place, seed=1).requires_grad_()
    theirs = ours.detach().double().requires_grad_()
    optimizers = FusedAdamW([ours], **SETTINGS), torch.optim.AdamW([theirs], **SETTINGS)
    for step in range(4):
        ours.grad = draw(n, dtype=torch.float32, device=place, seed=step, scale=10.0 ** -(2 * step))
        theirs.grad = ours.grad.double()
        for optimizer in optimizers:
            optimizer.step()
    assert torch.allclose(ours.double(), theirs, rtol=1e-6, atol=1e-6)
    for name in ("exp_avg", "exp_avg_sq"):
        mine, other = (o.state[p][name] for o, p in zip(optimizers, (ours, theirs), strict=True))
        assert torch.allclose(mine.double(), other, rtol=1e-5, atol=1e-9)


def test_the_twin_is_torchs():
    ours = torch.randn(7, dtype=torch.float64).requires_grad_()
    theirs = ours.detach().clone().requires_grad_()
    optimizers = FusedAdamW([ours], **SETTINGS), torch.optim.AdamW([theirs], **SETTINGS)
    for _ in range(3):
        ours.grad = theirs.grad = torch.randn(7, dtype=torch.float64)
        for optimizer in optimizers:
            optimizer.step()
    torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_a_master_copy_adds_up_small_steps(place, dtype):
    moved = {}
    for master in (False, True):
        p = torch.ones(5, device=place, dtype=dtype, requires_grad=True)
        optimizer = FusedAdamW([p], lr=1e-4, weight_decay=0.0, master=master)
        for _ in range(30):
            p.grad = torch.ones_like(p)
            optimizer.step()
        moved[master] = (1 - p).float().mean().item()
    assert moved[False] == 0  # 1 - 0.0001 rounds to 1
    assert moved[True] == pytest.approx(3e-3, rel=0.4)  # with the rounding of the last digit
    assert optimizer.state[p]["master"].mean().item() == pytest.approx(1 - 3e-3, rel=1e-4)


def test_state_goes_through_a_checkpoint(place):
    def stepped(optimizer, p):
        for seed in range(2):
            p.grad = draw(5, dtype=torch.bfloat16, device=place, seed=seed)
            optimizer.step()
        return p.detach().clone()

    p = torch.ones(5, device=place, dtype=torch.bfloat16, requires_grad=True)
    first = FusedAdamW([p], lr=0.1, master=True)
    stepped(first, p)
    q = p.detach().clone().requires_grad_()
    second = FusedAdamW([q], lr=0.1, master=True)
    second.load_state_dict(copy.deepcopy(first.state_dict()))
    assert second.state[q]["exp_avg"].dtype == torch.float32
    assert torch.equal(stepped(first, p), stepped(second, q))
