"""The alpha-beta model against steps and bytes that ring and tree really take."""

import math

import pytest
import torch

from lib.parallel.cost import (
    ALGORITHMS,
    Point,
    best_algorithm,
    bus_bandwidth,
    comm_time,
    crossover_bytes,
    fit,
)
from lib.parallel.launch import launch
from lib.parallel.measure import measured
from lib.parallel.ring import ring_all_gather, ring_all_reduce, ring_reduce_scatter
from lib.parallel.simulated import simulate

BANDWIDTH, LATENCY = 2e9, 3e-6


def counted(comm, function, x):
    function(comm, x)
    return comm.traffic.sent, comm.traffic.messages


@pytest.mark.parametrize("n", [2, 3, 7])
@pytest.mark.parametrize(
    ("op", "function", "share"),
    [
        ("all_reduce", ring_all_reduce, 1),
        ("reduce_scatter", ring_reduce_scatter, 1),
        ("all_gather", ring_all_gather, 0),
    ],
)
def test_rings_take_the_steps_and_bytes_of_the_formula(op, function, share, n):
    x = torch.ones(840)
    sent, messages = simulate(counted, n, function, x)[0]
    whole = 3360 if share else 3360 * n
    expected = messages * LATENCY + sent / BANDWIDTH
    assert comm_time(op, whole, n, BANDWIDTH, LATENCY, "ring") == pytest.approx(expected)


def test_all_reduce_costs_a_reduce_scatter_and_an_all_gather():
    parts = [comm_time(op, 1e6, 5, 1e9, 1e-5) for op in ("reduce_scatter", "all_gather")]
    assert comm_time("all_reduce", 1e6, 5, 1e9, 1e-5, "ring") == pytest.approx(sum(parts))


def test_by_hand():
    """Four ranks, 8 MB at 1 GB/s: 6 steps and 12 MB. One step more each way in the tree: 4, 32."""
    assert comm_time("all_reduce", 8e6, 4, 1e9, 1e-3, "ring") == pytest.approx(6e-3 + 12e-3)
    assert comm_time("all_reduce", 8e6, 4, 1e9, 1e-3, "tree") == pytest.approx(4e-3 + 32e-3)
    assert comm_time("send", 8e6, 2, 1e9) == 8e-3
    assert bus_bandwidth("all_reduce", 8e6, 4, 12e-3) == pytest.approx(1e9)


@pytest.mark.parametrize("n", [4, 5, 64])
def test_trees_win_below_the_crossover_and_rings_above(n):
    size = crossover_bytes(n, BANDWIDTH, LATENCY)
    times = [comm_time("all_reduce", size, n, BANDWIDTH, LATENCY, a) for a in ("ring", "tree")]
    assert times[0] == pytest.approx(times[1])
    assert best_algorithm("all_reduce", 0.9 * size, n, BANDWIDTH, LATENCY) == "tree"
    assert best_algorithm("all_reduce", 1.1 * size, n, BANDWIDTH, LATENCY) == "ring"


def test_one_rank_waits_for_nobody():
    for op in ALGORITHMS:
        assert op == "send" or comm_time(op, 1e9, 1, BANDWIDTH, LATENCY) == 0


@pytest.mark.parametrize("op", ["all_reduce", "all_gather", "all_to_all"])
def test_fit_finds_what_made_the_points(op):
    algorithm = "direct" if op == "all_to_all" else "ring"
    points = [
        Point(op, size, n, comm_time(op, size, n, BANDWIDTH, LATENCY, algorithm))
        for size in (100, 10**4, 10**7)
        for n in (2, 5)
    ]
    link = fit(points)
    assert link.bandwidth == pytest.approx(BANDWIDTH)
    assert link.latency == pytest.approx(LATENCY)
    assert link.worst_ratio == pytest.approx(1)


def test_fit_finds_nothing_negative():
    """Large tensors faster per byte than small ones by more than any latency explains."""
    link = fit([Point("send", 10, 2, 1e-6), Point("send", 1000, 2, 5e-4)])
    assert link.latency == 0 and 0 < link.bandwidth < math.inf and link.worst_ratio > 2
    link = fit([Point("send", 10, 2, 1e-3), Point("send", 1000, 2, 5e-4)])
    assert link.latency > 0 and link.bandwidth == math.inf


def test_real_ranks_are_measured_and_fitted():
    points = launch(measured, 2, "all_reduce", [1024, 1 << 22], 3)[0]
    assert [point.n_bytes for point in points] == [1024, 1 << 22]
    assert all(0 < point.seconds < 60 for point in points)
    link = fit(points)
    assert link.latency >= 0 and link.bandwidth > 0 and link.worst_ratio >= 1
    for op in set(ALGORITHMS) - {"all_reduce"}:
        assert launch(measured, 2, op, [64], 1)[0][0].seconds > 0


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: comm_time("all_sum", 1, 2, 1), "no collective 'all_sum'"),
        (lambda: comm_time("all_gather", 1, 2, 1, 0, "tree"), "no algorithm 'tree'"),
        (lambda: fit([Point("send", 1, 2, 1.0)]), "two sizes"),
    ],
)
def test_wrong_calls_are_explained(call, words):
    with pytest.raises(ValueError, match=words):
        call()
