"""Pre-tokenization: cut text into word-like pieces before anything is merged.

Merges never cross a piece, so "dog" and "dog!" share the token "dog", and each distinct piece needs
to be counted and encoded only once.

The patterns are OpenAI's: GPT-2's from its `encoder.py`, the others from tiktoken's
`openai_public.py` (0.14), whose further possessive quantifiers change the speed, not the pieces.
"""

import functools
from collections.abc import Iterator

import regex  # the standard library's re has no \p{L} (any letter) and \p{N} (any digit)

from lib.tokenization.utf8 import to_utf8

PATTERNS = {
    # Contractions; letters, digits or punctuation with a space before them; other white space,
    # except its last character if a word follows.
    "gpt2": r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+",
    # New: contractions in capitals too; any one sign before letters; at most three digits;
    # newlines stay with punctuation, or end a piece of white space, unless the text ends with it.
    # (`\s++$`, the last of these, came later: older copies such as Llama 3's lack it.)
    "cl100k": (
        r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
        r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s++$|\s*[\r\n]|\s+(?!\S)|\s+"
    ),
    # New: a word ends before a capital that follows a small letter; it keeps its contraction and
    # its accents.
    "o200k": (
        r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+"
        r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
        r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*"
        r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
        r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
    ),
}


def pretokenize(text: str, pattern: str | None = "gpt2") -> Iterator[bytes]:
    """The UTF-8 bytes of each piece; joined, they are the whole text.

    `pattern` is a name in PATTERNS, a regular expression of your own, or None for a single piece.
    """
    for piece in split_words(text, pattern):
        yield to_utf8(piece)


def split_words(text: str, pattern: str | None = "gpt2") -> Iterator[str]:
    """The same pieces as text. What an expression of your own leaves out is a piece as well."""
    end = 0
    for match in compile_pattern(pattern).finditer(text) if pattern is not None else ():
        if match.start() > end:
            yield text[end : match.start()]
        if match.group():
            yield match.group()
        end = match.end()
    if end < len(text):
        yield text[end:]


@functools.cache
def compile_pattern(pattern: str) -> regex.Pattern:
    """The compiled expression of a name in PATTERNS, or of an expression of your own."""
    return regex.compile(PATTERNS.get(pattern, pattern))
