"""A pipeline's shards in this process, or in several on this machine.

A runner takes a function and numbers of shards, and gives back what the function gives, in any
order: whatever matters is in the files that the shards make.
"""

from collections.abc import Callable, Iterator
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass

from lib.tokenization.workers import ordered_map

Work = Callable[[int], int]
Runner = Callable[[Work, list[int]], Iterator[int]]


def in_process(work: Work, shards: list[int]) -> Iterator[int]:
    """One after the other, here: in a notebook, or under a debugger."""
    return map(work, shards)


@dataclass(frozen=True)
class Processes:
    """Several at once. Functions of steps must lie in modules, since they travel by name."""

    n_processes: int | None = None  # None: one for each processor

    def __call__(self, work: Work, shards: list[int]) -> Iterator[int]:
        try:
            yield from ordered_map(work, shards, self.n_processes)
        except BrokenProcessPool as error:
            raise RuntimeError(
                "A process died without a word, perhaps for want of memory. What is finished is "
                "kept: run the pipeline again, with fewer processes or smaller files."
            ) from error
        except (AttributeError, TypeError) as error:
            if "pickle" not in str(error) and "get attribute" not in str(error):
                raise
            raise ValueError(
                f"A step cannot travel to another process: {error}. Put its function into a "
                'module, as "package.module:function", or run the pipeline in this process.'
            ) from error
