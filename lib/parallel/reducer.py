"""Buckets of gradients that leave while backward goes on.

PyTorch calls a hook when a parameter's gradient is complete. The hook moves it into its bucket, and
a full bucket is on its way while gradients of earlier layers are still computed.

All ranks must start the same messages in the same order, but one rank may not use some parameter,
or may get its gradients in another order. So a bucket waits for those before it, and `finish`,
after backward, starts what is left. Gradients that never came are zeros there.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from torch import Tensor, nn

from lib.parallel.buckets import Bucket
from lib.parallel.comm import Pending


@dataclass(frozen=True)
class Event:
    """What happened in a backward pass, and how many gradients there were by then."""

    what: str  # "gradient", "full", "started" or "finished" (when somebody waited for it)
    bucket: int
    n_gradients: int
    seconds: float  # since the first gradient
    name: str = ""  # of the parameter


class Reducer:
    """Calls `start(bucket)` for one bucket after the other, as soon as it can."""

    def __init__(
        self,
        buckets: list[Bucket],
        start: Callable[[Bucket], Pending],
        finished: Callable[[Bucket, Any], None] = lambda bucket, result: None,
        *,
        share: float = 1.0,
        overlap: bool = True,
        at_once: int | None = None,
    ) -> None:
        """Gradients are multiplied by `share`. At most `at_once` buckets are under way."""
        self.buckets, self.start, self.finished = buckets, start, finished
        self.share, self.overlap, self.at_once = share, overlap, at_once
        self.reducing, self.closed = True, False
        self.events: list[Event] = []
        self._reset()
        for b, bucket in enumerate(buckets):
            self._watch(b, bucket)

    def add(self, bucket: Bucket) -> None:
        """One more bucket, after the others."""
        self.buckets.append(bucket)
        self.arrived.append(set())
        self._watch(len(self.buckets) - 1, bucket)

    def finish(self) -> None:
        """Start the buckets that have not been, and wait for all."""
        while self.n_started < len(self.buckets):
            self._start_next()
        while self.under_way:
            self._wait_for_first()
        self._reset()

    @property
    def travelling(self) -> list[Tensor]:
        """What is sent at the moment."""
        return [flat for _, flat, _ in self.under_way]

    @property
    def is_busy(self) -> bool:
        """Gradients have come for which `finish` has not been called yet."""
        return any(self.arrived)

    def _reset(self) -> None:
        self.arrived: list[set[int]] = [set() for _ in self.buckets]
        self.under_way: list[tuple[int, Tensor, Pending]] = []
        self.n_started = 0

    def _watch(self, b: int, bucket: Bucket) -> None:
        for i, p in enumerate(bucket.params):
            p.register_post_accumulate_grad_hook(partial(self._arrive, b, i))

    def _arrive(self, b: int, i: int, p: nn.Parameter) -> None:
        bucket = self.buckets[b]
        if self.closed or i in self.arrived[b]:
            raise RuntimeError(
                f"{bucket.names[i]} has got another gradient after its own had gone to the other "
                "ranks. Call finish() after every backward pass, and step() before the next, or "
                "run all but the last of them in `with ....no_reduction():`."
            )
        if not self.reducing:
            bucket.take(i)
            return
        if not self.is_busy:
            self.events, self.begin = [], time.perf_counter()
        bucket.take(i, self.share)
        self.arrived[b].add(i)
        self._note("gradient", b, bucket.names[i])
        if len(self.arrived[b]) == len(bucket.params):
            self._note("full", b)
            while self.overlap and self._next_is_full():
                self._start_next()

    def _next_is_full(self) -> bool:
        following = self.n_started
        return following < len(self.buckets) and len(self.arrived[following]) == len(
            self.buckets[following].params
        )

    def _start_next(self) -> None:
        b, bucket = self.n_started, self.buckets[self.n_started]
        for i, p in enumerate(bucket.params):
            if p.grad is None:
                bucket.take_nothing(i)
            elif i not in self.arrived[b]:  # from an earlier part of the batch
                bucket.take(i, self.share)
        if self.at_once is not None and len(self.under_way) >= self.at_once:
            self._wait_for_first()
        self.n_started += 1
        self.under_way.append((b, bucket.allocate(), self.start(bucket)))
        self._note("started", b)

    def _wait_for_first(self) -> None:
        b, _, pending = self.under_way.pop(0)
        self.finished(self.buckets[b], pending.wait())
        self._note("finished", b)

    def _note(self, what: str, b: int, name: str = "") -> None:
        if self.is_busy:
            n, now = sum(map(len, self.arrived)), time.perf_counter()
            self.events.append(Event(what, b, n, now - self.begin, name))
