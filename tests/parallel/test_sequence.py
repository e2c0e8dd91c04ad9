"""Norm and dropout on parts of the positions: the values of one rank, 1 / n of the memory."""

import pytest
import torch
from torch import nn
from torch.autograd.graph import saved_tensors_hooks

from lib.model.config import ModelConfig
from lib.model.norm import LayerNorm, RMSNorm
from lib.model.transformer import Transformer
from lib.parallel.conjugates import part_of
from lib.parallel.launch import launch
from lib.parallel.sequence import SequenceNorm, dropout, sequence_dropout
from lib.parallel.simulated import simulate
from lib.parallel.tensor_model import tensor_parallel

B, T, D = 2, 12, 6
NORMS = {
    "rms": lambda: RMSNorm(D, 1e-5, torch.float64),
    "layer": lambda: LayerNorm(D, 1e-5, True, torch.float64),
}


def batch():
    generator = torch.Generator().manual_seed(1)
    return torch.randn(2, B, T, D, generator=generator, dtype=torch.float64)


def seeded():
    return torch.Generator().manual_seed(7)


class Kept:
    """Bytes that autograd keeps for the way back, each storage once; weights are not counted."""

    def __init__(self, *held):
        self.held, self.sizes = {x.untyped_storage().data_ptr() for x in held}, {}

    def __call__(self, x):
        storage = x.untyped_storage()
        if storage.data_ptr() not in self.held:
            self.sizes[storage.data_ptr()] = storage.nbytes()
        return x

    @property
    def n_bytes(self):
        return sum(self.sizes.values())


def region(comm, norm_name):
    """Norm, then dropout, of this rank's positions."""
    norm = SequenceNorm(NORMS[norm_name](), comm)
    x, goal = (part_of(comm, y, 1) for y in batch())
    x.requires_grad_()
    kept = Kept(*norm.parameters())
    with saved_tensors_hooks(kept, lambda x: x):
        y = sequence_dropout(comm, norm(x), 0.25, seeded())
    (y * goal).sum().backward()
    whole = [comm.all_gather(part.contiguous(), 1) for part in (y.detach(), x.grad)]
    return [*whole, *(p.grad for p in norm.parameters())], kept.n_bytes


@pytest.mark.parametrize("name", NORMS)
@pytest.mark.parametrize(("run", "n_ranks"), [(simulate, 3), (launch, 2)])
def test_parts_of_the_sequence_together_are_the_sequence(run, n_ranks, name):
    norm, (x, goal) = NORMS[name](), (y.clone() for y in batch())
    x.requires_grad_()
    kept = Kept(*norm.parameters())
    with saved_tensors_hooks(kept, lambda x: x):
        y = dropout(norm(x), 0.25, seeded())
    (y * goal).sum().backward()
    assert 0.1 < (y == 0).double().mean() < 0.4
    expected = [y.detach(), x.grad, *(p.grad for p in norm.parameters())]
    for found, n_bytes in run(region, n_ranks, name):
        for mine, theirs in zip(found, expected, strict=True):
            torch.testing.assert_close(mine, theirs, rtol=1e-12, atol=1e-14)
        assert n_bytes == kept.n_bytes / n_ranks


def test_dropout_is_pytorchs_but_for_the_numbers_drawn():
    x = torch.ones(40, 50, 60, dtype=torch.float64)
    values, theirs = dropout(x, 0.1, seeded()), nn.functional.dropout(x, 0.1)
    assert sorted(values.unique().tolist()) == sorted(theirs.unique().tolist()) == [0, 1 / 0.9]
    assert values.mean().item() == pytest.approx(1, abs=5 / 120_000**0.5 / 3)  # five sigma


def kept_by_a_block(comm, sequence):
    config = ModelConfig(16, T, 1, 8, 4, ff_width=24, attention="sdpa", dtype="float64")
    block = tensor_parallel(Transformer(config), comm, sequence).blocks[0]
    x = torch.randn(B, T // comm.n_ranks if sequence else T, 8, dtype=torch.float64)
    kept = Kept(*block.parameters())
    with saved_tensors_hooks(kept, lambda x: x):
        block(x.requires_grad_())
    return kept.n_bytes


def test_what_a_block_keeps():
    """All of it over n, but for two of the stream: what the matrices multiply is whole inside."""
    (whole,), parts, cut = (
        simulate(kept_by_a_block, n, sequence) for n, sequence in ((1, True), (4, True), (4, False))
    )
    entered = 2 * B * T * 8 * 8
    assert [part - entered for part in parts] == [(whole - entered) / 4] * 4
    assert cut[0] > parts[0]
