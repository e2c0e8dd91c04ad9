"""The baseline: the reference's model with PyTorch's own attention and its fused AdamW."""

from dataclasses import replace

import torch
from torch import Tensor

from lib.grading.step_tables import Table
from lib.model.transformer import Transformer
from lib.training.losses import cross_entropy


class Baseline:
    def __init__(self, table: Table, weights: dict[str, Tensor], device: str) -> None:
        self.model = Transformer(replace(table.model, attention="sdpa")).to(device)
        self.model.load_state_dict(weights)
        settings = {"lr": table.lr, "betas": table.betas, "eps": table.eps}
        settings |= {"weight_decay": table.weight_decay, "fused": True}
        self.optimizer = torch.optim.AdamW(self.model.parameters(), **settings)

    def step(self, ids: Tensor, targets: Tensor) -> Tensor:
        self.optimizer.zero_grad()
        loss = cross_entropy(self.model(ids), targets)
        loss.backward()
        self.optimizer.step()
        return loss.detach()

    def weights(self) -> dict[str, Tensor]:
        return self.model.state_dict()


def build(table: Table, weights: dict[str, Tensor], device: str) -> Baseline:
    return Baseline(table, weights, device)
