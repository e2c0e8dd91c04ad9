"""Bytes to text: which encoding a page is in, by the four places where it may say so.

In the order of trust that browsers use: a mark in the first bytes, the server's header, a <meta>
tag in the page, and last a guess from the bytes. A statement that the bytes contradict is worth
nothing: random bytes are hardly ever valid UTF-8, so what is valid UTF-8 is UTF-8, whatever anybody
says.
"""

import codecs
import re
from collections.abc import Callable
from typing import NamedTuple

MARKS = (  # UTF-32 first: its mark begins like that of UTF-16
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
IN_HEADER = re.compile(r"charset\s*=\s*[\"']?([\w.:-]+)", re.I)
IN_META = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?\s*([\w.:-]+)", re.I)
META_WITHIN = 4096  # bytes from the start; the standard says 1024, pages say otherwise
# Browsers read these names as their supersets, since nearly everybody who writes them means those.
SUPERSETS = {"ascii": "cp1252", "iso8859-1": "cp1252", "iso8859-9": "cp1254", "gb2312": "gb18030",
             "gbk": "gb18030", "shift_jis": "cp932", "euc_kr": "cp949"}  # fmt: skip

PYTHONS_OWN = {"idna", "punycode", "utf-7", "unicode_escape", "raw_unicode_escape", "mbcs", "oem"}


class Decoded(NamedTuple):
    """A page as text, the encoding it was read with, who said so, how much made no sense."""

    text: str
    encoding: str
    by: str  # "mark", "header", "meta", "valid", "guess"
    n_damaged: int


def known(name: str) -> str | None:
    """Python's name of a text encoding; None if it knows none by this name."""
    try:
        found = codecs.lookup(name)
        "".encode(found.name)  # raises for codecs that are no encodings of text, as "hex"
    except (LookupError, ValueError):  # ValueError: a name with a null character in it
        return None
    return None if found.name in PYTHONS_OWN else SUPERSETS.get(found.name, found.name)


def decode(
    body: bytes, content_type: str = "", guess: Callable[[bytes], str | None] | None = None
) -> Decoded:
    """Text of a page. Never fails: bytes that make no sense become U+FFFD and are counted.

    `guess` names an encoding from the bytes alone; without one the guess is Windows-1252, which is
    right for most of western Europe.
    """
    for mark, name in MARKS:
        if body.startswith(mark):
            return _read(body, name, "mark")
    if is_utf8(body):
        return Decoded(body.decode("utf-8", "ignore"), "utf-8", "valid", 0)
    header = IN_HEADER.search(content_type)
    if header and (name := known(header[1])):
        return _read(body, name, "header")
    meta = IN_META.search(body[:META_WITHIN])
    if meta and (name := known(meta[1].decode("ascii", "ignore"))) and name[:5] != "utf-1":
        return _read(body, name, "meta")  # a tag that can be read is not in UTF-16
    return _read(body, known(guess(body) or "") or "cp1252" if guess else "cp1252", "guess")


def is_utf8(body: bytes) -> bool:
    """Whether all of it is valid UTF-8, up to a character that the end may have cut."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        decoder.decode(body)
    except UnicodeDecodeError:
        return False
    cut = decoder.getstate()[0]  # one last byte above 127 is more likely a letter of something else
    return not cut or not body[: -len(cut)].isascii()


def _read(body: bytes, name: str, by: str) -> Decoded:
    text = body.decode(name, errors="replace")
    damaged = text.count("\ufffd")
    if damaged > len(text) / 20 and name not in ("cp1252", "utf-8"):  # a false statement
        text, name = body.decode("utf-8", errors="replace"), "utf-8"
        damaged, by = text.count("\ufffd"), "guess"
    return Decoded(text, name, by, damaged)
