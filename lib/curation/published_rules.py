"""The rule filters that papers have published, with their limits.

`GOPHER_QUALITY` and `GOPHER_REPETITION` are those of MassiveText (Rae et al., arXiv 2112.11446),
which nearly everybody uses since; `FINEWEB` adds three found by comparing pages that help with
pages that do not (Penedo et al., arXiv 2406.17557). C4's rules, which also cut lines out of a page
that stays, are in c4.py.
"""

from functools import partial
from operator import attrgetter, methodcaller

from lib.curation.rules import Rule

GOPHER_QUALITY = [
    Rule("words", attrgetter("n_words"), 50, 100_000),
    Rule("mean length of words", attrgetter("mean_word_length"), 3, 10),
    Rule("# or ... per word", attrgetter("symbols_per_word"), high=0.1),
    Rule("lines that begin with a bullet", attrgetter("bullet_lines"), high=0.9),
    Rule("lines that end with an ellipsis", attrgetter("ellipsis_lines"), high=0.3),
    Rule("words with a letter", attrgetter("words_with_letter"), low=0.8),
    Rule("different stop words", attrgetter("n_stop_words"), low=2),
]

_top = partial(methodcaller, "characters_in_top_run")
_again = partial(methodcaller, "characters_in_duplicate_runs")

GOPHER_REPETITION = [
    Rule("duplicate lines", methodcaller("duplicates", "lines"), high=0.30),
    Rule("duplicate paragraphs", methodcaller("duplicates", "paragraphs"), high=0.30),
    Rule(
        "characters in duplicate lines",
        methodcaller("characters_in_duplicates", "lines"),
        high=0.20,
    ),
    Rule(
        "characters in duplicate paragraphs",
        methodcaller("characters_in_duplicates", "paragraphs"),
        high=0.20,
    ),
    *(
        Rule(f"characters in the most frequent run of {n} words", _top(n), high=limit)
        for n, limit in ((2, 0.20), (3, 0.18), (4, 0.16))
    ),
    *(
        Rule(f"characters in repeated runs of {n} words", _again(n), high=limit)
        for n, limit in ((5, 0.15), (6, 0.14), (7, 0.13), (8, 0.12), (9, 0.11), (10, 0.10))
    ),
]

END_MARKS = (".", "?", "!", '"', "'", "”", "’", "…", ":", ";")  # of FineWeb, our reading of it

FINEWEB = [
    Rule(
        "lines that end in punctuation",
        methodcaller("lines_ending_in", END_MARKS),
        low=0.12,
        strict=True,
    ),
    Rule(
        "characters in duplicate lines",
        methodcaller("characters_in_duplicates", "lines"),
        high=0.1,
        strict=True,
    ),
    Rule(
        "lines of less than 30 characters",
        methodcaller("lines_shorter_than", 30),
        high=0.67,
        strict=True,
    ),
    Rule("line breaks per word", attrgetter("newlines_per_word"), high=0.3),
]

FILTERS = {
    "Gopher quality": GOPHER_QUALITY,
    "Gopher repetition": GOPHER_REPETITION,
    "FineWeb": FINEWEB,
}
