"""A folder that is there whole or not at all."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def new_folder(folder: Path) -> Iterator[Path]:
    """A folder to fill, which gets its name once the block has ended without an error.

    Raises FileExistsError if there is one of that name with anything in it.
    """
    if folder.exists() and any(folder.iterdir()):
        raise FileExistsError(
            f"{folder} has files in it, and a checkpoint must not be mixed with others. Choose a "
            "new folder, or remove that one."
        )
    folder.parent.mkdir(parents=True, exist_ok=True)
    unfinished = folder.with_name(f".unfinished-{folder.name}-{os.getpid()}")
    unfinished.mkdir()
    try:
        yield unfinished
        for file in unfinished.iterdir():  # on the disk before the name says so
            with open(file, "r+b") as opened:
                os.fsync(opened.fileno())
        if folder.exists():
            folder.rmdir()
        os.replace(unfinished, folder)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
