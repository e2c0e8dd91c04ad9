"""HTML cut into blocks: pieces of text that a browser would set apart, and what is known of each.

One regular expression walks over the page: a tag, or the text before the next one. That is enough
to know which block a word stands in and whether it is part of a link, and no page can break it.
"""

import html
import re
from collections import Counter
from dataclasses import dataclass
from operator import itemgetter

from lib.curation.scores import ALONE

# Tags that do not end a block: what they hold is part of the sentence around them.
INLINE = {
    "a", "abbr", "acronym", "b", "bdi", "bdo", "big", "cite", "code", "data", "del", "dfn", "em",
    "font", "i", "img", "ins", "kbd", "label", "mark", "math", "q", "s", "samp", "small", "span",
    "strike", "strong", "sub", "sup", "time", "tt", "u", "var", "wbr", "mi", "mn", "mo", "mrow",
    "msup", "semantics",
}  # fmt: skip
# What no reader sees, and what says of itself that it is around the content.
CODE = re.compile(r"<!--.*?(?:-->|$)|<(script|style|title)\b.*?(?:</\1\s*>|$)", re.I | re.S)
HIDDEN = {"noscript", "template", "svg", "select"}
AROUND = {"nav", "footer", "aside", "header", "form", "button", "dialog", "menu"}
# A tag with the text behind it, or text alone, or a lone "<". Quotes may hold a ">". What has a +
# behind its repetition never gives back what it took, so no page makes this slow.
PIECE = re.compile(
    r"""<(/?)([a-zA-Z][\w:-]*)(?:[^<>"']++|"[^"<]{0,3000}+"|'[^'<]{0,3000}+'|["'])*+>([^<]*+)"""
    r"""|([^<]++)|<"""
)
WITHOUT_BLANKS = re.compile(f"[{ALONE}]")


@dataclass(slots=True)
class Block:
    """A piece of text, the tag that opened it, the tags around it, and its words, linked or not."""

    text: str
    tag: str
    around: bool  # it stands in a part that says it is not the content
    n_words: int
    n_linked: int  # of the words, those inside of a link

    @property
    def link_share(self) -> float:
        return self.n_linked / self.n_words if self.n_words else 0.0


def blocks(page: str) -> list[Block]:
    """All blocks that have any text, in order. Text in <pre> keeps its lines and blanks."""
    pieces = PIECE.findall(CODE.sub(" ", page))
    counted = balanced(pieces)
    depth = {"a": 0, "pre": 0, "around": 0, "hidden": 0}  # how many of these are open
    found: list[Block] = []
    parts: list[str] = []
    linked, tag = 0, ""
    for closing, name, text, alone in pieces:
        name = name.lower()
        if name and name not in INLINE:
            if parts:
                keep(found, parts, tag, linked, depth)
                parts, linked = [], 0
            tag = name
        place = counted.get(name)
        if place:
            depth[place] = max(0, depth[place] + (-1 if closing else 1))
        if not name:
            text = alone or "<"  # as in "a < b"
        if text and not depth["hidden"]:
            parts.append(text)
            if depth["a"]:
                linked += n_words(text)
    keep(found, parts, tag, linked, depth)
    return found


def balanced(pieces: list[tuple[str, str, str, str]]) -> dict[str, str]:
    """The tags whose being open matters, and for what.

    Those that hide or frame text count only if they are closed as often as they are opened: one
    that is never closed would swallow the rest of the page.
    """
    counts: Counter[tuple[str, bool]] = Counter()
    for (closing, name), times in Counter(map(itemgetter(0, 1), pieces)).items():
        counts[name.lower(), closing == "/"] += times
    places = dict.fromkeys(HIDDEN, "hidden") | dict.fromkeys(AROUND, "around")
    kept = {
        name: place for name, place in places.items() if counts[name, False] == counts[name, True]
    }
    return kept | {"a": "a", "pre": "pre"}


def n_words(text: str) -> int:
    """Between blanks; where a script puts none, every character is one."""
    return len(text.split()) + (0 if text.isascii() else len(WITHOUT_BLANKS.findall(text)))


def keep(
    found: list[Block], parts: list[str], tag: str, linked: int, depth: dict[str, int]
) -> None:
    """Append what has been collected, if it is any text."""
    text = html.unescape("".join(parts))
    if depth["pre"]:
        text = text.replace("\xa0", " ").strip("\n").rstrip()
    else:
        text = " ".join(text.split())
    if text:
        found.append(Block(text, tag, depth["around"] > 0, n_words(text), linked))
