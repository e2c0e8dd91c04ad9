"""WARC files of crawled pages, and WET files, which are WARC files of their texts.

A response becomes a record with a body, a conversion one with a text. Written the other way round:
a record that still has its body as a response, others as conversions.
"""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

from lib.corpora.warc_read import Damage as Place
from lib.corpora.warc_read import Record as WarcRecord
from lib.corpora.warc_read import read_warc
from lib.corpora.warc_write import HTTP_RESPONSE, WarcWriter, record
from lib.curation.records import Damage, Record


def read(path: Path) -> Iterator[Record | Damage]:
    """Answered pages and texts; requests, errors and redirects are no documents and are left out.

    Damaged places come at the end.
    """
    places: list[Place] = []
    for found in read_warc(path, places):
        if found.kind == "conversion":
            yield _text(found)
        elif found.kind == "response" and found.http[0] == 200:
            yield _page(found)
    for place in places:
        yield Damage(f"{path.name}, bytes {place.start:,} to {place.end:,}", place.reason)


class WarcRecords:
    """Writes each record as a page if it has a body, else as a text."""

    def __init__(self, path: Path, name: str) -> None:
        self._file = open(path, "wb")  # noqa: SIM115  (closed by `close`)
        self._writer = WarcWriter(self._file, compress=name.endswith(".gz"))

    def write(self, found: Record) -> None:
        url = str(found.meta.get("url") or "urn:document:" + quote(found.id))
        extra = {"WARC-Identified-Source": found.source} if found.source else {}
        if found.body:
            kind = str(found.meta.get("content_type", "text/html"))
            head = f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\n\r\n".encode("latin-1", "replace")
            headers = {"Content-Type": HTTP_RESPONSE, **extra}
            self._writer.write(record("response", head + found.body, url, headers=headers))
        else:
            headers = {"Content-Type": "text/plain", **extra}
            self._writer.write(record("conversion", found.text.encode(), url, headers=headers))

    def close(self) -> None:
        self._file.close()


open_writer = WarcRecords


def _page(found: WarcRecord) -> Record:
    _, headers, body = found.http
    meta = {**_meta(found), "content_type": headers.get("content-type", "")}
    return Record(_id(found), "", found.headers.get("warc-identified-source", ""), meta, body)


def _text(found: WarcRecord) -> Record:
    text = found.block.decode("utf-8", "replace")
    source = found.headers.get("warc-identified-source", "")
    return Record(_id(found), text, source, _meta(found))


def _id(found: WarcRecord) -> str:
    return found.headers.get("warc-record-id", "").strip("<>").removeprefix("urn:uuid:")


def _meta(found: WarcRecord) -> dict[str, str]:
    return {"url": found.url, "date": found.headers.get("warc-date", "")}
