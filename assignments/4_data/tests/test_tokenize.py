"""The stream of ids on disk."""

from pathlib import Path

import numpy as np

from adapters import pipeline
from lib.grading.feedback import holds, same
from lib.grading.problems import problem


def encode(text: str) -> list[int]:
    return list(text.encode())


def ids(path: Path) -> list[int]:
    data = path.read_bytes()
    holds(len(data) % 2 == 0, "Every id has two bytes.", yours=f"{len(data)} bytes")
    return np.frombuffer(data, np.uint16).tolist()


def written(place: Path, texts, encode=encode, end=256) -> tuple[int, list[int]]:
    n = pipeline.tokenize(texts, encode, end, place / "ids.bin")
    return int(n), ids(place / "ids.bin")


@problem("tokenize")
def test_an_end_behind_every_text(tmp_path):
    found = written(tmp_path, ["ab", "c"])
    same(found, (5, [97, 98, 256, 99, 256]), given='["ab", "c"] as bytes, end 256')


@problem("tokenize")
def test_empty_texts_have_an_end_too(tmp_path):
    same(written(tmp_path, ["", "a"]), (3, [256, 97, 256]), given='["", "a"] as bytes, end 256')
    same(written(tmp_path, []), (0, []), given="no texts")


@problem("tokenize")
def test_the_largest_ids_fit(tmp_path):
    found = written(tmp_path, ["a"], lambda text: [0, 50_256, 65_534], 65_535)
    same(found, (4, [0, 50_256, 65_534, 65_535]), given="ids up to 65,535")


def refused(place: Path, texts: list[str], encode, end: int, given: str) -> None:
    path = place / "ids.bin"
    try:
        pipeline.tokenize(texts, encode, end, path)
    except ValueError:
        holds(not path.exists(), "After ValueError there is no file.", given=given)
        return
    holds(False, "An id that does not fit into 16 bits raises ValueError.", given=given)


@problem("tokenize")
def test_ids_that_do_not_fit_are_refused(tmp_path):
    big = {"a": [1, 2], "b": [65_536], "c": [-1]}
    refused(tmp_path, ["a", "b"], big.get, 0, "the ids 1, 2, 65,536")
    refused(tmp_path, ["a", "c"], big.get, 0, "the ids 1, 2, -1")
    refused(tmp_path, ["a"], big.get, 65_536, "the end 65,536")


@problem("tokenize")
def test_texts_are_read_one_by_one(tmp_path):
    found = written(tmp_path, (text for text in ("a", "b")))
    same(found, (4, [97, 256, 98, 256]), given="a generator of 'a' and 'b', end 256")
