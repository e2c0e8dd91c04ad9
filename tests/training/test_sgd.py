import pytest
import torch
from descents import after

from lib.training.sgd import SGD, Momentum

EXACT = {"rtol": 0, "atol": 1e-10}


def test_momentum_by_hand():
    p = torch.nn.Parameter(torch.tensor([1.0]))
    optimizer = Momentum([p], lr=0.5, momentum=0.5)
    for expected in (0.0, -1.5, -3.25):  # velocities 2, 3, 3.5
        p.grad = torch.tensor([2.0])
        optimizer.step()
        assert p.item() == expected


@pytest.mark.parametrize("weight_decay", [0.0, 0.3])
def test_sgd_is_pytorchs(weight_decay):
    settings = {"lr": 0.1, "weight_decay": weight_decay}
    ours = after(lambda params: SGD(params, **settings))
    theirs = after(lambda params: torch.optim.SGD(params, **settings))
    torch.testing.assert_close(ours, theirs, **EXACT)


@pytest.mark.parametrize("weight_decay", [0.0, 0.3])
@pytest.mark.parametrize("nesterov", [False, True])
def test_momentum_is_pytorchs(nesterov, weight_decay):
    settings = {"lr": 0.1, "momentum": 0.8, "nesterov": nesterov, "weight_decay": weight_decay}
    ours = after(lambda params: Momentum(params, **settings))
    theirs = after(lambda params: torch.optim.SGD(params, **settings))
    torch.testing.assert_close(ours, theirs, **EXACT)


def test_the_velocity_adds_up():
    p = torch.nn.Parameter(torch.zeros(1, dtype=torch.float64))
    optimizer = Momentum([p], lr=1.0, momentum=0.9)
    for _ in range(300):
        before = p.item()
        p.grad = torch.ones_like(p)
        optimizer.step()
    assert before - p.item() == pytest.approx(10)  # 1 / (1 - 0.9)
