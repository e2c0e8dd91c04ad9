"""Where the time of a function goes: the kernels it launches, by the seconds they take."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch.profiler import ProfilerActivity, profile


def profile_table(fn: Callable[[], object], k: int = 10) -> list[dict[str, str | int | float]]:
    """The `k` kernels that take longest: name, calls, seconds of all calls, share of the whole.

    On a GPU these are what it ran; where `fn` uses none, they are PyTorch's operations on the CPU,
    each without those that it calls. The first run of `fn` is not looked at.
    """
    fn()
    activities = [ProfilerActivity.CPU]
    if torch.cuda.is_available():
        torch.cuda.synchronize()
        activities.append(ProfilerActivity.CUDA)
    with _quiet(), profile(activities=activities) as seen:
        fn()
        if torch.cuda.is_available():
            torch.cuda.synchronize()
    return rows(seen.key_averages(), k)


def rows(events: list, k: int) -> list[dict[str, str | int | float]]:
    """From the profiler's sums, which are in microseconds."""
    on_gpu = [(it, it.self_device_time_total) for it in events if _runs_on_gpu(it)]
    on_cpu = [(it, it.self_cpu_time_total) for it in events if not _runs_on_gpu(it)]
    chosen = on_gpu or on_cpu
    total = sum(time for _, time in chosen) or 1.0
    longest = sorted(chosen, key=lambda pair: -pair[1])[:k]
    return [
        {"name": it.key, "calls": it.count, "seconds": time / 1e6, "share": time / total}
        for it, time in longest
    ]


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the messages that the profiler's C++ library writes to standard error off the page."""
    kept = os.dup(2)
    with open(os.devnull, "wb") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def _runs_on_gpu(event: object) -> bool:
    return event.device_type == torch.autograd.DeviceType.CUDA and event.self_device_time_total > 0
