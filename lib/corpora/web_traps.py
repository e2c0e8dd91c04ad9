"""Pages that are made while they are asked for: traps for crawlers, and servers that fail.

On the real web most traps are accidents: a calendar with a link to the next month, a shop that puts
a session into every address, a menu whose relative links grow at every step.
"""

from collections.abc import Callable
from urllib.parse import urlsplit

from lib.corpora.web_layouts import html_page, paragraphs
from lib.corpora.web_truth import Page, Truth

HTML = (("Content-Type", "text/html; charset=utf-8"),)
HOST = "traps.example"
BIG = 1_500_000  # bytes

REDIRECTS = {  # address -> (status, where to)
    "http://traps.example/moved": (301, "http://news.example/2026/1"),
    "http://traps.example/hop1": (302, "/hop2"),
    "http://traps.example/hop2": (307, "/hop3"),
    "http://traps.example/hop3": (308, "http://world.example/de/0"),
    "http://traps.example/loop1": (302, "/loop2"),
    "http://traps.example/loop2": (302, "/loop1"),
    "http://traps.example/into-private": (301, "http://private.example/2026/1"),
    "http://traps.example/nowhere": (301, "http://"),
}
# What the front page of the traps links to.
DOORS = (
    "/calendar/2026/11", "/shop?sid=1", "/maze/left/", "/soft/one/", "/search?q=a", "/flaky",
    "/dead", "/cut", "/big", "/picture.png", "/lies", "/gzip", "/chunked", "/?",
    "/%7Ehome/../flaky",
    *(urlsplit(url).path for url in REDIRECTS),
)  # fmt: skip


def trap_page(url: str, n_earlier: int = 0) -> Page:
    """What the host of the traps answers; `n_earlier` counts earlier requests for this address."""
    parts = urlsplit(url)
    if url in REDIRECTS:
        status, target = REDIRECTS[url]
        return Page(url, status, (("Location", target), ("Content-Length", "0")), b"")
    first = parts.path.split("/")[1]
    if first in MADE:
        return MADE[first](url, parts.path, parts.query, n_earlier)
    return Page(url, 404, HTML, made("Not found", "There is no such page.", ()))


def made(title: str, text: str, links: tuple[str, ...]) -> bytes:
    content = paragraphs(title, [text])
    return html_page(title, content, links=[(href, "next") for href in links], host=HOST).encode()


def trap(url: str, title: str, text: str, *links: str) -> Page:
    truth = Truth(url, "trap", "en", f"{title}\n\n{text}")
    return Page(url, 200, HTML, made(title, text, links), truth)


def calendar(url: str, path: str, query: str, n: int) -> Page:
    """The next month has a page, and so has the month after it, until the end of time."""
    try:
        year, month = (int(part) for part in path.split("/")[2:4])
    except ValueError:
        return Page(url, 404, HTML, made("Not found", "No such month.", ()))
    following = f"/calendar/{year + month // 12}/{month % 12 + 1}"
    return trap(url, f"Month {month} of {year}", "Nothing happens in this month.", following)


def session(url: str, path: str, query: str, n: int) -> Page:
    """The same page under a new address for every visitor, as often as a link is followed."""
    number = int("".join(filter(str.isdigit, query)) or 0)
    return trap(url, "Your basket", "It is empty.", f"/shop?sid={number + 1}")


def maze(url: str, path: str, query: str, n: int) -> Page:
    """Links that make the path longer: /maze/left/right/left/right/ ..."""
    depth = path.count("/")
    return trap(url, f"Corner {depth}", f"You are {depth} corners away.", "left/", "right/")


def soft_404(url: str, path: str, query: str, n: int) -> Page:
    """Says "not found" with status 200, and its relative links lead to more of it."""
    return trap(url, "Sorry", "We could not find this page.", "one/", "two/")


def search(url: str, path: str, query: str, n: int) -> Page:
    """Every search suggests longer ones."""
    wanted = query.rpartition("=")[2]
    texts = (f"Results for {wanted}", f"{len(wanted)} letters were looked up.")
    return trap(url, *texts, *(f"/search?q={wanted}{letter}" for letter in "abc"))


def flaky(url: str, path: str, query: str, n: int) -> Page:
    """Fails once, then works."""
    if n == 0:
        return Page(url, 503, (("Retry-After", "0"), *HTML), b"try again")
    text = "This page has an answer only for those who ask twice."
    truth = Truth(url, "article", "en", f"Patience\n\n{text}")
    return Page(url, 200, HTML, made("Patience", text, ()), truth)


def sent(url: str, title: str, text: str, manner: str) -> Page:
    truth = Truth(url, "article", "en", f"{title}\n\n{text}")
    return Page(url, 200, HTML, made(title, text, ()), truth, manner)


PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 4
MADE: dict[str, Callable[[str, str, str, int], Page]] = {
    "calendar": calendar,
    "shop": session,
    "maze": maze,
    "soft": soft_404,
    "search": search,
    "flaky": flaky,
    "dead": lambda url, *_: Page(url, 500, HTML, b"this server is ill"),
    "cut": lambda url, *_: Page(url, 200, HTML, b"<p>never whole</p>" * 100, manner="cut"),
    "hang": lambda url, *_: Page(url, 200, HTML, b"<p>late</p>", manner="hang"),
    "big": lambda url, *_: Page(url, 200, HTML, b"<p>" + b"more and " * (BIG // 9)),
    "picture.png": lambda url, *_: Page(url, 200, (("Content-Type", "image/png"),), PNG),
    "lies": lambda url, *_: Page(url, 200, HTML, PNG),
    "gzip": lambda url, *_: sent(url, "Packed", "This page travels compressed.", "gzip"),
    "chunked": lambda url, *_: sent(url, "In pieces", "This page travels in pieces.", "chunked"),
}
