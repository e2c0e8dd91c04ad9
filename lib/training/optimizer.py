"""What all optimizers share: a step that applies one rule to every parameter with a gradient.

A rule changes the parameter in place. It gets the gradient, the state kept for this parameter from
step to step, and the settings of its group: with `params` a list of dicts, each with its own
"params", groups may differ in every setting (see `groups`). Averages are kept in float32 at least:
in bfloat16, with three digits, adding a thousandth of something new would change nothing.
"""

from collections.abc import Callable
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

State = dict[str, Any]  # of one parameter: tensors by name, and perhaps a step counter
Group = dict[str, Any]  # the settings, by the names of the constructor's arguments


class PerParameter(torch.optim.Optimizer):
    """A PyTorch optimizer, so that schedules, `state_dict` and hooks work; rules are `update`s."""

    def update(self, p: Tensor, gradient: Tensor, state: State, group: Group) -> None:
        """Change `p` and `state` in place. Runs without recording gradients."""
        raise NotImplementedError(f"{type(self).__name__} needs an update(): the rule itself.")

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Apply the rule once. With a `closure`, call it first (it computes gradients and loss)."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is not None:
                    self.update(p, p.grad, self.state[p], group)
        return loss

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue where another left off, with copies of its state, in the dtypes they have.

        PyTorch alone would cast float32 averages of bfloat16 parameters to bfloat16.
        """
        super().load_state_dict(state_dict)
        ids = [id for group in state_dict["param_groups"] for id in group["params"]]
        parameters = [p for group in self.param_groups for p in group["params"]]
        for id, p in zip(ids, parameters, strict=True):
            for name, value in state_dict["state"].get(id, {}).items():
                if isinstance(value, Tensor):
                    self.state[p][name] = value.to(p.device, copy=True)


def kept(state: State, name: str, like: Float[Tensor, "*S"]) -> Float[Tensor, "*S"]:
    """The tensor of that name in the state. At first zeros, in float32 or what is wider."""
    if name not in state:
        state[name] = torch.zeros_like(like, dtype=torch.promote_types(like.dtype, torch.float32))
    return state[name]


def add_to_average(average: Float[Tensor, "*S"], new: Float[Tensor, "*S"], keep: float) -> None:
    """average = keep * average + (1 - keep) * new, in place; it looks back 1 / (1 - keep) steps."""
    average.lerp_(new.to(average.dtype), 1 - keep)


def check_settings(*, below_one: dict[str, float] | None = None, **from_zero: float) -> None:
    """Every number at least zero; those of `below_one` are shares, so also below one."""
    for name, value in {**from_zero, **(below_one or {})}.items():
        if not value >= 0:  # nan too
            raise ValueError(f"{name} is {value}. Choose a number from 0 up.")
    for name, value in (below_one or {}).items():
        if value >= 1:
            raise ValueError(
                f"{name} is {value}: an average that keeps all of the past never learns anything "
                "new. Choose a number below 1, such as 0.9."
            )
