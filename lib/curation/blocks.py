"""What a barrier keeps of a shard: blocks of a few arrays, one after the other in a file.

The first array of a block has the names of its records.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np

from lib.curation.barriers import Arrays, Barrier
from lib.curation.records import Record

BLOCK = 128  # records: as near_duplicates has it


class BlockWriter:
    """Sums up records, a block at a time."""

    def __init__(self, file: BinaryIO, barrier: Barrier) -> None:
        self._file, self._barrier = file, barrier
        self._records: list[Record] = []

    def add(self, record: Record) -> None:
        self._records.append(record)
        if len(self._records) == BLOCK:
            self.flush()

    def flush(self) -> None:
        """The records since the last block."""
        if not self._records:
            return
        names = json.dumps([record.name for record in self._records]).encode()
        arrays = self._barrier.summarise(self._records)
        np.save(self._file, np.array([len(arrays)]))
        for array in (np.frombuffer(names, np.uint8), *arrays):
            np.save(self._file, array)
        self._records = []


def read_arrays(path: Path) -> Iterator[Arrays]:
    """Every block's arrays."""
    return (arrays for _, arrays in _read(path))


def read_names(path: Path) -> list[str]:
    """The names of all records of a shard."""
    return [name for names, _ in _read(path) for name in json.loads(names.tobytes())]


def _read(path: Path) -> Iterator[tuple[np.ndarray, Arrays]]:
    size = path.stat().st_size
    with open(path, "rb") as file:
        while file.tell() < size:
            n_arrays = int(np.load(file)[0])
            names = np.load(file)
            yield names, tuple(np.load(file) for _ in range(n_arrays))
