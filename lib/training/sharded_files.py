"""Named tensors in files that many processes write at once, and any number can read again.

Each process writes what it holds; `.metadata` says which file has which stretch of which tensor
(torch.distributed.checkpoint). A reader asks for whole tensors or for shares, cut in whatever way,
and gets them from wherever they lie.
"""

import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
import torch.distributed.checkpoint as dcp
from torch import Tensor
from torch.distributed.checkpoint.metadata import TensorStorageMetadata

Kind = tuple[torch.Size, torch.dtype]


def write(folder: Path, tensors: dict[str, Tensor]) -> None:
    """All processes together; what several have is written once. Files reach the disk."""
    with _quiet():
        dcp.save(tensors, storage_writer=dcp.FileSystemWriter(folder))


def kinds(folder: Path) -> dict[str, Kind]:
    """Shape and dtype of every tensor in the folder."""
    saved = dcp.FileSystemReader(folder).read_metadata().state_dict_metadata
    return {
        name: (kind.size, kind.properties.dtype)
        for name, kind in saved.items()
        if isinstance(kind, TensorStorageMetadata)
    }


def read_into(folder: Path, tensors: dict[str, Tensor]) -> None:
    """Fill tensors, whole ones or shares, with what the folder has under their names.

    All processes together, or one alone that has met no others.
    """
    with _quiet():
        dcp.load(tensors, checkpoint_id=folder, no_dist=not dist.is_initialized())


def read_whole(folder: Path) -> dict[str, Tensor]:
    """All tensors, whole, on the CPU; by one process alone."""
    tensors = {
        name: torch.empty(size, dtype=dtype) for name, (size, dtype) in kinds(folder).items()
    }
    with _quiet():
        dcp.load(tensors, checkpoint_id=folder, no_dist=True)
    return tensors


def to_names(state: dict[str, dict[str, Any]]) -> dict[str, Tensor]:
    """An optimizer's state by parameter as flat names: "optimizer/blocks.0.ffn.up.weight/mean".

    Numbers, such as counters of steps, become tensors without axes.
    """
    return {
        f"optimizer/{name}/{key}": value if isinstance(value, Tensor) else _as_tensor(value)
        for name, values in state.items()
        for key, value in values.items()
    }


def from_names(tensors: Iterable[tuple[str, Tensor]]) -> dict[str, dict[str, Any]]:
    """What `to_names` was given."""
    state: dict[str, dict[str, Any]] = {}
    for path, tensor in tensors:
        _, name, key = path.split("/")
        state.setdefault(name, {})[key] = tensor if tensor.ndim else tensor.item()
    return state


def _as_tensor(number: int | float) -> Tensor:
    return torch.tensor(number, dtype=torch.float64 if isinstance(number, float) else torch.int64)


def _quiet() -> warnings.catch_warnings:
    """Torch warns of what it does itself, such as using its own older interfaces."""
    return warnings.catch_warnings(action="ignore", category=UserWarning)
