"""A file that grows piece by piece out of another one, and survives being killed in between.

While it grows it is called `out.partial`. Beside it, `out.progress` says what it is made from, and
after each piece a line of JSON says how far both files have come. Whoever opens the pair again cuts
off what came after the last such line, and goes on from there.
"""

import json
import os
from pathlib import Path
from types import TracebackType


class ResumableFile:
    """`with ResumableFile(out, origin) as file:` append what comes from `file.source_end` on.

    `origin` is a dict that JSON can hold. It is an error to go on with what has another origin.
    """

    def __init__(self, out: str | os.PathLike[str], origin: dict):
        self.out, self.origin = Path(out), origin
        self.partial = beside(out, ".partial")
        self.progress = beside(out, ".progress")
        self.source_end = self.size = 0

    def __enter__(self) -> "ResumableFile":
        self.partial.parent.mkdir(parents=True, exist_ok=True)
        lines = self._lines()
        if lines:
            check_same_origin(self.partial, json.loads(lines[0]), self.origin)
        on_disk = self.partial.stat().st_size if self.partial.exists() else 0
        while len(lines) > 1 and json.loads(lines[-1])[1] > on_disk:
            lines.pop()  # noted, but lost in a power failure
        if len(lines) > 1:
            self.source_end, self.size = json.loads(lines[-1])
        self._file = open(self.partial, "ab")
        self._file.truncate(self.size)
        self._log = open(self.progress, "w", encoding="utf-8", newline="\n")
        for line in lines or [json.dumps(self.origin)]:
            self._log.write(line + "\n")
        self._log.flush()
        return self

    def append(self, piece: bytes, source_end: int) -> None:
        """Add a piece, made from the source up to byte `source_end`, and note it."""
        self._file.write(piece)
        self._file.flush()
        os.fsync(self._file.fileno())  # on the disk before the note that says so
        self.source_end, self.size = source_end, self.size + len(piece)
        self._log.write(json.dumps([self.source_end, self.size]) + "\n")
        self._log.flush()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()
        self._log.close()

    def finish(self) -> None:
        """Give the file its name, once everything is in it. `forget` when nothing else is to do."""
        os.replace(self.partial, self.out)

    def forget(self) -> None:
        """Remove the notes."""
        self.progress.unlink()

    def _lines(self) -> list[str]:
        """The complete lines of the progress file; a kill can leave half a line behind."""
        if not self.progress.exists():
            return []
        return self.progress.read_text(encoding="utf-8").split("\n")[:-1]


def check_same_origin(path: Path, found: dict, wanted: dict) -> None:
    """Raise where a file was made from something else than what is wanted now."""
    if differing := [key for key in wanted if found.get(key) != wanted[key]]:
        differences = "; ".join(
            f"{key} was {found.get(key)!r}, is {wanted[key]!r}" for key in differing
        )
        raise ValueError(
            f"{path} is from another run, and two kinds of ids cannot share a file: {differences}. "
            "Choose another file, or pass resume=False to replace this one."
        )


def beside(out: str | os.PathLike[str], suffix: str) -> Path:
    """The file with the suffix added to its name: tokens.bin.json beside tokens.bin."""
    return Path(f"{os.fspath(out)}{suffix}")
