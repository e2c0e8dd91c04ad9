"""The mesh: processes as a box with four axes, of which each shares the work in another way.

A process has a place on each axis: which stage of the pipeline, which copy of the model, which
shard of it, which part of every layer. Processes that differ on one axis alone form a group, and
all communication of that axis stays in it. `tensor` is the innermost axis, as it sends most: its
groups are neighbours, which torchrun puts on one machine. "Copies" and "shards" read different
parts of every batch; a tensor group and a pipeline read the same.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch.distributed.device_mesh import DeviceMesh, init_device_mesh

from lib.training.config import AXES, MeshConfig
from lib.training.ranks import Ranks


@dataclass(frozen=True)
class Mesh:
    """The box and this process's place in it."""

    config: MeshConfig  # without -1
    devices: DeviceMesh

    def place(self, axis: str) -> int:
        """Where this process is on an axis, counted from 0."""
        return self.devices.get_local_rank(axis)

    @property
    def readers(self) -> Ranks:
        """Which part of every batch this process reads, and of how many."""
        number = self.place("data") * self.config.shard + self.place("shard")
        return Ranks(number, self.config.data * self.config.shard)

    @property
    def is_last_stage(self) -> bool:
        """Whether this process knows losses."""
        return self.place("pipeline") == self.config.pipeline - 1

    def total(self, values: Sequence[float], counts: bool = True) -> list[float]:
        """The sums over the processes for which `counts` is true, exact for whole numbers."""
        sums = torch.tensor(values, dtype=torch.float64) * counts
        dist.all_reduce(sums)
        return sums.tolist()

    def total_of_readers(self, values: Sequence[float]) -> list[float]:
        """The sums over the parts of a batch: of all who read the same, one counts, who has the
        last stage."""
        return self.total(values, self.is_last_stage and self.place("tensor") == 0)


def make_mesh(config: MeshConfig, device: str) -> Mesh:
    """The mesh of all processes that have met (`ranks.join_ranks`)."""
    config = config.fit(dist.get_world_size())
    kind = torch.device(device).type
    if kind not in ("cpu", "cuda"):
        raise ValueError(
            f"run.device is {device!r}, over which processes cannot talk to each other. Choose "
            "cuda, or cpu; without [mesh] a single process trains on it."
        )
    return Mesh(config, init_device_mesh(kind, config.sizes, mesh_dim_names=AXES))
