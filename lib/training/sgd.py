"""Stochastic gradient descent: a step downhill, and the same with a memory of earlier steps."""

from torch import Tensor
from torch.optim.optimizer import ParamsT

from lib.training.optimizer import Group, PerParameter, State, check_settings, kept


class SGD(PerParameter):
    """p = p - lr * gradient. Keeps nothing from step to step.

    `weight_decay` times the parameter is added to its gradient, as if half of it, times the squared
    parameters, were part of the loss.
    """

    def __init__(self, params: ParamsT, lr: float, weight_decay: float = 0.0) -> None:
        check_settings(lr=lr, weight_decay=weight_decay)
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay})

    def update(self, p: Tensor, gradient: Tensor, state: State, group: Group) -> None:
        p.sub_(with_decay(gradient, p, group["weight_decay"]), alpha=group["lr"])


class Momentum(PerParameter):
    """Step along v = momentum * v + gradient: like a heavy ball, it averages the zigzag away.

    v is a sum, not an average: after many equal gradients it is 1 / (1 - momentum) times as long,
    so take that much less `lr` than for SGD. With `nesterov`, the step is momentum * v + gradient,
    as if v had moved on once more (Sutskever et al., 2013).
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float,
        momentum: float = 0.9,
        nesterov: bool = False,
        weight_decay: float = 0.0,
    ) -> None:
        check_settings(lr=lr, weight_decay=weight_decay, below_one={"momentum": momentum})
        defaults = {"momentum": momentum, "nesterov": nesterov, "weight_decay": weight_decay}
        super().__init__(params, {"lr": lr, **defaults})

    def update(self, p: Tensor, gradient: Tensor, state: State, group: Group) -> None:
        gradient = with_decay(gradient, p, group["weight_decay"])
        v = kept(state, "velocity", p)
        v.mul_(group["momentum"]).add_(gradient)
        direction = gradient + group["momentum"] * v if group["nesterov"] else v
        p.sub_(direction, alpha=group["lr"])


def with_decay(gradient: Tensor, p: Tensor, weight_decay: float) -> Tensor:
    """The gradient of the loss plus weight_decay / 2 times the squared norm of p."""
    return gradient + weight_decay * p if weight_decay else gradient
