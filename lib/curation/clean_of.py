"""A step that keeps benchmarks out: no document with a long run of words from a question or answer.

Runs of 13 words are what most papers look for (since Brown et al., arXiv 2005.14165).
"""

from dataclasses import dataclass
from functools import cache
from typing import ClassVar

import numpy as np
from jaxtyping import UInt64

from lib.curation.fast_shingles import block_shingles
from lib.curation.records import Drop, Record
from lib.curation.sources import Read
from lib.curation.steps import Each


@dataclass(frozen=True)
class Decontaminate(Each):
    """Texts that share at most `most_runs` runs of `n_words` words with texts of these files."""

    paths: tuple[str, ...]
    n_words: int = 13
    most_runs: int = 0
    kind: ClassVar[str] = "decontaminate"

    def __post_init__(self) -> None:
        Read(self.paths).files()  # raises where there are none

    def __call__(self, record: Record) -> Record | Drop:
        runs = np.unique(block_shingles([record.text], self.n_words).shingles)
        shared = int(np.isin(runs, known_runs(self.paths, self.n_words), assume_unique=True).sum())
        if shared > self.most_runs:
            return Drop("in a benchmark", f"{shared} runs of {self.n_words} words")
        return record


@cache
def known_runs(paths: tuple[str, ...], n_words: int) -> UInt64[np.ndarray, " n"]:
    """The runs of all texts of the files, as sorted hashes."""
    source = Read(paths)
    texts = [
        found.text
        for part in range(len(source.files()))
        for found in source.read(part)
        if isinstance(found, Record)
    ]
    return np.unique(block_shingles(texts, n_words).shingles) if texts else np.empty(0, np.uint64)
