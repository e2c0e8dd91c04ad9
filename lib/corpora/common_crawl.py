"""Files of Common Crawl: pages (WARC) and the text that was taken from them (WET).

Reading works on files that are on this machine, real ones or our own crawler's. A file is fetched
only when a reader asks for it, by its path in the crawl's list of paths.

Common Crawl's terms hold, and every page keeps its author's copyright.
"""

import gzip
import re
from collections.abc import Iterator
from os import PathLike
from pathlib import Path
from typing import NamedTuple

from lib.corpora.documents import Corpus, Document
from lib.corpora.encodings import decode
from lib.corpora.fetch import fetch
from lib.corpora.registry import RemoteFile
from lib.corpora.warc_read import Damage, Record, read_warc

SERVER = "https://data.commoncrawl.org/"
PATH = re.compile(r"crawl-data/CC-MAIN-\d{4}-\d{2}/[\w./-]+\.(warc|wet|wat|paths)\.gz|"
                  r"crawl-data/CC-MAIN-\d{4}-\d{2}/\w+\.paths\.gz")  # fmt: skip


class WebPage(NamedTuple):
    """A page as it was crawled."""

    url: str
    content_type: str
    body: bytes

    @property
    def text(self) -> str:
        """The HTML, decoded."""
        return decode(self.body, self.content_type).text


def pages(warc: str | PathLike[str], damage: list[Damage] | None = None) -> Iterator[WebPage]:
    """The pages of a WARC file: responses with status 200."""
    for record in read_warc(warc, damage):
        if record.kind == "response":
            status, headers, body = record.http
            if status == 200:
                yield WebPage(record.url, headers.get("content-type", ""), body)


def wet_texts(wet: str | PathLike[str], damage: list[Damage] | None = None) -> Iterator[Record]:
    """The texts of a WET file, as records: `url`, and `block` in UTF-8."""
    return (record for record in read_warc(wet, damage) if record.kind == "conversion")


def remote(path: str) -> RemoteFile:
    """A file of Common Crawl by its path, as the lists of paths have it."""
    if not PATH.fullmatch(path) or ".." in path:
        raise ValueError(
            f"{path!r} is no path in Common Crawl. They look like "
            "'crawl-data/CC-MAIN-2024-10/segments/.../warc/CC-MAIN-....warc.gz'; wet_paths(crawl) "
            "lists those of a crawl."
        )
    return RemoteFile(
        name=path.removeprefix("crawl-data/").replace("/", "--"),
        urls=(SERVER + path,),
        about=f"Common Crawl's {path.rpartition('/')[2]}",
        licence="Common Crawl's terms of use; each page keeps its author's copyright",
    )


def wet_paths(crawl: str, folder: Path | None = None) -> list[str]:
    """The paths of all WET files of a crawl ("CC-MAIN-2024-10"); fetches the list, a few MB."""
    path = fetch(remote(f"crawl-data/{crawl}/wet.paths.gz"), folder)
    with gzip.open(path, "rt", encoding="ascii") as file:
        return file.read().split()


class WetTexts(Corpus):
    """The documents of one WET file: on this machine, or fetched when first iterated.

    Documents are named by their address. `damage` has the places that could not be read, after an
    iteration.
    """

    name = "common-crawl"
    licence = "Common Crawl's terms of use; each page keeps its author's copyright"

    def __init__(self, file: Path | RemoteFile, folder: Path | None = None):
        self.file, self.folder = file, folder
        self.damage: list[Damage] = []

    def __iter__(self) -> Iterator[Document]:
        file = self.file
        path = file if isinstance(file, Path) else fetch(file, self.folder)
        self.damage = []
        for record in wet_texts(path, self.damage):
            text = record.block.decode("utf-8", "replace")
            yield Document(record.url, text, f"{path.name}, byte {record.offset}")
