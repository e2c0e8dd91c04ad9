"""One token per byte of the text's UTF-8 spelling."""

from collections.abc import Iterable

from lib.tokenization.utf8 import from_utf8, to_utf8


class ByteTokenizer:
    """Needs no training and only 256 ids, but a sequence is as long as the text has bytes."""

    vocab_size = 256

    def encode(self, text: str) -> list[int]:
        return list(to_utf8(text))

    def decode(self, ids: Iterable[int]) -> str:
        """The text, with U+FFFD (the replacement character) where the bytes are not valid UTF-8."""
        return from_utf8(bytes(ids))

    def token_bytes(self, id: int) -> bytes:
        return bytes([id])
