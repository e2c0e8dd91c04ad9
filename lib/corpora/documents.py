"""The one interface of every corpus: an iterable of documents, in the same order every time.

A corpus is never held in memory. It can be iterated again and again, and `split`, `take` and
`sample` are corpora too: views that read through it.
"""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Literal, NamedTuple

from lib.corpora.cache import atomic_file

END_OF_TEXT = "<|endoftext|>"  # what GPT-2 and TinyStories put between documents
VALID_SHARE = 0.05  # of the documents, not of the bytes


@dataclass(frozen=True, slots=True)
class Document:
    """A text with a name that never changes, and where it is from (with its licence)."""

    id: str
    text: str
    source: str


class Size(NamedTuple):
    """Number of documents, and of UTF-8 bytes in their texts without any separator."""

    documents: int
    bytes: int


class Corpus(ABC):
    """An iterable of documents that gives the same documents in the same order every time."""

    name: str
    licence: str

    @abstractmethod
    def __iter__(self) -> Iterator[Document]: ...

    def texts(self) -> Iterator[str]:
        """The texts alone, one after the other."""
        return (document.text for document in self)

    def size(self) -> Size:
        """Exact, by one pass over the corpus where nothing better is known."""
        n_documents = n_bytes = 0
        for text in self.texts():
            n_documents += 1
            n_bytes += n_utf8_bytes(text)
        return Size(n_documents, n_bytes)

    def split(self, part: str) -> "Corpus":
        """The documents of one side of the split, which only a document's id decides.

        So a document never changes sides, whatever is added to the corpus or left out of it.
        """
        if part not in ("train", "valid"):
            raise ValueError(f"A corpus has the parts 'train' and 'valid', and not {part!r}.")
        return View(self, f"{self.name}/{part}", lambda document: side(document.id) == part)

    def take(self, max_bytes: int) -> "Corpus":
        """The first documents, whole ones, that together have at most `max_bytes` bytes."""
        return Beginning(self, max_bytes)

    def sample(self, max_bytes: int) -> "Corpus":
        """Documents from everywhere in the corpus, in its order, with at most `max_bytes` bytes.

        The ids decide which, so it is the same sample every time, and a smaller sample is part of
        a larger one. Costs one pass over the corpus now.
        """
        n_bytes, largest = 0, -1.0
        for position, length in sorted(
            (hash_position(d.id, "sample"), n_utf8_bytes(d.text)) for d in self
        ):
            n_bytes += length
            if n_bytes > max_bytes:
                break
            largest = position
        return View(
            self,
            f"{self.name}/sample",
            lambda document: hash_position(document.id, "sample") <= largest,
        )

    def write_text(self, path: str | PathLike[str], separator: str = END_OF_TEXT) -> Size:
        """Write every text, each followed by `separator`, into one UTF-8 file, atomically.

        A text that contains the separator would read as two documents. There, a space goes in
        after the separator's first character.
        """
        if not separator:
            raise ValueError("The separator is empty: nothing would keep documents apart.")
        n_documents = n_bytes = 0
        with atomic_file(Path(path)) as file:
            for text in self.texts():
                n_documents += 1
                n_bytes += n_utf8_bytes(text)
                file.write(text.replace(separator, f"{separator[0]} {separator[1:]}"))
                file.write(separator)
        return Size(n_documents, n_bytes)


class View(Corpus):
    """The documents of another corpus that pass a test."""

    def __init__(self, corpus: Corpus, name: str, keep: Callable[[Document], bool]):
        self.corpus, self.keep = corpus, keep
        self.name, self.licence = name, corpus.licence

    def __iter__(self) -> Iterator[Document]:
        return filter(self.keep, self.corpus)


class Beginning(Corpus):
    """The first documents of another corpus, up to a number of bytes."""

    def __init__(self, corpus: Corpus, max_bytes: int):
        self.corpus, self.max_bytes = corpus, max_bytes
        self.name, self.licence = f"{corpus.name}/beginning", corpus.licence

    def __iter__(self) -> Iterator[Document]:
        n_bytes = 0
        for document in self.corpus:
            n_bytes += n_utf8_bytes(document.text)
            if n_bytes > self.max_bytes:
                return
            yield document


def side(document_id: str) -> Literal["train", "valid"]:
    """Which side of the split a document belongs to: by its id, so stable in every process."""
    return "valid" if hash_position(document_id, "split") < VALID_SHARE else "train"


def hash_position(document_id: str, purpose: str) -> float:
    """A number in [0, 1) from SHA-256: as good as random, and independent for each purpose.

    Python's own hash() of a string differs from process to process.
    """
    digest = hashlib.sha256(f"{purpose}\0{document_id}".encode()).digest()
    return int.from_bytes(digest[:6], "big") / 2**48  # 48 bits fit a float exactly


def n_utf8_bytes(text: str) -> int:
    """Length in UTF-8."""
    return len(text) if text.isascii() else len(text.encode())
