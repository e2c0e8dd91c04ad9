"""Where the records of a pipeline come from, cut into parts that can be worked on side by side."""

import hashlib
import json
from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from glob import glob
from itertools import islice
from pathlib import Path
from typing import ClassVar

from lib.curation.formats import read_records
from lib.curation.records import Damage, Record, to_row
from lib.curation.steps import Step


class Source(Step):
    """The first step."""

    @abstractmethod
    def identity(self) -> list[str]:
        """For each part what tells whether it has changed."""

    @abstractmethod
    def read(self, part: int) -> Iterator[Record | Damage]: ...


@dataclass(frozen=True)
class Read(Source):
    """Files, in the order of their names; `paths` may have * and ** in them.

    A file is a shard. `parts` cuts each into so many shards, for few large files: shard k has every
    parts-th record from the k-th on, and its process reads over the others.
    """

    paths: tuple[str, ...]
    source: str = ""  # of records that name none
    parts: int = 1
    kind: ClassVar[str] = "read"

    def __post_init__(self) -> None:
        if self.parts < 1:
            raise ValueError(f"parts is {self.parts}. A file is cut into 1 shard or more.")

    def files(self) -> list[Path]:
        """All files that are meant."""
        found = [sorted(glob(path, recursive=True)) for path in self.paths]
        for path, names in zip(self.paths, found):
            if not names:
                raise FileNotFoundError(f"No file is called {path} (from {Path.cwd()}).")
        return [Path(name) for names in found for name in names]

    def identity(self) -> list[str]:
        return [
            f"{file.name} {state.st_size} {state.st_mtime_ns} {part}/{self.parts}"
            for file in self.files()
            for state in [file.stat()]
            for part in range(self.parts)
        ]

    def read(self, part: int) -> Iterator[Record | Damage]:
        file, first = divmod(part, self.parts)
        for found in islice(read_records(self.files()[file]), first, None, self.parts):
            if isinstance(found, Record) and not found.source:
                found.source = self.source
            yield found


@dataclass(frozen=True)
class Given(Source):
    """Records that are in memory already, for trying things out. They travel to every process."""

    records: tuple[Record, ...]
    parts: int = 1
    kind: ClassVar[str] = "given"

    def identity(self) -> list[str]:
        return [self._digest(part) for part in range(self.parts)]

    def read(self, part: int) -> Iterator[Record | Damage]:
        size = -(-len(self.records) // self.parts)
        yield from self.records[part * size : (part + 1) * size]

    def _digest(self, part: int) -> str:
        rows = [json.dumps(to_row(record)) for record in self.read(part)]
        return hashlib.sha256("\n".join(rows).encode()).hexdigest()
