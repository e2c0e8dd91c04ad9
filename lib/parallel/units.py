"""The units in which a sharded model is gathered: which parameters go together.

A parameter belongs to the innermost unit around it; one that several units share, and all that is
in none, belongs to the root. Kinds of numbers are kept apart, and frozen parameters, too, since
their gradients need not travel.
"""

from collections import defaultdict
from collections.abc import Iterator

import torch
from torch import nn

from lib.parallel.comm import Comm
from lib.parallel.flat_shard import FlatShard, Kept, Place


class Unit:
    """A module, and the parameters that are gathered when it runs."""

    def __init__(self, name: str, module: nn.Module, around: "list[Unit]") -> None:
        self.name, self.module, self.around = name, module, around
        self.shards: list[FlatShard] = []
        self.calls = self.begun = 0  # forward passes with a graph; of them, those gone back into
        self.is_reduced = False

    @property
    def gathered_bytes(self) -> int:
        return sum(shard.gathered_bytes for shard in self.shards)

    @property
    def gradient_bytes(self) -> int:
        return sum(shard.gradient_bytes for shard in self.shards)

    @property
    def is_done(self) -> bool:
        """Backward has been through all that forward has done here."""
        return 0 < self.calls == self.begun

    def is_around_or_in(self, other: "Unit") -> bool:
        """Or is the other one itself."""
        return self is other or self in other.around or other in self.around

    def reset(self) -> None:
        """A backward pass is over."""
        self.calls, self.begun, self.is_reduced = 0, 0, False
        for shard in self.shards:
            shard.is_reduced = False

    def kept(self) -> Iterator[tuple[Kept, list[Place]]]:
        """What this rank keeps of every parameter, and where modules look for it."""
        for shard in self.shards:
            yield from zip(shard.kept, shard.places)

    def start_gather(self) -> bool:
        """Whether there was anything to start."""
        waiting = [s for s in self.shards if not s.is_full and s.pending is None]
        for shard in waiting:
            shard.start_gather()
        return bool(waiting)

    def gather(self) -> bool:
        """Whether there was anything to wait for."""
        missing = [s for s in self.shards if not s.is_full]
        for shard in missing:
            shard.gather()
        return bool(missing)

    def free(self) -> bool:
        """Whether there was anything to free."""
        held = [s for s in self.shards if s.is_full or s.pending is not None]
        for shard in held:
            shard.free()
        return bool(held)


def make_units(
    module: nn.Module,
    comm: Comm,
    kinds: type[nn.Module] | tuple[type[nn.Module], ...],
    compute_dtype: torch.dtype | None,
) -> list[Unit]:
    """The root, then all modules of these classes in the order in which they are registered."""
    root = Unit("", module, [])
    units, users = [root], defaultdict(list)
    for unit, place in _walk(module, "", root, kinds, units, set()):
        p = place[0]._parameters[place[1]]
        users[p].append((unit, place))
    mine: dict[Unit, dict] = {unit: defaultdict(list) for unit in units}
    for p, uses in users.items():
        places = [place for _, place in uses]
        unit = uses[0][0] if len({unit for unit, _ in uses}) == 1 else root
        mine[unit][p.dtype, p.device, p.requires_grad].append((p, places))
    for unit, groups in mine.items():
        unit.shards = [FlatShard(dict(group), comm, compute_dtype) for group in groups.values()]
    return [unit for unit in units if unit is root or unit.shards]


def _walk(
    module: nn.Module,
    name: str,
    unit: Unit,
    kinds: type[nn.Module] | tuple[type[nn.Module], ...],
    units: list[Unit],
    seen: set[nn.Module],
) -> Iterator[tuple[Unit, Place]]:
    """All places of parameters, with the units they lie in; finds the units on its way."""
    if module in seen:
        return
    seen.add(module)
    if isinstance(module, kinds) and module is not unit.module:
        unit = Unit(name, module, [*unit.around, unit])
        units.append(unit)
    for own, p in module._parameters.items():
        if p is not None:
            yield unit, (module, own)
    for child_name, child in module.named_children():
        below = f"{name}.{child_name}" if name else child_name
        yield from _walk(child, below, unit, kinds, units, seen)
