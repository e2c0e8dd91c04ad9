"""Rings and trees out of send and receive: equal to the library, with the traffic promised."""

import math

import pytest
import torch

from lib.parallel.launch import launch
from lib.parallel.ring import (
    ring_all_gather,
    ring_all_reduce,
    ring_all_reduce_states,
    ring_reduce_scatter,
)
from lib.parallel.simulated import simulate
from lib.parallel.traffic import collective_call
from lib.parallel.tree import (
    rounds,
    tree_all_reduce,
    tree_all_reduce_states,
    tree_broadcast,
    tree_reduce,
)

RUNS = [(simulate, 3), (simulate, 5), (launch, 2), (launch, 4)]


def of_rank(rank, *shape):
    return torch.randint(-99, 99, shape, generator=torch.Generator().manual_seed(rank)).double()


def ours_and_theirs(comm):
    n, root = comm.n_ranks, comm.n_ranks - 1
    x, uneven = of_rank(comm.rank, 4 * n, 3), of_rank(comm.rank, 7, 11).t()
    pairs = {
        "ring_all_reduce": (ring_all_reduce(comm, x), comm.all_reduce(x)),
        "uneven": (ring_all_reduce(comm, uneven), comm.all_reduce(uneven)),
        "ring_reduce_scatter": (ring_reduce_scatter(comm, x), comm.reduce_scatter(x)),
        "ring_all_gather": (ring_all_gather(comm, x), comm.all_gather(x)),
        "tree_broadcast": (tree_broadcast(comm, x, root), comm.broadcast(x, root)),
        "tree_reduce": (tree_reduce(comm, x, root), comm.reduce(x, root)),
        "tree_all_reduce": (tree_all_reduce(comm, uneven), comm.all_reduce(uneven)),
    }
    return {
        name: ours is theirs or torch.equal(ours, theirs) for name, (ours, theirs) in pairs.items()
    } | {"unchanged": torch.equal(x, of_rank(comm.rank, 4 * n, 3))}


@pytest.mark.parametrize(("run", "n_ranks"), RUNS)
def test_they_equal_the_library(run, n_ranks):
    for equal in run(ours_and_theirs, n_ranks):
        assert all(equal.values()), equal


def traffic_of(comm, function, x):
    comm.traffic.clear()
    function(comm, x)
    return comm.traffic.sent, comm.traffic.received, comm.traffic.messages


@pytest.mark.parametrize(("run", "n_ranks"), RUNS)
def test_a_ring_sends_two_times_n_minus_one_over_n(run, n_ranks):
    x = torch.ones(840)  # which 2, 3, 4, 5 and 7 divide
    size = 840 * 4
    for sent, received, messages in run(traffic_of, n_ranks, ring_all_reduce, x):
        assert sent == received == 2 * (n_ranks - 1) * size // n_ranks
        assert messages == 2 * (n_ranks - 1)


@pytest.mark.parametrize("n", [2, 3, 7])
def test_rings_are_what_the_count_of_the_library_assumes(n):
    for op, function in {
        "all_reduce": ring_all_reduce,
        "all_gather": ring_all_gather,
        "reduce_scatter": ring_reduce_scatter,
    }.items():
        call = collective_call(op, 840 * 4, n)
        expected = [(call.sent, call.received, call.messages)] * n
        assert simulate(traffic_of, n, function, torch.ones(840)) == expected


@pytest.mark.parametrize("n", [1, 2, 5, 8])
def test_a_tree_takes_log_n_rounds_and_reaches_all(n):
    assert len(rounds(n)) == math.ceil(math.log2(n))
    have = {n - 1}
    for messages in rounds(n, root=n - 1):
        assert {sender for sender, _ in messages} <= have
        have |= {receiver for _, receiver in messages}
    assert have == set(range(n))
    sums = [sum(column) for column in zip(*simulate(traffic_of, n, tree_all_reduce, torch.ones(9)))]
    assert sums == [2 * (n - 1) * 36, 2 * (n - 1) * 36, 2 * (n - 1)]


@pytest.mark.parametrize("n", [1, 2, 3, 4, 7])
def test_states_end_where_the_functions_do(n):
    xs = [of_rank(rank, 11) for rank in range(n)]
    everybody = frozenset(range(n))
    *_, last = ring = list(ring_all_reduce_states(xs))
    assert [state.step for state in ring] == list(range(2 * n - 1))
    assert all(torch.equal(torch.cat(row), sum(xs)) for row in last.parts)
    assert all(ranks == everybody for row in last.holds for ranks in row)
    half = ring[n - 1]
    assert [half.holds[rank][rank] for rank in range(n)] == [everybody] * n
    *_, end = tree = list(tree_all_reduce_states(xs))
    assert len(tree) == 2 * len(rounds(n)) + 1
    assert all(torch.equal(x, sum(xs)) for x in end.values)
    assert end.holds == [everybody] * n


def test_every_state_holds_the_sums_it_claims():
    xs = [of_rank(rank, 4) for rank in range(4)]
    for state in ring_all_reduce_states(xs):
        for rank, row in enumerate(state.holds):
            for part, ranks in enumerate(row):
                assert state.parts[rank][part] == sum(xs[r][part] for r in ranks)
    for state in tree_all_reduce_states(xs):
        for x, ranks in zip(state.values, state.holds):
            assert torch.equal(x, sum(xs[r] for r in ranks))
