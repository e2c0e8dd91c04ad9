"""JSON Lines, plain or compressed with gzip or Zstandard: what most open corpora come as.

Fields are those of `records.to_row`; of files of others, `text` is the text and `id` the name.
"""

import gzip
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import zstandard

from lib.curation.records import Damage, Record, from_row, to_row

LEVEL = 3  # of both compressors: fast
SHOWN = 1000  # characters of a damaged line


def read(path: Path) -> Iterator[Record | Damage]:
    """Records line by line. A line that is none is damage; a file that breaks off is, too."""
    number = 0
    try:
        with open(path, "rb") as raw, _reader(raw, path.name) as file:
            for number, line in enumerate(file, 1):
                if line.strip():
                    yield _record(line, f"{path.name}:{number}")
    except (EOFError, zstandard.ZstdError, gzip.BadGzipFile) as error:
        yield Damage(f"{path.name}:{number + 1}", f"the file cannot be unpacked further: {error}")


class JsonlWriter:
    """Writes a line for each record; `name` says how it is compressed."""

    def __init__(self, path: Path, name: str) -> None:
        self._raw = open(path, "wb")  # noqa: SIM115  (closed by `close`)
        self._file = _compressor(self._raw, name)

    def write(self, record: Record) -> None:
        row = json.dumps(to_row(record), ensure_ascii=False)
        self._file.write(row.encode() + b"\n")

    def close(self) -> None:
        if self._file is not self._raw:
            self._file.close()
        self._raw.close()


open_writer = JsonlWriter


def _record(line: bytes, place: str) -> Record | Damage:
    try:
        row = json.loads(line)
        if not isinstance(row, dict):
            raise ValueError(f"A line should hold an object, and holds a {type(row).__name__}.")
        return from_row(row, place)
    except (ValueError, RecursionError) as error:  # bytes that are no UTF-8 are ValueErrors too
        return Damage(place, str(error), line.strip()[:SHOWN].decode("utf-8", "replace"))


def _reader(raw: BinaryIO, name: str) -> Any:
    if name.endswith(".gz"):
        return gzip.open(raw)
    if name.endswith(".zst"):
        unpacked = zstandard.ZstdDecompressor().stream_reader(raw, read_across_frames=True)
        return io.BufferedReader(unpacked)
    return raw


def _compressor(raw: BinaryIO, name: str) -> Any:
    if name.endswith(".gz"):  # without a time and a name, so that equal records are equal bytes
        return gzip.GzipFile("", "wb", LEVEL, raw, mtime=0)
    if name.endswith(".zst"):
        return zstandard.ZstdCompressor(LEVEL, write_checksum=True).stream_writer(
            raw, closefd=False
        )
    return raw
