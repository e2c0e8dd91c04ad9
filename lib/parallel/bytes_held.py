"""What a rank holds right now, to be compared with what a formula says it should.

Counted is memory, not tensors: many parameters may be views of one vector, and a view of a part
keeps the whole alive. What is being sent is still held.

Letters: n ranks.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from lib.parallel.data import DataParallel
from lib.parallel.fsdp import FullySharded
from lib.parallel.zero import ZeroOptimizer


@dataclass(frozen=True)
class Held:
    """Bytes."""

    parameters: int
    gradients: int
    optimizer: int
    buffers: int

    @property
    def total(self) -> int:
        return self.parameters + self.gradients + self.optimizer + self.buffers


def bytes_held(module: nn.Module, optimizer: torch.optim.Optimizer | None = None) -> Held:
    """Of any module and optimizer, of those of this package too."""
    gradients = [p.grad for p in module.parameters() if p.grad is not None]
    parameters = [*module.parameters(), *_extra_parameters(module)]
    inner = optimizer.inner if isinstance(optimizer, ZeroOptimizer) else optimizer
    state = inner.state.values() if inner is not None else []
    return Held(
        memory(parameters),
        memory([*gradients, *_extra_gradients(module), *_extra_gradients(optimizer)]),
        memory(value for entry in state for value in entry.values() if isinstance(value, Tensor)),
        memory(module.buffers()),
    )


def memory(tensors: Iterable[Tensor]) -> int:
    """Bytes of the memory behind the tensors, each piece of it once."""
    storages = [tensor.untyped_storage() for tensor in tensors]
    return sum({storage.data_ptr(): storage.nbytes() for storage in storages}.values())


def _extra_parameters(module: nn.Module) -> list[Tensor]:
    if not isinstance(module, FullySharded):
        return []
    shards = [shard for unit in module.units for shard in unit.shards]
    return [tensor for shard in shards for tensor in (shard.own, shard.full)]


def _extra_gradients(holder: nn.Module | torch.optim.Optimizer | None) -> list[Tensor]:
    found: list[Tensor | None] = []
    if isinstance(holder, DataParallel):
        found = [bucket.flat for bucket in holder.buckets]
    elif isinstance(holder, ZeroOptimizer):
        found = [tensor for each in holder.owned for tensor in (each.bucket.flat, each.gradient)]
        found += holder.reducer.travelling
    elif isinstance(holder, FullySharded):
        shards = [shard for unit in holder.units for shard in unit.shards]
        found = [tensor for shard in shards for tensor in (shard.gradient, shard.sent)]
    return [tensor for tensor in found if tensor is not None]
