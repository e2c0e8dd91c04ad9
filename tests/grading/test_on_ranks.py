"""A learner's code on ranks: results, and every way in which it can go wrong, told as elsewhere."""

import pytest
import torch

from lib.grading import on_ranks as module
from lib.grading.feedback import Difference, NotWritten, holds, todo
from lib.grading.on_ranks import LoggedComm, alone, on_ranks
from lib.parallel.errors import RankError


def total(comm, x):
    return comm.all_reduce(torch.tensor(x + comm.rank)).item()


def test_results_come_by_rank_after_a_try_alone():
    assert alone(total, 10) == 10
    assert on_ranks(2, total, 10) == [21, 21]


def unwritten(comm):
    todo("3.1", "write it")


def wrong_with_others(comm):
    holds(comm.n_ranks == 1, "Alone it works.", yours=comm.n_ranks)


def unwritten_with_others(comm):
    if comm.n_ranks > 1:
        todo("3.2", "write this, too")


def crash(comm):
    return [][comm.n_ranks - 1 :][comm.rank]


def test_errors_of_ranks_are_those_of_the_code():
    with pytest.raises(NotWritten, match=r"Step 3\.1: write it"):
        on_ranks(2, unwritten)
    with pytest.raises(NotWritten, match=r"Step 3\.2: write this") as caught:
        on_ranks(2, unwritten_with_others)
    assert (caught.value.step, caught.value.first_step) == ("3.2", "write this, too")
    with pytest.raises(Difference, match="Alone it works") as caught:
        on_ranks(2, wrong_with_others)
    assert (caught.value.rule, caught.value.yours) == ("Alone it works.", "2")
    with pytest.raises(IndexError):
        on_ranks(2, crash)


def crash_with_others(comm):
    return alone(total, 1) if comm.n_ranks == 1 else {}[comm.rank]


def waits_for_nobody(comm):
    if comm.n_ranks > 1 and comm.rank == 0:
        comm.barrier()


def waits_alone(comm):
    comm.receive(torch.zeros(1), 0)


def test_a_crash_and_an_endless_wait_say_where(monkeypatch):
    with pytest.raises(RankError, match="crash_with_others"):
        on_ranks(2, crash_with_others)
    assert not module._ready, "the ranks are new, and not ready"
    with pytest.raises(Difference, match="waits for a message that nobody sends"):
        on_ranks(2, waits_alone)
    with pytest.raises(Difference, match="wait for each other for ever") as caught:
        on_ranks(2, waits_for_nobody, seconds=1.0)
    assert "comm.barrier()" in caught.value.rule and caught.value.given == "2 ranks, 1 seconds"


def logged(comm):
    log = []
    comm = LoggedComm(comm, log)
    pending = comm.start("all_reduce", torch.ones(3), reduction="mean")
    log.append(("between",))
    pending.wait()
    comm.split([[0], *([r] for r in range(1, comm.n_ranks))]).broadcast(torch.ones(2))
    return log, comm.traffic.by_op()


def test_the_log_has_the_order_of_events():
    for log, by_op in on_ranks(2, logged):
        about = ("all_reduce", 3, torch.float32)
        assert log[:3] == [("start", *about), ("between",), ("wait", *about)]
        assert [entry[1] for entry in log[3:]] == ["broadcast"] * 2
        assert by_op["all_reduce"] > 0, "traffic is counted as without the log"
