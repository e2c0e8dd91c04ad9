"""The crawler: polite by a clock that jumps, complete on a real server, unkillable."""

import asyncio
import itertools
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter, defaultdict

import pytest
from virtual_time import run_in_virtual_time

from lib.corpora.common_crawl import pages
from lib.corpora.crawl_policy import Policy, Traps
from lib.corpora.crawler import Crawler, is_binary
from lib.corpora.frontier import Frontier, Task
from lib.corpora.http_client import Fetched, FetchError, HttpClient
from lib.corpora.little_web import LittleWeb
from lib.corpora.robots import parse_robots
from lib.corpora.urls import host_of
from lib.corpora.warc_read import read_warc
from lib.corpora.web_server import serving
from lib.corpora.web_traps import REDIRECTS

POLICY = Policy(delay=0.0, attempts=2)


class DirectClient:
    """Asks the little web without a network, and takes `seconds` for it on the loop's clock."""

    def __init__(self, web, seconds: float = 0.3):
        self.web, self.seconds = web, seconds
        self.log: list[tuple[float, float, str]] = []
        self.n_asked: Counter[str] = Counter()

    async def get(self, url, wanted=lambda _: True) -> Fetched:
        loop = asyncio.get_running_loop()
        came = loop.time()
        page = self.web.respond(url, self.n_asked[url])
        self.n_asked[url] += 1
        await asyncio.sleep(self.seconds)
        self.log.append((came, loop.time(), url))
        if page.manner == "cut":
            raise FetchError("cut")
        return Fetched(url, page.status, list(page.headers), page.body)


@pytest.fixture(scope="module")
def web():
    return LittleWeb(scale=0.3)


@pytest.fixture(scope="module")
def polite(web, tmp_path_factory):
    """A crawl of a quarter of the web with a second between requests, in no time."""
    small = LittleWeb(scale=0.3, hosts=tuple(host for host in web.hosts if host != "docs.example"))
    client = DirectClient(small)
    crawler = Crawler(tmp_path_factory.mktemp("polite"), Policy(attempts=2), client)
    outcomes, seconds = run_in_virtual_time(crawler.run(small.seeds))
    return small, client, crawler, outcomes, seconds


def test_one_request_at_a_time_and_a_second_between_them(polite):
    web, client, _, _, _ = polite
    by_host = defaultdict(list)
    for came, answered, url in client.log:
        by_host[host_of(url)].append((came, answered))
    assert len(by_host) == len(web.hosts)
    for times in by_host.values():
        for (_, answered), (came, _) in itertools.pairwise(sorted(times)):
            assert came >= answered + 1 - 1e-9


def test_hosts_do_not_wait_for_each_other(polite):
    """The crawl takes as long as its largest host, and a moment for finding it."""
    _, client, _, _, seconds = polite
    largest = Counter(host_of(url) for _, _, url in client.log).most_common(1)[0][1]
    assert 1.3 * (largest - 1) <= seconds <= 1.3 * (largest + 8)
    assert seconds < 0.6 * 1.3 * len(client.log)
    running = Counter()
    for came, answered, _ in client.log:
        for tenth in range(round(10 * came), round(10 * answered)):
            running[tenth] += 1
    assert 1 < max(running.values()) <= Policy().n_connections


def test_robots_txt_comes_first_and_nothing_it_forbids_is_asked(polite):
    web, client, crawler, outcomes, _ = polite
    seen = set()
    for _, _, url in sorted(client.log):
        if url.endswith("/robots.txt"):
            seen.add(host_of(url))
        assert host_of(url) in seen
    for site in web.sites:
        if site.robots:
            rules = parse_robots(site.robots, "little-crawler")
            asked = [url for _, _, url in client.log if host_of(url) == site.host]
            assert all(rules.allows(url) for url in asked)
    assert not any(host_of(u) == "broken.example" and "robots" not in u for _, _, u in client.log)
    assert outcomes["robots"] > 2 and set(crawler.rules) == set(web.hosts)


def test_a_slow_host_gets_the_time_it_asks_for(tmp_path):
    web = LittleWeb(scale=0.3, hosts=("people.example",))
    client = DirectClient(web, 0.0)
    seeds = ["http://people.example/"]
    run_in_virtual_time(Crawler(tmp_path, Policy(delay=0.0), client).run(seeds))
    came = sorted(came for came, _, _ in client.log)
    assert min(b - a for a, b in itertools.pairwise(came)) == pytest.approx(0.02)  # Crawl-delay


def test_trouble_is_waited_for_twice_as_long_each_time(tmp_path):
    client = DirectClient(LittleWeb(hosts=()), 0.0)
    policy = Policy(attempts=4)
    crawler = Crawler(tmp_path, policy, client)
    outcomes, _ = run_in_virtual_time(crawler.run(["http://traps.example/dead"]))
    came = [came for came, _, url in client.log if url.endswith("dead")]
    assert [b - a for a, b in itertools.pairwise(came)] == [2.0, 4.0, 8.0]
    assert outcomes == {"failed: status 500": 1}


