"""What every tokenizer here can do, and the number they are compared by."""

from collections.abc import Iterable, Sized
from typing import Protocol, runtime_checkable


@runtime_checkable
class Tokenizer(Protocol):
    """Text to ids and back: `decode(encode(text)) == text`, unless a class says what it loses."""

    @property
    def vocab_size(self) -> int:
        """One more than the highest id: the number of rows in an embedding table."""
        ...

    def encode(self, text: str) -> list[int]: ...

    def decode(self, ids: Iterable[int]) -> str: ...

    def token_bytes(self, id: int) -> bytes:
        """The UTF-8 bytes one id stands for; they may be only part of a character."""
        ...


def compression_ratio(text: str, ids: Sized) -> float:
    """UTF-8 bytes per token: how much text one position of a model holds."""
    if len(ids) == 0:
        raise ValueError(
            "Bytes per token need at least one token. Encode a text that is not empty."
        )
    return len(text.encode()) / len(ids)
