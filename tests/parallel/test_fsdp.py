"""Fully sharded: equal to one process, with memory and traffic as the formulas say."""

import pytest
import torch
from torch import nn

from lib.model.config import ModelConfig
from lib.model.transformer import Block, Transformer
from lib.parallel.fsdp import FullySharded
from lib.parallel.launch import launch
from lib.parallel.simulated import simulate
from lib.training.adaptive import AdamW

STEPS = 3


def model(seed=0, **changes):
    config = ModelConfig(
        vocab_size=61,
        context=16,
        n_layers=4,
        width=16,
        n_heads=2,
        ff_width=24,
        dtype="float64",
        compute_dtype="float64",
        tied=True,
        **changes,
    )
    return Transformer(config, torch.Generator().manual_seed(seed))


def batches():
    generator = torch.Generator().manual_seed(1)
    return [torch.randint(61, (12, 9), generator=generator) for _ in range(STEPS)]


def loss(model, ids):
    logits = model(ids[:, :-1])
    return nn.functional.cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten())


def alone():
    whole = model()
    optimizer = AdamW(whole.parameters(), lr=0.01)
    for ids in batches():
        optimizer.zero_grad()
        loss(whole, ids).backward()
        optimizer.step()
    return {name: p.detach() for name, p in whole.state_dict().items()}


def sharded(comm, **options):
    wrapped = FullySharded(model(seed=comm.rank), comm, Block, **options)
    optimizer = AdamW(wrapped.parameters(), lr=0.01)
    for ids in batches():
        optimizer.zero_grad()
        comm.traffic.clear()
        loss(wrapped, ids.chunk(comm.n_ranks)[comm.rank]).backward()
        wrapped.finish()
        optimizer.step()
    return wrapped.full_state(), comm.traffic.by_op(), wrapped.events


@pytest.mark.parametrize(("run", "n_ranks"), [(simulate, 3), (launch, 2), (launch, 4)])
def test_equal_to_one_process(run, n_ranks):
    right = alone()
    for state, sent, events in run(sharded, n_ranks):
        torch.testing.assert_close(state, right)
