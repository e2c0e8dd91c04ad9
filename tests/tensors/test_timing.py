"""Timing, on a clock of our own."""

import contextlib
from types import SimpleNamespace

import pytest
import torch

from lib.tensors.timing import Timing, benchmark


@pytest.fixture
def lasting(monkeypatch):
    """A function whose runs take the given seconds, one after the other."""
    clock = [0.0]
    monkeypatch.setattr("lib.tensors.timing.perf_counter", lambda: clock[0])

    def make(*durations):
        left = list(durations)

        def run():
            clock[0] += left.pop(0)

        return run

    return make


def test_the_first_runs_do_not_count(lasting):
    assert benchmark(lasting(9, 8, 1, 2, 4), warmup=2, repeats=3).seconds == (1, 2, 4)


def test_a_disturbance_moves_neither_median_nor_spread():
    assert Timing((1.0, 2.0, 3.0, 4.0, 5.0)).median == 3
    assert Timing((1.0, 2.0, 3.0, 4.0, 5.0)).spread == 2  # from 2 to 4
    assert Timing((1.0, 2.0, 3.0, 4.0, 500.0)).spread == 2
    assert Timing((7.0,)).spread == 0
    assert repr(Timing((0.5, 0.25, 0.75))) == "<Timing: median 0.5 s, spread 0.25 s, 3 runs>"


@pytest.mark.parametrize(("duration", "n_runs"), [(5, 3), (0.25, 4), (0.0625, 16), (0, 50)])
def test_a_budget_ends_it_after_three_runs_at_least(lasting, duration, n_runs):
    timing = benchmark(lasting(*[duration] * 60), repeats=50, budget=1.0)
    assert len(timing.seconds) == n_runs


def test_a_clock_too_coarse_gives_no_zero(lasting):
    assert benchmark(lasting(0, 0), repeats=1).median > 0


def test_an_accelerator_is_waited_for(monkeypatch, lasting):
    done = lasting(0, 2, 2)  # seconds until the device has finished
    monkeypatch.setattr(torch.accelerator, "synchronize", lambda device: done())
    assert benchmark(lambda: None, repeats=2, device="mps:0").seconds == (2, 2)


def test_a_gpu_reads_its_own_clock_with_an_empty_cache(monkeypatch):
    queue, milliseconds = [], iter([3.0, 7.0])

    class Event:
        def __init__(self, enable_timing):
            assert enable_timing

        def record(self):
            queue.append("event")

        def synchronize(self):
            queue.append("wait")

        def elapsed_time(self, end):
            return next(milliseconds)

    class Memory:
        def zero_(self):
            queue.append("flush")

    def empty(n, dtype, device):
        assert (n, dtype, device) == (200, torch.uint8, "cuda:0")
        return Memory()

    monkeypatch.setattr(torch.accelerator, "synchronize", lambda device: queue.clear())
    monkeypatch.setattr(torch.cuda, "device", lambda device: contextlib.nullcontext())
    monkeypatch.setattr(torch.cuda, "Event", Event)
    monkeypatch.setattr(torch.cuda, "_sleep", lambda cycles: queue.append("sleep"))
    monkeypatch.setattr(
        torch.cuda, "get_device_properties", lambda device: SimpleNamespace(L2_cache_size=100)
    )
    monkeypatch.setattr(torch, "empty", empty)
    timing = benchmark(lambda: queue.append("run"), repeats=2, device="cuda:0")
    assert timing.seconds == (0.003, 0.007)
    assert queue == 2 * ["flush", "sleep", "event", "run", "event", "wait"]
