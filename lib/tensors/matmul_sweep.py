"""How fast square matrix products of many sizes run: measured here, or recorded on a GPU.

    python -m lib.tensors.matmul_sweep         measures on the GPU of this machine, and records

The sizes visit every band of divisibility, and the places where the number of tiles grows.
"""

import csv
import sys
from collections.abc import Iterable
from functools import partial
from pathlib import Path

import torch

from lib.tensors.flops import matmul_flops
from lib.tensors.timing import benchmark

RECORD = Path(__file__).resolve().parents[1] / "assets" / "measured" / "gpu_matmul_sweep.csv"
COLUMNS = ("device", "n", "seconds", "flops_per_second")
COARSE, OFFSETS = range(256, 4097, 64), (-8, -4, -2, -1, 0)  # even and odd, and multiples of 2 to 8
FINE = range(1700, 1901)  # with the cliff of an A100


def sizes() -> list[int]:
    """What a GPU is asked for."""
    return sorted({*FINE, *(n + offset for n in COARSE for offset in OFFSETS)})


def sweep(
    sizes: Iterable[int], device: str = "cpu", dtype: torch.dtype = torch.float32, repeats: int = 7
) -> list[dict[str, int | float]]:
    """A row for every size: n, the median seconds, and FLOP/s."""
    own = torch.Generator(device).manual_seed(0)
    rows = []
    for n in sizes:
        a, b = torch.randn(2, n, n, generator=own, device=device).to(dtype)
        seconds = benchmark(partial(torch.matmul, a, b), 2, repeats, device=device).median
        rows.append(
            {"n": n, "seconds": seconds, "flops_per_second": matmul_flops(n, n, n) / seconds}
        )
    return rows


def recorded(path: Path = RECORD) -> list[dict[str, str | float]]:
    """The rows that somebody recorded; none if nobody has."""
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, strict=True))
    return [{c: row[c] if c == "device" else float(row[c]) for c in COLUMNS} for row in rows]


def record(rows: Iterable[dict[str, int | float]], device_name: str, path: Path = RECORD) -> None:
    """Write them down."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows({"device": device_name, **row} for row in rows)


def main() -> int:
    if not torch.cuda.is_available():
        print("This needs a GPU, and there is none here.", file=sys.stderr)
        return 1
    record(sweep(sizes(), "cuda", torch.bfloat16), torch.cuda.get_device_name())
    return 0


if __name__ == "__main__":
    sys.exit(main())
