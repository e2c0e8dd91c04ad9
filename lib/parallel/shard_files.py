"""Tensors of which every rank writes a part, in files that any number of ranks can read.

A checkpoint is a folder: `rank-0.safetensors` ... have the parts, `index.json` says where the parts
of each tensor lie, and what else there is to know. All is written under another name and reaches
the disk before a single rename makes it a checkpoint: it is there whole, or it is not there. All
ranks must see the same folder.

Letters: n ranks.
"""

import hashlib
import json
import math
import os
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from lib.parallel.comm import Comm
from lib.parallel.objects import all_gather_objects
from lib.training.tensor_tree import flatten, unflatten

INDEX, UNFINISHED = "index.json", ".unfinished-"


@dataclass(frozen=True)
class Part:
    """Values of a tensor of this shape, flattened, from `start` on."""

    shape: tuple[int, ...]
    start: int
    values: Tensor


def write_parts(folder: Path, comm: Comm, parts: dict[str, Part], words: Any = None) -> None:
    """Write what all ranks have, by name, and rank 0's `words`: a tree of numbers and text.

    Replaces the checkpoint that is there, once the new one is whole. Of a part that several ranks
    have, the first one's is written.
    """
    unfinished = folder.with_name(f"{UNFINISHED}{folder.name}")
    if comm.rank == 0:
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(parents=True)
    comm.barrier()
    ranges = {name: (part.start, part.values.numel()) for name, part in parts.items()}
    everywhere = all_gather_objects(comm, ranges)
    before = everywhere[: comm.rank]
    mine = {name: r for name, r in ranges.items() if all(o.get(name) != r for o in before)}
    file = unfinished / f"rank-{comm.rank}.safetensors"
    save_file(
        {name: parts[name].values.detach().cpu().contiguous().view(-1) for name in mine}, file
    )
    _to_disk(file)
    shapes = {name: (parts[name].shape, *mine[name]) for name in mine}
    found = all_gather_objects(comm, (file.name, _fingerprint(file), shapes))
    if comm.rank == 0:
        _finish(unfinished, folder, found, words)
    comm.barrier()


def _finish(unfinished: Path, folder: Path, found: list, words: Any) -> None:
    """Write the index, and give the folder its name."""
    tensors: dict[str, dict[str, Any]] = {}
    for file, _, shapes in found:
        for name, (shape, start, size) in shapes.items():
            entry = tensors.setdefault(name, {"shape": list(shape), "parts": []})
            entry["parts"].append([start, start + size, file])
    files = {file: fingerprint for file, fingerprint, _ in found}
    flat, leftover = flatten(words)
    if leftover:
        raise TypeError(f"Tensors belong among the parts, not the words: {', '.join(leftover)}.")
    index = {"words": flat, "files": files, "tensors": tensors}
    (unfinished / INDEX).write_text(json.dumps(index), encoding="utf-8", newline="\n")
    _to_disk(unfinished / INDEX)
    _to_disk(unfinished)
    old = folder.with_name(f"{UNFINISHED}old-{folder.name}")
    if folder.exists():
        shutil.rmtree(old, ignore_errors=True)
        os.replace(folder, old)
    os.replace(unfinished, folder)
    _to_disk(folder.parent)
    shutil.rmtree(old, ignore_errors=True)


class ShardFiles:
    """A checkpoint to be read: any range of any tensor, from whatever files have it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        path = folder / INDEX
        if not path.exists():
            raise FileNotFoundError(
                f"There is no whole checkpoint in {folder}: {INDEX} is missing, which is written "
                f"last. {_others(folder)}"
            )
        index = json.loads(path.read_text(encoding="utf-8"))
        self.files, self.tensors = index["files"], index["tensors"]
        self.words = unflatten(index["words"], {})

    def check(self, comm: Comm) -> None:
        """All ranks read the files, each some of them, and raise if one has changed."""
        names = sorted(self.files)[comm.rank :: comm.n_ranks]
        found = all_gather_objects(comm, [self._damage(name) for name in names])
        damage = [words for theirs in found for words in theirs if words]
        if damage:
            raise ValueError(
                f"The checkpoint {self.folder} is damaged: {' '.join(damage)} Take an earlier one, "
                "or copy it again if it was copied."
            )

    def shape(self, name: str) -> tuple[int, ...]:
        """Of the whole tensor."""
        if name not in self.tensors:
            near = [n for n in self.tensors if n.rpartition(".")[2] == name.rpartition(".")[2]]
            raise KeyError(
                f"The checkpoint has no tensor {name!r}; it has {', '.join(near[:5]) or 'others'}. "
                "Build model and optimizer as they were when it was saved."
            )
        return tuple(self.tensors[name]["shape"])

    def read(self, name: str, start: int = 0, stop: int | None = None) -> Tensor:
        """Values `start` to `stop` of a tensor, flattened. Only these are read."""
        size = math.prod(self.shape(name))
        stop = size if stop is None else stop
        found, at = [], start
        for begin, end, file in sorted(self.tensors[name]["parts"]):
            if begin <= at < min(end, stop):
                with safe_open(self.folder / file, "pt") as opened:
                    cut = opened.get_slice(name)[at - begin : min(end, stop) - begin]
                found.append(cut.clone(memory_format=torch.contiguous_format))
                at = min(end, stop)
        if at < stop:
            raise ValueError(
                f"Values {at} to {stop} of {name!r} are in no file of {self.folder}: not all ranks "
                "that the model was cut for have saved their parts. Save it again with all of them."
            )
        return torch.cat(found) if found else torch.empty(0)

    def whole(self, name: str) -> Tensor:
        """A tensor in its shape."""
        return self.read(name).view(self.shape(name))

    def _damage(self, file: str) -> str | None:
        path = self.folder / file
        if not path.exists():
            return f"{file} is missing."
        return None if _fingerprint(path) == self.files[file] else f"{file} has changed."


def check_names(files: ShardFiles, names: Iterable[str], prefix: str) -> None:
    """The checkpoint has these names behind the prefix, and no others."""
    saved = {name.removeprefix(prefix) for name in files.tensors if name.startswith(prefix)}
    wanted = set(names)
    if saved != wanted:
        raise ValueError(
            f"{files.folder} is of another model. Only there: {_some(saved - wanted)}; only here: "
            f"{_some(wanted - saved)}. Build the model from the config it was saved with."
        )


def _some(names: set[str]) -> str:
    shown = sorted(names)[:5]
    return ", ".join(shown) + (f" and {len(names) - 5} more" if len(names) > 5 else "") or "nothing"


def _others(folder: Path) -> str:
    old = folder.with_name(f"{UNFINISHED}old-{folder.name}")
    if (old / INDEX).exists():  # the process ended between two renames
        return f"The one before it is whole: rename {old.name} to {folder.name}."
    near = sorted(path.parent.name for path in folder.parent.glob(f"[!.]*/{INDEX}"))
    return f"Whole ones beside it: {', '.join(near)}." if near else "Save one with save_sharded."


def _fingerprint(path: Path) -> dict[str, Any]:
    with open(path, "rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        return {"bytes": file.tell(), "sha256": digest}


def _to_disk(path: Path) -> None:
    """Folders too, for the names in them; Windows neither needs nor allows that."""
    if path.is_file() or os.name == "posix":
        opened = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
        try:
            os.fsync(opened)
        finally:
            os.close(opened)
