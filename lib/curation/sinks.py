"""The last steps of a pipeline: what comes out, one file for each shard, in their order.

Numbers of shards are parts of the names, so that the names in order are the documents in order.
"""

import hashlib
import json
import os
from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import ClassVar

import numpy as np

from lib.curation.formats import SUFFIXES, Writer, atomic_path, format_of
from lib.curation.records import Record
from lib.curation.steps import Step
from lib.tokenization.atomic import write_atomically
from lib.tokenization.fast_encode import FastEncoder
from lib.tokenization.own_json import load
from lib.tokenization.resumable import beside
from lib.tokenization.token_files import Manifest, tokenizer_sha256


class Sink(Step):
    """Every record goes through every sink."""

    @abstractmethod
    def path(self, shard: int) -> Path:
        """Where a shard goes, in the folder of the run."""

    @abstractmethod
    def makes(self) -> list[str]:
        """The files and folders that it makes in the folder of the run."""

    def open(self, part: Path, path: Path) -> Writer:
        """A writer to `part`, which will be called `path`."""
        return format_of(path).open_writer(part, path.name)

    def finish(self, folder: Path, n_shards: int) -> list[Path]:
        """Make one of all shards, if need be; the files that were made, in the folder."""
        return []


@dataclass(frozen=True)
class Write(Sink):
    """A file of records for each shard, in a folder of this name."""

    name: str = "data"
    suffix: str = ".jsonl.zst"
    kind: ClassVar[str] = "write"

    def __post_init__(self) -> None:
        if self.suffix not in SUFFIXES:
            raise ValueError(f"{self.suffix!r} is no format. Choose from {', '.join(SUFFIXES)}.")

    def path(self, shard: int) -> Path:
        return Path(self.name) / f"{shard:05d}{self.suffix}"

    def makes(self) -> list[str]:
        return [self.name]


@dataclass(frozen=True)
class Tokenize(Sink):
    """One file of token ids, as lib/tokenization/token_files.py reads it, packed without gaps.

    `tokenizer` is a file of own_json.py. Every document is followed by the separator, and a special
    token in a text is ordinary text.
    """

    tokenizer: str
    name: str = "tokens"
    separator: str = "<|endoftext|>"
    kind: ClassVar[str] = "tokenize"

    def __post_init__(self) -> None:
        special = load(self.tokenizer).special
        if self.separator not in special:
            raise ValueError(
                f"The separator {self.separator!r} is none of the special tokens of "
                f"{self.tokenizer}: {sorted(special)}."
            )

    def path(self, shard: int) -> Path:
        return Path("work") / self.name / f"{shard:05d}.bin"

    def makes(self) -> list[str]:
        return [f"{self.name}.bin", f"{self.name}.bin.json"]

    def open(self, part: Path, path: Path) -> Writer:
        return TokenWriter(part, self.tokenizer, self.separator)

    def finish(self, folder: Path, n_shards: int) -> list[Path]:
        """All shards in one file, and its manifest."""
        encoder, out = _encoder(self.tokenizer), folder / f"{self.name}.bin"
        known, n_documents = hashlib.sha256(), 0
        separator = encoder.bpe.special[self.separator]
        with atomic_path(out) as part, open(part, "wb") as file:
            for shard in range(n_shards):
                for packed in _pieces(folder / self.path(shard)):
                    n_documents += int((np.frombuffer(packed, encoder.dtype) == separator).sum())
                    known.update(packed)
                    file.write(packed)
            n_bytes = file.tell()
            file.flush()
            os.fsync(file.fileno())
        manifest = Manifest(  # the source of these ids are those of the shards
            tokenizer_sha256=tokenizer_sha256(encoder.bpe),
            source_bytes=n_bytes,
            source_sha256=known.hexdigest(),
            document_separator=self.separator,
            separator_id=separator,
            dtype=encoder.dtype.str,
            n_tokens=n_bytes // encoder.dtype.itemsize,
            n_documents=n_documents,
        )
        about = beside(out, ".json")
        write_atomically(about, json.dumps(asdict(manifest), indent=2) + "\n")
        return [out.relative_to(folder), about.relative_to(folder)]


class TokenWriter:
    """The ids of documents, one after the other."""

    def __init__(self, path: Path, tokenizer: str, separator: str) -> None:
        self._encoder = _encoder(tokenizer)
        self._end = self._encoder.encode_packed(separator, [separator])
        self._file = open(path, "wb")  # noqa: SIM115  (closed by `close`)

    def write(self, record: Record) -> None:
        self._file.write(self._encoder.encode_packed(record.text) + self._end)

    def close(self) -> None:
        self._file.close()


def _pieces(path: Path) -> Iterator[bytes]:
    with open(path, "rb") as file:
        while piece := file.read(1 << 24):
            yield piece


@cache
def _encoder(tokenizer: str) -> FastEncoder:
    return FastEncoder(load(tokenizer))
