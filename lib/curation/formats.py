"""Files of records: which format a name stands for, reading, and writing that is all or nothing.

    .warc .warc.gz    crawled pages               .wet .wet.gz   texts of pages
    .jsonl            a JSON object on each line  .jsonl.gz .jsonl.zst   compressed
    .parquet          columns                     a folder, .datasets    Hugging Face, on disk

Equal records make equal bytes.
"""

import os
import secrets
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol, runtime_checkable

from lib.curation.records import Damage, Record


@runtime_checkable
class Writer(Protocol):
    """Takes records one by one. A record that does not fit raises before anything is written."""

    def write(self, record: Record) -> None: ...

    def close(self) -> None: ...


@runtime_checkable
class Format(Protocol):
    """A module formats_*.py."""

    def read(self, path: Path) -> Iterator[Record | Damage]: ...

    def open_writer(self, path: Path, name: str) -> Writer: ...


SUFFIXES = {
    ".jsonl": "jsonl",
    ".jsonl.gz": "jsonl",
    ".jsonl.zst": "jsonl",
    ".warc": "warc",
    ".warc.gz": "warc",
    ".wet": "warc",
    ".wet.gz": "warc",
    ".parquet": "parquet",
    ".datasets": "datasets",
}


def suffix_of(path: Path) -> str:
    """The ending that names a format, which may have two dots."""
    found = [suffix for suffix in SUFFIXES if path.name.endswith(suffix)]
    if found:
        return max(found, key=len)
    if path.is_dir():
        return ".datasets"
    raise ValueError(f"{path.name} has none of the endings that are known: {', '.join(SUFFIXES)}.")


def format_of(path: Path) -> Format:
    """The module that reads and writes this file; it is imported when it is needed."""
    name = SUFFIXES[suffix_of(path)]
    if name == "jsonl":
        from lib.curation import formats_jsonl as found
    elif name == "warc":
        from lib.curation import formats_warc as found
    elif name == "parquet":
        from lib.curation import formats_parquet as found
    else:
        from lib.curation import formats_datasets as found
    return found


def read_records(path: str | os.PathLike[str]) -> Iterator[Record | Damage]:
    """The records of a file in order, and what could not be read of it."""
    return format_of(Path(path)).read(Path(path))


def write_records(path: str | os.PathLike[str], records: Iterable[Record]) -> int:
    """Write a file, atomically; how many records are in it."""
    n_records = 0
    with atomic_writer(Path(path)) as writer:
        for record in records:
            writer.write(record)
            n_records += 1
    return n_records


@contextmanager
def atomic_writer(path: Path) -> Iterator[Writer]:
    """A writer to a file or folder that is there only once the block has ended without an error."""
    with atomic_path(path) as part:
        writer = format_of(path).open_writer(part, path.name)
        try:
            yield writer
        finally:
            writer.close()


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """A name to write to, which becomes `path` once the block has ended without an error."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}.part")
    try:
        yield part
        if path.is_dir():
            shutil.rmtree(path)  # a folder cannot be replaced in one go
        os.replace(part, path)
    finally:
        remove(part)


def remove(path: Path) -> None:
    """A file or a folder, if it is there."""
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
