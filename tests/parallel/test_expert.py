"""Experts on several ranks give what they give on one, and rows travel as the router says."""

import pytest
import torch

from lib.parallel.errors import RankError
from lib.parallel.expert import ExpertParallel, sorted_by_expert
from lib.parallel.launch import launch
from lib.parallel.routed import RoutedFFN
from lib.parallel.simulated import simulate

D, FF, E, K = 6, 5, 12, 3
RUNS = [(simulate, 1), (simulate, 2), (simulate, 3), (simulate, 4), (launch, 2), (launch, 3)]
FACTORS = [None, 0.75]


def a_layer(capacity_factor):
    generator = torch.Generator().manual_seed(0)
    return RoutedFFN(
        D, FF, E, K, capacity_factor=capacity_factor, generator=generator, dtype=torch.float64
    )


def tokens(rank, even=False):
    """Every rank's own, and not equally many: rank 1 has none, unless all have seven."""
    generator = torch.Generator().manual_seed(rank)
    n = 7 if even else [5, 0, 8, 3][rank]
    return torch.randn(1, n, D, dtype=torch.float64, generator=generator)


def loss_of(y):
    return (y.sin() * torch.arange(D)).sum() / 7


def on_several(comm):
    found = []
    for factor in FACTORS:
        layer, x = ExpertParallel(a_layer(factor), comm), tokens(comm.rank).requires_grad_()
        comm.traffic.clear()
        y = layer(x)
        loss_of(y).backward()
        calls = [(call.op, call.sent, call.received) for call in comm.traffic.calls]
        layer.finish()
        found.append(
            {
                "y": y.detach(),
                "dx": x.grad,
                "router": layer.router.grad,
                "experts": [weight.grad for weight in layer.experts.parameters()],
                "routing": (layer.routing.experts, layer.routing.kept, layer.routing.n_dropped),
                "calls": calls,
            }
        )
    return found


def on_one(R, factor):
    """One rank goes through the tokens of all, group by group; the loss is the mean over ranks."""
    layer, xs, ys, routings = a_layer(factor), [], [], []
    for rank in range(R):
        x = tokens(rank).requires_grad_()
        y = layer(x)
        (loss_of(y) / R).backward()
        xs, ys, routings = [*xs, x], [*ys, y.detach()], [*routings, layer.routing]
    return layer, xs, ys, routings


@pytest.mark.parametrize(("run", "R"), RUNS)
def test_equals_the_layer_on_one_rank(run, R):
    for factor, *ranks in zip(FACTORS, *run(on_several, R)):
        layer, xs, ys, routings = on_one(R, factor)
        for rank, (found, routing) in enumerate(zip(ranks, routings)):
            torch.testing.assert_close(found["y"], ys[rank])
            torch.testing.assert_close(found["dx"] / R, xs[rank].grad)  # its own loss, not the mean
            torch.testing.assert_close(found["router"], layer.router.grad)
            assert found["routing"][2] == routing.n_dropped
            for mine, whole in zip(found["experts"], layer.experts.parameters()):
                torch.testing.assert_close(mine, whole.grad.chunk(R)[rank])
        assert sum(found["routing"][2] for found in ranks) > 0 or factor is None
        check_traffic(R, ranks)


def check_traffic(R, ranks):
    """Numbers of rows to all others; then every row whose expert is elsewhere, four times."""
    rows = torch.zeros(R, R, dtype=torch.int64)  # from, to
    for rank, found in enumerate(ranks):
        experts, kept, _ = found["routing"]
        rows[rank] = torch.bincount(experts[kept] // (E // R), minlength=R)
    away = rows * (1 - torch.eye(R, dtype=torch.int64)) * D * 8
    out, back = away.sum(dim=1).tolist(), away.sum(dim=0).tolist()
    numbers = (R - 1) * (E // R) * 8
    for rank, found in enumerate(ranks):
        there = ("all_to_all", out[rank], back[rank])
        home = ("all_to_all", back[rank], out[rank])
        expected = [("all_to_all", numbers, numbers), there, home, there, home]
        assert found["calls"] == expected
    assert R == 1 or sum(out) > 0


@pytest.mark.parametrize(("run", "R"), [(simulate, 3), (launch, 2)])
def test_balance_is_that_of_all_tokens(run, R):
    def balance(comm):
        layer = ExpertParallel(a_layer(None), comm)
        layer(tokens(comm.rank, even=True))
        loss = layer.balance_loss()
        loss.backward()
        layer.finish()
        return loss.detach(), layer.router.grad

    layer = a_layer(None)
    layer(torch.cat([tokens(rank, even=True) for rank in range(R)], dim=1))
    layer.balance_loss().backward()
    results = run(balance, R)
    mean = torch.stack([loss for loss, _ in results]).mean()
    torch.testing.assert_close(mean, layer.balance_loss().detach())
    for _, gradient in results:
        torch.testing.assert_close(gradient, layer.router.grad)


def test_rows_are_sorted_by_hand():
    """Rank 0 sends two rows for expert 0 and one for expert 1, rank 1 one and two."""
    assert sorted_by_expert(torch.tensor([[2, 1], [1, 2]])).tolist() == [0, 1, 3, 2, 4, 5]


def test_uneven_sharing_is_explained():
    with pytest.raises(RankError, match=r"12 experts do not divide among 5 ranks.*4, 6, 12\]"):
        simulate(lambda comm: ExpertParallel(a_layer(None), comm), 5)
