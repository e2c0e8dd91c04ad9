"""Addresses: one way to write each, and how to find them in a page.

A page that is linked in five spellings must be fetched once. `canonical` does what RFC 3986
(section 6.2) allows because it never changes what is meant, and two things that could, but in
practice do not: it drops the fragment, and parameters that only say who came from where.
"""

import re
from html import unescape
from urllib.parse import quote, urljoin, urlsplit, urlunsplit

DEFAULT_PORTS = {"http": 80, "https": 443}
TRACKING = re.compile(r"(utm_\w+|fbclid|gclid|sid|session_?id|phpsessid|jsessionid)(=|$)", re.I)
SESSION_IN_PATH = re.compile(r";jsessionid=[^/]*", re.I)
ESCAPE = re.compile(r"%([0-9a-fA-F]{2})")
UNRESERVED = re.compile(r"[A-Za-z0-9._~-]")
NO_TAGS_INSIDE = re.compile(r"<!--.*?-->|<(script|style)\b.*?</\1", re.I | re.S)
# Quotes may hold a ">". The ++ never give back what they took, so no page makes this slow.
TAG = re.compile(
    r"""<(a|area|base|frame|iframe|meta)\b((?:[^<>"']++|"[^"]{0,3000}+"|'[^']{0,3000}+')*+)>""",
    re.I,
)
ATTRIBUTE = re.compile(r"""([^\s=>"'/]+)\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s>"']+))""")
MAX_LENGTH = 2000  # longer addresses are mostly accidents


def canonical(url: str, base: str = "") -> str | None:
    """The one spelling of an address, joined to `base` if it is relative; None if it is no page's.

    Canonical addresses stay as they are, so it does not matter how often this is done.
    """
    try:
        parts = urlsplit(urljoin(base, url.strip()))
        port, host = parts.port, (parts.hostname or "").rstrip(".")
        host = host if host.isascii() else host.encode("idna").decode()
    except ValueError:  # a port of letters, half an address in brackets, an impossible name
        return None
    scheme = parts.scheme.lower()
    if scheme not in DEFAULT_PORTS or not re.fullmatch(r"[\w.-]+|[0-9a-f:.]+", host):
        return None
    host = f"[{host}]" if ":" in host else host
    netloc = host if port in (None, DEFAULT_PORTS[scheme]) else f"{host}:{port}"
    path = SESSION_IN_PATH.sub("", without_dots(escaped(parts.path) or "/"))
    kept = [
        part for part in escaped(parts.query, "?").split("&") if part and not TRACKING.match(part)
    ]
    whole = urlunsplit((scheme, netloc, path, "&".join(kept), ""))
    return whole if len(whole) <= MAX_LENGTH else None


def escaped(text: str, also: str = "") -> str:
    """Percent signs where they are needed and only there, with capital digits."""
    text = ESCAPE.sub(plain_escape, text) if "%" in text else text
    text = re.sub(r"%(?![0-9A-F]{2})", "%25", text)
    return quote(text, safe="%/:@!$&'()*+,;=~" + also, errors="replace")


def plain_escape(match: re.Match[str]) -> str:
    """%7e is ~, since ~ needs no escape; %2f stays %2F, since it is no /."""
    character = chr(int(match[1], 16))
    return character if UNRESERVED.fullmatch(character) else match[0].upper()


def without_dots(path: str) -> str:
    """Steps up and in place are taken: /a/./b/../c is /a/c."""
    kept: list[str] = []
    parts = path.split("/")[1:]
    for part in parts:
        if part == "..":
            del kept[-1:]
        elif part != ".":
            kept.append(part)
    if parts[-1] in (".", ".."):
        kept.append("")
    # "//x" at the start would make x a host when somebody reads the path as an address
    return "/" + "/".join(kept).lstrip("/")


def host_of(url: str) -> str:
    """The host with its port: what a robots.txt holds for, and what politeness counts by."""
    return urlsplit(url).netloc


def links(text: str, url: str) -> list[str]:
    """Canonical addresses that a page links to, each once, in order; none if it asks not to follow.

    A search for the few tags that matter, since a crawler needs no more, and nothing can break it.
    """
    base, found, follow = url, [], True
    for tag, inside in TAG.findall(NO_TAGS_INSIDE.sub("", text)):
        about = {
            m[1].lower(): unescape(m[2] or m[3] or m[4] or "") for m in ATTRIBUTE.finditer(inside)
        }
        match tag.lower():
            case "base":
                base = canonical(about.get("href", ""), base) or base
            case "meta" if about.get("name", "").lower() == "robots":
                follow = follow and "nofollow" not in about.get("content", "").lower()
            case "a" | "area" | "frame" | "iframe" if "nofollow" not in about.get("rel", ""):
                found.append(about.get("href") or about.get("src") or "")
    if not follow:
        return []
    addresses = (canonical(href, base) for href in found if href.strip())
    return list(dict.fromkeys(address for address in addresses if address))
