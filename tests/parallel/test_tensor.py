"""Matrices cut by columns and rows: equal to the whole ones, to PyTorch's plan, in traffic too."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.tensor import Shard
from torch.distributed.tensor.parallel import (
    ColwiseParallel,
    RowwiseParallel,
    SequenceParallel,
    parallelize_module,
)

from lib.parallel.conjugates import part_of
from lib.parallel.errors import RankError
from lib.parallel.launch import launch
from lib.parallel.region import Region
from lib.parallel.simulated import simulate
from lib.parallel.tensor import ColumnLinear, RowLinear, shard, shard_columns, shard_rows, unshard

B, T, D, WIDE = 2, 12, 6, 20


class MLP(nn.Sequential):
    """With PyTorch's layers, so that PyTorch's plan can cut them, too."""

    def __init__(self, seed=0):
        super().__init__(nn.LayerNorm(D), nn.Linear(D, WIDE), nn.GELU(), nn.Linear(WIDE, D))
        generator = torch.Generator().manual_seed(seed)
        self.double()
        for p in self.parameters():
            p.data = torch.randn(p.shape, generator=generator, dtype=torch.float64)


def cut(mlp, comm, sequence):
    norm, up, bend, down = mlp
    Region(comm, sequence).share(norm)
    up, down = shard_columns(up, comm, sequence), shard_rows(down, comm, sequence)
    return nn.Sequential(norm, up, bend, down)


def batch():
    generator = torch.Generator().manual_seed(1)
    return torch.randn(2, B, T, D, generator=generator, dtype=torch.float64)


def gradients(model):
    return [p.grad for p in model.parameters()]


def by_hand(comm, sequence):
    """Loss, gradients of x and weights (joined), on whole sequences or own positions; traffic."""
    model = cut(MLP(), comm, sequence)
    x, goal = (part_of(comm, y, 1) if sequence else y for y in batch())
    x.requires_grad_()
    y = model(x)
    loss = (y * goal).sum()
    loss.backward()
    traffic = comm.traffic.by_op()
    loss, dx = loss.detach(), x.grad
    if sequence:
        y, dx = (comm.all_gather(part.contiguous(), dim=1) for part in (y, dx))
        loss = comm.all_reduce(loss)
    dims, sizes = [None, None, 0, 0, 1, None], [0, 0, WIDE, WIDE, WIDE, 0]
    whole = [unshard(g, *how) for g, *how in zip(gradients(model), dims, [comm] * 6, sizes)]
    n_held = sum(p.numel() for p in model.parameters())
    return [loss, y.detach(), dx, *whole], traffic, n_held


def by_torch(comm, sequence):
    """The same, cut by PyTorch: parts meet at the same places."""
    mesh, model = init_device_mesh("cpu", (comm.n_ranks,)), MLP()
    plan = {"1": ColwiseParallel(), "3": RowwiseParallel()}
    if sequence:
        plan = {
            "0": SequenceParallel(use_local_output=True),
            "1": ColwiseParallel(input_layouts=Shard(1)),
            "3": RowwiseParallel(output_layouts=Shard(1)),
        }
    model = parallelize_module(model, mesh, plan)
    x, goal = (part_of(comm, y, 1) if sequence else y for y in batch())
    x.requires_grad_()
    y = model(x)
    (y * goal).sum().backward()
    found = [g.full_tensor() if hasattr(g, "full_tensor") else g for g in gradients(model)]
    return y.detach(), x.grad, found


def dense():
    model, (x, goal) = MLP(), batch()
    x.requires_grad_()
    y = model(x)
    loss = (y * goal).sum()
    loss.backward()
    return [loss.detach(), y.detach(), x.grad, *gradients(model)], model


def close(xs, ys):
    """Sums over ranks are taken in another order: some ulps of float64."""
    return all(torch.allclose(x, y, rtol=1e-11, atol=1e-12) for x, y in zip(xs, ys, strict=True))


@pytest.mark.parametrize("sequence", [False, True])
@pytest.mark.parametrize(("run", "n_ranks"), [(simulate, 4), (launch, 2)])
def test_cut_matrices_are_the_whole_ones(run, n_ranks, sequence):
    expected, model = dense()
    size = B * T * D * 8
    shared = sum(p.numel() for p in [*model[0].parameters(), model[3].bias])
    n_cut = sum(p.numel() for p in model.parameters()) - shared
    for found, traffic, n_held in run(by_hand, n_ranks, sequence):
        assert close(found, expected)
        assert n_held == shared + n_cut // n_ranks
        part = size * (n_ranks - 1) // n_ranks
        if not sequence:  # one all-reduce forward, one backward
            assert traffic == {"all_reduce": 2 * 2 * part}
        else:  # the same in two halves, and the gradients of weights used outside
            small = 3 * 2 * (D * 8 * (n_ranks - 1) // n_ranks)
            half = {"all_gather": 2 * part, "reduce_scatter": 2 * part}
            assert traffic == {**half, "all_reduce": small}


def both(comm):
    found = []
    for sequence in (False, True):
        _, y, dx, *weights = by_hand(comm, sequence)[0]
        theirs_y, theirs_dx, theirs = by_torch(comm, sequence)
        mine = [part_of(comm, z, 1) if sequence else z for z in (y, dx)]
        found.append(close([*mine, *weights], [theirs_y, theirs_dx, *theirs]))
    return found


def test_pytorch_cuts_in_the_same_way():
    assert launch(both, 2) == [[True, True]] * 2


def test_parts_of_heads_and_unequal_parts_come_back():
    def there_and_back(comm):
        x = torch.arange(35.0).view(7, 5)
        parts = [shard(x, dim, comm) for dim in (0, 1, None)]
        back = [unshard(p, d, comm, s) for p, d, s in zip(parts, (0, 1, None), (7, 5, 0))]
        return [p.shape[0] for p in parts], all(torch.equal(b, x) for b in back)

    assert simulate(there_and_back, 3) == [([3, 7, 7], True), ([2, 7, 7], True), ([2, 7, 7], True)]


def test_a_single_matrix_by_columns_leaves_parts_and_by_rows_takes_them():
    weight = torch.arange(8.0).view(4, 2)

    def parts(comm):
        layer = nn.Linear(2, 4, bias=False)
        layer.weight.data = weight
        x = torch.tensor([[1.0, 10.0]])
        narrow = nn.Linear(4, 2, bias=False)
        narrow.weight.data = weight.T.contiguous()
        hidden = shard_columns(layer, comm)(x)
        return hidden.tolist(), shard_rows(narrow, comm)(hidden).tolist()

    (first, total), (second, again) = simulate(parts, 2)
    assert first == [[10, 32]] and second == [[54, 76]]
    assert total == again == F.linear(torch.tensor([[10.0, 32, 54, 76]]), weight.T).tolist()


def test_what_does_not_divide_says_what_would():
    def make(comm, kind):
        return kind(6, 6, False, torch.float32, Region(comm))

    for kind, what in ((ColumnLinear, "outputs"), (RowLinear, "inputs")):
        with pytest.raises(RankError, match=rf"6 {what} cannot.*from \[1, 2, 3, 6\]"):
            simulate(make, 4, kind)
