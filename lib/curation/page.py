"""A text and what rules count in it, each counted once.

Words are what stands between blanks, as in Gopher's rules (Rae et al., arXiv 2112.11446): "end." is
one word, "..." is one too. A line is what stands between line breaks, without those that are blank;
a paragraph what stands between blank lines.
"""

import re
from collections import Counter
from collections.abc import Iterable
from functools import cached_property

ELLIPSES = ("...", "…")
BULLETS = ("•", "‣", "▪", "●", "-", "*")  # at the beginning of a line
STOP_WORDS = {"the", "be", "to", "of", "and", "that", "have", "with"}


class Page:
    """Counts of one text. Shares of nothing are 0."""

    def __init__(self, text: str) -> None:
        self.text = text

    @cached_property
    def words(self) -> list[str]:
        """Between blanks."""
        return self.text.split()

    @cached_property
    def lines(self) -> list[str]:
        """Stripped; without blank ones."""
        return [line for part in self.text.splitlines() if (line := part.strip())]

    @cached_property
    def paragraphs(self) -> list[str]:
        """Stripped; without blank ones."""
        return [part for raw in re.split(r"\n\s*\n", self.text) if (part := raw.strip())]

    @property
    def n_words(self) -> int:
        return len(self.words)

    @property
    def mean_word_length(self) -> float:
        """In characters."""
        return _share(sum(map(len, self.words)), self.n_words)

    @property
    def symbols_per_word(self) -> float:
        """The larger of the two: hash signs, and ellipses, for each word."""
        ellipses = self.text.count("...") + self.text.count("…")
        return _share(max(self.text.count("#"), ellipses), self.n_words)

    @property
    def bullet_lines(self) -> float:
        """Share of the lines that begin with a bullet."""
        return _share(sum(line.startswith(BULLETS) for line in self.lines), len(self.lines))

    @property
    def ellipsis_lines(self) -> float:
        """Share of the lines that end with an ellipsis."""
        return _share(sum(line.endswith(ELLIPSES) for line in self.lines), len(self.lines))

    @property
    def words_with_letter(self) -> float:
        """Share of the words with at least one letter, of any script."""
        return _share(sum(any(map(str.isalpha, word)) for word in self.words), self.n_words)

    @property
    def n_stop_words(self) -> int:
        """How many different ones of STOP_WORDS occur, whatever their case."""
        return len(STOP_WORDS & {word.lower() for word in self.words})

    def duplicates(self, of: str) -> float:
        """Share of the "lines" or "paragraphs" that have occurred before."""
        parts = getattr(self, of)
        return _share(len(parts) - len(set(parts)), len(parts))

    def characters_in_duplicates(self, of: str) -> float:
        """Share of the text's characters that stand in such lines or paragraphs."""
        parts = getattr(self, of)
        repeated = sum(map(len, parts)) - sum(map(len, set(parts)))
        return _share(repeated, len(self.text))

    def characters_in_top_run(self, n: int) -> float:
        """Share of the characters in words that stand in the most frequent run of n words.

        A run that occurs once says nothing: 0.
        """
        counts = Counter(self._runs(n))
        times = max(counts.values(), default=0)
        if times < 2:
            return 0.0
        longest = max(_n(run) for run, count in counts.items() if count == times)
        return _share(longest * times, self._word_characters)

    def characters_in_duplicate_runs(self, n: int) -> float:
        """Share of the characters in words that stand in any run of n words seen before."""
        seen: set[tuple[str, ...]] = set()
        inside = [False] * self.n_words
        for i, run in enumerate(self._runs(n)):
            if run in seen:
                inside[i : i + n] = [True] * n
            seen.add(run)
        repeated = sum(len(word) for word, hit in zip(self.words, inside) if hit)
        return _share(repeated, self._word_characters)

    def lines_ending_in(self, marks: tuple[str, ...]) -> float:
        """Share of the lines."""
        return _share(sum(line.endswith(marks) for line in self.lines), len(self.lines))

    def lines_shorter_than(self, n: int) -> float:
        """Share of the lines with fewer than n characters."""
        return _share(sum(len(line) < n for line in self.lines), len(self.lines))

    @property
    def newlines_per_word(self) -> float:
        """Line breaks for each word."""
        return _share(self.text.count("\n"), self.n_words)

    @cached_property
    def _word_characters(self) -> int:
        return _n(self.words)

    def _runs(self, n: int) -> Iterable[tuple[str, ...]]:
        return zip(*(self.words[i:] for i in range(n)))


def _n(words: Iterable[str]) -> int:
    return sum(map(len, words))


def _share(part: int | float, whole: int | float) -> float:
    return part / whole if whole else 0.0
