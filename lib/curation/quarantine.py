"""Where records go on which a step failed: kept whole, with the traceback, to be looked at.

A pipeline of millions of pages must not stop at one of them, and must not lose it either. But a
step that fails on a tenth of them is broken, and stops the run.
"""

import json
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

from lib.curation.records import Damage, Record, to_row

FEW = 10  # so many may always fail in a shard
MOST = 0.1  # the share of a shard's records that may fail


class Quarantine:
    """A file of JSON lines {step, error, traceback, record}."""

    def __init__(self, file: TextIO) -> None:
        self.file, self.n_records, self.last = file, 0, ""

    def add(self, step: str, record: Record, error: Exception) -> None:
        """A record, and what went wrong with it."""
        frames = traceback.format_exception(type(error), error, _inside(error))
        self._write(step, _in_words(error), "".join(frames), _row(record))

    def add_damage(self, step: str, damage: Damage) -> None:
        """A part of a file that is no record."""
        content = {"place": damage.place, "content": damage.content}
        self._write(step, f"{damage.place}: {damage.reason}", "", content)

    def check(self, n_records: int) -> None:
        """Raises RuntimeError if so many of a shard's records failed that a step must be broken."""
        if self.n_records > max(FEW, MOST * n_records):
            raise RuntimeError(
                f"{self.n_records} of a shard's {n_records} records failed, more than {FEW} and "
                f"more than {MOST:.0%}: that is no matter of single records. The last: {self.last}"
            )

    def _write(self, step: str, error: str, trace: str, record: dict[str, Any]) -> None:
        self.n_records += 1
        self.last = f"{step}: {error}"
        line = {"step": step, "error": error, "traceback": trace, "record": record}
        self.file.write(json.dumps(line) + "\n")


def read_quarantine(folder: Path) -> Iterator[dict[str, Any]]:
    """What a run has put aside, in order."""
    for path in sorted(folder.glob("quarantine/*.jsonl")):
        with open(path, encoding="utf-8") as file:
            yield from map(json.loads, file)


def _row(record: Record) -> dict[str, Any]:
    row = to_row(record)
    try:
        json.dumps(row)
    except (TypeError, ValueError, RecursionError):  # what a step put into `meta` may be the fault
        row["meta"] = repr(record.meta)
    return row


def _inside(error: Exception) -> Any:
    """The traceback without the frame that caught it."""
    return error.__traceback__ and error.__traceback__.tb_next


def _in_words(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
