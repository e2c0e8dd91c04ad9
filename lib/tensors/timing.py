"""How long something takes: warmed up, waited for, repeated, with the spread beside the median.

The first runs pay for caches, thread pools and compilation. An accelerator is handed its work and
goes on by itself, so the clock may stop only when it has finished. And a machine does other things
too, so one run says little: the median is not moved by a few disturbed runs, and the spread says
how much they differ.

On an Nvidia or AMD GPU the GPU's own clock is read, by events in the queue of its work, and before
each run its L2 cache is emptied: what a run finds there from the one before is not what it would
find in a program.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from statistics import median, quantiles
from time import perf_counter

CYCLES_AHEAD = 2_000_000  # of a GPU's clock: about a millisecond


@dataclass(frozen=True)
class Timing:
    """Seconds of each repeat."""

    seconds: tuple[float, ...]

    @property
    def median(self) -> float:
        """Seconds of the middle run."""
        return median(self.seconds)

    @property
    def spread(self) -> float:
        """Seconds between the quarter points: half of the runs lie this close together."""
        if len(self.seconds) == 1:
            return 0.0
        low, _, high = quantiles(self.seconds, n=4, method="inclusive")
        return high - low

    def __repr__(self) -> str:
        n = len(self.seconds)
        return f"<Timing: median {self.median:.3g} s, spread {self.spread:.2g} s, {n} runs>"


def benchmark(
    fn: Callable[[], object],
    warmup: int = 1,
    repeats: int = 10,
    device: object = "cpu",
    budget: float | None = None,
) -> Timing:
    """Run `fn` on `device` `warmup` times for nothing, then `repeats` times by the clock.

    With a `budget` in seconds it stops earlier, once the timed runs have taken that long, but makes
    at least three (or `repeats`, if that is fewer).
    """
    for _ in range(warmup):
        fn()
    wait_for(device)
    seconds_of = clock(device)
    times: list[float] = []
    while len(times) < repeats and not (
        budget is not None and len(times) >= 3 and sum(times) >= budget
    ):
        times.append(seconds_of(fn))
    return Timing(tuple(times))


def wait_for(device: object) -> None:
    """Until `device` has done all it was given. A CPU has when the call returns."""
    if _kind(device) != "cpu":
        import torch  # here, because timing on a CPU does without

        torch.accelerator.synchronize(str(device))


def clock(device: object) -> Callable[[Callable[[], object]], float]:
    """What gives the seconds of one run on `device`; never zero, whatever its resolution."""
    if _kind(device) != "cuda":
        return partial(_seconds, device)
    import torch

    n_bytes = 2 * torch.cuda.get_device_properties(str(device)).L2_cache_size
    return partial(
        _gpu_seconds, str(device), torch.empty(n_bytes, dtype=torch.uint8, device=device)
    )


def _seconds(device: object, fn: Callable[[], object]) -> float:
    start = perf_counter()
    fn()
    wait_for(device)
    return max(perf_counter() - start, 1e-9)


def _gpu_seconds(device: str, other_memory: object, fn: Callable[[], object]) -> float:
    """Writing other memory empties the cache. Then the GPU sleeps while `fn` hands in its work.

    Otherwise a short kernel's time would be the CPU's time to launch it.
    """
    import torch

    with torch.cuda.device(device):
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        other_memory.zero_()
        torch.cuda._sleep(CYCLES_AHEAD)
        start.record()
        fn()
        end.record()
        end.synchronize()
    return max(start.elapsed_time(end) / 1e3, 1e-9)  # events count in milliseconds


def _kind(device: object) -> str:
    return str(device).partition(":")[0]
