"""Text as coloured tokens, in HTML: see where a tokenizer cuts.

Neighbours differ in colour and every token has a border, so the cuts show without colours too. The
tooltip of a token tells its id and bytes; a screen reader hears its text and id. White space gets a
visible mark, and bytes that are only part of a character are shown as hexadecimal numbers.
"""

import unicodedata
from collections.abc import Mapping
from html import escape

from lib.tokenization.tokenizer import Tokenizer

# Dark text on pastels reads the same on light and dark pages; the border shows on both.
STYLE = """<style>
.lecture-tokens {font: 14px/1.9 monospace; margin: 0.2em 0 0.9em}
.lecture-tokens span {display: inline-block; white-space: pre-wrap; overflow-wrap: anywhere;
 color: #1a1a1a; border: 1px solid #767676; border-radius: 3px; padding: 0 1px; line-height: 1.35}
.lecture-tokens span:nth-of-type(5n+1) {background: #cfe8ff}
.lecture-tokens span:nth-of-type(5n+2) {background: #ffe3b3}
.lecture-tokens span:nth-of-type(5n+3) {background: #d5f2d0}
.lecture-tokens span:nth-of-type(5n+4) {background: #f6d5ec}
.lecture-tokens span:nth-of-type(5n+5) {background: #fff6a8}
.lecture-tokens span.part {border-style: dashed; font-style: italic; font-size: 12px}
</style>"""

# White space: the mark to see, and the name to hear.
_MARKS = {
    " ": ("·", "space"),
    "\n": ("↵", "newline"),
    "\r": ("CR", "carriage return"),
    "\t": ("→", "tab"),
    "\u00a0": ("⍽", "no-break space"),
}


def render_tokens(text: str, tokenizer: Tokenizer) -> str:
    """The tokens in reading order, under a line that counts them."""
    return STYLE + _row("", text, tokenizer)


def compare_tokens(text: str, tokenizers: Mapping[str, Tokenizer]) -> str:
    """The same text by several tokenizers, one below the other under their names."""
    return STYLE + "".join(_row(name, text, tokenizer) for name, tokenizer in tokenizers.items())


def _row(name: str, text: str, tokenizer: Tokenizer) -> str:
    ids = tokenizer.encode(text)
    tokens = [tokenizer.token_bytes(id) for id in ids]
    legend = _legend(text, tokens)
    title = f"<strong>{escape(name)}</strong>: {legend}" if name else legend
    label = escape(f"{name}: {legend}" if name else legend)
    return (
        f'<div>{title}</div><div class="lecture-tokens" role="list" aria-label="{label}">'
        + "".join(map(_span, ids, tokens))
        + "</div>"
    )


def _legend(text: str, tokens: list[bytes]) -> str:
    n_bytes = len(text.encode())
    legend = f"{_count(len(tokens), 'token')} for {_count(n_bytes, 'byte')}"
    if tokens:
        legend += f", {n_bytes / len(tokens):.2f} bytes per token"
    if n_parts := sum(_characters(token) is None for token in tokens):
        legend += f"; {n_parts} cut inside a character (dashed, in hexadecimal)"
    return legend


def _count(n: int, noun: str) -> str:
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"


def _span(id: int, token: bytes) -> str:
    characters = _characters(token)
    seen = _hexadecimal(token) if characters is None else _visible(characters)
    heard = f"bytes {seen}" if characters is None else _spoken(characters)
    css_class = ' class="part"' if characters is None else ""
    return (
        f'<span role="listitem"{css_class} title="id {id}, bytes {_hexadecimal(token)}" '
        f'aria-label="{escape(heard)}, id {id}">{escape(seen)}</span>'
        + "<br>"
        * (characters or "").count("\n")
    )


def _characters(token: bytes) -> str | None:
    """The token's text, or None if it begins or ends inside a character."""
    try:
        return token.decode("utf-8")
    except UnicodeDecodeError:
        return None


def _hexadecimal(token: bytes) -> str:
    return token.hex(" ").upper()


def _visible(characters: str) -> str:
    """White space as marks, the invisible as numbers, a lone accent on a dotted circle."""
    circle = "◌" if unicodedata.combining(characters[0]) else ""
    return circle + "".join(
        _MARKS[character][0] if character in _MARKS else _or_number(character)
        for character in characters
    )


def _spoken(characters: str) -> str:
    """For a screen reader, which is silent about white space."""
    named = (
        f" {_MARKS[character][1]} " if character in _MARKS else _or_number(character)
        for character in characters
    )
    return "".join(named).strip()


def _or_number(character: str) -> str:
    return character if character.isprintable() else f"U+{ord(character):04X}"
