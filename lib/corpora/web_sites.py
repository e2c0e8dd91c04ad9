"""The sites of the little web, as drafts: what stands on each page, before any HTML around it.

Everything is drawn from a generator named after seed, host and page, so a page does not change when
others are added.
"""

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from random import Random

from lib.corpora.pydoc_pages import pydoc_pages
from lib.corpora.tales import Tales
from lib.corpora.web_forms import Content, code, maths, thread
from lib.corpora.web_languages import LANGUAGES, text
from lib.corpora.web_layouts import paragraphs
from lib.corpora.web_plants import (
    ADULT_WORDS,
    TOXIC_WORDS,
    changed,
    spam,
    sprinkled,
    with_personal_data,
)
from lib.corpora.web_truth import Personal, jaccard


@dataclass(frozen=True, slots=True)
class Draft:
    """One page: its path, its content, and what is true of it."""

    path: str
    kind: str
    content: Content
    language: str = "en"
    encoding: str = "utf-8"
    declared: str = "both"  # where the encoding is stated, see little_web.py
    allowed: bool = True
    copy_of: str | None = None
    jaccard: float | None = None
    personal: tuple[Personal, ...] = ()


@dataclass(frozen=True, slots=True)
class Site:
    """Where a site is, what it looks like, how many pages it has at scale 1, and its robots.txt."""

    host: str
    layout: str
    n_pages: int
    robots: str | None  # None: there is none


SITES = (
    Site("news.example", "marked", 48, "User-agent: *\nDisallow: /members/\nAllow: /\n"),
    Site("world.example", "plain", 42, "# all may come\nUser-agent: *\nDisallow:\n"),
    Site("tales.example", "anonymous", 24, None),
    Site("mirror.example", "anonymous", 30, "User-agent: *\nDisallow: /*?print=\n"),
    Site("people.example", "plain", 30, "User-agent: *\nCrawl-delay: 0.02\nDisallow: /staff$\n"),
    Site("shop.example", "plain", 20, None),
    Site("gossip.example", "anonymous", 24, None),
    Site(
        "forum.example",
        "plain",
        18,
        "User-agent: other-bot\nDisallow: /\n\n"
        "User-agent: *\nDisallow: /login\nAllow: /login/help\n",
    ),
    Site("maths.example", "marked", 20, None),
    Site(
        "code.example",
        "plain",
        16,
        "User-agent: *\nDisallow: /\n\nUser-agent: little-crawler\nDisallow: /archive/\n",
    ),
    Site("old.example", "tables", 22, None),
    Site("docs.example", "marked", 230, "User-agent: *\nAllow: /\n"),
    Site("private.example", "marked", 4, "User-agent: *\nDisallow: /\n"),
    Site("broken.example", "marked", 2, "answers with an error, see little_web.py"),
)
# Texts of old.example: language, encoding, and where it is declared ("wrong": falsely).
ENCODINGS = (
    ("de", "cp1252", "header"),
    ("fr", "iso8859-1", "meta"),
    ("ru", "cp1251", "none"),
    ("ru", "koi8-r", "meta"),
    ("zh", "gb18030", "header"),
    ("es", "utf-16", "none"),  # with a mark in front of it
    ("it", "utf-8-sig", "none"),
    ("tr", "iso8859-9", "meta"),
    ("fr", "utf-8", "wrong"),
    ("de", "utf-8", "damaged"),
    ("en", "ascii", "none"),
)
COPY_SHARES = (0.0, 0.005, 0.01, 0.02, 0.05, 0.1)  # of the words that are changed


def drafts(site: Site, seed: int, scale: float | int) -> Iterator[Draft]:
    """All pages of a site, in order."""
    if site.host == "docs.example":
        yield from documentation(max(1, round(site.n_pages * scale)))
        return
    for i in range(max(1, round(site.n_pages * scale))):
        draw = Random(f"{seed} {site.host} {i}")
        draft = MAKERS.get(site.host, article)(i, draw, seed)
        closed = site.host in ("private.example", "broken.example") or draft.path.startswith(
            ("/members/", "/archive/")
        )
        yield replace(draft, allowed=not closed)


