"""Files of Common Crawl: read as they are; fetched under the name that a reader would give them."""

import gzip
import io

import pytest

from lib.corpora.common_crawl import WetTexts, pages, remote, wet_paths, wet_texts
from lib.corpora.fetch import OfflineError
from lib.corpora.warc_write import WarcWriter, record

PATH = (
    "crawl-data/CC-MAIN-2024-10/segments/1707947473347.0/wet/"
    "CC-MAIN-20240220211055-20240221001055-00000.warc.wet.gz"
)
TEXTS = {"http://a.example/1": "Ein Text.\nZwei Zeilen.", "http://b.example/": "短い。"}


def wet() -> bytes:
    file = io.BytesIO()
    writer = WarcWriter(file)
    writer.warcinfo({"software": "a test"})
    for url, text in TEXTS.items():
        writer.write(record("conversion", text.encode(), url, 0, {"Content-Type": "text/plain"}))
    return file.getvalue()


def test_texts_of_a_wet_file(tmp_path):
    path = tmp_path / "a.warc.wet.gz"
    path.write_bytes(wet())
    assert {item.url: item.block.decode() for item in wet_texts(path)} == TEXTS
    corpus = WetTexts(path)
    assert {document.id: document.text for document in corpus} == TEXTS
    assert corpus.size().documents == 2 and corpus.damage == []
    path.write_bytes(wet()[:-5] + b"\0\0\0\0\0")
    assert [document.id for document in corpus] == ["http://a.example/1"]
    assert len(corpus.damage) == 1


def test_a_file_that_is_there_is_not_fetched(tmp_path):
    file = remote(PATH)
    assert file.urls == (f"https://data.commoncrawl.org/{PATH}",)
    (tmp_path / file.name).write_bytes(wet())
    assert {document.id: document.text for document in WetTexts(file, tmp_path)} == TEXTS
    with pytest.raises(OfflineError, match="LECTURES_OFFLINE"):
        list(WetTexts(remote(PATH.replace("00000", "00001")), tmp_path))


def test_the_paths_of_a_crawl(tmp_path):
    name = remote("crawl-data/CC-MAIN-2024-10/wet.paths.gz").name
    (tmp_path / name).write_bytes(gzip.compress(f"{PATH}\n{PATH}\n".encode()))
    assert wet_paths("CC-MAIN-2024-10", tmp_path) == [PATH, PATH]


@pytest.mark.parametrize(
    "path",
    ["x.warc.gz", "crawl-data/CC-MAIN-2024-10/../../x.warc.gz", f"http://h/{PATH}", PATH[:-3]],
)
def test_other_paths_are_refused(path):
    with pytest.raises(ValueError, match="is no path in Common Crawl"):
        remote(path)


def test_pages_are_the_answers_that_went_well(tmp_path):
    path = tmp_path / "a.warc.gz"
    head = "HTTP/1.1 {} x\r\nContent-Type: text/html; charset=koi8-r\r\n\r\n"
    with path.open("wb") as file:
        writer = WarcWriter(file)
        for status in (200, 404):
            body = "Дождь".encode("koi8-r")
            writer.exchange(f"http://a/{status}", b"GET", head.format(status).encode(), body)
    (page,) = pages(path)
    assert (page.url, page.content_type) == ("http://a/200", "text/html; charset=koi8-r")
    assert page.text == "Дождь"
