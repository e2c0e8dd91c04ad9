"""Fully sharded data parallelism (ZeRO-3): weights, gradients and optimizer state are held once.

The model is cut into units, say its blocks. A unit's weights are gathered from all ranks just
before they are used, and freed after: in forward, and again in backward, after which its gradients
are reduced to where their weights are kept (reduce-scatter). Instead of twice the parameters, three
times as many bytes travel, most of them while something is computed: the next unit's weights are
on their way before it is needed (Zhao et al., arXiv 2304.11277).

Letters: n ranks.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from lib.parallel.comm import Comm, Pending
from lib.parallel.data import broadcast_module
from lib.parallel.flat_shard import FlatShard, Kept
from lib.parallel.trees import mapped, tensors_in
from lib.parallel.units import Unit, make_units


@dataclass(frozen=True)
class Event:
    """What happened to a unit, and the memory held for whole weights and gradients after it."""

    what: str  # "gather", "gathered", "free", "reduce" or "reduced"
    unit: str
    gathered: int  # bytes
    gradients: int  # bytes
    seconds: float  # since the step began


class FullySharded(nn.Module):
    """The module, of whose parameters every rank keeps an equal part.

        model = FullySharded(model, comm, unit=Block)    # all get rank 0's weights
        optimizer = AdamW(model.parameters(), lr=1e-3)   # of this rank's pieces
        loss(model(x)).backward()
        model.finish()                                   # now pieces have their mean gradients
        optimizer.step()

    Every module of class `unit` is one; the rest of the parameters, and those that several units
    share, make up the root, which stays from the beginning of forward to the end of backward,
    unless `keep_root` is False. `prefetch` units are gathered ahead.

    Pieces are flat: the optimizer must treat every number alone, as SGD, Adam and Lion do. They
    have the type of the parameters; with `compute_dtype` the weights are cast before they travel,
    gradients travel in it, too, and inputs of units are cast unless `cast_inputs` is False.

    All ranks run the same units in the same order. Parameters without a gradient count as zeros.
    """

    def __init__(
        self,
        module: nn.Module,
        comm: Comm,
        unit: type[nn.Module] | tuple[type[nn.Module], ...] = (),
        compute_dtype: torch.dtype | None = None,
        prefetch: int = 1,
        keep_root: bool = True,
        cast_inputs: bool = True,
    ) -> None:
        super().__init__()
        if prefetch < 0:
            raise ValueError(f"prefetch is {prefetch}: choose 0, to gather late, or 1 unit ahead.")
        self.comm, self.compute_dtype = comm, compute_dtype
        self.prefetch, self.keep_root, self.cast_inputs = prefetch, keep_root, cast_inputs
        broadcast_module(comm, module)
        self.units = make_units(module, comm, unit, compute_dtype)
        self.module, self.root = module, self.units[0]
        self.order = self.units[1:]  # as they are expected; then as they were seen
        self.reducing, self.in_backward = True, False
        self.under_way: list[tuple[Unit, list[tuple[FlatShard, Pending]]]] = []
        self._begin()
        for each in self.units:
            each.module.register_forward_pre_hook(partial(self._before, each), with_kwargs=True)
            each.module.register_forward_hook(partial(self._after, each))

    def forward(self, *inputs: Any, **named: Any) -> Any:
        return self.module(*inputs, **named)

    def finish(self) -> None:
        """Wait until this rank's pieces have their gradients. To be called after backward."""
        for unit in (*reversed(self.order), self.root):
            self._free(unit)
            self._reduce(unit)
        while self.under_way:
            self._wait_for_first()
        self.in_backward = False
        for unit in self.units:
            unit.reset()

    @contextmanager
    def no_reduction(self) -> Iterator[None]:
        """Backward passes in here keep whole gradients on every rank: less traffic, more memory.

        For a batch in several parts: all but the last run in here, and there is one reduction.
        """
        self.reducing = False
        try:
            yield
            self.finish()
        finally:
            self.reducing = True

    def held(self) -> Iterator[tuple[str, Kept]]:
        """What this rank keeps of every parameter, by the name that the module has for it."""
        names = {module: name for name, module in self.module.named_modules()}
        for unit in self.units:
            for kept, places in unit.kept():
                module, name = places[0]
                yield f"{names[module]}.{name}".lstrip("."), kept

    def full_state(self) -> dict[str, Tensor]:
        """Whole parameters and buffers by name, as state_dict has them. All ranks call it.

        Whole on every rank, so for models that fit; reshard.save_sharded does without.
        """
        names = {module: name for name, module in self.module.named_modules()}
        state = {name: buffer.clone() for name, buffer in self.module.named_buffers()}
        for unit in self.units:
            for shard in unit.shards:
                views = shard.layout.views(self.comm.all_gather(shard.own))
                for places, view in zip(shard.places, views):
                    tied = {f"{names[module]}.{name}".lstrip("."): view for module, name in places}
                    state |= tied
        return {name: state[name] for name in self.module.state_dict()}

    @torch.no_grad()
    def load_full_state(self, state: dict[str, Tensor]) -> None:
        """Take this rank's pieces of whole parameters, and the buffers."""
        for name, kept in self.held():
            kept.piece.copy_(state[name].flatten()[kept.start : kept.stop])
        for name, buffer in self.module.named_buffers():
            buffer.copy_(state[name])

    # Forward: gather, run, free

    def _before(self, unit: Unit, _: nn.Module, inputs: tuple, named: dict) -> tuple[tuple, dict]:
        if unit is self.root:
            self._begin()
        self._gather(unit, [] if self.in_backward else self._ahead(unit, self.order))
        if unit is not self.root and unit not in self.seen:
            self.seen.append(unit)
        if self.compute_dtype is None or not self.cast_inputs:
            return inputs, named
        cast = partial(_cast, dtype=self.compute_dtype)
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
        self.events: list[Event] = []
        self.begin = time.perf_counter()

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
