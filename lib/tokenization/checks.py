"""What a vocabulary must satisfy, and the sentences for when it does not."""

from collections.abc import Collection, Mapping, Sequence


def check_special(special: Collection[str]) -> None:
    """No special token is empty, or comes twice."""
    if "" in special:
        raise ValueError('A special token needs at least one character, and one of these is "".')
    if len(set(special)) < len(special):
        raise ValueError(f"Each special token has one id, but {list(special)} repeats one.")


def check_vocabulary(
    tokens: Mapping[int, bytes],
    merges: Sequence[tuple[bytes, bytes]],
    special: Mapping[str, int],
) -> None:
    """Every byte is a token, every merge joins two tokens to a third, no id is used twice."""
    check_special(special)
    known = set(tokens.values())
    if missing := [byte for byte in range(256) if bytes([byte]) not in known]:
        raise ValueError(
            "A byte-level vocabulary holds all 256 bytes, or some text would have no ids; this one "
            f"lacks {len(missing)} of them, the first {bytes(missing[:1])!r}. "
            "Train it with every byte in its initial alphabet."
        )
    for left, right in merges:
        if not {left, right, left + right} <= known:
            raise ValueError(
                f"A merge joins two tokens to a third, but of {left!r} + {right!r} = "
                f"{left + right!r} not all three are tokens. Do tokens and merges belong together?"
            )
    taken = [token for token, id in special.items() if id in tokens]
    if taken or len(set(special.values())) < len(special):
        raise ValueError(
            f"Each id stands for one token, but {taken or sorted(special)} do not all have ids of "
            "their own. Give special tokens ids that nothing else has."
        )


def number_of_merges(vocab_size: int | None, n_merges: int | None, n_special: int) -> int:
    """The merges to learn, from whichever of the two sizes was given."""
    if (vocab_size is None) == (n_merges is None):
        raise ValueError("Give either vocab_size or n_merges: each follows from the other.")
    if n_merges is None:
        n_merges = vocab_size - 256 - n_special
    if n_merges < 0:
        raise ValueError(
            f"A vocabulary begins with 256 bytes and {n_special} special tokens, so there can't be "
            f"{n_merges} merges. Use a vocab_size of at least {256 + n_special}."
        )
    return n_merges


def check_pieces(
    tokens: Mapping[int, str],
    merges: Sequence[tuple[str, str]],
    special: Mapping[str, int],
    whole: Mapping[str, int],
) -> None:
    """The same for pieces of characters: all bytes have one, merges join known ones but no bytes.

    Those in `whole` may be pieces that merges make, too.
    """
    known, of_bytes = set(tokens.values()), [f"<0x{byte:02X}>" for byte in range(256)]
    if missing := [piece for piece in of_bytes if piece not in known]:
        raise ValueError(
            "A vocabulary of pieces holds a piece for each of the 256 bytes, or some characters "
            f"would have no ids; this one lacks {len(missing)} of them, the first {missing[0]}. "
            "Train it with byte fallback."
        )
    for left, right in merges:
        if not {left, right, left + right} <= known or not {left, right}.isdisjoint(of_bytes):
            raise ValueError(
                f"A merge joins two pieces to a third, but of {left!r} + {right!r} = "
                f"{left + right!r} not all three are pieces of characters. "
                "Do pieces and merges belong together?"
            )
    others = [*special.items(), *((text, id) for text, id in whole.items() if text not in known)]
    taken = [text for text, id in others if id in tokens]
    if taken or len({id for _, id in others}) < len(others):
        raise ValueError(
            f"Each id stands for one token, but {taken or sorted(text for text, _ in others)} have "
            "ids that others have, too. Give special tokens ids that nothing else has."
        )
