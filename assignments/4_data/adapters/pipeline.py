"""What the tests of part 4 call. If you arrange your code in another way, change the line here."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from lib.grading.raw_crawl import Examples, Record
from sieve import pipeline


def run_steps(
    texts: Iterable[str], steps: Sequence[Any], clock: Callable[[], float]
) -> tuple[list[str], list[Any]]:
    return pipeline.run_steps(texts, steps, clock)


def filter_crawl(records: list[Record], examples: Examples) -> dict[str, str]:
    return pipeline.filter_crawl(records, examples)


def tokenize(
    texts: Iterable[str], encode: Callable[[str], Sequence[int]], end: int, path: Path
) -> int:
    return pipeline.tokenize(texts, encode, end, path)