def test_every_allowed_page_once_and_no_other(web, tmp_path):
    """Over real connections; what the traps make on top is limited."""
    with serving(web) as server:
        client = HttpClient(POLICY.agent, timeout=20.0, connect=server.connect)
        crawler = Crawler(tmp_path, POLICY, client)
        outcomes = asyncio.run(crawler.run(web.seeds))
    found = {page.url: page for page in pages(tmp_path / "crawl.warc.gz")}
    in_traps = {url for url in found if host_of(url) == "traps.example"}
    assert set(found) - in_traps == {u for u in web.allowed() if host_of(u) != "traps.example"}
    assert {u for u in web.allowed() if host_of(u) == "traps.example"} <= in_traps
    assert len(in_traps) < 80 and outcomes["kept"] == len(found)
    # What is stored is what was served, whatever happened on the way.
    for url in web.allowed():
        assert found[url].body == web.pages[url].body, url
    assert len(found["http://traps.example/big"].body) == POLICY.max_bytes
    kinds = {done.url: done.outcome for done in crawler.frontier.done.values()}
    assert kinds["http://traps.example/picture.png"] == "not a page"
    assert kinds["http://traps.example/lies"] == "not a page"
    assert kinds["http://traps.example/cut"].startswith("failed: IncompleteReadError")
    assert {url for url, outcome in kinds.items() if "redirect" in outcome} == set(REDIRECTS)
    assert kinds["http://private.example/2026/1"] == "robots"
    assert set(crawler.frontier.refused) >= {"outside", "too deep", "path repeats itself"}
    # The server's own log: nothing was asked for twice but what failed, and everybody said who.
    asked = Counter(request.url for request in server.log)
    assert {url for url, n in asked.items() if n > 1} <= {
        f"http://traps.example/{name}" for name in ("flaky", "dead", "cut")
    }
    assert {request.agent for request in server.log} == {POLICY.agent}
    records = list(read_warc(tmp_path / "crawl.warc.gz"))
    assert all(record.digest_fits() for record in records) and records[0].kind == "warcinfo"


CRAWL = """
import asyncio, sys
from pathlib import Path
from lib.corpora.crawl_policy import Policy
from lib.corpora.crawler import Crawler
from lib.corpora.http_client import HttpClient
policy = Policy(delay=0.0, attempts=2)
port = int(sys.argv[2])
client = HttpClient(policy.agent, connect=lambda *_: ("127.0.0.1", port))
asyncio.run(Crawler(Path(sys.argv[1]), policy, client).run(["http://portal.example/"]))
"""


def kept(folder):
    return [page.url for page in pages(folder / "crawl.warc.gz")]


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="Windows has no SIGKILL")
def test_killed_and_started_again_it_has_the_same_pages(tmp_path):
    """Killed three times at whatever it is doing, then a torn line and a torn record on top."""
    web = LittleWeb(scale=0.5, hosts=("news.example", "mirror.example", "old.example"))
    with serving(web) as server:
        client = HttpClient(POLICY.agent, connect=server.connect)
        asyncio.run(Crawler(tmp_path / "whole", POLICY, client).run(web.seeds))
    broken = tmp_path / "broken"
    with serving(web, latency=0.01) as server:
        command = [sys.executable, "-c", CRAWL, str(broken), str(server.port)]
        for n_requests in (10, 25, 40):
            child = subprocess.Popen(command)
            while len(server.log) < n_requests and child.poll() is None:
                time.sleep(0.005)
            os.kill(child.pid, signal.SIGKILL)
            child.wait()
        n_before = len(set(kept_or_damaged(broken)))
        with open(broken / "journal.jsonl", "ab") as file:
            file.write(b'["done", "http://news.example/2026/')
        with open(broken / "crawl.warc.gz", "ab") as file:
            file.write(b"\x1f\x8b\x08 half a record")
        n_asked = len(server.log)
        subprocess.run(command, check=True)
        assert len(server.log) - n_asked < len(kept(tmp_path / "whole")) + 30 - n_before
    assert 0 < n_before < len(kept(broken))
    assert sorted(kept(broken)) == sorted(kept(tmp_path / "whole"))


def kept_or_damaged(folder):
    return [page.url for page in pages(folder / "crawl.warc.gz", [])]


