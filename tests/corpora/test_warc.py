"""WARC files: ours read by the field's readers, theirs by ours, nothing lost when they break."""

import gzip
import io
import itertools
import zlib

import pytest
from fastwarc.warc import ArchiveIterator as FastIterator
from hypothesis import given, settings
from hypothesis import strategies as st
from warcio.archiveiterator import ArchiveIterator
from warcio.statusandheaders import StatusAndHeaders
from warcio.warcwriter import WARCWriter

from lib.corpora import warc_read
from lib.corpora.warc_read import Damage, Record, read_warc
from lib.corpora.warc_write import WarcWriter, digest, record, record_id, timestamp

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\n\r\n"
BODIES = [b"<p>one</p>", b"", b"\r\n\r\nWARC/1.0\r\n\r\n" * 3, bytes(range(256)) * 300]
BODIES += ["zwölf \U0001f682".encode() * n for n in (1, 1000, 20_000)]


def ours(compress: bool = True, bodies: list[bytes] = BODIES) -> bytes:
    file = io.BytesIO()
    writer = WarcWriter(file, compress)
    writer.warcinfo({"software": "lectures", "robots": "obey"}, seconds=0)
    for number, body in enumerate(bodies):
        writer.exchange(f"http://a.example/{number}", b"GET / HTTP/1.1\r\n\r\n", HEAD, body, number)
    return file.getvalue()


def responses(content: bytes, damage: list[Damage] | None = None) -> list[bytes]:
    found = read_warc(io.BytesIO(content), damage)
    return [item.http[2] for item in found if item.kind == "response"]


@pytest.mark.parametrize("compress", [True, False])
def test_what_is_written_is_read(compress):
    content = ours(compress)
    records = list(read_warc(io.BytesIO(content)))
    assert [item.kind for item in records] == ["warcinfo", *["request", "response"] * len(BODIES)]
    assert responses(content) == BODIES
    assert all(item.digest_fits() for item in records)
    last = records[-1]
    assert last.url == "http://a.example/6" and last.headers["warc-date"] == "1970-01-01T00:00:06Z"
    assert last.http[:2] == (200, {"content-type": "text/html; charset=utf-8"})
    assert last.headers["warc-concurrent-to"] == records[-2].headers["warc-record-id"]


@pytest.mark.parametrize("compress", [True, False])
def test_a_record_can_be_read_from_its_offset(compress):
    content = ours(compress)
    for item in list(read_warc(io.BytesIO(content))):
        again = next(read_warc(io.BytesIO(content[item.offset :])))
        assert (again.head, again.block) == (item.head, item.block)


@pytest.mark.parametrize("compress", [True, False])
def test_warcio_reads_ours_and_finds_the_digests_right(compress):
    found = []
    for item in ArchiveIterator(io.BytesIO(ours(compress)), check_digests="raise"):
        content = item.content_stream().read()
        if item.rec_type == "response":
            found.append((item.rec_headers["WARC-Target-URI"], content))
            assert item.http_headers.get_statuscode() == "200"
    assert found == [(f"http://a.example/{n}", body) for n, body in enumerate(BODIES)]


@pytest.mark.parametrize("compress", [True, False])
def test_fastwarc_reads_ours_and_finds_the_digests_right(compress):
    found = []
    for item in FastIterator(io.BytesIO(ours(compress)), parse_http=False):
        assert item.verify_block_digest(consume=False)
        if item.headers["WARC-Type"] == "response":
            item.parse_http()
            assert item.verify_payload_digest(consume=False)
            found.append(item.reader.read())
    assert found == BODIES


@pytest.mark.parametrize("compress", [True, False])
def test_we_read_what_warcio_writes(compress):
    file = io.BytesIO()
    writer = WARCWriter(file, gzip=compress)
    for number, body in enumerate(BODIES):
        headers = StatusAndHeaders("200 OK", [("Content-Type", "text/html")], protocol="HTTP/1.0")
        item = writer.create_warc_record(
            f"http://a.example/{number}", "response", payload=io.BytesIO(body), http_headers=headers
        )
        writer.write_record(item)
    records = list(read_warc(io.BytesIO(file.getvalue())))
    assert [item.http[2] for item in records] == BODIES
    assert [item.url for item in records] == [f"http://a.example/{n}" for n in range(len(BODIES))]
    assert all(item.digest_fits() for item in records)


