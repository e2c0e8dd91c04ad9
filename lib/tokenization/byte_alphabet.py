"""GPT-2's alphabet: one visible character for each of the 256 bytes.

Its files keep tokens as JSON strings and lines of text, and many bytes are no text by themselves.
So a visible Latin-1 character stands for the byte of its own number, and U+0100 and the characters
after it stand for the other 68 bytes in order: the space becomes Ġ, the newline Ċ. (From OpenAI's
`encoder.py`, function `bytes_to_unicode`.)
"""

_VISIBLE = [
    *range(0x21, 0x7F),
    *range(0xA1, 0xAD),
    *range(0xAE, 0x100),
]
_HIDDEN = sorted(set(range(256)) - set(_VISIBLE))

CHARACTER_OF = {byte: chr(byte) for byte in _VISIBLE}
CHARACTER_OF |= {byte: chr(0x100 + i) for i, byte in enumerate(_HIDDEN)}
BYTE_OF = {character: byte for byte, character in CHARACTER_OF.items()}


def spell(token: bytes) -> str:
    """The token in visible characters: b" the" -> "Ġthe"."""
    return "".join(CHARACTER_OF[byte] for byte in token)


def unspell(text: str) -> bytes:
    """The bytes of a spelled token: "Ġthe" -> b" the"."""
    if foreign := sorted(set(text) - BYTE_OF.keys()):
        raise ValueError(
            f"Byte-level tokens are spelled in 256 characters, and {foreign[0]!r} in {text!r} is "
            "none of them. The file belongs to another kind of tokenizer, or the token is missing "
            "from its special (added) tokens."
        )
    return bytes(BYTE_OF[character] for character in text)


def spell_vocabulary(tokens: dict[int, bytes], special: dict[str, int]) -> dict[str, int]:
    """The id of every token by its spelling, in order; special tokens are spelled as they are."""
    spelled = {spell(token): id for id, token in tokens.items()}
    if taken := sorted(spelled.keys() & special.keys()):
        raise ValueError(
            f"In this format the special tokens {taken} would be spelled like ordinary ones. "
            "Choose special tokens that no text contains, or use own_json.save."
        )
    return dict(sorted((spelled | special).items(), key=lambda item: item[1]))
