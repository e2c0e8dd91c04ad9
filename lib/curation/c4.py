"""C4's rules (Raffel et al., arXiv 1910.10683): lines are dropped first, then whole pages.

A line stays if it ends like a sentence and has at least five words. A page stays if three sentences
are left, and nothing in it says "lorem ipsum" or contains a curly brace, which stands for code, or
a word of a blocklist.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass

from lib.curation.rules import Finding

END_MARKS = (".", "?", "!", '"')
MIN_WORDS_PER_LINE, MIN_SENTENCES, MAX_WORD_LENGTH = 5, 3, 1000
NOTICES = ("javascript", "terms of use", "privacy policy", "cookie policy", "uses cookies")
CITATION = re.compile(r"\[(\d+|edit|citation needed)\]")
SENTENCE_END = re.compile(r"[.?!][\"')\]]*(\s|$)")


@dataclass(frozen=True)
class Cleaned:
    """The lines that stay, why others went, and why the page goes, if it does."""

    text: str
    dropped_lines: dict[str, int]  # reason: how many
    findings: list[Finding]


def c4(text: str, blocklist: Collection[str] = ()) -> Cleaned:
    """Clean a page. `blocklist` has words in lower case; C4 took a public list of bad words."""
    kept, dropped = [], {}
    for raw in text.splitlines():
        line = CITATION.sub("", raw).strip()
        reason = _line_reason(line)
        if reason is None:
            kept.append(line)
        elif line:
            dropped[reason] = dropped.get(reason, 0) + 1
    cleaned = "\n".join(kept)
    return Cleaned(cleaned, dropped, _findings(text.lower(), cleaned, set(blocklist)))


def _line_reason(line: str) -> str | None:
    words, small = line.split(), line.lower()
    if not line.endswith(END_MARKS) or line.endswith("..."):
        return "does not end like a sentence"
    if len(words) < MIN_WORDS_PER_LINE:
        return "has fewer than five words"
    if any(len(word) > MAX_WORD_LENGTH for word in words):
        return "has a word of more than 1,000 characters"
    if any(notice in small for notice in NOTICES):
        return "is a notice"
    return None


def _findings(page: str, cleaned: str, blocklist: set[str]) -> list[Finding]:
    """`page` is in lower case."""
    sentences = len(SENTENCE_END.findall(cleaned))
    bad = sum(word in blocklist for word in re.findall(r"\w+", page)) if blocklist else 0
    counts = [
        ("sentences", sentences, sentences >= MIN_SENTENCES, f"at least {MIN_SENTENCES}"),
        ("curly braces", n := page.count("{"), n == 0, "none"),
        ("lorem ipsum", n := page.count("lorem ipsum"), n == 0, "none"),
        ("words of the blocklist", bad, bad == 0, "none"),
    ]
    return [Finding(name, value, limits) for name, value, good, limits in counts if not good]
