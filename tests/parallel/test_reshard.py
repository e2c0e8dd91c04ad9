"""Saved by some ranks, loaded by others, and training goes on as if nothing had happened."""

import json

import pytest
import torch
from torch import nn

from lib.parallel.data import broadcast_module
from lib.parallel.errors import RankError
from lib.parallel.fsdp import FullySharded
from lib.parallel.launch import launch
from lib.parallel.reshard import load_sharded, save_sharded
from lib.parallel.shard_files import ShardFiles
from lib.parallel.simulated import simulate
from lib.parallel.zero import ZeroOptimizer
from lib.training.adaptive import AdamW

BATCH, STEPS = 12, 4


class Net(nn.Module):
    def __init__(self, seed=0, width=9):
        super().__init__()
        torch.manual_seed(seed)
        self.first, self.second = nn.Linear(7, width), nn.Linear(width, 5)
        self.register_buffer("offset", torch.randn(5))
        self.double()

    def forward(self, x):
        return self.second(torch.tanh(self.first(x))) + self.offset


def batches():
    generator = torch.Generator().manual_seed(1)
    return [torch.randn(BATCH, 7, generator=generator, dtype=torch.float64) for _ in range(STEPS)]


def built(comm, way, seed=0, width=9):
    model = Net(seed, width)
    if way == "fsdp":
        model = FullySharded(model, comm, nn.Linear)
        return model, AdamW(model.parameters(), lr=0.01, weight_decay=0.1)
    broadcast_module(comm, model)
    stage, partition = {"zero 1": (1, "parameters"), "zero 2": (2, "ranges")}[way]
    settings = {"lr": 0.01, "weight_decay": 0.1}
    return model, ZeroOptimizer(model.parameters(), AdamW, comm, stage, partition, 400, **settings)


def trained(comm, model, optimizer, xs):
    for x in xs:
        model(x.chunk(comm.n_ranks)[comm.rank]).square().mean().backward()
        if isinstance(model, FullySharded):
            model.finish()
        optimizer.step()
        optimizer.zero_grad()
    return model.full_state() if isinstance(model, FullySharded) else dict(model.state_dict())


def first_half(comm, way, folder):
    model, optimizer = built(comm, way)
    trained(comm, model, optimizer, batches()[:2])
    optimizer.param_groups[0]["lr"] = 0.02  # as a schedule would
    save_sharded(folder, model, optimizer, {"step": 2, "name": "run"})


def second_half(comm, way, folder):
    model, optimizer = built(comm, way, seed=3)
    words = load_sharded(folder, model, optimizer)
    return trained(comm, model, optimizer, batches()[2:]), words


def alone():
    model = Net()
    optimizer = AdamW(model.parameters(), lr=0.01, weight_decay=0.1)
    for i, x in enumerate(batches()):
        optimizer.param_groups[0]["lr"] = 0.01 if i < 2 else 0.02
        optimizer.zero_grad()
        model(x).square().mean().backward()
        optimizer.step()
    return dict(model.state_dict())


@pytest.mark.parametrize("run", [simulate])
@pytest.mark.parametrize("then", ["fsdp", "zero 1", "zero 2"])
@pytest.mark.parametrize("first", ["fsdp", "zero 1", "zero 2"])
def test_training_goes_on_with_other_ranks_and_other_sharding(run, first, then, tmp_path):
    run(first_half, 3, first, tmp_path / "run")
    for state, words in run(second_half, 2, then, tmp_path / "run"):
        assert words == {"step": 2, "name": "run"}
        torch.testing.assert_close(state, alone())
