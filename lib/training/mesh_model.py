"""From a model and a mesh to the parts that this process holds, wrapped in torch's engine.

Layers go to the stages of the pipeline, each layer is cut over `tensor`, what is left is sharded
over `shard` (FSDP2: gathered block by block, when it is needed), and `data` has copies. Copies of
whole weights are kept equal by DDP; copies of shards by FSDP2, too, on an axis of its own (HSDP).
"""

import torch
from torch import nn
from torch.distributed.fsdp import MixedPrecisionPolicy, fully_shard
from torch.nn.parallel import DistributedDataParallel

from lib.model.config import ModelConfig
from lib.model.transformer import Transformer
from lib.training.config import Config, MeshConfig
from lib.training.mesh import Mesh
from lib.training.mesh_part import Part
from lib.training.mesh_tensor import check_tensor, share_layers


def make_parts(config: Config, mesh: Mesh) -> list[nn.Module]:
    """This process's parts, in the order of the layers; without a pipeline, one with all."""
    check(config, mesh.config)
    n_stages = mesh.config.pipeline * mesh.config.stages
    mine = range(mesh.place("pipeline"), n_stages, mesh.config.pipeline)
    return [_make_part(config, mesh, *borders(config.model, n_stages, i)) for i in mine]


def borders(model: ModelConfig, n_stages: int, stage: int) -> tuple[int, int]:
    """The first layer of a stage, and the first that is no more its own."""
    return tuple(model.n_layers * i // n_stages for i in (stage, stage + 1))


def unwrapped(part: nn.Module) -> Part:
    """What is inside of DDP."""
    return part.module if isinstance(part, DistributedDataParallel) else part


def check(config: Config, mesh: MeshConfig) -> None:
    """What no engine could do. Raises ValueError."""
    readers, model = mesh.data * mesh.shard, config.model
    if config.data.batch % (readers * config.run.microbatches):
        raise ValueError(
            f"A batch of {config.data.batch} sequences is read by {readers} processes (mesh.data x "
            f"mesh.shard), in {config.run.microbatches} microbatches each, which does not divide "
            "it. Choose another data.batch or run.microbatches."
        )
    if mesh.tensor > 1:
        check_tensor(model, mesh.tensor, mesh.sequence)
    if mesh.pipeline > 1:
        _check_pipeline(config, mesh)
    elif mesh.stages > 1:
        raise ValueError("mesh.stages are those of a pipeline: choose mesh.pipeline above 1.")


def _check_pipeline(config: Config, mesh: MeshConfig) -> None:
    n_stages, model = mesh.pipeline * mesh.stages, config.model
    if model.n_layers < n_stages:
        raise ValueError(
            f"{model.n_layers} layers are too few for {n_stages} stages (mesh.pipeline x "
            "mesh.stages). Choose fewer stages."
        )
    if model.tied:
        raise ValueError(
            "model.tied needs one table on the first and on the last stage. Set model.tied=false, "
            "or mesh.pipeline=1."
        )
    if mesh.stages > 1 and mesh.schedule in ("gpipe", "1f1b"):
        raise ValueError(
            f"mesh.schedule {mesh.schedule!r} has one stage in each process, not {mesh.stages}. "
            "Choose mesh.stages=1, or 'interleaved', 'breadth-first' or 'zero-bubble'."
        )
    if config.run.microbatches % mesh.pipeline:
        raise ValueError(
            f"{config.run.microbatches} microbatches do not fill a pipeline of {mesh.pipeline} "
            f"stages evenly. Choose a multiple of {mesh.pipeline} as run.microbatches; the more, "
            "the less it waits."
        )
    if mesh.schedule == "zero-bubble" and (mesh.data > 1 or mesh.shard > 1):
        raise ValueError(
            "mesh.schedule 'zero-bubble' computes the gradients of weights apart from those of "
            "activations, where DDP and FSDP do not notice them. Set mesh.data=1 and mesh.shard=1, "
            "or choose another schedule."
        )


def _make_part(config: Config, mesh: Mesh, first: int, last: int) -> nn.Module:
    model = Transformer(config.model, torch.Generator().manual_seed(config.run.seed))
    tensor = mesh.devices["tensor"] if mesh.config.tensor > 1 else None
    part = Part(model, first, last, config.run.z_loss, tensor, mesh.config.sequence)
    if tensor is not None:
        share_layers(part, tensor)
    part.to(config.run.device)
    copies, shards = mesh.config.data, mesh.config.shard
    if shards > 1 or (copies > 1 and (tensor is not None or mesh.config.pipeline > 1)):
        return _sharded(part, mesh)
    if copies > 1:
        group = mesh.devices["data"].get_group()
        return DistributedDataParallel(part, process_group=group, gradient_as_bucket_view=True)
    return part


def _sharded(part: Part, mesh: Mesh) -> Part:
    config = mesh.config
    gather = config.gather_dtype and getattr(torch, config.gather_dtype)
    reduce = config.reduce_dtype and getattr(torch, config.reduce_dtype)
    options = {
        "mesh": mesh.devices["data", "shard"] if config.data > 1 else mesh.devices["shard"],
        # Rotations stay as exact as they are: they are no parameters.
        "mp_policy": MixedPrecisionPolicy(gather, reduce, cast_forward_inputs=False),
    }
    for block in part.blocks:
        fully_shard(block, reshard_after_forward=config.reshard, **options)
    return fully_shard(part, **options)
