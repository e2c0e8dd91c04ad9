"""HTML cut into blocks: pieces of text that a browser would set apart, and what is known of each.

One regular expression walks over the page: a tag, or the text before the next one. That is enough
to know which block a word stands in and whether it is part of a link, and no page can break it.
"""

import html
import re
from collections import Counter
from dataclasses import dataclass

from lib.curation.scores import WORD

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
# A tag (quotes may hold a ">"), or text, or a lone "<". What has a + behind its repetition never
# gives back what it took, so no page makes this slow.
PIECE = re.compile(
    r"""<(/?)([a-zA-Z][\w:-]*)((?:[^<>"']++|"[^"<]{0,3000}+"|'[^'<]{0,3000}+'|["'])*+)>"""
    r"""|([^<]++)|<"""
)
TAG_NAME = re.compile(r"<(/?[a-z]+)")
SPACE = re.compile(r"\s+")


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
    page = CODE.sub(" ", page)
    closed = balanced(page)
    depth = {"a": 0, "pre": 0, "around": 0, "hidden": 0}  # how many of these are open
    found: list[Block] = []
    parts: list[str] = []
    linked, tag = 0, ""
    for closing, name, _, text in PIECE.findall(page):
        name = name.lower()
        if not name:
            if not depth["hidden"]:
                parts.append(text or "<")  # a lone one, as in "a < b"
                linked += len(WORD.findall(text)) if depth["a"] else 0
            continue
        if name not in INLINE:
            if parts:
                keep(found, parts, tag, linked, depth)
                parts, linked = [], 0
            tag = name
        place = name if name not in closed else "around" if name in AROUND else "hidden"
        if place in depth:
            depth[place] = max(0, depth[place] + (-1 if closing else 1))
    keep(found, parts, tag, linked, depth)
    return found


def balanced(page: str) -> set[str]:
    """Which of the tags that hide or frame text are closed as often as they are opened.

    The others are ignored: one that is never closed would swallow the rest of the page.
    """
    counts = Counter(TAG_NAME.findall(page.lower()))
    return {name for name in HIDDEN | AROUND if counts[f"/{name}"] == counts[name] > 0}


def keep(
    found: list[Block], parts: list[str], tag: str, linked: int, depth: dict[str, int]
) -> None:
    """Append what has been collected, if it is any text."""
    text = html.unescape("".join(parts)).replace("\xa0", " ")
    text = text.strip("\n").rstrip() if depth["pre"] else SPACE.sub(" ", text).strip()
    if text.strip():
        around = depth["around"] > 0
        found.append(Block(text, tag, around, len(WORD.findall(text)), linked))
