"""What accelerators promise: peak FLOP/s by number format, bandwidth and size of their memory.

The table is lib/assets/facts/hardware.csv, where every row has its source. Peaks are dense ones:
advertisements like to print the doubled ones, for matrices half of whose numbers are zero.
"""

import csv
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from lib.tensors.formats import named

TABLE = Path(__file__).resolve().parents[1] / "assets" / "facts" / "hardware.csv"
PEAKS = {  # our name of a format: its column
    "fp64": "fp64_flops",
    "fp32": "fp32_flops",
    "tf32": "tf32_flops",
    "fp16": "fp16_flops",
    "bf16": "bf16_flops",
    "fp8_e4m3": "fp8_flops",
    "fp8_e5m2": "fp8_flops",
    "fp4_e2m1": "fp4_flops",
}


@dataclass(frozen=True)
class Hardware:
    """One device. What nobody could check is missing, and asking for it is an error."""

    name: str
    peaks: dict[str, float] = field(repr=False)  # FLOP/s of matrix products, by format
    memory_bandwidth: float | None = None  # bytes/s
    memory_bytes: float | None = None
    year: int | None = None
    source: str = field(default="", repr=False)

    def flops(self, dtype: object = "bf16") -> float:
        """Peak FLOP/s of matrix products in a format: ours, torch's name, or a torch dtype."""
        name = named(dtype).name
        if name not in self.peaks:
            known = ", ".join(self.peaks)
            raise LookupError(f"The peak of {self.name} in {name} is not known, only in {known}.")
        return self.peaks[name]

    @property
    def bandwidth(self) -> float:
        """Bytes/s between the processor and its main memory."""
        if self.memory_bandwidth is None:
            raise LookupError(f"The memory bandwidth of {self.name} is not known.")
        return self.memory_bandwidth

    def intensity(self, dtype: object = "bf16") -> float:
        """Operations per byte above which arithmetic is what one waits for, and not memory."""
        return self.flops(dtype) / self.bandwidth


@cache
def hardware_table() -> dict[str, Hardware]:
    """Every device of the facts, by name."""
    with TABLE.open(encoding="utf-8", newline="") as file:
        return {row["device"]: _from_row(row) for row in csv.DictReader(file, strict=True)}


def hardware(name: str) -> Hardware:
    """One device of the facts: `hardware("H100").flops("bf16")`."""
    table = hardware_table()
    if name not in table:
        raise LookupError(
            f"There is no device {name!r} in the facts: there are {', '.join(table)}."
        )
    return table[name]


def _from_row(row: dict[str, str]) -> Hardware:
    def number(column: str) -> float | None:
        return float(row[column]) if row[column] else None

    peaks = {name: number(column) for name, column in PEAKS.items()}
    return Hardware(
        row["device"],
        {name: peak for name, peak in peaks.items() if peak is not None},
        number("memory_bandwidth"),
        number("memory_bytes"),
        int(row["year"]),
        row["source"],
    )
