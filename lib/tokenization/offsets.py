"""Where in the text each token lies."""

from collections.abc import Iterable

from lib.tokenization.utf8 import to_utf8


def character_offsets(text: str, tokens: Iterable[bytes]) -> list[tuple[int, int]]:
    """For each token the (start, end) of its characters: `text[start:end]` holds all its bytes.

    `tokens` are byte strings which, joined, are the text. A character whose bytes are spread over
    several tokens is covered by each of them, so neighbours may overlap.
    """
    character_at = [i for i, character in enumerate(text) for _ in to_utf8(character)]
    offsets, position = [], 0
    for token in tokens:
        last = position + len(token) - 1
        offsets.append((character_at[position], character_at[last] + 1))
        position = last + 1
    return offsets
