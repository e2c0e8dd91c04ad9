"""A polite crawler: from a few addresses to a WARC file.

    report = await Crawler(folder, policy, client).run(["http://portal.example/"])

In a folder it keeps `journal.jsonl` (frontier.py) and `crawl.warc.gz`. A page is written to the
WARC file first, then its links go into the journal, then a line that it is done and where the file
ended. So a crawler that is killed goes on where it was: what lies behind the last such place in the
WARC file is cut off and fetched again, and every page is in the file once.

Polite means: it says who it is, obeys robots.txt, asks one host one thing at a time, waits between
two requests, waits longer when the host is in trouble, and takes no more than it needs.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, runtime_checkable

from lib.corpora.crawl_policy import Policy
from lib.corpora.encodings import decode
from lib.corpora.frontier import Done, Frontier, Task
from lib.corpora.http_client import Fetched, FetchError
from lib.corpora.robots import NOTHING, Rules, rules_for
from lib.corpora.urls import canonical, host_of, links
from lib.corpora.warc_write import WarcWriter, digest

REDIRECTS = (301, 302, 303, 307, 308)
MAX_PATIENCE = 60.0  # seconds that a Retry-After may ask for


@runtime_checkable
class Client(Protocol):
    """What fetches: HttpClient, or something in a test that needs no network."""

    async def get(self, url: str, wanted: Callable[[Fetched], bool]) -> Fetched: ...


@dataclass(frozen=True, slots=True)
class Visit:
    """One request and what came of it."""

    seconds: float  # on the event loop's clock
    url: str
    outcome: str
    depth: int = 0
    n_bytes: int = 0
    n_links: int = 0  # that were new


@dataclass
class Crawler:
    """One crawl in one folder."""

    folder: Path
    policy: Policy
    client: Client
    visits: list[Visit] = field(default_factory=list)
    rules: dict[str, Rules] = field(default_factory=dict)

    async def run(self, seeds: list[str], max_pages: int | None = None) -> Counter[str]:
        """Crawl until nothing is left, or `max_pages` are kept; how often each outcome came."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.frontier = Frontier(self.folder / "journal.jsonl", self.policy)
        self.prints = {done.fingerprint for done in self.frontier.done.values()}
        self.n_kept = sum(done.outcome == "kept" for done in self.frontier.done.values())
        with open(self.folder / "crawl.warc.gz", "ab") as file:
            self._open_warc(file)
            self.frontier.add(*(Task(url) for seed in seeds if (url := canonical(seed))))
            running: set[asyncio.Task] = set()
            try:
                while running or not self._finished(max_pages):
                    running = await self._step(running, max_pages)
            finally:
                for task in running:
                    task.cancel()
                await asyncio.gather(*running, return_exceptions=True)
                self.frontier.close()
        return Counter(done.outcome for done in self.frontier.done.values())

    def _open_warc(self, file) -> None:
        """Cut off what was not yet in the journal; begin with a warcinfo record."""
        end = max((done.end for done in self.frontier.done.values()), default=0)
        file.truncate(end)
        file.seek(end)
        self.writer = WarcWriter(file)
        if not end:
            about = {"software": self.policy.agent, "format": "WARC File Format 1.0"}
            self.writer.warcinfo(about | {"robots": "obey"}, int(time.time()))

    def _finished(self, max_pages: int | None) -> bool:
        enough = max_pages is not None and self.n_kept >= max_pages
        return enough or self.frontier.next_time() is None

    async def _step(self, running: set[asyncio.Task], max_pages: int | None) -> set[asyncio.Task]:
        """Start what may be started; wait until something ends, or the next host is free."""
        now = asyncio.get_running_loop().time()
        while len(running) < self.policy.n_connections and not self._finished(max_pages):
            if (task := self.frontier.pop(now)) is None:
                break
            running.add(asyncio.create_task(self._visit(task)))
        following = self.frontier.next_time()
        wait = None if following is None else max(0.0, following - now)
        if not running:
            await asyncio.sleep(wait or 0)
            return running
        full = len(running) == self.policy.n_connections or self._finished(max_pages)
        ended, running = await asyncio.wait(
            running, timeout=None if full else wait, return_when=asyncio.FIRST_COMPLETED
        )
        for task in ended:
            task.result()  # raises what went wrong inside
        return running

    async def _visit(self, task: Task) -> None:
        """One request to a host: for its robots.txt if that is not known, else for the page."""
        host, loop = host_of(task.url), asyncio.get_running_loop()
        pause, again = self.policy.delay, True
        if host not in self.rules:
            await self._read_robots(task.url.split("/", 3)[:3], host)
        elif not self.rules[host].allows(task.url):
            self._finish(task, "robots")
            self.frontier.release(task, loop.time())  # nothing was asked, so nothing to wait for
            return
        else:
            pause, again = await self._fetch(task)
        pause = max(pause, min(self.rules[host].delay or 0.0, self.policy.max_delay))
        self.frontier.release(task, loop.time() + pause, again)

    async def _read_robots(self, start: list[str], host: str) -> None:
        url: str | None = "/".join([*start, "robots.txt"])
        for _ in range(self.policy.max_hops + 1):
            try:
                answer = await self.client.get(url, lambda _: True)
            except FetchError:
                self.rules[host] = NOTHING
                break
            url = canonical(answer.header("location"), url) if answer.status in REDIRECTS else None
            if url is None:
                self.rules[host] = rules_for(answer.status, answer.body, self.policy.product)
                break
        self.rules.setdefault(host, NOTHING)
        self._note(f"http://{host}/robots.txt", "robots.txt")

    async def _fetch(self, task: Task) -> tuple[float, bool]:
        """Fetch the page of a task. How long the host has peace then, and whether to try again."""
        try:
            answer = await self.client.get(task.url, self._wanted)
            trouble = f"status {answer.status}" if answer.status in (429, *range(500, 600)) else ""
            asked = answer.header("retry-after")
        except FetchError as error:
            trouble, asked = str(error), ""
        if not trouble:
            self._take(task, answer)
            return self.policy.delay, False
        task.attempts += 1
        if task.attempts >= self.policy.attempts:
            self._finish(task, f"failed: {trouble}")
            return self.policy.delay, False
        self._note(task.url, f"again: {trouble}", task)
        patience = float(asked) if asked.isdecimal() else self.policy.delay * 2**task.attempts
        return max(self.policy.delay, min(patience, MAX_PATIENCE)), True

    def _wanted(self, answer: Fetched) -> bool:
        kind = answer.header("content-type", "text/html").partition(";")[0].strip().lower()
        return answer.status == 200 and kind in self.policy.kinds

    def _take(self, task: Task, answer: Fetched) -> None:
        """Keep a page, or follow a redirect, or say why neither."""
        if answer.status in REDIRECTS:
            target = canonical(answer.header("location"), task.url)
            if target:
                self.frontier.add(Task(target, task.depth, task.hops + 1))
            self._finish(task, "redirect" if target else "redirect to nowhere")
        elif answer.status != 200:
            self._finish(task, f"status {answer.status}")
        elif not self._wanted(answer) or is_binary(answer.body):
            self._finish(task, "not a page")
        else:
            self._keep(task, answer)

    def _keep(self, task: Task, answer: Fetched) -> None:
        fingerprint = digest(f"{host_of(task.url)}\n".encode() + answer.body)
        end = self.writer.exchange(
            task.url, answer.request, answer.head, answer.body, int(time.time()), answer.truncated
        )
        # A page that this host has sent before under another address leads nowhere new.
        found: list[str] = []
        if fingerprint not in self.prints:
            text = decode(answer.body, answer.header("content-type")).text
            found = links(text, task.url)
        self.prints.add(fingerprint)
        self.n_kept += 1
        n_new = self.frontier.add(*(Task(url, task.depth + 1) for url in found))
        self._finish(task, "kept", end, fingerprint, len(answer.body), n_new)

    def _finish(
        self, task: Task, outcome: str, end: int = 0, fingerprint: str = "", *sizes: int
    ) -> None:
        self.frontier.finish(Done(task.url, outcome, end, fingerprint))
        self._note(task.url, outcome, task, *sizes)

    def _note(self, url: str, outcome: str, task: Task | None = None, *sizes: int) -> None:
        now = asyncio.get_running_loop().time()
        self.visits.append(Visit(now, url, outcome, task.depth if task else 0, *sizes))


def is_binary(body: bytes) -> bool:
    """Null characters near the beginning, and no mark that says UTF-16 or UTF-32."""
    return b"\0" in body[:1024] and not body.startswith((b"\xff\xfe", b"\xfe\xff", b"\0\0\xfe\xff"))
