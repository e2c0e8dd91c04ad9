"""Gradients averaged in three ways, and what one process gets from the whole batch."""

import copy

import pytest
import torch
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from lib.parallel.data import DataParallel, broadcast_module, reduce_each, reduce_flat
from lib.parallel.errors import RankError
from lib.parallel.launch import launch
from lib.parallel.simulated import simulate

BATCH = 12  # divides by 2, 3 and 4 ranks


class Uneven(nn.Module):
    """A tied matrix, a frozen bias, one parameter that nobody uses, one that only rank 0 does."""

    def __init__(self, seed=0):
        super().__init__()
        torch.manual_seed(seed)
        self.first = nn.Linear(7, 5)
        self.second = nn.Linear(5, 7, bias=False)
        self.third = nn.Linear(7, 5)
        self.third.weight = self.first.weight
        self.third.bias.requires_grad_(False)
        self.sometimes = nn.Parameter(torch.randn(3))
        self.never = nn.Parameter(torch.randn(2, 2))
        self.register_buffer("offset", torch.randn(5))
        self.double()

    def forward(self, x, rank=0):
        y = self.third(torch.tanh(self.second(torch.tanh(self.first(x))))) + self.offset
        return y.square().mean() + (self.sometimes.square().sum() if rank == 0 else 0)


def batch():
    return torch.randn(BATCH, 7, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def part(comm, x):
    return x.chunk(comm.n_ranks)[comm.rank]


def expected(n_ranks):
    """Of one process: the mean over the ranks of their losses, by name."""
    model = Uneven()
    parts = batch().chunk(n_ranks)
    (sum(model(x, rank) for rank, x in enumerate(parts)) / n_ranks).backward()
    return {name: p.grad for name, p in model.named_parameters()}


def gradients(model):
    return {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}


def by_every_means(comm):
    """Each way from weights that differ at first, and what it sends."""
    found = {}
    for name, reduce in (("each", reduce_each), ("flat", reduce_flat)):
        model = Uneven(seed=comm.rank)
        broadcast_module(comm, model)
        comm.traffic.clear()
        model(part(comm, batch()), comm.rank).backward()
        reduce(comm, model)
        found[name] = gradients(model), comm.traffic.sent, len(comm.traffic.calls)
    for overlap in (True, False):
        model = DataParallel(Uneven(seed=comm.rank), comm, 300, overlap, first_bytes=10)
        for _ in range(2):  # the second time, all is there already
            comm.traffic.clear()
            model.zero_grad()
            model(part(comm, batch()), comm.rank).backward()
            model.finish()
        sent = comm.traffic.sent, len(comm.traffic.calls)
        found[f"overlap {overlap}"] = gradients(model.module), *sent
    return found


@pytest.mark.parametrize(("run", "n_ranks"), [(simulate, 3), (launch, 2), (launch, 4)])
def test_all_ways_give_the_gradients_of_the_whole_batch(run, n_ranks):
    right = expected(n_ranks)
    n_values = sum(p.numel() for p in Uneven().parameters() if p.requires_grad)
    for found in run(by_every_means, n_ranks):
        for way, (gradients, sent, calls) in found.items():
            assert gradients.keys() == {"first.weight", "first.bias", "second.weight"} | {
                "sometimes",
                "never",
            }
            for name, gradient in gradients.items():
                wanted = right[name] if name != "never" else torch.zeros(2, 2).double()
                torch.testing.assert_close(gradient, wanted, msg=f"{way}, {name}")
            assert sent == pytest.approx(2 * 8 * n_values * (n_ranks - 1) / n_ranks, abs=2 * calls)
            assert calls == {"each": 5, "flat": 1}.get(way, 3)
