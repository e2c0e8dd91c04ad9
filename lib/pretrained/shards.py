"""Files of tensors: one model.safetensors, or several with an index that says which holds what.

Reading maps files into memory: a tensor's bytes come from the disk when they are first used, are
shared with the system's cache, and are never held twice. Writing to such a tensor changes memory,
not the file.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from lib.pretrained.settings import Json

SINGLE, INDEX = "model.safetensors", "model.safetensors.index.json"
DTYPES = {"F64": "float64", "F32": "float32", "BF16": "bfloat16", "F16": "float16"}


class Header(NamedTuple):
    """What a file says about a tensor before any of it is read."""

    file: Path
    shape: tuple[int, ...]
    dtype: str  # torch's name for it


def read_headers(folder: Path) -> dict[str, Header]:
    """Every tensor of a checkpoint, by its name."""
    found: dict[str, Header] = {}
    for file in _files(folder):
        with safe_open(file, "pt") as opened:
            for name in opened.keys():  # noqa: SIM118, it is no dict
                tensor = opened.get_slice(name)
                dtype = tensor.get_dtype()
                found[name] = Header(file, tuple(tensor.get_shape()), DTYPES.get(dtype, dtype))
    return found


def read_tensors(headers: Mapping[str, Header]) -> Iterator[tuple[str, Tensor]]:
    """The tensors with these headers, file by file."""
    for file in dict.fromkeys(header.file for header in headers.values()):
        with safe_open(file, "pt") as opened:
            for name, header in headers.items():
                if header.file == file:
                    yield name, opened.get_tensor(name)


def write_tensors(
    folder: Path, n_bytes: Mapping[str, int], make: Callable[[str], Tensor], shard_bytes: int
) -> None:
    """Write the tensor `make(name)` for each name, in files of at most about `shard_bytes`.

    Tensors are made one file at a time, so no more than that is held besides the model.
    """
    shards = list(grouped(n_bytes, shard_bytes))
    places: Json = {}
    for i, names in enumerate(shards, start=1):
        file = SINGLE if len(shards) == 1 else f"model-{i:05}-of-{len(shards):05}.safetensors"
        tensors = {name: make(name).detach().contiguous() for name in names}
        save_file(tensors, folder / file, metadata={"format": "pt"})
        places |= dict.fromkeys(names, file)
    if len(shards) > 1:
        index = {"metadata": {"total_size": sum(n_bytes.values())}, "weight_map": places}
        (folder / INDEX).write_text(
            json.dumps(index, indent=2) + "\n", encoding="utf-8", newline="\n"
        )


def grouped(n_bytes: Mapping[str, int], most: int) -> Iterator[list[str]]:
    """Names in order, in groups of at most `most` bytes, or of one tensor that is larger."""
    group: list[str] = []
    size = 0
    for name, needed in n_bytes.items():
        if group and size + needed > most:
            yield group
            group, size = [], 0
        group.append(name)
        size += needed
    yield group


def _files(folder: Path) -> Iterable[Path]:
    """The files of a checkpoint; an error says which are missing."""
    if (folder / INDEX).exists():
        places = json.loads((folder / INDEX).read_text(encoding="utf-8"))["weight_map"]
        files = [folder / name for name in dict.fromkeys(places.values())]
    else:
        files = [folder / SINGLE]
    if missing := [file.name for file in files if not file.exists()]:
        raise FileNotFoundError(
            f"{folder} lacks {len(missing)} of its {len(files)} files of tensors: "
            f"{', '.join(missing[:5])}. Download them again; if there are only .bin files "
            "(pickles, which run code when they are read), let transformers load and save them."
        )
    return files
