"""SOAP: Adam, in coordinates in which the gradient's entries vary independently.

Shampoo (Gupta et al., arXiv 1802.09568) watches how the rows of a gradient matrix G vary together,
and how its columns do: L averages G G^T, R averages G^T G. SOAP (Vyas et al., arXiv 2409.11321,
algorithm 3) turns G into the eigenvectors of both, where Adam's one step size per entry is right,
lets Adam choose the step, and turns it back. The eigenvectors follow slowly: every few steps one
multiplication by L, or R, and a QR decomposition.

For a matrix of M x N it keeps, besides Adam's averages, 2 (M^2 + N^2) numbers.
"""

import torch
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


class SOAP(PerParameter):
    """For parameters of every shape: what is no matrix gets AdamW.

    A side longer than `max_side`, such as a vocabulary, is not turned. The eigenvectors are
    renewed every `every` steps. A matrix's first gradient only finds the first of them: it does
    not move yet.
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float = 3e-3,
        betas: tuple[float, float] = (0.95, 0.95),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        every: int = 10,
        max_side: int = 10_000,
    ) -> None:
        shares = {"betas[0]": betas[0], "betas[1]": betas[1]}
        check_settings(lr=lr, eps=eps, weight_decay=weight_decay, below_one=shares)
        if every < 1:
            raise ValueError(f"every counts steps: a whole number from 1 up, not {every}.")
        defaults = {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay}
        super().__init__(params, {**defaults, "every": every, "max_side": max_side})

    def update(self, p: Tensor, gradient: Tensor, state: State, group: Group) -> None:
        if p.ndim != 2 or min(p.shape) > group["max_side"]:
            adamw_update(p, gradient, state, group)
        elif "step" not in state:
            find_first_basis(gradient, state, group)
        else:
            soap_update(p, gradient, state, group)


def soap_update(p: Tensor, gradient: Tensor, state: State, group: Group) -> None:
    """One step of algorithm 3. The averages of G and of its squares are Adam's; only the second
    is kept in turned coordinates."""
    beta1, beta2 = group["betas"]
    mean, squares = kept(state, "mean", p), kept(state, "squares", p)
    gradient = gradient.to(mean.dtype)
    state["step"] = t = state["step"] + 1
    add_to_average(mean, gradient, beta1)
    add_to_average(squares, turn(gradient, state).square(), beta2)
    size = (squares / (1 - beta2**t)).sqrt_().add_(group["eps"])
    direction = turn_back(turn(mean, state) / (1 - beta1**t) / size, state)
    p.mul_(1 - group["lr"] * group["weight_decay"]).sub_(direction, alpha=group["lr"])
    for side, product in products(gradient, group["max_side"]).items():
        add_to_average(state[side], product, beta2)
        if t % group["every"] == 0:
            basis = state[f"{side}_basis"]
            basis.copy_(better_basis(state[side], basis))


def find_first_basis(gradient: Tensor, state: State, group: Group) -> None:
    """Begin with the eigenvectors of the first G G^T and G^T G."""
    gradient = gradient.to(torch.promote_types(gradient.dtype, torch.float32))
    for side, product in products(gradient, group["max_side"]).items():
        state[side] = (1 - group["betas"][1]) * product
        state[f"{side}_basis"] = torch.linalg.eigh(product).eigenvectors
    state["step"] = 0


def products(gradient: Float[Tensor, "M N"], max_side: int) -> dict[str, Tensor]:
    """How rows vary together, M x M, and how columns do, N x N: of the sides to be turned."""
    sides = {"left": gradient, "right": gradient.T}
    return {side: x @ x.T for side, x in sides.items() if len(x) <= max_side}


def turn(x: Float[Tensor, "M N"], state: State) -> Float[Tensor, "M N"]:
    """Into the coordinates of the eigenvectors, on the sides that have some."""
    if "left_basis" in state:
        x = state["left_basis"].T @ x
    return x @ state["right_basis"] if "right_basis" in state else x


def turn_back(x: Float[Tensor, "M N"], state: State) -> Float[Tensor, "M N"]:
    """The inverse of `turn`: the bases are orthogonal."""
    if "left_basis" in state:
        x = state["left_basis"] @ x
    return x @ state["right_basis"].T if "right_basis" in state else x


def better_basis(
    symmetric: Float[Tensor, "M M"], basis: Float[Tensor, "M M"]
) -> Float[Tensor, "M M"]:
    """One step of orthogonal iteration (algorithm 4): repeated, it ends at the eigenvectors."""
    return torch.linalg.qr(symmetric @ basis).Q
