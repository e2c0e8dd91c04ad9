"""A package "toy" that is installed, as far as metadata can tell, in a folder of the test's own."""

from pathlib import Path

import pytest

from lib.corpora.installed import Package


def write_files(root: Path, files: dict[str, str | bytes]) -> None:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())


@pytest.fixture
def install(tmp_path, monkeypatch):
    """install({"toy/__init__.py": "..."}) makes these files an installed package."""
    site = tmp_path / "site"
    monkeypatch.syspath_prepend(str(site))

    def install(files: dict[str, str | bytes]) -> list[Package]:
        about = "Metadata-Version: 2.1\nName: toy\nVersion: 1.5\nLicense: MIT\n"
        record = "".join(f"{name},,\n" for name in files)
        info = {"toy-1.5.dist-info/METADATA": about, "toy-1.5.dist-info/RECORD": record}
        write_files(site, files | info)
        return [Package("toy", "1.5", "MIT")]

    return install
