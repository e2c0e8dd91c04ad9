"""robots.txt: what a host asks crawlers not to fetch (RFC 9309).

The file has groups: lines `User-agent:`, then rules. The group that names our product holds, else
the one for `*`, else nothing is forbidden. Of the rules that match a path the longest decides; of
an `Allow` and a `Disallow` of equal length the `Allow`. `*` stands for anything, `$` for the end.

Python's urllib.robotparser takes the first rule that matches instead of the longest, and knows no
wildcards: it is the older convention. Nothing forces a crawler to obey either; ours does.
"""

import re
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from lib.corpora.urls import escaped

MAX_BYTES = 500 * 1024  # RFC 9309, section 2.5: a crawler must read at least this much
LINE_END = re.compile(r"\r\n|\r|\n")


@dataclass(slots=True)
class Rules:
    """What holds for one crawler on one host."""

    rules: list[tuple[str, bool]] = field(default_factory=list)  # (pattern, allowed)
    delay: float | None = None  # seconds between requests: Crawl-delay, no part of the RFC

    def allows(self, url: str) -> bool:
        """Whether this address may be fetched. robots.txt itself always may."""
        parts = urlsplit(url)
        path = escaped(parts.path or "/") + (f"?{escaped(parts.query, '?')}" if parts.query else "")
        if path == "/robots.txt":
            return True
        matching = [
            (len(pattern), allowed) for pattern, allowed in self.rules if matches(pattern, path)
        ]
        return max(matching, default=(0, True))[1]  # of equal lengths, True is larger


EVERYTHING = Rules()
NOTHING = Rules([("/", False)])


def matches(pattern: str, path: str) -> bool:
    """Whether a path begins with what the pattern says."""
    end = "" if not pattern.endswith("$") else "$"
    pieces = pattern.removesuffix("$").split("*") if end else pattern.split("*")
    # ".*?" between fixed pieces: the first place where a piece fits is always good enough, so
    # looking for it with find() takes no more than one pass, whatever somebody writes.
    if not path.startswith(pieces[0]):
        return False
    position = len(pieces[0])
    for piece in pieces[1:-1]:
        position = path.find(piece, position)
        if position < 0:
            return False
        position += len(piece)
    if len(pieces) == 1:
        return not end or len(path) == position
    if end:
        return path.endswith(pieces[-1]) and len(path) - len(pieces[-1]) >= position
    return path.find(pieces[-1], position) >= 0


def parse_robots(content: str | bytes, agent: str) -> Rules:
    """The rules of a robots.txt for the product `agent` ("little-crawler", without a version)."""
    if isinstance(content, bytes):
        content = content[:MAX_BYTES].decode("utf-8-sig", errors="replace")
    ours, everybodys = Rules(), Rules()
    named = False  # whether a group names us
    group: list[Rules] = []  # that the lines being read belong to
    starting = False  # the last line was a User-agent
    for line in LINE_END.split(content):
        key, colon, value = line.partition("#")[0].partition(":")
        key, value = key.strip().lower(), value.strip()
        if not colon:
            continue
        if key == "user-agent":
            group = group if starting else []
            starting = True
            if value == "*":
                group.append(everybodys)
            elif product(value) == agent.lower():
                named = True
                group.append(ours)
        elif key in ("allow", "disallow"):
            starting = False
            if value:  # "Disallow:" with nothing behind it forbids nothing
                pattern = escaped(value, "?") if value[0] in "/*" else f"/{escaped(value, '?')}"
                for rules in group:
                    rules.rules.append((pattern, key == "allow"))
        elif key == "crawl-delay":
            starting = False
            if re.fullmatch(r"\d{1,6}(\.\d{1,6})?", value):
                for rules in group:
                    rules.delay = float(value)
    return ours if named else everybodys


def product(value: str) -> str:
    """The name in front of a version: "LittleBot/2.0 (friendly)" is littlebot."""
    found = re.match(r"[A-Za-z_-]+", value)
    return found[0].lower() if found else ""


def rules_for(status: int | None, content: bytes, agent: str) -> Rules:
    """What to do with an answer to the request for robots.txt; status None: there was no answer.

    A file that is not there (4xx) forbids nothing; a host that is ill (5xx, or too busy: 429) must
    be left alone, since it may forbid everything.
    """
    if status is None or status >= 500 or status == 429:
        return NOTHING
    return parse_robots(content, agent) if 200 <= status < 300 else EVERYTHING
