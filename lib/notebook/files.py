"""Finding notebooks, and writing files whole."""

import os
from collections.abc import Iterable
from pathlib import Path

REPO = Path(__file__).parents[2]
LECTURES = REPO / "lectures"


def notebooks(folders: Iterable[str | Path]) -> list[Path]:
    """Every notebook below these folders, in reading order, without Jupyter's own copies."""
    found = [path for folder in folders for path in sorted(Path(folder).rglob("*.ipynb"))]
    return [path for path in found if ".ipynb_checkpoints" not in path.parts]


def find_lectures(names: Iterable[str] = ()) -> list[Path]:
    """All lectures in order, or those meant by a number ("1"), a name, or a path."""
    lectures = sorted(LECTURES.glob("[0-9][0-9]_*.ipynb"))
    wanted = [_meant_by(name, lectures) for name in names]
    return wanted or lectures


def write_whole(path: Path, text: str) -> None:
    """Write a file so that whoever reads it meets the old text or the new one, never a part."""
    part = path.with_name(path.name + ".part")
    part.write_text(text, encoding="utf-8", newline="\n")
    os.replace(part, path)


def _meant_by(name: str, lectures: list[Path]) -> Path:
    if name.endswith(".ipynb") and Path(name).is_file():
        return Path(name).resolve()
    prefix = f"{int(name):02}_" if name.isdigit() else ""
    found = [p for p in lectures if (p.name.startswith(prefix) if prefix else name in p.stem)]
    if len(found) != 1:
        known = ", ".join(path.stem for path in lectures) or "none yet"
        raise LookupError(f"'{name}' means {len(found)} lectures. There are: {known}.")
    return found[0]
