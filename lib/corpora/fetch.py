"""Download a large file so that what arrives is whole and right, or clearly absent.

    NAME              whole and checked: appears at the very end, by renaming
    NAME.part         what has arrived so far; the next attempt, today or next week, goes on there
    NAME.part.json    which version of the file the part belongs to
    NAME.lock.json    size and SHA-256 of what was fetched and accepted

What the file must be is known from the registry where it is pinned there, else from an earlier
download's lock file, else from what the server states: Hugging Face sends SHA-256 and size of a
large file with its redirect. If none of the three has a hash, only the size can be checked (against
Content-Length), and the first download is taken on trust; its hash goes into the lock file, and
later downloads must match it. A server that states neither size nor hash is refused: nothing would
tell a whole file from a part.
"""

import hashlib
import os
import time
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

from filelock import FileLock

from lib.corpora.cache import cache_folder, read_json, write_json
from lib.corpora.registry import RemoteFile
from lib.corpora.transfer import (
    Interrupted,
    MirrorError,
    NoSpaceError,
    Patience,
    forget,
    size_of,
    transfer,
)


class DownloadError(RuntimeError):
    """A file could not be had: why, and what to do."""


class OfflineError(DownloadError):
    """`LECTURES_OFFLINE=1` forbids a download."""


def fetch(
    file: RemoteFile,
    folder: Path | None = None,
    patience: Patience | None = None,
    progress: bool = True,
) -> Path:
    """Path of the file on this machine, downloaded if it is not there yet.

    A file that somebody put there by hand is accepted if it is what it must be. Raises
    DownloadError with one sentence on what happened and what to do.
    """
    target = (folder or cache_folder() / "downloads") / file.name
    if is_whole(file, target):
        return target
    if os.environ.get("LECTURES_OFFLINE", "") not in ("", "0"):
        raise OfflineError(
            f"LECTURES_OFFLINE forbids fetching {file.about}: "
            f"unset it, or put the file at {target}."
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{target}.busy"):  # a second process waits here, and then finds the file
        if not is_whole(file, target):
            _from_any_mirror(file, target, patience or Patience(), progress)
    return target


def is_whole(file: RemoteFile, path: Path, *, thorough: bool = False) -> bool:
    """Whether `path` is the file: by size, and by hash if `thorough` or never seen before."""
    if not path.exists():
        return False
    known, lock, size = _known(file, path), read_json(_lock(path)), path.stat().st_size
    if known.size not in (None, size):
        return False
    if lock and not thorough:
        return known.sha256 == lock["sha256"]
    sha256 = hash_of(path)
    if known.sha256 not in (None, sha256):
        return False
    if not lock:
        write_json(_lock(path), {"size": size, "sha256": sha256, "url": "found on this machine"})
    return True


def hash_of(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _from_any_mirror(file: RemoteFile, target: Path, patience: Patience, progress: bool) -> None:
    reasons = []
    for url in file.urls:
        try:
            _from_mirror(file, url, target, patience, progress)
            return
        except MirrorError as error:
            reasons.append(f"{urlsplit(url).netloc} {error}")
        except NoSpaceError as error:
            raise DownloadError(str(error)) from error
    raise DownloadError(
        f"Could not fetch {file.about}: {'; '.join(reasons)}. Check the network and try again "
        f"(what has arrived is kept), or put the file at {target}."
    )


def _from_mirror(
    file: RemoteFile, url: str, target: Path, patience: Patience, progress: bool
) -> None:
    part = target.with_name(f"{target.name}.part")
    inherited = size_of(part) > 0
    expected, sha256 = _complete(_known(file, target), url, part, patience, progress)
    if inherited and expected.sha256 not in (None, sha256):  # what was here may have been wrong
        forget(part)
        expected, sha256 = _complete(_known(file, target), url, part, patience, progress)
    if expected.sha256 not in (None, sha256):
        forget(part)
        raise MirrorError(
            f"sent something else (SHA-256 {sha256[:8]}…, expected {str(expected.sha256)[:8]}…; "
            f"if the publisher has changed the file, delete {_lock(target)})"
        )
    write_json(_lock(target), {"size": size_of(part), "sha256": sha256, "url": url})
    os.replace(part, target)
    forget(part)


def _complete(
    known: RemoteFile, url: str, part: Path, patience: Patience, progress: bool
) -> tuple[RemoteFile, str]:
    """Attempts at one address until the part is complete. What it should be, and its hash."""
    failures = 0
    while True:
        before = size_of(part)
        try:
            return transfer(known, url, part, patience, progress), hash_of(part)
        except Interrupted as error:
            failures = 0 if size_of(part) > before else failures + 1  # only vain attempts count
            if failures >= patience.attempts:
                raise MirrorError(str(error)) from error
            time.sleep(patience.pause * 2**failures)


def _known(file: RemoteFile, target: Path) -> RemoteFile:
    """The file with what the lock knows where the registry pins nothing."""
    if file.sha256 is None and (lock := read_json(_lock(target))):
        return replace(file, size=lock["size"], sha256=lock["sha256"])
    return file


def _lock(target: Path) -> Path:
    return target.with_name(f"{target.name}.lock.json")
