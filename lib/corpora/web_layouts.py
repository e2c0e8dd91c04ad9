"""HTML around a page's own content: what every extractor has to find its way through.

Four layouts, from a page that marks its article as such to one made of nested tables. What they put
around the content is the same on all pages of a host: menu, cookie notice, links, advertisement.
"""

from collections.abc import Callable, Sequence
from html import escape

from lib.corpora.web_languages import LANGUAGES

Links = Sequence[tuple[str, str]]  # (address, words)

ADVERTISEMENT = (
    "Advertisement: the umbrella that turns itself inside in. Only this week, only here! "
    "Order now and we send a second one for the price of the postage."
)
STYLE = "body{font-family:serif}.nav li{display:inline}.ad{color:#c00}/* <p>not a paragraph</p> */"
SCRIPT = (
    'var page={"words":["if (a < b && b > c) { track(page); }"]};'
    'document.title="<p>no text either</p>";'
)


def html_page(
    title: str,
    content: str,
    *,
    language: str = "en",
    layout: str = "plain",
    links: Links = (),
    meta: str = '<meta charset="utf-8">',
    host: str = "news.example",
) -> str:
    """A whole page. `content` is HTML, `links` go into the lists beside and below it."""
    if layout not in LAYOUTS:
        raise ValueError(f"The layouts are {sorted(LAYOUTS)}, and not {layout!r}.")
    phrases = LANGUAGES[language]
    body = LAYOUTS[layout](content, phrases.menu, link_list(links), phrases.notice, host)
    return (
        f'<!DOCTYPE html>\n<html lang="{language}">\n<head>\n{meta}\n'
        f"<title>{escape(title)} | {host}</title>\n<style>{STYLE}</style>\n"
        f"<script>{SCRIPT}</script>\n</head>\n<body>\n{body}\n</body>\n</html>\n"
    )


def link_list(links: Links) -> str:
    items = (f'<li><a href="{escape(href)}">{escape(words)}</a></li>' for href, words in links)
    return f"<ul>{''.join(items)}</ul>"


def menu_list(menu: Sequence[str]) -> str:
    """The menu: all of it leads to the host's first page."""
    return link_list([("/", words) for words in menu])


def paragraphs(title: str, texts: Sequence[str]) -> str:
    """The content of a simple page."""
    return "\n".join([f"<h1>{escape(title)}</h1>", *(f"<p>{escape(text)}</p>" for text in texts)])


def marked(content: str, menu: Sequence[str], links: str, notice: str, host: str) -> str:
    """What the standard asks for: header, nav, main, aside, footer."""
    return (
        f'<header><div class="logo">{host}</div><nav>{menu_list(menu)}</nav></header>\n'
        f"<main><article>\n{content}\n</article></main>\n"
        f'<aside class="related"><h2>Read next</h2>{links}</aside>\n'
        f'<div class="cookie-banner" role="dialog"><p>{notice}</p><button>OK</button></div>\n'
        f"<footer><p>© 2026 {host}. All rights reserved.</p></footer>"
    )


def plain(content: str, menu: Sequence[str], links: str, notice: str, host: str) -> str:
    """Only divisions, but with classes that say what they are."""
    return (
        f'<div id="navbar" class="nav">{menu_list(menu)}</div>\n'
        f'<div class="sidebar"><h3>Most read</h3>{links}<p class="ad">{ADVERTISEMENT}</p></div>\n'
        f'<div id="content" class="post-body">\n{content}\n</div>\n'
        f'<div class="cookie-notice">{notice}</div>\n'
        f'<div id="footer">© 2026 {host} · Privacy · Imprint · Terms of use</div>'
    )


def anonymous(content: str, menu: Sequence[str], links: str, notice: str, host: str) -> str:
    """Divisions with meaningless names, as programs make them: only the text itself can tell."""
    return (
        f'<div class="x1"><div class="x2">{menu_list(menu)}</div></div>\n'
        f'<div class="x3"><div class="x4">{content}</div>\n'
        f'<div class="x5">{links}</div><div class="x6"><p>{ADVERTISEMENT}</p></div></div>\n'
        f'<div class="x7"><p>{notice}</p></div>\n'
        f'<div class="x8"><a href="/">{host}</a> <a href="/">Privacy</a> © 2026</div>'
    )


def tables(content: str, menu: Sequence[str], links: str, notice: str, host: str) -> str:
    """As in 1998: tables in tables, fonts, tags in capitals and many that are never closed."""
    cells = "".join(f'<TD><A HREF="/"><FONT SIZE=2>{words}</FONT></A>' for words in menu)
    return (
        f"<CENTER><TABLE BORDER=0><TR>{cells}</TABLE></CENTER>\n<TABLE WIDTH=100%><TR>\n"
        f"<TD WIDTH=150 VALIGN=top><B>Links</B>{links}\n<TD VALIGN=top>\n{content}\n</TABLE>\n"
        f"<HR><FONT SIZE=1>{notice}<BR>Best viewed at 800 x 600. © {host}</FONT>"
    )


LAYOUTS: dict[str, Callable[..., str]] = {
    "marked": marked,
    "plain": plain,
    "anonymous": anonymous,
    "tables": tables,
}
