"""Lion: only the sign of an average counts, so every parameter moves by exactly lr.

Found by a search over programs (Chen et al., arXiv 2302.06675, algorithm 2). It keeps one average
where Adam keeps two. As its steps are longer than Adam's, it wants an lr 3 to 10 times smaller and,
since lr * weight_decay is what shrinks the weights, as much more weight decay.
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


class Lion(PerParameter):
    """The step weighs the new gradient more (1 - betas[0]) than what is remembered of it does
    (1 - betas[1]): a look ahead, like Nesterov's."""

    def __init__(
        self,
        params: ParamsT,
        lr: float = 1e-4,
        betas: tuple[float, float] = (0.9, 0.99),
        weight_decay: float = 0.0,
    ) -> None:
        shares = {"betas[0]": betas[0], "betas[1]": betas[1]}
        check_settings(lr=lr, weight_decay=weight_decay, below_one=shares)
        super().__init__(params, {"lr": lr, "betas": betas, "weight_decay": weight_decay})

    def update(self, p: Tensor, gradient: Tensor, state: State, group: Group) -> None:
        beta1, beta2 = group["betas"]
        mean = kept(state, "mean", p)
        direction = mean.lerp(gradient.to(mean.dtype), 1 - beta1).sign_()
        p.mul_(1 - group["lr"] * group["weight_decay"]).sub_(direction, alpha=group["lr"])
        add_to_average(mean, gradient, beta2)
