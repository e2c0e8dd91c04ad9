"""Steps that gradients flow through: values by hand, and each the transpose of its way back."""

from functools import partial

import pytest
import torch

from lib.parallel.conjugates import (
    copy_in,
    gather_in,
    join_parts,
    scatter_out,
    sum_out,
    swap_parts,
    take_part,
)
from lib.parallel.errors import RankError
from lib.parallel.launch import launch
from lib.parallel.simulated import simulate

# The step, and whether what goes in and what comes out is alike on all ranks
STEPS = {
    "copy_in": (copy_in, True, False),
    "sum_out": (sum_out, False, True),
    "gather_in": (partial(gather_in, dim=1), False, False),
    "scatter_out": (partial(scatter_out, dim=1), False, False),
    "take_part": (partial(take_part, dim=1), True, False),
    "join_parts": (partial(join_parts, dim=1), False, True),
    "swap_parts": (partial(swap_parts, cut=0, join=1), False, False),
}


def drawn(seed, *shape):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator, dtype=torch.float64)


def there_and_back(comm, name):
    """x, y, a gradient of y, and what comes of it; then the same once more, backwards."""
    step, alike_in, alike_out = STEPS[name]
    x = drawn(0 if alike_in else comm.rank, 4, 12, 2).requires_grad_()
    y = step(comm, x)
    dy = drawn(100 if alike_out else 100 + comm.rank, *y.shape).requires_grad_()
    (dx,) = torch.autograd.grad(y, x, dy, create_graph=True)
    (ddy,) = torch.autograd.grad(dx, dy, x.detach())
    return [tensor.detach() for tensor in (x, y, dy, dx, ddy)]


def inner(xs, ys, alike):
    """The product of what all ranks hold together; what is alike is there once."""
    if alike:
        assert all(torch.equal(x, xs[0]) for x in xs) and all(torch.equal(y, ys[0]) for y in ys)
    return sum((x * y).sum().item() for x, y in zip(xs, ys)) / (len(xs) if alike else 1)


@pytest.mark.parametrize(("run", "n_ranks"), [(simulate, 4), (launch, 2)])
@pytest.mark.parametrize("name", STEPS)
def test_the_way_back_is_the_transpose(run, n_ranks, name):
    """<dy, step x> = <back dy, x>; and the gradient of the way back is the step itself."""
    _, alike_in, alike_out = STEPS[name]
    x, y, dy, dx, ddy = zip(*run(there_and_back, n_ranks, name))
    assert inner(dy, y, alike_out) == pytest.approx(inner(dx, x, alike_in), rel=1e-12)
    assert all(torch.equal(a, b) for a, b in zip(ddy, y))


def test_by_hand():
    def results(comm):
        x = torch.arange(4.0) + 10 * comm.rank  # 0 1 2 3 and 10 11 12 13
        return {
            "copy_in": copy_in(comm, x),
            "sum_out": sum_out(comm, x),
            "gather_in": gather_in(comm, x),
            "scatter_out": scatter_out(comm, x),
            "take_part": take_part(comm, x),
            "join_parts": join_parts(comm, x),
            "swap_parts": swap_parts(comm, x.view(2, 2), cut=1, join=0)[:, 0],
        }

    first, second = ({k: v.tolist() for k, v in r.items()} for r in simulate(results, 2))
    assert first["copy_in"] == [0, 1, 2, 3] and second["copy_in"] == [10, 11, 12, 13]
    assert first["sum_out"] == second["sum_out"] == [10, 12, 14, 16]
    assert first["gather_in"] == second["join_parts"] == [0, 1, 2, 3, 10, 11, 12, 13]
    assert (first["scatter_out"], second["scatter_out"]) == ([10, 12], [14, 16])
    assert (first["take_part"], second["take_part"]) == ([0, 1], [12, 13])
    assert (first["swap_parts"], second["swap_parts"]) == ([0, 2, 10, 12], [1, 3, 11, 13])


def test_traffic_in_and_out_of_a_region_is_one_all_reduce_in_both_ways():
    """With parts of the sequence outside (gather, scatter) as without (copy, sum)."""

    def sent(comm, sequence):
        x = torch.ones(2, 6 if sequence else 24, 5, requires_grad=True)
        inside = gather_in(comm, x, 1) if sequence else copy_in(comm, x)
        out = scatter_out(comm, inside, 1) if sequence else sum_out(comm, inside)
        forward = comm.traffic.sent
        out.sum().backward()
        return forward, comm.traffic.sent - forward

    all_reduce = 2 * 3 * (2 * 24 * 5 * 4) // 4  # 2 (n - 1) / n of the bytes of x
    assert simulate(sent, 4, False) == simulate(sent, 4, True) == [(all_reduce, all_reduce)] * 4


def test_what_cannot_be_cut_says_so():
    with pytest.raises(RankError, match=r"equal parts of dimension 1.*7 / 2 leaves 1 over"):
        simulate(lambda comm: scatter_out(comm, torch.ones(2, 7), dim=1), 2)
