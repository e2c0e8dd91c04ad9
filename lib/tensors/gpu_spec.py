"""What a GPU is made of, as far as our simulators count it: multiprocessors and what each holds.

A GPU is many equal multiprocessors (SM) around one memory. A multiprocessor holds some blocks of
threads at a time, and what they need while they stay: threads, registers, shared memory. Threads
run in warps of 32, which take turns at four schedulers.

Read from lib/assets/facts/hardware.csv; devices whose row is not complete are missing here.
"""

import csv
from dataclasses import dataclass
from functools import cache

from lib.tensors.hardware import TABLE

KNOWN = {  # our field: its column
    "multiprocessors": "multiprocessors",
    "shared_bytes": "shared_bytes_per_multiprocessor",
    "l1_bytes": "l1_and_shared_bytes_per_multiprocessor",
    "registers": "registers_per_multiprocessor",
    "threads": "threads_per_multiprocessor",
    "l2_bytes": "l2_bytes",
    "memory_bytes": "memory_bytes",
    "bandwidth": "memory_bandwidth",
}


@dataclass(frozen=True)
class GPUSpec:
    """One GPU. Where nothing else is said, the numbers are per multiprocessor."""

    name: str
    multiprocessors: int  # on the GPU
    shared_bytes: int  # memory that the threads of a block share
    l2_bytes: int  # the cache between all multiprocessors and the memory of the GPU
    bandwidth: float  # bytes/s from and to the memory of the GPU
    memory_bytes: int = 0  # of the GPU
    l1_bytes: int = 0  # shared memory and the first cache lie in one store of this size
    registers: int = 65536  # of 32 bits
    threads: int = 2048  # at most at a time
    blocks: int = 32  # at most at a time
    warp: int = 32  # threads that share an instruction
    schedulers: int = 4  # each has its own quarter of the registers
    reserved_bytes: int = 1024  # of shared memory, for every block, by the system

    @property
    def warps(self) -> int:
        """How many a multiprocessor can hold."""
        return self.threads // self.warp

    @property
    def register_bytes(self) -> int:
        """All registers of a multiprocessor."""
        return 4 * self.registers


@cache
def gpu_specs() -> dict[str, GPUSpec]:
    """Every GPU that the facts describe completely, by name."""
    with TABLE.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file, strict=True) if row["vendor"] == "NVIDIA"]
    return {row["device"]: _from_row(row) for row in rows if all(row[c] for c in KNOWN.values())}


def gpu_spec(name: str) -> GPUSpec:
    """One GPU of the facts: `gpu_spec("A100 80GB").multiprocessors`."""
    if name not in gpu_specs():
        raise LookupError(
            f"There is no complete row for a GPU {name!r} in the facts: choose from "
            f"{', '.join(gpu_specs())}, or fill in a GPUSpec of your own."
        )
    return gpu_specs()[name]


def _from_row(row: dict[str, str]) -> GPUSpec:
    numbers = {field: int(float(row[column])) for field, column in KNOWN.items()}
    return GPUSpec(row["device"], **{**numbers, "bandwidth": float(row[KNOWN["bandwidth"]])})
