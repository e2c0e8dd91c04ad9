"""Models for several ranks: shared, frozen and unused parameters, and what one process would do.

The functions run on each rank, so they are found here by import: tests.small_models.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Plain(nn.Module):
    """Three layers and a norm with a running mean, which is a buffer."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.c = nn.Linear(3, 5), nn.Linear(5, 4), nn.Linear(4, 2)
        self.register_buffer("steps", torch.zeros(2))

    def forward(self, x: Tensor) -> Tensor:
        return self.c(torch.tanh(self.b(torch.tanh(self.a(x)))))


class Tied(nn.Module):
    """The first and the last matrix are one parameter, used twice."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.c = nn.Linear(3, 4), nn.Linear(4, 4), nn.Linear(4, 3, bias=False)
        self.c.weight = nn.Parameter(self.a.weight.detach().T.clone())
        self.a.weight, self.shared = None, self.c.weight

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(torch.tanh(self.b(F.linear(x, self.shared.T, self.a.bias))), self.shared)


class Frozen(Plain):
    """The middle layer is not trained."""

    def __init__(self) -> None:
        super().__init__()
        self.b.requires_grad_(False)


class Unused(Plain):
    """Which rows a rank sees decides whether it uses the last layer."""

    def forward(self, x: Tensor) -> Tensor:
        y = torch.tanh(self.b(torch.tanh(self.a(x))))
        return self.c(y) if x[0, 0] > 0 else y[:, :2] * 1.0


MODELS: dict[str, Callable[[], nn.Module]] = {
    "plain": Plain,
    "tied": Tied,
    "frozen": Frozen,
    "unused": Unused,
}


def made(kind: str, seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return MODELS[kind]().double()


def rows(kind: str, n_ranks: int, rank: int) -> tuple[Tensor, Tensor]:
    """This rank's two rows of the batch; for "unused", the sign of the first decides."""
    torch.manual_seed(7)
    x, y = torch.randn(2 * n_ranks, 3).double(), torch.randn(2 * n_ranks, 3).double()
    if kind == "unused":
        x[:, 0] = x[:, 0].abs() * torch.tensor([1.0, -1.0]).repeat_interleave(2)[: 2 * n_ranks]
    mine = slice(2 * rank, 2 * rank + 2)
    return x[mine], y[mine]


def loss(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    out = model(x)
    return (out - y[:, : out.shape[1]]).square().mean()


def alone(kind: str, n_ranks: int, n_steps: int, optimizer_of: Callable) -> dict[str, Tensor]:
    """Parameters after steps of one process with the whole batch."""
    model = made(kind)
    optimizer = optimizer_of([p for p in model.parameters() if p.requires_grad])
    for _ in range(n_steps):
        optimizer.zero_grad()
        sum(loss(model, *rows(kind, n_ranks, rank)) / n_ranks for rank in range(n_ranks)).backward()
        optimizer.step()
    return {name: p.detach() for name, p in model.named_parameters()}


def sgd(params: list[Tensor]) -> torch.optim.Optimizer:
    return torch.optim.SGD(params, lr=0.1, momentum=0.9)
