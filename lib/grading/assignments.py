"""Where the assignments are, and which one somebody means."""

from difflib import get_close_matches
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[2] / "assignments"


def assignments() -> list[Path]:
    """The folders of all assignments, in order: 1_basics, ..."""
    return sorted(path.parent for path in FOLDER.glob("[0-9]*_*/problems"))


def find_assignment(name: str) -> Path:
    """The folder meant by a number, by 1_basics or by basics; LookupError says which there are."""
    for folder in assignments():
        if name in (folder.name, *folder.name.split("_", maxsplit=1)):
            return folder
    known = [folder.name for folder in assignments()]
    words = [word for one in known for word in (one, one.split("_", maxsplit=1)[1])]
    near = get_close_matches(name, words, n=1)
    hint = f" Did you mean {near[0]}?" if near else ""
    raise LookupError(f"There is no assignment '{name}'.{hint} There are: {', '.join(known)}.")
