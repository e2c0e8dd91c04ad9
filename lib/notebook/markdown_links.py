"""The links of a Markdown text, for the tests that follow them."""

import html
import re
from collections.abc import Iterator

_FENCE = re.compile(r"(?ms)^ *(?P<marks>`{3,}|~{3,}).*?(?:^ *(?P=marks)[`~]* *$|\Z)")
_CODE = re.compile(r"(?s)(?<!`)(?P<marks>`+)(?!`).+?(?<!`)(?P=marks)(?!`)")

_WORDS = r"\[(?P<words>(?:[^\[\]]|\[[^\[\]]*\](?:\([^()]*\))?)*)\]"  # may hold a picture
_TARGET = r"<?(?P<target>(?:[^()\s<>]|\([^()\s]*\))+)>?"
_INLINE = re.compile(_WORDS + r"\(\s*" + _TARGET + r"(?:\s+[\"'(][^()]*)?\s*\)")
_BY_NAME = re.compile(_WORDS + r"(?:\[(?P<name>[^\[\]]*)\])?(?![(:])")
_DEFINITION = re.compile(r"(?m)^ {0,3}\[(?P<name>[^\]]+)\]: *<?(?P<target>[^\s>]+)>?.*$")
_BARE = re.compile(r"(?<![\w\"'(=])https?://[^\s<>\")\]]+")
_ANCHOR = re.compile(r"(?is)<a\s[^>]*?href=([\"'])(?P<target>.*?)\1[^>]*>(?P<words>.*?)</a>")


def links(markdown: str) -> Iterator[tuple[str, str]]:
    """The words and the target of every link and picture; a bare address is its own words.

    links("see [the docs](a.md)")  ->  ("the docs", "a.md")

    Inline links, links by name, bare addresses and HTML anchors count; what is in code does not.
    """
    text = _CODE.sub("code", _FENCE.sub("", markdown))
    named = {found["name"].casefold(): found["target"] for found in _DEFINITION.finditer(text)}
    text = _DEFINITION.sub("", text)
    for found in _INLINE.finditer(text):
        yield found["words"], found["target"]
        yield from links(found["words"])
    for found in _BY_NAME.finditer(text):
        target = named.get((found["name"] or found["words"]).casefold())
        if target:
            yield found["words"], target
    for found in _ANCHOR.finditer(text):
        yield re.sub(r"<[^>]+>", "", found["words"]), html.unescape(found["target"])
    for found in _BARE.finditer(_ANCHOR.sub("", text)):
        bare = found[0].rstrip(".,;:!?")
        yield bare, bare
