"""One token per character: the id is the character's number in Unicode."""

import sys
from collections.abc import Iterable

from lib.tokenization.utf8 import to_utf8


class CharTokenizer:
    """Needs no training, but has over a million ids, of which a text uses a handful."""

    vocab_size = sys.maxunicode + 1  # 1,114,112

    def encode(self, text: str) -> list[int]:
        return [ord(character) for character in text]

    def decode(self, ids: Iterable[int]) -> str:
        return "".join(map(chr, ids))

    def token_bytes(self, id: int) -> bytes:
        return to_utf8(chr(id))
