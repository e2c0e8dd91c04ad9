"""What this machine has for the lectures, one line each, and what to do where something is missing.

Nothing here needs what it looks for: torch may be absent or broken, and triton is never imported,
because importing it fixes for the whole process whether kernels are interpreted.
"""

import importlib
import importlib.util
import json
import os
import platform
import re
import shutil
import sys
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distributions, version
from pathlib import Path
from types import ModuleType
from urllib.parse import urlparse
from urllib.request import url2pathname

from lib import has_gpu
from lib.corpora.cache import cache_folder
from lib.notebook.tables import Grid, laid_out
from lib.notebook.tiers import tier
from lib.notebook.units import memory

REPOSITORY = Path(__file__).resolve().parents[2]
ENOUGH_DISK = 5_000_000_000  # bytes: the largest corpus, its tokens and a few checkpoints


@dataclass(frozen=True)
class Finding:
    """One thing looked for; `to_do` is empty where all is well."""

    what: str
    found: str
    to_do: str = ""


class Environment(tuple[Finding, ...]):
    """All findings: a table in a notebook, lines of text elsewhere."""

    def grid(self) -> Grid:
        """The findings laid out, before anything is shown."""
        rows = [
            {"this machine": one.what, "found": one.found, "what to do": one.to_do or "nothing"}
            for one in self
        ]
        return laid_out(rows)

    def __repr__(self) -> str:
        return self.grid().text()

    def _repr_html_(self) -> str:
        return self.grid().html()


def check_environment() -> Environment:
    """Look at everything the lectures use. Takes as long as importing torch, about a second."""
    torch, trouble = import_torch()
    return Environment(
        [
            check_python(),
            check_lib(),
            check_packages(),
            check_torch(torch, trouble),
            check_gpu(torch),
            check_triton(),
            check_tier(),
            check_cache(),
        ]
    )


def check_python() -> Finding:
    """The interpreter that runs this notebook; `lib` installs on no older one than it needs."""
    found = f"{platform.python_implementation()} {platform.python_version()} on {platform.system()}"
    return Finding("Python", found)


def check_lib() -> Finding:
    """Whether `import lib` finds this repository from every folder."""
    for distribution in distributions(name="lecture-lib"):
        origin = json.loads(distribution.read_text("direct_url.json") or "{}").get("url", "")
        if origin and Path(url2pathname(urlparse(origin).path)).resolve() == REPOSITORY:
            return Finding("lib", "installed from this repository")
    return Finding("lib", "not installed from this repository", install("-e ."))


def check_packages() -> Finding:
    """The packages of requirements.txt that every system has, in their versions."""
    missing, others = [], []
    for name, wanted in pinned().items():
        try:
            found = version(name).partition("+")[0]  # torch 2.13.0+cpu is torch 2.13.0
        except PackageNotFoundError:
            missing.append(name)
            continue
        if found != wanted:
            others.append(f"{name} {found} instead of {wanted}")
    to_do = install("-r requirements.txt")
    if missing:
        return Finding("packages", f"missing: {', '.join(missing)}", to_do)
    if others:
        return Finding("packages", "; ".join(others), f"Numbers may differ a little. {to_do}")
    return Finding("packages", f"all {len(pinned())} in the versions of requirements.txt")


def check_torch(torch: ModuleType | None, trouble: str) -> Finding:
    """Whether torch can be imported, not only whether it is there."""
    if torch is not None:
        return Finding("torch", str(torch.__version__))
    pin = f"torch=={pinned()['torch']}"
    if importlib.util.find_spec("torch") is None:
        return Finding("torch", "not installed", install(pin))
    return Finding("torch", f"broken: {trouble}", install(f"--force-reinstall {pin}"))


def check_gpu(torch: ModuleType | None) -> Finding:
    """The GPU that torch can use, or why none is."""
    if torch is not None and torch.cuda.is_available():
        names = [torch.cuda.get_device_properties(i) for i in range(torch.cuda.device_count())]
        return Finding("GPU", "; ".join(f"{gpu.name}, {memory(gpu.total_memory)}" for gpu in names))
    if not has_gpu():
        return Finding("GPU", "none: every lecture runs on the CPU, some of them smaller")
    return Finding(
        "GPU",
        "a driver, but torch cannot use it",
        "Run nvidia-smi to see whether the driver works. If it does, torch is the CPU edition: "
        + install(f"--force-reinstall torch=={pinned()['torch']}"),
    )


def check_triton() -> Finding:
    """Whether kernels run, and on what. Only the name is looked up, nothing is imported."""
    if importlib.util.find_spec("triton") is None:
        if sys.platform == "linux":
            return Finding("triton", "not installed", install("-r requirements.txt"))
        return Finding(
            "triton",
            f"none exists for {platform.system()}: lectures on kernels show their stored results",
        )
    interpreted = os.environ.get("TRITON_INTERPRET") == "1"
    place = "interpreter on the CPU: slow, same results" if interpreted else "compiles for the GPU"
    try:
        return Finding("triton", f"{version('triton')}, {place}")
    except PackageNotFoundError:  # files without a record of their installation
        return Finding("triton", "damaged", install("--force-reinstall -r requirements.txt"))


def check_tier() -> Finding:
    """The sizes the lectures will choose."""
    try:
        chosen = ", set by LECTURES_TIER" if os.environ.get("LECTURES_TIER") else ""
        return Finding("tier", tier() + chosen)
    except ValueError as error:
        return Finding("tier", "unknown", str(error))


def check_cache() -> Finding:
    """Where corpora and measurements are kept, and whether there is room."""
    folder = cache_folder().resolve()
    inside = folder.is_relative_to(REPOSITORY)
    name = f"{folder.relative_to(REPOSITORY)} in the repository" if inside else str(folder)
    to_do = "Set LECTURES_CACHE to a folder with room before starting Jupyter"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(folder).free
    except OSError as error:
        return Finding("cache folder", f"{name} cannot be used: {error.strerror}", to_do)
    if not os.access(folder, os.W_OK):
        return Finding("cache folder", f"{name} cannot be written", to_do)
    if free < ENOUGH_DISK:
        return Finding("cache folder", f"{name}, only {memory(free)} free", to_do)
    return Finding("cache folder", f"{name}, more than {memory(ENOUGH_DISK)} free")


def import_torch() -> tuple[ModuleType | None, str]:
    """torch, or None and the first line of what went wrong."""
    try:
        return importlib.import_module("torch"), ""
    except Exception as error:  # a damaged package may raise anything
        return None, f"{type(error).__name__}: {error}".splitlines()[0]


def pinned() -> dict[str, str]:
    """{package: version} of requirements.txt, without those for some systems only."""
    text = (REPOSITORY / "requirements.txt").read_text(encoding="utf-8")
    return dict(re.findall(r"^([\w.-]+)==([^\s;#]+)(?![^#\n]*;)", text, re.MULTILINE))


def install(what: str) -> str:
    """The exact command: this notebook's own Python, in the folder of the repository."""
    python = f'"{sys.executable}"' if " " in sys.executable else sys.executable
    return f"In a terminal in {REPOSITORY}: {python} -m pip install {what}"
