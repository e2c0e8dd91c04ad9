"""Our kernels against the field's on the GPU of this machine: python run.py bench --gpu

Writes lib/assets/measured/gpu_<name>.csv, where the lectures find it, and prints a table of our
speed over the fastest other's. What is in the file already, measured with the same versions, is
not measured again; --again does. About eight minutes. Without a GPU it says what it would do.
"""

import argparse
import datetime
import importlib.metadata
import platform
import sys
import time

import torch
from gpu_contest import hold, resume, stamped
from gpu_contests import all_contests

from lib.kernels.language import has_triton, interprets
from lib.tensors.gpu_record import (
    Measured,
    Verdict,
    read_record,
    record_path,
    verdicts,
    write_record,
)

NO_GPU = (
    "On a machine with an Nvidia GPU this measures our kernels against a copy, PyTorch, "
    "torch.compile and Liger-Kernel, and writes the results to lib/assets/measured; here it finds "
    "none, so there is nothing to do."
)
COMMAND = "python run.py bench --gpu"
REPEATS, BUDGET = 20, 0.6  # rounds, and seconds of measured runs for one piece of work


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", help="only work whose name contains this")
    parser.add_argument("--again", action="store_true", help="also what was measured before")
    options = parser.parse_args(arguments)
    if not (torch.cuda.is_available() and has_triton() and not interprets()):
        print(NO_GPU)
        return 0
    name = torch.cuda.get_device_name()
    path = record_path(name)
    known = read_record(path)
    stamp = {"versions": versions(), "date": datetime.date.today().isoformat(), "command": COMMAND}
    contests = [it for it in all_contests("cuda") if options.only in it.work]
    for contest, done in resume(contests, known, stamp["versions"]):
        if done and not options.again:
            continue
        began = time.monotonic()
        rows = stamped(hold(contest, "cuda", REPEATS, BUDGET), device=name, **stamp)
        known = [row for row in known if row.work != contest.work] + rows
        write_record(path, known)  # after each, so that a stopped run is taken up again
        print(f"{contest.work}: {time.monotonic() - began:.1f} s", flush=True)
        torch.cuda.empty_cache()
        torch.compiler.reset()
    sweep(name, options.only)
    print("\n" + report(known, name))
    return int(any(not verdict.agrees for verdict in verdicts(known)))


def sweep(name: str, only: str) -> None:
    """Products of many sizes around 1792, which lecture 5 draws."""
    from lib.tensors import matmul_sweep

    measured = {row["device"] for row in matmul_sweep.recorded()}
    if only in "sweep of sizes" and name not in measured:
        rows = matmul_sweep.sweep(matmul_sweep.sizes(), "cuda", torch.bfloat16)
        matmul_sweep.record(rows, name)


def versions() -> str:
    found = [f"Python {platform.python_version()}"]
    for package in ("torch", "triton", "liger-kernel"):
        try:
            found.append(f"{package} {importlib.metadata.version(package)}")
        except importlib.metadata.PackageNotFoundError:
            found.append(f"no {package}")
    return ", ".join([*found, f"CUDA {torch.version.cuda}"])


HEADER = ["work", "ours", "fastest other", "speed", "target", "memory", "limit", "verdict"]


def report(rows: list[Measured], name: str) -> str:
    """The table, and what could not take part."""
    ours = {row.work: row for row in rows if row.contestant == "ours"}
    lines = [cells(verdict, ours[verdict.work]) for verdict in verdicts(rows)]
    widths = [max(len(line[i]) for line in [HEADER, *lines]) for i in range(len(HEADER))]
    table = [
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip()
        for line in [HEADER, *lines]
    ]
    out = sorted({f"{row.contestant}: {row.note}" for row in rows if row.seconds is None})
    missing = ["", "Left out:", *out] if out else []
    return "\n".join([f"{name}; speed is the other's time over ours", "", *table, *missing])


def cells(verdict: Verdict, ours: Measured) -> list[str]:
    said = "ANSWERS DIFFER" if not verdict.agrees else ""
    if verdict.agrees and verdict.target is not None:
        said = "met" if verdict.met else f"missed by {1 - verdict.speed / verdict.target:.0%}"
    done = f"{ours.flops / ours.seconds / 1e12:.0f} TFLOP/s" if ours.flops else ""
    moved = f"{ours.bytes / ours.seconds / 1e9:.0f} GB/s" if ours.bytes else ""
    return [
        verdict.work,
        f"{1e3 * verdict.seconds:.3f} ms",
        f"{verdict.peer} {1e3 * verdict.peer_seconds:.3f} ms",
        f"{verdict.speed:.2f}",
        "" if verdict.target is None else f"{verdict.target:.2f}",
        "" if verdict.memory is None else f"{verdict.memory:.2f}",
        done or moved,
        said,
    ]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
