"""Bytes per token, and files of ids: type, order, limit, and that nothing waits for the end."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from adapters import tokenization
from lib.grading.feedback import Difference, holds, same
from lib.grading.problems import problem

BYTES = {i: bytes([i]) for i in range(256)}
TO = BYTES | {256: b"to"}, [(b"t", b"o")]


@problem("token_files")
def test_bytes_per_token_of_one_text():
    for text, expected in (("a", 1.0), ("to", 2.0), ("toto", 2.0), ("too", 1.5), ("é", 1.0)):
        yours = tokenization.bytes_per_token(tokenization.tokenizer(*TO), [text])
        same(float(yours), expected, given=f"the merge (t, o), texts {[text]}", within=1e-12)


@problem("token_files")
def test_bytes_per_token_weighs_every_token_alike():
    for texts, expected in ((["to", "x"], 3 / 2), (["to", "xxxx"], 6 / 5), (["", "to"], 2.0)):
        yours = tokenization.bytes_per_token(tokenization.tokenizer(*TO), texts)
        same(float(yours), expected, given=f"the merge (t, o), texts {texts}", within=1e-12)


def written(texts: list[str], path: Path) -> tuple[int, bytes]:
    n_ids = tokenization.write_ids(tokenization.tokenizer(*TO, ["<x>"]), iter(texts), path)
    return n_ids, path.read_bytes()


@problem("token_files")
def test_ids_in_a_file(tmp_path):
    for texts, ids in (
        ([], []),
        (["a"], [97]),
        (["to<x>"], [256, 257]),
        (["t", "o"], [256]),
        (["to<", "x>"], [256, 257]),
        (["a " * 30_000], [97, *[32, 97] * 29_999, 32]),
    ):
        given = f"the merge (t, o), special tokens ['<x>'], texts {texts!r:.60}"
        n_ids, data = written(texts, tmp_path / "ids")
        same(len(data), 2 * len(ids), given=f"{given}: bytes in the file")
        same(list(np.frombuffer(data, "<u2").tolist()), ids, given=f"{given}: ids in the file")
        same(n_ids, len(ids), given=f"{given}: what write_ids returned")


@problem("token_files")
def test_a_file_that_was_there_is_replaced(tmp_path):
    written(["a long text"], tmp_path / "ids")
    _, data = written(["a"], tmp_path / "ids")
    same(data, b"\x61\x00", given="texts ['a'], path of a file with ids of another text")


@problem("token_files")
def test_ids_that_do_not_fit_are_refused(tmp_path):
    for highest, fits in ((65_535, True), (65_536, False), (70_000, False)):
        tokenizer = tokenization.tokenizer(BYTES | {highest: b"to"}, [(b"t", b"o")], [])
        path, given = tmp_path / f"{highest}", f"a vocabulary whose highest id is {highest}"
        try:
            tokenization.write_ids(tokenizer, ["a"], path)
        except (ValueError, OverflowError):
            holds(not fits, "65,535 is the largest number of 16 bits: it fits.", given=given)
            holds(not path.exists(), "Where ids do not fit, no file is written.", given=given)
        else:
            holds(fits, "16 bits end at 65,535: raise ValueError.", given=given)


@problem("token_files")
def test_ids_are_written_while_texts_are_read(tmp_path):
    texts = watched_texts(tmp_path)
    n_ids = tokenization.write_ids(tokenization.tokenizer(*TO), texts, tmp_path / "ids")
    same(n_ids, 600_000, given="10,000 texts of 60 ids each: what write_ids returned")


def watched_texts(folder: Path) -> Iterator[str]:
    """Texts of 60 ids; from time to time a look at what is on the disk."""
    for n in range(10_000):
        if n in (4000, 9999):
            size = sum(path.stat().st_size for path in folder.iterdir())
            if size < 60 * 2 * (n - 2000):
                raise Difference(
                    "Write every 10,000 ids, say: at most 100,000 may wait in memory.",
                    given=f"10,000 texts of 60 ids each; {n} have been read",
                    yours=f"{size} bytes in the file",
                )
        yield "a " * 30
