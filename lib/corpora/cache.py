"""Where corpora keep what they built or fetched, and files that are either whole or absent."""

import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

REPOSITORY = Path(__file__).resolve().parents[2]


def cache_folder() -> Path:
    """`LECTURES_CACHE` if it is set, else `.cache` in the repository (which git ignores)."""
    return Path(os.environ.get("LECTURES_CACHE") or REPOSITORY / ".cache").expanduser()


@contextmanager
def atomic_file(path: Path, *, keep_existing: bool = False) -> Iterator[TextIO]:
    """A text file to write that appears at `path` only once the block has ended without an error.

    Several processes may write the same path at once: each has a file of its own until the last
    moment, and readers see the old content or the new, never a mixture. `keep_existing` says that
    any two writers write the same content: where the system refuses to replace a file that
    somebody is reading (Windows), the file that is there then stays, and that is no error.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.{os.getpid()}-{secrets.token_hex(4)}.part")
    try:
        # newline="\n": the same bytes on every system
        with open(part, "w", encoding="utf-8", newline="\n") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())  # the content must reach the disk before the name does
        try:
            os.replace(part, path)
        except PermissionError:
            if not (keep_existing and path.exists()):
                raise
    finally:
        part.unlink(missing_ok=True)


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write a small record, atomically."""
    with atomic_file(path) as file:
        json.dump(content, file)


def read_json(path: Path) -> dict[str, Any] | None:
    """A record written by `write_json`; None if there is none."""
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None
