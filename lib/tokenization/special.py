"""Special tokens: strings such as <|endoftext|> that mean something to the model and are not text.

They are cut out before anything else looks at the text, so nothing merges into or across them. And
they are special only where the program says so: see `allowed` for why a user cannot type one.
"""

import re
from collections.abc import Collection, Iterator


def split_on_special(text: str, special: Collection[str]) -> Iterator[str]:
    """The text in pieces, every special token a piece of its own; joined, they are the text.

    Where several special tokens begin at one place, the longest wins.
    """
    if special:
        longest_first = sorted(special, key=len, reverse=True)  # `a|ab` would never match "ab"
        pieces = re.split("(" + "|".join(map(re.escape, longest_first)) + ")", text)
    else:
        pieces = [text]
    yield from filter(None, pieces)


def allowed(special: Collection[str], allowed_special: str | Collection[str]) -> set[str]:
    """The special tokens that may be read from a text: none, "all", or those named.

    None is the default everywhere: what users type goes through the same `encode` as the program's
    own markers, and a user who types <|endoftext|> must not thereby end the conversation.
    """
    if allowed_special == "all":
        return set(special)
    if isinstance(allowed_special, str):
        raise ValueError(
            'allowed_special is "all" or a set of special tokens, not the string '
            f"{allowed_special!r}. Write {{{allowed_special!r}}}."
        )
    if unknown := set(allowed_special) - set(special):
        raise ValueError(
            f"Only special tokens can be allowed, and {sorted(unknown)} are none. "
            f"This vocabulary has {sorted(special)}."
        )
    return set(allowed_special)
