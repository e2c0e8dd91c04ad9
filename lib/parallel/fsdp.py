"""Fully sharded data parallelism (ZeRO-3): weights, gradients and optimizer state are held once.

The model is cut into units, say its blocks. A unit's weights are gathered from all ranks just
before they are used, and freed after: in forward, and again in backward, after which its gradients
are reduced to where their weights are kept (reduce-scatter). Instead of twice the parameters, three
times as many bytes travel, most of them while something is computed: the next unit's weights are
on their way before it is needed (Zhao et al., arXiv 2304.11277).

Letters: n ranks.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from lib.parallel.comm import Comm
from lib.parallel.data import broadcast_module
from lib.parallel.flat_shard import Kept
from lib.parallel.unit_schedule import Event, UnitSchedule
from lib.parallel.units import make_units


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
        self.comm = comm
        broadcast_module(comm, module)
        self.units = make_units(module, comm, unit, compute_dtype)
        cast = compute_dtype if cast_inputs else None
        self.schedule = UnitSchedule(self.units, prefetch, keep_root, cast)
        self.module = module

    def forward(self, *inputs: Any, **named: Any) -> Any:
        return self.module(*inputs, **named)

    def finish(self) -> None:
        """Wait until this rank's pieces have their gradients. To be called after backward."""
        self.schedule.finish()

    @contextmanager
    def no_reduction(self) -> Iterator[None]:
        """Backward passes in here keep whole gradients on every rank: less traffic, more memory.

        For a batch in several parts: all but the last run in here, and there is one reduction.
        """
        self.schedule.reducing = False
        try:
            yield
            self.schedule.finish()
        finally:
            self.schedule.reducing = True

    @property
    def events(self) -> list[Event]:
        """Of the last step: when units were gathered, freed and reduced, and what was held then."""
        return self.schedule.events

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
