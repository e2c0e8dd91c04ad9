"""Text to bytes and back: where text can be impossible to write, and bytes impossible to read.

UTF-8 spends one byte on ASCII, two on most European letters, three on most others, four on emoji.
Every character has a spelling, but not every Python string consists of characters (a lone surrogate
is half of one), and not every byte string spells something.
"""


def to_utf8(text: str) -> bytes:
    """The UTF-8 bytes. A lone surrogate raises: to replace it would break decode(encode(text))."""
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise ValueError(
            f"UTF-8 spells characters, and {text[error.start]!a} in {text[:40]!a} is half of one "
            "(a lone surrogate). Repair the text first, for example with "
            "text.encode('utf-16', 'surrogatepass').decode('utf-16', 'replace')."
        ) from error


def from_utf8(data: bytes) -> str:
    """The text, with U+FFFD (the replacement character) wherever the bytes spell nothing."""
    return data.decode("utf-8", errors="replace")
