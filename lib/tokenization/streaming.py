"""Text that arrives in chunks, regrouped so that each group can be encoded alone.

A chunk may end inside a word, a special token or a run of spaces, and the next chunk may change how
that end is cut into pieces. So each chunk's end, from the last safe place on, waits for the next.
Encoding the groups one by one gives the ids of the whole text, wherever the chunks were cut.
"""

from collections.abc import Collection, Iterable, Iterator

import regex

from lib.tokenization.pretokenize import PATTERNS
from lib.tokenization.special import split_on_special

# Safe are two kinds of places, which no piece of the three named patterns reaches across:
# 1. before white space inside a line, after a visible character. (Not before a newline: it belongs
#    to the piece if that is punctuation.)
# 2. at the start of a line, between a visible character and its newline, and a visible character.
#    (Not before a slash, which o200k lets follow the newline. Not after more white space, of which
#    the last goes with the next word.)
_SAFE_PLACE = regex.compile(r"(?r)(?<=\S)(?=[^\S\r\n])|(?<=\S\n)(?=[^\s/])")  # (?r): the last one


def safe_cut(text: str, pattern: str | None, special: Collection[str] = ()) -> int:
    """The last place where `text`, whatever may follow it, can be cut in two; 0 if there is none.

    Only the three named patterns have such places, apart from the ends of special tokens.
    """
    longest = max(map(len, special), default=1)
    in_sight = len(text) - longest + 1  # a special token that starts before here is here in full
    start = cut = 0
    for piece in split_on_special(text, special):
        if start >= in_sight:
            break
        if piece in special:
            cut = start + len(piece)
        elif pattern in PATTERNS and (place := _SAFE_PLACE.search(piece[: in_sight - start])):
            cut = start + place.start()
        start += len(piece)
    return cut


def regroup(
    chunks: Iterable[str], pattern: str | None, special: Collection[str] = ()
) -> Iterator[str]:
    """The same text in groups that can be encoded alone.

    Holds one chunk and the text since the last safe place: in prose and code at most a line or two.
    """
    waiting = ""
    for chunk in chunks:
        waiting += chunk
        cut = safe_cut(waiting, pattern, special)
        if cut:
            yield waiting[:cut]
            waiting = waiting[cut:]
    if waiting:
        yield waiting
