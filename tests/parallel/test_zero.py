"""ZeRO 1 and 2 around several optimizers: equal to one process, and what each rank holds."""

import pytest
import torch
from torch import nn

from lib.parallel.data import broadcast_module
from lib.parallel.launch import launch
from lib.parallel.simulated import simulate
from lib.parallel.zero import ZeroOptimizer
from lib.training.adaptive import AdamW
from lib.training.muon import Muon

BATCH, STEPS = 12, 3


def small(seed=0, bias=True):
    torch.manual_seed(seed)
    layers = [
        nn.Linear(7, 9, bias),
        nn.Tanh(),
        nn.Linear(9, 9, bias),
        nn.Tanh(),
        nn.Linear(9, 5, bias),
    ]
    return nn.Sequential(*layers).double()


def batches():
    generator = torch.Generator().manual_seed(1)
    return [torch.randn(BATCH, 7, generator=generator, dtype=torch.float64) for _ in range(STEPS)]


def loss(model, x):
    return model(x).square().mean()


def alone(kind, clip=None, **settings):
    """On one process with the whole batch."""
    model = small()
    optimizer, norms = kind(model.parameters(), **settings), []
    for x in batches():
        optimizer.zero_grad()
        loss(model, x).backward()
        if clip:
            norms.append(nn.utils.clip_grad_norm_(model.parameters(), clip).item())
        optimizer.step()
    return [p.detach() for p in model.parameters()], optimizer.state_dict(), norms


def sharded(comm, kind, stage, partition, clip=None, parts=1, **settings):
    model = small(seed=comm.rank)
    broadcast_module(comm, model)
    optimizer = ZeroOptimizer(model.parameters(), kind, comm, stage, partition, 400, **settings)
    norms = []
    for x in batches():
        comm.traffic.clear()
        loss(model, x.chunk(comm.n_ranks)[comm.rank]).backward()
        if clip:
            norms.append(optimizer.clip(clip).item())
        optimizer.step()
    sent = comm.traffic.sent
    return [p.detach() for p in model.parameters()], optimizer.state_dict(), norms, sent


CASES = [
    (torch.optim.AdamW, "ranges", {"lr": 0.01, "weight_decay": 0.1}),
    (torch.optim.SGD, "ranges", {"lr": 0.1, "momentum": 0.9}),
    (AdamW, "ranges", {"lr": 0.01, "weight_decay": 0.1}),
    (AdamW, "parameters", {"lr": 0.01, "weight_decay": 0.1}),
    (torch.optim.Adafactor, "parameters", {"lr": 0.01}),
]


def every_case(comm):
    return [
        sharded(comm, kind, stage, partition, clip=0.5, **settings)
        for kind, partition, settings in CASES
        for stage in (1, 2)
    ]


@pytest.mark.parametrize(("run", "n_ranks"), [(simulate, 3), (launch, 2), (launch, 4)])
def test_any_optimizer_steps_as_on_one_process(run, n_ranks):
    results = run(every_case, n_ranks)
    wanted = [alone(kind, 0.5, **settings) for kind, _, settings in CASES for _ in (1, 2)]
    for found in results:
        for (params, state, norms, sent), (right, right_state, right_norms) in zip(found, wanted):
            torch.testing.assert_close(params, right)
            torch.testing.assert_close(norms, right_norms)
            torch.testing.assert_close(state["state"], right_state["state"])
