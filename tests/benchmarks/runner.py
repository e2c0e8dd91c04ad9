"""Compare two programs fairly: each sample in a fresh process, A B A B ..., ratios of neighbours.

Seconds depend on the machine and on what else it does; the ratio of two samples taken one after the
other depends much less on it. So tables show the median of those ratios, with the smallest and the
largest, and the seconds only beside them. CPU seconds are steadier than wall seconds and are what
one-process comparisons use. Before any ratio is believed, both sides must have given one answer.

A contestant is a function that does what should not be measured (imports, loading a vocabulary) and
returns a function for what should, which returns its answer: anything that JSON can hold.
"""

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

import psutil

from lib.corpora.cache import cache_folder

Contestant = Callable[..., Callable[[], object]]
MB = 1e6


@dataclass
class Sample:
    """One run of one contestant, and the state of the machine just before."""

    name: str
    wall: float  # seconds
    cpu: float  # seconds, of all its processes
    memory: float  # bytes: the highest sum over its processes that was seen
    answer: object
    load: float | None = None  # processes that wanted to run, in the last minute
    copy_speed: float = 0.0  # bytes per second
    regex_speed: float = 0.0  # characters per second


@dataclass
class Row:
    """One comparison: `ours` should take at most `target` times what `peer` takes."""

    work: str
    ours: str
    peer: str
    target: float
    clock: str  # "cpu" or "wall"
    pairs: list[tuple[Sample, Sample]] = field(default_factory=list)

    @property
    def ratios(self) -> list[float]:
        return [getattr(a, self.clock) / getattr(b, self.clock) for a, b in self.pairs]

    def cells(self) -> list[str]:
        ours, peer = zip(*self.pairs)
        ratio, target = statistics.median(self.ratios), self.target
        if any(a.answer != b.answer for a, b in self.pairs):
            verdict = "ANSWERS DIFFER"
        else:
            verdict = "met" if ratio <= target else f"missed by {ratio / target - 1:.0%}"
        return [
            self.work,
            *(f"{s[0].name} {self._median(s, self.clock):.2f} s" for s in (ours, peer)),
            f"{ratio:.3g}",
            f"{min(self.ratios):.3g} to {max(self.ratios):.3g}",
            " / ".join(f"{self._median(s, 'memory') / MB:.0f}" for s in (ours, peer)),
            f"{target:.3g}",
            verdict,
        ]

    @staticmethod
    def _median(samples: tuple[Sample, ...], field: str) -> float:
        return statistics.median(getattr(sample, field) for sample in samples)


HEADER = ["work (clock)", "ours", "peer", "ratio", "spread", "MB", "target", "verdict"]


class Benchmark:
    """The contestants of one script, and the comparisons made between them."""

    def __init__(self, title: str, contestants: list[Contestant]):
        self.title = title
        self.contestants = {contestant.__name__: contestant for contestant in contestants}
        self.rows: list[Row] = []
        parser = argparse.ArgumentParser(description=title)
        parser.add_argument(
            "--full", action="store_true", help="100 MB and 32k instead of 10 and 10k"
        )
        parser.add_argument("--pairs", type=int, help="samples of each side in every comparison")
        parser.add_argument("--only", default="", help="only comparisons whose name contains this")
        parser.add_argument("--sample", nargs=2, help=argparse.SUPPRESS)
        self.options = parser.parse_args()
        if self.options.sample:
            self._be_sampled(*self.options.sample)
            sys.exit()

    def compare(
        self,
        work: str,
        ours: tuple[str, dict],
        peer: tuple[str, dict],
        *,
        target: float,
        clock: str = "cpu",
        pairs: int = 5,
    ) -> None:
        """Take the samples and print the row. A contestant is its name and its arguments."""
        if self.options.only not in work:
            return
        row = Row(f"{work} ({clock})", ours[0], peer[0], target, clock)
        for _ in range(self.options.pairs or pairs):
            row.pairs.append((self._sample(*ours), self._sample(*peer)))
        self.rows.append(row)
        print("  ".join(row.cells()), flush=True)

    def report(self) -> int:
        """Print the table; the exit status is 1 if two sides gave different answers."""
        samples = [sample for row in self.rows for pair in row.pairs for sample in pair]
        print(f"\n{self.title}\n\n{_table(HEADER, [row.cells() for row in self.rows])}\n")
        if samples:
            print(_machine(samples))
            path = cache_folder() / "benchmarks" / "records.jsonl"
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("a", encoding="utf-8") as file:
                for sample in samples:
                    file.write(json.dumps({"time": time.time(), **asdict(sample)}) + "\n")
            print(f"Every sample is recorded in {path}.")
        return int(any("DIFFER" in row.cells()[-1] for row in self.rows))

    def _sample(self, name: str, arguments: dict) -> Sample:
        """Run one contestant in a process of its own and watch it."""
        state = probe()
        environment = os.environ | _threads(arguments.get("n", 1))
        child = subprocess.Popen(
            [sys.executable, sys.argv[0], "--sample", name, json.dumps(arguments)],
            stdout=subprocess.PIPE,
            env=environment,
            text=True,
        )
        memory, cpu = _watch(child)
        output = child.stdout.read()
        if child.wait():
            raise SystemExit(f"{name} failed; its message is above.")
        measured = json.loads(output.splitlines()[-1])
        measured["cpu"] += cpu  # of the processes that it started
        return Sample(name, memory=memory, **measured, **state)

    def _be_sampled(self, name: str, arguments: str) -> None:
        work = self.contestants[name](**json.loads(arguments))
        wall, cpu = time.perf_counter(), time.process_time()
        answer = work()
        measured = {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}
        print("\n" + json.dumps(measured | {"answer": answer}))


