"""The `code` corpus: Python source files that every reader already has.

One document per file of the standard library and of the installed packages, tests left out, read
from disk as it is asked for. Ids are relative paths: `argparse.py`, `torch/nn/functional.py`.
"""

import hashlib
import tokenize
from collections.abc import Iterator

from lib.corpora.documents import Corpus, Document
from lib.corpora.installed import Package, packages


def code(split: str | None = None, max_bytes: int | None = None) -> Corpus:
    """The code corpus or one side of it; at most `max_bytes`, taken from everywhere in it."""
    corpus: Corpus = Code(packages())
    corpus = corpus if split is None else corpus.split(split)
    return corpus if max_bytes is None else corpus.sample(max_bytes)


class Code(Corpus):
    """Source files of `packages`, sorted by id, without empty ones, each exact text once."""

    name = "code"
    licence = "each package's own, named in every document's source"  # read here, not distributed

    def __init__(self, packages: list[Package]):
        self.packages = packages
        self.skipped: list[str] = []  # ids of files the last iteration could not decode or read

    def __iter__(self) -> Iterator[Document]:
        self.skipped = []
        seen: set[bytes] = set()  # digests, 32 bytes a file, so that memory stays small
        files = [
            (*file, package.source) for package in self.packages for file in package.python_files()
        ]
        for name, path, source in sorted(files, key=lambda file: str(file[0])):
            try:
                with tokenize.open(
                    path
                ) as file:  # honours the file's own declaration of its encoding
                    text = file.read()
                digest = hashlib.sha256(text.encode()).digest()
            except (OSError, SyntaxError, UnicodeError):
                self.skipped.append(str(name))
                continue
            if text.strip() and digest not in seen:
                seen.add(digest)
                yield Document(str(name), text, source)
