"""The crawl of assignment 4: some 330 pages as servers sent them, with flaws that are known.

    records = crawl(seed=0)                # in an order of their own
    records[0].url, records[0].body        # bytes

Pages come from the little web (lib.corpora.little_web), without Python's documentation, which
depends on the version: so a seed gives the same bytes everywhere. Seed 0 is for looking; tests draw
others. `truth` says what is what, which on the real web nobody knows: whoever filters must not ask.
"""

import hashlib
from functools import cache
from random import Random
from typing import NamedTuple

from lib.corpora.little_web import LittleWeb
from lib.corpora.web_sites import SITES
from lib.corpora.web_truth import Truth

HOSTS = tuple(site.host for site in SITES if site.host != "docs.example")
EXAMPLES = 10_000  # added to the seed of the pages that examples are taken from
CHECKSUM = "b29352086051b0c2"  # of crawl(0)


class Record(NamedTuple):
    """A page, as it came."""

    url: str
    body: bytes


class Examples(NamedTuple):
    """What others have labelled: texts with True where they are harmful, and texts to wish for."""

    toxic: list[tuple[str, bool]]
    adult: list[tuple[str, bool]]
    good: list[str]


@cache
def _web(seed: int, scale: float | int, hosts: tuple[str, ...]) -> LittleWeb:
    return LittleWeb(seed, scale, hosts)


def crawl(seed: int = 0, scale: float | int = 1) -> list[Record]:
    """All pages with an answer key, shuffled; `scale` multiplies their number."""
    pages = _web(seed, scale, HOSTS).pages
    records = [Record(url, page.body) for url, page in sorted(pages.items()) if page.truth]
    Random(f"{seed} order").shuffle(records)
    return records


def truth(seed: int = 0, scale: float | int = 1) -> dict[str, Truth]:
    """The answer key of each page, by its address."""
    return _web(seed, scale, HOSTS).truth


def examples(seed: int = 0) -> Examples:
    """Labelled texts from pages that are in no crawl."""
    gossip = _web(seed + EXAMPLES, 8, ("gossip.example",)).truth.values()
    texts = [(one.main_text, one.kind) for one in gossip if len(one.main_text.split()) >= 50]
    good = good_texts(seed + EXAMPLES)
    texts += [(text, "good") for text in good]
    toxic, adult = ([(text, kind == bad) for text, kind in texts] for bad in ("toxic", "adult"))
    return Examples(toxic, adult, good)


def good_texts(seed: int, scale: float | int = 1) -> list[str]:
    """Articles, tales, discussions and mathematics of 50 words or more: their texts, exactly."""
    hosts = ("forum.example", "maths.example", "news.example", "tales.example")
    pages = sorted(_web(seed, scale, hosts).truth.items())
    return [one.main_text for _, one in pages if len(one.main_text.split()) >= 50]


def checksum(records: list[Record]) -> str:
    """Sixteen digits that stand for all bytes of a crawl."""
    found = hashlib.sha256()
    for url, body in records:
        found.update(url.encode() + b"\0" + body + b"\0")
    return found.hexdigest()[:16]
