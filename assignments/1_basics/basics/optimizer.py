"""Optimizers, and the limit on how long a gradient may be.

`DecayingSGD` is complete: it shows what PyTorch's base class does for you, and what a rule has to
do by itself. AdamW is written in the same form.
"""

import math
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor

from lib.grading.feedback import todo


class DecayingSGD(torch.optim.Optimizer):
    """p = p - lr / sqrt(t + 1) * gradient, at the steps t = 0, 1, 2, ..."""

    def __init__(self, params: Any, lr: float = 1e-3) -> None:
        super().__init__(params, {"lr": lr})  # what a group does not set gets these defaults

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Change all parameters that have a gradient. A `closure` is called first, if given."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:  # a dict for each group, which holds its "params" and "lr"
            for p in group["params"]:
                if p.grad is None:
                    continue
                state = self.state[p]  # a dict for each parameter, empty at first; it is saved
                t = state.get("t", 0)
                p.sub_(p.grad, alpha=group["lr"] / math.sqrt(t + 1))
                state["t"] = t + 1
        return loss


class AdamW(torch.optim.Optimizer):
    """Adam with decoupled weight decay (Loshchilov & Hutter, arXiv 1711.05101).

    Every parameter has its own moments m and v, zero at first, and its own number of steps t, which
    is 1 in the first step. With the gradient g:

        p = (1 - lr * weight_decay) * p
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g^2
        p = p - lr * (m / (1 - beta1^t)) / (sqrt(v / (1 - beta2^t)) + eps)

    All settings are read from the group in every step, so that a schedule can change them. Moments
    and t live in `self.state[p]`, so that `state_dict` saves them.

    p = 1, gradient 0.5, lr 0.1, weight_decay 0.01, in the first step:
        (1 - 0.001) * 1 - 0.1 * 0.5 / (0.5 + 1e-8) = 0.899
    """

    def __init__(
        self,
        params: Any,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.01,
    ) -> None:
        todo(
            "2.14", "hand params and a dict of the settings to the base class, as DecayingSGD does."
        )

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Change all parameters that have a gradient. A `closure` is called first, if given."""
        return todo("2.14", "start from DecayingSGD.step, and keep m, v and t in self.state[p].")


def clip_gradients(params: Iterable[Tensor], max_norm: float) -> Tensor:
    """Shorten all gradients together, in place, if they are longer than `max_norm`.

    The norm is the length of all gradients taken as one long vector. If it is larger than max_norm,
    every gradient is multiplied by max_norm / (norm + 1e-6); otherwise nothing is touched.
    Parameters without a gradient are skipped. `params` may be a generator, which can be walked
    through only once. Returns the norm from before, a tensor of one number; 0 without any gradient.

    Gradients [3] and [-4], max_norm 1: the norm is 5, and they become [0.6] and [-0.8].
    """
    return todo("2.17", "make a list of the gradients that are not None, then their common norm.")
