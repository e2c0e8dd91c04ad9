"""What is known about a page of the little web: the answer key for everything built on it.

On the real web nobody knows which words of a page are its text, which of two pages is the copy, or
how many telephone numbers a filter missed. Here the generator knows, because it put them there.
"""

import re
from dataclasses import dataclass

WORD = re.compile(r"\w+")
SHINGLE = 5  # words: what MinHash pipelines mostly take, see filter_rules.csv


@dataclass(frozen=True, slots=True)
class Personal:
    """A piece of personal data: what it is, and where in the page's main text it stands."""

    kind: str  # "email", "phone", "ipv4", "ipv6", "card", "iban", "ssn"
    text: str
    start: int
    plain: bool = (
        True  # False: written so that a machine hardly finds it ("ann at example dot org")
    )


@dataclass(frozen=True, slots=True)
class Truth:
    """The answer key of one page.

    `main_text` has paragraphs with an empty line between them, the title first. `kind` is one of
    KINDS, `language` an ISO 639-1 code, `encoding` what the bytes really are in (Python's name).
    """

    url: str
    kind: str
    language: str
    main_text: str
    encoding: str = "utf-8"
    allowed: bool = True  # by the host's robots.txt
    copy_of: str | None = None  # the address of the original
    jaccard: float | None = None  # similarity of the two main texts, computed exactly
    personal: tuple[Personal, ...] = ()


KINDS = {
    "article": "news in English, without any flaw",
    "foreign": "news in one of the other languages",
    "story": "a tale from the grammar of the tales",
    "copy": "an article again, with a few words changed or none",
    "personal": "an article with personal data in it",
    "spam": "words for search engines",
    "toxic": "an article with words that stand for insults",
    "adult": "an article with words that stand for what children should not read",
    "thread": "a discussion: questions, answers, comments",
    "maths": "an article with formulas",
    "code": "a repository: a description and source files",
    "pydoc": "documentation of Python as pydoc renders it",
    "listing": "links to other pages; no text of its own",
    "trap": "made while it is asked for, without end",
}


@dataclass(frozen=True, slots=True)
class Page:
    """What a server answers: status, header lines, body, and the truth if there is one.

    `manner` is how it is sent: "gzip", "chunked", "cut" (the connection ends too early), "hang".
    """

    url: str
    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    truth: Truth | None = None
    manner: str = ""


def words(text: str) -> list[str]:
    """Words in lower case. A language without spaces gives long ones, which is fine for copies."""
    return WORD.findall(text.lower())


def shingles(text: str, n: int = SHINGLE) -> set[tuple[str, ...]]:
    """All runs of n neighbouring words; one shorter run if the text is shorter than that."""
    found = words(text)
    return {tuple(found[i : i + n]) for i in range(max(1, len(found) - n + 1))}


def jaccard(one: str, other: str, n: int = SHINGLE) -> float:
    """Shared shingles over all shingles: 1 for texts of the same words, 0 for strangers."""
    a, b = shingles(one, n), shingles(other, n)
    return len(a & b) / len(a | b)
