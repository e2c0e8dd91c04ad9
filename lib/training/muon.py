"""Muon: momentum whose matrix is orthogonalised, so that all directions move equally far.

A gradient matrix is dominated by few directions: written as U S V^T, most singular values in S are
tiny. Muon steps along U V^T instead, where all are one. A few matrix products, a Newton-Schulz
iteration, come close enough to that without computing U and V (Jordan, 2024,
kellerjordan.github.io/posts/muon). It is for matrices between hidden vectors; embeddings, output
and vectors are left to AdamW, and `MuonAdamW` does both.
"""

import math
from collections.abc import Iterable, Iterator

from jaxtyping import Float
from torch import Tensor
from torch.optim.optimizer import ParamsT

from lib.training.adaptive import adamw_update
from lib.training.optimizer import (
    Group,
    PerParameter,
    State,
    add_to_average,
    check_settings,
    kept,
)

COEFFICIENTS = (3.4445, -4.7750, 2.0315)  # steepest at zero, so that tiny singular values grow fast


def newton_schulz(matrix: Float[Tensor, "M N"], steps: int = 5) -> Iterator[Float[Tensor, "M N"]]:
    """The matrix divided by its norm, then after each step, which maps every singular value s to
    a s + b s^3 + c s^5 and leaves the singular vectors alone.

    After five steps values that began above 0.002 lie between 0.68 and 1.21. They never settle at
    1, which does no harm; the polynomial that would is slower to lift the small ones.
    """
    if matrix.shape[0] > matrix.shape[1]:  # the product X X^T is smaller for a wide matrix
        yield from (x.T for x in newton_schulz(matrix.T, steps))
        return
    a, b, c = COEFFICIENTS
    x = matrix / matrix.norm().clamp(min=1e-7)  # now no singular value is above one
    yield x
    for _ in range(steps):
        xx = x @ x.T
        x = a * x + (b * xx + c * xx @ xx) @ x
        yield x


def orthogonalise(matrix: Float[Tensor, "M N"], steps: int = 5) -> Float[Tensor, "M N"]:
    """Nearly U V^T, where the matrix is U S V^T. Zero stays zero."""
    *_, x = newton_schulz(matrix, steps)
    return x


def step_scale(rows: int, columns: int, scale: str) -> float:
    """How much longer than U V^T the step is, so that one lr serves matrices of every shape.

    "spectral": outputs of every layer change by the same size (Jordan's sqrt(max(1, rows/columns)),
    for lr about 0.02). "adamw": entries change by 0.2 on average, as with AdamW, whose lr and
    weight decay can then be used (Liu et al., arXiv 2502.16982, equation 4).
    """
    if scale == "spectral":
        return math.sqrt(max(1.0, rows / columns))
    if scale == "adamw":
        return 0.2 * math.sqrt(max(rows, columns))
    raise ValueError(f"scale is {scale!r}. Choose 'spectral' or 'adamw'.")


def muon_update(p: Tensor, gradient: Tensor, state: State, group: Group) -> None:
    """Average, look ahead (Nesterov), orthogonalise, shrink the parameter, step."""
    momentum = kept(state, "momentum", p)
    add_to_average(momentum, gradient, group["momentum"])
    ahead = gradient.to(momentum.dtype).lerp(momentum, group["momentum"])
    if group["bfloat16"]:
        ahead = ahead.bfloat16()
    direction = orthogonalise(ahead, group["steps"]).to(momentum.dtype)
    p.mul_(1 - group["lr"] * group["weight_decay"])
    p.sub_(direction, alpha=group["lr"] * step_scale(*p.shape, group["scale"]))


class Muon(PerParameter):
    """`muon_update` for matrices.

    With `bfloat16`, Newton-Schulz runs in that, as in PyTorch's Muon. It is meant for GPUs: on a
    CPU without instructions for it, that is several times slower.
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float = 0.02,
        momentum: float = 0.95,
        weight_decay: float = 0.0,
        steps: int = 5,
        scale: str = "spectral",
        bfloat16: bool = False,
    ) -> None:
        check_settings(lr=lr, weight_decay=weight_decay, below_one={"momentum": momentum})
        defaults = {"lr": lr, "momentum": momentum, "weight_decay": weight_decay}
        super().__init__(params, {**defaults, "steps": steps, "scale": scale, "bfloat16": bfloat16})
        for group in self.param_groups:
            check_matrices(group["params"])
            step_scale(1, 1, group["scale"])  # complains if there is no such scale

    def update(self, p: Tensor, gradient: Tensor, state: State, group: Group) -> None:
        muon_update(p, gradient, state, group)


class MuonAdamW(PerParameter):
    """One optimizer of two groups: Muon for `matrices`, AdamW for the `rest`.

    `groups.hidden_matrices` makes the two lists. Each group has its own lr; a schedule scales both.
    """

    def __init__(
        self,
        matrices: Iterable[Tensor],
        rest: Iterable[Tensor],
        lr: float = 0.02,
        momentum: float = 0.95,
        weight_decay: float = 0.0,
        steps: int = 5,
        scale: str = "spectral",
        bfloat16: bool = False,
        adamw_lr: float = 3e-3,
        betas: tuple[float, float] = (0.9, 0.95),
        eps: float = 1e-8,
        adamw_weight_decay: float = 0.0,
    ) -> None:
        shares = {"momentum": momentum, "betas[0]": betas[0], "betas[1]": betas[1]}
        check_settings(lr=lr, weight_decay=weight_decay, below_one=shares)
        check_settings(adamw_lr=adamw_lr, adamw_weight_decay=adamw_weight_decay, eps=eps)
        muon = {"rule": "muon", "lr": lr, "momentum": momentum, "weight_decay": weight_decay}
        muon |= {"steps": steps, "scale": scale, "bfloat16": bfloat16}
        adamw = {"rule": "adamw", "lr": adamw_lr, "betas": betas, "eps": eps}
        adamw |= {"weight_decay": adamw_weight_decay}
        matrices = list(matrices)
        check_matrices(matrices)
        step_scale(1, 1, scale)
        groups = [{"params": matrices, **muon}, {"params": list(rest), **adamw}]
        super().__init__([group for group in groups if group["params"]], {})

    def update(self, p: Tensor, gradient: Tensor, state: State, group: Group) -> None:
        rule = muon_update if group["rule"] == "muon" else adamw_update
        rule(p, gradient, state, group)


def check_matrices(params: Iterable[Tensor]) -> None:
    """Only matrices have singular values."""
    for p in params:
        if p.ndim != 2:
            raise ValueError(
                f"Muon orthogonalises matrices, but one parameter has the shape {tuple(p.shape)}. "
                "Give it to AdamW: groups.hidden_matrices(model) parts them, MuonAdamW takes both."
            )
