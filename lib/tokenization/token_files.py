"""A text file as a file of token ids: what training reads, memory-mapped, without loading it.

`out` holds the ids and nothing else, two bytes each if the vocabulary allows, else four.
`out.json`, the manifest, says from which text and tokenizer they are and how many. The ids depend
neither on the number of processes that made them nor on interruptions.
"""

import hashlib
import json
import os
from collections.abc import Collection
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np
from tqdm import tqdm

from lib.tokenization.atomic import write_atomically
from lib.tokenization.bpe import BPE
from lib.tokenization.chunks import CHUNK_BYTES, Chunk, file_chunks
from lib.tokenization.fast_encode import FastEncoder
from lib.tokenization.resumable import ResumableFile, beside, check_same_origin
from lib.tokenization.workers import ordered_map

PathLike = str | os.PathLike[str]


@dataclass(frozen=True)
class Origin:
    """What decides the ids: files of equal origin are equal."""

    tokenizer_sha256: str
    source_bytes: int
    source_sha256: str
    document_separator: str | None
    separator_id: int | None
    dtype: str


@dataclass(frozen=True)
class Manifest(Origin):
    """The origin, and what came of it."""

    n_tokens: int
    n_documents: int


# Reading


def open_tokens(out: PathLike) -> np.ndarray:
    """The ids as a read-only `np.memmap`: a slice reads only what it needs from the disk."""
    manifest = read_manifest(out)
    tokens = _map(Path(out), manifest.dtype)
    if len(tokens) != manifest.n_tokens:
        raise ValueError(
            f"{out} should hold {manifest.n_tokens} ids and holds {len(tokens)}: it was changed. "
            "Make it again: encode_file(..., resume=False)."
        )
    return tokens


def read_manifest(out: PathLike) -> Manifest:
    """What `encode_file` noted about the ids in `out`."""
    path = beside(out, ".json")
    if not (path.exists() and os.path.exists(out)):
        raise FileNotFoundError(
            f"{out} and {path} are not both there; encode_file makes them once all ids are known. "
            "Call it (again): it goes on with what an interrupted call has done."
        )
    return Manifest(**json.loads(path.read_text(encoding="utf-8")))


def document_starts(out: PathLike) -> np.ndarray:
    """The place of each document's first id. A separator belongs to the document that it ends."""
    return _document_starts(open_tokens(out), read_manifest(out).separator_id)


def _document_starts(tokens: np.ndarray, separator_id: int | None) -> np.ndarray:
    step = 1 << 24  # ids at a time, because the comparison takes memory
    starts = [np.zeros(1, np.int64)]
    if separator_id is not None:
        for begin in range(0, len(tokens), step):
            starts.append(np.flatnonzero(tokens[begin : begin + step] == separator_id) + begin + 1)
    possible = np.concatenate(starts)
    return possible[possible < len(tokens)]  # after the last separator there may be nothing


def _map(path: Path, dtype: str) -> np.ndarray:
    if path.stat().st_size == 0:  # an empty file cannot be mapped
        return np.frombuffer(b"", dtype)
    return np.memmap(path, dtype, mode="r")


# Writing


def encode_file(
    bpe: BPE,
    path: PathLike,
    out: PathLike,
    *,
    n_processes: int | None = None,
    document_separator: str | None = None,
    resume: bool = True,
    progress: bool = True,
    chunk_bytes: int = CHUNK_BYTES,
) -> np.ndarray:
    """Encode a UTF-8 file into a file of ids, and return it as `open_tokens` does.

    `document_separator` is the one special token that the text may contain; all others are ordinary
    text in it. What an earlier call has done is kept, unless `resume` is false; it is an error if
    that call had another vocabulary or text. Memory is bounded: a few chunks for each process.
    """
    out, before = Path(out), os.stat(path)
    origin = describe(bpe, path, document_separator)
    if not resume:
        for suffix in ("", ".json", ".partial", ".progress"):
            beside(out, suffix).unlink(missing_ok=True)
    if not _is_complete(out, origin):
        special = {document_separator} - {None}
        encode = partial(_encode_chunk, FastEncoder(bpe), special)
        with (
            ResumableFile(out, asdict(origin)) as file,
            tqdm(
                total=before.st_size, unit="B", unit_scale=True, leave=False, disable=not progress
            ) as bar,
        ):
            bar.update(file.source_end)
            chunks = file_chunks(path, bpe.pattern, special, chunk_bytes, file.source_end)
            for source_end, ids in ordered_map(encode, chunks, n_processes):
                bar.update(source_end - file.source_end)
                file.append(ids, source_end)
        _check_unchanged(path, before)
        file.finish()
        _write_manifest(out, origin)
        file.forget()
    return open_tokens(out)


def describe(bpe: BPE, path: PathLike, document_separator: str | None) -> Origin:
    """The origin of the ids of a file. Reads the whole file once, for its hash."""
    if document_separator is not None and document_separator not in bpe.special:
        raise ValueError(
            f"The document separator must be a special token, and {document_separator!r} is none. "
            f"This vocabulary has {sorted(bpe.special)}."
        )
    with open(path, "rb") as file:
        source = hashlib.file_digest(file, "sha256")
    return Origin(
        tokenizer_sha256=tokenizer_sha256(bpe),
        source_bytes=os.path.getsize(path),
        source_sha256=source.hexdigest(),
        document_separator=document_separator,
        separator_id=None if document_separator is None else bpe.special[document_separator],
        dtype=FastEncoder.dtype_of(bpe).str,
    )


def tokenizer_sha256(bpe: BPE) -> str:
    """Equal for vocabularies that encode everything to the same ids."""
    tokens = sorted((id, token.hex()) for id, token in bpe.tokens.items())
    merges = [(left.hex(), right.hex()) for left, right in bpe.merges]
    whole = [tokens, merges, sorted(bpe.special.items()), bpe.pattern, bpe.ignore_merges]
    whole += [bpe.normal_form] if bpe.normal_form else []
    return hashlib.sha256(json.dumps(whole).encode()).hexdigest()


def _encode_chunk(
    encoder: FastEncoder, special: Collection[str], chunk: Chunk
) -> tuple[int, bytes]:
    """Where the chunk ends in the source, and its ids: what each process does."""
    return chunk.end, encoder.encode_packed(chunk.read(), special)


def _is_complete(out: Path, origin: Origin) -> bool:
    """Whether nothing is left to do; raises where `out` holds something else."""
    if out.exists() and beside(out, ".json").exists():
        check_same_origin(out, asdict(read_manifest(out)), asdict(origin))
        return True
    if out.exists() and not beside(out, ".progress").exists():
        raise FileExistsError(
            f"{out} is not a file of ids, or its {beside(out, '.json')} got lost. "
            "Choose another file, or pass resume=False to replace this one."
        )
    return False


def _check_unchanged(path: PathLike, before: os.stat_result) -> None:
    now = os.stat(path)
    if (now.st_size, now.st_mtime_ns) != (before.st_size, before.st_mtime_ns):
        raise ValueError(
            f"{path} changed while it was encoded, so the ids belong to no version of it. "
            "Call encode_file again, with resume=False."
        )


def _write_manifest(out: Path, origin: Origin) -> None:
    tokens = _map(out, origin.dtype)
    n_documents = len(_document_starts(tokens, origin.separator_id))
    manifest = Manifest(**asdict(origin), n_tokens=len(tokens), n_documents=n_documents)
    write_atomically(beside(out, ".json"), json.dumps(asdict(manifest), indent=2) + "\n")
