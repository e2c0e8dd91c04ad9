"""Optimizers that give every parameter its own step size: AdaGrad, RMSProp, Adam, AdamW.

A ladder of one change each. All divide the gradient g by the typical size of earlier gradients of
the same parameter, so a rare feature is learned as fast as a frequent one, and the loss's scale
does not matter. Settings and defaults are PyTorch's, and so are the results.
"""

from torch import Tensor
from torch.optim.optimizer import ParamsT

from lib.training.optimizer import (
    Group,
    PerParameter,
    State,
    add_to_average,
    check_settings,
    kept,
)
from lib.training.sgd import with_decay


class AdaGrad(PerParameter):
    """Divide by the root of the sum of all squared gradients (Duchi et al., 2011).

    The sum only grows, so the steps shrink like 1 / sqrt(t): right for convex problems, too soon
    for long runs.
    """

    def __init__(
        self, params: ParamsT, lr: float = 1e-2, weight_decay: float = 0.0, eps: float = 1e-10
    ) -> None:
        check_settings(lr=lr, weight_decay=weight_decay, eps=eps)
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay, "eps": eps})

    def update(self, p: Tensor, gradient: Tensor, state: State, group: Group) -> None:
        gradient = with_decay(gradient, p, group["weight_decay"])
        total = kept(state, "squares", p)
        total.add_(gradient.to(total.dtype).square())
        p.sub_(gradient / (total.sqrt() + group["eps"]), alpha=group["lr"])


class RMSProp(PerParameter):
    """An average of the squares that forgets, instead of the sum (Hinton's lecture 6e, 2012)."""

    def __init__(
        self,
        params: ParamsT,
        lr: float = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> None:
        check_settings(lr=lr, eps=eps, weight_decay=weight_decay, below_one={"alpha": alpha})
        defaults = {"alpha": alpha, "eps": eps, "weight_decay": weight_decay}
        super().__init__(params, {"lr": lr, **defaults})

    def update(self, p: Tensor, gradient: Tensor, state: State, group: Group) -> None:
        gradient = with_decay(gradient, p, group["weight_decay"])
        squares = kept(state, "squares", p)
        add_to_average(squares, gradient.to(squares.dtype).square(), group["alpha"])
        p.sub_(gradient / (squares.sqrt() + group["eps"]), alpha=group["lr"])


class Adam(PerParameter):
    """RMSProp with momentum, and averages freed of their start at zero (Kingma & Ba, 1412.6980).

    Weight decay enters through the gradient and is divided like it: parameters with large
    gradients hardly decay. AdamW mends that.
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> None:
        shares = {"betas[0]": betas[0], "betas[1]": betas[1]}
        check_settings(lr=lr, eps=eps, weight_decay=weight_decay, below_one=shares)
        defaults = {"betas": betas, "eps": eps, "weight_decay": weight_decay}
        super().__init__(params, {"lr": lr, **defaults})

    def update(self, p: Tensor, gradient: Tensor, state: State, group: Group) -> None:
        gradient = with_decay(gradient, p, group["weight_decay"])
        p.sub_(adam_direction(gradient, state, group["betas"], group["eps"]), alpha=group["lr"])


class AdamW(Adam):
    """Adam that shrinks every parameter by the same share, lr * weight_decay, apart from its
    gradient: decoupled decay (Loshchilov & Hutter, 1711.05101), with PyTorch's default of 0.01.

    For language models usually betas=(0.9, 0.95) and weight_decay=0.1.
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
    ) -> None:
        super().__init__(params, lr, betas, eps, weight_decay)

    def update(self, p: Tensor, gradient: Tensor, state: State, group: Group) -> None:
        adamw_update(p, gradient, state, group)


def adamw_update(p: Tensor, gradient: Tensor, state: State, group: Group) -> None:
    """AdamW's rule, which other optimizers use for what is no matrix."""
    p.mul_(1 - group["lr"] * group["weight_decay"])
    p.sub_(adam_direction(gradient, state, group["betas"], group["eps"]), alpha=group["lr"])


def adam_direction(
    gradient: Tensor, state: State, betas: tuple[float, float], eps: float
) -> Tensor:
    """The mean gradient, divided by its root mean square: at most about 1 in size, and 1 if it is
    always the same. Averages that began at zero are too small by 1 - beta^t after t steps.
    """
    beta1, beta2 = betas
    mean, squares = kept(state, "mean", gradient), kept(state, "squares", gradient)
    state["step"] = t = state.get("step", 0) + 1
    add_to_average(mean, gradient, beta1)
    add_to_average(squares, gradient.to(squares.dtype).square(), beta2)
    size = (squares / (1 - beta2**t)).sqrt_().add_(eps)
    return (mean / (1 - beta1**t)).div_(size)