def simple(title: str, texts: list[str]) -> Content:
    return Content(title, paragraphs(title, texts), "\n\n".join([title, *texts]))


def original(i: int, seed: int) -> tuple[str, list[str]]:
    """Article number i of news.example: the copies are made from it."""
    draw = Random(f"{seed} article {i}")
    return text("en", draw, draw.randint(3, 7))


def article_path(i: int) -> str:
    return f"/members/{i}" if i % 16 == 15 else f"/2026/{i}"


def article(i: int, draw: Random, seed: int) -> Draft:
    return Draft(article_path(i), "article", simple(*original(i, seed)))


def foreign(i: int, draw: Random, seed: int) -> Draft:
    others = [language for language in LANGUAGES if language != "en"]
    language = others[i % len(others)]
    return Draft(f"/{language}/{i}", "foreign", simple(*text(language, draw)), language)


def story(i: int, draw: Random, seed: int) -> Draft:
    told = Tales(seed=seed, n_documents=i + 1).document(i).text
    content = simple(f"Tale number {i}", [part for part in told.split("\n") if part.strip()])
    return Draft(f"/tale/{i}", "story", content)


def copy(i: int, draw: Random, seed: int) -> Draft:
    """Six copies of every article, from an exact one to one with every tenth word changed."""
    number, share = i // len(COPY_SHARES), COPY_SHARES[i % len(COPY_SHARES)]
    title, texts = original(number, seed)
    content = simple(title, changed(texts, share, draw))
    url = f"http://news.example{article_path(number)}"
    similarity = jaccard(simple(title, texts).text, content.text)
    return Draft(f"/copy/{i}", "copy", content, copy_of=url, jaccard=similarity)


def personal(i: int, draw: Random, seed: int) -> Draft:
    title, texts = text("en", draw, 4)
    texts, found = with_personal_data(title, texts, draw)
    return Draft(f"/person/{i}", "personal", simple(title, texts), personal=found)


def keywords(i: int, draw: Random, seed: int) -> Draft:
    return Draft(f"/deal/{i}", "spam", simple(*spam(draw)))


def gossip(i: int, draw: Random, seed: int) -> Draft:
    """Every third page rude, every third for adults, every third harmless."""
    kind, lexicon = (("toxic", TOXIC_WORDS), ("adult", ADULT_WORDS), ("article", ()))[i % 3]
    title, texts = text("en", draw, 4)
    texts = sprinkled(texts, lexicon, draw) if lexicon else texts
    return Draft(f"/rumour/{i}", kind, simple(title, texts))


def repository(i: int, draw: Random, seed: int) -> Draft:
    return Draft(f"/{'archive' if i % 8 == 7 else 'repo'}/{i}", "code", code(draw))


def old(i: int, draw: Random, seed: int) -> Draft:
    language, encoding, declared = ENCODINGS[i % len(ENCODINGS)]
    kind = "article" if language == "en" else "foreign"
    content = simple(*text(language, draw))
    return Draft(f"/~page{i}.htm", kind, content, language, encoding, declared)


MAKERS = {
    "world.example": foreign,
    "tales.example": story,
    "mirror.example": copy,
    "people.example": personal,
    "shop.example": keywords,
    "gossip.example": gossip,
    "forum.example": lambda i, draw, seed: Draft(f"/thread/{i}", "thread", thread(draw)),
    "maths.example": lambda i, draw, seed: Draft(f"/note/{i}", "maths", maths(draw)),
    "code.example": repository,
    "old.example": old,
}


def documentation(n_pages: int) -> Iterator[Draft]:
    """Python's documentation; its text is what stands between the tags of pydoc's own HTML."""
    for name, (title, content) in list(pydoc_pages().items())[:n_pages]:
        path = f"/{name}.html"
        yield Draft(path, "pydoc", Content(title, content, text_between_tags(content)))


def text_between_tags(content: str) -> str:
    """Enough for what pydoc writes, where every < in the text is written &lt;."""
    lines = re.sub(r"<br>|</p>|</tr>|</dt>|</dd>|</h\d>", "\n", content)
    plain = html.unescape(re.sub(r"<[^>]*>", "", lines)).replace("\xa0", " ")
    return "\n".join(line.rstrip() for line in plain.splitlines() if line.strip())
