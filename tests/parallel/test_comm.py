"""The eight collectives by hand, simulated, and by gloo: the same values and the same traffic."""

import pytest
import torch

from lib.parallel.errors import Deadlock, RankError
from lib.parallel.launch import launch
from lib.parallel.on_lists import ON_LISTS
from lib.parallel.simulated import simulate
from lib.parallel.traffic import Call, collective_call

RUNS = [simulate, launch]


def values(comm, n_rows=8):
    """Whole numbers, so that sums are exact in any order; each rank's are its own."""
    x = torch.arange(n_rows * 3, dtype=torch.float32).view(n_rows, 3)
    return x + 100 * comm.rank**2


def same(x, y):
    if isinstance(y, torch.Tensor):
        return x.dtype == y.dtype and torch.equal(x, y)
    return x == y


def every_collective(comm):
    n, x = comm.n_ranks, values(comm)
    return {
        "broadcast": comm.broadcast(x, root=n - 1),
        "scatter": comm.scatter(x, root=n - 1),
        "scatter to others": comm.scatter(x if comm.rank == 0 else None),
        "gather": comm.gather(x, root=1),
        "reduce": comm.reduce(x, root=1, reduction="max"),
        "all_gather": comm.all_gather(x),
        "all_gather columns": comm.all_gather(x, dim=1),
        "reduce_scatter": comm.reduce_scatter(x),
        "reduce_scatter columns": comm.reduce_scatter(x.repeat(1, n), dim=1, reduction="mean"),
        "all_reduce": comm.all_reduce(x),
        "mean": comm.all_reduce(x, "mean"),
        "min": comm.all_reduce(x, "min"),
        "all_to_all": comm.all_to_all(x),
        "unchanged": x,
        "traffic": list(comm.traffic.calls),
    }


