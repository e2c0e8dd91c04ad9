"""Web pages: reading WARC files, finding main text, telling languages; against the field's tools.

    python run.py bench web           some minutes
    python run.py bench web --full    files ten times as large

Everything is made from the little web, so the pages are clean compared with what is crawled, and
shorter. In "WARC with requests" half of the records are requests of a hundred bytes: there it shows
what a reader does besides unpacking.
"""

import hashlib
import io
import os
import sys
import zlib
from collections.abc import Callable
from functools import partial
from pathlib import Path

from runner import Benchmark

from lib.corpora.cache import cache_folder
from lib.corpora.little_web import LittleWeb
from lib.corpora.warc_write import WarcWriter, record

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\n\r\n"


def ours(path: str) -> Callable[[], list[int]]:
    """Reads every record; the answer is how many there are and how many bytes their blocks have."""
    from lib.corpora.warc_read import read_warc

    return lambda: totals(len(record.block) for record in read_warc(path))


def warcio(path: str) -> Callable[[], list[int]]:
    from warcio.archiveiterator import ArchiveIterator

    def work() -> list[int]:
        with open(path, "rb") as file:
            records = ArchiveIterator(file, no_record_parse=True)
            return totals(len(record.raw_stream.read()) for record in records)

    return work


def fastwarc(path: str) -> Callable[[], list[int]]:
    from fastwarc.warc import ArchiveIterator

    def work() -> list[int]:
        with open(path, "rb") as file:
            records = ArchiveIterator(file, parse_http=False)
            return totals(len(record.reader.read()) for record in records)

    return work


def inflate(path: str) -> Callable[[], list[int]]:
    """What no reader that uses zlib can beat: every member unpacked, from memory, nothing else."""
    members, data = [], Path(path).read_bytes()
    while data:
        unpack = zlib.decompressobj(31)
        unpack.decompress(data[: 1 << 20])
        while not unpack.eof:
            raise SystemExit("a member of more than a megabyte")
        size = min(len(data), 1 << 20) - len(unpack.unused_data)
        members.append(data[:size])
        data = data[size:]
    # The block is what follows the first empty line; finding it is cheap, and gives one answer.
    return lambda: totals(
        len(content) - content.index(b"\r\n\r\n") - 8
        for content in (zlib.decompress(member, 31) for member in members)
    )


def totals(sizes) -> list[int]:
    found = list(sizes)
    return [len(found), sum(found)]


def extraction(method: str, scale: float) -> Callable[[], int]:
    """Bytes of pages to main text; the answer is the number of pages."""
    from lib.curation.extract import extract

    pages = [page for page in LittleWeb(seed=0, scale=scale).pages.values() if page.truth.main_text]
    extract(pages[0].body, method=method)  # what is loaded on the first call

    def work() -> int:
        return sum(
            isinstance(extract(page.body, dict(page.headers)["Content-Type"], method), str)
            for page in pages
        )

    return work


density = partial(extraction, "density")
resiliparse = partial(extraction, "resiliparse")
trafilatura = partial(extraction, "trafilatura")
for name in ("density", "resiliparse", "trafilatura"):
    globals()[name].__name__ = name


def snippets(times: int) -> list[str]:
    """Beginnings of 300 characters of paragraphs in eight languages."""
    web = LittleWeb(seed=0, hosts=("news.example", "world.example"))
    texts = [truth.main_text for truth in web.truth.values()]
    return [part[:300] for text in texts for part in text.split("\n\n")[1:]] * times


def byte_ngrams(times: int) -> Callable[[], str]:
    """Ours, trained on pages of another seed: the same phrases, so being right means little."""
    from lib.curation.ngram_language import NgramLanguage

    texts: dict[str, list[str]] = {}
    for truth in LittleWeb(seed=5, hosts=("news.example", "world.example")).truth.values():
        if truth.main_text:
            texts.setdefault(truth.language, []).append(truth.main_text)
    return partial(languages, NgramLanguage(texts).identify, snippets(times))


def py3langid(times: int) -> Callable[[], str]:
    from lib.curation.langid import by_py3langid

    by_py3langid("warm")
    return partial(languages, by_py3langid, snippets(times))


def languages(identify: Callable[[str], tuple[str, float]], texts: list[str]) -> str:
    found = [identify(text)[0] for text in texts]
    return hashlib.sha256(" ".join(found).encode()).hexdigest()


def write_warc(times: int, compress: bool, requests: bool = False) -> str:
    """The longer pages of the little web, `times` over, as one file."""
    name = f"web-{times}{'-requests' * requests}.warc{'.gz' * compress}"
    path = cache_folder() / "benchmarks" / name
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        memory = io.BytesIO()
        writer = WarcWriter(memory, compress)
        for url, page in LittleWeb(seed=0).pages.items():
            if requests:
                writer.exchange(url, b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n", HEAD, page.body)
            elif len(page.body) > 5000:
                headers = {"Content-Type": "application/http; msgtype=response"}
                writer.write(record("response", HEAD + page.body, url, 0, headers))
        part = path.with_suffix(".partial")
        with part.open("wb") as file:
            for _ in range(times):
                file.write(memory.getvalue())
        os.replace(part, path)
    return str(path)


def main() -> int:
    contestants = [ours, warcio, fastwarc, inflate, density, resiliparse, trafilatura]
    contestants += [byte_ngrams, py3langid]
    benchmark = Benchmark("Web pages", contestants)
    times = 100 if benchmark.options.full else 10
    packed, plain = ({"path": write_warc(times, compress)} for compress in (True, False))
    mixed = {"path": write_warc(times, True, requests=True)}
    benchmark.compare("WARC.gz against warcio", ("ours", packed), ("warcio", packed), target=1)
    benchmark.compare("WARC.gz against fastwarc", ("ours", packed), ("fastwarc", packed), target=3)
    benchmark.compare(
        "WARC.gz against inflate", ("ours", packed), ("inflate", packed), target=1 / 0.9
    )
    benchmark.compare(
        "WARC with requests, inflate", ("ours", mixed), ("inflate", mixed), target=1.25
    )
    benchmark.compare("WARC against warcio", ("ours", plain), ("warcio", plain), target=0.5)
    benchmark.compare("WARC against fastwarc", ("ours", plain), ("fastwarc", plain), target=2)
    pages = {"scale": 1.0 * times / 10}
    benchmark.compare(
        "main text against resiliparse", ("density", pages), ("resiliparse", pages), target=1.7
    )
    benchmark.compare(
        "main text against trafilatura",
        ("density", pages),
        ("trafilatura", pages),
        target=0.1,
        pairs=3,
    )
    texts = {"times": times}
    benchmark.compare(
        "languages against py3langid", ("byte_ngrams", texts), ("py3langid", texts), target=0.5
    )
    return benchmark.report()


if __name__ == "__main__":
    sys.exit(main())
