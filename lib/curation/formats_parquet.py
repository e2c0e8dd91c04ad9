"""Parquet: columns id, text, source and meta (as JSON), compressed with Zstandard."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from lib.curation.records import Damage, Record, from_row, to_row

ROWS = 1000  # read and written at a time: memory is bounded by them
SCHEMA = pa.schema(
    [("id", pa.string()), ("text", pa.string()), ("source", pa.string()), ("meta", pa.string())]
)


def read(path: Path) -> Iterator[Record | Damage]:
    """Rows in order. Other columns than ours become `meta`."""
    number = 0
    try:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(ROWS):
                for row in batch.to_pylist():
                    number += 1
                    yield from_columns(row, f"{path.name}:{number}")
    except pa.ArrowException as error:
        yield Damage(f"{path.name}, after row {number}", str(error))


class ParquetWriter:
    """Writes groups of rows."""

    def __init__(self, path: Path, name: str) -> None:
        self._file = pq.ParquetWriter(path, SCHEMA, compression="zstd")
        self._rows: list[dict[str, str]] = []

    def write(self, record: Record) -> None:
        self._rows.append(to_columns(record))
        if len(self._rows) == ROWS:
            self._flush()

    def close(self) -> None:
        if self._rows:
            self._flush()
        self._file.close()

    def _flush(self) -> None:
        self._file.write_table(pa.Table.from_pylist(self._rows, SCHEMA))
        self._rows = []


open_writer = ParquetWriter


def to_columns(record: Record) -> dict[str, str]:
    """All fields as texts; a body, which is rare here, goes into `meta`."""
    row = to_row(record)
    meta = row.get("meta", {}) | ({"body": row["body"]} if record.body else {})
    record.text.encode()  # what UTF-8 cannot hold raises here, and not with a thousand others
    return {
        "id": record.id,
        "text": record.text,
        "source": record.source,
        "meta": json.dumps(meta, ensure_ascii=False),
    }


def from_columns(row: dict[str, Any], place: str) -> Record | Damage:
    """A record from a row of ours or of others."""
    try:
        if isinstance(meta := row.get("meta"), str):
            row = row | {"meta": json.loads(meta)}
            if body := row["meta"].pop("body", ""):
                row["body"] = body
        return from_row(row, place)
    except (ValueError, AttributeError) as error:
        return Damage(place, str(error), str(row)[:1000])
