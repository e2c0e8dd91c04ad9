"""One attempt to bring a file over HTTP: ask for what is missing, append it, notice what is wrong.

Uses requests, which every Jupyter installation has, and not urllib: it brings root certificates,
which Python on macOS may lack.
"""

import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tqdm import tqdm

from lib.corpora.cache import read_json, write_json
from lib.corpora.registry import RemoteFile

CHUNK = 1 << 16  # bytes asked of the socket at a time
SPARE = 64 << 20  # bytes that must stay free on the disk
TRY_AGAIN = {408, 425, 429, 500, 502, 503, 504}  # statuses that may pass
SHA256 = re.compile(r'"?([0-9a-f]{64})"?')
CONTENT_RANGE = re.compile(r"bytes (?:(\d+)-\d+|\*)/(\d+|\*)")


class MirrorError(Exception):
    """This address will not do; the next one may."""


class Interrupted(Exception):
    """The transfer broke off or stalled; what has arrived stays."""


class NoSpaceError(OSError):
    """The disk is too full for the file."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait for what."""

    timeout: float = 30.0  # seconds without a single byte: a stall
    attempts: int = 5  # in a row without a single new byte
    pause: float = 1.0  # seconds before the second attempt; doubles each time


def transfer(
    known: RemoteFile, url: str, part: Path, patience: Patience, progress: bool
) -> RemoteFile:
    """Complete `part` from `url`. Returns the file with the size and hash it is known to have now.

    Raises Interrupted when another attempt makes sense, else MirrorError or NoSpaceError.
    """
    have = size_of(part)
    with _ask(url, _range(part, url, known), patience.timeout) as response:
        expected = _stated(known, response, have)
        if response.status_code == 416:  # nothing follows what we have
            if expected.size != have:
                forget(part)
                raise Interrupted("has a shorter file than the part that was here")
            return expected
        start = have if response.status_code == 206 else 0
        _check_space(part, expected, have)
        bar = tqdm(desc=known.name, total=expected.size, initial=start, unit="B", unit_scale=True,
                   leave=False, disable=not progress)  # fmt: skip
        with bar:
            end = _append(response, part, start, url, bar)
    if expected.size is not None and end < expected.size:
        raise Interrupted(f"broke off after {end:,} of {expected.size:,} bytes")
    os.truncate(part, end)  # behind it may be the end of an older, longer version
    if expected.size is not None and end > expected.size:
        forget(part)
        raise MirrorError(f"sent {end:,} bytes instead of {expected.size:,}")
    return expected


def size_of(path: Path) -> int:
    """Bytes on disk, 0 if there is no such file."""
    return path.stat().st_size if path.exists() else 0


def forget(part: Path) -> None:
    """Remove a part and what is noted about it."""
    part.unlink(missing_ok=True)
    _note(part).unlink(missing_ok=True)


def _note(part: Path) -> Path:
    return part.with_name(f"{part.name}.json")


def _range(part: Path, url: str, known: RemoteFile) -> dict[str, str]:
    """Headers that ask for the rest only, where the rest is sure to fit what is there.

    It fits if the server confirms the same version (If-Range), or if a hash will tell in the end.
    """
    have, note = size_of(part), read_json(_note(part))
    if not have:
        return {}
    rest = {"Range": f"bytes={have}-"}
    if note and note["url"] == url:
        return {**rest, "If-Range": note["etag"]}
    return rest if known.sha256 else {}


def _ask(url: str, headers: dict[str, str], timeout: float) -> Any:
    """A requests.Response whose status is 200, 206 or 416."""
    import requests  # here, since it takes a tenth of a second that only downloads should cost

    # identity: Content-Length and ranges shall count the file's own bytes
    headers = {"Accept-Encoding": "identity", **headers}
    try:
        response = requests.get(url, headers=headers, stream=True, timeout=timeout)
    except requests.Timeout as error:
        raise Interrupted(f"gave no answer within {timeout:g} seconds") from error
    except requests.RequestException as error:
        raise Interrupted("cannot be reached") from error
    if response.status_code in (200, 206, 416):
        return response
    response.close()
    problem = f"answered {response.status_code} {response.reason}"
    raise Interrupted(problem) if response.status_code in TRY_AGAIN else MirrorError(problem)


def _stated(known: RemoteFile, response: Any, have: int) -> RemoteFile:
    """`known`, completed by what the server says; MirrorError where they contradict each other."""
    sizes, hashes = [], []
    for answer in (*response.history, response):  # Hugging Face puts these into the redirect
        if size := answer.headers.get("X-Linked-Size"):
            sizes.append(int(size))
        if match := SHA256.fullmatch(answer.headers.get("X-Linked-ETag", "")):
            hashes.append(match[1])
    if response.status_code == 200 and "Content-Length" in response.headers:
        sizes.append(int(response.headers["Content-Length"]))
    if response.status_code != 200:
        match = CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
        if not match or (response.status_code == 206 and match[1] != str(have)):
            raise MirrorError(f"was asked for bytes from {have:,} on and answered something else")
        sizes += [int(match[2])] if match[2] != "*" else []
    for what, pinned, stated in (("bytes", known.size, sizes), ("SHA-256", known.sha256, hashes)):
        if wrong := [value for value in stated if value != (pinned or stated[0])]:
            raise MirrorError(f"offers {wrong[0]} {what}, expected {pinned or stated[0]}")
    if not (known.size or known.sha256 or sizes or hashes):
        raise MirrorError(
            "states neither size nor hash, so a part could not be told from the whole"
        )
    return replace(
        known,
        size=known.size or next(iter(sizes), None),
        sha256=known.sha256 or next(iter(hashes), None),
    )


def _check_space(part: Path, expected: RemoteFile, have: int) -> None:
    if expected.size is None:
        return
    free, needed = shutil.disk_usage(part.parent).free, expected.size - have + SPARE
    if free < needed:
        raise NoSpaceError(
            f"{expected.about} needs {needed / 1e9:.1f} GB in {part.parent}, which has "
            f"{free / 1e9:.1f} GB left: make room, or set LECTURES_CACHE to another disk."
        )


def _append(response: Any, part: Path, start: int, url: str, bar: tqdm) -> int:
    """Write the answer into the part from `start` on; returns the position behind it.

    A server that ignores ranges sends all from the beginning. What is there already is compared
    then, and not rewritten, so that a part never gets shorter while it is right.
    """
    have, etag = size_of(part), response.headers.get("ETag", "W/")
    version = {"url": url, "etag": etag}
    noted = etag.startswith("W/") or (start > 0 and read_json(_note(part)) == version)
    with open(part, "r+b" if part.exists() else "w+b") as out:
        out.seek(start)
        for block in _blocks(response):
            position = out.tell()
            old = out.read(len(block))
            if old != block:
                out.seek(position)
                out.write(block)
                if not block.startswith(old):
                    out.truncate()  # the rest belongs to another version
                    have = 0
            if not noted and out.tell() >= have:  # until then the part's end may be another version
                write_json(_note(part), version)
                noted = True
            bar.update(len(block))
        return out.tell()


def _blocks(response: Any) -> Iterator[bytes]:
    """The body as it arrives, each piece handed on at once so that a broken transfer loses none."""
    import urllib3

    try:
        while block := response.raw.read1(CHUNK):
            yield block
    except (urllib3.exceptions.HTTPError, OSError) as error:
        stalled = isinstance(error, urllib3.exceptions.TimeoutError)
        raise Interrupted("stalled" if stalled else "broke off") from error
