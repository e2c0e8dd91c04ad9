"""The data pipeline: what keeping count costs, what more processes bring, what more documents need.

python run.py bench pipeline            some 1,100 pages of the little web, in eight WARC files
python run.py bench pipeline --full     four times as many

Pages become text, are filtered by language and rules, masked, and deduplicated twice. First against
a bare loop over the same functions, which counts nothing, writes nothing in between and cannot be
resumed, with some documents and twice as many; then two processes against one. Behind the table
stand documents per second and core, and memory.
"""

import hashlib
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from runner import MB, Benchmark

from lib.corpora.cache import cache_folder
from lib.corpora.little_web import LittleWeb
from lib.curation.barriers import Exact, Near
from lib.curation.exact import first_of_each
from lib.curation.formats import read_records, write_records
from lib.curation.near_duplicates import NearDuplicates
from lib.curation.on_processes import Processes
from lib.curation.pipeline import Pipeline
from lib.curation.records import Drop, Record, from_page
from lib.curation.sinks import Write
from lib.curation.sources import Read
from lib.curation.steps import Extract, Language, MaskPersonal, Rules

FILES = 8


def each() -> list:
    """The steps that look at one record."""
    return [Extract(), Language(method="resiliparse", at_least=0.1), Rules(), MaskPersonal()]


def pipeline(folder: str, n: int) -> Callable[[], list]:
    """Ours, on n processes."""
    steps = Pipeline([Read((f"{folder}/*",)), *each(), Exact(), Near(), Write()])
    _warm()

    def work() -> list:
        with tempfile.TemporaryDirectory() as out:
            run = steps.run(Path(out) / "run", Processes(n), progress=False)
            return answer(run.counts[0].n_in, [record.text for record in run.records()])

    return work


def bare(folder: str, n: int) -> Callable[[], list]:
    """A loop that does the same and nothing else, with all texts in memory."""
    paths = sorted(Path(folder).iterdir())
    _warm()

    def work() -> list:
        n_in, texts = 0, []
        for path in paths:
            for record in read_records(path):
                n_in += 1
                if (text := through(record)) is not None:
                    texts.append(text)
        texts = [text for text, new in zip(texts, first_of_each(texts)) if new]
        with NearDuplicates() as finder:
            finder.add(texts)
            gone = finder.duplicates()
        return answer(n_in, [text for i, text in enumerate(texts) if i not in gone])

    return work


def through(record: Record) -> str | None:
    """A record's text behind the steps, if it gets so far."""
    for step in each():
        record = step(record)
        if isinstance(record, Drop):
            return None
    return record.text


def answer(n_in: int, texts: list[str]) -> list:
    """How many came in, how many came out, and what."""
    known = hashlib.sha256("\0".join(texts).encode("utf-8", "surrogatepass"))
    return [n_in, len(texts), known.hexdigest()[:16]]


def _warm() -> None:
    """What is loaded when it is first used: not what is measured here."""
    through(Record("x", "Some words that are here for nothing but to be looked at."))


def web(scale: int) -> str:
    """Pages of the little web as WARC files, made once."""
    folder = cache_folder() / "benchmarks" / f"little-web-{scale}"
    if not folder.exists():
        pages = [record for seed in range(scale) for record in records(seed)]
        for number in range(FILES):
            write_records(folder / f"{number}.warc.gz", pages[number::FILES])
    return str(folder)


def records(seed: int) -> Iterator[Record]:
    """All pages of one little web; Python's documentation is the same in each."""
    web = LittleWeb(seed=seed)
    return (from_page(page) for _, page in sorted(web.pages.items()) if page.status == 200)


def speeds(benchmark: Benchmark) -> str:
    """Documents per second and core of every side of every comparison, and its highest memory."""
    lines = []
    for row in benchmark.rows:
        for samples in zip(*row.pairs):
            n_in = samples[0].answer[0]
            speed = statistics.median(n_in / sample.cpu for sample in samples)
            memory = max(sample.memory for sample in samples) / MB
            lines.append(
                f"{row.work}: {samples[0].name}, {n_in:,} documents: {speed:,.0f} documents per "
                f"second and core, {memory:,.0f} MB"
            )
    return "\n".join(lines)


def main() -> int:
    benchmark = Benchmark("The data pipeline", [pipeline, bare])
    scale = 8 if benchmark.options.full else 2
    for factor in (1, 2):  # side by side, so that one sees whether memory grows
        folder = web(factor * scale)
        benchmark.compare(
            f"against a bare loop, {factor * scale} webs",
            ("pipeline", {"folder": folder, "n": 1}),
            ("bare", {"folder": folder, "n": 1}),
            target=1.25,
            pairs=3,
        )
    benchmark.compare(
        "2 processes against 1",
        ("pipeline", {"folder": web(2 * scale), "n": 2}),
        ("pipeline", {"folder": web(2 * scale), "n": 1}),
        target=0.7,
        clock="wall",
        pairs=3,
    )
    status = benchmark.report()
    print(f"\n{speeds(benchmark)}")
    return status


if __name__ == "__main__":
    sys.exit(main())
