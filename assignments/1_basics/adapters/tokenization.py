"""What the tests of part 1 call. If you arrange your code in another way, change the line here.

Pairs, words and vocabularies look as the texts of the functions in basics/ say.
"""

import pathlib
from collections.abc import Collection, Iterable, Iterator, Mapping
from os import PathLike
from typing import Any

from basics import bpe, token_files, tokenizer_runs, unicode
from basics import pretokenize as cutting
from basics import tokenizer as using
from lib.corpora.documents import Corpus

Path = str | PathLike[str]
Pair = tuple[bytes, bytes]


def count_bytes(text: str, encoding: str) -> tuple[int, int]:
    return unicode.count_bytes(text, encoding)


def pretokenize(text: str) -> Iterator[bytes]:
    return cutting.pretokenize(text)


def split_on_special(text: str, special_tokens: Collection[str]) -> Iterator[str]:
    return cutting.split_on_special(text, special_tokens)


def count_words(text: str, special_tokens: Collection[str]) -> Mapping[bytes, int]:
    return cutting.count_words(text, special_tokens)


def count_pairs(words: Mapping[tuple[bytes, ...], int]) -> Mapping[Pair, int]:
    return bpe.count_pairs(words)


def best_pair(counts: Mapping[Pair, int]) -> Pair:
    return bpe.best_pair(counts)


def merge(word: tuple[bytes, ...], pair: Pair) -> tuple[bytes, ...]:
    return bpe.merge(word, pair)


def train_bpe(
    path: Path, vocab_size: int, special_tokens: list[str]
) -> tuple[dict[int, bytes], list[Pair]]:
    return bpe.train_bpe(path, vocab_size, special_tokens)


def split_word(word: bytes, ranks: Mapping[Pair, int]) -> list[bytes]:
    return using.split_word(word, ranks)


def tokenizer(
    vocab: Mapping[int, bytes], merges: Iterable[Pair], special_tokens: list[str] | None = None
) -> Any:
    """Has the methods save, encode, encode_iterable and decode."""
    return using.Tokenizer(vocab, merges, special_tokens)


def tokenizer_from_files(
    vocab_path: Path, merges_path: Path, special_tokens: list[str] | None = None
) -> Any:
    return using.Tokenizer.from_files(vocab_path, merges_path, special_tokens)


def bytes_per_token(tokenizer: Any, texts: Iterable[str]) -> float:
    return token_files.bytes_per_token(tokenizer, texts)


def write_ids(tokenizer: Any, texts: Iterable[str], path: Path) -> int:
    return token_files.write_ids(tokenizer, texts, path)


def corpus(name: str, part: str) -> Corpus:
    """The texts of an experiment: docs, tales, code ...; the part is "train" or "valid"."""
    return tokenizer_runs.corpus(name, part)


def runs_folder() -> pathlib.Path:
    """Where the records of the experiments are, and their files of ids."""
    return tokenizer_runs.FOLDER
