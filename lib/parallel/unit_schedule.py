"""When the units of a sharded model are gathered, freed and reduced.

Hooks of the units' modules and of their outputs say where forward and backward are. All ranks start
the same messages in the same order, whichever gradients a rank has: they depend on where backward
is, not on what it has found.

Letters: n ranks.
"""

import time
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from lib.parallel.comm import Pending
from lib.parallel.flat_shard import FlatShard
from lib.parallel.trees import mapped, tensors_in
from lib.parallel.units import Unit


@dataclass(frozen=True)
class Event:
    """What happened to a unit, and the memory held for whole weights and gradients after it."""

    what: str  # "gather", "gathered", "free", "reduce" or "reduced"
    unit: str
    gathered: int  # bytes
    gradients: int  # bytes
    seconds: float  # since the step began


class UnitSchedule:
    """Gathers units ahead of their use, the root first, and frees them after it."""

    def __init__(
        self, units: list[Unit], prefetch: int, keep_root: bool, cast: torch.dtype | None
    ) -> None:
        self.units, self.root, self.prefetch, self.keep_root = units, units[0], prefetch, keep_root
        self.cast = cast  # what the inputs of units are cast to
        self.order = units[1:]  # as they are expected; then as they were seen
        self.reducing, self.in_backward = True, False
        self.under_way: list[tuple[Unit, list[tuple[FlatShard, Pending]]]] = []
        self.events: list[Event] = []
        self._begin()
        for each in units:
            each.module.register_forward_pre_hook(partial(self._before, each), with_kwargs=True)
            each.module.register_forward_hook(partial(self._after, each))

    def finish(self) -> None:
        """Backward is over: free what is left, reduce what has not been, wait for all."""
        for unit in (*reversed(self.order), self.root):
            self._free(unit)
            self._reduce(unit)
        while self.under_way:
            self._wait_for_first()
        self.in_backward = False
        for unit in self.units:
            unit.reset()

    # Forward: gather, run, free

    def _before(self, unit: Unit, _: nn.Module, inputs: tuple, named: dict) -> tuple[tuple, dict]:
        if unit is self.root:
            self._begin()
        self._gather(unit, [] if self.in_backward else self._ahead(unit, self.order))
        if unit is not self.root and unit not in self.seen:
            self.seen.append(unit)
        if self.cast is None:
            return inputs, named
        cast = partial(_cast, dtype=self.cast)
        return mapped(inputs, cast), mapped(named, cast)

    def _after(self, unit: Unit, _: nn.Module, inputs: tuple, outputs: Any) -> None:
        tracked = [t for t in tensors_in(outputs) if t.requires_grad]
        if tracked:
            unit.calls += 1
            once = _Once(partial(self._before_backward, unit))
            for tensor in tracked:
                tensor.register_hook(once)
        if not (tracked and unit is self.root and self.keep_root):
            self._free(unit)
        if unit is self.root:
            self.order = self.seen + [u for u in self.order if u not in self.seen]

    # Backward: gather again, run, free and reduce

    def _before_backward(self, unit: Unit) -> None:
        """When the gradient of a unit's output exists, all units that ran after it are done."""
        self.in_backward = True
        unit.begun += 1
        done = [u for u in reversed(self.order) if u.is_done and not u.is_around_or_in(unit)]
        for other in done:
            self._free(other)
        self._gather(unit, self._ahead(unit, self.order[::-1]))
        for other in done:
            self._reduce(other)

    def _reduce(self, unit: Unit) -> None:
        """Send off its gradients when those before have arrived."""
        if self.reducing and not unit.is_reduced:
            while self.under_way:
                self._wait_for_first()
            learning = [shard for shard in unit.shards if shard.learns]
            self.under_way.append((unit, [(shard, shard.start_reduce()) for shard in learning]))
            unit.is_reduced = True
            self._note("reduce", unit)

    def _wait_for_first(self) -> None:
        unit, pendings = self.under_way.pop(0)
        for shard, pending in pendings:
            shard.accept(pending.wait())
        self._note("reduced", unit)

    def _begin(self) -> None:
        """A new forward pass."""
        if self.in_backward:
            if self.reducing:
                raise RuntimeError(
                    "The gradients of the last backward pass are still on their way. Call finish() "
                    "after every backward() that is not in `with model.no_reduction():`."
                )
            self.finish()
        self.seen: list[Unit] = []
        self.events, self.begin = [], time.perf_counter()
        for unit in self.units:  # kept by a pass without backward; the pieces may have changed
            self._free(unit)

    def _ahead(self, unit: Unit, order: list[Unit]) -> list[Unit]:
        following = order.index(unit) + 1 if unit is not self.root else 0
        return order[following : following + self.prefetch]

    def _gather(self, unit: Unit, ahead: list[Unit]) -> None:
        for each in (unit, *ahead):
            if each.start_gather():
                self._note("gather", each)
        if unit.gather():
            self._note("gathered", unit)

    def _free(self, unit: Unit) -> None:
        if unit.free():
            self._note("free", unit)

    def _note(self, what: str, unit: Unit) -> None:
        gathered = sum(each.gathered_bytes for each in self.units)
        gradients = sum(each.gradient_bytes for each in self.units)
        seconds = time.perf_counter() - self.begin
        self.events.append(Event(what, unit.name, gathered, gradients, seconds))


class _Once:
    """A hook for several tensors, of which the first calls."""

    def __init__(self, call: partial) -> None:
        self.call, self.done = call, False

    def __call__(self, gradient: Tensor) -> None:
        if not self.done:
            self.done = True
            self.call()


def _cast(x: Tensor, dtype: torch.dtype) -> Tensor:
    return x.to(dtype) if x.is_floating_point() else x
