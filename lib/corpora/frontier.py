"""The frontier of a crawl: what is still to be fetched, host by host, and when each may be asked.

Breadth first: a host's addresses are taken in the order in which they were found. Everything that
happens goes into a journal, one JSON line each, before it counts; who reads the journal again has
the frontier as it was. The journal's last line may be torn if the crawler was killed while writing
it, and is then dropped: what it said is done again.
"""

import heapq
import json
from collections import Counter, deque
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from lib.corpora.crawl_policy import Policy, Traps
from lib.corpora.urls import host_of


@dataclass(slots=True)
class Task:
    """An address to fetch: how far from a seed, after how many redirects, tried how often."""

    url: str
    depth: int = 0
    hops: int = 0
    attempts: int = 0


@dataclass(slots=True)
class Done:
    """An address that is dealt with, where the WARC file ended then, and the page's fingerprint."""

    url: str
    outcome: str
    end: int = 0
    fingerprint: str = ""


class Frontier:
    """Queues of the hosts, and the journal behind them. Times come in as arguments, in seconds."""

    def __init__(self, journal: Path, policy: Policy):
        self.traps = Traps(policy)
        self.seen: set[str] = set()
        self.done: dict[str, Done] = {}
        self.refused: Counter[str] = Counter()
        self.queues: dict[str, deque[Task]] = {}
        self.busy: set[str] = set()
        self.free_at: dict[str, float] = {}
        self._heap: list[tuple[float, int, str]] = []  # (when, order of arrival, host)
        self._order = 0
        self._replay(journal)
        self._file: TextIO = open(journal, "a", encoding="utf-8", newline="\n")  # noqa: SIM115

    def _replay(self, journal: Path) -> None:
        """Read the journal, cut off a torn last line, and queue what was found but not done."""
        content = journal.read_bytes() if journal.exists() else b""
        whole = content[: content.rfind(b"\n") + 1]
        if whole != content:
            with open(journal, "r+b") as file:
                file.truncate(len(whole))
        found = []
        for line in whole.decode().splitlines():
            event, *values = json.loads(line)
            if event == "add":
                task = Task(*values)
                self.seen.add(task.url)
                self.traps.refusal(task.url, task.depth, task.hops)  # so that it counts
                found.append(task)
            elif event == "no":
                self.seen.add(values[0])
                self.refused[values[1]] += 1
            else:
                self.done[values[0]] = Done(*values)
        for task in found:
            if task.url not in self.done:
                self._queue(task)

    def add(self, *tasks: Task) -> int:
        """Take addresses that are new and no trap; how many were taken."""
        lines, taken = [], 0
        for task in tasks:
            if task.url in self.seen:
                continue
            self.seen.add(task.url)
            if reason := self.traps.refusal(task.url, task.depth, task.hops):
                self.refused[reason] += 1
                lines.append(["no", task.url, reason])
            else:
                lines.append(["add", task.url, task.depth, task.hops])
                self._queue(task)
                taken += 1
        self._write(lines)
        return taken

    def _queue(self, task: Task, first: bool = False) -> None:
        host = host_of(task.url)
        queue = self.queues.setdefault(host, deque())
        (queue.appendleft if first else queue.append)(task)
        if len(queue) == 1 and host not in self.busy:
            self._wait_for(host)

    def _wait_for(self, host: str) -> None:
        self._order += 1
        heapq.heappush(self._heap, (self.free_at.get(host, 0.0), self._order, host))

    def pop(self, now: float) -> Task | None:
        """The next address whose host may be asked now; the host is then busy until released."""
        if not self._heap or self._heap[0][0] > now:
            return None
        host = heapq.heappop(self._heap)[2]
        self.busy.add(host)
        return self.queues[host].popleft()

    def release(self, task: Task, free_at: float, again: bool = False) -> None:
        """A host may be asked again at `free_at`; `again` puts the task back in front."""
        host = host_of(task.url)
        self.busy.discard(host)
        self.free_at[host] = free_at
        if self.queues[host]:
            self._wait_for(host)
        if again:
            self._queue(task, first=True)

    def finish(self, done: Done) -> None:
        """Write down that an address is dealt with."""
        self.done[done.url] = done
        self._write([["done", done.url, done.outcome, done.end, done.fingerprint]])

    def next_time(self) -> float | None:
        """When the next host is free; None if nothing waits."""
        return self._heap[0][0] if self._heap else None

    def close(self) -> None:
        self._file.close()

    def _write(self, lines: list[list]) -> None:
        """Reaches the operating system before it counts: this outlives the process."""
        self._file.write("".join(f"{json.dumps(line)}\n" for line in lines))
        self._file.flush()
