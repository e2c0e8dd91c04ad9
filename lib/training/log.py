"""The log of a run: one line of JSON for each step, which reads as a table.

Lines are written as they come, so the log can be watched while the run goes on; what a kill left of
the last line is passed over.
"""

import json
import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

Record = Mapping[str, Any]  # always with a "step"; numbers, words or None


class Log:
    """`with Log(path) as log: log.write({"step": 1, "loss": 5.5})`.

    A log that exists is continued: lines after step `start` are dropped, as the run is about to
    write them again. With a folder for `tensorboard`, all numbers go there too.
    """

    def __init__(self, path: Path, start: int = 0, tensorboard: Path | None = None) -> None:
        self.path = path
        kept = [record for record in read_log(path) if record["step"] <= start]
        _replace(path, kept)
        self._file = open(path, "a", encoding="utf-8", newline="\n")  # noqa: SIM115, closed below
        self._board = None if tensorboard is None else _tensorboard(tensorboard, start)

    def write(self, record: Record) -> None:
        """Add a line. Values of None are left out."""
        self._file.write(_line(record))
        self._file.flush()
        if self._board is not None:
            for name, value in record.items():
                if name != "step" and isinstance(value, int | float):
                    self._board.add_scalar(name, value, record["step"])

    def __enter__(self) -> "Log":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()
        if self._board is not None:
            self._board.close()


def read_log(path: Path) -> list[dict[str, Any]]:
    """The records, oldest first; none if there is no log. Half a line at the end is no record."""
    if not path.exists():
        return []
    lines = path.read_text(encoding="utf-8").split("\n")[:-1]
    return [json.loads(line) for line in lines]


def as_table(records: Sequence[Record], n_rows: int = 20) -> str:
    """About `n_rows` of the records, evenly chosen, the last among them, in aligned columns.

    Records that say more than the others, such as those with an evaluation, are preferred.
    """
    columns = list(dict.fromkeys(name for record in records for name in record))
    rows = [[_cell(r.get(name)) for name in columns] for r in _chosen(records, n_rows)]
    widths = [max(map(len, column)) for column in zip(columns, *rows)]
    lines = [[name.rjust(w) for name, w in zip(row, widths)] for row in [columns, *rows]]
    return "\n".join("  ".join(line) for line in lines)


def _chosen(records: Sequence[Record], n: int) -> list[Record]:
    """Evenly from the most telling records if there are enough, else from all."""
    most = max(map(len, records), default=0)
    telling = [record for record in records if len(record) == most]
    if len(records) <= n or len(telling) < n / 2:
        telling = list(records)
    n = min(n, len(telling))
    return [telling[(i + 1) * len(telling) // n - 1] for i in range(n)]


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}" if abs(value) < 1e4 else f"{value:,.0f}"
    return "" if value is None else f"{value:,}" if isinstance(value, int) else str(value)


def _line(record: Record) -> str:
    said = {name: value for name, value in record.items() if value is not None}
    finite = {k: v for k, v in said.items() if not isinstance(v, float) or math.isfinite(v)}
    words = {k: str(v) for k, v in said.items() if k not in finite}  # JSON has no word for nan
    return json.dumps({k: words.get(k, said[k]) for k in said}) + "\n"


def _replace(path: Path, records: Sequence[Record]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.unfinished")
    unfinished.write_text("".join(map(_line, records)), encoding="utf-8", newline="\n")
    os.replace(unfinished, path)


def _tensorboard(folder: Path, start: int) -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise ImportError(
            "run.tensorboard needs TensorBoard, which is not installed. Install it with "
            "`pip install tensorboard`, or set run.tensorboard=false: log.jsonl has the same."
        ) from error
    return SummaryWriter(str(folder), purge_step=start + 1)
