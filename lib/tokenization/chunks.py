"""A text file in chunks that can be read, decoded and tokenized alone, in any process.

A chunk ends where `streaming.safe_cut` says that nothing reaches across: no word, no special token,
no character. So the chunks give exactly what the whole file gives, however long they are. The
file is bytes read as UTF-8, on every system alike: "\\r\\n" stays two characters, and what is not
valid UTF-8 becomes U+FFFD.
"""

import codecs
import os
from collections.abc import Collection, Iterator
from typing import NamedTuple

from lib.tokenization.streaming import safe_cut
from lib.tokenization.utf8 import from_utf8

CHUNK_BYTES = 1 << 22


class Chunk(NamedTuple):
    """Bytes `start` to `end` of a file."""

    path: str
    start: int
    end: int

    def read(self) -> str:
        """The text of the chunk."""
        with open(self.path, "rb") as file:
            file.seek(self.start)
            return from_utf8(file.read(self.end - self.start))


def file_chunks(
    path: str | os.PathLike[str],
    pattern: str | None,
    special: Collection[str] = (),
    chunk_bytes: int = CHUNK_BYTES,
    start: int = 0,
) -> Iterator[Chunk]:
    """The file from byte `start`, itself the start of a chunk, in chunks of about `chunk_bytes`.

    A chunk is longer where no safe place comes in time: with a pattern of your own, only the ends
    of special tokens are safe.
    """
    path = os.fspath(path)
    size = os.path.getsize(path)
    with open(path, "rb") as file:
        while start < size:
            length = chunk_bytes
            while start + length < size:
                file.seek(start)
                if cut := _safe_bytes(file.read(length), pattern, special):
                    length = cut
                    break
                length *= 2
            end = min(start + length, size)
            yield Chunk(path, start, end)
            start = end


def _safe_bytes(data: bytes, pattern: str | None, special: Collection[str]) -> int:
    """How many bytes of `data` come before its last safe place; 0 if there is none.

    A byte that is not valid becomes one surrogate here, so that characters can be turned back into
    bytes. It is no white space and no part of a special token, like the U+FFFD it will be. A
    character that `data` ends inside is left out.
    """
    text = codecs.getincrementaldecoder("utf-8")("surrogateescape").decode(data)
    return len(text[: safe_cut(text, pattern, special)].encode("utf-8", "surrogateescape"))
