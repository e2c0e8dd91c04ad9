"""The paper's block: equal however it is cut, and what it keeps is what the paper counts."""

import pytest
import torch

from lib.parallel.activation_memory import QUADRATIC_PARTS, block_parts
from lib.parallel.classic_block import ClassicBlock, cut_block
from lib.parallel.region import Region
from lib.parallel.simulated import simulate
from lib.tensors.held import saved_tensors, storage_bytes

B, T, D, N = 3, 20, 24, 4
STATISTICS = 2 * 2 * B * T  # numbers that the two norms keep besides: mean and size of each vector


def whole_block(comm, recompute="none", dtype=torch.bfloat16, dropout=0.1):
    torch.manual_seed(0)
    return ClassicBlock(D, N, Region(comm.split([[r] for r in range(comm.n_ranks)])), dropout,
                        recompute, dtype)  # fmt: skip


def kept(comm, sequence, recompute):
    """Bytes of all that is kept on this rank, without norms' statistics."""
    block = cut_block(whole_block(comm, recompute), Region(comm, sequence))
    positions = T // comm.n_ranks if sequence else T
    x = torch.randn(B, positions, D, dtype=torch.bfloat16, requires_grad=True)
    x = x * 1  # no leaf: those are not counted
    tensors = saved_tensors(lambda: block(x))
    small = [t for t in tensors if t.shape[-1:] == (1,)]
    assert sum(t.numel() for t in small) in (0, STATISTICS * positions // T)
    return sum(storage_bytes(t) for t in tensors) - sum(storage_bytes(t) for t in small)


@pytest.mark.parametrize("recompute", ["none", "selective", "full"])
@pytest.mark.parametrize(("t", "sequence"), [(1, False), (2, False), (2, True), (4, True)])
def test_pytorch_keeps_what_the_paper_counts(t, sequence, recompute):
    found = simulate(kept, t, sequence, recompute)
    counted = sum(block_parts(T, B, D, N, t, sequence, recompute).values())
    assert found == [counted] * t


def test_every_part_is_there():
    found, counted = simulate(sizes, 1)[0], block_parts(T, B, D, N)
    assert sum(found) == sum(counted.values())
    assert all(found.count(counted[name]) >= 1 for name in QUADRATIC_PARTS)


def sizes(comm):
    block = whole_block(comm)
    x = torch.randn(B, T, D, dtype=torch.bfloat16, requires_grad=True) * 1
    return [storage_bytes(t) for t in saved_tensors(lambda: block(x)) if t.shape[-1:] != (1,)]


def run(comm, cut, sequence, recompute, x):
    """Output and gradients of the input and of one weight, whole again."""
    block = whole_block(comm, recompute, torch.float64, dropout=0.0)
    if not cut:
        x = x.clone().requires_grad_()
        y = block(x)
        y.square().sum().backward()
        return y.detach(), x.grad, block.norms[0].weight.grad, block.down.bias.grad
    block = cut_block(block, Region(comm, sequence))
    own = (x.chunk(comm.n_ranks, 1)[comm.rank] if sequence else x).clone().requires_grad_()
    y = block(own)
    y.square().sum().backward()
    whole = [comm.all_gather(t, dim=1) if sequence else t for t in (y.detach(), own.grad)]
    return *whole, block.norms[0].weight.grad, block.down.bias.grad


@pytest.mark.parametrize("recompute", ["none", "selective"])
@pytest.mark.parametrize("sequence", [False, True])
def test_cut_blocks_compute_the_same(sequence, recompute):
    x = torch.randn(B, T, D, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    expected = simulate(run, 1, False, False, "none", x)[0]
    for found in simulate(run, 2, True, sequence, recompute, x):
        torch.testing.assert_close(found, expected)