def test_stopped_anywhere_in_its_journal_it_has_the_same_pages(polite, tmp_path):
    """Every prefix of the journal is what some death would have left; a few of them are tried."""
    web, _, whole, _, _ = polite
    lines = (whole.folder / "journal.jsonl").read_bytes().splitlines(keepends=True)
    warc = (whole.folder / "crawl.warc.gz").read_bytes()
    for number, length in enumerate((1, len(lines) // 3, len(lines) - 1)):
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / "journal.jsonl").write_bytes(b"".join(lines[:length]))
        (folder / "crawl.warc.gz").write_bytes(warc)
        crawler = Crawler(folder, Policy(delay=0.0, attempts=2), DirectClient(web, 0.0))
        run_in_virtual_time(crawler.run(web.seeds))
        assert sorted(kept(folder)) == sorted(kept(whole.folder))


def test_enough_is_enough(web, tmp_path):
    client = DirectClient(web, 0.0)
    for wanted in (7, 12):  # the second run goes on where the first stopped
        run_in_virtual_time(Crawler(tmp_path, POLICY, client).run(web.seeds, max_pages=wanted))
        assert wanted <= len(kept(tmp_path)) < wanted + POLICY.n_connections
    assert len(kept(tmp_path)) == len(set(kept(tmp_path)))


def test_an_error_inside_stops_the_crawl_and_is_seen(web, tmp_path):
    class Broken(DirectClient):
        async def get(self, url, wanted=lambda _: True):
            if "robots" not in url:
                raise ZeroDivisionError("a bug")
            return await super().get(url)

    with pytest.raises(ZeroDivisionError, match="a bug"):
        run_in_virtual_time(Crawler(tmp_path, POLICY, Broken(web)).run(web.seeds))


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("hang", "no answer within 0.2 s"),
        ("cut", "IncompleteReadError"),
        ("nobody", "refused|Errno"),
    ],
)
def test_failures_have_a_reason(path, message):
    with serving(LittleWeb(hosts=())) as server:
        port = 1 if path == "nobody" else server.port
        client = HttpClient("a", timeout=0.2, connect=lambda *_: ("127.0.0.1", port))
        with pytest.raises(FetchError, match=message):
            asyncio.run(client.get(f"http://traps.example/{path}"))


def test_traps_by_hand():
    traps = Traps(Policy(max_per_shape=2, max_per_path=1))
    assert traps.refusal("http://a.example/x/1", 0, 0) == ""
    assert traps.refusal("http://a.example/x/2", 0, 0) == ""
    assert traps.refusal("http://a.example/x/3", 0, 0) == "too many of this shape"
    assert traps.refusal("http://a.example/y?1", 0, 0) == ""
    assert traps.refusal("http://a.example/y?2", 0, 0) == "too many queries"
    assert traps.refusal("http://a.example/l/r/l/r/l", 0, 0) == "path repeats itself"
    assert traps.refusal("http://a.example/x", 99, 0) == "too deep"
    assert traps.refusal("http://a.example/z", 0, 9) == "too many redirects"
    assert traps.refusal("http://example.org/", 0, 0) == "outside"
    assert traps.refusal("http://a.example.org/", 0, 0) == "outside"
    assert traps.refusal("http://a.example:8080/", 0, 0) == ""
    assert Policy(hosts=("",)).within("anywhere.org")


def test_the_frontier_takes_turns_and_keeps_its_promises(tmp_path):
    """Time is only a number here: a and b take turns, neither sooner than it was released to."""
    frontier = Frontier(tmp_path / "journal.jsonl", Policy())
    urls = [f"http://{host}.example/{path}" for path in ("", "x", "y") for host in "ab"]
    assert frontier.add(*map(Task, urls), Task(urls[0])) == 6
    first, second = frontier.pop(0.0), frontier.pop(0.0)
    assert [first.url, second.url] == urls[:2] and frontier.pop(0.0) is None
    frontier.release(first, free_at=5.0)
    frontier.release(second, free_at=3.0, again=True)
    assert frontier.next_time() == 3.0 and frontier.pop(2.9) is None
    assert frontier.pop(4.0).url == urls[1]  # again, before the others of its host
    assert frontier.pop(4.9) is None and frontier.pop(5.0).url == urls[2]
    frontier.close()
    lines = [json.loads(line) for line in (tmp_path / "journal.jsonl").read_text().splitlines()]
    assert lines == [["add", url, 0, 0] for url in urls]


def test_all_of_it_runs_inside_of_a_loop_as_in_a_notebook(tmp_path):
    async def cell():
        with serving(LittleWeb(scale=0.05, hosts=("old.example",))) as server:
            client = HttpClient(POLICY.agent, connect=server.connect)
            return await Crawler(tmp_path, POLICY, client).run(["http://old.example/"])

    assert asyncio.run(cell()) == {"kept": 2}


def test_what_is_binary():
    assert is_binary(b"\x89PNG\0") and not is_binary("é".encode("utf-16")) and not is_binary(b"")
