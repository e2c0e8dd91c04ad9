"""What entries of the fastest step are given, and the naive step that they are compared with."""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from lib.model.config import ModelConfig
from lib.model.transformer import Transformer
from lib.training.losses import cross_entropy


@dataclass(frozen=True)
class Table:
    """What all entries of one table do. `within` bounds the distance of an entry's three updates
    from the reference's, as a share of their length: an update of AdamW is about the sign of a
    gradient, and rounding decides the sign of those next to zero."""

    model: ModelConfig
    batch: int
    device: str
    within: float
    loss_within: float
    lr: float = 1e-3
    betas: tuple[float, float] = (0.9, 0.95)
    eps: float = 1e-8
    weight_decay: float = 0.1


LARGE = ModelConfig(
    vocab_size=50_304,
    context=4096,
    n_layers=16,
    width=2048,
    n_heads=16,
    ff_width=5504,
    compute_dtype="bfloat16",
)
TABLES = {
    "mini": Table(ModelConfig(512, 32, 1, 32, 2), 2, "cpu", 0.05, 1e-3),  # to try things out
    "cpu": Table(ModelConfig(16_384, 256, 4, 256, 8), 4, "cpu", 0.05, 1e-3),
    "gpu": Table(LARGE, 1, "cuda", 0.3, 1e-2),
}


@runtime_checkable
class Trainer(Protocol):
    """What `build` returns."""

    def step(self, ids: Tensor, targets: Tensor) -> Tensor:
        """One step on ids and targets (B, T): the loss before it."""

    def weights(self) -> dict[str, Tensor]:
        """All weights now."""


class Reference:
    """The naive step: everything as the formulas have it, one operation after the other."""

    def __init__(self, table: Table) -> None:
        self.model = Transformer(table.model, torch.Generator().manual_seed(0)).to(table.device)
        self.optimizer = torch.optim.AdamW(
            self.model.parameters(),
            lr=table.lr,
            betas=table.betas,
            eps=table.eps,
            weight_decay=table.weight_decay,
            foreach=False,
        )

    def step(self, ids: Tensor, targets: Tensor) -> Tensor:
        """One step, and the loss before it."""
        self.optimizer.zero_grad()
        loss = cross_entropy(self.model(ids), targets)
        loss.backward()
        self.optimizer.step()
        return loss.detach()

    def weights(self) -> dict[str, Tensor]:
        """All weights, copied."""
        return {name: x.detach().clone() for name, x in self.model.state_dict().items()}


class Batches:
    """Random text, new in every step: nothing can be kept from one to the next."""

    def __init__(self, table: Table) -> None:
        self.table, self.generator = table, torch.Generator().manual_seed(1)

    def next(self) -> tuple[Tensor, Tensor]:
        """ids and targets, both (B, T)."""
        shape = self.table.batch, self.table.model.context + 1
        ids = torch.randint(self.table.model.vocab_size, shape, generator=self.generator)
        ids = ids.to(self.table.device)
        return ids[:, :-1], ids[:, 1:]