def in_other_ways(comm):
    """Under way while others go on, in place, uneven, in groups, between two."""
    n, x = comm.n_ranks, values(comm)
    pending = [comm.start("all_reduce", x), comm.start("reduce_scatter", x, reduction="mean")]
    own, gathered, summed = x.clone(), torch.zeros(8 * n, 3), x.clone()
    comm.all_reduce(own, in_place=True)
    part = gathered[8 * comm.rank : 8 * comm.rank + 8].copy_(x)
    comm.start("all_gather", part, into=gathered).wait()
    part = summed[8 // n * comm.rank :][: 8 // n]
    comm.start("reduce_scatter", summed, into=part).wait()
    over = [x.clone(), x.clone()]
    comm.start("broadcast", over[0], root=1, in_place=True).wait()
    reduced = comm.start("reduce", over[1], root=1, reduction="sum", in_place=True).wait()
    rows = [r + comm.rank for r in range(n)]
    uneven = comm.all_to_all(values(comm, sum(rows)), rows, rows)
    odd_and_even = comm.split([list(range(0, n, 2)), list(range(1, n, 2))])
    in_group = odd_and_even.all_reduce(torch.tensor([comm.rank]))
    following, into = (comm.rank + 1) % n, torch.zeros(8, 3)
    passed_on = comm.exchange(x, following, into, (comm.rank - 1) % n).clone()
    if comm.rank == 0:
        comm.send(x[:, 1], 1)
    elif comm.rank == 1:
        comm.receive(into[:4].view(-1)[:8], 0)
    comm.barrier()
    done = [p.wait() for p in pending]
    return {
        "pending": torch.cat(done),
        "in place": own,
        "into": [gathered.tolist(), part.tolist(), over[0].tolist()],
        "reduced": over[1] if reduced is not None else None,
        "uneven": uneven,
        "group": (odd_and_even.rank, odd_and_even.n_ranks, in_group.tolist()),
        "passed on": passed_on,
        "received": into,
        "traffic": list(comm.traffic.calls),
    }


@pytest.mark.parametrize("run", RUNS)
def test_the_examples_of_the_lecture(run):
    def example(comm):
        x = torch.arange(4) + comm.rank
        transposed = comm.all_to_all(torch.arange(4) + 4 * comm.rank)
        return comm.reduce_scatter(x).item(), comm.all_reduce(x).tolist(), transposed.tolist()

    parts, wholes, transposed = zip(*run(example, 4))
    assert parts == (6, 10, 14, 18)
    assert wholes == ([6, 10, 14, 18],) * 4
    assert transposed == ([0, 4, 8, 12], [1, 5, 9, 13], [2, 6, 10, 14], [3, 7, 11, 15])


@pytest.mark.parametrize("program", [every_collective, in_other_ways])
@pytest.mark.parametrize("n_ranks", [2, 4])
def test_simulated_ranks_see_what_processes_see(n_ranks, program):
    simulated, real = simulate(program, n_ranks), launch(program, n_ranks)
    for rank in range(n_ranks):
        assert list(simulated[rank]) == list(real[rank])
        for name, x in simulated[rank].items():
            assert same(real[rank][name], x), (rank, name)


def test_collectives_are_what_they_are_called():
    results = simulate(every_collective, 4)
    xs = [result["unchanged"] for result in results]
    assert [torch.equal(x, torch.arange(24.0).view(8, 3) + 100 * r * r) for r, x in enumerate(xs)]
    for rank, result in enumerate(results):
        assert torch.equal(result["broadcast"], xs[3])
        assert torch.equal(result["scatter"], xs[3][2 * rank : 2 * rank + 2])
        assert torch.equal(result["all_gather"], torch.cat(xs))
        assert torch.equal(result["all_gather columns"], torch.cat(xs, dim=1))
        assert torch.equal(result["reduce_scatter"], sum(xs)[2 * rank : 2 * rank + 2])
        assert torch.equal(result["mean"], sum(xs) / 4)
        assert torch.equal(result["min"], xs[0])
    assert torch.equal(results[1]["gather"], torch.cat(xs)) and results[0]["gather"] is None
    assert torch.equal(results[1]["reduce"], xs[3]) and results[2]["reduce"] is None


def test_all_reduce_is_reduce_scatter_and_all_gather():
    def both(comm):
        x = values(comm)
        return torch.equal(comm.all_gather(comm.reduce_scatter(x)), comm.all_reduce(x))

    assert simulate(both, 4) == [True] * 4


def test_what_one_rank_sends_another_receives():
    """Summed over the ranks, in every collective."""
    for op in ON_LISTS:
        for n in (2, 3, 7):
            calls = [collective_call(op, 840, n, is_root=rank == 0) for rank in range(n)]
            assert sum(c.sent for c in calls) == sum(c.received for c in calls)
            assert (sum(c.messages for c in calls) > 0) == (op != "barrier")
    assert collective_call("all_reduce", 100, 4) == Call("all_reduce", 100, 150, 150, 6)


def test_two_that_both_send_first_are_stuck_and_told_so():
    def both_send(comm):
        comm.send(torch.ones(2), 1 - comm.rank)
        comm.receive(torch.ones(2), 1 - comm.rank)

    with pytest.raises(Deadlock, match=r"rank 1 waits in send for rank 0 to receive"):
        simulate(both_send, 2)


def test_a_rank_that_leaves_early_or_calls_another_is_found():
    with pytest.raises(
        Deadlock, match=r"rank 0 waits in barrier for rank 1\n +rank 1 has finished"
    ):
        simulate(lambda comm: comm.rank == 1 or comm.barrier(), 2)
    with pytest.raises(RankError, match=r"same order: rank 0 in broadcast, rank 1 in all_reduce"):
        simulate(lambda c: [c.broadcast, c.all_reduce][c.rank](torch.ones(2)), 2)
    with pytest.raises(RankError, match=r"all_reduce .*: rank 0 .*\(1,\), rank 1 .*\(2,"):
        simulate(lambda c: c.all_reduce(torch.ones(c.rank + 1)), 2)


def test_simulated_failures_name_rank_and_line():
    def divide(comm):
        return 1 / comm.rank

    with pytest.raises(RankError, match=r"(?s)Rank 0 of 3 failed: ZeroDivisionError.*in divide"):
        simulate(divide, 3)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda c: c.reduce_scatter(torch.ones(5)), "equal part of the rows"),
        (lambda c: c.all_reduce(torch.ones(5), "median"), "no reduction"),
        (lambda c: c.receive(torch.ones(4, 4).t(), 0), "contiguous"),
        (lambda c: c.split([[0], [0, 1]]), "each of the 2 ranks once"),
    ],
)
def test_wrong_calls_are_explained(call, words):
    with pytest.raises(RankError, match=words):
        simulate(call, 2)