def probe() -> dict:
    """How fast this machine is now, at two things that every tokenizer waits for."""
    text = "The quick brown fox, 1234 times.\n" * 3000
    words, data = re.compile(r" ?[A-Za-z]+| ?[0-9]+| ?[^\sA-Za-z0-9]+|\s+"), bytearray(1 << 26)
    speeds = {}
    for name, size, work in (
        ("regex_speed", len(text), lambda: words.findall(text)),
        ("copy_speed", len(data), lambda: bytes(data)),
    ):
        start, times = time.perf_counter(), []
        while time.perf_counter() < start + 0.2:
            before = time.perf_counter()
            work()
            times.append(time.perf_counter() - before)
        speeds[name] = size / min(times)
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    return speeds | {"load": load}


def _threads(n: int) -> dict[str, str]:
    return {
        "RAYON_NUM_THREADS": str(n),
        "OMP_NUM_THREADS": str(n),
        "TOKENIZERS_PARALLELISM": "true",
    }


def _watch(child: subprocess.Popen) -> tuple[float, float]:
    """Until it ends: the highest memory of it and its children, and the children's CPU seconds."""
    highest, seconds = 0, {}
    while child.poll() is None:
        try:
            family = [psutil.Process(child.pid)]
            family += family[0].children(recursive=True)
            highest = max(highest, sum(process.memory_info().rss for process in family))
            for process in family[1:]:
                times = process.cpu_times()
                seconds[process.pid] = times.user + times.system
        except psutil.Error:
            pass  # one of them ended meanwhile
        time.sleep(0.05)
    return highest, sum(seconds.values())


def _machine(samples: list[Sample]) -> str:
    """One line on the machine while the samples were taken."""
    parts = [f"{os.cpu_count()} processors"]
    for name, unit, scale in (
        ("copy_speed", "GB/s copied", 1e9),
        ("regex_speed", "MB/s by re", MB),
    ):
        values = [getattr(sample, name) / scale for sample in samples]
        parts.append(f"{min(values):.1f} to {max(values):.1f} {unit}")
    loads = [sample.load for sample in samples if sample.load is not None]
    if loads:
        parts.append(f"load {min(loads):.1f} to {max(loads):.1f}")
    return "Machine: " + ", ".join(parts) + "."


def _table(header: list[str], rows: list[list[str]]) -> str:
    widths = [max(len(row[i]) for row in [header, *rows]) for i in range(len(header))]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip()
        for row in [header, *rows]
    ]
    return "\n".join([lines[0], "-" * max(map(len, lines)), *lines[1:]])


def write_corpus(megabytes: float) -> Path:
    """The docs corpus, then the code corpus, as one file with <|endoftext|> after each document."""
    from lib.corpora.code import code
    from lib.corpora.docs import docs
    from lib.corpora.documents import END_OF_TEXT

    path = cache_folder() / "benchmarks" / f"text-{megabytes:g}MB.txt"
    if path.exists():
        return path
    limit = int(megabytes * MB)
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished, size = path.with_suffix(".partial"), 0
    with unfinished.open("wb") as file:
        prose = docs()
        for corpus in (prose.sample(limit), code().sample(max(limit - prose.size().bytes, 0))):
            for document in corpus:
                size += file.write((document.text.replace(END_OF_TEXT, "") + END_OF_TEXT).encode())
    os.replace(unfinished, path)
    if size < 0.9 * limit:
        print(f"This machine has {size / MB:.0f} MB of docs and code, so that is all: {path}")
    return path
