"""Every format gives back what was written, equal records make equal bytes, damage is counted."""

import gzip
import json

import fastwarc
import pyarrow.parquet as pq
import pytest
import zstandard
from sample_records import page, prose

from lib.corpora.warc_write import WarcWriter
from lib.curation import formats_datasets
from lib.curation.formats import SUFFIXES, atomic_writer, read_records, suffix_of, write_records
from lib.curation.records import Damage, Record, from_row, whole_characters

RECORDS = [
    Record("a", "Ein Bär\nand a line.", "books", {"url": "http://x.example/a", "n": 3}),
    Record("b", "", "", {"url": "http://x.example/b"}),
    Record("c", "\u2028 🐻\0 end", "web", {"url": "http://x.example/c", "deep": {"k": [1, None]}}),
]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_what_is_written_is_read_again(suffix, tmp_path):
    paths = [tmp_path / f"{name}{suffix}" for name in ("one", "other")]
    if suffix == ".datasets":
        pytest.importorskip("datasets")
    records = [*RECORDS, page(1)] if "warc" in suffix else RECORDS
    for path in paths:
        assert write_records(path, records) == len(records)
    found = list(read_records(paths[0]))
    assert [(r.text, r.body, r.source, r.meta["url"]) for r in found] == [
        (r.text, r.body, r.source, r.meta["url"]) for r in records
    ]
    if not suffix.startswith((".warc", ".wet")):  # those have headers, and not any field
        assert found == records
    assert content(paths[0]) == content(paths[1])
    if suffix.endswith(".gz"):
        assert content(paths[0])[0][4:8] == bytes(4)  # no time in it
    assert {path.name for path in tmp_path.iterdir()} == {path.name for path in paths}


def content(path):
    files = sorted(path.rglob("*")) if path.is_dir() else [path]
    return [file.read_bytes() for file in files if file.is_file()]


def test_files_of_others(tmp_path):
    """What zstandard, gzip, pyarrow and FastWARC say about our files, and we about theirs."""
    write_records(tmp_path / "x.jsonl.zst", RECORDS)
    write_records(tmp_path / "x.parquet", RECORDS)
    write_records(tmp_path / "x.warc.gz", [page(1), Record("t", "Text.", "", {"url": "http://t/"})])
    with zstandard.open(tmp_path / "x.jsonl.zst", "rt", encoding="utf-8", newline="\n") as file:
        assert [json.loads(line)["text"] for line in file] == [r.text for r in RECORDS]
    assert pq.read_table(tmp_path / "x.parquet")["text"].to_pylist() == [r.text for r in RECORDS]
    with open(tmp_path / "x.warc.gz", "rb") as file:
        kinds = [str(r.record_type) for r in fastwarc.ArchiveIterator(file, verify_digests=True)]
    assert kinds == ["response", "conversion"]

    rows = [{"text": "T", "url": "u", "score": 0.5}, {"text": "U", "id": 7, "score": None}]
    with gzip.open(tmp_path / "y.jsonl.gz", "wt") as file:
        file.write("\n".join(map(json.dumps, rows)))
    found = list(read_records(tmp_path / "y.jsonl.gz"))
    assert found == [
        Record("y.jsonl.gz:1", "T", "", {"url": "u", "score": 0.5}),
        Record("7", "U", "", {}),
    ]
    frames = [zstandard.compress(b'{"text": "one"}\n'), zstandard.compress(b'{"text": "two"}\n')]
    (tmp_path / "z.jsonl.zst").write_bytes(b"".join(frames))
    assert [r.text for r in read_records(tmp_path / "z.jsonl.zst")] == ["one", "two"]


def test_a_dataset_of_hugging_face(tmp_path):
    datasets = pytest.importorskip("datasets")
    datasets.Dataset.from_dict({"text": ["one", "two"], "label": [3, 4]}).save_to_disk(
        tmp_path / "d"
    )
    found = list(read_records(tmp_path / "d"))
    assert [(r.text, r.meta) for r in found] == [("one", {"label": 3}), ("two", {"label": 4})]


def test_without_the_library_one_sentence_says_so(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "datasets", None)
    with pytest.raises(RuntimeError, match="pip install datasets"):
        formats_datasets.open_writer(tmp_path / "x", "x")


def test_damaged_lines_and_files_are_counted(tmp_path):
    lines = [b'{"text": "good"}', b"{broken", b"[1]", b'{"title": "no text"}', b'{"text": "\xff"}']
    (tmp_path / "x.jsonl").write_bytes(b"\n".join(lines))
    good, *bad = read_records(tmp_path / "x.jsonl")
    assert good.text == "good" and all(isinstance(each, Damage) for each in bad)
    assert [d.place for d in bad] == [f"x.jsonl:{n}" for n in (2, 3, 4, 5)]
    assert bad[0].content == "{broken" and "needs a field 'text'" in bad[2].reason
    for suffix in (".jsonl.zst", ".jsonl.gz", ".parquet"):
        path = tmp_path / f"y{suffix}"
        write_records(path, [Record(str(i), prose(i)) for i in range(200)])
        path.write_bytes(path.read_bytes()[:-600])
        *good, bad = read_records(path)
        assert isinstance(bad, Damage) and all(isinstance(each, Record) for each in good)


def test_a_damaged_warc_file(tmp_path):
    write_records(tmp_path / "x.warc.gz", [page(i) for i in range(3)])
    data = bytearray((tmp_path / "x.warc.gz").read_bytes())
    data[len(data) // 2] ^= 0xFF
    (tmp_path / "x.warc.gz").write_bytes(data)
    *good, bad = read_records(tmp_path / "x.warc.gz")
    assert [r.meta["url"] for r in good] == [f"http://site.example/{i}" for i in (0, 2)]
    assert isinstance(bad, Damage) and bad.place.startswith("x.warc.gz, bytes ")


def test_only_answered_pages_are_documents(tmp_path):
    with open(tmp_path / "x.warc", "wb") as file:
        writer = WarcWriter(file, compress=False)
        writer.warcinfo({"software": "test"})
        for status in ("200 OK", "404 Not Found", "301 Moved"):
            head = f"HTTP/1.1 {status}\r\nContent-Type: text/html\r\n\r\n".encode()
            writer.exchange("http://x.example/", b"GET / HTTP/1.1\r\n\r\n", head, b"<p>Hi</p>")
    (found,) = read_records(tmp_path / "x.warc")
    assert found.body == b"<p>Hi</p>" and found.meta["content_type"] == "text/html"


def test_halves_of_characters_become_whole_ones():
    assert whole_characters("a\ud800b\U0001f43b") == "a\ufffdb\U0001f43b"
    assert from_row({"text": "\ud800"}, "x").text == "\ufffd"


def test_a_writer_that_fails_leaves_nothing(tmp_path):
    with pytest.raises(TypeError), atomic_writer(tmp_path / "x.jsonl") as writer:
        writer.write(Record("a", "b", "", {"no": {1, 2}}))
    assert list(tmp_path.iterdir()) == []


def test_unknown_endings():
    with pytest.raises(ValueError, match="none of the endings"):
        suffix_of(__import__("pathlib").Path("x.doc"))
