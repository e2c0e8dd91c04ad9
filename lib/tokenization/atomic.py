"""Files that are either old or new, never half written."""

import os
from pathlib import Path


def write_atomically(path: str | os.PathLike, text: str) -> None:
    """Write UTF-8 with plain newlines on every system; a reader sees all of it or none of it."""
    path = Path(path)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        unfinished.write_text(text, encoding="utf-8", newline="\n")
        os.replace(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)
