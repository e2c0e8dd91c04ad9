"""The little web: some 500 pages on fifteen hosts that exist only on this machine.

    web = LittleWeb(seed=0)
    web.respond("http://news.example/2026/3").body     what a server would send
    web.truth["http://news.example/2026/3"].main_text  what should be found in it

Half of it is Python's documentation as pydoc renders it; the rest is generated, with its flaws
planted and written down (web_truth.py). The same seed gives the same bytes, on every machine that
has the same version of Python.
"""

from collections.abc import Iterator
from random import Random
from urllib.parse import urlsplit

from lib.corpora.documents import Corpus, Document
from lib.corpora.web_layouts import html_page, paragraphs
from lib.corpora.web_sites import SITES, Draft, Site, drafts
from lib.corpora.web_traps import DOORS, HOST, trap_page
from lib.corpora.web_truth import Page, Truth

PORTAL = "http://portal.example/"
PER_LISTING = 20


class LittleWeb:
    """All pages of the little web, made at once; traps are made while they are asked for.

    `scale` multiplies the number of pages (of Python's documentation there are 230, no more),
    `hosts` limits what is made.
    """

    def __init__(self, seed: int = 0, scale: float | int = 1, hosts: tuple[str, ...] | None = None):
        self.seed = seed
        self.sites = [site for site in SITES if hosts is None or site.host in hosts]
        self.pages: dict[str, Page] = {}
        for site in self.sites:
            self._add_site(site, list(drafts(site, seed, scale)))
        self._add_portal()
        self.truth = {url: page.truth for url, page in self.pages.items() if page.truth}

    @property
    def seeds(self) -> list[str]:
        """Where a crawl starts."""
        return [PORTAL]

    @property
    def hosts(self) -> list[str]:
        return ["portal.example", HOST, *(site.host for site in self.sites)]

    def allowed(self) -> set[str]:
        """The pages that a polite crawler finds, all of them; what the traps hold comes on top."""
        return {url for url, truth in self.truth.items() if truth.allowed}

    def respond(self, url: str, n_earlier: int = 0) -> Page:
        """The answer to a request, the same whenever it is asked for."""
        parts = urlsplit(url)
        if parts.path == "/robots.txt":
            return self._robots(url, parts.netloc)
        if url in self.pages and parts.netloc != HOST:
            return self.pages[url]
        if parts.netloc == HOST and parts.path != "/":
            return trap_page(url, n_earlier)
        if parts.netloc == HOST:
            return self._page(url, "Doors", "", [(path, path) for path in DOORS])
        return self._page(url, "404", "", [("/", "Back")], status=404)

    def _robots(self, url: str, host: str) -> Page:
        plain = (("Content-Type", "text/plain"),)
        if host == "broken.example":
            return Page(url, 503, plain, b"")
        rules = {site.host: site.robots for site in self.sites}.get(host)
        if rules is None:
            return Page(url, 404, plain, b"no rules here")
        return Page(url, 200, plain, rules.encode())

    def _add_site(self, site: Site, made: list[Draft]) -> None:
        for number, draft in enumerate(made):
            page = self._render(site, draft, self._links(site, made, number))
            self.pages[page.url] = page
        for first in range(0, len(made), PER_LISTING):
            number = first // PER_LISTING + 1
            links = [(d.path, d.content.title) for d in made[first : first + PER_LISTING]]
            if first + PER_LISTING < len(made):
                links.append((f"/page/{number + 1}", "Older"))
            path = "/" if number == 1 else f"/page/{number}"
            url = f"http://{site.host}{path}"
            closed = site.host in ("private.example", "broken.example")
            self.pages[url] = self._page(url, f"Page {number}", site.layout, links, not closed)

    def _add_portal(self) -> None:
        links = [(f"http://{host}/", f"Visit {host}") for host in self.hosts[1:]]
        links += [("mailto:ada@example.org", "Write"), ("javascript:void(0)", "Top")]
        links += [("https://www.python.org/", "Outside"), ("ftp://old.example/", "Files")]
        doors = [(f"http://{HOST}{path}", "Door") for path in ("/flaky", "/gzip", "/chunked")]
        self.pages[PORTAL] = self._page(PORTAL, "Portal", "plain", links + doors)
        for url in (f"http://{HOST}/", *(href for href, _ in doors)):
            self.pages[url] = self.respond(url, n_earlier=1)

    def _page(
        self,
        url: str,
        title: str,
        layout: str,
        links: list,
        allowed: bool = True,
        status: int = 200,
    ) -> Page:
        """A page of links."""
        host = urlsplit(url).netloc
        layout, content = layout or "plain", paragraphs(title, [])
        body = html_page(title, content, layout=layout, links=links, host=host)
        truth = Truth(url, "listing", "en", "", allowed=allowed) if status == 200 else None
        headers = (("Content-Type", "text/html; charset=utf-8"),)
        return Page(url, status, headers, body.encode(), truth)

    def _links(self, site: Site, made: list[Draft], number: int) -> list[tuple[str, str]]:
        """The neighbours and two others, their addresses written in all the ways that there are."""
        draw = Random(f"{self.seed} links {site.host} {number}")
        chosen = [made[number - 1], made[(number + 1) % len(made)], *draw.choices(made, k=2)]
        return [(messy(site.host, d.path, draw), d.content.title) for d in chosen]

    def _render(self, site: Site, draft: Draft, links: list[tuple[str, str]]) -> Page:
        """Draft to bytes: HTML around it, encoded and declared as the draft says."""
        name = {"utf-8-sig": "utf-8", "cp1252": "windows-1252", "cp1251": "windows-1251"}.get(
            draft.encoding, draft.encoding
        )
        stated = {"wrong": "iso-8859-1"}.get(draft.declared, name)
        in_meta = draft.declared in ("meta", "both", "damaged")
        in_header = draft.declared in ("header", "both", "wrong")
        text = html_page(
            draft.content.title,
            draft.content.html,
            language=draft.language,
            layout=site.layout,
            links=links,
            meta=f'<meta charset="{stated}">' if in_meta else "",
            host=site.host,
        )
        body = text.encode(draft.encoding, "xmlcharrefreplace")
        if draft.declared == "damaged":
            body = body.replace(b"<p>", b"<p>\xff ")
        url = f"http://{site.host}{draft.path}"
        kind = "text/html" + f"; charset={stated}" * in_header
        truth = Truth(
            url,
            draft.kind,
            draft.language,
            draft.content.text,
            draft.encoding,
            draft.allowed,
            draft.copy_of,
            draft.jaccard,
            draft.personal,
        )
        return Page(url, 200, (("Content-Type", kind),), body, truth)


def messy(host: str, path: str, draw: Random) -> str:
    """One of many ways to write the same address; canonical(...) makes one of all of them."""
    return draw.choice(
        (
            path,
            f"http://{host}{path}",
            f"HTTP://{host.upper()}:80{path}",
            f"//{host}{path}#comments",
            f"/nothing/..{path}",
            f"{path}?utm_source=mail&utm_medium=link",
        )
    )


class WebTexts(Corpus):
    """The main texts of a little web as a corpus: what a perfect pipeline would get out of it."""

    name = "little-web"
    licence = "this project's own; docs.example: PSF-2.0"

    def __init__(self, web: LittleWeb, kinds: tuple[str, ...] | None = None):
        self.web, self.kinds = web, kinds

    def __iter__(self) -> Iterator[Document]:
        for url in sorted(self.web.truth):
            truth = self.web.truth[url]
            if truth.main_text and (self.kinds is None or truth.kind in self.kinds):
                yield Document(url, truth.main_text, f"little web, seed {self.web.seed}")
