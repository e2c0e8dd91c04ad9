"""Ranks: alone here; test_processes.py compares two of them with one."""

import numpy as np
import torch

from lib.model.config import ModelConfig
from lib.model.transformer import Transformer
from lib.training.adaptive import AdamW
from lib.training.batches import Batches
from lib.training.loop import training_steps
from lib.training.ranks import ALONE, Ranks, join_ranks


def train(ranks: Ranks) -> tuple[list[tuple[float, int]], torch.Tensor]:
    """Three steps on documents of unequal length, so that ranks have unequally many targets."""
    config = ModelConfig(11, 6, 2, 16, 2, ff_width=32, dtype="float64")
    model = Transformer(config, torch.Generator().manual_seed(0))
    batches = Batches(
        np.random.default_rng(0).integers(0, 11, 200),
        4,
        6,
        seed=0,
        documents="mask",
        starts=[0, *range(100, 200, 2)],
        rank=ranks.rank,
        n_ranks=ranks.n_ranks,
    )
    optimizer = AdamW(model.parameters(), lr=0.01)
    steps = [(s.loss, s.tokens) for s in training_steps(model, optimizer, batches, 3, ranks=ranks)]
    return steps, torch.cat([p.detach().flatten() for p in model.parameters()])


def test_without_torchrun_there_is_one(monkeypatch):
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    assert join_ranks() == ALONE == Ranks(0, 1)
    assert ALONE.agree(True) and not ALONE.agree(False)
