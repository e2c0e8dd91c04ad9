"""What is installed on this machine and may be read: packages, versions, licences, source files.

Nothing is imported: the files are found through the metadata that installers leave behind.
"""

import os
import platform
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path, PurePosixPath

# A fixed list of what requirements.txt brings along, so that no corpus changes when something else
# is installed. Those missing on a system (triton outside Linux) are left out.
PACKAGES = (
    "einops", "fsspec", "httpx", "ipykernel", "ipython", "ipywidgets", "jinja2", "jupyter-client",
    "jupyter-server", "matplotlib", "mpmath", "nbclient", "nbconvert", "nbformat", "networkx",
    "numpy", "pillow", "prompt-toolkit", "psutil", "pygments", "pytest", "requests", "sympy",
    "torch", "tornado", "tqdm", "traitlets", "triton", "urllib3",
)  # fmt: skip
# Tests and what they are built from are nobody's documentation, and repeat themselves a lot.
TEST_FOLDERS = {"test", "tests", "testing", "idle_test"}
NOT_STANDARD = {"site-packages", "dist-packages", "__pycache__"}


@dataclass(frozen=True, slots=True)
class Package:
    """An installed distribution."""

    name: str
    version: str
    licence: str

    @property
    def source(self) -> str:
        """What a document from here says about its origin."""
        return f"{self.name} {self.version} ({self.licence})"

    def python_files(self) -> Iterator[tuple[PurePosixPath, Path]]:
        """Pairs (path as in an import, path on disk), sorted, without tests."""
        if self.name == "python":
            found = _standard_library_files()
        else:
            distribution = metadata.distribution(self.name)
            found = [
                (PurePosixPath(file.as_posix()), Path(str(distribution.locate_file(file))))
                for file in distribution.files or ()
                if file.suffix == ".py" and ".." not in file.parts
            ]
        kept = [pair for pair in found if not TEST_FOLDERS & set(pair[0].parts)]
        return iter(sorted(kept, key=lambda pair: str(pair[0])))


def packages() -> list[Package]:
    """Python itself and those of `PACKAGES` that are installed here."""
    found = [Package("python", platform.python_version(), "PSF-2.0")]
    for name in PACKAGES:
        try:
            about = metadata.metadata(name)
        except metadata.PackageNotFoundError:
            continue
        stated = about.get("License-Expression") or about.get("License") or ""
        licence = _licence(stated, about.get_all("Classifier") or [])
        found.append(Package(name, about["Version"], licence))
    return found


def _licence(stated: str, classifiers: list[str]) -> str:
    """The licence as the package states it, if that is a name and no text, else its classifiers."""
    is_a_name = stated not in ("", "UNKNOWN") and len(stated) < 120 and "\n" not in stated
    if is_a_name and not stated.lower().startswith("license agreement"):
        return stated
    names = [line.rpartition(" :: ")[2] for line in classifiers if line.startswith("License ::")]
    return " AND ".join(names) or "licence in the package's own files"


def _standard_library_files() -> list[tuple[PurePosixPath, Path]]:
    root = Path(sysconfig.get_path("stdlib"))
    found = []
    for folder, subfolders, files in os.walk(root):
        subfolders[:] = [name for name in subfolders if name not in NOT_STANDARD | TEST_FOLDERS]
        paths = [Path(folder, name) for name in files if name.endswith(".py")]
        found += [(PurePosixPath(path.relative_to(root).as_posix()), path) for path in paths]
    return found
