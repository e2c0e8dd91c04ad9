"""What `python run.py bench --gpu` measured on GPUs, and what it says about our kernels.

One file per GPU, lib/assets/measured/gpu_<name>.csv; a row is one contestant at one piece of work.
The contestant "ours" is a kernel of this course. Without such a file nothing is known of a GPU.
"""

import csv
import os
import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[1] / "assets" / "measured"
OURS = "ours"


@dataclass(frozen=True)
class Measured:
    """One contestant at one piece of work, on one GPU."""

    device: str
    work: str
    contestant: str
    seconds: float | None  # median; None where it could not run, and `note` says why
    spread: float | None = None  # seconds between the quarter points
    runs: int = 0
    bytes: int | float = 0  # that must be moved at least
    flops: int | float = 0  # that must be done at least
    peak_memory: float = 0.0  # bytes taken on top of the inputs
    agrees: bool | None = None  # with the others; None where there is nothing to compare
    target: float | None = None  # how many times the best peer's speed ours should reach
    note: str = ""
    date: str = ""
    versions: str = ""
    command: str = ""


COLUMNS = tuple(field.name for field in fields(Measured))


@dataclass(frozen=True)
class Verdict:
    """Ours beside the fastest of the others."""

    work: str
    seconds: float
    peer: str
    peer_seconds: float
    speed: float  # ours / the peer's
    target: float | None
    memory: float | None  # ours / the peer's
    agrees: bool

    @property
    def met(self) -> bool:
        return self.agrees and (self.target is None or self.speed >= self.target)


def record_path(device_name: str) -> Path:
    """Under the GPU's name as the driver tells it."""
    return FOLDER / f"gpu_{re.sub(r'[^A-Za-z0-9]+', '-', device_name).strip('-')}.csv"


def read_record(path: Path) -> list[Measured]:
    """The rows of one file; none if it is not there."""
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return [_row(row) for row in csv.DictReader(file, strict=True)]


def all_records() -> dict[str, list[Measured]]:
    """Everything that was measured, by the name of the GPU."""
    found: dict[str, list[Measured]] = {}
    for path in sorted(FOLDER.glob("gpu_*.csv")):
        with path.open(encoding="utf-8") as file:
            if tuple(file.readline().strip().split(",")) == COLUMNS:  # others are called gpu_ too
                for row in read_record(path):
                    found.setdefault(row.device, []).append(row)
    return found


def write_record(path: Path, rows: Iterable[Measured]) -> None:
    """All rows; written whole beside the old file, then moved over it."""
    unfinished = path.with_suffix(".partial")
    with unfinished.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(
            {name: _text(value) for name, value in asdict(row).items()} for row in rows
        )
    os.replace(unfinished, path)


def verdicts(rows: Iterable[Measured]) -> list[Verdict]:
    """For every piece of work that ours and another could do: ours against the fastest other."""
    by_work: dict[str, dict[str, Measured]] = {}
    for row in rows:
        if row.seconds is not None:
            by_work.setdefault(row.work, {})[row.contestant] = row
    found = []
    for work, contestants in by_work.items():
        ours = contestants.pop(OURS, None)
        if ours is None or not contestants:
            continue
        peer = min(contestants.values(), key=lambda row: row.seconds)
        memory = ours.peak_memory / peer.peak_memory if peer.peak_memory else None
        pair = ours.seconds, peer.contestant, peer.seconds, peer.seconds / ours.seconds
        agrees = all(it.agrees is not False for it in (ours, peer))
        found.append(Verdict(work, *pair, ours.target, memory, agrees))
    return found


def _text(value: object) -> object:
    """Empty for None; four digits are more than a measurement has."""
    if value is None:
        return ""
    return f"{value:.4g}" if isinstance(value, float) else value


def _row(row: dict[str, str]) -> Measured:
    numbers = {
        name: float(row[name]) if row[name] else None for name in ("seconds", "spread", "target")
    }
    counts = {name: float(row[name]) for name in ("bytes", "flops", "peak_memory")}
    agrees = {"True": True, "False": False, "": None}[row["agrees"]]
    return Measured(**{**row, **numbers, **counts, "runs": int(row["runs"]), "agrees": agrees})
