"""A step of training on a mesh: what `loop` does alone, done together.

Every process gets the gradient of the mean loss over the whole batch for what it holds, whichever
part of the batch it has read; the length of the gradient is that over all processes; and losses are
those of all. So the numbers are those of a single process, up to the order of sums.
"""

from contextlib import AbstractContextManager, nullcontext
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.distributed.fsdp import FSDPModule
from torch.distributed.tensor import DTensor
from torch.nn.parallel import DistributedDataParallel

from lib.model.transformer import Transformer
from lib.training import sharded_checkpoint
from lib.training.accumulation import check_weights
from lib.training.batches import Batch, Batches
from lib.training.build import make_optimizer, parameter_order
from lib.training.config import Config
from lib.training.mesh import make_mesh
from lib.training.mesh_model import make_parts, unwrapped
from lib.training.mesh_optimizer import StandIns, local
from lib.training.ranks import Ranks
from lib.training.recomputation import recomputed_blocks


class MeshEngine:
    """This process's parts of the model and of the optimizer, and how to train them."""

    def __init__(self, config: Config) -> None:
        self.config, self.mesh = config, make_mesh(config.mesh, config.run.device)
        self.parts = make_parts(config, self.mesh)
        models = [unwrapped(part).model for part in self.parts]
        self.model: Transformer = models[0]  # the first of this process
        named = nn.ModuleList(models).named_parameters()
        self.parameters = {name.split(".", 1)[1]: p for name, p in named}
        self.optimizer = make_optimizer(config.optimizer, nn.ModuleList(models))
        names = {p: name for name, p in self.parameters.items()}
        self.stand_ins = StandIns(self.optimizer, names)
        self.device = next(iter(names)).device
        self.pipeline = None
        if self.mesh.config.pipeline > 1:
            from lib.training.mesh_pipeline import Pipeline  # with it comes a compiler

            self.pipeline = Pipeline(self.parts, self.mesh, config.run.microbatches, self.device)

    @property
    def readers(self) -> Ranks:
        """Which part of every batch this process reads, and of how many."""
        return self.mesh.readers

    def add_gradients(self, batch: Batch) -> tuple[float, int]:
        """As `loop.add_gradients`: mean loss and number of targets, over all processes."""
        for p in self.parameters.values():
            p.grad = None
        (n_targets,) = self.mesh.total_of_readers([batch.n_counted])
        check_weights([batch], [n_targets])
        # Wrapped modules average over those who read; here, everyone has a part of a sum.
        averages = any(map(is_wrapped, self.parts))
        weight = (self.mesh.readers.n_ranks if averages else 1) / n_targets
        blocks = [block for part in self.parts for block in unwrapped(part).blocks]
        with recomputed_blocks(blocks if self.config.run.recompute else ()):
            loss = self._run(batch, weight)
        self._complete_gradients()
        (loss,) = self.mesh.total_of_readers([loss / weight])
        return loss / n_targets, round(n_targets)

    def clip(self, max_norm: float) -> float:
        """As `clipping.clip_gradients`, over the shares of all processes."""
        norm = self.norm()
        scale = min(1.0, max_norm / (norm + 1e-6))
        for p in self.parameters.values():
            if p.grad is not None:
                local(p.grad).mul_(scale)
        return norm

    def norm(self) -> float:
        """The length of the whole gradient: each number counts once, whoever has copies of it."""
        squares = torch.zeros((), dtype=torch.float64)
        for p in self.parameters.values():
            if p.grad is not None:
                wide = torch.promote_types(p.grad.dtype, torch.float32)
                length = torch.linalg.vector_norm(local(p.grad), dtype=wide)
                squares = squares.to(length.device) + length.double().square() / self._n_copies(p)
        return self.mesh.total([squares.item()])[0] ** 0.5

    @torch.no_grad()
    def evaluate(self, batches: Batches, n_batches: int) -> float:
        """As `loop.evaluate`; each process reads its part, `batches` being for this rank."""
        modules, loss, n_targets = nn.ModuleList(self.parts).eval(), 0.0, 0
        for batch in islice(batches, n_batches):
            loss += self._loss(batch.to(self.device))
            n_targets += batch.n_counted
        modules.train()
        loss, total = self.mesh.total_of_readers([loss, n_targets])
        return loss / max(1, total)

    def save(self, folder: Path, step: int, state: dict[str, Any]) -> Path:
        """Write a checkpoint that fits to any mesh."""
        order, keep = parameter_order(self.config), self.config.run.keep
        held = (self.parameters, self.stand_ins)
        return sharded_checkpoint.save(folder, *held, step, state, order, keep)

    def restore_latest(self, folder: Path) -> tuple[int, dict[str, Any]]:
        """Go back to the newest whole checkpoint, of whatever mesh; its step and state."""
        order = parameter_order(self.config)
        return sharded_checkpoint.restore_latest(folder, self.parameters, self.stand_ins, order)

    def _run(self, batch: Batch, weight: float) -> float:
        """Forward and backward; the sum of the losses that end here, times the weight."""
        if self.pipeline is not None:
            return self.pipeline.add_gradients(batch.ids, **inputs(batch, weight))
        (part,), total = self.parts, 0.0
        pieces = batch.parts(self.config.run.microbatches)
        for i, piece in enumerate(pieces):
            with reduced_if(part, i == len(pieces) - 1):
                loss = part(piece.ids, **inputs(piece, weight))
                loss.sum().backward()
            total += loss.item()
        return total

    def _loss(self, batch: Batch) -> float:
        if self.pipeline is not None:
            return self.pipeline.loss(batch.ids, **inputs(batch, 1.0))
        return self.parts[0](batch.ids, **inputs(batch, 1.0)).item()

    def _complete_gradients(self) -> None:
        """Where every process of a tensor group has the weights of a norm but saw only some of
        the positions, its gradient is only a part of the sum."""
        for p in self.parameters.values():
            if isinstance(p.grad, DTensor) and p.grad.placements != p.placements:
                p.grad = p.grad.redistribute(placements=p.placements)

    def _n_copies(self, p: nn.Parameter) -> int:
        """How many processes have the same share of this parameter."""
        config = self.mesh.config
        n = config.data * config.shard * config.tensor
        if isinstance(p, DTensor):
            for size, placement in zip(p.device_mesh.shape, p.placements):
                n //= 1 if placement.is_replicate() else size
        return n


def inputs(batch: Batch, weight: float) -> dict[str, Any]:
    """What a part needs beside ids or the stream."""
    counted = torch.ones_like(batch.targets, dtype=torch.bool)
    return {
        "targets": batch.targets,
        "counted": counted if batch.counted is None else batch.counted,
        "weight": weight,
        "positions": batch.positions,
        "mask": batch.mask,
    }


def is_wrapped(part: nn.Module) -> bool:
    """Whether gradients are averaged over processes on the way."""
    return isinstance(part, DistributedDataParallel | FSDPModule)


def reduced_if(part: nn.Module, last: bool) -> AbstractContextManager[None]:
    """Gradients of several microbatches are added up here, and sent with the last one."""
    if isinstance(part, FSDPModule):
        part.set_requires_gradient_sync(last)
    elif isinstance(part, DistributedDataParallel) and not last:
        return part.no_sync()
    return nullcontext()
