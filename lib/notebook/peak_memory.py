"""By how much the memory of this process grows at most while some code runs.

Measured is the resident set: what the system has given the process, whoever asked for it (Python,
numpy, torch on the CPU). Python's own `tracemalloc` would miss torch and slow the code down several
times. The price is coarseness: memory that the process already holds is reused without growing it,
peaks shorter than the interval between two looks can be missed, and GPU memory is not included.
"""

import gc
from threading import Event, Thread
from types import TracebackType

import psutil

INTERVAL = 0.002  # seconds between two looks; one look costs about 20 µs


class PeakMemory:
    """`with PeakMemory() as peak: ...`, then `peak.growth` in bytes."""

    def __enter__(self) -> "PeakMemory":
        gc.collect()  # garbage left by earlier cells would hide growth by being reused
        self.start = self.highest = resident()
        self.finished = Event()
        self.watcher = Thread(target=self.watch, daemon=True)
        self.watcher.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.highest = max(self.highest, resident())
        self.finished.set()
        self.watcher.join()

    @property
    def growth(self) -> int:
        """Bytes of the highest moment seen above the start."""
        return self.highest - self.start

    def watch(self) -> None:
        """Look again and again until the code is done."""
        while not self.finished.wait(INTERVAL):
            self.highest = max(self.highest, resident())


def resident() -> int:
    """Bytes of physical memory this process holds now."""
    return psutil.Process().memory_info().rss
