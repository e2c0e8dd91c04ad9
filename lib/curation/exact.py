"""Exact duplicates: the same document, or the same line, more than once.

Texts are known by 16 bytes of BLAKE2 each, so that memory grows with their number, not their
length; among 10^12 of them the chance that any two share a digest is below 10^-14.

Two rules for lines are in use. "first" keeps the first occurrence. "none" keeps none: a line that
occurs twice anywhere is boilerplate, and goes everywhere.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator

KEEP = ("first", "none")


def digest(text: str) -> bytes:
    """What stands for a text. Halves of characters, which UTF-8 forbids, count as they are."""
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def first_of_each(texts: Iterable[str]) -> Iterator[bool]:
    """For each text whether it is the first with this content."""
    seen: set[bytes] = set()
    for text in texts:
        known = digest(text)
        yield known not in seen
        seen.add(known)


def count_lines(texts: Iterable[str]) -> Counter[bytes]:
    """How often every line occurs, over all texts: the first of two passes."""
    return Counter(digest(line) for text in texts for line in text.split("\n"))


class LineFilter:
    """The second pass: texts without the lines that occur more than once.

    Lines shorter than `min_length` characters (closing braces, blanks) stay, whatever they are.
    """

    def __init__(self, counts: Counter[bytes], keep: str = "none", min_length: int = 1) -> None:
        if keep not in KEEP:
            raise ValueError(f"keep is {keep!r}. Choose 'first', or 'none' of them.")
        self.counts, self.keep, self.min_length = counts, keep, min_length
        self.seen: set[bytes] = set()

    def __call__(self, text: str) -> str:
        return "\n".join(line for line in text.split("\n") if self._stays(line))

    def _stays(self, line: str) -> bool:
        known = digest(line)
        if len(line) < self.min_length or self.counts[known] <= 1:
            return True
        if self.keep == "none" or known in self.seen:
            return False
        self.seen.add(known)
        return True