def test_a_record_by_hand():
    """Every byte of a small record; the digest of nothing is a well-known one."""
    content = record("metadata", b"", "http://a.example/", 86_400, {"X-Note": "b"})
    assert digest(b"") == "sha1:3I42H3S6NNFQ2MSVX7XZKYAYSCX5QBYJ"
    assert content == (
        b"WARC/1.0\r\nWARC-Type: metadata\r\nWARC-Record-ID: "
        + record_id(content).encode()
        + b"\r\n"
        b"WARC-Date: 1970-01-02T00:00:00Z\r\nWARC-Target-URI: http://a.example/\r\n"
        b"WARC-Block-Digest: sha1:3I42H3S6NNFQ2MSVX7XZKYAYSCX5QBYJ\r\nX-Note: b\r\n"
        b"Content-Length: 0\r\n\r\n\r\n\r\n"
    )
    assert timestamp(1_700_000_000) == "2023-11-14T22:13:20Z"
    with pytest.raises(ValueError, match="X-Note has a line end"):
        record("metadata", b"", headers={"X-Note": "b\r\nWARC-Type: response"})


def test_old_writers_put_addresses_in_brackets_and_fold_lines():
    item = Record(b"WARC/0.18\r\nwarc-target-uri: <http://a/>\r\nX: a\r\n b\r\nno colon", b"", 0)
    assert item.url == "http://a/" and item.headers["x"] == "a b" and item.kind == ""
    assert Record(b"", b"HTTP/1.1\r\nno end", 0).http[0] == 0


def test_many_records_in_one_member_and_members_of_many_sizes():
    plain = ours(compress=False)
    assert responses(gzip.compress(plain)) == BODIES
    for chunk in (2, 3, 1000):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(warc_read, "CHUNK", chunk)
            few = BODIES[:3]
            assert responses(ours(True, few)) == responses(ours(False, few)) == few


def test_an_error_says_where_and_what_to_do(tmp_path):
    path = tmp_path / "a.warc.gz"
    path.write_bytes(ours()[:-20])
    with pytest.raises(ValueError, match=r"Bytes [\d,]+ to [\d,]+ are no .*ends inside.*`damage`"):
        list(read_warc(path))
    damage: list[Damage] = []
    assert len(list(read_warc(path, damage))) == 2 * len(BODIES)
    assert [place.end for place in damage] == [path.stat().st_size]


def test_a_bomb_is_not_unpacked(monkeypatch):
    monkeypatch.setattr(warc_read, "MAX_RECORD", 1 << 20)
    bomb = gzip.compress(record("response", HEAD + bytes(50 << 20)))
    damage: list[Damage] = []
    content = ours(True, BODIES[:1])
    assert responses(content + bomb + content, damage) == BODIES[:1] * 2
    assert "more than 1,048,576 bytes" in damage[0].reason and len(damage) == 1
    plain = record("response", HEAD).replace(b"Content-Length: ", b"Content-Length: 9999999")
    assert responses(plain + ours(False, BODIES[:1]), damage) == BODIES[:1]


SMALL = [b"<p>%d</p>" % n * (1 + 50 * n) for n in range(6)]


@settings(max_examples=150, deadline=None)
@given(st.booleans(), st.data())
def test_every_record_is_read_or_lies_in_a_damaged_place(compress, data):
    """Change, cut out and insert bytes anywhere: records that were not touched are still read."""
    content = ours(compress, SMALL)
    starts = [item.offset for item in read_warc(io.BytesIO(content))] + [len(content)]
    at = data.draw(st.integers(0, len(content) - 1))
    n_cut = data.draw(st.sampled_from([0, 1, 1, 5, 400]))
    new = data.draw(st.binary(max_size=8))
    broken = content[:at] + new + content[at + n_cut :]
    damage: list[Damage] = []
    found = [item.head + item.block for item in read_warc(io.BytesIO(broken), damage)]
    untouched = [
        zlib.decompress(part, 31) if compress else part
        for begin, end in itertools.pairwise(starts)
        if (part := content[begin:end]) and (end <= at or begin >= at + n_cut)
    ]
    wanted = [part.replace(b"\r\n\r\n", b"", 1)[:-4] for part in untouched]
    if broken.startswith(content[:2]):  # else it is read as the other format
        lost = len(wanted) - sum(part in found for part in wanted)
        # A plain record that claims to be longer than it is takes the next one with it.
        assert lost == 0 or (damage and not compress and lost <= 1)
    for one, other in itertools.pairwise(damage):
        assert one.start < one.end < other.start
    if not compress:  # every byte is in a record, or in a damaged place, or a line end too many
        counted = sum(len(item) + 8 for item in found) + sum(p.end - p.start for p in damage)
        assert counted <= len(broken) <= counted + len(new) + 8


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=300), st.sampled_from([b"", b"\x1f\x8b\x08", b"WARC/1.0\r\n"]))
def test_nothing_is_too_broken(content, start):
    content = start + content
    damage: list[Damage] = []
    found = list(read_warc(io.BytesIO(content), damage))
    if not found and content.strip(b"\r\n"):
        assert damage and (damage[0].start == 0 or damage[-1].end == len(content))
