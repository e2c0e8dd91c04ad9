"""Corpora that are downloaded, once and only when they are read: TinyStories, OpenWebText.

No lecture needs them and no test touches them. `fetch.py` has the care that goes into the transfer.
"""

import codecs
import gzip
import io
from collections.abc import Iterator
from pathlib import Path

from lib.corpora.documents import END_OF_TEXT, Corpus, Document
from lib.corpora.fetch import fetch
from lib.corpora.registry import OPENWEBTEXT_SAMPLE, TINYSTORIES, RemoteFile

CHUNK = 1 << 20  # bytes read at a time


def tinystories(split: str = "train") -> Corpus:
    """Short stories in the words of a small child (Eldan and Li 2023, arXiv 2305.07759)."""
    return Downloaded("tinystories", _part(TINYSTORIES, split))


def openwebtext_sample(split: str = "train") -> Corpus:
    """Web pages that were linked from Reddit, compressed; the page says how much they are."""
    return Downloaded("openwebtext", _part(OPENWEBTEXT_SAMPLE, split))


class Downloaded(Corpus):
    """Documents of a text file with separators between them. Fetched when first iterated."""

    def __init__(self, name: str, file: RemoteFile, folder: Path | None = None):
        self.name, self.file, self.folder = name, file, folder
        self.licence = file.licence

    def __iter__(self) -> Iterator[Document]:
        path = fetch(self.file, self.folder)
        source = f"{self.file.about} ({self.licence})"
        stem = self.file.name.removesuffix(".gz").removesuffix(".txt")
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            for number, text in enumerate(pieces(file)):
                yield Document(f"{stem}-{number:08d}", text, source)


def pieces(
    file: io.BufferedIOBase, separator: str = END_OF_TEXT, chunk: int = CHUNK
) -> Iterator[str]:
    """The texts between separators, without whitespace around them and without empty ones.

    Holds one chunk and one document at a time. Bytes that are no UTF-8 become U+FFFD.
    """
    decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
    rest = ""
    while block := file.read(chunk):
        *whole, rest = (rest + decoder.decode(block)).split(separator)
        yield from (text for text in map(str.strip, whole) if text)
    if text := (rest + decoder.decode(b"", final=True)).strip():
        yield text


def _part(files: dict[str, RemoteFile], split: str) -> RemoteFile:
    if split not in files:
        raise ValueError(
            f"The parts are {sorted(files)}, as their publisher split them; not {split!r}."
        )
    return files[split]
