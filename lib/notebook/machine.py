"""The measured speed of this machine, by kind of work, kept between sessions.

    speed("flops")     # FLOP/s of a 32-bit matrix product
    speed("copy")      # bytes/s, read and written, of a copy in memory
    speed("python")    # small steps/s of a plain Python loop
    speed("regex")     # bytes/s of cutting text into words

A kind is measured once (a third of a second) and then read from the cache folder, where every
machine has its own file. What was measured while the machine was busy with other things holds for
this process alone: nobody wants to find it tomorrow. A laptop on battery is slower than its file
says: `remeasure()`.
"""

import contextlib
import hashlib
import json
import math
import os
import platform
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import psutil

from lib.corpora.cache import atomic_file, cache_folder
from lib.notebook.probes import PROBES, Probe, Run, measure


def speed(kind: str) -> float:
    """Units of work per second (see `unit`): from the cache, else measured now and kept."""
    low, high = probe(kind).plausible
    known = {**_while_busy, **kept_speeds()}
    if low <= known.get(kind, math.nan) <= high:
        return known[kind]
    measured = measure(probe(kind))
    if not low <= measured <= high:
        raise RuntimeError(
            f"The speed {kind!r} was measured as {measured:.3g} {unit(kind)}/s, but {low:.0e} to "
            f"{high:.0e} is what machines do. Is the clock running? Try remeasure()."
        )
    if is_busy():
        _while_busy[kind] = measured
    else:
        keep({**kept_speeds(), kind: measured})
    return measured


_while_busy: dict[str, float] = {}


def is_busy() -> bool:
    """Whether in the last minute half as much again wanted to run as there are processors.

    A lecture alone keeps every processor at work, which is no disturbance.
    """
    return psutil.getloadavg()[0] > 1.5 * (identity()["threads"] or 1)


def remeasure() -> dict[str, float]:
    """Forget what was measured here and measure every kind again."""
    speeds_file().unlink(missing_ok=True)
    _while_busy.clear()
    return {kind: speed(kind) for kind in PROBES}


def unit(kind: str) -> str:
    """What `speed(kind)` counts per second: "FLOP", "bytes" or "operations"."""
    return probe(kind).unit


def register(
    kind: str,
    unit: str,
    prepare: Callable[[], tuple[int, Run]],
    plausible: tuple[float, float] = (1e-3, 1e18),
) -> None:
    """Add a kind of work: `prepare()` returns (units of work in one run, the run).

    Speeds are kept by name, so a probe that changes needs a new name, or remeasure().
    """
    PROBES[kind] = Probe(unit, prepare, plausible)


def probe(kind: str) -> Probe:
    """The probe of that name, or a sentence with the names there are."""
    if kind not in PROBES:
        raise ValueError(
            f"No speed is called {kind!r}: there are {', '.join(PROBES)}. Add one with register()."
        )
    return PROBES[kind]


def speeds_file() -> Path:
    """The file of this machine, named by what its speed depends on."""
    name = hashlib.sha256(json.dumps(identity(), sort_keys=True).encode()).hexdigest()[:16]
    return cache_folder() / "machine" / f"{name}.json"


def kept_speeds() -> dict[str, float]:
    """What was measured earlier; nothing where the file is missing or damaged."""
    try:
        speeds = json.loads(speeds_file().read_text(encoding="utf-8"))["speeds"]
        return {str(kind): float(value) for kind, value in speeds.items()}
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return {}


def keep(speeds: dict[str, float]) -> None:
    """Write this machine's file, whole or not at all."""
    with (
        contextlib.suppress(OSError),  # a folder that cannot be written costs a new measurement
        atomic_file(speeds_file()) as file,
    ):
        json.dump({"machine": identity(), "speeds": speeds}, file, indent=1)


def identity() -> dict[str, str | int | None]:
    """What the speed of this machine depends on, and nothing that names its owner."""
    try:
        torch_version = version("torch")
    except PackageNotFoundError:
        torch_version = None
    affinity = getattr(os, "sched_getaffinity", None)  # Linux: the cores this process may use
    return {
        "cpu": cpu_model(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "torch": torch_version,
        "threads": len(affinity(0)) if affinity else os.cpu_count(),
        "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS"),
    }


@cache
def cpu_model() -> str:
    """The processor's name as its system tells it; the architecture where none does."""
    try:
        if sys.platform == "linux":
            lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
            names = [
                line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")
            ]
            return names[0] if names else platform.machine()
        if sys.platform == "darwin":
            command = ["sysctl", "-n", "machdep.cpu.brand_string"]
            return subprocess.run(
                command, capture_output=True, text=True, check=True
            ).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return platform.machine()
    return platform.processor() or platform.machine()
