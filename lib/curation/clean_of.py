"""A step that keeps benchmarks out: no document with a long run of words from a question or answer.

What a run is, and what cannot be found so, is in decontaminate.py.
"""

from dataclasses import dataclass
from functools import cache
from typing import ClassVar

from lib.curation.decontaminate import N_WORDS, Contamination
from lib.curation.records import Drop, Record
from lib.curation.sources import Read
from lib.curation.steps import Each


@dataclass(frozen=True)
class Decontaminate(Each):
    """Texts that share at most `most_runs` runs of `n_words` words with any text of these files."""

    paths: tuple[str, ...]
    n_words: int = N_WORDS
    most_runs: int = 0
    kind: ClassVar[str] = "decontaminate"

    def __post_init__(self) -> None:
        Read(self.paths).files()  # raises where there are none

    def __call__(self, record: Record) -> Record | Drop:
        benchmark = _benchmark(self.paths, self.n_words)
        benchmark.add([record.text])
        shared = max((n for found in benchmark.documents for n in found.items.values()), default=0)
        benchmark.documents.clear()
        if shared > self.most_runs:
            return Drop("in a benchmark", f"shares {shared} runs of words with it")
        return record


@cache
def _benchmark(paths: tuple[str, ...], n_words: int) -> Contamination:
    """Of all texts of the files; read once in every process."""
    source = Read(paths)
    records = [found for part in range(len(source.files())) for found in source.read(part)]
    texts = [record.text for record in records if isinstance(record, Record)]
    return Contamination(texts, n_words, min(n_words, 8))
