"""AdamW with one kernel per parameter (lib.kernels.adamw); on a CPU with the kernel's twin.

PyTorch's operators, one by one, would read and write a parameter and its averages a dozen times.
"""

import torch
from torch import Tensor
from torch.optim.optimizer import ParamsT

from lib.kernels.adamw import adamw_step
from lib.training.optimizer import Group, PerParameter, State, check_settings, kept


class FusedAdamW(PerParameter):
    """AdamW's rule; averages in float32, whatever the parameters are.

    `master` keeps float32 copies of the parameters that are shorter, 4 bytes more for each number:
    small steps add up there, where the parameter alone would round them away.
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        master: bool = False,
    ) -> None:
        shares = {"betas[0]": betas[0], "betas[1]": betas[1]}
        check_settings(lr=lr, eps=eps, weight_decay=weight_decay, below_one=shares)
        defaults = {"betas": betas, "eps": eps, "weight_decay": weight_decay, "master": master}
        super().__init__(params, {"lr": lr, **defaults})

    def update(self, p: Tensor, gradient: Tensor, state: State, group: Group) -> None:
        wide = torch.promote_types(p.dtype, torch.float32)
        if group["master"] and p.dtype != wide and "master" not in state:
            state["master"] = p.to(wide)
        state["step"] = state.get("step", 0) + 1
        beta1, beta2 = group["betas"]
        adamw_step(
            p,
            gradient,
            kept(state, "exp_avg", p),
            kept(state, "exp_avg_sq", p),
            lr=group["lr"],
            beta1=beta1,
            beta2=beta2,
            eps=group["eps"],
            weight_decay=group["weight_decay"],
            step=state["step"],
            master=state.get("master"),
        )
