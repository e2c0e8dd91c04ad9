"""Checkpoints of a run on a mesh, which go on with any other number of processes.

As `checkpoint` has it: a folder that is there whole or not at all, with a manifest of sizes and
hashes. Weights and optimizer state lie in `sharded/`, in as many files as there were processes, by
the names of the model's parameters, so that they fit to every mesh; `state.json` has the rest. All
processes need to see the same disk.
"""

import json
import warnings
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.tensor import DTensor

from lib.training import sharded_files
from lib.training.checkpoint import (
    MANIFEST,
    SHARDED,
    STATE,
    UNFINISHED,
    Checkpoint,
    find_damage,
    fingerprint,
    load,
    paths,
    publish,
    sweep,
    write_json,
)
from lib.training.mesh_optimizer import StandIns, share_of

Parameters = dict[str, nn.Parameter]


def save(
    folder: Path,
    parameters: Parameters,
    stand_ins: StandIns,
    step: int,
    state: dict[str, Any],
    order: list[str],
    keep: int = 3,
) -> Path:
    """Write a checkpoint of what the processes hold, all together.

    `state` is a tree of numbers and words. `order` are the names of all parameters in the order in
    which an optimizer without mesh would count them.
    """
    final = folder / f"step-{step:08d}"
    unfinished = folder / f"{UNFINISHED}{final.name}"
    rank = dist.get_rank()
    if rank == 0:
        folder.mkdir(parents=True, exist_ok=True)
        sweep(folder)
        (unfinished / SHARDED).mkdir(parents=True)
    dist.barrier()
    sharded_files.write(unfinished / SHARDED, tensors_of(parameters, stand_ins))
    mine = (unfinished / SHARDED).glob(f"__{rank}_*")
    prints: list[dict[str, Any]] = [{} for _ in range(dist.get_world_size())]
    dist.all_gather_object(prints, {f"{SHARDED}/{p.name}": fingerprint(p) for p in mine})
    if rank == 0:
        write_json(unfinished / STATE, {"step": step, "state": state, "order": order})
        others = {name: fingerprint(unfinished / name) for name in (STATE, f"{SHARDED}/.metadata")}
        manifest = others | {name: what for each in prints for name, what in each.items()}
        write_json(unfinished / MANIFEST, manifest)
        publish(unfinished, final, keep)
    dist.barrier()
    return final


def tensors_of(parameters: Parameters, stand_ins: StandIns) -> dict[str, Tensor]:
    """What this process holds, under names that are the same on every mesh."""
    weights = {f"model/{name}": p.detach() for name, p in parameters.items()}
    random = {"random": torch.get_rng_state()}  # all processes have drawn the same, if anything
    return weights | sharded_files.to_names(stand_ins.state()) | random


def restore_latest(
    folder: Path, parameters: Parameters, stand_ins: StandIns, order: list[str]
) -> tuple[int, dict[str, Any]]:
    """Fill both from the newest whole checkpoint, with or without shards, of whatever mesh.

    Returns its step and state. One process looks for it. `order` as for `save`. Raises
    FileNotFoundError if there is none.
    """
    chosen = [_newest_whole(folder) if dist.get_rank() == 0 else None]
    dist.broadcast_object_list(chosen)
    if chosen[0] is None:
        raise FileNotFoundError(f"There is no whole checkpoint in {folder}.")
    path = folder / chosen[0]
    if (path / SHARDED).exists():
        return _restore_sharded(path, parameters, stand_ins)
    checkpoint = load(path)
    _restore_whole(checkpoint, parameters, stand_ins, order)
    return checkpoint.step, checkpoint.state


def _newest_whole(folder: Path) -> str | None:
    for path in reversed(paths(folder)):
        if (damage := find_damage(path)) is None:
            return path.name
        warnings.warn(f"Passing over the checkpoint {path}: {damage}", stacklevel=2)
    return None


def _restore_sharded(
    path: Path, parameters: Parameters, stand_ins: StandIns
) -> tuple[int, dict[str, Any]]:
    saved = json.loads((path / STATE).read_text(encoding="utf-8"))
    weights = {f"model/{name}": p.detach() for name, p in parameters.items()}
    state = {
        name: _space(parameters, stand_ins, name, *kind)
        for name, kind in sharded_files.kinds(path / SHARDED).items()
        if name.startswith("optimizer/") and name.split("/")[1] in parameters
    }
    random = {"random": torch.get_rng_state()}
    sharded_files.read_into(path / SHARDED, weights | state | random)
    torch.set_rng_state(random["random"])
    stand_ins.restore(sharded_files.from_names(state.items()))
    return saved["step"], saved["state"]


def _space(
    parameters: Parameters, stand_ins: StandIns, name: str, size: torch.Size, dtype: torch.dtype
) -> Tensor:
    """Room for a tensor of the optimizer, or for this process's share of it."""
    p = parameters[name.split("/")[1]]
    if not size:
        return torch.empty(size, dtype=dtype)
    if stand_ins.is_shared(p, size):
        return torch.empty_like(p.detach(), dtype=dtype)
    return torch.empty(size, dtype=dtype, device=p.device)


@torch.no_grad()
def _restore_whole(
    checkpoint: Checkpoint, parameters: Parameters, stand_ins: StandIns, order: list[str]
) -> None:
    for name, p in parameters.items():
        weight = checkpoint.weights[name].to(p.device)
        p.copy_(share_of(weight, p) if isinstance(p, DTensor) else weight)
    by_number = checkpoint.state["optimizer"]
    stand_ins.restore({order[i]: values for i, values in by_number.items()})
    torch.set_rng_state(checkpoint.state["random"])
