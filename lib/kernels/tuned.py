"""Sizes of tiles that were measured to be best on one GPU, where somebody has measured them.

Every kernel has a rule for its tiles that is right on GPUs nobody has tried. `python -m
lib.kernels.tune` measures others and writes lib/assets/tuned/<GPU>.csv; a launch then finds them:

    tiles = settings("matmul", tile_shape(M, N, dtype), M=M, N=N, K=K, bits=16)
"""

import csv
import os
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import torch

from lib.kernels.language import next_power_of_2

FOLDER = Path(__file__).resolve().parents[1] / "assets" / "tuned"
COLUMNS = ("op", "key", "settings", "seconds", "default", "default_seconds", "date", "versions")


@dataclass(frozen=True)
class Tuned:
    """A row of the table: what was best, and what the rule's choice took in the same run."""

    op: str
    key: str
    settings: dict[str, int]
    seconds: float
    default: dict[str, int]
    default_seconds: float
    date: str = ""
    versions: str = ""


def settings(op: str, default: dict[str, int], **key: int) -> dict[str, int]:
    """The tiles for `op` at the sizes in `key`: as measured on the current GPU, else `default`."""
    if not torch.cuda.is_available():
        return default
    table = read_table(_path_of_gpu(torch.cuda.current_device()))
    row = table.get((op, label(key))) if table else None
    return default if row is None else {**default, **row.settings}


@cache
def _path_of_gpu(index: int) -> Path:
    """Asked at every launch, so the driver is asked once."""
    return table_path(torch.cuda.get_device_name(index))


def label(key: dict[str, int]) -> str:
    """Sizes up to the next power of two share their tiles: "K=4096 M=4096 N=4096"."""
    return _written({name: next_power_of_2(size) for name, size in key.items()})


def table_path(device_name: str) -> Path:
    """Where the tiles for a GPU are, under its name as the driver tells it."""
    return FOLDER / (re.sub(r"[^A-Za-z0-9]+", "-", device_name).strip("-") + ".csv")


@cache
def read_table(path: Path) -> dict[tuple[str, str], Tuned]:
    """By op and key; empty where nobody has measured."""
    if not path.exists():
        return {}
    with path.open(encoding="utf-8", newline="") as file:
        rows = [_row(row) for row in csv.DictReader(file, strict=True)]
    return {(row.op, row.key): row for row in rows}


def add_to_table(path: Path, row: Tuned) -> None:
    """Written whole beside the old file, then moved over it: nobody sees half a table."""
    rows = {**read_table(path), (row.op, row.key): row}
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".partial")
    with unfinished.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        for _, it in sorted(rows.items()):
            numbers = {
                "seconds": f"{it.seconds:.4g}",
                "default_seconds": f"{it.default_seconds:.4g}",
            }
            tiles = {"settings": _written(it.settings), "default": _written(it.default)}
            writer.writerow({**vars(it), **tiles, **numbers})
    os.replace(unfinished, path)
    read_table.cache_clear()


def _row(row: dict[str, str]) -> Tuned:
    numbers = {name: float(row[name]) for name in ("seconds", "default_seconds")}
    tiles = {name: _read(row[name]) for name in ("settings", "default")}
    return Tuned(**{**row, **numbers, **tiles})


def _written(numbers: dict[str, int]) -> str:
    return " ".join(f"{name}={number}" for name, number in sorted(numbers.items()))


def _read(text: str) -> dict[str, int]:
    pairs = (part.split("=") for part in text.split())
    return {name: int(number) for name, number in pairs}
