"""What a crawler may do: how fast, how much, how deep, and which addresses look like a trap.

No rule tells a trap from a large site. Each is a limit that hardly any honest site reaches, and the
reason is written down whenever one strikes.
"""

import re
from collections import Counter
from dataclasses import dataclass
from urllib.parse import urlsplit

DIGITS = re.compile(r"\d+")


@dataclass(frozen=True, slots=True)
class Policy:
    """The rules of one crawl."""

    product: str = "little-crawler"  # the name that robots.txt files call it by
    contact: str = (
        "a lecture on language models"  # on the real web: an address where it can be stopped
    )
    hosts: tuple[str, ...] = (".example",)  # ends of host names; "" is the whole web
    delay: float = 1.0  # seconds between two requests to one host, at least
    max_delay: float = 30.0  # a robots.txt that asks for more gets this much
    timeout: float = 20.0
    attempts: int = 3
    max_bytes: int = 1 << 20
    kinds: tuple[str, ...] = ("text/html", "application/xhtml+xml", "text/plain")
    max_depth: int = 40  # links from a seed
    max_hops: int = 5  # redirects in a row
    max_segments: int = 12  # of a path
    max_repeats: int = 2  # of one segment in a path
    max_per_shape: int = 60  # addresses of a host that differ in numbers alone
    max_per_path: int = 12  # addresses that differ behind the question mark alone
    n_connections: int = 8  # at once, never more than one of them to one host

    @property
    def agent(self) -> str:
        """Says who it is; a crawler that poses as a browser cannot be asked to stay away."""
        return f"{self.product}/1.0 ({self.contact})"

    def within(self, host: str) -> bool:
        name = host.partition(":")[0]
        return any(name == end.lstrip(".") or name.endswith(end) for end in self.hosts)


class Traps:
    """Counts what has been let in, and refuses what would be too much of the same."""

    def __init__(self, policy: Policy):
        self.policy, self.shapes, self.paths = policy, Counter[str](), Counter[str]()

    def refusal(self, url: str, depth: int, hops: int) -> str:
        """Why this address is not taken; "" if it is, and then it counts."""
        policy, parts = self.policy, urlsplit(url)
        segments = [part for part in parts.path.split("/") if part]
        path = f"{parts.netloc}{parts.path}"
        shape = DIGITS.sub("0", path)
        if not policy.within(parts.netloc):
            return "outside"
        if depth > policy.max_depth:
            return "too deep"
        if hops > policy.max_hops:
            return "too many redirects"
        if len(segments) > policy.max_segments:
            return "path too long"
        if max(Counter(segments).values(), default=0) > policy.max_repeats:
            return "path repeats itself"
        if self.shapes[shape] >= policy.max_per_shape:
            return "too many of this shape"
        if parts.query and self.paths[path] >= policy.max_per_path:
            return "too many queries"
        if shape != path:
            self.shapes[shape] += 1
        if parts.query:
            self.paths[path] += 1
        return ""
